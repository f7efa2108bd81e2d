//! Cases with real servers: what is said of each kind of bad one.

mod support;

use harness::{
    case::{CaseRecord, Ended},
    judge::JudgedCase,
    manifest::Protocol,
    performance::{LEAST_ROUNDS, Side, Used},
    verdict::Verdict,
};
use std::path::Path;
use support::{compiled, serve, serve_beside};

const STAGE: &str = "nodes = 1\nclients = 8\nrate = 400\nduration = \"1s\"\ntimeout = \"1s\"\nsettle = \"2s\"\nworkload = \"contention\"\nrequire = [\"well-formed\", \"stays-up\", \"linearizable\", \"availability >= 0.99\"]\n";

const LOAD: &str = "nodes = 1\nclients = 4\ncores = 1\nduration = \"1s\"\nload = { depth = 4 }\nrequire = [\"well-formed\", \"stays-up\"]\n";

fn program() -> &'static Path {
    static PROGRAM: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    PROGRAM.get_or_init(|| compiled("server-program", "tests/nodes/server.rs"))
}

fn serve_as(mode: &str, stage: &str) -> Option<JudgedCase> {
    serve("kv-store", Protocol::Resp, program(), mode, stage)
}

fn loaded(mode: &str, reference: Option<&str>) -> Option<(CaseRecord, JudgedCase)> {
    serve_beside("kv-store", Protocol::Resp, program(), mode, reference, LOAD)
}

fn codes(judged: &JudgedCase) -> Vec<&str> {
    judged.findings.iter().filter(|finding| finding.decisive).map(|finding| &*finding.code).collect()
}

#[test]
fn a_good_server_passes_and_each_bad_one_fails_for_its_own_reason() {
    for (mode, verdict, code, words) in [
        ("good", Verdict::Pass, "", ""),
        ("stale", Verdict::Fail, "not-linearizable", ""),
        ("garbage", Verdict::Fail, "malformed-output", "no RESP"),
        ("wrong-type", Verdict::Fail, "malformed-output", "is answered with the simple string"),
        ("twice", Verdict::Fail, "malformed-output", "nobody has asked for"),
        ("silent", Verdict::Fail, "no-reply", ""),
        ("three-clients", Verdict::Fail, "no-reply", ""),
        ("no-more-files", Verdict::Fail, "no-reply", ""),
        ("keeps-the-lock", Verdict::Fail, "no-reply", ""),
        ("exits", Verdict::Fail, "node-crashed", "exited with status 7"),
        ("never-listens", Verdict::Fail, "slow-start", "nobody listened on its address"),
        ("loads", Verdict::Pass, "", ""),
        ("loads-for-ever", Verdict::Fail, "slow-start", "it still answered that it was loading"),
        ("dies-at-once", Verdict::Fail, "node-crashed", "exited with status 3"),
    ] {
        let Some(judged) = serve_as(mode, STAGE) else { return };
        assert_eq!(judged.report.verdict, verdict, "{mode}: {:#?}", judged.findings);
        assert!(code.is_empty() || codes(&judged).contains(&code), "{mode}: {:?}", codes(&judged));
        let told = judged.findings.iter().any(|finding| finding.actual.contains(words));
        assert!(words.is_empty() || told, "{mode}: {:#?}", judged.findings);
        let explained = judged.findings.iter().flat_map(|finding| &finding.evidence.lines);
        let explained: String = explained.into_iter().map(|line| line.text.as_str()).collect();
        let hangs = ["silent", "three-clients", "no-more-files", "keeps-the-lock"].contains(&mode);
        assert_eq!(explained.contains("while a request waited"), hangs, "{mode}: {explained}");
        if mode == "keeps-the-lock" {
            let stacks = [
                "1 × [a lock or a condition]: server::keep ← server::serve",
                "× [a lock or a condition]: server::serve",
            ];
            assert!(stacks.iter().all(|stack| explained.contains(stack)), "{explained}");
        }
        assert_eq!(explained.contains("files open, of the"), mode == "no-more-files", "{mode}: {explained}");
    }
}

#[test]
fn a_server_that_forgets_is_found_when_it_was_killed() {
    let killed = STAGE.replace("duration = \"1s\"", "duration = \"3s\"\nfaults = [\"kill\"]");
    let Some(judged) = serve_as("good", &killed) else { return };
    // It keeps nothing on disk.
    assert_eq!(codes(&judged), ["not-linearizable"], "{:#?}", judged.findings);
    assert!(judged.report.faults.iter().any(|fault| fault.kind == "kill"));
    let Some(judged) = serve_as("comes-up-once", &killed) else { return };
    assert_eq!(judged.report.verdict, Verdict::Fail, "a server that never comes back");
    assert!(!codes(&judged).is_empty(), "{:#?}", judged.report);
}

/// It keeps nothing, so that what it was told before is lost each time: how it ends is judged apart from that.
#[test]
fn a_server_that_is_asked_to_end_does_so() {
    let asked = STAGE.replace("duration = \"1s\"", "duration = \"2s\"\nfaults = [\"terminate\"]");
    let asked = asked.replace(", \"linearizable\", \"availability >= 0.99\"", "");
    for (mode, expected, words) in [
        ("good", vec![], ""),
        ("ignores-sigterm", vec!["does-not-end"], "it had not ended 5 s after SIGTERM"),
        ("breaks-at-sigterm", vec!["node-crashed"], "exited with status 4 when it was asked to end"),
    ] {
        let Some(judged) = serve_as(mode, &asked) else { return };
        assert_eq!(codes(&judged), expected, "{mode}: {:#?}", judged.findings);
        assert!(expected.is_empty() || judged.findings[0].actual.contains(words), "{mode}: {:#?}", judged.findings);
        assert!(judged.report.faults.iter().any(|fault| fault.kind == "terminate"));
    }
}

