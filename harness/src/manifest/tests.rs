//! Manifests: a good one, and what is said about bad ones.

use super::*;

const GOOD: &str = r#"
title = "T"
kind = "node"
minutes = 10

[[stage]]
id = "one"
title = "One"
points = 10
nodes = 3
rate = 100
duration = "20s"
latency = { mean = "100ms", distribution = "exponential" }
faults = ["partition"]
require = ["nothing-lost", "availability >= 0.99"]
grade = [{ metric = "propagation-p99", full = "600ms", zero = 2000, weight = 2 }]
"#;

fn fault(from: &str, to: &str) -> ManifestError {
    let text = GOOD.replace(from, to);
    assert_ne!(text, GOOD, "the test changes nothing");
    Manifest::parse(&text).expect_err("a bad manifest was taken")
}

#[test]
fn a_good_manifest_is_read() {
    let manifest = Manifest::parse(GOOD).unwrap();
    let stage = manifest.stage("one").unwrap();
    assert_eq!(stage.grade[0].full, Quantity(600.0));
    assert_eq!(stage.grade[0].zero, Quantity(2000.0));
    assert_eq!(stage.latency.distribution, Distribution::Exponential);
    assert!(matches!(&stage.require[1], Requirement::Bound { value, .. } if *value == 0.99));
}

#[test]
fn it_survives_the_record() {
    let manifest = Manifest::parse(GOOD).unwrap();
    let json = serde_json::to_string(&manifest).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
}

#[test]
fn a_misspelt_check_has_its_place_and_a_suggestion() {
    let error = fault("nothing-lost", "nothing-lots");
    assert!(error.message.contains("check that does not exist: `nothing-lots`"), "{error}");
    assert_eq!(error.place, Some((15, 13)));
    assert!(error.hint.unwrap().starts_with("did you mean `nothing-lost`?"));
}

#[test]
fn a_misspelt_field_has_a_suggestion() {
    let error = fault("minutes", "minuets");
    assert_eq!(error.hint.as_deref(), Some("did you mean `minutes`?"));
    assert_eq!(error.place, Some((4, 1)));
}

#[test]
fn impossible_values_are_refused() {
    for (from, to, word) in [
        ("nodes = 3", "nodes = 0", "nodes"),
        ("rate = 100", "rate = 0", "rate"),
        ("\"20s\"", "\"20 parsecs\"", "length of time"),
        ("points = 10", "points = -1", "points"),
        ("[\"nothing-lost\", \"availability >= 0.99\"]", "[]", "require"),
        ("id = \"one\"", "id = \"One!\"", "stage id"),
        ("propagation-p99", "propagation-p98", "metric"),
        ("rate = 100", "rate = 100\nloss = 1.5", "loss"),
    ] {
        let error = fault(from, to);
        assert!(error.message.contains(word), "{to}: {error}");
    }
}

const SERVER: &str = "\"server\"\nprotocol = \"resp\"";

/// A manifest of this kind with one stage, of which these are further lines.
fn of_kind(kind: &str, stage: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(&format!(
        "title = \"T\"\nkind = {kind}\nminutes = 1\n[[stage]]\nid = \"s\"\ntitle = \"S\"\npoints = 1\n\
         duration = \"1s\"\nrequire = [\"stays-up\"]\n{stage}\n"
    ))
}

#[test]
fn load_has_no_rate_and_wide_bands() {
    let manifest = |kind: &str, stage: &str| of_kind(kind, &format!("nodes = 1\n{stage}"));
    let good = manifest(SERVER, "load = { depth = 16, bands = [0.1, 0.3] }").unwrap();
    assert!(good.stages[0].is_timed(), "it has the machine to itself");
    for (kind, stage, words) in [
        (SERVER, "", "`rate` must be above 0"),
        (SERVER, "rate = 1\nload = { depth = 16 }", "a stage with `load` has no `rate`"),
        (SERVER, "load = { bands = [0.1] }", "either a `depth` or a `rate`"),
        (SERVER, "load = { depth = 1, rate = 1000 }", "either a `depth` or a `rate`"),
        (SERVER, "load = { rate = 1000, scaling = true }\ncores = 2", "`scaling` is that of a `depth`"),
        (SERVER, "load = { depth = 1, scaling = true }", "`scaling` needs `cores` of at least 2"),
        (SERVER, "load = { rate = 1 }", "must be between 100 and 1000000"),
        (SERVER, "load = { depth = 0 }", "`depth` must be between 1 and 1024"),
        (SERVER, "load = { depth = 1, bands = [0.0] }", "must be above 0"),
        (SERVER, "load = { depth = 1, bands = [0.2, 0.29] }", "at least 1.5 times the one before"),
        (SERVER, "load = { depth = 1, bands = [0.9, 0.2] }", "at least 1.5 times the one before"),
        (SERVER, "conversations = true\nrate = 1", "a stage of `conversations` has no `rate`"),
        (SERVER, "conversations = true\nfaults = [\"kill\"]", "a stage of `conversations` has no faults"),
        ("\"node\"", "conversations = true", "only a server has `conversations`"),
        (SERVER, "load = { depth = 1 }\nfaults = [\"kill\"]", "a stage with `load` has no faults"),
        ("\"node\"", "load = { depth = 1 }", "only a server has `load`"),
    ] {
        let error = manifest(kind, stage).unwrap_err().to_string();
        assert!(error.contains(words), "{kind} {stage}: {error}");
    }
}

#[test]
fn a_server_has_a_protocol_one_node_and_clients() {
    let manifest = |kind: &str, stage: &str| of_kind(kind, &format!("rate = 1\n{stage}"));
    assert_eq!(manifest(SERVER, "nodes = 1\nclients = 64\nfaults = [\"kill\"]").unwrap().stages[0].clients, 64);
    for (kind, stage, words) in [
        ("\"server\"", "nodes = 1", "a server needs a `protocol`"),
        ("\"node\"\nprotocol = \"resp\"", "nodes = 1", "only a server has a `protocol`"),
        (SERVER, "nodes = 2", "a server is one node"),
        (SERVER, "nodes = 1\nclients = 0", "`clients` must be between 1 and 10000"),
        (SERVER, "nodes = 1\nfaults = [\"partition\"]", "one node cannot be partitioned"),
        ("\"node\"", "nodes = 1\nclients = 2", "only a server has `clients`"),
        ("\"node\"", "nodes = 1\nfaults = [\"terminate\"]", "only a server is asked to end"),
    ] {
        let error = manifest(kind, stage).unwrap_err().to_string();
        assert!(error.contains(words), "{kind} {stage}: {error}");
    }
}
