//! What needs no submission: lists, statements, starters, help, completions.

use std::{collections::BTreeSet, fs};
use tests::{TestEnv, project};

#[test]
fn the_challenges_are_listed() {
    let env = TestEnv::new();
    let names: Vec<&str> = challenges::CATALOGUE.iter().map(|challenge| challenge.name).collect();
    env.run(["list"]).code(0).prints(&names).prints(&["stages and points"]);
    let list = env.run(["list", "--format", "json"]).code(0).json();
    let listed: Vec<&str> = list.as_array().unwrap().iter().filter_map(|entry| entry["name"].as_str()).collect();
    assert_eq!(listed, names);
}

#[test]
fn a_statement_is_shown_without_the_notes_for_the_interviewer() {
    let env = TestEnv::new();
    for challenge in challenges::CATALOGUE {
        let statement = env.run(["show", challenge.name]).code(0);
        assert_eq!(statement.stdout, challenge.text("statement.md"));
        let both = env.run(["show", challenge.name, "--notes"]).code(0);
        assert!(both.stdout.ends_with(&challenge.text("notes.md")));
    }
    env.run(["show", "--checks"]).code(0).prints(&["nothing-lost", "availability", "error-reply"]);
}

#[test]
fn a_starter_is_the_whole_project_with_its_statement() {
    let env = TestEnv::new();
    let made = env.run(["init", "echo", "--lang", "go", "mine"]).code(0).prints_nothing();
    made.says(&["mine/STATEMENT.md", "takehome check"]);
    let files: BTreeSet<String> = project("echo", "starter/go").files.into_keys().collect();
    for file in files.iter().map(String::as_str).chain(["STATEMENT.md"]) {
        assert!(env.path("mine").join(file).is_file(), "{file}");
    }
    assert_eq!(fs::read_to_string(env.path("mine/takehome.toml")).unwrap(), "challenge = \"echo\"\n");
}

#[test]
fn help_documents_every_exit_code() {
    let env = TestEnv::new();
    let help = env.run(["--help"]).code(0);
    for code in ["0", "1", "2", "3", "4", "5", "6", "70", "130"] {
        assert!(help.stdout.contains(&format!("{code} ")), "{code} is missing:\n{}", help.stdout);
    }
    env.run(["--version"]).code(0).prints(&[env!("CARGO_PKG_VERSION")]);
    for shell in ["bash", "zsh", "fish"] {
        env.run(["completions", shell]).code(0).prints(&["takehome", "challenge"]);
    }
}

#[test]
fn doctor_names_every_layer_and_tool() {
    let env = TestEnv::new();
    let doctor = env.run(["doctor", "--format", "json"]);
    assert!(matches!(doctor.code, Some(0 | 6)), "{doctor:?}");
    let found = doctor.json();
    assert_eq!(found["usable"].as_bool(), Some(doctor.code == Some(0)));
    assert!(found["layers"].as_array().is_some_and(|layers| layers.len() > 10), "{found}");
    assert!(found["tools"].to_string().contains("cargo"), "{found}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let env = TestEnv::new();
    let mut command = env.program("sh");
    command.args(["-c", "\"$0\" show broadcast --notes | head -n 1", tests::takehome().to_str().unwrap()]);
    tests::Ran::of(&mut command).code(0).prints(&["#"]).says(&[]);
}
