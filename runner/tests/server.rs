//! Cases with real servers: what is said of each kind of bad one.

mod support;

use harness::{judge::JudgedCase, manifest::Protocol, verdict::Verdict};
use support::{compiled, serve};

const STAGE: &str = "nodes = 1\nclients = 8\nrate = 400\nduration = \"1s\"\ntimeout = \"1s\"\nsettle = \"2s\"\nworkload = \"contention\"\nrequire = [\"well-formed\", \"stays-up\", \"linearizable\", \"availability >= 0.99\"]\n";

fn serve_as(mode: &str, stage: &str) -> Option<JudgedCase> {
    static PROGRAM: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    let program = PROGRAM.get_or_init(|| compiled("server-program", "tests/nodes/server.rs"));
    serve("kv-store", Protocol::Resp, program, mode, stage)
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
        ("exits", Verdict::Fail, "node-crashed", "exited with status 7"),
        ("never-listens", Verdict::Fail, "slow-start", "nobody listened on its address"),
        ("dies-at-once", Verdict::Fail, "node-crashed", "exited with status 3"),
    ] {
        let Some(judged) = serve_as(mode, STAGE) else { return };
        assert_eq!(judged.report.verdict, verdict, "{mode}: {:#?}", judged.findings);
        assert!(code.is_empty() || codes(&judged).contains(&code), "{mode}: {:?}", codes(&judged));
        let told = judged.findings.iter().any(|finding| finding.actual.contains(words));
        assert!(words.is_empty() || told, "{mode}: {:#?}", judged.findings);
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
