//! A crowd of nodes in one case. In a test binary of its own, because it needs the whole machine for a moment.

mod support;

use harness::verdict::Verdict;
use support::run;

#[test]
fn five_hundred_nodes_run_in_one_case() {
    let many = "nodes = 500\nrate = 500\nduration = \"2s\"\ntimeout = \"10s\"\nrequire = [\"well-formed\", \"stays-up\", \"echoes-exactly\", \"availability >= 1\"]";
    let Some((record, judged)) = run("echo", "plain", 1, many) else { return };
    assert_eq!(judged.report.verdict, Verdict::Pass, "{:?} {:#?}", record.summary.ended, judged.findings);
    assert_eq!(record.history.operations.iter().filter(|op| &*op.function == "init").count(), 500);
}
