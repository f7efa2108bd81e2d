//! Locks with fencing tokens, which grow from each holder to the next.
//!
//! The tokens tell the order of the holds, so that only this order has to be tried: O(n log n). What is not covered says
//! `holds`; besides, locks whose acquires were told a token only now and then.

use super::{
    chain::{self, Fault, INITIAL, Version},
    holds::{self, Hold, Stop, holds},
    words,
};
use crate::{
    history::History,
    linearizability::Monitor,
    verify::{Judged, Violation},
};

/// A lock with fencing tokens that only its holder may release.
#[derive(Debug, Clone, Copy, Default)]
pub struct FencedMutex;

impl Monitor for FencedMutex {
    fn method(&self) -> &'static str {
        "order of tokens"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        let holds = match holds(history, operations, false) {
            Ok(holds) => holds,
            Err(Stop::NotCovered(reason)) => return Judged::NotCovered(reason),
            Err(Stop::Illegal(violation)) => return Judged::Illegal(violation),
        };
        let token = |hold: &Hold| history.values.as_int(history.get(hold.acquire).result);
        let mut order = Vec::with_capacity(holds.len());
        for hold in &holds {
            match token(hold) {
                Some(token) => order.push((token, hold)),
                None => return Judged::NotCovered("an acquire has no token"),
            }
        }
        order.sort_by_key(|(token, _)| *token);
        if let Some(pair) = order.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Judged::illegal(same_token(history, pair[0].1, pair[1].1));
        }
        match chain::fault(&versions(history, &order)) {
            Some(Fault::Backwards(earlier, later)) => {
                Judged::illegal(not_greater(history, order[earlier - 1].1, order[later - 1].1))
            }
            _ => Judged::Legal,
        }
    }
}

/// The holds as versions that follow each other.
fn versions(history: &History, order: &[(i64, &Hold)]) -> Vec<Version> {
    let mut versions = vec![Version::new()];
    for (index, (_, hold)) in order.iter().enumerate() {
        let begins = history.get(hold.acquire).call;
        versions.push(Version { maker: hold.acquire, after: (INITIAL + index) as u32, begins, zone: hold.zone });
    }
    versions
}

fn same_token(history: &History, a: &Hold, b: &Hold) -> Violation {
    let name = |hold: &Hold| history.process_name(history.get(hold.acquire).process);
    let sentence = format!(
        "{} and {} were both given the token {}: the one {}, the other {}",
        name(a),
        name(b),
        words::value(history, history.get(a.acquire).result),
        words::when(history, a.acquire),
        words::when(history, b.acquire)
    );
    violation("same-token", sentence, [a, b])
}

fn not_greater(history: &History, smaller: &Hold, greater: &Hold) -> Violation {
    let name = |hold: &Hold| history.process_name(history.get(hold.acquire).process);
    let token = |hold: &Hold| words::value(history, history.get(hold.acquire).result);
    let over = words::at(history, greater.zone.first_return);
    if greater.zone.first_return < history.get(smaller.acquire).call {
        let sentence = format!(
            "{} was given the token {} {}, but {} had been given the greater {} before, at {over}",
            name(smaller),
            token(smaller),
            words::when(history, smaller.acquire),
            name(greater),
            token(greater)
        );
        return violation("token-not-greater", sentence, [smaller, greater]);
    }
    let sentence = format!(
        "{} held the lock with the token {} at {over}, but {} with the smaller token {} had not released it by then: {}",
        name(greater),
        token(greater),
        name(smaller),
        token(smaller),
        holds::lasted(history, smaller)
    );
    violation("both-held", sentence, [smaller, greater])
}

fn violation(rule: &'static str, sentence: String, holds: [&Hold; 2]) -> Violation {
    let mut witness: Vec<u32> = holds.into_iter().flat_map(Hold::operations).collect();
    witness.sort_unstable();
    Violation { rule, sentence, witness, ..Violation::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        linearizability::{
            monitor::{
                mutex::tests::histories,
                testing::{Call, agrees, assert_both_occur, judge},
            },
            testing::Word,
        },
        model::{self, mutex::Kind},
    };
    use proptest::prelude::*;

    /// Mostly growing tokens; now and then none, or one that was there.
    fn token(round: u32, call: &Call) -> Word {
        match call.lie {
            Some(0) if call.number == 0 => Word::Nil,
            Some(lie) => Word::Int(lie),
            None => Word::Int(2 * i64::from(round)),
        }
    }

    #[test]
    fn histories_of_both_kinds_are_tried() {
        assert_both_occur(&FencedMutex, histories(7, token));
    }

    proptest! {
        #[test]
        fn agrees_with_the_search_and_no_hold_can_be_dropped(history in histories(10, token)) {
            let model = model::Mutex { kind: Kind::Fenced };
            if let Some(violation) = agrees(&FencedMutex, &model, &history)? {
                let process = |op: u32| history.get(op).process;
                for dropped in violation.witness.iter().map(|op| process(*op)) {
                    let rest: Vec<u32> = violation.witness.iter().copied().filter(|op| process(*op) != dropped).collect();
                    prop_assert!(judge(&model, &history, &rest), "{dropped} can be dropped from {violation:?}");
                }
            }
        }
    }
}
