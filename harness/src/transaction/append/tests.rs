//! Each anomaly of lists in a history made from its definition, and a like history without it.

use crate::{
    transaction::{
        LIST_APPEND,
        testing::{history, judge, rules, weakest},
    },
    verdict::Verdict,
    verify::{Answer, Level},
};

fn answer(lines: &[&str]) -> Answer {
    judge(&LIST_APPEND, &history(lines, false), None)
}

fn answer_in_time(lines: &[&str]) -> Answer {
    judge(&LIST_APPEND, &history(lines, true), None)
}

/// The history has this anomaly, and these are the weakest levels that it violates.
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
fn internal() {
    has(&answer(&["0 a1.1", "1 l1.1 a1.2 l1.1"]), "internal", &INTERNAL);
    has(&answer(&["0 a1.1", "1 a1.2 l1.1"]), "internal", &INTERNAL);
    has(&answer(&["0 a1.1", "1 l1 l1.1"]), "internal", &INTERNAL);
    has(&answer(&["0 l1 a1.1 l1"]), "internal", &INTERNAL);
    passes(&answer(&["0 a1.1", "1 l1.1 a1.2 l1.1.2 a1.3 l1.1.2.3"]));
    passes(&answer(&["0 a1.1", "1 a1.2 a1.3 l1.1.2.3"]));
}

#[test]
fn future_read() {
    let found = answer(&["0 l1.1 a1.1"]);
    has(&found, "future-read", &[Level::ReadCommitted]);
    // The longest read says otherwise, and what the shorter one holds comes later all the same.
    has(&answer(&["1 l1.2.1", "0 l1.1 a1.1", "1 a1.2"]), "future-read", &[Level::ReadCommitted]);
    passes(&answer(&["0 a1.1 l1.1"]));
}

#[test]
fn aborted_read_and_dirty_update() {
    has(&answer(&["!0 a1.1", "1 l1.1"]), "G1a", &[Level::ReadCommitted]);
    has(&answer(&["!0 a1.1", "1 a1.2", "2 l1.1.2"]), "dirty-update", &[Level::ReadCommitted]);
    assert!(!rules(&answer(&["!0 a1.1", "1 l1.1"])).contains(&"dirty-update"));
    passes(&answer(&["!0 a1.1", "1 a1.2", "2 l1.2"]));
    passes(&answer(&["?0 a1.1", "1 a1.2", "2 l1.1.2"]));
}

#[test]
fn intermediate_read() {
    has(&answer(&["0 a1.1 a1.2", "1 l1.1"]), "G1b", &[Level::ReadCommitted]);
    passes(&answer(&["0 a1.1 a1.2", "1 l1.1.2"]));
    passes(&answer(&["0 a1.1 l1.1 a1.2", "1 l1.1.2"]));
}

#[test]
fn garbage_duplicates_and_incompatible_orders() {
    has(&answer(&["0 a1.1", "1 l1.1.7"]), "garbage-read", &[Level::ReadCommitted]);
    has(&answer(&["0 a1.1", "1 l1.1.1"]), "duplicate-elements", &[Level::ReadUncommitted]);
    has(&answer(&["0 a1.1", "1 a1.2", "2 l1.1.2", "3 l1.2"]), "incompatible-order", &[Level::ReadCommitted]);
    has(&answer(&["0 a1.1", "1 a1.2", "2 l1.1.2", "3 l1.2.7"]), "garbage-read", &[Level::ReadCommitted]);
    has(&answer(&["0 a1.1 a1.2", "1 l1.2.1"]), "incompatible-order", &[Level::ReadCommitted]);
    has(&answer(&["?0 a1.1 a1.2", "1 l1.2"]), "incompatible-order", &[Level::ReadCommitted]);
    passes(&answer(&["0 a1.1", "1 a1.2", "2 l1.1.2", "3 l1.1", "2 l1.1.2", "3 l1.1.2"]));
}

#[test]
fn what_several_appended_is_not_decided_once_it_is_read() {
    let found = answer(&["0 a1.1", "1 a1.1", "2 l1.1"]);
    assert_eq!(found.verdict, Verdict::Unknown);
    assert!(found.undecided[0].contains("each of T0, T1"), "{:?}", found.undecided);
    passes(&answer(&["0 a1.1", "1 a1.1", "2 l1"]));
}

