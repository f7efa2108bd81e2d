//! Recorded histories of transactions are judged as their sources say, and decided.
//!
//! The corpora are data of other projects and no part of this one: a folder with a `README.tsv`, found through
//! `TAKEHOME_CORPORA` or beside the checkout. Without it nothing is tested here, unless `CI` demands it.

mod corpora;

use harness::{
    history::format::{self, Shape},
    verdict::Verdict::{self, Fail, Pass},
    verify::{self, Answer, Level, Recorded, Settings},
};

fn read(path: &str) -> Option<Recorded> {
    let bytes = corpora::bytes(&corpora::folder()?, path);
    Some(format::read(&bytes, None, Shape::default()).unwrap_or_else(|error| panic!("{path}: {error}")))
}

fn judge(model: &str, recorded: &Recorded, level: Level) -> Answer {
    verify::find(model).unwrap().judge(recorded, &Settings { level: Some(level), ..Settings::default() }).unwrap()
}

/// The file has these verdicts at these levels.
#[track_caller]
fn check(model: &str, path: &str, expected: &[(Level, Verdict)]) {
    let Some(recorded) = read(path) else { return };
    for (level, verdict) in expected {
        let answer = judge(model, &recorded, *level);
        assert_eq!(answer.verdict, *verdict, "{path} at {level:?}: {:#?} {:?}", answer.violations, answer.undecided);
        assert_eq!(answer.violations.is_empty(), *verdict == Pass, "{path} at {level:?}");
    }
}

use Level::*;

#[test]
fn elle() {
    for path in ["elle/paper-example.edn", "elle-cli/elle/paper-example.edn", "elle-cli/elle/paper-example.json"] {
        check("list-append", path, &[(ReadAtomic, Pass), (SnapshotIsolation, Fail), (Serializable, Fail)]);
    }
    let snapshot = [(SnapshotIsolation, Pass), (RepeatableRead, Fail), (Serializable, Fail)];
    check("list-append", "elle/si-without-g-single.edn", &snapshot);
    check("list-append", "elle-cli/elle/list-append-gh-30.edn", &snapshot);
}

/// Elle gives up the search for a cycle here and says only that there is one.
#[test]
fn elles_largest_component_is_explained() {
    let weaker = [(Serializable, Pass), (StrongSessionSerializable, Pass)];
    check("list-append", "elle/huge-scc.edn", &weaker);
    let Some(recorded) = read("elle/huge-scc.edn") else { return };
    let answer = judge("list-append", &recorded, StrictSerializable);
    assert_eq!(answer.levels.unwrap().weakest, [StrongSnapshotIsolation]);
    assert_eq!(answer.violations[0].rule, "G-single-realtime");
    assert_eq!(answer.violations[0].cycle.len(), 2);
}

/// Labelled valid, and it is not: nobody ever wrote the 3 that was read. Elle looks for cycles among known writes and
/// leaves such reads alone, and elle-cli's label is what Elle said.
#[test]
fn a_value_that_nobody_wrote_is_no_valid_read() {
    for path in ["elle-cli/elle/rw-register.edn", "elle-cli/elle/rw-register.json"] {
        check("rw-register", path, &[(ReadUncommitted, Pass), (ReadCommitted, Fail), (Serializable, Fail)]);
    }
}

#[test]
fn violations_of_causal_consistency() {
    let expected = [(ReadAtomic, Pass), (Causal, Fail), (StrongSessionSnapshotIsolation, Fail), (Serializable, Fail)];
    for path in [
        "dbcop/non_cc.yaml",
        "isovista/bugs/yugabyte_tcc.txt",
        "isovista/bugs/dgraph_si.txt",
        "polysi/violations/yugabyte/yugabyte.txt",
        "polysi/violations/dgraph/history.bincode",
    ] {
        check("rw-register", path, &expected);
    }
}

#[test]
fn snapshots_that_are_not_serializable() {
    let expected = [(Causal, Pass), (StrongSessionSnapshotIsolation, Pass), (Serializable, Fail)];
    for path in [
        "isovista/bugs/pg_ser_bug.txt",
        "veristrong-txt/cock-G2.txt",
        "polysi-txt/fig7_20_100_15_1000_0.5_uniform.txt",
        "polysi-txt/fig7_20_100_15_10000_0.5_zipf.txt",
        "polysi/fig7/20_100_15_10000_0.5_zipf.bincode",
    ] {
        check("rw-register", path, &expected);
    }
}

#[test]
fn a_large_history_that_is_not_serializable() {
    check("rw-register", "veristrong-txt/yuga-G2-b.txt", &[(Causal, Pass), (Serializable, Fail)]);
}

#[test]
fn reads_without_a_writer_are_not_committed() {
    check("rw-register", "veristrong-txt/cock-blog.txt", &[(ReadCommitted, Fail), (Serializable, Fail)]);
}

/// The first is labelled valid at snapshot isolation only; there is an order at every level without real time.
#[test]
fn serializable_histories() {
    for path in ["polysi/fig7/20_10_15_10000_0.5_uniform.bincode", "isovista/sample_history.txt"] {
        check("rw-register", path, &[(SnapshotIsolation, Pass), (StrongSessionSerializable, Pass)]);
    }
}
