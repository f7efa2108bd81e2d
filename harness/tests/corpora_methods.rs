//! The corpora's locks, semaphores, counters, read-modify-writes and key-value stores with append are judged as expected,
//! and where a monitor exists for them it decides.
//!
//! The corpora are data of other projects and no part of this one: a folder with a `README.tsv`, found through
//! `TAKEHOME_CORPORA` or beside the checkout. Without it nothing is tested here, unless `CI` demands it.

mod corpora;

use harness::{
    history::format::{self, Shape},
    verdict::Verdict,
    verify::{self, Recorded, Settings},
};

/// File, model, initial value, verdict, and the method that decides.
const FILES: &[(&str, &str, Option<&str>, Verdict, &str)] = &[
    ("knossos/mutex/bad/etcd.edn", "mutex", None, Verdict::Fail, "zones of holds"),
    ("knossos/mutex/bad/etcd.edn", "shared-mutex", None, Verdict::Fail, "search"),
    ("elle-cli/knossos/mutex/bad/etcd.json", "mutex", None, Verdict::Fail, "zones of holds"),
    ("elle-cli/jepsen/counter.edn", "counter", None, Verdict::Pass, "sums and steps"),
    ("elle-cli/jepsen/counter.json", "counter", None, Verdict::Pass, "sums and steps"),
    ("fptlin/rmw/lin_simple_0.log", "register", Some("0"), Verdict::Pass, "search"),
    ("fptlin/semaphore/lin_simple_0.log", "semaphore", None, Verdict::Pass, "search"),
    ("fptlin/semaphore/lin_simple_1.log", "semaphore", None, Verdict::Pass, "search"),
    ("fptlin/semaphore/nonlin_simple_0.log", "semaphore", None, Verdict::Fail, "sweep over permits"),
    ("porcupine/kv/c01-bad.txt", "kv", None, Verdict::Fail, "chains of appends"),
    ("porcupine/kv/c01-ok.txt", "kv", None, Verdict::Pass, "chains of appends"),
    ("porcupine/kv/c10-bad.txt", "kv", None, Verdict::Fail, "chains of appends"),
    ("porcupine/kv/c10-ok.txt", "kv", None, Verdict::Pass, "chains of appends"),
    ("porcupine/kv/c50-bad.txt", "kv", None, Verdict::Fail, "chains of appends"),
    ("porcupine/kv/c50-ok.txt", "kv", None, Verdict::Pass, "chains of appends"),
];

#[test]
fn every_file_has_its_verdict() {
    let Some(folder) = corpora::folder() else { return };
    for (path, model, initial, verdict, method) in FILES {
        let bytes = corpora::bytes(&folder, path);
        let recorded = format::read(&bytes, None, Shape::of_model(model)).unwrap();
        let settings = Settings { initial: *initial, ..Settings::default() };
        let answer = verify::find(model).unwrap().judge(&recorded, &settings).unwrap();
        assert_eq!(answer.verdict, *verdict, "{path}: {answer:?}");
        assert!(answer.detail.contains(&format!("; {method}")), "{path}: {}", answer.detail);
        for violation in answer.violations {
            println!("{path}: {} {} {:?}", violation.rule, violation.sentence, violation.witness.len());
        }
    }
}

/// Every key of Porcupine's largest bad history is decided, and by the monitor; Porcupine leaves four of them open.
#[test]
fn all_keys_of_c50_bad_are_decided() {
    let Some(folder) = corpora::folder() else { return };
    let bytes = corpora::bytes(&folder, "porcupine/kv/c50-bad.txt");
    let recorded = format::read(&bytes, None, Shape::default()).unwrap();
    let answer = verify::find("kv").unwrap().judge(&recorded, &Settings::default()).unwrap();
    assert!(answer.undecided.is_empty() && answer.detail.contains("10 keys; chains of appends"), "{}", answer.detail);
    let Recorded::Operations(history) = recorded else { panic!("these are operations") };
    for violation in &answer.violations {
        assert!(violation.witness.len() <= 60 && !violation.witness.is_empty(), "{}", violation.sentence);
        assert!(violation.witness.iter().all(|op| history.get(*op).key == history.get(violation.witness[0]).key));
    }
}
