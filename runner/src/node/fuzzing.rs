//! The way in for fuzz targets: what nodes write.

use super::{
    clients::{Clients, Replied},
    incidents::Incidents,
    links::Links,
    wire::{self, Party, Prepared},
};
use harness::{
    calls::{Calls, Role},
    case::IncidentKind,
    journal::Journal,
    net::Settings,
    oracle::body,
    time::Offset,
};
use std::time::Duration;

/// Nodes of the case.
const NODES: u32 = 3;

/// A case in which nodes write these lines. What is recorded of it can be written down and read back.
pub fn lines(bytes: &[u8]) {
    let (mut clients, mut incidents) = (Clients::default(), Incidents::default());
    let mut links = Links::new(&Settings::default(), NODES, 1);
    let read = Prepared::new(&body("read", []));
    for node in 0..NODES {
        clients.invoke(Offset::ZERO, Role::Work, node, &read, Duration::from_secs(1));
    }
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let now = Offset::from_millis(at as u64);
        let found = wire::messages(line);
        let length: usize = found.iter().map(|(message, _)| message.len()).sum();
        assert!(length <= line.len());
        assert!(!wire::is_complete(line) || length == line.trim_ascii().len());
        match wire::parse(line) {
            Ok(envelope) => hear(&mut clients, &mut links, now, line, &envelope),
            Err(why) => drop(incidents.note(now, 0, IncidentKind::MalformedOutput, why, line)),
        }
        found.iter().for_each(|(message, envelope)| hear(&mut clients, &mut links, now, message, envelope));
        links.due(now);
    }
    let history = clients.history;
    assert_eq!(Calls::from_text(&history.to_text()).as_ref(), Ok(&history));
    assert_eq!(Journal::from_text(&links.journal.to_text()).as_ref(), Ok(&links.journal));
    assert!(incidents.all.iter().all(|incident| incident.detail.len() + incident.line.len() < 16_000));
}

fn hear(clients: &mut Clients, links: &mut Links, now: Offset, line: &[u8], envelope: &wire::Envelope<'_>) {
    let body = envelope.body.get();
    match Party::parse(&envelope.dest) {
        Some(Party::Node(to)) if to < NODES => links.send(now, 0, to, line, body),
        Some(Party::Client(client)) => {
            let replied = clients.reply(now, client, body);
            assert!(matches!(replied, Replied::Unmatched(_)) || client < clients.count());
        }
        _ => {}
    }
}
