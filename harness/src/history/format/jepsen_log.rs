//! Logs of Jepsen's `jepsen.util`, as Porcupine keeps them: `INFO  jepsen.util - 0 :invoke :write 3`, one event a line.
//!
//! Other lines are passed over, and events of the nemesis too. Unlike in Jepsen's own histories a `:fail` of a `cas` is
//! taken for an answer, as Porcupine does: the expected value was not there.

use super::{
    Add, Fault, Format, FormatError, Shape,
    edn::Reader,
    event::{Event, Kind, Process},
    operations::Operations,
    tape::{Node, Tape},
};
use crate::{
    history::{Clock, format},
    verify::Recorded,
};

pub(super) const FORMAT: Format = Format {
    name: "jepsen-log",
    about: "lines of jepsen.util in a log, as Porcupine's tests have them",
    recognises,
    read,
};

/// What stands before an event.
const MARK: &str = "jepsen.util - ";

fn recognises(head: &[u8]) -> bool {
    let starts = [&b"INFO"[..], b"WARN", b"DEBUG", b"ERROR", b"20"];
    starts.iter().any(|start| head.starts_with(start)) && String::from_utf8_lossy(head).contains(MARK)
}

fn read(bytes: &[u8], shape: Shape) -> Result<Recorded, FormatError> {
    let text = format::utf8(bytes)?;
    let shape = Shape { keyed: Some(shape.keyed == Some(true)), add: shape.add.or(Some(Add::Set)), ..shape };
    let mut operations = Operations::new(shape, Clock::Order);
    let mut position = 0;
    for (number, line) in text.lines().enumerate() {
        let Some((_, event)) = line.split_once(MARK) else { continue };
        let wrong = |what: String| FormatError::line(number + 1, what);
        take(&mut operations, event, position, shape).map_err(wrong)?;
        position += 1;
    }
    Ok(Recorded::Operations(operations.finish()))
}

fn take(operations: &mut Operations, line: &str, position: u64, shape: Shape) -> Result<(), String> {
    let mut tape = Tape::default();
    let mut reader = Reader::of_values(line);
    let mut places = Vec::new();
    while places.len() < 4 {
        places.push(tape.nodes.len());
        if reader.value(&mut tape).map_err(|Fault { what, .. }| what)?.is_none() {
            return Err("expected process, type, function and value of an event".to_owned());
        }
    }
    let (process, kind, function, mut value) = (places[0], places[1], places[2], places[3]);
    let Node::Int(process) = tape.nodes[process] else { return Ok(()) };
    let mut kind = match tape.text(kind) {
        Some("invoke") => Kind::Invoke,
        Some("ok") => Kind::Ok,
        Some("fail") => Kind::Fail,
        Some("info") => Kind::Info,
        _ => return Err(format!("expected `:invoke`, `:ok`, `:fail` or `:info`, found {}", tape.show(kind))),
    };
    if kind == Kind::Fail && tape.text(function) == Some("cas") && tape.is_list(value) && shape.keyed != Some(true) {
        kind = Kind::Ok;
        value = tape.nodes.len();
        tape.nodes.push(Node::Bool(false));
    }
    let event = Event {
        kind,
        function: tape.text(function),
        process: Process::Number(process),
        key: None,
        value: Some(value).filter(|value| !tape.is_nil(*value)),
    };
    operations.event(&event, &tape, position)
}
