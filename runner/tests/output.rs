//! What takehome prints beside reports is data too: error messages, events, records.

#[path = "../../reports/tests/common/attack.rs"]
mod attack;

use attack::{attack, fault};
use harness::{
    case::{Incident, IncidentKind},
    event::{Event, EventKind},
    plan::PlannedCase,
    report::{Case, Check},
    time::Offset,
    verdict::{Blame, FaultWindow, Verdict},
};
use proptest::prelude::*;
use runner::{
    error::{CommandError, Kind},
    fuzzing::plan_of_challenge,
    record::{RecordWriter, plan_of},
    ui::json_line,
};
use std::{os::unix::ffi::OsStrExt, process::Command};

/// An error whose every part is this text.
fn error(text: &str) -> CommandError {
    let mut error = CommandError::new(Kind::Build, text).at(text).hint(text).hint(text).blame(Blame::Candidate);
    error.details = text.lines().map(str::to_owned).chain([text.to_owned()]).collect();
    error
}

/// A line that looks as if takehome had begun a new message, or anything that acts.
fn message_fault(message: &str) -> Option<String> {
    let first = message.lines().filter(|line| line.starts_with("error[")).count();
    fault(message).or_else(|| (first != 1).then(|| format!("{first} beginnings")))
}

/// One event of each kind that holds text.
fn events(text: &str) -> Vec<Event> {
    let text = || text.to_owned();
    let case = || PlannedCase { stage: text(), seed: 1 };
    let window = FaultWindow {
        kind: text(),
        description: text(),
        nodes: vec![text()],
        from: Offset::ZERO,
        to: Offset::from_millis(1),
    };
    let incident =
        Incident { at: Offset::ZERO, node: 0, kind: IncidentKind::Crashed, detail: text(), line: text(), count: 1 };
    let check = Check { name: text(), verdict: Verdict::Fail, detail: text() };
    let result = Case {
        seed: 1,
        verdict: Verdict::Fail,
        seconds: 1.5,
        operations: 3,
        checks: vec![check],
        faults: vec![window],
        note: Some(text()),
    };
    let kinds = vec![
        EventKind::CaseStarted(case()),
        EventKind::Fault { case: case(), at: Offset::ZERO, description: text() },
        EventKind::Incident { case: case(), incident },
        EventKind::CaseFinished { case: case(), result },
    ];
    kinds.into_iter().zip(0..).map(|(kind, seq)| Event { seq, at: Offset::ZERO, kind }).collect()
}

fn event_fault(line: &str, event: &Event) -> Option<String> {
    if line.lines().count() != 1 || !line.ends_with('\n') {
        return Some("not one line".into());
    }
    match serde_json::from_str::<Event>(line) {
        Ok(read) if read == *event => fault(line),
        Ok(_) => Some("it reads back as something else".into()),
        Err(error) => Some(error.to_string()),
    }
}

proptest! {
    #[test]
    fn error_messages(attack in attack().prop_filter("a message of its own", |text| !text.contains("\nerror["))) {
        let message = error(&attack).to_string();
        prop_assert_eq!(message_fault(&message), None);
        prop_assert!(message.starts_with("error[E0510]: ") && message.len() < 400_000, "{} bytes", message.len());
    }

    #[test]
    fn ndjson(attack in attack()) {
        for event in events(&attack) {
            prop_assert_eq!(event_fault(&json_line(&event), &event), None);
        }
    }

    #[test]
    fn records(attack in attack()) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut plan = plan_of_challenge(0);
        (plan.submission.author, plan.command, plan.takehome) = (Some(attack.clone()), attack.clone(), attack.clone());
        let mut writer = RecordWriter::create(folder.path().join("run"), &plan).expect("a record");
        let events = events(&attack);
        events.iter().for_each(|event| writer.event(event).expect("it is written"));
        let read = |name: &str| std::fs::read_to_string(folder.path().join("run").join(name)).expect("UTF-8");
        prop_assert_eq!(fault(&read("plan.json")), None);
        prop_assert_eq!(plan_of(&read("plan.json")).expect("a plan"), plan);
        prop_assert_eq!(fault(&read("events.ndjson")), None);
        prop_assert_eq!(runner::record::events(&folder.path().join("run")).expect("events"), events);
    }
}

