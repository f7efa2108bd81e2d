//! Where messages stand: one message at an offset, one offset for a message, in the order of each sender.

use super::{Journal, Part, violation, words};
use crate::{
    history::{Function, Id, PENDING},
    verify::Violation,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// One observation of a message at an offset: by the answer to its sending, or by a poll.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub op: u32,
    pub message: Id,
    /// When that operation returned.
    pub at: u64,
}

/// What is known to stand at each offset, by its first observation.
#[derive(Debug, Default)]
pub struct Placed {
    pub by_offset: BTreeMap<i64, Seen>,
    /// The send that was acknowledged with this offset.
    pub sent: BTreeMap<i64, usize>,
    /// The offsets that were received.
    pub received: HashSet<i64>,
    /// The highest of them.
    pub highest: Option<i64>,
}

impl Placed {
    /// How many acknowledged messages lie behind all that was received.
    pub fn unread(&self, journal: &Journal) -> usize {
        let behind = |offset: &i64| self.highest.is_none_or(|highest| *offset > highest);
        journal.sends.iter().filter(|send| send.offset.as_ref().is_some_and(behind)).count()
    }
}

/// Places every message, and tells what is wrong with where they stand.
pub fn check(part: &Part<'_>, journal: &Journal, violations: &mut Vec<Violation>) -> Placed {
    let mut placed = Placed::default();
    let mut clash: Option<(i64, Seen, Seen)> = None;
    let mut see = |placed: &mut Placed, offset: i64, seen: Seen| {
        let known = placed.by_offset.entry(offset).or_insert(seen);
        if known.message != seen.message {
            clash.get_or_insert((offset, *known, seen));
        } else if seen.at < known.at {
            *known = seen;
        }
    };
    for (index, send) in journal.sends.iter().enumerate() {
        let Some(offset) = send.offset else { continue };
        see(&mut placed, offset, Seen { op: send.op, message: send.message, at: send.ret });
        placed.sent.entry(offset).or_insert(index);
    }
    for poll in &journal.polls {
        for (offset, message) in &poll.messages {
            see(&mut placed, *offset, Seen { op: poll.op, message: *message, at: poll.ret });
            placed.received.insert(*offset);
            placed.highest = placed.highest.max(Some(*offset));
        }
    }
    let clash = in_one_poll(journal).or(clash);
    violations.extend(clash.map(|(offset, one, other)| inconsistent(part, offset, one, other)));
    violations.extend(duplicate(part, journal));
    violations.extend(phantom(part, journal));
    violations.extend(sent_backwards(part, journal));
    placed
}

/// Two messages at one offset of one poll, which is proof enough.
fn in_one_poll(journal: &Journal) -> Option<(i64, Seen, Seen)> {
    journal.polls.iter().find_map(|poll| {
        let mut messages: Vec<(i64, Id)> = poll.messages.clone();
        messages.sort_unstable();
        let pair = messages.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1)?;
        let seen = |(_, message): (i64, Id)| Seen { op: poll.op, message, at: poll.ret };
        Some((pair[0].0, seen(pair[0]), seen(pair[1])))
    })
}

/// An observation in words: `c1's send of 7 returned offset 3 at 1.2 s`.
fn observation(part: &Part<'_>, seen: Seen, offset: i64) -> String {
    let (history, message) = (part.history, words::value(part.history, seen.message));
    let (who, at) = (words::who(history, seen.op), words::returned(history, seen.op));
    match history.get(seen.op).function {
        Function::Receive => format!("{who} received {message} from offset {offset} at {at}"),
        _ => format!("{who} sent {message} and was told offset {offset} at {at}"),
    }
}

fn inconsistent(part: &Part<'_>, offset: i64, one: Seen, other: Seen) -> Violation {
    let sentence = format!(
        "offset {offset} of the log{} holds two messages: {}, and {}",
        words::object(part.history, one.op),
        observation(part, one, offset),
        observation(part, other, offset),
    );
    violation("inconsistent-offset", sentence, [one.op, other.op])
}

