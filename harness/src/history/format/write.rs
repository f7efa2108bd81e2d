//! Histories as EDN events, one a line, for other checkers and for tests.
//!
//! Events have no times: their order says which operation came before which. At equal times invocations come first, so
//! that what was concurrent stays so. An operation that is called before the last one of its process is over is written
//! under a process of its own.

use crate::{
    history::{Function, History, Id, Outcome, PENDING, Value, Values},
    transaction::{Action, Transactions},
};
use std::fmt::Write as _;

/// An event by time, kind (invocations first) and operation.
type At = (u64, bool, u32);

/// Writes a history.
pub fn edn(history: &History) -> String {
    let processes = processes(history.processes(), history.calls(), history.returns());
    let mut text = String::new();
    for (_, completion, index) in events(history.calls(), history.returns()) {
        let op = history.get(index);
        let outcome = completion.then_some(op.outcome);
        event(&mut text, outcome, processes[index as usize]);
        _ = write!(text, ", :f :{}", op.function.word());
        if op.key.is_some() {
            text += ", :key ";
            value(&history.values, op.key, &mut text);
        }
        text += ", :value ";
        let result = completion && (op.result.is_some() || op.function == Function::Send);
        value(&history.values, if result { op.result } else { op.argument }, &mut text);
        text += "}\n";
    }
    text
}

/// Writes transactions as Elle reads them: list-append or read-write register.
pub fn edn_transactions(transactions: &Transactions) -> String {
    let processes = processes(&transactions.process, &transactions.call, &transactions.ret);
    let mut text = String::new();
    for (_, completion, index) in events(&transactions.call, &transactions.ret) {
        let outcome = completion.then_some(transactions.outcome[index as usize]);
        event(&mut text, outcome, processes[index as usize]);
        text += ", :f :txn, :value [";
        for (place, step) in transactions.steps(index).iter().enumerate() {
            text.push_str(if place == 0 { "[" } else { " [" });
            let (word, written) = match step.action {
                Action::Read | Action::ReadList => (":r ", false),
                Action::Write => (":w ", true),
                Action::Append => (":append ", true),
            };
            text += word;
            value(&transactions.values, step.key, &mut text);
            text.push(' ');
            match transactions.list(step) {
                Some(list) if outcome == Some(Outcome::Ok) => sequence(&transactions.values, list, &mut text),
                None if written || outcome == Some(Outcome::Ok) => value(&transactions.values, step.value, &mut text),
                _ => text += "nil",
            }
            text.push(']');
        }
        text += "]}\n";
    }
    text
}

fn event(text: &mut String, outcome: Option<Outcome>, process: u32) {
    let kind = match outcome {
        None => "invoke",
        Some(Outcome::Ok) => "ok",
        Some(Outcome::Failed) => "fail",
        Some(Outcome::Unknown) => "info",
    };
    _ = write!(text, "{{:type :{kind}, :process {process}");
}

fn events(calls: &[u64], returns: &[u64]) -> Vec<At> {
    let calls = (0..).zip(calls).map(|(index, call)| (*call, false, index));
    let returns = (0..).zip(returns).filter(|(_, ret)| **ret != PENDING).map(|(index, ret)| (*ret, true, index));
    let mut events: Vec<At> = calls.chain(returns).collect();
    events.sort_unstable();
    events
}

/// The process that each operation is written under. Calls are in ascending order.
fn processes(processes: &[u32], calls: &[u64], returns: &[u64]) -> Vec<u32> {
    let mut next = processes.iter().max().map_or(0, |last| last.saturating_add(1));
    let mut free_from = std::collections::HashMap::new();
    let mut written = Vec::with_capacity(processes.len());
    for ((process, call), ret) in processes.iter().zip(calls).zip(returns) {
        if free_from.get(process).is_some_and(|free| call <= free) {
            written.push(next);
            next = next.saturating_add(1);
        } else {
            free_from.insert(*process, *ret);
            written.push(*process);
        }
    }
    written
}

fn value(values: &Values, id: Id, text: &mut String) {
    match values.get(id) {
        None | Some(Value::Nil) => *text += "nil",
        Some(Value::Bool(value)) => _ = write!(text, "{value}"),
        Some(Value::Int(number)) => _ = write!(text, "{number}"),
        Some(Value::Number(digits)) => *text += &digits,
        Some(Value::Text(string)) => quoted(&string, text),
        Some(Value::List(list)) => sequence(values, &list, text),
        Some(Value::Map(pairs)) => {
            text.push('{');
            for (index, (key, mapped)) in pairs.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                value(values, *key, text);
                text.push(' ');
                value(values, *mapped, text);
            }
            text.push('}');
        }
    }
}

fn sequence(values: &Values, list: &[Id], text: &mut String) {
    text.push('[');
    for (index, id) in list.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { " " });
        value(values, *id, text);
    }
    text.push(']');
}

fn quoted(string: &str, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\n' => *text += "\\n",
            '\r' => *text += "\\r",
            '\t' => *text += "\\t",
            other => text.push(other),
        }
    }
    text.push('"');
}
