//! How many transactions a second are judged on one core: lists that a correct store kept, and Elle's largest component.
//!
//! `TAKEHOME_CORPORA` names the folder of recorded histories; without it, and none beside the checkout, Elle's is left out.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads its files itself")]

mod made;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::{
    history::format::{self, Shape},
    verify::{self, Answer, Recorded, Settings},
};
use std::{hint::black_box, path::PathBuf};

fn judge(recorded: &Recorded) -> Answer {
    verify::find("list-append").expect("a judge").judge(recorded, &Settings::default()).expect("a history of lists")
}

fn transactions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("list-append");
    group.sample_size(10);
    for count in [100_000, 1_000_000] {
        let recorded = Recorded::Transactions(made::lists(count));
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
