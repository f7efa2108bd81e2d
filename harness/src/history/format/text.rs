//! takehome's own format for recorded histories, which is easily written by any program: one operation a line, columns
//! separated by tabs.
//!
//! ```text
//! process  call_ns  return_ns  outcome  function  key  argument  result
//! a        1000     2000       ok       write     "x"  3         -
//! b        1500     -          unknown  read      "x"  -         -
//! ```
//!
//! The first line names the columns; `call` and `return` in place of `call_ns` and `return_ns` say that times are
//! positions of events and no nanoseconds. `return` is `-` where the outcome is `unknown`; others are `ok` and `failed`.
//! Functions are those of [`Function`]. Key, argument and result are JSON, or `-` for none. Transactions have the
//! function `txn` in every line, and `[["append", key, value], ["r", key, null], ["w", key, value]]` as argument, and the
//! same with what was read as result.
//!
//! What JSON cannot say: keys of maps are scalars; those that are no texts are written as the JSON of what they are, and
//! texts that look like that are quoted once more.

use super::{
    Events, Format, FormatError, Shape,
    clients::Numbers,
    shape::Detector,
    tape::Tape,
    transactions::{Steps, push_steps},
};
use crate::{
    history::{Builder, Clock, Function, History, Id, Invocation, Outcome, PENDING, Value, Values, format},
    text::excerpt,
    transaction::{Action, Transactions},
    verify::Recorded,
};
use std::fmt::Write as _;

pub(super) const FORMAT: Format =
    Format { name: "history", about: "takehome's own, one operation a line in columns", recognises, read };

/// The first line, where times are nanoseconds.
const NANOSECONDS: &str = "process\tcall_ns\treturn_ns\toutcome\tfunction\tkey\targument\tresult";
/// The first line, where times are positions of events.
const ORDER: &str = "process\tcall\treturn\toutcome\tfunction\tkey\targument\tresult";

fn recognises(head: &[u8]) -> bool {
    head.starts_with(b"process\tcall")
}

/// A line, its columns still text.
struct Row<'a> {
    line: usize,
    process: &'a str,
    call: u64,
    ret: u64,
    outcome: Outcome,
    function: &'a str,
    key: &'a str,
    argument: &'a str,
    result: &'a str,
}

fn read(bytes: &[u8], shape: Shape) -> Result<Recorded, FormatError> {
    let text = format::utf8(bytes)?;
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let clock = match lines.next() {
        Some((_, NANOSECONDS)) => Clock::Nanoseconds,
        Some((_, ORDER)) => Clock::Order,
        _ => {
            return Err(FormatError::line(
                1,
                "expected the names of the columns: process, call_ns, return_ns, outcome, function, key, argument, result, with tabs between them",
            ));
        }
    };
    let rows = lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| row(number, line).map_err(|what| FormatError::line(number, what)));
    let mut rows = rows.peekable();
    let word = Function::Transaction.word();
    if rows.peek().is_some_and(|row| row.as_ref().is_ok_and(|row| row.function == word)) {
        transactions(rows, clock, shape)
    } else {
        operations(rows, clock)
    }
}

fn row(line: usize, text: &str) -> Result<Row<'_>, String> {
    let mut columns = text.split('\t');
    let mut found = [""; 8];
    let mut count = 0;
    for column in &mut columns {
        if let Some(place) = found.get_mut(count) {
            *place = column;
        }
        count += 1;
    }
    if count != found.len() {
        return Err(format!("expected 8 columns, found {count}"));
    }
    let [process, call, ret, outcome, function, key, argument, result] = found;
    let time = |text: &str| match text.parse::<u64>() {
        Ok(time) if time < PENDING => Ok(time),
        _ => Err(format!("expected a time, found `{}`", excerpt(text, 40))),
    };
    let call = time(call)?;
    let outcome = match outcome {
        "ok" => Outcome::Ok,
        "failed" => Outcome::Failed,
        "unknown" => Outcome::Unknown,
        other => return Err(format!("expected `ok`, `failed` or `unknown`, found `{}`", excerpt(other, 40))),
    };
    let ret = match (ret, outcome) {
        ("-", Outcome::Unknown) => PENDING,
        (_, Outcome::Unknown) => {
            return Err("expected `-` as the time at which an unknown operation returned".to_owned());
        }
        (ret, _) => time(ret)?,
    };
    if ret < call {
        return Err(format!("the operation returned at {ret}, before it was called at {call}"));
    }
    Ok(Row { line, process, call, ret, outcome, function, key, argument, result })
}

