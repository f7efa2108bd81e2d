//! Growing sets.

use super::{answer, breaks, history, holds, judged};
use crate::{
    condition::growing::{Add, Growing, Read},
    history::PENDING,
    verdict::Verdict,
};
use proptest::prelude::*;

#[test]
fn a_lost_value_is_told_with_its_times() {
    let lines = "0 1 2 insert 7 -\n1 3 4 read - [7]\n1 5 6 read - []";
    breaks("set-full", &["value-lost"], lines);
    let answer = answer("set-full", &history(lines));
    let sentence = &answer.violations[0].sentence;
    assert_eq!(
        sentence,
        "7 is missing from the set: c0 added it, which was acknowledged at event 2, but the read by c1 at event 5 does \
         not hold it; the last read that holds it returned at event 4"
    );
    assert_eq!(answer.violations[0].witness, [0, 2]);
    breaks("set-final", &["value-lost"], lines);
}

#[test]
fn a_value_seen_and_lost_again_need_not_be_acknowledged() {
    let lines = "0 1 - insert 7 -\n1 3 4 read - [7]\n1 5 6 read - []";
    breaks("set-full", &["value-lost"], lines);
    holds("set-final", "0 1 - insert 7 -\n0 1 2 insert 8\n1 5 6 read - [8]");
}

#[test]
fn stale_reads_count_only_where_reads_have_to_be_fresh() {
    let lines = "0 1 2 insert 7 -\n1 3 4 read - []\n1 5 6 read - [7]";
    holds("set-full", lines);
    breaks("set-full-linearizable", &["stale-read"], lines);
    // The same while the addition is still on its way.
    holds("set-full-linearizable", "0 1 3 insert 7 -\n1 3 4 read - []\n1 5 6 read - [7]");
}

#[test]
fn overlapping_reads_that_differ_lose_nothing() {
    holds("set-full", "0 1 2 insert 7 -\n1 3 9 read - [7]\n2 4 5 read - []");
}

#[test]
fn repeated_and_unexpected_values_are_found() {
    breaks("set-full", &["duplicate-value"], "0 1 2 insert 7 -\n1 3 4 read - [7,7]");
    breaks("set-full", &["phantom-value"], "0 1 2 insert 7 -\n1 3 4 read - [7,8]");
    breaks("set-full", &["phantom-value"], "0 1 2 insert 7 -\n1 3 4 read - [7,8]\n0 5 6 insert 8\n1 7 8 read - [7,8]");
    breaks("set-final", &["phantom-value"], "0 1 2 insert 7 -\n0 3 !4 insert 8 -\n1 5 6 read - [7,8]");
    let failed = answer("set-final", &history("0 1 2 insert 7 -\n0 3 !4 insert 8 -\n1 5 6 read - [7,8]"));
    assert!(failed.violations[0].sentence.contains("had failed"), "{}", failed.violations[0].sentence);
}

#[test]
fn a_set_that_was_never_read_is_not_decided() {
    assert_eq!(judged("set-final", "0 1 2 insert 7 -").0, Verdict::Unknown);
    assert_eq!(judged("set-full", "0 1 2 insert 7 -").0, Verdict::Unknown);
}

#[test]
fn a_later_value_without_an_earlier_one_is_found() {
    let lines = "0 1 2 insert 7 -\n1 3 4 insert 8 -\n2 1 9 read - [8]";
    breaks("comments", &["later-without-earlier"], lines);
    holds("comments", "0 1 3 insert 7 -\n1 3 4 insert 8 -\n2 1 9 read - [8]");
}

