//! Unique ids: clients ask for ids, steadily or all at once right behind `init`.

use harness::{
    manifest::Stage,
    oracle::{Oracle, Request, Script, Vocabulary, body, ticks},
};
use std::time::Duration;

/// The oracle.
pub struct UniqueIds;

impl Oracle for UniqueIds {
    fn script(&self, stage: &Stage, _seed: u64) -> Script {
        let burst = stage.workload == "burst";
        let request = |(index, at): (usize, Duration)| {
            let node = index as u32 % stage.nodes;
            (if burst { Duration::ZERO } else { at }, Request { node, body: body("generate", []) })
        };
        let work = ticks(stage.rate, stage.duration()).enumerate().map(request).collect();
        Script { work, burst, ..Script::default() }
    }

    fn vocabulary(&self) -> Vocabulary {
        Vocabulary::Ids { function: "generate", field: "id" }
    }
}
