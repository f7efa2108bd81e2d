//! The network model under the wall clock: messages between nodes go in, come out when due, and are journalled. Those to a
//! service are answered here.

use super::wire;
use harness::{
    calls::cell,
    journal::{Entry, Fate, Journal},
    net::{DropReason, Fault, Message, Network, NodeId, Outcome, Service, Services, Settings},
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
    services: Services,
    nodes: u32,
}

impl Links {
    /// The links of a case.
    pub fn new(settings: &Settings, nodes: u32, seed: u64) -> Self {
        Self {
            journal: Journal::default(),
            network: Network::new(settings, nodes + Service::ALL.len() as u32, seed),
            under_way: HashMap::new(),
            cut_off: HashSet::new(),
            bodies: 0,
            services: Services::new(seed),
            nodes,
        }
    }

    /// Takes a message from a node, or from a service by its number, for another.
    pub fn send(&mut self, now: Offset, from: u32, to: u32, line: &[u8], body: &str) {
        let mut whole = Vec::with_capacity(line.len() + 1);
        whole.extend_from_slice(line);
        whole.push(b'\n');
        let bytes = whole.len() as u64;
        self.bodies += body.len();
        let body: Arc<str> = if self.bodies <= MOST_BODIES { cell(body).into() } else { "".into() };
        let (source, destination) = (self.address(from), self.address(to));
        let mut entry = |fate, copy| {
            self.journal.entries.push(Entry { from, to, sent: now, fate, bytes, copy, body: body.clone() });
            self.journal.entries.len() - 1
        };
        if self.cut_off.contains(&from) {
            entry(Fate::Down, false);
            return;
        }
        let message = Message { from: source, to: destination, payload: whole.into() };
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

    /// Everything that is due at nodes: receiver and line.
    pub fn due(&mut self, now: Offset) -> Vec<(u32, Arc<[u8]>)> {
        let mut arrived = Vec::new();
        loop {
            let mut requests = Vec::new();
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
                let Message { from, to, payload } = delivery.message;
                match Service::at(to, self.nodes) {
                    _ if delivery.outcome != Outcome::Delivered => {}
                    Some(service) => requests.push((service, from, payload)),
                    None => arrived.push((to.0, payload)),
                }
            }
            // Without latency an answer is due at once.
            if requests.is_empty() {
                return arrived;
            }
            requests.into_iter().for_each(|(service, from, line)| self.serve(now, service, from, &line));
        }
    }

    /// Lets a service do what a node asks, and sends its answer.
    fn serve(&mut self, now: Offset, service: Service, from: NodeId, line: &[u8]) {
        let body = wire::parse(line).ok().and_then(|envelope| self.services.ask(service, from, envelope.body.get()));
        if let Some(body) = body {
            let line = format!(r#"{{"src":"{service}","dest":"{from}","body":{body}}}"#);
            self.send(now, service.number(), from.0, line.as_bytes(), &body);
        }
    }

    /// Where the network carries what is for a node, or for a service by its number.
    fn address(&self, party: u32) -> NodeId {
        Service::from_number(party).map_or(NodeId(party), |service| service.address(self.nodes))
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

    #[test]
    fn a_service_answers_over_the_network() {
        let latency = harness::net::Latency { mean: std::time::Duration::from_millis(10), ..Default::default() };
        let slow = Settings { link: harness::net::Link { latency, ..Default::default() }, ..Settings::default() };
        let body = r#"{"type":"ts","msg_id":4}"#;
        let line = format!(r#"{{"src":"n1","dest":"lin-tso","body":{body}}}"#);
        for (settings, answered) in [(Settings::default(), 0), (slow, 20)] {
            let mut links = Links::new(&settings, 2, 1);
            links.send(Offset::ZERO, 1, Service::LinTso.number(), line.as_bytes(), body);
            let mut arrived = Vec::new();
            while arrived.is_empty() {
                let now = links.next_deadline().unwrap();
                arrived = links.due(now);
            }
            let (node, line) = &arrived[0];
            let envelope = wire::parse(line).unwrap();
            assert_eq!((*node, &*envelope.src, &*envelope.dest), (1, "lin-tso", "n1"));
            let answer: serde_json::Value = serde_json::from_str(envelope.body.get()).unwrap();
            assert_eq!(answer, serde_json::json!({"type": "ts_ok", "ts": 1, "in_reply_to": 4}));
            let there = links.journal.entries.iter().map(|entry| entry.fate).collect::<Vec<_>>();
            assert_eq!(there[1], Fate::Received(Offset::from_millis(answered)));
        }
    }
}
