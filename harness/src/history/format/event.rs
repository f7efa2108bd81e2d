//! Events of a recording, `invoke` and then `ok`, `fail` or `info`, made into operations or transactions.
//!
//! An operation lasts from its invocation to its completion, by the positions of these events: that is the order which
//! the recorder vouches for. `fail` did not happen; after `info`, or without a completion, nobody knows. Events of the
//! `nemesis` are faults and no operations; they only count as positions.

use super::{
    Fault, Shape,
    operations::Operations,
    shape::Detector,
    tape::{Node, Tape},
    transactions::Steps,
};
use crate::{history::Clock, verify::Recorded};

/// Where events come from, one after the other.
pub(super) trait Source<'a> {
    /// Puts the next event on the tape, alone, and gives where it begins in the file; none at the end.
    fn next(&mut self, tape: &mut Tape<'a>) -> Result<Option<usize>, Fault>;
}

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

/// Who an event is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Process {
    /// The event does not say.
    Unknown,
    /// A numbered one.
    Number(i64),
    /// One with a name.
    Named(String),
    /// The one that makes faults.
    Nemesis,
}

/// An event; places are those on its tape.
#[derive(Debug)]
pub(super) struct Event<'t> {
    pub kind: Kind,
    pub function: Option<&'t str>,
    pub process: Process,
    pub key: Option<usize>,
    /// None also for `nil`.
    pub value: Option<usize>,
}

impl<'t> Event<'t> {
    /// The event at the beginning of the tape.
    pub fn of(tape: &'t Tape<'_>) -> Result<Self, String> {
        if !tape.is_map(0) {
            return Err(format!("expected an event, a map with `type` and `value`; found {}", tape.show(0)));
        }
        let (mut kind, mut function, mut process, mut key, mut value) = (None, None, None, None, None);
        for (name, at) in tape.pairs(0) {
            match tape.text(name) {
                Some("type") => kind = Some(at),
                Some("f") => function = Some(at),
                Some("process") => process = Some(at),
                Some("key") => key = Some(at),
                Some("value") => value = Some(at),
                _ => {}
            }
        }
        let known = |at: &usize| !tape.is_nil(*at);
        Ok(Self {
            kind: kind_of(tape, kind)?,
            function: match function.filter(known) {
                None => None,
                Some(at) => {
                    Some(tape.text(at).ok_or_else(|| format!("expected a word as `f`, found {}", tape.show(at)))?)
                }
            },
            process: process_of(tape, process.filter(known))?,
            key: key.filter(known),
            value: value.filter(known),
        })
    }
}

fn kind_of(tape: &Tape<'_>, at: Option<usize>) -> Result<Kind, String> {
    match at.and_then(|at| tape.text(at)) {
        Some("invoke") => Ok(Kind::Invoke),
        Some("ok") => Ok(Kind::Ok),
        Some("fail") => Ok(Kind::Fail),
        Some("info") => Ok(Kind::Info),
        _ => {
            let found = at.map_or("none".to_owned(), |at| tape.show(at));
            Err(format!("expected `invoke`, `ok`, `fail` or `info` as `type`, found {found}"))
        }
    }
}

fn process_of(tape: &Tape<'_>, at: Option<usize>) -> Result<Process, String> {
    let Some(at) = at else { return Ok(Process::Unknown) };
    match &tape.nodes[at] {
        Node::Int(number) => Ok(Process::Number(*number)),
        Node::Text(name) if name == "nemesis" => Ok(Process::Nemesis),
        Node::Text(name) => Ok(Process::Named(name.clone().into_owned())),
        _ => Err(format!("expected a number or a name as `process`, found {}", tape.show(at))),
    }
}

/// Reads all events. They are looked through before as far as it takes to settle what the shape leaves open.
pub(super) fn read<'a, S: Source<'a>>(source: impl Fn() -> S, shape: Shape) -> Result<Recorded, Fault> {
    let mut detector = Detector::new(shape);
    if !detector.settled() {
        each(source(), |event, tape, _| {
            detector.event(event, tape);
            Ok(!detector.settled())
        })?;
    }
    let shape = detector.shape();
    if let Some(lists) = shape.lists() {
        let mut steps = Steps::new(lists);
        each(source(), |event, tape, position| steps.event(event, tape, position).map(|()| true))?;
        Ok(Recorded::Transactions(steps.finish()))
    } else {
        let mut operations = Operations::new(shape, Clock::Order);
        each(source(), |event, tape, position| operations.event(event, tape, position).map(|()| true))?;
        Ok(Recorded::Operations(operations.finish()))
    }
}

/// Hands every event of a client over with its position, until it is told that this is enough.
fn each<'a>(
    mut source: impl Source<'a>,
    mut hand_over: impl FnMut(&Event<'_>, &Tape<'a>, u64) -> Result<bool, String>,
) -> Result<(), Fault> {
    let mut tape = Tape::default();
    let mut position = 0;
    while let Some(at) = source.next(&mut tape)? {
        let fault = |what| Fault::new(at, what);
        let event = Event::of(&tape).map_err(fault)?;
        if event.process != Process::Nemesis && !hand_over(&event, &tape, position).map_err(fault)? {
            break;
        }
        position += 1;
    }
    Ok(())
}