#[test]
fn lost_update() {
    let found = answer(&["0 a1.1", "1 l1.1 a1.2", "2 l1.1 a1.3", "3 l1.1.2.3"]);
    has(&found, "lost-update", &SNAPSHOT);
    has(&answer(&["1 l1 a1.2", "2 l1 a1.3"]), "lost-update", &SNAPSHOT);
    passes(&answer(&["0 a1.1", "1 l1.1 a1.2", "2 l1.1.2 a1.3", "3 l1.1.2.3"]));
    passes(&answer(&["1 l1 a1.2", "2 a1.3"]));
}

#[test]
fn g0() {
    let found = answer(&["0 a1.1 a2.1", "1 a1.2 a2.2", "2 l1.1.2 l2.2.1"]);
    has(&found, "G0", &[Level::ReadUncommitted]);
    assert!(found.violations[0].cycle.iter().all(|edge| edge.kind == "ww"));
    has(&answer(&["0 a1.1 a1.3", "1 a1.2", "2 l1.1.2.3"]), "G0", &[Level::ReadUncommitted]);
    passes(&answer(&["0 a1.1 a2.1", "1 a1.2 a2.2", "2 l1.1.2 l2.1.2"]));
}

#[test]
fn g1c() {
    let found = answer(&["0 a1.1 l2.1", "1 a2.1 l1.1"]);
    has(&found, "G1c", &[Level::ReadCommitted]);
    passes(&answer(&["0 a1.1 l2", "1 a2.1 l1.1"]));
}

#[test]
fn fractured_reads_violate_read_atomicity() {
    let found = answer(&["0 a1.1 a2.1", "1 l1.1 l2"]);
    has(&found, "G-single", &INTERNAL);
    assert_eq!(found.violations[0].cycle.len(), 2);
    passes(&answer(&["0 a1.1", "2 a2.1", "1 l1.1 l2"]));
}

#[test]
fn what_happened_before_has_to_be_seen() {
    let causal = [Level::Causal, Level::RepeatableRead, Level::SnapshotIsolation];
    has(&answer(&["0 a1.1", "1 l1.1 a2.1", "2 l2.1 l1"]), "G-single", &causal);
    has(&answer(&["0 a1.1", "0 l1"]), "G-single-process", &[Level::Causal]);
    has(&answer(&["0 a1.1", "1 l1.1", "1 l1"]), "G-single-process", &[Level::Causal]);
    // The last of three who all read nothing and append comes behind the second in its session.
    let behind = answer(&["0 l1 a1.2", "2 l1 a1.4", "2 l1 l2 a1.7"]);
    has(&behind, "lost-update", &[Level::Causal, Level::RepeatableRead, Level::SnapshotIsolation]);
    assert!(weakest(&answer(&["0 l1 a1.2", "2 l1 a1.4", "3 l1 l2 a1.7"])) == SNAPSHOT);
    passes(&answer(&["0 a1.1", "1 l1", "1 l1.1"]));
}

#[test]
fn g_single_by_writes_is_not_forbidden_causally() {
    // T1 appended behind T0, and T2 saw T1's other append, but not T0's.
    let found = answer(&["0 a1.1 a3.1", "1 a1.2 a2.1", "2 l2.1 l3", "3 l1.1.2"]);
    has(&found, "G-single", &SNAPSHOT);
    assert_eq!(found.violations[0].witness, [0, 1, 2, 3], "who read the order of appends belongs to it");
}

#[test]
fn g_nonadjacent() {
    let long_fork = ["0 a1.1", "1 a2.1", "2 l1.1 l2", "3 l1 l2.1"];
    has(&answer(&long_fork), "G-nonadjacent", &SNAPSHOT);
    passes(&answer(&["0 a1.1", "1 a2.1", "2 l1.1 l2", "3 l1.1 l2.1"]));
}

#[test]
fn g2_item() {
    let skew = ["0 l1 a2.1", "1 l2 a1.1"];
    has(&answer(&skew), "G2-item", &[Level::RepeatableRead]);
    let found = judge(&LIST_APPEND, &history(&skew, false), Level::SnapshotIsolation);
    assert_eq!((found.verdict, found.violations.len()), (Verdict::Pass, 0));
    assert_eq!(weakest(&found), [Level::RepeatableRead], "what is stronger is told all the same");
    passes(&answer(&["0 l1 a2.1", "1 l2.1 a1.1"]));
}

