//! The network model under the wall clock: messages between nodes go in, come out when due, and are journalled.

use harness::{
    calls::cell,
    journal::{Entry, Fate, Journal},
    net::{DropReason, Fault, Message, Network, NodeId, Outcome, Settings},
    time::Offset,
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Bodies are journalled until they fill this many bytes; after that only times and sizes are.
const MOST_BODIES: usize = 64 << 20;

/// The links between the nodes of a case.
pub struct Links {
    /// Every message so far.
    pub journal: Journal,
    /// Carries lines as the nodes wrote them, line ends included.
    network: Network<Arc<[u8]>>,
    /// Journal index of each message under way, by id and copy.
    under_way: HashMap<(u64, u32), usize>,
    /// Nodes that are about to be killed.
    cut_off: HashSet<u32>,
    bodies: usize,
}

impl Links {
    /// The links of a case.
    pub fn new(settings: &Settings, nodes: u32, seed: u64) -> Self {
        Self {
            journal: Journal::default(),
            network: Network::new(settings, nodes, seed),
            under_way: HashMap::new(),
            cut_off: HashSet::new(),
            bodies: 0,
        }
    }

    /// Takes a message from a node.
    pub fn send(&mut self, now: Offset, from: u32, to: u32, line: &[u8], body: &str) {
        let mut whole = Vec::with_capacity(line.len() + 1);
        whole.extend_from_slice(line);
        whole.push(b'\n');
        let bytes = whole.len() as u64;
        self.bodies += body.len();
        let body: Arc<str> = if self.bodies <= MOST_BODIES { cell(body).into() } else { "".into() };
        let mut entry = |fate, copy| {
            self.journal.entries.push(Entry { from, to, sent: now, fate, bytes, copy, body: body.clone() });
            self.journal.entries.len() - 1
        };
        if self.cut_off.contains(&from) {
            entry(Fate::Down, false);
            return;
        }
        let message = Message { from: NodeId(from), to: NodeId(to), payload: whole.into() };
        let sent = self.network.send(now, message);
        match sent.fate {
            harness::net::Fate::Queued { copies } => {
                for copy in 0..copies {
                    self.under_way.insert((sent.id.0, copy), entry(Fate::UnderWay, copy > 0));
                }
            }
            harness::net::Fate::Lost => drop(entry(Fate::Lost, false)),
            harness::net::Fate::Blocked => drop(entry(Fate::Partition, false)),
            harness::net::Fate::NoSuchNode => {}
        }
    }

    /// Everything that is due: receiver and line.
    pub fn due(&mut self, now: Offset) -> Vec<(u32, Arc<[u8]>)> {
        let mut arrived = Vec::new();
        for delivery in self.network.deliver(now) {
            let index = self.under_way.remove(&(delivery.id.0, delivery.copy));
            let fate = match delivery.outcome {
                Outcome::Delivered => Fate::Received(now),
                Outcome::Dropped(DropReason::Partition) => Fate::Partition,
                Outcome::Dropped(DropReason::NodeDown) => Fate::Down,
            };
            if let Some(entry) = index.and_then(|index| self.journal.entries.get_mut(index)) {
                entry.fate = fate;
            }
            if delivery.outcome == Outcome::Delivered {
                arrived.push((delivery.message.to.0, delivery.message.payload));
            }
        }
        arrived
    }

    /// When the next message is due.
    pub fn next_deadline(&self) -> Option<Offset> {
        self.network.next_deadline()
    }

    /// Nothing that this node sends arrives any more: its kill takes with it what it sends from now on.
    pub fn cut_off(&mut self, node: u32) {
        self.cut_off.insert(node);
    }

    /// Plays a fault.
    pub fn apply(&mut self, now: Offset, fault: &Fault) {
        if let Fault::Restart(node) = fault {
            self.cut_off.remove(&node.0);
        }
        self.network.apply(now, fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_cut_off_sends_nothing_until_it_is_started_again() {
        let mut links = Links::new(&Settings::default(), 2, 1);
        let arrived = |links: &mut Links, at: u64| {
            let now = Offset::from_millis(at);
            links.send(now, 0, 1, b"{}", "{}");
            links.due(now + std::time::Duration::from_secs(1)).len()
        };
        assert_eq!(arrived(&mut links, 0), 1);
        links.cut_off(0);
        assert_eq!(arrived(&mut links, 2_000), 0);
        assert_eq!(links.journal.entries[1].fate, Fate::Down);
        links.apply(Offset::from_millis(4_000), &Fault::Restart(NodeId(0)));
        assert_eq!(arrived(&mut links, 4_000), 1);
    }
}
