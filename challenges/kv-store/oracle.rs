//! Key-value store: what many clients ask of it at the same time, and after it was killed.

mod conversations;

use harness::{
    manifest::Stage,
    net::{
        Fault,
        random::{Purpose, Stream},
    },
    oracle::{Body, Oracle, Request, Script, Vocabulary, body, ticks},
    time::Offset,
};
use serde_json::{Value, json};
use std::time::Duration;

/// The oracle.
pub struct KvStore;

/// Requests that are due at the same time where clients are to meet: what takes a server some microseconds in two steps is
/// hardly ever seen between requests that come one by one.
const BURST: usize = 16;
/// Keys that all clients use, of each kind.
const HOT: u64 = 2;
/// Keys that hardly two clients use at a time.
const COLD: u64 = 200;
/// Keys of one client under load.
const OWN: u32 = 40;
/// Values that are there before the load, and their size.
const KEPT: u32 = 2_500;
const KEPT_BYTES: u32 = 8_000;

impl Oracle for KvStore {
    fn script(&self, stage: &Stage, seed: u64) -> Script {
        let mut random = Stream::new(seed, Purpose::Workload, [0, 0]);
        if stage.conversations {
            return Script { conversations: conversations::of(&stage.workload, &mut random), ..Script::default() };
        }
        let nuisances = if stage.workload == "stuck" { conversations::nuisances() } else { Vec::new() };
        let request = |body| Request { node: 0, body };
        let contended = stage.workload == "contention";
        let together = if contended { BURST } else { 1 };
        let due =
            ticks(stage.rate, stage.duration()).step_by(together).flat_map(|at| std::iter::repeat_n(at, together));
        let mut work: Vec<_> =
            due.enumerate().map(|(index, at)| (at, request(operation(index, contended, &mut random)))).collect();
        if stage.workload == "torn" {
            work.extend(large_writes(stage, seed).into_iter().map(|(at, body)| (at, request(body))));
            work.sort_by_key(|(at, _)| *at);
        }
        // In the end it is looked at what is left of each hot key.
        let kinds: &[&str] = if contended { &["r", "c", "t", "d", "l"] } else { &["r", "c", "t"] };
        let hot = |kind: &str| -> Vec<Value> { (0..HOT).map(|key| format!("{kind}{key}").into()).collect() };
        let whole = kinds.iter().flat_map(|kind| hot(kind)).map(|key| body("read", [("key", key)]));
        let both = if contended { hot("m") } else { Vec::new() };
        let halves = both.into_iter().flat_map(|key| [0, 1].map(|half| read_half(key.clone(), half)));
        work.extend(whole.chain(halves).map(|body| (stage.duration(), request(body))));
        Script { work, nuisances, ..Script::default() }
    }

    fn vocabulary(&self) -> Vocabulary {
        Vocabulary::Objects
    }

    /// Values that are only kept: what they take is the program's memory, beside which the rest is little.
    fn fill(&self, stage: &Stage, _seed: u64) -> Vec<(Body, Value)> {
        let kept = if stage.workload == "filled" { KEPT } else { 0 };
        let one = |key| {
            let value = format!("{key}~⟨{KEPT_BYTES} times⟩");
            (body("write", [("key", format!("kept:{key}").into()), ("value", value.into())]), json!({}))
        };
        (0..kept).map(one).collect()
    }

    /// Every kind of command on a client's own keys, almost as many reads as changes, in an order that differs from client
    /// to client. Each key is written first, so that the next time begins the same whatever the last one left behind.
    fn load(&self, stage: &Stage, seed: u64, client: u32) -> Vec<(Body, Value)> {
        let mut random = Stream::new(seed, Purpose::Workload, [2, client]);
        if stage.workload == "mostly-read" {
            return mostly_read(client, &mut random);
        }
        (0..OWN).flat_map(|key| one_key(&format!("load:{client}:{key}"), &mut random)).collect()
    }
}

/// How often each of a client's keys is read, once it is written, where mostly is read.
const READ: usize = 32;

/// A client's own keys, each written once and then all of them read over and over: what several processors can do at the
/// same time.
fn mostly_read(client: u32, random: &mut Stream) -> Vec<(Body, Value)> {
    let values: Vec<i64> = (0..OWN).map(|_| random.below(1_000_000) as i64).collect();
    let key = |key: usize| Value::from(format!("load:{client}:{key}"));
    let write =
        |(number, value): (usize, &i64)| (body("write", [("key", key(number)), ("value", (*value).into())]), json!({}));
    let mut all: Vec<(Body, Value)> = values.iter().enumerate().map(write).collect();
    for _ in 0..READ * values.len() {
        let number = random.index(values.len());
        all.push((body("read", [("key", key(number))]), json!({ "value": values[number] })));
    }
    all
}

/// How many large values are written at once, how large they are, and how long before the kill: it has to come while they
/// are being written. It finds one that is half in the log about once in ten times, so there are many kills.
const LARGE: u64 = 6;
const LARGE_BYTES: usize = 1 << 20;
const LARGE_LEAD: Duration = Duration::from_millis(4);

