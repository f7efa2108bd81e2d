//! How many transactions a second are judged on one core: lists that a correct store kept, and Elle's largest component.
//!
//! `TAKEHOME_CORPORA` names the folder of recorded histories; without it, and none beside the checkout, Elle's is left out.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads its files itself")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::{
    history::{
        Clock, Id, Outcome,
        format::{self, Shape},
    },
    transaction::{Action, Step, Transactions},
    verify::{self, Answer, Recorded, Settings},
};
use std::{hint::black_box, path::PathBuf};

/// Clients that run at the same time.
const CLIENTS: u64 = 16;
/// Elements after which a key is retired, and keys in use at a time.
const LONGEST: usize = 32;
const ACTIVE: usize = 10;

/// Four steps a transaction, appends and reads alike, one transaction after the other at points within their times.
fn lists(count: u64) -> Transactions {
    let mut t = Transactions { realtime: true, clock: Clock::Nanoseconds, ..Transactions::default() };
    let mut keys: Vec<(u32, Vec<Id>)> = (0..ACTIVE as u32).map(|key| (key, Vec::new())).collect();
    let (mut next, mut seed) = (ACTIVE as u32, 1u64);
    let mut take = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for number in 0..count {
        // Each client is busy until just before its next call.
        let call = 1_000 * number;
        t.push((number % CLIENTS) as u32, call, call + 1_000 * (CLIENTS - 1), Outcome::Ok);
        for _ in 0..4 {
            let place = take(ACTIVE);
            let (key, list) = &mut keys[place];
            let id = Id::small(*key).expect("a small number");
            if take(2) == 0 {
                t.read_list(id, Some(list));
                continue;
            }
            let value = Id::small(list.len() as u32).expect("a small number");
            list.push(value);
            t.step(Step { action: Action::Append, key: id, value });
            if list.len() == LONGEST {
                keys[place] = (next, Vec::new());
                next += 1;
            }
        }
    }
    t
}

fn judge(recorded: &Recorded) -> Answer {
    verify::find("list-append").expect("a judge").judge(recorded, &Settings::default()).expect("a history of lists")
}

fn transactions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("list-append");
    group.sample_size(10);
    for count in [100_000, 1_000_000] {
        let recorded = Recorded::Transactions(lists(count));
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("{count} transactions"), |bench| bench.iter(|| black_box(judge(&recorded))));
    }
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let folder = std::env::var_os("TAKEHOME_CORPORA").map_or(beside, PathBuf::from);
    match std::fs::read(folder.join("elle/huge-scc.edn")) {
        Err(_) => println!("SKIPPED: no elle/huge-scc.edn in {}", folder.display()),
        Ok(bytes) => {
            let recorded = format::read(&bytes, None, Shape::default()).expect("a history");
            group.throughput(Throughput::Elements(10_254));
            group.bench_function("huge-scc", |bench| bench.iter(|| black_box(judge(&recorded))));
        }
    }
    group.finish();
}

criterion_group!(benches, transactions);
criterion_main!(benches);