#[test]
fn sessions_of_a_set() {
    breaks("read-your-writes", &["read-your-writes"], "0 1 2 insert 7 -\n0 3 4 read - []");
    holds("read-your-writes", "0 1 2 insert 7 -\n1 3 4 read - []\n0 5 6 read - [7]");
    breaks("monotonic-reads", &["monotonic-reads"], "0 1 2 insert 7 -\n1 3 4 read - [7]\n1 5 6 read - []");
    holds("monotonic-reads", "0 1 2 insert 7 -\n1 3 4 read - [7]\n2 5 6 read - []");
    let writes = "0 1 2 insert 7 -\n0 3 4 insert 8 -\n1 5 6 read - [8]";
    breaks("monotonic-writes", &["monotonic-writes"], writes);
    holds("monotonic-writes", &writes.replace("[8]", "[7]"));
    holds("monotonic-writes", "0 1 2 insert 7 -\n2 3 4 insert 8 -\n1 5 6 read - [8]");
}

/// Sets with few values, so that reads of random subsets miss and repeat them.
fn sets() -> impl Strategy<Value = Growing> {
    let times = || (0u64..12, 0u64..5);
    let add = (0u32..5, times(), any::<bool>());
    let read = (prop::collection::vec(0u32..6, 0..5), times());
    (prop::collection::vec(add, 0..6), prop::collection::vec(read, 0..5)).prop_map(|(adds, reads)| {
        let mut set = Growing { values: 6, ..Growing::default() };
        for (value, (call, length), acknowledged) in adds {
            let ret = if acknowledged { call + length } else { PENDING };
            set.adds.push(Add { op: 0, value, process: 0, call, ret });
        }
        for (values, (call, length)) in reads {
            set.reads.push(Read { op: 0, source: 0, call, ret: call + length, values });
        }
        set.adds.sort_by_key(|add| add.call);
        set.reads.sort_by_key(|read| read.call);
        set
    })
}

proptest! {
    #[test]
    fn timelines_are_what_their_definition_says(set in sets()) {
        for (value, line) in set.timelines().into_iter().enumerate() {
            let with = |read: &&Read| read.values.contains(&(value as u32));
            let acknowledged = set.adds.iter().filter(|add| add.value as usize == value && add.ret != PENDING).map(|add| add.ret);
            let known = acknowledged.chain(set.reads.iter().filter(with).map(|read| read.ret)).min();
            prop_assert_eq!(line.known, known);
            let absent = |read: &Read| known.is_some_and(|known| known < read.call) && !with(&read);
            let lost = set.reads.iter().any(|read| absent(read) && set.reads.iter().filter(with).all(|held| held.ret < read.call));
            prop_assert_eq!(line.is_lost(&set), lost);
            let missed = set.reads.iter().any(absent);
            prop_assert_eq!(line.is_stale(&set), missed && !lost);
            prop_assert_eq!(line.is_stable(&set), set.reads.iter().any(|read| with(&read)) && !lost);
        }
    }

    #[test]
    fn duplicates_phantoms_and_misses_are_what_their_definitions_say(set in sets()) {
        let repeated = |read: &Read| (0..6).any(|value| read.values.iter().filter(|other| **other == value).count() > 1);
        let from_nowhere = |read: &Read| read.values.iter().any(|value| set.adds.iter().all(|add| add.value != *value || add.call > read.ret));
        let reads = |wrong: &dyn Fn(&Read) -> bool| (0..set.reads.len()).filter(|read| wrong(&set.reads[*read])).collect::<Vec<_>>();
        let found = |found: Vec<(usize, u32)>| found.into_iter().map(|(read, _)| read).collect::<Vec<_>>();
        prop_assert_eq!(found(set.duplicates()), reads(&repeated));
        prop_assert_eq!(found(set.phantoms()), reads(&from_nowhere));
        for read in &set.reads {
            let missing = set.adds.iter().filter(|add| add.ret < read.call && !read.values.contains(&add.value)).count();
            prop_assert_eq!(set.missing_from(read).len(), missing);
        }
    }
}

#[test]
fn an_addition_after_the_last_read_began_is_left_open() {
    assert_eq!(judged("set-final", "1 1 2 read - []\n0 3 4 insert 7 -").0, Verdict::Unknown);
    holds("set-final", "1 1 4 read - [7]\n0 2 3 insert 7 -");
    breaks("set-final", &["value-lost"], "0 1 2 insert 6 -\n1 3 4 read - []\n0 5 6 insert 7 -");
}
