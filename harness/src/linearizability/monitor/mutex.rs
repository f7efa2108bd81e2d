//! Locks that only their holder may release: plain and reentrant ones.
//!
//! A hold, from an acquire to the release that ends it, is a block of operations that no other operation may come into,
//! so that holds can be put in order exactly when no two of them must each come before the other (see `zones`; Gibbons
//! & Korach, SIAM J. Comput. 26(4), 1997). O(n log n). What is not covered says `holds`.

use super::{
    holds::{self, Hold, Stop, holds},
    zones::{Conflict, Zone, conflict},
};
use crate::{
    history::History,
    linearizability::Monitor,
    verify::{Judged, Violation},
};

/// A lock that only its holder may release.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mutex {
    /// Whether its holder may acquire it again, and then has to release it as often.
    pub reentrant: bool,
}

impl Monitor for Mutex {
    fn method(&self) -> &'static str {
        "zones of holds"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        let holds = match holds(history, operations, self.reentrant) {
            Ok(holds) => holds,
            Err(Stop::NotCovered(reason)) => return Judged::NotCovered(reason),
            Err(Stop::Illegal(violation)) => return Judged::Illegal(violation),
        };
        let zones: Vec<Zone> = holds.iter().map(|hold| hold.zone).collect();
        match conflict(None, &zones) {
            Some(Conflict::Pair(a, b)) => Judged::illegal(both_held(history, &holds[a], &holds[b])),
            _ => Judged::Legal,
        }
    }
}

fn both_held(history: &History, a: &Hold, b: &Hold) -> Violation {
    let sentence =
        format!("two held the lock at the same time: {}, and {}", holds::lasted(history, a), holds::lasted(history, b));
    let mut witness: Vec<u32> = a.operations().chain(b.operations()).collect();
    witness.sort_unstable();
    Violation { rule: "both-held", sentence, witness, ..Violation::default() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{self, mutex::Kind};
    use crate::{
        history::{Builder, Function, Id, Invocation, Outcome},
        linearizability::{
            monitor::testing::{Call, agrees, assert_both_occur, calls, judge},
            testing::Word,
        },
    };
    use proptest::prelude::*;

    /// Histories of processes that hold a lock by turns, and now and then do what they should not; each operation takes
    /// effect somewhere in its time. `result` is what an acquire gives, by the round.
    pub(in super::super) fn histories(most: usize, result: fn(u32, &Call) -> Word) -> impl Strategy<Value = History> {
        calls(most).prop_map(move |calls| {
            let (mut builder, mut now, mut holder) = (Builder::default(), 4, None);
            // By client: its process, and when it is free again.
            let mut clients = [(0, 0), (1, 0), (2, 0), (3, 0)];
            for (round, call) in calls.iter().enumerate() {
                let wild = call.lie.is_some();
                let client = holder.filter(|_| !wild).unwrap_or(call.choice as usize % 4);
                let (process, free) = &mut clients[client];
                let acquires = if wild { call.number % 2 == 0 } else { holder.is_none() };
                let began = (now - call.choice as u64 / 4 % 4).max(*free);
                now = now.max(began);
                let ret = now + call.number as u64;
                let function = if acquires { Function::Acquire } else { Function::Release };
                let result = if acquires { result(round as u32, call) } else { Word::None };
                let (key, argument) = (Id::NONE, Id::NONE);
                let ticket = builder.invoke(Invocation { process: *process, call: began, function, key, argument });
                *free = ret + 1;
                holder = acquires.then_some(client);
                if call.choice < 92 {
                    let result = result.intern(&mut builder.values);
                    builder.complete(ticket, ret, Outcome::Ok, result);
                } else {
                    // The client goes on as another process, which holds nothing.
                    *process += 4;
                    holder = None;
                }
                now += u64::from(call.choice % 3);
            }
            builder.finish()
        })
    }

    fn no_token(_: u32, _: &Call) -> Word {
        Word::None
    }

    #[test]
    fn histories_of_both_kinds_are_tried() {
        assert_both_occur(&Mutex { reentrant: false }, histories(7, no_token));
        assert_both_occur(&Mutex { reentrant: true }, histories(7, no_token));
    }

    proptest! {
        #[test]
        fn agrees_with_the_search_and_no_hold_can_be_dropped(history in histories(10, no_token), reentrant in prop::bool::ANY) {
            let model = model::Mutex { kind: if reentrant { Kind::Reentrant } else { Kind::Owned } };
            if let Some(violation) = agrees(&Mutex { reentrant }, &model, &history)? {
                let process = |op: u32| history.get(op).process;
                for dropped in violation.witness.iter().map(|op| process(*op)) {
                    let rest: Vec<u32> = violation.witness.iter().copied().filter(|op| process(*op) != dropped).collect();
                    prop_assert!(judge(&model, &history, &rest), "{dropped} can be dropped from {violation:?}");
                }
            }
        }
    }
}
