//! Counters, banks, forks, echoes and convergence.

use super::{answer, answer_with, breaks, history, holds, judged};
use crate::{
    condition::{LongFork, unique::repeats},
    history::{Clock, Id, Outcome},
    transaction::{Action, Step, Transactions},
    verdict::Verdict,
    verify::{Judge, Recorded, Settings},
};

#[test]
fn counters_stay_within_their_bounds() {
    let lines = "0 1 2 increment 3 -\n1 1 9 increment 4 -\n2 3 4 read - VALUE";
    for value in ["3", "7"] {
        holds("counter-bounds", &lines.replace("VALUE", value));
    }
    breaks("counter-bounds", &["counter-too-low"], &lines.replace("VALUE", "2"));
    breaks("counter-bounds", &["counter-too-high"], &lines.replace("VALUE", "8"));
    holds("counter-bounds", "0 1 2 increment 3 -\n1 1 - increment -4 -\n2 3 4 read - -1");
    breaks("counter-bounds", &["counter-too-low"], "0 1 2 increment 3 -\n1 1 - increment -4 -\n2 3 4 read - -2");
}

#[test]
fn an_increment_may_tell_the_value_before() {
    holds("counter-bounds", "0 1 2 increment - 0\n0 3 4 increment - 1");
    breaks("counter-bounds", &["counter-too-low"], "0 1 2 increment - 0\n0 3 4 increment - 0");
    breaks("counter-bounds", &["counter-too-high"], "0 1 2 increment - 1");
}

#[test]
fn money_is_neither_made_nor_destroyed() {
    let lines = "0 1 2 read - {\"0\":10,\"1\":0}\n0 3 4 transfer {\"from\":0,\"to\":1,\"amount\":4} -\n1 5 6 read - ";
    holds("bank", &format!("{lines} {{\"0\":6,\"1\":4}}"));
    breaks("bank", &["wrong-total"], &format!("{lines} {{\"0\":10,\"1\":4}}"));
    breaks("bank", &["unexpected-account"], &format!("{lines} {{\"0\":6,\"2\":4}}"));
    breaks("bank", &["missing-balance"], &format!("{lines} {{\"0\":10,\"1\":null}}"));
    breaks("bank", &["negative-balance"], &format!("{lines} {{\"0\":-1,\"1\":11}}"));
    holds("bank-overdrawn", &format!("{lines} {{\"0\":-1,\"1\":11}}"));
    let wrong = answer("bank", &history(&format!("{lines} {{\"0\":10,\"1\":4}}")));
    assert_eq!(
        wrong.violations[0].sentence,
        "c1 read all accounts at event 6, and the accounts add up to 14, which is 4 more than the 10 there are in the \
         first read, by c0"
    );
}

#[test]
fn the_total_of_a_bank_can_be_given() {
    let history = history("0 1 2 read - {\"0\":10,\"1\":0}");
    let with = |initial| Settings { initial, ..Settings::default() };
    assert_eq!(answer_with("bank", &history, &with(Some("10"))).verdict, Verdict::Pass);
    let wrong = answer_with("bank", &history, &with(Some("12")));
    assert_eq!((wrong.verdict, wrong.violations[0].witness.as_slice()), (Verdict::Fail, &[0][..]));
    let judge = super::JUDGES.iter().find(|judge| judge.name() == "bank").unwrap();
    assert!(judge.judge(&Recorded::Operations(history), &with(Some("[]"))).unwrap_err().contains("total"));
}

#[test]
fn forks_are_two_reads_that_cannot_both_be_right() {
    let fork = "0 1 2 read - {\"x\":1,\"y\":null}\n1 1 2 read - {\"x\":null,\"y\":1}";
    breaks("long-fork", &["long-fork"], fork);
    holds(
        "long-fork",
        "0 1 2 read - {\"x\":1,\"y\":null}\n1 1 2 read - {\"x\":1,\"y\":1}\n2 1 2 read - {\"x\":null,\"y\":null}",
    );
    breaks(
        "long-fork",
        &["long-fork"],
        "0 1 2 read - [[\"r\",0,1],[\"r\",1,null]]\n1 1 2 read - [[\"r\",1,1],[\"r\",0,null]]",
    );
    let twice = "0 1 2 read - {\"x\":1,\"y\":1}\n1 1 2 read - {\"x\":2,\"y\":1}";
    assert_eq!(judged("long-fork", twice).0, Verdict::Unknown);
    let group = LongFork { group: Some(3) }.judge(&Recorded::Operations(history(fork)), &Settings::default());
    assert!(group.unwrap_err().contains("reads 2 keys"));
}

