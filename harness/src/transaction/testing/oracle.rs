//! Levels by brute force: all orders of a handful of transactions, straight from the definitions.

use super::{Op, Txn};
use crate::{history::Outcome, verify::Level};
use std::collections::HashMap;

/// Values of keys: registers, and lists.
type State = HashMap<u32, Vec<u32>>;

/// Whether the history is at the level. Transactions of unknown outcome may have taken effect or not.
pub fn holds(list: &[Txn], level: Level) -> bool {
    let sure = |txn: &&Txn| txn.outcome == Outcome::Ok;
    let unsure: Vec<&Txn> = list.iter().filter(|txn| txn.outcome == Outcome::Unknown).collect();
    (0..1u32 << unsure.len()).any(|chosen| {
        let maybe = unsure.iter().enumerate().filter(|(index, _)| chosen >> index & 1 == 1).map(|(_, txn)| *txn);
        let mut all: Vec<&Txn> = list.iter().filter(sure).chain(maybe).collect();
        all.sort_by_key(|txn| txn.call);
        match level {
            Level::ReadAtomic => arbitrated(&all, false),
            Level::Causal => arbitrated(&all, true),
            Level::SnapshotIsolation => snapshots(&all, 0),
            Level::StrongSessionSnapshotIsolation => snapshots(&all, 1),
            Level::StrongSnapshotIsolation => snapshots(&all, 2),
            Level::Serializable | Level::RepeatableRead => serial(&all, 0),
            Level::StrongSessionSerializable => serial(&all, 1),
            Level::StrictSerializable => serial(&all, 2),
            Level::ReadUncommitted | Level::ReadCommitted => unreachable!("the oracle does not know these"),
        }
    })
}

/// Whether the first has to come before the second: 0 never, 1 in its session, 2 in real time too.
fn precedes(one: &Txn, two: &Txn, scope: u8) -> bool {
    let session = one.process == two.process && one.call < two.call;
    one.outcome == Outcome::Ok && (scope >= 1 && session || scope == 2 && one.ret < two.call)
}

/// Runs a transaction on a state; none where a read does not fit.
fn run(txn: &Txn, state: &State) -> Option<State> {
    let mut state = state.clone();
    for op in &txn.ops {
        let unknown = txn.outcome == Outcome::Unknown;
        match op {
            Op::Append(key, value) => state.entry(*key).or_default().push(*value),
            Op::Write(key, value) => *state.entry(*key).or_default() = vec![*value],
            Op::List(key, list) if !unknown && state.get(key).map_or(&[][..], |list| list) != list => return None,
            Op::Read(key, value) if !unknown && state.get(key).and_then(|list| list.first()) != value.as_ref() => {
                return None;
            }
            _ => {}
        }
    }
    Some(state)
}

/// The keys that a transaction writes.
pub fn written(txn: &Txn) -> Vec<u32> {
    let key = |op: &Op| match op {
        Op::Append(key, _) | Op::Write(key, _) => Some(*key),
        _ => None,
    };
    txn.ops.iter().filter_map(key).collect()
}

fn serial(all: &[&Txn], scope: u8) -> bool {
    fn go(all: &[&Txn], scope: u8, done: u32, state: &State) -> bool {
        if done.count_ones() as usize == all.len() {
            return true;
        }
        (0..all.len()).filter(|at| done >> at & 1 == 0).any(|at| {
            let open = (0..all.len()).filter(|other| done >> other & 1 == 0 && *other != at);
            let late = open.into_iter().any(|other| precedes(all[other], all[at], scope));
            !late && run(all[at], state).is_some_and(|state| go(all, scope, done | 1 << at, &state))
        })
    }
    go(all, scope, 0, &State::new())
}

/// Transactions that have begun, with the state that they work on, and those that have committed.
struct Running<'a> {
    all: &'a [&'a Txn],
    scope: u8,
}

