//! Monitors of registers and key-value stores with append: how long they take on what they were written for.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::{
    history::{Builder, Function, History, Id, Invocation},
    linearizability::{
        Monitor,
        monitor::{KvAppend, ReadModifyWrite, Register},
    },
    verify::Judged,
};
use std::hint::black_box;

/// A small generator of numbers, the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Operations of `clients` clients that follow each other without pause, each effective somewhere in its time.
///
/// `perform` is told the number of the operation, in the order in which they take effect, and gives its function,
/// argument and result.
fn schedule(
    operations: u64,
    clients: u64,
    mut perform: impl FnMut(&mut Builder, u64) -> (Function, Id, Id),
) -> History {
    let mut numbers = Numbers(1);
    let mut builder = Builder::default();
    let mut free = vec![0; clients as usize];
    for number in 0..operations {
        // Each operation takes effect at ten times its number, and overlaps those of the other clients.
        let client = (number % clients) as usize;
        let point = (number + clients) * 10;
        let call = (point - numbers.below(clients * 5)).max(free[client]);
        let ret = point + numbers.below(clients * 5);
        free[client] = ret + 1;
        let (function, argument, result) = perform(&mut builder, number);
        let call = Invocation { process: client as u32, call: call.min(point), function, key: Id::NONE, argument };
        builder.add(call, ret, result);
    }
    builder.finish()
}

/// A register with as many reads as writes of ever new values.
fn register(operations: u64, clients: u64) -> History {
    let (mut numbers, mut held) = (Numbers(7), Id::NIL);
    schedule(operations, clients, |builder, number| {
        if numbers.below(2) == 0 {
            held = builder.values.int(number as i64);
            return (Function::Write, held, Id::NONE);
        }
        (Function::Read, Id::NONE, held)
    })
}

/// A register whose values are replaced by read-modify-writes.
fn replaced(operations: u64, clients: u64) -> History {
    let mut held = Id::NIL;
    schedule(operations, clients, |builder, number| {
        let new = builder.values.int(number as i64);
        (Function::ReadModifyWrite, new, std::mem::replace(&mut held, new))
    })
}

/// A text that is appended to, put now and then, and read.
fn appended(operations: u64, clients: u64) -> History {
    let (mut numbers, mut held) = (Numbers(3), String::new());
    schedule(operations, clients, |builder, number| {
        let part = format!("x {} {number} y", number % clients);
        match numbers.below(40) {
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

fn judge(criterion: &mut Criterion, name: &str, monitor: &dyn Monitor, history: &History) {
    let operations = history.effective();
    assert_eq!(monitor.check(history, &operations), Judged::Legal, "{name}");
    let mut group = criterion.benchmark_group("monitors");
    group.throughput(Throughput::Elements(operations.len() as u64));
    group.sample_size(if operations.len() > 100_000 { 10 } else { 50 });
    group.bench_function(name, |bencher| bencher.iter(|| monitor.check(black_box(history), black_box(&operations))));
    group.finish();
}

fn monitors(criterion: &mut Criterion) {
    judge(criterion, "register, 1 000 operations, 16 clients", &Register::default(), &register(1_000, 16));
    judge(criterion, "register, 1 000 000 operations, 16 clients", &Register::default(), &register(1_000_000, 16));
    let rmw = ReadModifyWrite::default();
    judge(criterion, "read-modify-write, 1 000 000 operations, 16 clients", &rmw, &replaced(1_000_000, 16));
    judge(criterion, "kv-append, 1 000 operations, 16 clients", &KvAppend::default(), &appended(1_000, 16));
    judge(criterion, "kv-append, 1 000 000 operations, 16 clients", &KvAppend::default(), &appended(1_000_000, 16));
}

criterion_group!(benches, monitors);
criterion_main!(benches);
