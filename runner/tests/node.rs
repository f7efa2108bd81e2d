//! Cases with real node processes: what a good one comes to, and what is said of each kind of bad one.

mod support;

use harness::{judge::JudgedCase, verdict::Verdict};
use support::run;

const ECHO: &str = "nodes = 2\nrate = 100\nduration = \"300ms\"\ntimeout = \"1s\"\nrequire = [\"well-formed\", \"stays-up\", \"echoes-exactly\", \"availability >= 1\"]";

fn codes(judged: &JudgedCase) -> Vec<&str> {
    judged.findings.iter().filter(|finding| finding.decisive).map(|finding| &*finding.code).collect()
}

#[test]
fn a_good_program_passes() {
    let Some((record, judged)) = run("echo", "good", 1, ECHO) else { return };
    assert_eq!((judged.report.verdict, codes(&judged)), (Verdict::Pass, vec![]), "{:#?}", record.summary);
    assert!(record.summary.usage.iter().all(|usage| usage.peak_memory > 0));
}

#[test]
fn what_is_no_message_is_shown_and_the_node_is_still_heard() {
    for (mode, code, line) in [
        ("prints", "malformed-output", "debug: got an echo"),
        ("nowhere", "unknown-destination", "n99"),
        ("mismatched", "unmatched-reply", "777777"),
        ("forges", "forged-source", "n7"),
        ("no-line-end", "malformed-output", "echo_ok"),
        ("two-a-line", "malformed-output", "self"),
    ] {
        let Some((record, judged)) = run("echo", mode, 1, ECHO) else { return };
        assert_eq!(
            (judged.report.verdict, codes(&judged)),
            (Verdict::Fail, vec![code]),
            "{mode}: {:#?}",
            record.summary
        );
        let finding = &judged.findings[0];
        assert!(finding.evidence.lines.iter().any(|shown| shown.text.contains(line)), "{mode}: {:?}", finding.evidence);
        let heard = judged.report.checks.iter().find(|check| check.name == "availability >= 1").unwrap();
        assert_eq!(heard.verdict, Verdict::Pass, "{mode}: {}", heard.detail);
    }
}

#[test]
fn a_line_end_may_be_late() {
    let slowly = ECHO.replace("rate = 100", "rate = 10");
    let Some((record, judged)) = run("echo", "late-line-end", 1, &slowly) else { return };
    assert_eq!(judged.report.verdict, Verdict::Pass, "{:#?}", record.summary);
}

#[test]
fn a_flood_is_stopped_before_it_fills_the_memory() {
    // However long a busy machine takes to write so much.
    let patient = ECHO.replace("timeout = \"1s\"", "timeout = \"60s\"");
    let Some((record, judged)) = run("echo", "floods", 1, &patient) else { return };
    assert!(codes(&judged).contains(&"output-flood"), "{:?}", record.summary.incidents);
    let kept: usize = record.journal.entries.iter().map(|entry| entry.body.len()).sum();
    assert!(kept <= 64 << 20, "{kept} bytes of bodies were kept");
    for (mode, words) in [("never-ends-a-line", "without a line end"), ("floods-its-log", "on stderr")] {
        let Some((record, judged)) = run("echo", mode, 1, &patient) else { return };
        assert!(codes(&judged).contains(&"output-flood"), "{mode}: {:?}", record.summary.incidents);
        let told = |incident: &harness::case::Incident| incident.detail.contains(words);
        assert!(record.summary.incidents.iter().any(told), "{mode}: {:?}", record.summary.incidents);
        assert!(record.summary.ended_at.seconds() < 50.0, "{mode}: the node was not stopped");
    }
}

#[test]
fn a_second_reply_is_advice() {
    let Some((_, judged)) = run("echo", "twice", 1, ECHO) else { return };
    assert!(judged.findings.iter().any(|finding| finding.code == "repeated-reply" && !finding.decisive));
}

#[test]
fn a_crash_is_noticed_at_once_with_its_status_and_log() {
    for (mode, status, log) in [("exits", "exited with status 7", "out of luck"), ("aborts", "SIGABRT", "")] {
        let Some((record, judged)) = run("echo", mode, 1, ECHO) else { return };
        assert_eq!(judged.report.verdict, Verdict::Fail);
        let crash = judged.findings.iter().find(|finding| finding.code == "node-crashed").unwrap();
        assert!(crash.actual.contains(status), "{mode}: {}", crash.actual);
        assert!(log.is_empty() || crash.evidence.lines.iter().any(|line| line.text.contains(log)));
        assert!(record.summary.ended_at.seconds() < 5.0, "the rest of the case was waited for");
    }
}