/// A message at more offsets than it was sent times.
fn duplicate(part: &Part<'_>, journal: &Journal) -> Option<Violation> {
    let mut sends: HashMap<Id, u32> = HashMap::new();
    for send in &journal.sends {
        *sends.entry(send.message).or_default() += 1;
    }
    let told = journal
        .sends
        .iter()
        .filter_map(|send| Some((send.offset?, Seen { op: send.op, message: send.message, at: send.ret })));
    let received = journal.polls.iter().flat_map(|poll| {
        let seen = |message: Id| Seen { op: poll.op, message, at: poll.ret };
        poll.messages.iter().map(move |(offset, message)| (*offset, seen(*message)))
    });
    let mut places: HashMap<Id, Vec<(i64, Seen)>> = HashMap::new();
    let mut known_places: HashSet<(Id, i64)> = HashSet::new();
    for (offset, seen) in told.chain(received) {
        let Seen { op, message, .. } = seen;
        if !known_places.insert((message, offset)) {
            continue;
        }
        let known = places.entry(message).or_default();
        known.push((offset, seen));
        let sent = sends.get(&message).copied().unwrap_or(0);
        if sent > 0 && known.len() > sent as usize {
            // Where one poll shows it more often than it was sent it is enough.
            let mut alone = known.clone();
            if let Some(poll) = journal.polls.iter().find(|poll| poll.op == op) {
                let here = poll.messages.iter().filter(|(_, other)| *other == message);
                alone = here.map(|(offset, _)| (*offset, seen)).collect();
                alone.sort_unstable_by_key(|(offset, _)| *offset);
                alone.dedup_by_key(|(offset, _)| *offset);
            }
            let known = if alone.len() > sent as usize { &alone } else { &*known };
            let times = if sent == 1 { "once".to_owned() } else { format!("{sent} times") };
            let shown = words::list(known.iter().map(|(offset, seen)| observation(part, *seen, *offset)));
            let sentence = format!(
                "{} was sent {times} to the log{} and stands there {} times: {shown}",
                words::value(part.history, message),
                words::object(part.history, op),
                known.len(),
            );
            let senders = journal.sends.iter().filter(|send| send.message == message).map(|send| send.op);
            return Some(violation("duplicate", sentence, known.iter().map(|(_, seen)| seen.op).chain(senders)));
        }
    }
    None
}

/// A received message that nobody had begun to send when it was received.
fn phantom(part: &Part<'_>, journal: &Journal) -> Option<Violation> {
    let mut first: HashMap<Id, &super::Send> = HashMap::new();
    for send in &journal.sends {
        first.entry(send.message).or_insert(send);
    }
    let history = part.history;
    journal.polls.iter().find_map(|poll| {
        let from_nowhere = |message: &Id| first.get(message).is_none_or(|send| send.call > poll.ret);
        let (offset, message) = poll.messages.iter().find(|(_, message)| from_nowhere(message))?;
        let why = match (part.failed(history.get(poll.op).key, *message), first.get(message)) {
            (Some(failed), None) => format!("whose sending by {} had failed", words::who(history, failed)),
            (_, Some(send)) => format!(
                "which {} sent only later, at {}",
                words::who(history, send.op),
                words::called(history, send.op)
            ),
            (None, None) => "which nobody sent".to_owned(),
        };
        let sentence = format!(
            "{} received {} from offset {offset} of the log{} at {}, {why}",
            words::who(history, poll.op),
            words::value(history, *message),
            words::object(history, poll.op),
            words::returned(history, poll.op),
        );
        Some(violation("phantom-message", sentence, [poll.op]))
    })
}

/// Two messages that a process sent one after the other, and the later one stands before the earlier one.
fn sent_backwards(part: &Part<'_>, journal: &Journal) -> Option<Violation> {
    let mut last: HashMap<u32, (i64, &super::Send)> = HashMap::new();
    journal.sends.iter().filter(|send| send.ret != PENDING).find_map(|send| {
        let offset = send.offset?;
        match last.get(&send.process) {
            Some((before, earlier)) if *before > offset => {
                let history = part.history;
                let sentence = format!(
                    "{} sent {} (offset {before}, told at {}) and then {} (sent at {}), which stands before it, at offset {offset}",
                    words::who(history, send.op),
                    words::value(history, earlier.message),
                    words::returned(history, earlier.op),
                    words::value(history, send.message),
                    words::called(history, send.op),
                );
                Some(violation("nonmonotonic-send", sentence, [earlier.op, send.op]))
            }
            _ => {
                last.insert(send.process, (offset, send));
                None
            }
        }
    })
}