#[test]
fn an_order_of_what_nobody_read_is_searched_for() {
    let snapshot = |lines: &[&str]| judge(&LIST_APPEND, &history(lines, false), Level::SnapshotIsolation);
    // Write skew of two who both append to key 3: one has to begin when the other has committed, and would have seen it.
    let found = snapshot(&["0 l1 a2.1 a3.1", "1 l2 a1.1 a3.2"]);
    has(&found, "no-order", &SNAPSHOT);
    // Two who miss T0 and are missed by it may append to key 1 one after the other.
    passes_with_levels(&snapshot(&["0 l1 a2.1", "1 l2 a1.1", "2 l2 a1.2"]));
}

/// Passes at the required level, though a stronger one is violated.
#[track_caller]
fn passes_with_levels(answer: &Answer) {
    assert_eq!(answer.verdict, Verdict::Pass, "{:#?} {:#?}", answer.violations, answer.undecided);
    assert!(answer.levels.is_some());
}

#[test]
fn sessions_and_real_time() {
    has(&answer(&["0 a1.1", "0 a1.2", "1 l1.2.1"]), "G0-process", &[Level::Causal]);
    has(&answer(&["0 l1.1", "0 a1.1"]), "G1c-process", &[Level::Causal]);
    has(&answer(&["0 l1 a2.1", "0 l3 a4.1", "1 l2 l4.1"]), "G-single-process", &[Level::Causal]);
    has(&answer_in_time(&["0 a1.1", "1 l1"]), "G-single-realtime", &[Level::StrongSnapshotIsolation]);
    has(&answer_in_time(&["0 a1.1", "1 a1.2", "2 l1.2.1"]), "G0-realtime", &[Level::StrongSnapshotIsolation]);
    has(&answer_in_time(&["0 l1.1", "1 a1.1"]), "G1c-realtime", &[Level::StrongSnapshotIsolation]);
    passes(&answer(&["0 a1.1", "1 l1"]));
    passes(&answer_in_time(&["0 a1.1", "1 l1.1"]));
}

#[test]
fn two_adjacent_misses_with_sessions_violate_serializability_only() {
    // T0 misses T1, whose session goes on with T2, which misses T0: T0 has to be before and behind.
    let lines = ["0 l1 a2.1", "1 a1.1", "1 l2"];
    has(&answer(&lines), "G2-item-process", &[Level::StrongSessionSerializable]);
}

#[test]
fn an_unknown_outcome_binds_nothing_behind_it() {
    passes(&answer_in_time(&["?0 a1.1", "1 l1", "2 l1.1"]));
    passes(&answer(&["?0 a1.1", "0 l1", "1 l1.1"]));
    has(&answer(&["?0 a1.1", "1 l1.1", "1 l1"]), "G-single-process", &[Level::Causal]);
}

#[test]
fn real_time_is_not_told_where_times_do_not_compare() {
    let t = history(&["0 a1.1", "1 l1"], false);
    assert_eq!(judge(&LIST_APPEND, &t, Level::StrongSessionSerializable).verdict, Verdict::Pass);
    let found = judge(&LIST_APPEND, &t, Level::StrictSerializable);
    assert_eq!(found.verdict, Verdict::Unknown);
    assert!(found.undecided[0].contains("do not compare"));
}

#[test]
fn sentences_say_who_read_what_and_what_it_lacked() {
    let found = answer_in_time(&["0 a1.7", "3 l1"]);
    let sentence = &found.violations[0].sentence;
    for part in
        ["T1 of client c3 (event 10 to event 15)", "T1 read 1 → [], which lacks T0's append of 7", "ended at event 5"]
    {
        assert!(sentence.contains(part), "{sentence}");
    }
}

#[test]
fn registers_are_no_lists() {
    let recorded = crate::verify::Recorded::Transactions(history(&["0 a1.1", "1 w1.7"], false));
    let error = crate::verify::Judge::judge(&LIST_APPEND, &recorded, &Default::default()).unwrap_err();
    assert!(error.contains("T1 does `write 1 7`"), "{error}");
}
