//! Each anomaly of registers in a history made from its definition, and a like history without it.

use crate::{
    transaction::{
        RW_REGISTER,
        testing::{history, judge, rules, weakest},
    },
    verdict::Verdict,
    verify::{Answer, Judge, Level, Recorded, Settings},
};

fn answer(lines: &[&str]) -> Answer {
    judge(&RW_REGISTER, &history(lines, false), None)
}

fn answer_in_time(lines: &[&str]) -> Answer {
    judge(&RW_REGISTER, &history(lines, true), None)
}

#[track_caller]
fn has(answer: &Answer, rule: &str, levels: &[Level]) {
    assert_eq!(answer.verdict, Verdict::Fail);
    assert!(rules(answer).contains(&rule), "{:#?}", answer.violations);
    assert_eq!(weakest(answer), levels, "{:#?}", answer.violations);
}

#[track_caller]
fn passes(answer: &Answer) {
    assert_eq!(answer.verdict, Verdict::Pass, "{:#?} {:#?}", answer.violations, answer.undecided);
    assert_eq!(answer.levels, None);
}

const INTERNAL: [Level; 2] = [Level::ReadAtomic, Level::RepeatableRead];
const SNAPSHOT: [Level; 2] = [Level::RepeatableRead, Level::SnapshotIsolation];

#[test]
fn internal_and_future_reads() {
    has(&answer(&["0 w1.1 r1"]), "internal", &INTERNAL);
    has(&answer(&["0 w1.1", "1 r1 r1.1"]), "internal", &INTERNAL);
    has(&answer(&["0 r1.1 w1.1"]), "future-read", &[Level::ReadCommitted]);
    passes(&answer(&["0 w1.1 r1.1 w1.2 r1.2", "1 r1.2 r1.2"]));
}

#[test]
fn aborted_intermediate_and_garbage_reads() {
    has(&answer(&["!0 w1.1", "1 r1.1"]), "G1a", &[Level::ReadCommitted]);
    has(&answer(&["!0 w1.1", "1 r1.1 w1.2"]), "dirty-update", &[Level::ReadCommitted]);
    has(&answer(&["0 w1.1 w1.2", "1 r1.1"]), "G1b", &[Level::ReadCommitted]);
    has(&answer(&["0 w1.1", "1 r1.7"]), "garbage-read", &[Level::ReadCommitted]);
    assert!(!rules(&answer(&["!0 w1.1", "1 r1.1 w2.2"])).contains(&"dirty-update"));
    passes(&answer(&["!0 w1.1", "1 r1"]));
    passes(&answer(&["0 w1.1 w1.2", "1 r1.2"]));
    passes(&answer(&["?0 w1.1", "1 r1", "2 r1.1"]));
}

#[test]
fn what_several_wrote_is_not_decided_once_it_is_read() {
    let found = answer(&["0 w1.1", "1 w1.1", "2 r1.1"]);
    assert_eq!(found.verdict, Verdict::Unknown);
    assert!(found.undecided[0].contains("each of T0, T1"), "{:?}", found.undecided);
    passes(&answer(&["0 w1.1", "1 w1.1", "2 r1"]));
}

#[test]
fn g1c_and_cyclic_versions() {
    has(&answer(&["0 w1.1 r2.1", "1 w2.1 r1.1"]), "G1c", &[Level::ReadCommitted]);
    let found = answer(&["0 r1.2 w1.1", "1 r1.1 w1.2"]);
    has(&found, "cyclic-versions", &[Level::ReadCommitted]);
    has(&found, "G1c", &[Level::ReadCommitted]);
    passes(&answer(&["0 w1.1 r2", "1 w2.1 r1.1"]));
    passes(&answer(&["0 r1 w1.1", "1 r1.1 w1.2"]));
}

