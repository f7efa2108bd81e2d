//! Broadcast with few messages that loses nothing.
//!
//! Every node keeps one log for each node of the cluster: the values that node acknowledged, in
//! its order. A log only ever grows at its end, so how long each is says all about what a node has.
//!
//! - **Stored first.** A value is in a file before it is acknowledged or sent on.
//! - **Fast path.** New values go to the hub (the first node) and from there to all others,
//!   collected for a moment so that one message carries many. Two hops, and nobody waits for an
//!   answer: a loss is repaired by the slow path.
//! - **Slow path.** Every node regularly tells another one, each in turn, how long its logs are,
//!   and is sent what it lacks. That needs no hub, and heals every loss, partition and restart.

mod json;
mod node;

use json::Json;
use node::{code, Message, Node, Program};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// How long values are collected on each of the two hops. Longer costs time, shorter messages.
const COLLECT: Duration = Duration::from_millis(50);

/// How often a node asks the next of the others for what it lacks.
const REPAIR: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Broadcast {
    /// By the name of the node that acknowledged them.
    logs: BTreeMap<String, Vec<i64>>,
    /// All values, for reads: the same value may be acknowledged by several nodes.
    values: BTreeSet<i64>,
    /// From where on each log is still to be sent on the fast path.
    fresh: BTreeMap<String, usize>,
    store: Option<File>,
    next_peer: usize,
}

impl Program for Broadcast {
    fn init(&mut self, node: &mut Node<Self>) {
        // A node that cannot store must not acknowledge anything.
        self.load(&node.data_dir())
            .expect("the values must be stored");
        // Not all nodes ask the same one first.
        self.next_peer = node
            .ids()
            .iter()
            .position(|id| id == node.id())
            .unwrap_or(0);
        self.repair(node);
    }

    fn handle(&mut self, node: &mut Node<Self>, message: &Message) {
        match message.kind() {
            "topology" => node.reply(message, Json::object([("type", "topology_ok".into())])),
            "broadcast" => self.broadcast(node, message),
            "read" => {
                let messages: Vec<i64> = self.values.iter().copied().collect();
                let body = [("type", "read_ok".into()), ("messages", messages.into())];
                node.reply(message, Json::object(body));
            }
            "have" => self.answer_have(node, message),
            "values" => self.merge(node, message),
            _ => node.reply_error(message, code::NOT_SUPPORTED, "no such request"),
        }
    }
}

impl Broadcast {
    fn broadcast(&mut self, node: &mut Node<Self>, message: &Message) {
        let Some(value) = message.body["message"].as_i64() else {
            return node.reply_error(message, code::MALFORMED_REQUEST, "not an integer");
        };
        // A client that got no answer may ask again. What is known is stored already.
        if !self.values.contains(&value) {
            let id = node.id().to_string();
            self.append(node, &id, &[value]);
        }
        node.reply(message, Json::object([("type", "broadcast_ok".into())]));
    }

    /// Adds new values to the end of a log, on disk first.
    fn append(&mut self, node: &mut Node<Self>, origin: &str, values: &[i64]) {
        let lines: String = values
            .iter()
            .map(|value| format!("{origin} {value}\n"))
            .collect();
        let store = self.store.as_mut().expect("opened by init");
        // Written is enough to survive a kill. To survive a power cut, sync here.
        store
            .write_all(lines.as_bytes())
            .expect("the values must be stored");

        let start = self.count(origin);
        self.remember(origin, values);
        if origin == node.id() || node.id() == hub(node) {
            if self.fresh.is_empty() {
                node.set_timer(COLLECT, Self::send_fresh);
            }
            self.fresh.entry(origin.to_string()).or_insert(start);
        }
    }

    fn remember(&mut self, origin: &str, values: &[i64]) {
        self.values.extend(values);
        self.logs
            .entry(origin.to_string())
            .or_default()
            .extend(values);
    }

    fn count(&self, origin: &str) -> usize {
        self.logs.get(origin).map_or(0, Vec::len)
    }

    /// The fast path: a leaf sends its own new values to the hub, the hub sends all to every leaf.
    fn send_fresh(&mut self, node: &mut Node<Self>) {
        let fresh = std::mem::take(&mut self.fresh);
        let is_hub = node.id() == hub(node);
        let targets = if is_hub {
            node.peers()
        } else {
            vec![hub(node).to_string()]
        };
        for target in targets {
            // Nobody needs to be told what it said itself.
            let news = fresh.iter().filter(|(origin, _)| **origin != target);
            self.send_values(
                node,
                &target,
                news.map(|(origin, &from)| (origin.as_str(), from)),
            );
        }
    }

    /// The slow path: asks the next of the others for what this node lacks.
    fn repair(&mut self, node: &mut Node<Self>) {
        let peers = node.peers();
        if !peers.is_empty() {
            self.next_peer = (self.next_peer + 1) % peers.len();
            self.send_have(node, &peers[self.next_peer]);
        }
        node.set_timer(REPAIR, Self::repair);
    }

    fn send_have(&self, node: &Node<Self>, dest: &str) {
        let counts = self
            .logs
            .iter()
            .map(|(origin, log)| (origin, log.len().into()));
        let body = [("type", "have".into()), ("counts", Json::object(counts))];
        node.send(dest, Json::object(body));
    }

    fn answer_have(&self, node: &Node<Self>, message: &Message) {
        let counts = &message.body["counts"];
        let lacking = self.logs.iter().filter_map(|(origin, log)| {
            let count = counts[origin].as_usize().unwrap_or(0);
            (count < log.len()).then_some((origin.as_str(), count))
        });
        self.send_values(node, &message.src, lacking);
    }

    /// Sends the ends of logs, each from some position on. Sends nothing if there are none.
    fn send_values<'a>(
        &self,
        node: &Node<Self>,
        dest: &str,
        parts: impl Iterator<Item = (&'a str, usize)>,
    ) {
        let parts = parts.map(|(origin, from)| {
            let values = self.logs[origin][from..].to_vec();
            (
                origin,
                Json::object([("from", from.into()), ("values", values.into())]),
            )
        });
        let logs = Json::object(parts);
        if !logs.fields().is_empty() {
            node.send(
                dest,
                Json::object([("type", "values".into()), ("logs", logs)]),
            );
        }
    }

    fn merge(&mut self, node: &mut Node<Self>, message: &Message) {
        let mut gap = false;
        for (origin, part) in message.body["logs"].fields() {
            let values: Vec<i64> = part["values"]
                .items()
                .iter()
                .filter_map(Json::as_i64)
                .collect();
            let from = part["from"].as_usize().unwrap_or(0);
            let count = self.count(origin);
            if from > count {
                // Something before it was lost, or is still on its way.
                gap = true;
            } else if from + values.len() > count {
                self.append(node, origin, &values[count - from..]);
            }
        }
        if gap {
            self.send_have(node, &message.src);
        }
    }

    /// Opens the store and reads what it has from an earlier life of this node.
    fn load(&mut self, dir: &Path) -> io::Result<()> {
        let path = dir.join("values");
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let text = fs::read_to_string(&path)?;
        // The last line may be torn. Nobody has heard of it: cut it off.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        for line in text[..whole].lines() {
            if let Some((origin, value)) = line.split_once(' ') {
                self.remember(origin, &[value.parse().map_err(io::Error::other)?]);
            }
        }
        self.store = Some(file);
        Ok(())
    }
}

/// The node that all others exchange their values through, as long as it can be reached.
fn hub<P: Program>(node: &Node<P>) -> &str {
    &node.ids()[0]
}

fn main() {
    node::run(Broadcast::default());
}
