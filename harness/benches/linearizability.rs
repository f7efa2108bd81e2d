//! How long it takes to judge objects: recorded histories of the corpora, and made ones.
//!
//! The corpora are found through `TAKEHOME_CORPORA` or beside the checkout; without them their benchmarks are left out.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads its files itself")]

mod made;

use criterion::{Criterion, criterion_group, criterion_main};
use harness::{
    history::{History, Id, format},
    linearizability::search::{self, Found},
    model::{Kv, Model, Register},
    verify::{self, Answer, Recorded, Settings},
};
use std::{env, fs, hint::black_box, path::PathBuf};

const REGISTER: Register = Register { initial: Id::NIL, nil_is_wildcard: false };

/// The histories of the corpora below a folder, in order of their names.
fn corpora(folder: &str) -> Vec<(String, History)> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let corpora = env::var_os("TAKEHOME_CORPORA").map_or(beside, PathBuf::from);
    let Ok(table) = fs::read_to_string(corpora.join("README.tsv")) else {
        eprintln!("SKIPPED: {folder}: no corpora at {}; TAKEHOME_CORPORA names their folder", corpora.display());
        return Vec::new();
    };
    let paths = table.lines().filter_map(|row| row.split('\t').next()).filter(|path| path.starts_with(folder));
    let read = |path: &str| {
        let bytes = fs::read(corpora.join(path)).expect("a file of the corpora");
        match format::read(&bytes, None, format::Shape::default()) {
            Ok(Recorded::Operations(history)) => (path.to_owned(), history),
            other => panic!("{path}: {other:?}"),
        }
    };
    paths.map(read).collect()
}

fn judge(model: &str, recorded: &Recorded) -> Answer {
    verify::find(model).expect("a judge").judge(recorded, &Settings::default()).expect("a history of this model")
}

fn decide(model: &impl Model, history: &History) -> Found {
    search::decide(model, history, &history.effective(), 20_000_000, &|_| {}).expect("a history of this model").found
}

fn small(number: u32) -> Id {
    Id::small(number).expect("a small number")
}

fn recorded(c: &mut Criterion) {
    for (name, folder, model, register) in [
        ("etcd", "porcupine/jepsen/", "register", REGISTER),
        ("knossos", "knossos/cas-register/", "cas-register", Register { initial: small(0), nil_is_wildcard: true }),
    ] {
        let files = corpora(folder);
        if files.is_empty() {
            continue;
        }
        c.bench_function(&format!("{name}/all files, verdicts"), |b| {
            b.iter(|| files.iter().filter(|(_, history)| decide(&register, history) == Found::Legal).count());
        });
        let files: Vec<Recorded> = files.into_iter().map(|(_, history)| Recorded::Operations(history)).collect();
        c.bench_function(&format!("{name}/all files, explained"), |b| {
            b.iter(|| files.iter().map(|recorded| judge(model, recorded).violations.len()).sum::<usize>());
        });
    }
    for (path, history) in corpora("porcupine/kv/") {
        let name = path.trim_start_matches("porcupine/kv/").trim_end_matches(".txt").to_owned();
        c.bench_function(&format!("kv/{name}, decoded"), |b| b.iter(|| black_box(Kv::new(&history, None))));
        let recorded = Recorded::Operations(history);
        c.bench_function(&format!("kv/{name}, every key"), |b| b.iter(|| judge("kv", &recorded).violations.len()));
    }
}

fn generated(c: &mut Criterion) {
    for (name, history) in [
        ("1 000 operations, 16 clients", made::register(1_000, 16)),
        ("1 000 operations, 16 clients, illegal", made::stale_register(1_000, 16, 0)),
        ("200 operations, 4 clients, 20 pending, illegal", made::stale_register(200, 4, 20)),
        ("100 000 operations, 4 clients", made::register(100_000, 4)),
    ] {
        c.bench_function(&format!("register/{name}, search"), |b| b.iter(|| decide(&REGISTER, &history)));
        let recorded = Recorded::Operations(history);
        c.bench_function(&format!("register/{name}, judge"), |b| {
            b.iter(|| judge("register", &recorded).violations.len())
        });
    }
}

criterion_group!(benches, recorded, generated);
criterion_main!(benches);