#[test]
fn fractured_reads_violate_read_atomicity() {
    has(&answer(&["0 w1.1 w2.1", "1 r1.1 r2"]), "G-single", &INTERNAL);
    // T2 saw T1 and read T0's value of key 2, which T1 overwrote: it had read T0 before.
    let found = answer(&["0 w1.1 w2.1", "1 r1.1 w1.2 w2.2", "2 r1.2 r2.1"]);
    has(&found, "G-single", &INTERNAL);
    assert_eq!(found.violations[0].cycle.len(), 2);
    assert!(!found.violations[0].cycle[1].premises.is_empty());
    passes(&answer(&["0 w1.1 w2.1", "1 w1.2 w2.2", "2 r1.1 r2.1", "3 r1.2 r2.2"]));
    passes(&answer(&["0 w1.1", "1 w2.1", "2 r1.1 r2"]));
}

#[test]
fn readers_of_one_key_who_disagree_about_its_order_show_cyclic_versions() {
    // Either saw both transactions by other keys, and reads the other's value.
    let lines = ["0 w1.1 w2.1", "1 w1.2 w3.1", "2 r2.1 r3.1 r1.1", "3 r2.1 r3.1 r1.2"];
    has(&answer(&lines), "cyclic-versions", &INTERNAL);
    // Another key, of which one reader saw as little, is no circle by itself, whichever of the two comes up first.
    let [first, second] = [["w4.1 w1.1", "r4.1 r1.1"], ["w1.1 w4.1", "r1.1 r4.1"]].map(|[writes, reads]| {
        let (writer, reader) = (format!("0 w2.1 {writes}"), format!("2 r2.1 r3.1 {reads}"));
        answer(&[&writer, "1 w1.2 w3.1 w4.2", &reader, "3 r2.1 r3.1 r1.2"])
    });
    has(&first, "cyclic-versions", &INTERNAL);
    has(&second, "cyclic-versions", &INTERNAL);
    passes(&answer(&["0 w1.1 w2.1", "1 w1.2 w3.1", "2 r2.1 r3.1 r1.1", "3 r2.1 r3.1 r1.1"]));
}

#[test]
fn what_happened_before_has_to_be_seen() {
    let causal = [Level::Causal, Level::RepeatableRead, Level::SnapshotIsolation];
    has(&answer(&["0 w1.1", "1 r1.1 w2.1", "2 r2.1 r1"]), "G-single", &causal);
    has(&answer(&["0 w1.1", "0 w1.2", "0 r1.1"]), "G-single-process", &[Level::Causal]);
    has(&answer(&["0 w1.1", "0 r1"]), "G-single-process", &[Level::Causal]);
    passes(&answer(&["0 w1.1", "1 r1", "1 r1.1"]));
}

#[test]
fn lost_update() {
    has(&answer(&["0 w1.1", "1 r1.1 w1.2", "2 r1.1 w1.3"]), "lost-update", &SNAPSHOT);
    has(&answer(&["1 r1 w1.2", "2 r1 w1.3"]), "lost-update", &SNAPSHOT);
    passes(&answer(&["0 w1.1", "1 r1.1 w1.2", "2 r1.2 w1.3"]));
    passes(&answer(&["1 r1 w1.2", "2 w1.3"]));
}

#[test]
fn long_fork_is_no_snapshot() {
    has(&answer(&["0 w1.1", "1 w2.1", "2 r1.1 r2", "3 r1 r2.1"]), "G-nonadjacent", &SNAPSHOT);
    passes(&answer(&["0 w1.1", "1 w2.1", "2 r1.1 r2", "3 r1.1 r2.1"]));
}

#[test]
fn write_skew_is_a_snapshot_but_not_serializable() {
    let skew = ["0 r1 w2.1", "1 r2 w1.1"];
    has(&answer(&skew), "G2-item", &[Level::RepeatableRead]);
    assert_eq!(judge(&RW_REGISTER, &history(&skew, false), Level::SnapshotIsolation).verdict, Verdict::Pass);
    passes(&answer(&["0 r1 w2.1", "1 r2.1 w1.1"]));
}

