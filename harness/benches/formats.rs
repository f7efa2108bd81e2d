//! How fast recorded histories are read: bytes a second of list-append transactions in EDN and of operations in takehome's
//! own format, a hundred thousand each; a million with `FORMATS_MILLION=1`.

#![allow(clippy::disallowed_methods, reason = "a benchmark is told its size by the environment")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::{
    history::{
        Builder, Clock, Function, Id, Invocation, Outcome,
        format::{self, Shape, text, write},
    },
    transaction::{Action, Step, Transactions},
};
use std::hint::black_box;

/// Transactions of three appends or reads on a hundred keys; reads see the last appends of their key.
fn transactions(count: u32) -> Transactions {
    let mut transactions = Transactions { realtime: true, ..Transactions::default() };
    let mut lists: Vec<Vec<Id>> = vec![Vec::new(); 100];
    for index in 0..count {
        let time = u64::from(index) * 2;
        transactions.push(index % 16, time, time + 17, Outcome::Ok);
        for part in 0..3 {
            let number = (index * 7 + part * 13) % 100;
            let list = &mut lists[number as usize];
            let key = Id::small(number).expect("small");
            if (index + part) % 2 == 0 {
                let value = Id::small(index * 3 + part).expect("small");
                if list.len() == 20 {
                    list.clear();
                }
                list.push(value);
                transactions.step(Step { action: Action::Append, key, value });
            } else {
                transactions.read_list(key, Some(list));
            }
        }
    }
    transactions
}

/// A register written and read in turns by sixteen processes.
fn operations(count: u32) -> harness::history::History {
    let mut builder = Builder::new(Clock::Nanoseconds);
    for index in 0..count {
        let (call, value) = (u64::from(index) * 1000, Id::small(index / 2).expect("small"));
        let writes = index % 2 == 0;
        let function = if writes { Function::Write } else { Function::Read };
        let argument = if writes { value } else { Id::NONE };
        let result = if writes { Id::NONE } else { value };
        builder.add(Invocation { process: index % 16, call, function, key: Id::NONE, argument }, call + 9000, result);
    }
    builder.finish()
}

fn reading(c: &mut Criterion) {
    let count = if std::env::var_os("FORMATS_MILLION").is_some() { 1_000_000 } else { 100_000 };
    let history = operations(count);
    let files = [
        ("edn list-append", write::edn_transactions(&transactions(count))),
        ("own list-append", text::write_transactions(&transactions(count))),
        ("edn register", write::edn(&history)),
        ("own register", text::write(&history)),
    ];
    let mut group = c.benchmark_group("read");
    group.sample_size(10);
    for (name, file) in &files {
        group.throughput(Throughput::Bytes(file.len() as u64));
        group.bench_function(*name, |b| {
            b.iter(|| format::read(black_box(file.as_bytes()), None, Shape::default()).expect("a history"));
        });
    }
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