fn operations<'a>(
    rows: impl Iterator<Item = Result<Row<'a>, FormatError>>,
    clock: Clock,
) -> Result<Recorded, FormatError> {
    let mut builder = Builder::new(clock);
    let mut processes = Numbers::default();
    let mut tape = Tape::default();
    for row in rows {
        let row = row?;
        let wrong = |what: String| FormatError::line(row.line, what);
        let function = Function::ALL.iter().find(|function| function.word() == row.function);
        let function = match function {
            Some(Function::Transaction) => return Err(wrong("expected no `txn` among operations".to_owned())),
            Some(function) => *function,
            None => return Err(wrong(format!("`{}` is no function", excerpt(row.function, 40)))),
        };
        let mut id = |text| cell(&mut builder.values, &mut tape, text).map_err(wrong);
        let (key, argument, result) = (id(row.key)?, id(row.argument)?, id(row.result)?);
        let process = processes.of(row.process);
        let ticket = builder.invoke(Invocation { process, call: row.call, function, key, argument });
        builder.complete(ticket, row.ret, row.outcome, result);
    }
    builder.process_names = processes.names();
    Ok(Recorded::Operations(builder.finish()))
}

/// The value in a column.
fn cell(values: &mut Values, tape: &mut Tape<'static>, text: &str) -> Result<Id, String> {
    match text {
        "-" => Ok(Id::NONE),
        text => match text.parse().ok().and_then(Id::small) {
            Some(id) if !text.starts_with(['+', '0']) || text == "0" => Ok(id),
            _ => {
                tape.nodes.clear();
                let json = serde_json::from_str(text).map_err(|error| super::json_error(&error))?;
                let at = tape.push_json(&json);
                Ok(tape.intern(values, at))
            }
        },
    }
}

fn transactions<'a>(
    rows: impl Iterator<Item = Result<Row<'a>, FormatError>>,
    clock: Clock,
    shape: Shape,
) -> Result<Recorded, FormatError> {
    let mut rows = rows.collect::<Result<Vec<Row<'_>>, _>>()?;
    rows.sort_by_key(|row| row.call);
    let mut detector =
        Detector::new(Shape { events: shape.events.filter(|events| *events != Events::Operations), ..shape });
    let mut tape = Tape::default();
    for row in &rows {
        steps(&mut tape, row).map(|at| detector.steps(&tape, at)).map_err(|what| FormatError::line(row.line, what))?;
        if detector.settled() {
            break;
        }
    }
    let lists = detector.shape().events == Some(Events::ListAppend);
    let mut transactions = Steps::new(lists).finish();
    let mut processes = Numbers::default();
    transactions.clock = clock;
    for row in &rows {
        transactions.push(processes.of(row.process), row.call, row.ret, row.outcome);
        let known = row.outcome == Outcome::Ok;
        steps(&mut tape, row)
            .and_then(|at| push_steps(&mut transactions, &tape, at, lists, known))
            .map_err(|what| FormatError::line(row.line, what))?;
    }
    transactions.process_names = processes.names();
    Ok(Recorded::Transactions(transactions))
}

/// Puts what a transaction did on the tape.
fn steps(tape: &mut Tape<'static>, row: &Row<'_>) -> Result<usize, String> {
    if row.function != Function::Transaction.word() {
        return Err(format!("expected `txn` as everywhere else, found `{}`", excerpt(row.function, 40)));
    }
    let text = if row.outcome == Outcome::Ok { row.result } else { row.argument };
    tape.nodes.clear();
    let json = serde_json::from_str(text).map_err(|error| super::json_error(&error))?;
    Ok(tape.push_json(&json))
}

