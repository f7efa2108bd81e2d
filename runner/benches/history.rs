//! How long it takes to record a million operations of 64 clients on the reference of `kv-store`, and to check them.

#![allow(clippy::print_stdout, reason = "a measurement prints")]

#[path = "../tests/support/mod.rs"]
mod support;

use harness::{
    checker::{self, View},
    manifest::Stage,
    net::random::{Purpose, Stream},
    oracle::{Body, Oracle, Request, Script, Vocabulary, body},
    units::Bytes,
};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

const OPERATIONS: usize = 1_000_000;
/// Keys of each kind.
const KEYS: u64 = 10;
const KIND: &str = "kind = \"server\"\nprotocol = \"resp\"";
const STAGE: &str = "nodes = 1\nclients = 64\nrate = 1\nduration = \"1s\"\nsettle = \"10m\"\nrequire = [\"stays-up\"]";

/// Reads, writes and additions, all due at once: each client asks again as soon as it has its answer.
struct Contention;

impl Oracle for Contention {
    fn script(&self, _: &Stage, seed: u64) -> Script {
        let mut random = Stream::new(seed, Purpose::Workload, [0, 0]);
        let work = (0..OPERATIONS)
            .map(|index| (Duration::ZERO, Request { node: 0, body: operation(index, &mut random) }))
            .collect();
        Script { work, ..Script::default() }
    }

    fn vocabulary(&self) -> Vocabulary {
        Vocabulary::Objects
    }
}

fn operation(index: usize, random: &mut Stream) -> Body {
    let key = random.below(KEYS);
    let named = |kind: &str| ("key", format!("{kind}{key}").into());
    match random.below(4) {
        0 | 1 => body("read", [named("r")]),
        2 => body("write", [named("r"), ("value", index.into())]),
        _ => body("add", [named("c"), ("delta", 1.into())]),
    }
}

fn main() -> ExitCode {
    let mut plan = support::plan_of("kv-store", KIND, STAGE);
    plan.manifest.limits.output = Bytes(1 << 30);
    let source = reference().join("src/main.rs");
    let folder = support::compiled("kv-store-reference", source.to_str().unwrap());
    let Some((record, _)) = support::run_program(&plan, &Contention, &folder, "", 1) else { return ExitCode::SUCCESS };
    let recorded = record.summary.work_ended.since(record.summary.work_began).as_secs_f64();
    let answered = record.history.operations.iter().filter(|call| call.is_ok()).count();
    assert_eq!((answered, &record.summary.incidents), (OPERATIONS, &Vec::new()), "{:?}", record.summary.ended);
    let begin = Instant::now();
    let view = View::new(&record, Contention.vocabulary(), 1);
    let judgement = checker::find("linearizable").unwrap().check(&view);
    let checked = begin.elapsed().as_secs_f64();
    let ratio = checked / recorded;
    println!("{:?}: {}", judgement.verdict, judgement.detail);
    println!("  recorded in {recorded:.2} s, checked in {checked:.2} s, ratio {ratio:.3} (at most 1)");
    if ratio <= 1.0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A folder with the complete source of the reference.
fn reference() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kv-store-source");
    let tree = challenges::find("kv-store").unwrap().sample("reference/rust").unwrap();
    for (path, bytes) in &tree.files {
        let file = folder.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    folder
}
