//! How long it takes from a recorded history in memory to the page that explains it: judging, explaining, rendering.
//!
//! The histories are recorded ones of the corpora, found through `TAKEHOME_CORPORA` or beside the checkout; without them
//! their benchmarks are left out.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads its files itself")]

use criterion::{Criterion, criterion_group, criterion_main};
use harness::{
    explanation::{Context, Verification},
    history::format::{self, Shape},
    verify::{self, Recorded, Settings},
};
use std::{hint::black_box, path::PathBuf};

fn page(model: &str, recorded: &Recorded) -> Vec<u8> {
    let (judge, settings) = (verify::find(model).expect("a judge"), Settings::default());
    let answer = judge.judge(recorded, &settings).expect("a history of this model");
    let verification =
        Verification::new(("", "a recorded history"), judge, &settings, recorded, answer, &Context::default());
    reports::verification::html(&verification)
}

fn pages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("explained as HTML");
    group.sample_size(10);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let folder = std::env::var_os("TAKEHOME_CORPORA").map_or(beside, PathBuf::from);
    for (name, file, model) in
        [("c50-bad", "porcupine/kv/c50-bad.txt", "kv"), ("huge-scc", "elle/huge-scc.edn", "list-append")]
    {
        let Ok(bytes) = std::fs::read(folder.join(file)) else {
            println!("SKIPPED: no {file} in {}; TAKEHOME_CORPORA names the folder of histories", folder.display());
            continue;
        };
        let recorded = format::read(&bytes, None, Shape::of_model(model)).expect("a history");
        group.bench_function(name, |bench| bench.iter(|| black_box(page(model, &recorded))));
    }
    group.finish();
}

criterion_group!(benches, pages);
criterion_main!(benches);