/// Large values that are written when the server is killed, and read when it is back: of one of them the log then holds a
/// part. Each has a small one beside it that comes first and is there exactly if the large one is: they are read one after
/// the other, since of what is read at the same time nothing follows.
fn large_writes(stage: &Stage, seed: u64) -> Vec<(Duration, Body)> {
    let Ok(schedule) = stage.fault_schedule(seed) else { return Vec::new() };
    let kills = schedule.actions.iter().filter(|action| matches!(action.fault, Fault::Kill(_)));
    let around = |(kill, at): (usize, Duration)| {
        (0..LARGE).flat_map(move |number| {
            let key = || Value::from(format!("large{number}"));
            let (value, padding) = (format!("{kill}.{number}"), format!("~⟨{LARGE_BYTES} times⟩"));
            let padded = |mut body: Body| {
                body.insert("padding".into(), padding.as_str().into());
                body
            };
            let write = padded(body("write_both", [("key", key()), ("value", value.into())]));
            let due = |behind| (at + Duration::from_millis(behind)).min(stage.duration());
            let (small, large) = (read_half(key(), 0), padded(read_half(key(), 1)));
            [(at.saturating_sub(LARGE_LEAD), write), (due(100), small), (due(250), large)]
        })
    };
    kills.map(|kill| kill.at.since(Offset::ZERO)).enumerate().flat_map(around).collect()
}

/// What is done with one key under load, with the right answers.
fn one_key(key: &str, random: &mut Stream) -> Vec<(Body, Value)> {
    let named = || ("key", key.into());
    let read = |value: Value| (body("read", [named()]), json!({ "value": value }));
    let write = |value: Value| (body("write", [named(), ("value", value)]), json!({}));
    let mut work = Vec::new();
    match random.below(4) {
        0 => {
            let (first, delta) = (random.below(1_000), 1 + random.below(9));
            work.push(write(first.into()));
            work.extend((0..3).map(|times| {
                (body("add", [named(), ("delta", delta.into())]), json!({ "before": first + times * delta }))
            }));
            work.push(read((first + 3 * delta).into()));
        }
        1 => {
            let text = text(random);
            let piece = "behind;";
            work.push(write(text.as_str().into()));
            let length = text.len() + piece.len();
            work.push((body("append", [named(), ("value", piece.into())]), json!({ "length": length })));
            work.push(read((text + piece).into()));
        }
        2 => {
            work.push(write(text(random).into()));
            work.push((body("delete", [named()]), json!({ "existed": true })));
            work.push(read(Value::Null));
        }
        _ => {
            let text = text(random);
            work.push(write(text.as_str().into()));
            work.extend(std::iter::repeat_n(read(text.into()), 4));
        }
    }
    work
}

/// A text of a few dozen letters.
fn text(random: &mut Stream) -> String {
    (0..16 + random.below(48)).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
}

/// One operation: of a hot key mostly where clients are to meet. Every value is written once, so that a read tells whose
/// write it saw.
fn operation(index: usize, contended: bool, random: &mut Stream) -> Body {
    let hot = random.below(10) < if contended { 7 } else { 3 };
    let key = random.below(HOT);
    let value = || ("value", index.into());
    let named = |kind: &str| ("key", format!("{kind}{key}").into());
    // Where clients are to meet there is also what has to look before it writes, and what is written in two places: a sum
    // that may fall, a value that is taken away as another is put, a lock that one of many gets, keys that are set together.
    if contended && hot && random.below(2) == 0 {
        return match random.below(16) {
            0..3 => body("swap", [named("r"), value()]),
            3..5 => body("add", [named("d"), ("delta", if random.below(2) == 0 { (-2).into() } else { 3.into() })]),
            5..8 => body("create", [named("l"), value()]),
            8 => body("read", [named("l")]),
            9 => body("delete", [named("l")]),
            10 => body("write_both", [named("m"), value()]),
            11 => body("write_both", [named("m"), value(), ("transaction", true.into())]),
            12 => body("read_both", [named("m")]),
            _ => read_half(named("m").1, random.below(2)),
        };
    }
    match (hot, random.below(10)) {
        (true, 0..3) => body("read", [named("r")]),
        (true, 3..5) => body("write", [named("r"), value()]),
        (true, 5..8) => body("add", [named("c"), ("delta", (1 + random.below(3)).into())]),
        (true, 8) => body("append", [named("t"), ("value", format!("{index};").into())]),
        (true, _) => body("read", [named("t")]),
        (false, kind) => cold(format!("k{}", random.below(COLD)), kind, index),
    }
}

/// One of the two places that are written together.
fn read_half(key: Value, half: u64) -> Body {
    body("read_half", [("key", key), ("half", half.into())])
}

fn cold(key: String, kind: u64, index: usize) -> Body {
    let key = ("key", key.into());
    match kind {
        0..5 => body("read", [key]),
        5..9 => body("write", [key, ("value", index.into())]),
        _ => body("delete", [key]),
    }
}
