//! Broadcast: clients add values at every node and read them back, half and half as in Gossip Glomers.

use harness::{
    manifest::Stage,
    net::random::{Purpose, Stream},
    oracle::{Oracle, Request, Script, Vocabulary, body, ticks},
};
use serde_json::Value;

/// The oracle.
pub struct Broadcast;

impl Oracle for Broadcast {
    fn script(&self, stage: &Stage, seed: u64) -> Script {
        let mut random = Stream::new(seed, Purpose::Workload, [0, 0]);
        let mut count = 0;
        let mut request = |at| {
            let node = random.below(stage.nodes.into()) as u32;
            let write = random.below(2) == 0;
            let body = if write { body("broadcast", [("message", value(stage, count))]) } else { read() };
            count += u64::from(write);
            (at, Request { node, body })
        };
        let work = ticks(stage.rate, stage.duration()).map(&mut request).collect();
        Script { opening: topology(stage, seed), work, read: Some(read()), ..Script::default() }
    }

    fn vocabulary(&self) -> Vocabulary {
        Vocabulary::Set { add: "broadcast", value: "message", read: "read", values: "messages" }
    }
}

fn read() -> harness::oracle::Body {
    body("read", [])
}

/// Small numbers, as Maelstrom sends them; for `exact` every other one is beyond what a 64-bit float can hold.
fn value(stage: &Stage, count: u64) -> Value {
    if stage.workload == "exact" && count % 2 == 1 { (i64::MAX as u64 - 3 * count).into() } else { count.into() }
}

/// Tells every node the whole suggested topology.
fn topology(stage: &Stage, seed: u64) -> Vec<Request> {
    let name = |node: u32| format!("n{node}");
    let neighbours = stage.topology.neighbours(stage.nodes, seed).into_iter().enumerate();
    let map: serde_json::Map<String, Value> = neighbours
        .map(|(node, list)| (name(node as u32), list.into_iter().map(|other| Value::from(name(other))).collect()))
        .collect();
    let body = body("topology", [("topology", map.into())]);
    (0..stage.nodes).map(|node| Request { node, body: body.clone() }).collect()
}
