//! Logs of operations with start and end times on one object, as PolyLin and fptlin have them: what their methods mean.
//!
//! There a method that ends when another starts comes before it. So times become positions in one order of all starts
//! and ends, in which at equal times ends stand before starts.

use super::{FormatError, clients::Numbers};
use crate::{
    history::{Builder, Function, History, Id, Invocation, Value},
    text::excerpt,
};

/// The value that says that nothing was there.
const EMPTY: i64 = -1;

/// One line.
pub(super) struct Interval<'a> {
    /// None where the log does not say; each is of a process of its own then.
    pub process: Option<&'a str>,
    pub start: u64,
    pub end: u64,
    pub call: Method,
}

/// What was called, with numbers that are not interned yet.
pub(super) struct Method {
    function: Function,
    argument: Option<i64>,
    result: Told,
}

enum Told {
    Nothing,
    Number(i64),
    Truth(bool),
}

/// The kind of object that the first line names: `# queue`.
pub(super) fn kind(line: &str) -> Result<&str, FormatError> {
    let kind = line.trim().strip_prefix('#').map(str::trim);
    match kind {
        Some("stack" | "queue" | "deque" | "pqueue" | "priorityqueue" | "set" | "rmw" | "semaphore") => {
            Ok(kind.unwrap_or_default())
        }
        _ => Err(FormatError::line(
            1,
            format!("expected a kind of object such as `# queue`, found `{}`", excerpt(line, 40)),
        )),
    }
}

/// How many values a method has in a log of this kind.
pub(super) fn width(kind: &str) -> usize {
    if matches!(kind, "set" | "rmw") { 2 } else { 1 }
}

/// What a method with its values means.
pub(super) fn method(kind: &str, name: &str, values: &[i64]) -> Result<Method, String> {
    let name = name.to_ascii_lowercase();
    let [value, ..] = *values else { return Err("expected a value".to_owned()) };
    let (function, takes) = match (kind, &*name) {
        ("set", "insert" | "remove" | "contains") => return set(&name, values),
        ("rmw", "read_modify_write") => {
            let [before, after] = *values else { return Err("expected what was read and what was written".to_owned()) };
            let (argument, result) = (Some(after), Told::Number(before));
            return Ok(Method { function: Function::ReadModifyWrite, argument, result });
        }
        ("semaphore", "incr") => return Ok(permit(Function::Release, truth(value)?)),
        ("semaphore", "decr") => return Ok(permit(Function::Acquire, truth(value)?)),
        ("queue", "enq") => (Function::Enqueue, true),
        ("queue", "deq") => (Function::Dequeue, false),
        ("stack", "push") => (Function::Push, true),
        ("stack", "pop") => (Function::Pop, false),
        ("deque", "push_front") => (Function::PushFront, true),
        ("deque", "push_back") => (Function::PushBack, true),
        ("deque", "pop_front") => (Function::PopFront, false),
        ("deque", "pop_back") => (Function::PopBack, false),
        ("deque", "peek_front") => (Function::PeekFront, false),
        ("deque", "peek_back") => (Function::PeekBack, false),
        ("pqueue" | "priorityqueue", "insert") => (Function::Insert, true),
        ("pqueue" | "priorityqueue", "poll") => (Function::Poll, false),
        ("queue" | "stack" | "pqueue" | "priorityqueue", "peek") => (Function::Peek, false),
        _ => return Err(format!("`{}` is no method of a {kind}", excerpt(&name, 40))),
    };
    Ok(match takes {
        true => Method { function, argument: Some(value), result: Told::Nothing },
        false => Method { function, argument: None, result: Told::Number(value) },
    })
}

fn set(name: &str, values: &[i64]) -> Result<Method, String> {
    let [element, told] = *values else { return Err("expected an element and `0` or `1`".to_owned()) };
    let function = match name {
        "insert" => Function::Insert,
        "remove" => Function::Remove,
        _ => Function::Contains,
    };
    Ok(Method { function, argument: Some(element), result: Told::Truth(truth(told)?) })
}

fn permit(function: Function, granted: bool) -> Method {
    Method { function, argument: None, result: if granted { Told::Nothing } else { Told::Truth(false) } }
}

fn truth(value: i64) -> Result<bool, String> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(format!("expected `0` or `1`, found `{value}`")),
    }
}

/// A number in a column.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("expected a number, found `{}`", excerpt(text, 40)))
}

/// The history of these lines.
pub(super) fn history(intervals: &[Interval<'_>]) -> History {
    let positions = positions(intervals);
    let mut builder = Builder::default();
    let mut numbers = Numbers::default();
    for (index, (interval, (call, ret))) in intervals.iter().zip(positions).enumerate() {
        let process = match interval.process {
            Some(name) => numbers.of(&format!("process {name}")),
            None => index as u32,
        };
        let argument = interval.call.argument.map_or(Id::NONE, |number| builder.values.int(number));
        let result = match interval.call.result {
            Told::Nothing => Id::NONE,
            Told::Truth(value) => builder.values.intern(Value::Bool(value)),
            Told::Number(EMPTY) => Id::NIL,
            Told::Number(number) => builder.values.int(number),
        };
        let function = interval.call.function;
        builder.add(Invocation { process, call, function, key: Id::NONE, argument }, ret, result);
    }
    builder.process_names = numbers.names();
    builder.finish()
}

/// The positions of each interval's start and end among all. What takes no time is concurrent with what starts then.
fn positions(intervals: &[Interval<'_>]) -> Vec<(u64, u64)> {
    const END: u8 = 0;
    const START: u8 = 1;
    const END_OF_POINT: u8 = 2;
    let mut events: Vec<(u64, u8, u32)> = Vec::with_capacity(intervals.len() * 2);
    for (index, interval) in (0..).zip(intervals) {
        events.push((interval.start, START, index));
        events.push((interval.end, if interval.end > interval.start { END } else { END_OF_POINT }, index));
    }
    events.sort_unstable();
    let mut positions = vec![(0, 0); intervals.len()];
    for (position, (_, kind, index)) in (0..).zip(events) {
        let (call, ret) = &mut positions[index as usize];
        *(if kind == START { call } else { ret }) = position;
    }
    positions
}
