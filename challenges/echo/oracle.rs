//! Echo: what clients send, from plain sentences to everything that JSON can hold.

use harness::{
    manifest::Stage,
    oracle::{Oracle, Request, Script, Vocabulary, body, ticks},
};
use serde_json::Value;

/// The oracle.
pub struct Echo;

/// Values that careless programs change: precision, escapes, nesting, emptiness.
const ZOO: &[&str] = &[
    "0",
    "-1",
    "9007199254740993",
    "-9223372036854775808",
    "18446744073709551615",
    "0.1",
    "true",
    "null",
    "\"\"",
    r#""line\nbreak\ttab\u0000nul""#,
    r#""\"quotes\" and \\backslashes\\""#,
    r#""\ud83e\udd80 crab, na\u00efve, \u65e5\u672c""#,
    r#""}{][,:""#,
    "[]",
    "{}",
    "[[],[[]],[[[]]]]",
    "[1,\"1\",[1],{\"1\":1}]",
    r#"{"a":{"b":{"c":{"d":[1,2,{"e":null}]}}}}"#,
    r#"{"type":"echo","msg_id":7,"in_reply_to":9,"echo":"nested"}"#,
    r#"{"":"empty key","\u00e9":"accent","\n":"line end"}"#,
];

impl Oracle for Echo {
    fn script(&self, stage: &Stage, seed: u64) -> Script {
        let request = |(index, at): (usize, std::time::Duration)| {
            let value = if stage.workload == "zoo" { zoo(index) } else { sentence(index, seed) };
            let node = index as u32 % stage.nodes;
            (at, Request { node, body: body("echo", [("echo", value)]) })
        };
        let work = ticks(stage.rate, stage.duration()).enumerate().map(request).collect();
        Script { work, ..Script::default() }
    }

    fn vocabulary(&self) -> Vocabulary {
        Vocabulary::Echo { function: "echo", field: "echo" }
    }
}

fn sentence(index: usize, seed: u64) -> Value {
    format!("Please echo {seed}-{index}").into()
}

/// The zoo's animals in turn; the last ones are long.
fn zoo(index: usize) -> Value {
    match index % (ZOO.len() + 2) {
        at if at < ZOO.len() => serde_json::from_str(ZOO[at]).unwrap_or_default(),
        at if at == ZOO.len() => "x".repeat(100_000).into(),
        _ => (0..5_000u64).map(|n| n * 1_000_003).collect::<Vec<_>>().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_animal_is_json_and_keeps_its_digits() {
        for text in ZOO {
            let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(serde_json::from_str::<Value>(&value.to_string()).unwrap(), value);
        }
        assert_eq!(zoo(4).to_string(), "18446744073709551615");
    }
}
