//! Benchmarks of conditions: a set with many reads, a bank, a log, registers seen by sessions.
//! `cargo bench -p harness --bench conditions`
//!
//! Targets on a laptop core: a set of 100 000 additions and 100 reads in 100 ms, a bank of 100 000 reads and a log of
//! 200 000 operations in 200 ms, sequential consistency of 200 000 operations in 200 ms.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use harness::{
    history::{Builder, Function, History, Id, Invocation, Value},
    verdict::Verdict,
    verify::{Recorded, Settings, find},
};

/// Adds operations one after the other, each by the next of sixteen clients.
#[derive(Default)]
struct Recorder {
    builder: Builder,
    time: u64,
}

impl Recorder {
    fn add(&mut self, function: Function, argument: Id, result: Id) {
        self.time += 2;
        let process = (self.time / 2 % 16) as u32;
        let call = Invocation { process, call: self.time, function, key: Id::NONE, argument };
        self.builder.add(call, self.time + 1, result);
    }

    fn list(&mut self, ids: impl Iterator<Item = u32>) -> Id {
        self.builder.values.intern(Value::List(ids.map(small).collect()))
    }

    fn finish(self) -> Recorded {
        Recorded::Operations(self.builder.finish())
    }
}

fn small(number: u32) -> Id {
    Id::small(number).expect("a small number")
}

fn set(adds: u32, reads: u32) -> Recorded {
    let mut recorder = Recorder::default();
    for value in 0..adds {
        recorder.add(Function::Insert, small(value), Id::NONE);
        if (value + 1) % (adds / reads) == 0 {
            let all = recorder.list(0..=value);
            recorder.add(Function::Read, Id::NONE, all);
        }
    }
    recorder.finish()
}

fn bank(reads: u32) -> Recorded {
    let mut recorder = Recorder::default();
    let mut accounts = [100_u32; 8];
    for step in 0..reads {
        let (from, to) = ((step % 8) as usize, (step / 3 % 8) as usize);
        if accounts[from] > 0 {
            accounts[from] -= 1;
            accounts[to] += 1;
        }
        let balance = |(account, balance): (usize, &u32)| (small(account as u32), small(*balance));
        let map = Value::Map(accounts.iter().enumerate().map(balance).collect());
        let map = recorder.builder.values.intern(map);
        recorder.add(Function::Read, Id::NONE, map);
    }
    recorder.finish()
}

/// Each message is sent, received by every sixteenth client in turn, and committed.
fn log(messages: u32) -> Recorded {
    let mut recorder = Recorder::default();
    for offset in 0..messages {
        recorder.add(Function::Send, small(1_000_000 + offset), small(offset));
        let pair = recorder.list([offset, 1_000_000 + offset].into_iter());
        let poll = recorder.builder.values.intern(Value::List([pair].into()));
        recorder.add(Function::Receive, Id::NONE, poll);
        recorder.add(Function::Commit, small(offset), Id::NONE);
    }
    recorder.finish()
}

fn register(operations: u32) -> Recorded {
    let mut recorder = Recorder::default();
    for step in 0..operations / 2 {
        recorder.add(Function::Write, small(step + 1), Id::NONE);
        recorder.add(Function::Read, Id::NONE, small(step + 1));
    }
    recorder.finish()
}

fn operations(recorded: &Recorded) -> u64 {
    match recorded {
        Recorded::Operations(history) => History::len(history) as u64,
        Recorded::Transactions(transactions) => transactions.len() as u64,
    }
}

fn judges(c: &mut Criterion) {
    let mut group = c.benchmark_group("condition");
    let histories = [
        ("set-full", "100k additions, 100 reads", set(100_000, 100)),
        ("set-final", "100k additions, 100 reads", set(100_000, 100)),
        ("bank", "100k reads", bank(100_000)),
        ("log", "200k operations", log(66_667)),
        ("sequential", "200k operations", register(200_000)),
        ("monotonic-reads", "200k operations", register(200_000)),
    ];
    for (name, what, recorded) in &histories {
        let judge = find(name).expect("a registered judge");
        group.sample_size(10).throughput(Throughput::Elements(operations(recorded)));
        group.bench_function(format!("{name}: {what}"), |b| {
            b.iter_batched(
                Settings::default,
                |settings| {
                    let answer = judge.judge(recorded, &settings).expect("operations that the condition knows");
                    assert_eq!(answer.verdict, Verdict::Pass, "{answer:?}");
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, judges);
criterion_main!(benches);
