//! Logs: correct ones, and one defect at a time put into them.

use super::{answer, breaks, history, holds, judged};
use crate::{
    history::{Builder, Function, History, Id, Invocation, Outcome, Value},
    verdict::Verdict,
};
use proptest::prelude::*;
use std::collections::HashMap;

#[test]
fn a_message_that_nobody_received_is_lost() {
    let lines = "0 1 2 send 70 0\n0 3 4 send 71 1\n1 5 6 poll-log - [[1,71]]\n1 7 8 commit 1 -";
    breaks("log", &["lost-write", "skip"], lines);
    let answer = answer("log", &history(lines));
    assert_eq!(
        answer.violations[0].sentence,
        "c0 sent 70 to the log and was told offset 0 at event 2; nobody ever received it, though c1 received what stands \
         behind it at event 6"
    );
    holds("log", "0 1 2 send 70 0\n0 3 4 send 71 1\n1 5 6 poll-log - [[0,70]]");
}

#[test]
fn what_is_skipped_was_known_and_not_committed() {
    let begin = "0 1 2 send 70 0\n0 3 4 send 71 1\n0 5 6 send 72 2\n1 7 8 poll-log - [[0,70],[1,71],[2,72]]\n";
    breaks("log", &["skip"], &format!("{begin}2 9 10 poll-log - [[1,71]]"));
    breaks("log", &["skip"], &format!("{begin}2 9 10 poll-log - [[0,70]]\n2 11 12 poll-log - [[2,72]]"));
    breaks("log", &["skip"], &format!("{begin}2 9 10 poll-log - [[0,70],[2,72]]"));
    holds("log", &format!("{begin}1 9 10 commit 0 -\n2 11 12 poll-log - [[1,71]]"));
    // A message that was on its way may be seen later.
    holds("log", "0 1 9 send 70 0\n0 10 11 send 71 1\n1 9 12 poll-log - [[1,71]]\n2 10 13 poll-log - [[0,70]]");
}

#[test]
fn consumption_resumes_at_or_before_the_commit() {
    let begin = "0 1 2 send 70 0\n0 3 4 send 71 1\n0 5 6 send 72 2\n1 7 8 poll-log - [[0,70],[1,71],[2,72]]\n1 9 10 commit 0 -\n2 11 12 committed - 0\n";
    holds("log", &format!("{begin}2 13 14 poll-log - [[1,71],[2,72]]"));
    holds("log", &format!("{begin}2 13 14 poll-log - [[0,70],[1,71],[2,72]]"));
    breaks("log", &["skip"], &format!("{begin}2 13 14 poll-log - [[2,72]]"));
    let skip = answer("log", &history(&format!("{begin}2 13 14 poll-log - [[2,72]]")));
    assert!(skip.violations[0].sentence.contains("after a restart behind the committed offset 0"));
}

#[test]
fn committed_offsets_never_go_back() {
    holds("log", "1 1 2 commit 3 -\n2 3 4 committed - 3");
    breaks("log", &["commit-lost"], "1 1 2 commit 3 -\n2 3 4 committed - null");
    breaks("log", &["commit-lost"], "1 1 2 commit 2 -\n1 3 4 commit 3 -\n2 5 6 committed - 2");
    breaks("log", &["commit-lost"], "1 1 - commit 3 -\n2 3 4 committed - 3\n2 5 6 committed - null");
    breaks("log", &["phantom-commit"], "1 1 2 commit 3 -\n2 3 4 committed - 4");
    holds("log", "1 1 - commit 3 -\n2 3 4 committed - null\n2 5 6 committed - 3");
}

#[test]
fn an_offset_holds_one_message_and_a_message_one_offset() {
    breaks("log", &["inconsistent-offset"], "0 1 2 send 70 0\n1 3 4 send 71 0\n2 5 6 poll-log - [[0,70]]");
    breaks("log", &["duplicate"], "0 1 2 send 70 0\n2 5 6 poll-log - [[0,70],[1,70]]");
    holds("log", "0 1 2 send 70 0\n0 3 4 send 70 1\n2 5 6 poll-log - [[0,70],[1,70]]");
}

#[test]
fn sends_polls_and_messages_come_in_order_and_from_somewhere() {
    breaks("log", &["nonmonotonic-send"], "0 1 2 send 70 1\n0 3 4 send 71 0\n2 5 6 poll-log - [[0,71],[1,70]]");
    breaks(
        "log",
        &["nonmonotonic-poll"],
        "0 1 2 send 70 0\n0 3 4 send 71 1\n2 5 6 poll-log - [[1,71],[0,70]]"
            .replace("[[1,71],[0,70]]", "[[0,70],[1,71],[0,70]]")
            .as_str(),
    );
    breaks("log", &["nonmonotonic-poll"], "0 1 2 send 70 0\n2 3 4 poll-log - [[0,70]]\n2 5 6 poll-log - [[0,70]]");
    holds("log", "0 1 2 send 70 0\n2 3 4 poll-log - [[0,70]]\n2 5 6 committed - null\n2 7 8 poll-log - [[0,70]]");
    breaks("log", &["phantom-message"], "0 1 2 send 70 0\n2 3 4 poll-log - [[0,70],[1,99]]");
    breaks("log", &["phantom-message"], "0 1 !2 send 70 -\n2 3 4 poll-log - [[0,70]]");
    breaks("log", &["phantom-message"], "2 3 4 poll-log - [[0,70]]\n0 5 6 send 70 0");
}