/// Writes a history in this format.
pub fn write(history: &History) -> String {
    let mut text = format!("{}\n", header(history.clock));
    for op in history.iter() {
        let process = history.process_name(op.process).replace(['\t', '\n', '\r'], " ");
        times(&mut text, &process, op.call, op.ret, op.outcome);
        text += op.function.word();
        for id in [op.key, op.argument, op.result] {
            text.push('\t');
            if id.is_some() { json(&history.values, id, &mut text) } else { text.push('-') }
        }
        text.push('\n');
    }
    text
}

/// Writes transactions in this format. It has no way to say that times do not compare.
pub fn write_transactions(transactions: &Transactions) -> String {
    let mut text = format!("{}\n", header(transactions.clock));
    for index in 0..transactions.len() {
        let process = transactions.process[index];
        let name = transactions.process_names.get(process as usize);
        let name =
            name.map_or_else(|| format!("c{process}"), |name| excerpt(name, 24).replace(['\t', '\n', '\r'], " "));
        let outcome = transactions.outcome[index];
        times(&mut text, &name, transactions.call[index], transactions.ret[index], outcome);
        text += "txn\t-\t";
        micro_operations(transactions, index as u32, false, &mut text);
        text.push('\t');
        if outcome == Outcome::Ok {
            micro_operations(transactions, index as u32, true, &mut text)
        } else {
            text.push('-')
        }
        text.push('\n');
    }
    text
}

fn micro_operations(transactions: &Transactions, index: u32, results: bool, text: &mut String) {
    text.push('[');
    for (place, step) in transactions.steps(index).iter().enumerate() {
        text.push_str(if place == 0 { "" } else { "," });
        let (word, written) = match step.action {
            Action::Read | Action::ReadList => ("r", false),
            Action::Write => ("w", true),
            Action::Append => ("append", true),
        };
        _ = write!(text, "[\"{word}\",");
        json(&transactions.values, step.key, text);
        text.push(',');
        match transactions.list(step) {
            Some(list) if results => sequence(text, list, |id, text| json(&transactions.values, *id, text)),
            None if (written || results) && step.value.is_some() => json(&transactions.values, step.value, text),
            _ => text.push_str("null"),
        }
        text.push(']');
    }
    text.push(']');
}

fn header(clock: Clock) -> &'static str {
    match clock {
        Clock::Nanoseconds => NANOSECONDS,
        Clock::Order => ORDER,
    }
}

fn times(text: &mut String, process: &str, call: u64, ret: u64, outcome: Outcome) {
    _ = match outcome {
        Outcome::Ok => write!(text, "{process}\t{call}\t{ret}\tok\t"),
        Outcome::Failed => write!(text, "{process}\t{call}\t{ret}\tfailed\t"),
        Outcome::Unknown => write!(text, "{process}\t{call}\t-\tunknown\t"),
    };
}

/// A value as JSON.
fn json(values: &Values, id: Id, text: &mut String) {
    match values.get(id) {
        None | Some(Value::Nil) => text.push_str("null"),
        Some(Value::Bool(value)) => _ = write!(text, "{value}"),
        Some(Value::Int(number)) => _ = write!(text, "{number}"),
        Some(Value::Number(digits)) => text.push_str(&digits),
        Some(Value::Text(string)) => quoted(&string, text),
        Some(Value::List(list)) => sequence(text, &list, |id, text| json(values, *id, text)),
        Some(Value::Map(pairs)) => {
            for (index, (key, value)) in pairs.iter().enumerate() {
                text.push_str(if index == 0 { "{" } else { "," });
                map_key(values, *key, text);
                text.push(':');
                json(values, *value, text);
            }
            text.push_str(if pairs.is_empty() { "{}" } else { "}" });
        }
    }
}

fn sequence<T>(text: &mut String, items: &[T], mut show: impl FnMut(&T, &mut String)) {
    text.push('[');
    for (index, item) in items.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        show(item, text);
    }
    text.push(']');
}

fn map_key(values: &Values, key: Id, text: &mut String) {
    match values.get(key) {
        Some(Value::Text(string)) if serde_json::from_str::<serde::de::IgnoredAny>(&string).is_err() => {
            quoted(&string, text)
        }
        _ => {
            let mut inner = String::new();
            json(values, key, &mut inner);
            quoted(&inner, text);
        }
    }
}

fn quoted(string: &str, text: &mut String) {
    text.push_str(&serde_json::Value::from(string).to_string());
}
