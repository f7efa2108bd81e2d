//! Key-value store: what many clients ask of it at the same time, and after it was killed.

use harness::{
    manifest::Stage,
    net::random::{Purpose, Stream},
    oracle::{Body, Oracle, Request, Script, Vocabulary, body, ticks},
};

/// The oracle.
pub struct KvStore;

/// Keys that all clients use, of each kind.
const HOT: u64 = 2;
/// Keys that hardly two clients use at a time.
const COLD: u64 = 200;

impl Oracle for KvStore {
    fn script(&self, stage: &Stage, seed: u64) -> Script {
        let mut random = Stream::new(seed, Purpose::Workload, [0, 0]);
        let request = |body| Request { node: 0, body };
        let mut work: Vec<_> = ticks(stage.rate, stage.duration())
            .enumerate()
            .map(|(index, at)| (at, request(operation(index, stage.workload == "contention", &mut random))))
            .collect();
        // In the end it is looked at what is left of each hot key.
        let last = ["r", "c", "t"].iter().flat_map(|kind| (0..HOT).map(move |key| format!("{kind}{key}")));
        work.extend(last.map(|key| (stage.duration(), request(body("read", [("key", key.into())])))));
        Script { work, ..Script::default() }
    }

    fn vocabulary(&self) -> Vocabulary {
        Vocabulary::Objects
    }
}

/// One operation: of a hot key mostly where clients are to meet. Every value is written once, so that a read tells whose
/// write it saw.
fn operation(index: usize, contended: bool, random: &mut Stream) -> Body {
    let hot = random.below(10) < if contended { 7 } else { 3 };
    let key = random.below(HOT);
    let value = || ("value", index.into());
    let named = |kind: &str| ("key", format!("{kind}{key}").into());
    match (hot, random.below(10)) {
        (true, 0..3) => body("read", [named("r")]),
        (true, 3..5) => body("write", [named("r"), value()]),
        (true, 5..8) => body("add", [named("c"), ("delta", (1 + random.below(3)).into())]),
        (true, 8) => body("append", [named("t"), ("value", format!("{index};").into())]),
        (true, _) => body("read", [named("t")]),
        (false, kind) => cold(format!("k{}", random.below(COLD)), kind, index),
    }
}

fn cold(key: String, kind: u64, index: usize) -> Body {
    let key = ("key", key.into());
    match kind {
        0..5 => body("read", [key]),
        5..9 => body("write", [key, ("value", index.into())]),
        _ => body("delete", [key]),
    }
}