#[test]
fn a_program_that_dies_or_stays_silent_at_init_never_passes() {
    let Some((_, judged)) = run("echo", "dies-at-once", 1, ECHO) else { return };
    let finding = judged.findings.iter().find(|finding| finding.code == "node-crashed").unwrap();
    assert!(finding.evidence.lines.iter().any(|line| line.text.contains("cannot find my configuration")));
    let Some((_, judged)) = run("echo", "never-ready", 1, ECHO) else { return };
    assert_eq!((judged.report.verdict, judged.findings[0].code.as_str()), (Verdict::Fail, "slow-start"));
    let Some((_, judged)) = run("echo", "silent", 1, ECHO) else { return };
    assert_eq!(codes(&judged), ["no-reply", "no-reply"]);
}

const SET: &str = "nodes = 5\nrate = 100\nduration = \"4s\"\ntimeout = \"1s\"\nsettle = \"2s\"\nrequire = [\"well-formed\", \"stays-up\", \"nothing-lost\", \"no-duplicates\", \"no-phantoms\"]\n";

#[test]
fn a_broadcast_that_floods_once_fails_every_partition() {
    let partitioned =
        format!("{SET}faults = [\"partition\"]\nlatency = {{ mean = \"10ms\", distribution = \"exponential\" }}");
    for seed in 1..=3 {
        let Some((_, judged)) = run("broadcast", "floods-once", seed, &partitioned) else { return };
        assert_eq!(codes(&judged), ["value-lost"], "seed {seed}");
        let evidence = &judged.findings[0].evidence;
        assert!(evidence.arrows.iter().any(|arrow| arrow.dropped.is_some()), "the lost message is not shown");
        assert!(!evidence.faults.is_empty(), "the partition is not shown");
    }
    let Some((record, judged)) = run("broadcast", "good", 1, &partitioned) else { return };
    assert_eq!(codes(&judged), [""; 0], "{:#?}", record.summary);
}

#[test]
fn kill_and_restart_and_pause_are_survived_by_who_can() {
    let faulty = format!("{SET}faults = [\"kill\", \"pause\"]");
    let Some((record, judged)) = run("broadcast", "good", 1, &faulty) else { return };
    // It keeps nothing on disk but tells everybody every 100 ms: what it loses, it loses in that time.
    assert!(codes(&judged).iter().all(|code| *code == "value-lost"), "{:#?}", judged.findings);
    let kinds: Vec<&str> = record.summary.faults.iter().map(|fault| &*fault.kind).collect();
    assert!(kinds.contains(&"kill") && kinds.contains(&"pause"), "{kinds:?}");
    assert!(!record.summary.down.is_empty());
    let restarted = record.history.operations.iter().filter(|op| &*op.function == "init").count();
    assert!(restarted > 5, "nobody was started again");
}

#[test]
fn duplicates_and_missing_final_reads_never_pass() {
    let Some((_, judged)) = run("broadcast", "duplicates", 1, SET) else { return };
    assert_eq!(codes(&judged), ["duplicate-value"]);
    let Some((_, judged)) = run("broadcast", "unreadable", 1, SET) else { return };
    assert_eq!(codes(&judged), ["no-reply"]);
}

#[test]
fn a_client_is_never_delayed_by_the_latency_between_nodes() {
    let slow = format!("{SET}latency = {{ mean = \"1s\" }}");
    let Some((_, judged)) = run("broadcast", "floods-once", 1, &slow) else { return };
    let (_, half) = judged.metrics.iter().find(|(name, _)| *name == "latency-p50").unwrap();
    assert!(*half < 500.0, "half of the requests took longer than {half} ms");
}

#[test]
fn a_program_may_call_the_services_unless_it_reaches_nobody() {
    let ids = "nodes = 3\nrate = 100\nduration = \"1s\"\ntimeout = \"1s\"\nlatency = { mean = \"10ms\" }\nrequire = [\"well-formed\", \"stays-up\", \"ids-unique\", \"availability >= 0.99\"]\n";
    let Some((record, judged)) = run("unique-ids", "asks-the-oracle", 1, ids) else { return };
    assert_eq!(codes(&judged), [""; 0], "{:#?}", record.summary);
    let service = harness::net::Service::LinTso.number();
    assert!(record.journal.entries.iter().filter(|entry| entry.to == service).count() >= 100);
    let partitioned = format!("{ids}faults = [\"total-partition\"]");
    let Some((_, judged)) = run("unique-ids", "asks-the-oracle", 1, &partitioned) else { return };
    assert_eq!(codes(&judged), ["no-reply"]);
}

#[test]
fn a_case_whose_faults_cannot_be_played_decides_nothing() {
    let mut plan = support::plan("echo", ECHO);
    let stage = &mut plan.manifest.stages[0];
    stage.faults = vec![harness::net::FaultKind::Partition];
    // No fault fits in here, which a manifest would be refused for.
    stage.duration = harness::units::Span(std::time::Duration::from_micros(1));
    let oracle = challenges::find("echo").unwrap().oracle;
    let Some((record, judged)) = support::run_program(&plan, oracle, support::program(), "good", 1) else { return };
    assert!(matches!(record.summary.ended, harness::case::Ended::Broken(_)), "{:?}", record.summary.ended);
    assert_eq!(judged.report.verdict, Verdict::Unknown);
}
