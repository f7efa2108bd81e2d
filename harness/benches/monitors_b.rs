//! How long the monitors of containers and sets take for histories of correct objects under 16 clients, and for a queue
//! that gives two values in the wrong order near the end.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::{
    history::{Builder, Function, History, Id, Invocation, Value},
    linearizability::{
        Monitor,
        monitor::{PriorityQueue, Queue, Set, Stack},
    },
    model::job_queue::JobQueue,
    verify::Judged,
};
use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    hint::black_box,
};

const CLIENTS: usize = 16;

/// A small random stream: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// The history of operations that take effect at a random time within them: `act` is told the client and a number that
/// is greater for each call, and gives function, argument and result.
fn history(
    operations: usize,
    mut act: impl FnMut(u32, u64, &mut Builder, &mut Random) -> (Function, Id, Id),
) -> History {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut free = [0u64; CLIENTS];
    let mut placed: Vec<(u64, u32, u64, u64)> = (0..operations)
        .map(|index| {
            let client = index % CLIENTS;
            let call = free[client] + random.below(200);
            let ret = call + 1 + random.below(1000);
            free[client] = ret + 1;
            (call + random.below(ret - call + 1), client as u32, call, ret)
        })
        .collect();
    placed.sort_unstable();
    let mut builder = Builder::default();
    for (number, (_, process, call, ret)) in placed.into_iter().enumerate() {
        let (function, argument, result) = act(process, number as u64, &mut builder, &mut random);
        builder.add(Invocation { process, call, function, key: Id::NONE, argument }, ret, result);
    }
    builder.finish()
}

/// A container with about a hundred values in it; `next` is the place of the one that comes out.
fn container(operations: usize, [add, take]: [Function; 2], next: fn(usize) -> usize) -> History {
    let mut values: VecDeque<Id> = VecDeque::new();
    history(operations, |_, number, builder, random| {
        if random.below(200) >= values.len() as u64 {
            let value = builder.values.int(number as i64);
            values.push_back(value);
            return (add, value, Id::NONE);
        }
        let value = values.remove(next(values.len()));
        (take, Id::NONE, value.unwrap_or(Id::NIL))
    })
}

fn queue(operations: usize) -> History {
    container(operations, [Function::Enqueue, Function::Dequeue], |_| 0)
}

/// Near the end, the last value overtakes all others, once.
fn overtaking_queue(operations: usize) -> History {
    let (mut values, mut overtaken) = (VecDeque::new(), false);
    history(operations, |_, number, builder, random| {
        if random.below(200) >= values.len() as u64 {
            let value = builder.values.int(number as i64);
            values.push_back(value);
            return (Function::Enqueue, value, Id::NONE);
        }
        let overtakes = !overtaken && number as usize > operations * 9 / 10 && values.len() > 50;
        overtaken |= overtakes;
        let place = if overtakes { values.len() - 1 } else { 0 };
        (Function::Dequeue, Id::NONE, values.remove(place).unwrap_or(Id::NIL))
    })
}

fn priority_queue(operations: usize) -> History {
    let mut values: BTreeSet<u64> = BTreeSet::new();
    history(operations, |_, number, builder, random| {
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

fn set(operations: usize) -> History {
    let mut there: HashSet<u64> = HashSet::new();
    history(operations, |_, number, builder, random| {
        let element = number / 4 - number / 4 % 3 + random.below(3);
        let (function, told) = match number % 4 {
            0 => (Function::Insert, there.insert(element)),
            3 if there.len() > 40 => (Function::Remove, there.remove(&element)),
            _ => (Function::Contains, there.contains(&element)),
        };
        (function, builder.values.int(element as i64), builder.values.intern(Value::Bool(told)))
    })
}

fn job_queue(operations: usize) -> History {
    let (mut ready, mut held) = (VecDeque::new(), vec![None; CLIENTS]);
    history(operations, |client, number, builder, random| match held[client as usize].take() {
        Some(job) => {
            if random.below(4) > 0 {
                return (Function::Complete, job, Id::NONE);
            }
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
    })
}

fn monitors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("monitors");
    group.sample_size(10);
    let stack = |operations| container(operations, [Function::Push, Function::Pop], |length| length - 1);
    type Case = (&'static str, Box<dyn Monitor>, Box<dyn Fn(usize) -> History>, bool);
    let cases: [Case; 6] = [
        ("queue", Box::new(Queue), Box::new(queue), true),
        ("queue, overtaken", Box::new(Queue), Box::new(overtaking_queue), false),
        ("stack", Box::new(Stack), Box::new(stack), true),
        ("priority queue", Box::new(PriorityQueue), Box::new(priority_queue), true),
        ("set", Box::new(Set), Box::new(set), true),
        ("job queue", Box::new(JobQueue { time_to_run: None }), Box::new(job_queue), true),
    ];
    for (name, monitor, make, legal) in cases {
        for operations in [1_000, 1_000_000] {
            let history = make(operations);
            let effective = history.effective();
            let judged = monitor.check(&history, &effective);
            assert!(if legal { judged == Judged::Legal } else { matches!(judged, Judged::Illegal(_)) }, "{judged:?}");
            group.throughput(Throughput::Elements(operations as u64));
            group.bench_function(format!("{name}, {operations}"), |bencher| {
                bencher.iter_with_large_drop(|| black_box(monitor.check(&history, &effective)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, monitors);
criterion_main!(benches);