#[test]
fn forks_are_found_among_transactions() {
    let fork = |second: Option<u32>| {
        let mut transactions = Transactions { clock: Clock::Order, ..Transactions::default() };
        let id = |number: Option<u32>| number.map_or(Id::NIL, |number| Id::small(number).unwrap());
        for (process, values) in [(0, [Some(1), None]), (1, [second, Some(1)])] {
            transactions.push(process, 1, 2, Outcome::Ok);
            for (key, value) in values.into_iter().enumerate() {
                transactions.step(Step { action: Action::Read, key: id(Some(key as u32)), value: id(value) });
            }
        }
        LongFork { group: Some(2) }.judge(&Recorded::Transactions(transactions), &Settings::default()).unwrap()
    };
    assert_eq!(fork(None).verdict, Verdict::Fail);
    assert_eq!(fork(None).violations[0].witness, [0, 1]);
    assert_eq!(fork(Some(1)).verdict, Verdict::Pass);
}

#[test]
fn echoes_come_back_unchanged() {
    holds("echo", "0 1 2 echo [1,\"a\"] [1,\"a\"]");
    breaks("echo", &["changed-echo"], "0 1 2 echo [1,\"a\"] [1,\"b\"]");
    breaks("echo", &["changed-echo"], "0 1 2 echo 1 -");
    assert_eq!(judged("echo", "0 1 - echo 1 -").0, Verdict::Unknown);
}

#[test]
fn everybody_agrees_in_the_end() {
    let lines = "0 1 2 write 5 -\n1 3 4 read - 4\n1 5 6 read - 5\n2 7 8 read - VALUE";
    holds("convergence", &lines.replace("VALUE", "5"));
    breaks("convergence", &["diverged"], &lines.replace("VALUE", "4"));
    // A write that was never answered may come in between.
    holds("convergence", &format!("{}\n3 1 - write 4 -\n3 9 10 read - 5", lines.replace("VALUE", "4")));
    holds("convergence", "0 1 2 insert 5 -\n0 3 4 insert 6 -\n1 5 6 read - [5,6]\n2 5 6 read - [6,5]");
    breaks("convergence", &["diverged"], "0 1 2 append 5 -\n0 3 4 append 6 -\n1 5 6 read - [5,6]\n2 5 6 read - [6,5]");
    breaks("convergence", &["diverged"], "0 1 2 insert 5 -\n0 3 4 insert 6 -\n1 5 6 read - [5,6]\n2 5 6 read - [6]");
    assert_eq!(judged("convergence", "0 1 2 write 5 -\n1 3 4 read - 4").0, Verdict::Unknown);
}

#[test]
fn what_an_open_update_can_have_done_is_held_against_nobody() {
    let reads = |update: &str, first: &str, second: &str| {
        format!("0 1 2 write 5 -\n3 3 - {update} -\n1 5 6 read - {first}\n2 7 8 read - {second}")
    };
    assert_eq!(judged("convergence", &reads("delete -", "5", "null")).0, Verdict::Unknown, "one view is left");
    breaks("convergence", &["diverged"], &reads("delete -", "5", "6"));
    assert_eq!(judged("convergence", &reads("increment 4", "5", "9")).0, Verdict::Unknown);
    holds("convergence", &reads("increment 4", "5", "5"));
    assert_eq!(judged("convergence", &reads("append \"b\"", "\"a\"", "\"ab\"")).0, Verdict::Unknown);
    breaks("convergence", &["diverged"], &reads("append 7", "[5]", "[6,7]"));
}

#[test]
fn repeats_name_the_first_time_and_each_time_again() {
    let repeats = repeats([0, 1, 0, 2, 0].into_iter().enumerate()).collect::<Vec<_>>();
    assert_eq!(repeats, [(0, 2), (0, 4)]);
}
