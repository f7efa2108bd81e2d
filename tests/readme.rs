//! The README's commands are real, and those that CI runs.

use std::fs;
use tests::{TestEnv, workspace};

fn read(name: &str) -> String {
    fs::read_to_string(workspace().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The contents of the fenced blocks in one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.trim().to_owned())).collect()
}

#[test]
fn the_first_two_commands_grade_a_sample_and_run_the_tests() {
    let blocks = blocks(&read("README.md"), "sh");
    let [grade, test, ..] = &blocks[..] else { panic!("the README has two `sh` blocks") };
    assert!(grade.lines().count() == 1 && test.lines().count() == 1, "each is one command to paste");
    assert!(grade.starts_with("cargo run --release -- grade sample:"), "{grade}");
    assert_eq!(test, "cargo test --workspace");
    let script = read(".ci/run");
    assert!(script.contains(test.as_str()), "CI runs what the README tells");
    assert!(script.contains("challenge verify"), "CI proves the challenges");
}

#[test]
fn the_sample_of_the_first_command_exists() {
    let command = blocks(&read("README.md"), "sh").remove(0);
    let sample = command.split_whitespace().find_map(|word| word.strip_prefix("sample:")).unwrap().to_owned();
    let (challenge, variant) = sample.split_once('/').unwrap();
    let challenge = challenges::find(challenge).expect("its challenge exists");
    assert!(challenge.sample(variant).is_ok(), "{variant}");
    let manifest = challenge.manifest().unwrap();
    let words: Vec<&str> = command.split_whitespace().collect();
    for pair in words.windows(2).filter(|pair| pair[0] == "--stage") {
        assert!(manifest.stage(pair[1]).is_some(), "no stage `{}`", pair[1]);
    }
}

#[test]
fn every_command_that_the_readme_names_exists() {
    let help = TestEnv::new().run(["--help"]).code(0).stdout;
    let commands: Vec<&str> =
        help.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect();
    let text = read("README.md");
    let named = text
        .split("takehome ")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !(c.is_ascii_lowercase() || c == '-')).next());
    let quoted = text
        .split("`takehome ")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !(c.is_ascii_lowercase() || c == '-')).next());
    assert!(named.count() > 3);
    for command in quoted {
        assert!(commands.contains(&command), "`takehome {command}` is no command");
    }
}
