//! Histories of objects under concurrent clients, made: correct ones, and some that go wrong near their end.
//!
//! Each operation takes effect at a random time within itself, and clients call again soon after they were answered. The
//! same arguments make the same history.

#![allow(dead_code, unused_imports, reason = "not every benchmark needs every history")]

mod lists;

pub use lists::lists;

use harness::history::{Builder, Function, History, Id, Invocation, Value};
use std::collections::{BTreeSet, HashSet, VecDeque};

/// Clients of the histories that do not say how many they have.
const CLIENTS: usize = 16;

/// A small random stream: xorshift.
pub struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A history of `operations`: `act` is told the client and a number that is greater for each operation, in the order in
/// which they take effect, and gives function, argument and result.
fn history(
    operations: usize,
    clients: usize,
    mut builder: Builder,
    mut act: impl FnMut(u32, u64, &mut Builder, &mut Random) -> (Function, Id, Id),
) -> History {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut free = vec![0; clients];
    let mut placed: Vec<(u64, u32, u64, u64)> = (0..operations)
        .map(|index| {
            let client = index % clients;
            let call = free[client] + random.below(200);
            let ret = call + 1 + random.below(1000);
            free[client] = ret + 1;
            (call + random.below(ret - call + 1), client as u32, call, ret)
        })
        .collect();
    placed.sort_unstable();
    for (number, (_, process, call, ret)) in placed.into_iter().enumerate() {
        let (function, argument, result) = act(process, number as u64, &mut builder, &mut random);
        builder.add(Invocation { process, call, function, key: Id::NONE, argument }, ret, result);
    }
    builder.finish()
}

/// A register with as many reads as writes of ever new values.
pub fn register(operations: usize, clients: usize) -> History {
    registers(operations, clients, 0, false)
}

/// The same, but one read near the end returns the initial value; `lost` writes at the beginning are never answered.
pub fn stale_register(operations: usize, clients: usize, lost: u32) -> History {
    registers(operations, clients, lost, true)
}

fn registers(operations: usize, clients: usize, lost: u32, stale: bool) -> History {
    let mut builder = Builder::default();
    for number in 0..lost {
        let argument = builder.values.int(-1 - i64::from(number));
        let process = clients as u32 + number;
        builder.invoke(Invocation { process, call: 0, function: Function::Write, key: Id::NONE, argument });
    }
    let (mut held, mut spoilt) = (Id::NIL, !stale);
    history(operations, clients, builder, |_, number, builder, random| {
        if random.below(2) == 0 {
            held = builder.values.int(number as i64);
            return (Function::Write, held, Id::NONE);
        }
        let spoils = !spoilt && number as usize > operations * 9 / 10;
        spoilt |= spoils;
        (Function::Read, Id::NONE, if spoils { Id::NIL } else { held })
    })
}

/// A register whose values are replaced by read-modify-writes.
pub fn replaced_register(operations: usize) -> History {
    let mut held = Id::NIL;
    history(operations, CLIENTS, Builder::default(), |_, number, builder, _| {
        let new = builder.values.int(number as i64);
        (Function::ReadModifyWrite, new, std::mem::replace(&mut held, new))
    })
}

/// A text that is appended to, put now and then, and read.
pub fn appended(operations: usize) -> History {
    let mut held = String::new();
    history(operations, CLIENTS, Builder::default(), |client, number, builder, random| {
        let part = format!("x {client} {number} y");
        match random.below(40) {
            0 => {
                held.clone_from(&part);
                (Function::Write, builder.values.text(&part), Id::NONE)
            }
            1..20 => {
                held += &part;
                (Function::Append, builder.values.text(&part), Id::NONE)
            }
            _ => (Function::Read, Id::NONE, builder.values.text(&held)),
        }
    })
}

/// A container with about a hundred values in it; `next` is told the number of the operation and how many values there
/// are, and gives the place of the one that comes out.
fn container(operations: usize, [add, take]: [Function; 2], mut next: impl FnMut(usize, usize) -> usize) -> History {
    let mut values: VecDeque<Id> = VecDeque::new();
    history(operations, CLIENTS, Builder::default(), |_, number, builder, random| {
        if random.below(200) >= values.len() as u64 {
            let value = builder.values.int(number as i64);
            values.push_back(value);
            return (add, value, Id::NONE);
        }
        let value = values.remove(next(number as usize, values.len()));
        (take, Id::NONE, value.unwrap_or(Id::NIL))
    })
}

/// A queue.
pub fn queue(operations: usize) -> History {
    container(operations, [Function::Enqueue, Function::Dequeue], |_, _| 0)
}

/// A queue in which, near the end, the last value overtakes all others, once.
pub fn overtaken_queue(operations: usize) -> History {
    let mut overtaken = false;
    container(operations, [Function::Enqueue, Function::Dequeue], |number, length| {
        let overtakes = !overtaken && number > operations * 9 / 10 && length > 50;
        overtaken |= overtakes;
        if overtakes { length - 1 } else { 0 }
    })
}

/// A stack.
pub fn stack(operations: usize) -> History {
    container(operations, [Function::Push, Function::Pop], |_, length| length.saturating_sub(1))
}

/// A queue that gives the greatest value first.
pub fn priority_queue(operations: usize) -> History {
    let mut values: BTreeSet<u64> = BTreeSet::new();
    history(operations, CLIENTS, Builder::default(), |_, number, builder, random| {
        if random.below(200) >= values.len() as u64 {
            // Distinct, in no order.
            let value = random.below(1000) << 20 | number;
            values.insert(value);
            return (Function::Insert, builder.values.int(value as i64), Id::NONE);
        }
        let greatest = values.pop_last();
        (Function::Poll, Id::NONE, greatest.map_or(Id::NIL, |value| builder.values.int(value as i64)))
    })
}

/// A set.
pub fn set(operations: usize) -> History {
    let mut there: HashSet<u64> = HashSet::new();
    history(operations, CLIENTS, Builder::default(), |_, number, builder, random| {
        let element = number / 4 - number / 4 % 3 + random.below(3);
        let (function, told) = match number % 4 {
            0 => (Function::Insert, there.insert(element)),
            3 if there.len() > 40 => (Function::Remove, there.remove(&element)),
            _ => (Function::Contains, there.contains(&element)),
        };
        (function, builder.values.int(element as i64), builder.values.intern(Value::Bool(told)))
    })
}

/// A queue of jobs: reserved, and then completed or given back.
pub fn job_queue(operations: usize) -> History {
    let (mut ready, mut held) = (VecDeque::new(), vec![None; CLIENTS]);
    history(operations, CLIENTS, Builder::default(), |client, number, builder, random| {
        match held[client as usize].take() {
            Some(job) if random.below(4) > 0 => (Function::Complete, job, Id::NONE),
            Some(job) => {
                ready.push_back(job);
                (Function::GiveBack, job, Id::NONE)
            }
            None if random.below(2) == 0 => {
                let job = builder.values.int(number as i64);
                ready.push_back(job);
                (Function::Enqueue, job, Id::NONE)
            }
            None => {
                held[client as usize] = ready.pop_front();
                (Function::Reserve, Id::NONE, held[client as usize].unwrap_or(Id::NIL))
            }
        }
    })
}
