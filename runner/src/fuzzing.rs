//! The ways in for fuzz targets: one function for everything that reads bytes of a candidate's making.
//!
//! Each takes any bytes and panics where a promise is broken. `tests/fuzz` feeds them for hours; `runner/tests/bytes.rs`
//! feeds them for a moment in every run of the tests. Nothing else calls them.

pub use crate::{
    build::fuzzing::{log as build_log, request as proxy_request},
    node::fuzzing::lines as node_lines,
    stacks::fuzzing::executable,
};

use crate::{
    backend,
    error::{CommandError, Kind},
    language::{self, Choice, Manifest, manifest},
    protocol, record,
    source::fuzzing as repository,
    ui,
};
use harness::{
    calls::Calls,
    case::CaseSummary,
    event::Event,
    journal::Journal,
    judge::{RunFacts, judge},
    manifest::Protocol,
    oracle::body,
    plan::{self, Plan, RECORD_VERSION},
    report::{Environment, Submission},
};
use std::path::Path;

/// Separates the parts of an input that has several; no text that a parser likes holds it.
const SEPARATOR: u8 = 0x1e;

fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == SEPARATOR)
}

/// What a server says to a client; the first byte chooses the protocol, or its log.
pub fn server_answers(bytes: &[u8]) {
    let Some((which, said)) = bytes.split_first() else { return };
    let wires = [Protocol::Resp, Protocol::Beanstalk].map(protocol::of);
    match wires.get(usize::from(*which)).copied().flatten() {
        Some(wire) => {
            for kind in [
                "read",
                "write",
                "create",
                "swap",
                "add",
                "append",
                "begin",
                "read_both",
                "write_both",
                "put",
                "reserve",
                "delete",
                "release",
            ] {
                let request = body(kind, [("key", "k".into())]);
                match wire.answer(&request, said) {
                    Ok(Some((_, length))) => assert!(length <= said.len(), "{length} of {} bytes", said.len()),
                    Ok(None) => {}
                    Err(why) => assert_told(&why),
                }
            }
        }
        None => {
            if let Some(found) = harness::sanitizer::find(&String::from_utf8_lossy(said), backend::WORK) {
                assert_inert(&found.sentence);
            }
        }
    }
}

/// Fails when a text that stands inside a message or a report is not one line, or something in it acts.
pub fn assert_inert(text: &str) {
    assert!(!text.contains('\n'), "more than one line: {text:?}");
    assert_quiet(&harness::text::quiet(text));
}

/// Fails when a printed text could act on a terminal or in a CI system's log. Written apart from `harness::text` on
/// purpose.
pub fn assert_quiet(text: &str) {
    for line in text.split('\n') {
        let active = |c: char| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        };
        assert!(!line.chars().any(active), "something acts in {line:?}");
        assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "a command in {line:?}");
    }
}

/// Fails when an error message that says this could act, or has no bound.
pub fn assert_told(why: &str) {
    let message = CommandError::new(Kind::Usage, why).to_string();
    assert_quiet(&message);
    assert!(message.len() < 1 << 20, "{} bytes", message.len());
}

/// What a repository and its server say: the first byte chooses what the rest is.
pub fn source(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    match which % 5 {
        0 => repository::submodules(rest),
        1 => repository::address(&String::from_utf8_lossy(rest)),
        2 => repository::tree(rest),
        3 => repository::names(rest),
        _ => {
            let Some((seconds, offset)) = rest.split_first_chunk() else { return };
            let offset = offset.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes));
            repository::date(i64::from_le_bytes(*seconds), offset);
        }
    }
}

/// A `takehome.toml`, and each of its texts as a command.
pub fn takehome_toml(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Manifest::parse(&text) {
        Err(why) => assert_told(&why),
        Ok(read) => assert!(read.run.is_none_or(|words| !words.is_empty())),
    }
    assert!(manifest::split(&text).is_none_or(|words| !words.is_empty()));
}

/// Files that a language is told by; an input names one by its place here.
const FILES: [&str; 32] = [
    "Cargo.toml",
    "Cargo.lock",
    "src/main.rs",
    "src/bin/a.rs",
    "a/Cargo.toml",
    "a/src/main.rs",
    "b/Cargo.toml",
    "rust-toolchain.toml",
    "go.mod",
    "go.work",
    "main.go",
    "cmd/a/main.go",
    "a/go.mod",
    "a/main.go",
    "pom.xml",
    "src/main/java/A.java",
    "src/main/java/a/B.java",
    "CMakeLists.txt",
    "a/CMakeLists.txt",
    "Makefile",
    "main.c",
    "a/main.cpp",
    "package.json",
    "package-lock.json",
    "index.js",
    "src/index.ts",
    "tsconfig.json",
    "pyproject.toml",
    "requirements.txt",
    "main.py",
    "a/__main__.py",
    "takehome.toml",
];

