//! Recorded histories of transactions are judged as their sources say, and decided.
//!
//! The corpora are data of other projects and no part of this one: a folder with a `README.tsv`, found through
//! `TAKEHOME_CORPORA` or beside the checkout. Without it nothing is tested here, unless `CI` demands it.

mod corpora;

use harness::{
    history::format::{self, Shape},
    verdict::Verdict::{self, Fail, Pass},
    verify::{
        self, Answer,
        Level::{self, *},
        Recorded, Settings,
    },
};

/// What is expected of files at some levels.
type Expected = (&'static [&'static str], &'static [(Level, Verdict)]);

const LISTS: &[Expected] = &[
    (
        &["elle/paper-example.edn", "elle-cli/elle/paper-example.edn", "elle-cli/elle/paper-example.json"],
        &[(ReadAtomic, Pass), (SnapshotIsolation, Fail), (Serializable, Fail), (StrictSerializable, Fail)],
    ),
    (
        &["elle/si-without-g-single.edn", "elle-cli/elle/list-append-gh-30.edn"],
        &[(SnapshotIsolation, Pass), (RepeatableRead, Fail), (Serializable, Fail), (StrictSerializable, Fail)],
    ),
    (
        &["elle/huge-scc.edn"],
        &[(StrongSessionSerializable, Pass), (StrongSnapshotIsolation, Fail), (StrictSerializable, Fail)],
    ),
];

const REGISTERS: &[Expected] = &[
    // Labelled valid, and it is not: nobody ever wrote the 3 that was read. Elle looks for cycles among writes that it
    // knows and leaves such reads alone, and the label is what elle-cli says.
    (
        &["elle-cli/elle/rw-register.edn", "elle-cli/elle/rw-register.json"],
        &[(ReadUncommitted, Pass), (ReadCommitted, Fail), (Serializable, Fail)],
    ),
    (
        &[
            "dbcop/non_cc.yaml",
            "isovista/bugs/yugabyte_tcc.txt",
            "isovista/bugs/dgraph_si.txt",
            "polysi/violations/yugabyte/yugabyte.txt",
            "polysi/violations/dgraph/history.bincode",
        ],
        &[(ReadAtomic, Pass), (Causal, Fail), (StrongSessionSnapshotIsolation, Fail), (Serializable, Fail)],
    ),
    (
        &[
            "isovista/bugs/pg_ser_bug.txt",
            "veristrong-txt/cock-G2.txt",
            "polysi-txt/fig7_20_100_15_1000_0.5_uniform.txt",
            "polysi-txt/fig7_20_100_15_10000_0.5_zipf.txt",
            "polysi/fig7/20_100_15_10000_0.5_zipf.bincode",
        ],
        &[(Causal, Pass), (StrongSessionSnapshotIsolation, Pass), (Serializable, Fail)],
    ),
    (&["veristrong-txt/yuga-G2-b.txt"], &[(Causal, Pass), (Serializable, Fail)]),
    // Reads of what nobody wrote.
    (&["veristrong-txt/cock-blog.txt"], &[(ReadUncommitted, Pass), (ReadCommitted, Fail), (Serializable, Fail)]),
    // The one is labelled valid at snapshot isolation, the other not at all: both have a serial order.
    (
        &["polysi/fig7/20_10_15_10000_0.5_uniform.bincode", "isovista/sample_history.txt"],
        &[(SnapshotIsolation, Pass), (StrongSessionSerializable, Pass)],
    ),
];

fn judge(model: &str, recorded: &Recorded, level: Level) -> Answer {
    verify::find(model).unwrap().judge(recorded, &Settings { level: Some(level), ..Settings::default() }).unwrap()
}

/// Whether a file holds transactions of lists or registers.
fn is_ours(path: &str) -> bool {
    ["elle/", "elle-cli/elle/", "dbcop/", "isovista/", "polysi/", "polysi-txt/", "veristrong-txt/"]
        .iter()
        .any(|folder| path.starts_with(folder))
}

#[test]
fn every_file_has_its_verdicts() {
    let Some(files) = corpora::files() else { return };
    let mut judged = 0;
    for file in files.iter().filter(|file| is_ours(&file.path)) {
        let find = |all: &'static [Expected]| all.iter().find(|(paths, _)| paths.contains(&file.path.as_str()));
        let (model, (_, expected)) = match (find(LISTS), find(REGISTERS)) {
            (Some(expected), _) => ("list-append", expected),
            (None, Some(expected)) => ("rw-register", expected),
            (None, None) => panic!("{}: nothing is expected of it", file.path),
        };
        let recorded = format::read(&file.bytes, None, Shape::default()).unwrap();
        for (level, verdict) in *expected {
            let answer = judge(model, &recorded, *level);
            let of = format!("{} at {level:?}: {:#?} {:?}", file.path, answer.violations, answer.undecided);
            assert_eq!(answer.verdict, *verdict, "{of}");
            assert_eq!(answer.violations.is_empty(), *verdict == Pass, "{of}");
        }
        judged += 1;
    }
    let expected: usize = LISTS.iter().chain(REGISTERS).map(|(paths, _)| paths.len()).sum();
    assert_eq!(judged, expected, "files of the corpora are missing");
}

/// Elle gives up its search for a cycle here and says only that there is one.
#[test]
fn elles_largest_component_is_explained_by_two_transactions() {
    let Some(files) = corpora::files() else { return };
    let file = files.iter().find(|file| file.path == "elle/huge-scc.edn").unwrap();
    let recorded = format::read(&file.bytes, None, Shape::default()).unwrap();
    let answer = judge("list-append", &recorded, StrictSerializable);
    assert_eq!(answer.levels.unwrap().weakest, [StrongSnapshotIsolation]);
    let violation = &answer.violations[0];
    assert_eq!((violation.rule, violation.witness.len()), ("G-single-realtime", 2));
    let kinds: Vec<&str> = violation.cycle.iter().map(|edge| edge.kind.as_str()).collect();
    assert_eq!(kinds, ["rw", "realtime"]);
}
