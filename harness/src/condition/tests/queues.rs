//! Queues that are emptied, and deliveries.

use super::{answer, breaks, history, holds, judged};
use crate::verdict::Verdict;

#[test]
fn what_never_comes_out_is_lost() {
    let lines = "0 1 2 enqueue 7 -\n0 3 4 enqueue 8 -\n1 5 6 dequeue - 8";
    breaks("total-queue", &["value-lost"], lines);
    breaks("exactly-once", &["value-lost"], lines);
    let answer = answer("total-queue", &history(lines));
    assert_eq!(answer.violations[0].witness, [0]);
    assert_eq!(
        answer.violations[0].sentence,
        "c0 put 7 into the queue, acknowledged at event 2; it was never taken out"
    );
}

#[test]
fn a_dequeue_without_an_answer_may_have_taken_one() {
    let lines = "0 1 2 enqueue 7 -\n1 5 - dequeue - -";
    holds("total-queue", lines);
    breaks("total-queue", &["value-lost"], &format!("{lines}\n0 3 4 enqueue 8 -"));
}

#[test]
fn what_was_never_put_in_is_unexpected() {
    breaks("total-queue", &["unexpected-value"], "0 1 2 enqueue 7 -\n1 3 4 dequeue - 7\n1 5 6 dequeue - 9");
    breaks(
        "total-queue",
        &["unexpected-value"],
        "0 1 2 enqueue 7 -\n1 3 4 dequeue - 7\n0 1 !2 enqueue 9 -\n1 5 6 dequeue - 9",
    );
}

#[test]
fn a_refused_completion_delivers_nothing() {
    let lines = "0 1 2 enqueue 7 -\n1 3 4 reserve - 7\n1 5 6 complete 7 ";
    holds("total-queue", &format!("{lines}true"));
    breaks("total-queue", &["value-lost"], &format!("{lines}false"));
    holds("exactly-once", &format!("{lines}-\n2 7 8 complete 7 false"));
}

#[test]
fn duplicates_are_allowed_unless_delivery_is_exactly_once() {
    let lines = "0 1 2 enqueue 7 -\n1 3 4 dequeue - 7\n2 5 6 dequeue - 7";
    holds("total-queue", lines);
    breaks("exactly-once", &["duplicate-delivery"], lines);
    holds("exactly-once", &format!("{lines}\n0 1 2 enqueue 7 -"));
    holds(
        "exactly-once",
        "0 1 - enqueue 7 -\n0 1 2 enqueue 8 -\n1 3 4 dequeue - 7\n1 5 6 dequeue - 8\n1 7 8 dequeue - null",
    );
}

#[test]
fn a_delivery_before_the_sending_is_found() {
    breaks("exactly-once", &["early-delivery"], "1 1 2 dequeue - 7\n0 3 4 enqueue 7 -");
    holds("exactly-once", "1 1 3 dequeue - 7\n0 3 4 enqueue 7 -");
}

#[test]
fn a_job_that_is_handed_out_again_counts_when_it_is_completed() {
    let lines = "0 1 2 enqueue 7 -\n1 3 4 reserve - 7\n2 5 6 reserve - 7\n2 7 8 complete 7 -";
    holds("exactly-once", lines);
    breaks("exactly-once", &["duplicate-delivery"], &format!("{lines}\n1 9 10 complete 7 -"));
}

#[test]
fn a_completion_without_an_answer_may_have_happened() {
    let lines = "0 1 2 enqueue 7 -\n1 3 4 reserve - 7\n1 5 - complete 7 -";
    holds("exactly-once", lines);
    breaks("exactly-once", &["value-lost"], &format!("{lines}\n0 1 2 enqueue 8 -"));
}

#[test]
fn a_list_of_elements_is_taken_out_at_once() {
    holds("total-queue", "0 1 2 enqueue 7 -\n0 3 4 enqueue 8 -\n1 5 6 dequeue - [7,8]");
    breaks("total-queue", &["value-lost"], "0 1 2 enqueue 7 -\n0 3 4 enqueue [7] -\n1 5 6 dequeue - [7]");
}

#[test]
fn an_empty_queue_proves_nothing() {
    assert_eq!(judged("total-queue", "1 3 4 dequeue - null").0, Verdict::Unknown);
}