#[test]
fn inferred_edges_tell_what_they_rest_on() {
    // Write skew over versions that were written, not initial ones.
    let found = answer(&["0 w1.1 w2.1", "1 r1.1 r2.1 w1.2", "2 r1.1 r2.1 w2.2"]);
    has(&found, "G2-item", &[Level::RepeatableRead]);
    let cycle = &found.violations[0].cycle;
    assert!(cycle.iter().all(|edge| edge.kind == "rw" && !edge.premises.is_empty()), "{cycle:#?}");
    assert_eq!(found.violations[0].witness, [0, 1, 2]);
}

#[test]
fn where_no_cycle_shows_all_orders_are_tried() {
    // Whichever write of key 1 comes first, its reader comes before the other, behind both writes of key 2, and then
    // neither order of those explains who read key 2 behind both writes of key 1.
    let mut lines = vec![
        "0 w1.1 w3.1",
        "1 w1.2 w4.1",
        "2 w2.1 w5.1",
        "3 w2.2 w6.1",
        "4 r1.1 r5.1 r6.1",
        "5 r1.2 r5.1 r6.1",
        "6 r2.1 r3.1 r4.1",
        "7 r2.2 r3.1 r4.1",
        "8 w9.1",
    ];
    let found = answer(&lines);
    has(&found, "no-order", &SNAPSHOT);
    assert_eq!(found.violations[0].witness, [0, 1, 2, 3, 4, 5, 6, 7], "and nobody who has nothing to do with it");
    lines[7] = "7 r2.2 r3.1";
    passes(&answer(&lines));
}

#[test]
fn sessions_and_real_time() {
    has(&answer_in_time(&["0 w1.1", "1 r1"]), "G-single-realtime", &[Level::StrongSnapshotIsolation]);
    has(&answer_in_time(&["0 w1.1", "1 w1.2", "2 r1.1"]), "G-single-realtime", &[Level::StrongSnapshotIsolation]);
    has(&answer_in_time(&["0 r1.1", "1 w1.1"]), "G1c-realtime", &[Level::StrongSnapshotIsolation]);
    has(&answer(&["0 r1 w2.1", "1 w1.1", "1 r2"]), "G2-item-process", &[Level::StrongSessionSerializable]);
    passes(&answer_in_time(&["0 w1.1", "1 r1.1", "1 w1.2", "0 r1.2"]));
}

#[test]
fn an_initial_value_may_be_named() {
    let recorded = Recorded::Transactions(history(&["0 r1.0", "1 w1.1"], false));
    let at = |initial| RW_REGISTER.judge(&recorded, &Settings { initial, ..Settings::default() });
    assert_eq!(at(Some("0")).unwrap().verdict, Verdict::Pass);
    assert_eq!(at(None).unwrap().verdict, Verdict::Fail);
    assert!(at(Some("[1]")).unwrap_err().contains("no list"));
}

#[test]
fn a_spent_budget_is_never_a_pass() {
    let lines = ["0 w1.1 w2.1", "1 w1.2 w2.2", "2 r1.1", "3 r1.2", "0 r2.1", "1 r2.2"];
    let recorded = Recorded::Transactions(history(&lines, false));
    let at = |budget| RW_REGISTER.judge(&recorded, &Settings { budget, ..Settings::default() }).unwrap();
    assert_eq!(at(0).verdict, Verdict::Unknown);
    assert!(!at(0).undecided.is_empty());
    assert_eq!(at(1_000).verdict, Verdict::Pass);
}

#[test]
fn lists_are_no_registers() {
    let recorded = Recorded::Transactions(history(&["0 w1.1", "1 a1.7"], false));
    let error = RW_REGISTER.judge(&recorded, &Settings::default()).unwrap_err();
    assert!(error.contains("T1 does `append 1 7`"), "{error}");
}