#[test]
fn nothing_received_decides_nothing() {
    assert_eq!(judged("log", "0 1 2 send 70 0").0, Verdict::Unknown);
}

/// A log that does what it should, one operation after the other.
#[derive(Default)]
struct Correct {
    messages: Vec<u32>,
    committed: Option<u32>,
    positions: HashMap<u32, u32>,
    builder: Builder,
    time: u64,
}

impl Correct {
    fn step(&mut self, process: u32, what: u32, answered: bool) {
        let small = |number: u32| Id::small(number).unwrap();
        let position = self.positions.get(&process).copied();
        let (function, argument, result) = match what {
            0 | 1 => {
                self.messages.push(100 + self.messages.len() as u32);
                let offset = self.messages.len() as u32 - 1;
                (Function::Send, small(self.messages[offset as usize]), small(offset))
            }
            2 | 3 => {
                let from = position.unwrap_or_else(|| self.committed.map_or(0, |offset| offset + 1)) as usize;
                let until = (from + 2).min(self.messages.len());
                let pairs = (from..until).map(|offset| {
                    self.builder.values.intern(Value::List([small(offset as u32), small(self.messages[offset])].into()))
                });
                let list = pairs.collect();
                if answered && until > from {
                    self.positions.insert(process, until as u32);
                }
                (Function::Receive, Id::NONE, self.builder.values.intern(Value::List(list)))
            }
            4 => match position.and_then(|position| position.checked_sub(1)) {
                None => return,
                Some(last) => {
                    self.committed = self.committed.max(Some(last));
                    (Function::Commit, small(last), Id::NONE)
                }
            },
            _ => {
                if answered {
                    self.positions.insert(process, self.committed.map_or(0, |offset| offset + 1));
                }
                (Function::Committed, Id::NONE, self.committed.map_or(Id::NIL, small))
            }
        };
        self.time += 2;
        let call = Invocation { process, call: self.time, function, key: Id::NONE, argument };
        let ticket = self.builder.invoke(call);
        if answered {
            self.builder.complete(ticket, self.time + 1, Outcome::Ok, result);
        }
    }
}

fn correct() -> impl Strategy<Value = History> {
    prop::collection::vec((0u32..4, 0u32..6, prop::bool::weighted(0.9)), 0..40).prop_map(|steps| {
        let mut log = Correct::default();
        steps.into_iter().for_each(|(process, what, answered)| log.step(process, what, answered));
        log.builder.finish()
    })
}

/// The history with one answer changed.
fn with_result(history: &History, index: u32, change: impl Fn(&mut Builder) -> Id) -> History {
    let mut builder = Builder::default();
    builder.values = history.values.clone();
    let changed = change(&mut builder);
    for (at, op) in history.iter().enumerate() {
        let call = Invocation {
            process: op.process,
            call: op.call,
            function: op.function,
            key: op.key,
            argument: op.argument,
        };
        let ticket = builder.invoke(call);
        builder.complete(ticket, op.ret, op.outcome, if at as u32 == index { changed } else { op.result });
    }
    builder.finish()
}

proptest! {
    #[test]
    fn a_correct_log_is_accepted(history in correct()) {
        let answer = answer("log", &history);
        prop_assert!(answer.violations.is_empty(), "{:?}", answer.violations);
    }

    /// Each answer of a correct log replaced by one that its state contradicts.
    #[test]
    fn a_wrong_answer_is_found(history in correct(), at in any::<prop::sample::Index>()) {
        let rules = |index: u32| {
            let op = history.get(index);
            let received = history.values.as_list(op.result).map(<[Id]>::len);
            match (op.outcome, op.function, received) {
                (Outcome::Ok, Function::Committed, _) => Some("phantom-commit"),
                (Outcome::Ok, Function::Receive, Some(2)) => Some("nonmonotonic-poll"),
                (Outcome::Ok, Function::Receive, _) => Some("phantom-message"),
                _ => None,
            }
        };
        let answers: Vec<u32> = (0..history.len() as u32).filter(|index| rules(*index).is_some()).collect();
        if answers.is_empty() {
            return Ok(());
        }
        let index = answers[at.index(answers.len())];
        let (op, rule) = (history.get(index), rules(index).unwrap());
        let list = history.values.as_list(op.result).map(<[Id]>::to_vec);
        let changed = with_result(&history, index, |builder| match (op.function, &list) {
            (Function::Receive, Some(list)) if list.len() == 2 => builder.values.intern(Value::List([list[1], list[0]].into())),
            (Function::Receive, _) => {
                let pair = [builder.values.int(1000), builder.values.int(9999)];
                let pair = builder.values.intern(Value::List(pair.into()));
                builder.values.intern(Value::List([pair].into()))
            }
            _ => builder.values.int(9999),
        });
        let found: Vec<_> = answer("log", &changed).violations.iter().map(|violation| violation.rule).collect();
        prop_assert!(found.contains(&rule), "{:?} and not {}", found, rule);
    }
}