impl Running<'_> {
    fn go(&self, begun: &mut Vec<(usize, State)>, committed: u32, state: &State) -> bool {
        if committed.count_ones() as usize == self.all.len() {
            return true;
        }
        self.begin(begun, committed, state) || self.commit(begun, committed, state)
    }

    fn begin(&self, begun: &mut Vec<(usize, State)>, committed: u32, state: &State) -> bool {
        for at in (0..self.all.len()).filter(|at| committed >> at & 1 == 0) {
            if begun.iter().any(|(other, _)| *other == at) {
                continue;
            }
            let open = (0..self.all.len()).filter(|other| committed >> other & 1 == 0 && *other != at);
            let late = open.into_iter().any(|other| precedes(self.all[other], self.all[at], self.scope));
            let keys = written(self.all[at]);
            let conflict =
                begun.iter().any(|(other, _)| written(self.all[*other]).iter().any(|key| keys.contains(key)));
            if late || conflict {
                continue;
            }
            if let Some(own) = run(self.all[at], state) {
                begun.push((at, own));
                if self.go(begun, committed, state) {
                    return true;
                }
                begun.pop();
            }
        }
        false
    }

    fn commit(&self, begun: &mut Vec<(usize, State)>, committed: u32, state: &State) -> bool {
        for place in 0..begun.len() {
            let (at, own) = begun.remove(place);
            let mut after = state.clone();
            for key in written(self.all[at]) {
                after.insert(key, own[&key].clone());
            }
            if self.go(begun, committed | 1 << at, &after) {
                return true;
            }
            begun.insert(place, (at, own));
        }
        false
    }
}

fn snapshots(all: &[&Txn], scope: u8) -> bool {
    Running { all, scope }.go(&mut Vec::new(), 0, &State::new())
}

/// Whether there is an order of all transactions in which each reads what those that it sees wrote, in that order: those
/// that it read from; causally, all that happened before. What is read of a list begins the list of all appends.
fn arbitrated(all: &[&Txn], causal: bool) -> bool {
    let mut sees: Vec<Vec<bool>> = all.iter().map(|two| all.iter().map(|one| reads_from(two, one)).collect()).collect();
    if causal {
        for (two, row) in sees.iter_mut().enumerate() {
            for (one, seen) in row.iter_mut().enumerate() {
                *seen |= precedes(all[one], all[two], 1);
            }
        }
        for middle in 0..all.len() {
            for two in 0..all.len() {
                for one in 0..all.len() {
                    let through = sees[two][middle] && sees[middle][one];
                    sees[two][one] |= through;
                }
            }
        }
    }
    fn go(all: &[&Txn], sees: &[Vec<bool>], order: &mut Vec<usize>) -> bool {
        if order.len() == all.len() {
            let mut last = State::new();
            order.iter().for_each(|at| effect(all[*at], &mut last));
            return all.iter().all(|txn| begins(txn, &last));
        }
        for at in (0..all.len()).filter(|at| !order.contains(at)).collect::<Vec<_>>() {
            let ready = (0..all.len()).all(|other| !sees[at][other] || order.contains(&other));
            let mut state = State::new();
            for other in order.iter().filter(|other| sees[at][**other]) {
                effect(all[*other], &mut state);
            }
            if ready && run(all[at], &state).is_some() {
                order.push(at);
                if go(all, sees, order) {
                    return true;
                }
                order.pop();
            }
        }
        false
    }
    go(all, &sees, &mut Vec::new())
}

fn effect(txn: &Txn, state: &mut State) {
    for op in &txn.ops {
        match op {
            Op::Append(key, value) => state.entry(*key).or_default().push(*value),
            Op::Write(key, value) => *state.entry(*key).or_default() = vec![*value],
            _ => {}
        }
    }
}

/// Whether the lists that a transaction read are beginnings of these.
fn begins(txn: &Txn, last: &State) -> bool {
    txn.outcome != Outcome::Ok
        || txn.ops.iter().all(|op| match op {
            Op::List(key, list) => last.get(key).map_or(list.is_empty(), |last| last.starts_with(list)),
            _ => true,
        })
}

/// Whether one read what another wrote; of its own, only what it had not written yet.
fn reads_from(reader: &Txn, writer: &Txn) -> bool {
    let wrote = |key: u32, value: u32| {
        writer.ops.iter().any(|op| matches!(op, Op::Append(k, v) | Op::Write(k, v) if (*k, *v) == (key, value)))
    };
    !std::ptr::eq(reader, writer)
        && reader.outcome == Outcome::Ok
        && reader.ops.iter().any(|op| match op {
            Op::List(key, list) => list.iter().any(|value| wrote(*key, *value)),
            Op::Read(key, Some(value)) => wrote(*key, *value),
            _ => false,
        })
}
