//! The catalogue holds together: every folder is complete, and every oracle does what its manifest says.

use super::*;
use harness::{checker::CODES, oracle::Script};

#[test]
fn every_folder_is_complete() {
    for challenge in CATALOGUE {
        let manifest = challenge.manifest().unwrap_or_else(|error| panic!("{}: {error}", challenge.name));
        let statement = challenge.text("statement.md");
        for section in ["Task", "Interface", "Rules", "Examples", "Grading"] {
            assert!(statement.lines().any(|line| line == format!("# {section}")), "{}: no {section}", challenge.name);
        }
        for stage in &manifest.stages {
            assert!(
                statement.contains(&format!("`{}`", stage.id)),
                "{}: {} is not explained",
                challenge.name,
                stage.id
            );
        }
        assert!(!challenge.text("notes.md").is_empty(), "{}: no notes", challenge.name);
        assert_eq!(challenge.variants("starter"), ["cpp", "go", "rust"], "{}", challenge.name);
        assert!(challenge.variants("reference").contains(&"rust".to_owned()), "{}", challenge.name);
        let total: f64 = manifest.stages.iter().map(|stage| stage.points).sum();
        assert_eq!(total, 100.0, "{}", challenge.name);
    }
}

#[test]
fn every_mutant_changes_its_base_and_expects_a_finding_that_exists() {
    for challenge in CATALOGUE {
        let manifest = challenge.manifest().unwrap();
        let mutants = challenge.mutants().unwrap_or_else(|error| panic!("{}: {error}", challenge.name));
        assert!(mutants.len() >= 4, "{}: only {} mutants", challenge.name, mutants.len());
        for Mutant { name, expect, .. } in mutants {
            assert!(manifest.stage(&expect.stage).is_some(), "{name}: no stage {}", expect.stage);
            assert!(CODES.iter().any(|(code, _)| *code == expect.code), "{name}: no code {}", expect.code);
        }
    }
}

#[test]
fn a_script_is_a_function_of_its_seed_and_keeps_to_its_stage() {
    for challenge in CATALOGUE {
        for stage in challenge.manifest().unwrap().stages.into_iter().filter(|stage| stage.load.is_none()) {
            let script = challenge.oracle.script(&stage, 7);
            let again = challenge.oracle.script(&stage, 7);
            let all = |script: &Script| (script.work.clone(), script.clients.clone(), script.conversations.clone());
            assert_eq!(all(&script), all(&again));
            let kinds = [script.work.is_empty(), script.clients.is_empty(), script.conversations.is_empty()];
            assert_eq!(kinds.iter().filter(|empty| !**empty).count(), 1, "{}/{}", challenge.name, stage.id);
            assert!(script.work.is_sorted_by_key(|(at, _)| *at));
            for (at, request) in &script.work {
                assert!(*at <= stage.duration() && request.node < stage.nodes, "{}/{}", challenge.name, stage.id);
            }
            assert!(script.clients.is_empty() || script.clients.len() == stage.clients as usize);
            for work in &script.clients {
                assert!(work.is_sorted_by_key(|(at, _)| *at), "{}/{}", challenge.name, stage.id);
                let end = stage.duration() + stage.settle.0;
                assert!(work.iter().all(|(at, _)| *at <= end), "{}/{}", challenge.name, stage.id);
            }
        }
    }
}

/// The answers under load are those of a store, the second time as well as the first, and no two clients share a key.
#[test]
fn what_is_asked_under_load_has_the_answers_of_a_store() {
    let challenge = find("kv-store").unwrap();
    let manifest = challenge.manifest().unwrap();
    let stage = manifest.stages.iter().find(|stage| stage.load.is_some()).unwrap();
    let mut owners = std::collections::HashMap::new();
    for client in 0..stage.clients {
        let work = challenge.oracle.load(stage, 7, client);
        assert_eq!(work, challenge.oracle.load(stage, 7, client));
        assert!(work.len() > 100);
        let mut store = std::collections::HashMap::new();
        for (request, answer) in work.iter().chain(&work) {
            let key = request["key"].as_str().unwrap().to_owned();
            assert_eq!(*owners.entry(key.clone()).or_insert(client), client, "{key}");
            let text = |value: &serde_json::Value| value.as_str().map_or(value.to_string(), str::to_owned);
            match request["type"].as_str().unwrap() {
                "read" => {
                    assert_eq!(store.get(&key), (!answer["value"].is_null()).then(|| text(&answer["value"])).as_ref())
                }
                "write" => drop(store.insert(key, text(&request["value"]))),
                "append" => {
                    let value = store.entry(key).or_default();
                    value.push_str(&text(&request["value"]));
                    assert_eq!(answer["length"], value.len());
                }
                "add" => {
                    let before: i64 = store[&key].parse().unwrap();
                    assert_eq!(answer["before"], before);
                    store.insert(key, (before + request["delta"].as_i64().unwrap()).to_string());
                }
                _ => assert_eq!(answer["existed"], store.remove(&key).is_some()),
            }
        }
    }
    let kept = challenge.oracle.fill(stage, 7);
    let keys: std::collections::HashSet<_> = kept.iter().map(|(write, _)| write["key"].as_str().unwrap()).collect();
    assert!(stage.workload == "filled" && kept.len() == 2_500 && keys.len() == kept.len());
    assert!(keys.iter().all(|key| !owners.contains_key(*key)), "what is kept stays as it is");
}

#[test]
fn every_folder_is_in_the_catalogue() {
    let folders: std::collections::BTreeSet<String> =
        Files::iter().filter_map(|path| path.strip_suffix("/challenge.toml").map(str::to_owned)).collect();
    let known = CATALOGUE.iter().map(|challenge| challenge.name.to_owned()).collect();
    assert_eq!(folders, known, "add the missing one to CATALOGUE in challenges/src/lib.rs");
}

#[test]
fn an_edit_has_to_match_exactly_once() {
    let mut tree = Tree::default();
    tree.overlay([("a".to_owned(), Cow::Borrowed(&b"x y x"[..]))]);
    assert!(tree.replace("a", "x", "z").is_err());
    assert!(tree.replace("a", "q", "z").is_err());
    assert!(tree.replace("b", "x", "z").is_err());
    assert_eq!(tree.replace("a", "y", "z"), Ok(()));
    assert_eq!(&*tree.files["a"], b"x z x");
}
