//! The journal of a case: every message between nodes, when it was sent, when it arrived or why it never did.

use crate::{
    calls::{cell, complete_lines},
    time::Offset,
};
use std::sync::Arc;

/// One copy of a message between two nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Sender: a node, or the number of a [`crate::net::Service`].
    pub from: u32,
    /// Receiver, likewise.
    pub to: u32,
    /// When the sender's line was read.
    pub sent: Offset,
    /// What became of it.
    pub fate: Fate,
    /// Length of the line in bytes, line end included.
    pub bytes: u64,
    /// Whether the network made this copy: the sender is not charged for it.
    pub copy: bool,
    /// Body as JSON text; empty once the journal has reached its size limit.
    pub body: Arc<str>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Handed to the receiver.
    Received(Offset),
    /// Lost at random.
    Lost,
    /// The link was cut.
    Partition,
    /// The receiver was down.
    Down,
    /// Still under way when the case ended.
    UnderWay,
}

impl Fate {
    /// Why it never arrived, in a word.
    pub fn dropped(self) -> Option<&'static str> {
        match self {
            Self::Received(_) => None,
            Self::Lost => Some("lost"),
            Self::Partition => Some("partition"),
            Self::Down => Some("node down"),
            Self::UnderWay => Some("under way at the end"),
        }
    }

    /// When it arrived.
    pub fn received(self) -> Option<Offset> {
        if let Self::Received(at) = self { Some(at) } else { None }
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "lost" => Ok(Self::Lost),
            "partition" => Ok(Self::Partition),
            "node down" => Ok(Self::Down),
            "under way at the end" => Ok(Self::UnderWay),
            number => number.parse().map(|at| Self::Received(Offset(at))).map_err(|_| format!("`{number}` is no fate")),
        }
    }
}

/// The messages of a case in order of sending.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Journal {
    /// All copies.
    pub entries: Vec<Entry>,
}

const HEADER: &str = "from\tto\tsent_ns\treceived_ns\tbytes\tcopy\tbody";

impl Journal {
    /// The record's form: one message a line, columns separated by tabs.
    pub fn to_text(&self) -> String {
        let mut text = String::from(HEADER);
        text.push('\n');
        for entry in &self.entries {
            let fate = match entry.fate {
                Fate::Received(at) => at.0.to_string(),
                other => other.dropped().unwrap_or("-").to_owned(),
            };
            let body = cell(&entry.body);
            text.push_str(&format!(
                "{}\t{}\t{}\t{fate}\t{}\t{}\t{body}\n",
                entry.from,
                entry.to,
                entry.sent.0,
                entry.bytes,
                u8::from(entry.copy)
            ));
        }
        text
    }

    /// Reads what [`Self::to_text`] wrote; an incomplete last line is left out.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let entries = complete_lines(text, HEADER)?
            .map(|(number, line)| entry(line).map_err(|why| format!("line {number}: {why}")))
            .collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }
}

fn entry(line: &str) -> Result<Entry, String> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [from, to, sent, fate, bytes, copy, body] = columns[..] else {
        return Err(format!("{} columns instead of 7", columns.len()));
    };
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
    Ok(Entry {
        from: number(from)? as u32,
        to: number(to)? as u32,
        sent: Offset(number(sent)?),
        fate: Fate::parse(fate)?,
        bytes: number(bytes)?,
        copy: copy == "1",
        body: cell(body).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_round_trips(entries in prop::collection::vec((any::<(u32, u32, u64, u64)>(), 0..5u8, "[a-z{}\":]{0,20}"), 0..20)) {
            let entries = entries.into_iter().map(|((from, to, sent, bytes), fate, body)| {
                let fate = [Fate::Received(Offset(bytes)), Fate::Lost, Fate::Partition, Fate::Down, Fate::UnderWay][fate as usize];
                Entry { from, to, sent: Offset(sent), fate, bytes, copy: from % 2 == 0, body: body.into() }
            });
            let journal = Journal { entries: entries.collect() };
            prop_assert_eq!(Journal::from_text(&journal.to_text()), Ok(journal));
        }
    }
}