/// A tree of files: each part begins with a byte that names one of `FILES`; the rest is its text. A part that begins
/// with a slash holds the name of a file and, behind a line end, its text.
pub fn languages(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for part in parts(bytes).take(16) {
        let Some((first, rest)) = part.split_first() else { continue };
        let (name, text) = match first {
            b'/' => {
                let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                (String::from_utf8_lossy(&rest[..end]).into_owned(), rest.get(end + 1..).unwrap_or_default())
            }
            index => (FILES[usize::from(*index) % FILES.len()].to_owned(), rest),
        };
        let Some(name) = language::tree::normalise(&name).filter(|name| !name.is_empty()) else { continue };
        let path = folder.path().join(name);
        // A name that the file system refuses, or that is a folder already, is left out.
        let _ = std::fs::create_dir_all(path.parent().expect("it lies in the folder"));
        let _ = std::fs::write(&path, text);
    }
    detected(folder.path(), &Choice::default());
    detected(folder.path(), &Choice { bin: Some("a".into()), ..Choice::default() });
    detected(folder.path(), &Choice { dir: Some("a".into()), ..Choice::default() });
}

fn detected(folder: &Path, choice: &Choice) {
    match language::detect(folder, choice) {
        Err(error) => assert_told(&error.to_string()),
        Ok(recipe) => {
            assert_eq!(language::tree::normalise(&recipe.dir).as_ref(), Some(&recipe.dir), "it is inside");
            assert!(!recipe.start.argv.is_empty());
            assert!(recipe.fetch.iter().chain(&recipe.build).all(|step| !step.argv.is_empty()));
        }
    }
}

/// A record: plan, summary, history, journal and events of one case. An empty plan is that of a shipped challenge, and
/// the headings of the columns may be left out. It is judged, and the report is written in every format.
pub fn record(bytes: &[u8]) {
    let texts: Vec<_> = parts(bytes).map(String::from_utf8_lossy).collect();
    let part = |index: usize| texts.get(index).map_or("", |text| &**text);
    let Some(plan) = read_plan(part(0)) else { return };
    let summary = if part(1).is_empty() { default_summary(&plan) } else { part(1).to_owned() };
    let history = with_heading(part(2), &Calls::default().to_text());
    let journal = with_heading(part(3), &Journal::default().to_text());
    let cases = match record::case_of(&summary, &history, &journal) {
        Ok(case) => vec![case],
        Err((name, why)) => {
            assert_told(&format!("{name} is damaged: {why}"));
            Vec::new()
        }
    };
    for case in &cases {
        assert_eq!(Calls::from_text(&case.history.to_text()).as_ref(), Ok(&case.history));
        assert_eq!(Journal::from_text(&case.journal.to_text()).as_ref(), Ok(&case.journal));
    }
    for event in part(4).lines().filter_map(|line| serde_json::from_str::<Event>(line).ok()) {
        let line = ui::json_line(&event);
        assert!(line.ends_with('\n') && line.lines().count() == 1);
        assert_quiet(&line);
        assert_eq!(serde_json::from_str::<Event>(&line).expect("it is read back"), event);
    }
    let Some(challenge) = challenges::find(&plan.challenge) else { return };
    let report = judge(&plan, &cases, challenge.oracle, RunFacts { directory: "/records/x".into(), seconds: 1.0 });
    for format in reports::FORMATS {
        let text = String::from_utf8(format.render(&report)).expect("every format writes UTF-8");
        assert_quiet(&text);
    }
}

fn read_plan(text: &str) -> Option<Plan> {
    let number = text.trim().parse().unwrap_or(0);
    if text.trim().len() < 2 {
        return Some(plan_of_challenge(number));
    }
    record::plan_of(text).inspect_err(|error| assert_told(&error.to_string())).ok()
}

/// A plan with one case of every stage of a shipped challenge.
pub fn plan_of_challenge(index: usize) -> Plan {
    let challenge = &challenges::CATALOGUE[index % challenges::CATALOGUE.len()];
    let mut manifest = challenge.manifest().expect("a shipped challenge is valid");
    manifest.stages.iter_mut().for_each(|stage| stage.seeds = 1);
    Plan {
        version: RECORD_VERSION,
        run: "k7".into(),
        takehome: "0.1.0".into(),
        started: "2026-03-01T10:02:41Z".into(),
        command: "takehome grade .".into(),
        seed: 1,
        challenge: challenge.name.into(),
        cases: plan::cases(&manifest, 1, |_| true),
        manifest,
        submission: Submission::default(),
        environment: Environment::default(),
        reference: challenge.figures(),
    }
}

fn default_summary(plan: &Plan) -> String {
    let case = plan.cases.first().cloned();
    let stage = case.map(|case| case.stage).unwrap_or_default();
    let ended = harness::case::Ended::Completed;
    serde_json::to_string(&CaseSummary { stage, seed: 1, ended, ..CaseSummary::default() }).unwrap_or_default()
}

fn with_heading(text: &str, heading: &str) -> String {
    if text.starts_with(heading.trim_end()) { text.to_owned() } else { format!("{heading}{text}") }
}