/// It takes commands as arrays only, and does not know what is no text: the conversations about that say so, and no other.
#[test]
fn conversations_say_what_was_wrong_with_each() {
    let protocol = "nodes = 1\nconversations = true\nworkload = \"protocol\"\nduration = \"30s\"\ntimeout = \"1s\"\nrequire = [\"well-formed\", \"stays-up\", \"conforms\"]\n";
    let Some(judged) = serve_as("good", protocol) else { return };
    let mut wrong: Vec<&str> = judged.findings.iter().map(|finding| &*finding.requirement).collect();
    wrong.sort_unstable();
    assert_eq!(
        wrong,
        [
            "the server keeps any bytes, in keys and in values",
            "the server takes a command that is a line of words",
            "the server takes the names of commands in small and large letters",
        ],
        "{:#?}",
        judged.findings
    );
    let Some(judged) = serve_as("silent", protocol) else { return };
    assert!(codes(&judged).contains(&"no-reply"), "{:#?}", judged.findings);
}

#[test]
fn the_slowest_of_an_open_loop_are_measured_in_turns_with_the_reference() {
    let open = LOAD.replace("depth = 4", "rate = 1000");
    let Some((record, judged)) = serve_beside("kv-store", Protocol::Resp, program(), "good", Some("good"), &open)
    else {
        return;
    };
    let performance = record.summary.performance.as_ref().expect("a figure");
    assert!(performance.is_open() && performance.throughput().is_none());
    assert!(performance.slices.iter().all(|slice| slice.tail > 0 && slice.operations >= 49), "{performance:?}");
    assert_eq!(performance.latency.len(), 3);
    assert!(performance.latency.iter().all(|side| side.p50 > 0 && side.p50 <= side.p99 && side.p99 <= side.max));
    assert_ne!(judged.report.verdict, Verdict::Fail, "{:#?}", judged.findings);
}

/// On how many processors it is tried is the machine's business; that it is beside itself is not.
#[test]
fn how_a_server_scales_is_measured_beside_itself() {
    let scaling = LOAD.replace("cores = 1", "cores = 2").replace("depth = 4", "depth = 16, scaling = true");
    let serve = |mode| serve_beside("kv-store", Protocol::Resp, program(), mode, None, &scaling);
    let Some((record, judged)) = serve("good") else { return };
    let performance = record.summary.performance.as_ref().expect("a figure");
    if performance.processors[0].is_empty() {
        assert!(
            matches!(&record.summary.ended, Ended::Broken(why) if why.contains("fewer than the 2 cores")),
            "{record:?}"
        );
        return;
    }
    assert!(performance.speedup().is_some() && performance.most_speedup().is_some(), "{performance:?}");
    let measured = |side| performance.slices.iter().any(|slice| slice.side == side && slice.operations > 0);
    assert!(Side::ALL.into_iter().all(measured), "{performance:?}");
    assert_ne!(judged.report.verdict, Verdict::Fail, "{:#?}", judged.findings);
    let Some((_, judged)) = serve("garbage") else { return };
    assert!(codes(&judged).contains(&"wrong-reply"), "{:#?}", judged.findings);
}

/// How fast it is is the machine's business here; that it is measured, and what is wrong with it, is not.
#[test]
fn load_is_measured_in_turns_with_the_reference() {
    let Some((record, judged)) = loaded("good", Some("good")) else { return };
    let performance = record.summary.performance.as_ref().expect("a figure");
    let sides = |side| performance.slices.iter().filter(|slice| slice.side == side && slice.operations > 0).count();
    assert!(Side::ALL.iter().all(|side| sides(*side) >= 2 * 4 * LEAST_ROUNDS as usize), "{performance:?}");
    assert!(performance.slices.last().unwrap().round + 1 >= LEAST_ROUNDS);
    let known = |used: &Used| used.operations > 0 && (64 << 10..64 << 20).contains(&used.memory);
    assert!(performance.used.iter().all(known), "{:?}", performance.used);
    assert_ne!(judged.report.verdict, Verdict::Fail, "{:#?}", judged.findings);
    assert!(judged.report.checks.iter().all(|check| check.verdict == Verdict::Pass), "{:#?}", judged.report);
}

#[test]
fn what_a_server_does_wrong_under_load_is_told() {
    for (mode, code, words) in [
        ("garbage", "wrong-reply", "has to be answered with"),
        ("twice", "wrong-reply", ""),
        ("wrong-type", "wrong-reply", "has to be answered with"),
        ("silent", "no-reply", "waited 5 s for an answer"),
        ("exits", "node-crashed", "exited with status 7"),
        ("dies-at-once", "node-crashed", "exited with status 3"),
    ] {
        let Some((_, judged)) = loaded(mode, Some("good")) else { return };
        assert_eq!(
            (judged.report.verdict, codes(&judged)),
            (Verdict::Fail, vec![code]),
            "{mode}: {:#?}",
            judged.findings
        );
        assert!(judged.findings.iter().any(|finding| finding.actual.contains(words)), "{mode}: {:#?}", judged.findings);
        let hang = judged.findings[0].evidence.lines.iter().find(|line| line.text.contains("threads asleep"));
        assert_eq!(hang.is_some(), mode == "silent", "{mode}: {:#?}", judged.findings);
    }
}

#[test]
fn a_reference_that_fails_costs_nobody_a_point() {
    for (reference, words) in
        [(Some("exits"), "the reference beside it failed: exited with status 7"), (None, "no reference")]
    {
        let Some((_, judged)) = loaded("good", reference) else { return };
        let note = judged.report.note.unwrap_or_default();
        assert!(judged.report.verdict == Verdict::Unknown && note.contains(words), "{reference:?}: {note}");
    }
}
