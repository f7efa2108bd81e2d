//! Transactions as `r(key,value,session,transaction)` and `w(…)`, one read or write a line, as PolySI and IsoVista use it.
//!
//! Lines of one transaction stand together. There are no times. Where nobody writes a zero to a key, a zero that was
//! read there is the initial value.

use super::{Format, FormatError, Shape, sessions::Sessions};
use crate::{
    history::{Id, Outcome, Value, Values, format},
    text::excerpt,
    transaction::Action,
    verify::Recorded,
};
use std::collections::HashSet;

pub(super) const FORMAT: Format =
    Format { name: "txn-text", about: "`r(key,value,session,txn)` and `w(…)`, one a line", recognises, read };

fn recognises(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    matches!(head, [b'r' | b'w', b'(', b'-' | b'0'..=b'9', ..])
}

fn read(bytes: &[u8], _: Shape) -> Result<Recorded, FormatError> {
    let text = format::utf8(bytes)?;
    let mut sessions = Sessions::default();
    let mut last = None;
    let mut begun = HashSet::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let wrong = |what: String| FormatError::line(number + 1, what);
        let (action, [key, value, session, transaction]) = step(line).map_err(wrong)?;
        let whose = (integer(session).map_err(wrong)?, integer(transaction).map_err(wrong)?);
        if last != Some(whose) {
            if !begun.insert(whose) {
                return Err(wrong(format!("transaction {} of session {} goes on behind another", whose.1, whose.0)));
            }
            sessions.begin(whose.0, Outcome::Ok);
            last = Some(whose);
        }
        let values = &mut sessions.transactions.values;
        let (key, value) = (value_of(values, key).map_err(wrong)?, value_of(values, value).map_err(wrong)?);
        sessions.step(action, key, value);
    }
    Ok(Recorded::Transactions(sessions.finish()))
}

fn step(line: &str) -> Result<(Action, [&str; 4]), String> {
    let wrong = || format!("expected `r(key,value,session,transaction)` or `w(…)`, found `{}`", excerpt(line, 60));
    let (action, rest) = match line.as_bytes() {
        [b'r', b'(', ..] => (Action::Read, &line[2..]),
        [b'w', b'(', ..] => (Action::Write, &line[2..]),
        _ => return Err(wrong()),
    };
    let mut parts = rest.strip_suffix(')').ok_or_else(wrong)?.split(',');
    let mut part = || parts.next().map(str::trim).ok_or_else(wrong);
    let four = [part()?, part()?, part()?, part()?];
    if parts.next().is_some() { Err(wrong()) } else { Ok((action, four)) }
}

fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| not_an_integer(text))
}

fn value_of(values: &mut Values, text: &str) -> Result<Id, String> {
    match text.parse::<i64>() {
        Ok(number) => Ok(values.int(number)),
        Err(_) if text.parse::<u64>().is_ok() => Ok(values.intern(Value::Number(text.into()))),
        Err(_) => Err(not_an_integer(text)),
    }
}

fn not_an_integer(text: &str) -> String {
    format!("expected an integer, found `{}`", excerpt(text, 40))
}