/// Without their escaping messages and events are found out.
#[test]
fn raw_text_is_found() {
    let raw = |text: &str| format!("error[E0510]: {text}\n  --> {text}");
    for attack in ["\u{1b}[2J", "\u{9b}K", "a\rb", "a\n::error::b", "##[error]", "\u{202e}x", "a\nerror[E0500]: b"] {
        assert!(message_fault(&raw(attack)).is_some(), "{attack:?}");
    }
    assert_eq!(message_fault(&raw("harmless")), None);
    for attack in ["\u{9b}2J", "##[error]x", "\u{202e}", "\u{7f}"] {
        let event = events(attack).remove(0);
        let line = format!("{}\n", serde_json::to_string(&event).expect("JSON"));
        assert!(event_fault(&line, &event).is_some(), "{attack:?}");
    }
}

#[test]
fn an_endless_message_is_cut() {
    let endless = CommandError::new(Kind::Build, "x".repeat(100 << 20));
    assert!(endless.to_string().len() < 3_000);
    assert!(error(&"x".repeat(1 << 20)).to_string().len() < 20_000);
}

/// In CI the words of a command line may come from a branch of the candidate's.
#[test]
fn words_of_the_command_line_are_quoted() {
    let hostile = ["\u{1b}[2J\u{1b}]0;x\u{7}", "x\n::error::owned", "##[error]x\u{202e}", "\u{9b}2J"];
    for word in hostile {
        for words in [vec![word], vec!["report", word], vec!["show", word], vec!["grade", word, "--challenge", word]] {
            let ran = takehome(&words);
            let said = String::from_utf8(ran.stderr).expect("UTF-8");
            assert!(!ran.status.success() && !said.is_empty());
            assert_eq!(fault(&said), None, "{words:?} says:\n{said}");
        }
    }
    let bytes = std::ffi::OsStr::from_bytes(b"\xff\x1b[2J").to_owned();
    let said = Command::new(env!("CARGO_BIN_EXE_takehome")).arg(bytes).output().expect("it runs").stderr;
    assert_eq!(fault(&String::from_utf8(said).expect("UTF-8")), None);
}

/// A record may come from anywhere: its plan names no other folder, takes no memory and prints nothing that acts.
#[test]
fn a_hostile_record_is_refused_in_words_that_do_nothing() {
    /// What the message says, and what was done to the plan.
    type Change = (&'static str, fn(&mut serde_json::Value));
    let changes: [Change; 6] = [
        ("no name", |plan| plan["cases"][0]["stage"] = "../../../outside".into()),
        ("no name", |plan| plan["manifest"]["stage"][0]["id"] = "a\u{1b}[2J".into()),
        ("no name", |plan| plan["run"] = "x\n::error::owned".into()),
        ("`nodes` must be", |plan| plan["manifest"]["stage"][0]["nodes"] = 4_000_000_000u32.into()),
        ("in form 99", |plan| (plan["version"], plan["takehome"]) = (99.into(), "\u{9b}2J\n::error::x".into())),
        ("damaged", |plan| plan["manifest"]["kind"] = "\u{1b}[2J\n##[error]x".into()),
    ];
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (says, change) in changes {
        let mut plan = serde_json::to_value(plan_of_challenge(0)).expect("JSON");
        change(&mut plan);
        std::fs::write(folder.path().join("plan.json"), plan.to_string()).expect("it is written");
        for command in ["report", "replay"] {
            let ran = takehome(&[command, &folder.path().to_string_lossy()]);
            let said = String::from_utf8(ran.stderr).expect("UTF-8");
            assert_eq!((ran.status.code(), ran.stdout.len()), (Some(2), 0), "{said}");
            assert!(said.contains(says), "{said}");
            assert_eq!(message_fault(&said), None, "{said}");
        }
    }
}

fn takehome(words: &[&str]) -> std::process::Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_takehome"));
    command.args(words).env("TAKEHOME_STATE", folder.path()).env("TAKEHOME_CACHE", folder.path());
    command.output().expect("takehome runs")
}
