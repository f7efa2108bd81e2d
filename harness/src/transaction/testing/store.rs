//! Stores that keep their promises, and what their clients recorded.

use super::{Op, Txn};
use crate::history::Outcome;
use std::collections::HashMap;

type State = HashMap<u32, Vec<u32>>;

/// A number below `below` from a seed that changes with it.
fn take(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

/// Runs random steps on a state.
fn steps(seed: &mut u64, lists: bool, next: &mut u32, state: &mut State) -> Vec<Op> {
    let mut ops = Vec::new();
    for _ in 0..1 + take(seed, 4) {
        let key = take(seed, 3) as u32;
        let held = state.entry(key).or_default();
        let writes = take(seed, 2) == 0;
        if writes {
            *next += 1;
            if !lists {
                held.clear();
            }
            held.push(*next);
        }
        ops.push(match (writes, lists) {
            (true, true) => Op::Append(key, *next),
            (true, false) => Op::Write(key, *next),
            (false, true) => Op::List(key, held.clone()),
            (false, false) => Op::Read(key, held.first().copied()),
        });
    }
    ops
}

/// Hides what the client of an unfinished transaction never saw.
fn hide(txn: &mut Txn) {
    txn.ops.retain(|op| !matches!(op, Op::List(..)));
    for op in &mut txn.ops {
        if let Op::Read(key, _) = *op {
            *op = Op::Unread(key);
        }
    }
}

/// One transaction after the other, each at a point within its time; times overlap. Some abort, some never answer.
pub fn serial(seeds: &[u64], lists: bool) -> Vec<Txn> {
    let (mut state, mut next) = (State::new(), 0);
    let mut free: Vec<u64> = Vec::new();
    let mut list = Vec::new();
    for (place, seed) in seeds.iter().enumerate() {
        let mut seed = *seed;
        let point = 100 + 10 * place as u64;
        let wish = take(&mut seed, 3) as usize;
        let process = if free.get(wish).is_some_and(|free| *free < point) {
            wish
        } else {
            free.push(0);
            free.len() - 1
        };
        let call = (free[process] + 1).max(point - take(&mut seed, 60));
        let ret = point + take(&mut seed, 60);
        free[process] = ret;
        let kind = take(&mut seed, 10);
        let mut after = state.clone();
        let ops = steps(&mut seed, lists, &mut next, &mut after);
        let outcome = [Outcome::Failed, Outcome::Unknown, Outcome::Unknown, Outcome::Ok][kind.min(3) as usize];
        let mut txn = Txn { process: process as u32, call, ret, outcome, ops };
        if kind > 1 {
            state = after;
        }
        if outcome != Outcome::Ok {
            hide(&mut txn);
        }
        list.push(txn);
    }
    list.sort_by_key(|txn| txn.call);
    list
}

/// A transaction that has begun: its process, when, its steps and what it saw.
struct Begun {
    process: u32,
    call: u64,
    ops: Vec<Op>,
    own: State,
    before: State,
}

/// Snapshots at the beginning, and of two that write the same the later aborts. Each seed is a beginning or a commit.
pub fn snapshots(seeds: &[u64], lists: bool) -> Vec<Txn> {
    let (mut state, mut next) = (State::new(), 0);
    let mut running: Vec<Begun> = Vec::new();
    let mut list = Vec::new();
    for (place, seed) in seeds.iter().chain(&[1; 4]).enumerate() {
        let (mut seed, now) = (*seed, 10 * place as u64);
        let begins = place < seeds.len() && (running.is_empty() || running.len() < 4 && take(&mut seed, 2) == 0);
        if begins {
            let used = |process: u32| running.iter().any(|begun| begun.process == process);
            let process = (0..4).find(|process| !used(*process)).unwrap_or(0);
            let mut own = state.clone();
            let ops = steps(&mut seed, lists, &mut next, &mut own);
            running.push(Begun { process, call: now, ops, own, before: state.clone() });
        } else if !running.is_empty() {
            let at = take(&mut seed, running.len() as u64) as usize;
            let Begun { process, call, ops, own, before } = running.remove(at);
            let mut txn = Txn { process, call, ret: now, outcome: Outcome::Ok, ops };
            let keys = super::oracle::written(&txn);
            if keys.iter().any(|key| state.get(key) != before.get(key)) {
                txn.outcome = Outcome::Failed;
                hide(&mut txn);
            } else {
                for key in keys {
                    state.insert(key, own[&key].clone());
                }
            }
            list.push(txn);
        }
    }
    list.sort_by_key(|txn| txn.call);
    list
}
