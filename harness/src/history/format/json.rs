//! The same events as JSON: one array of objects, or one object a line.

use super::{
    Fault, Format, FormatError, Shape,
    event::{self, Source},
    tape::Tape,
};
use crate::{history::format, verify::Recorded};
use serde_json::value::RawValue;

pub(super) const FORMAT: Format =
    Format { name: "json", about: "Jepsen's events in JSON, an array of objects or one a line", recognises, read };

fn recognises(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    let head = head.strip_prefix(b"[").unwrap_or(head).trim_ascii_start();
    head.strip_prefix(b"{").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""))
}

fn read(bytes: &[u8], shape: Shape) -> Result<Recorded, FormatError> {
    let text = format::utf8(bytes)?;
    let events = events(text)?;
    event::read(|| Events { text, events: &events, next: 0 }, shape).map_err(|fault| fault.at_line_of(bytes))
}

/// The text of each event.
fn events(text: &str) -> Result<Vec<&RawValue>, FormatError> {
    let events = if text.trim_ascii_start().starts_with('[') {
        serde_json::from_str(text)
    } else {
        serde_json::Deserializer::from_str(text).into_iter().collect()
    };
    events.map_err(|error| FormatError::line(error.line().max(1), super::json_error(&error)))
}

struct Events<'a> {
    text: &'a str,
    events: &'a [&'a RawValue],
    next: usize,
}

impl<'a> Source<'a> for Events<'a> {
    fn next(&mut self, tape: &mut Tape<'a>) -> Result<Option<usize>, Fault> {
        let Some(event) = self.events.get(self.next) else { return Ok(None) };
        self.next += 1;
        // Each is a part of the text.
        let at = event.get().as_ptr() as usize - self.text.as_ptr() as usize;
        let json: serde_json::Value =
            serde_json::from_str(event.get()).map_err(|error| Fault::new(at, super::json_error(&error)))?;
        tape.nodes.clear();
        tape.push_json(&json);
        Ok(Some(at))
    }
}
