//! dbcop's histories in bincode: sessions of transactions of reads and writes, without times.
//!
//! Little-endian, lengths and numbers of eight bytes: id, nodes, variables, transactions and events a transaction; three
//! texts (what was tested, start and end); then the sessions, each its transactions, each its events and whether it was
//! committed. An event is a flag for a write, variable, value, and whether it succeeded.
//!
//! <https://github.com/rnbguy/dbcop>

use super::{Format, FormatError, Place, Shape, sessions::Sessions};
use crate::{history::Outcome, transaction::Action, verify::Recorded};

pub(super) const FORMAT: Format =
    Format { name: "dbcop-bincode", about: "dbcop's sessions of transactions in bincode", recognises, read };

fn recognises(head: &[u8]) -> bool {
    let mut decoder = Decoder { bytes: head, at: 0 };
    head.contains(&0) && header(&mut decoder).is_ok()
}

fn read(bytes: &[u8], _: Shape) -> Result<Recorded, FormatError> {
    let mut decoder = Decoder { bytes, at: 0 };
    header(&mut decoder)?;
    let mut sessions = Sessions::default();
    for session in 0..decoder.length("sessions")? {
        for _ in 0..decoder.length("transactions")? {
            sessions.begin(session as i64, Outcome::Failed);
            for _ in 0..decoder.length("events")? {
                event(&mut decoder, &mut sessions)?;
            }
            if decoder.flag()? {
                sessions.end(Outcome::Ok);
            }
        }
    }
    match bytes.len() - decoder.at {
        0 => Ok(Recorded::Transactions(sessions.finish())),
        more => Err(decoder.wrong(format!("expected the end, found {more} more bytes"))),
    }
}

fn header(decoder: &mut Decoder<'_>) -> Result<(), FormatError> {
    for _ in 0..5 {
        decoder.number()?;
    }
    for _ in 0..3 {
        decoder.text()?;
    }
    Ok(())
}

/// An event that did not succeed is left out: it read and wrote nothing.
fn event(decoder: &mut Decoder<'_>, sessions: &mut Sessions) -> Result<(), FormatError> {
    let action = if decoder.flag()? { Action::Write } else { Action::Read };
    let (variable, value) = (decoder.value(sessions)?, decoder.value(sessions)?);
    if decoder.flag()? {
        sessions.step(action, variable, value);
    }
    Ok(())
}

struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    fn wrong(&self, what: impl Into<String>) -> FormatError {
        FormatError { place: Place::Byte(self.at), what: what.into() }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], FormatError> {
        let rest = &self.bytes[self.at..];
        let taken = rest
            .get(..length)
            .ok_or_else(|| self.wrong(format!("expected {length} more bytes, the file ends after {}", rest.len())))?;
        self.at += length;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, FormatError> {
        let mut number = [0; 8];
        number.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(number))
    }

    /// A number of parts, each of which takes at least a byte.
    fn length(&mut self, what: &str) -> Result<u64, FormatError> {
        let length = self.number()?;
        let rest = self.bytes.len() - self.at;
        if length > rest as u64 {
            return Err(self.wrong(format!("expected {length} {what}, only {rest} bytes are left")));
        }
        Ok(length)
    }

    fn flag(&mut self) -> Result<bool, FormatError> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(self.wrong("expected 0 or 1 as a flag")),
        }
    }

    fn value(&mut self, sessions: &mut Sessions) -> Result<crate::history::Id, FormatError> {
        let number = self.number()?;
        match i64::try_from(number) {
            Ok(number) => Ok(sessions.transactions.values.int(number)),
            Err(_) => Ok(sessions.transactions.values.intern(crate::history::Value::Number(number.to_string().into()))),
        }
    }

    fn text(&mut self) -> Result<&'a str, FormatError> {
        let length = self.length("characters")?;
        let text = self.take(length as usize)?;
        std::str::from_utf8(text).map_err(|_| self.wrong("expected UTF-8 text"))
    }
}
