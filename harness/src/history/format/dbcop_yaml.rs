//! dbcop's histories in YAML: a list of sessions, each a list of transactions with `events` and `success`.
//!
//! Only the shape in which dbcop writes them is read: one `key: value` a line, `- ` before the first line of an element.
//! What stands deepest is told by its key, so that indentation need not be counted.
//!
//! <https://github.com/rnbguy/dbcop>

use super::{Format, FormatError, Shape, sessions::Sessions};
use crate::{
    history::{Outcome, format},
    text::excerpt,
    transaction::Action,
    verify::Recorded,
};

pub(super) const FORMAT: Format =
    Format { name: "dbcop-yaml", about: "dbcop's sessions of transactions in YAML", recognises, read };

fn recognises(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    let head = head.strip_prefix(b"---").unwrap_or(head).trim_ascii_start();
    head.strip_prefix(b"- -").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"events:"))
}

/// An event of which not all lines were seen.
#[derive(Default)]
struct Event {
    write: bool,
    variable: Option<i64>,
    value: Option<i64>,
}

fn read(bytes: &[u8], _: Shape) -> Result<Recorded, FormatError> {
    let text = format::utf8(bytes)?;
    let mut sessions = Sessions::default();
    let mut session = -1;
    let mut event: Option<Event> = None;
    let mut in_transaction = false;
    for (number, line) in text.lines().enumerate() {
        let wrong = |what: &str| FormatError::line(number + 1, format!("{what}, found `{}`", excerpt(line.trim(), 40)));
        if matches!(line.trim(), "" | "---" | "...") {
            continue;
        }
        let entry = line.trim_start_matches([' ', '-']);
        let (key, value) = entry.split_once(':').ok_or_else(|| wrong("expected `key: value`"))?;
        let value = value.trim();
        let integer = || value.parse::<i64>().map_err(|_| wrong("expected an integer"));
        let truth = || value.parse::<bool>().map_err(|_| wrong("expected `true` or `false`"));
        match (key.trim(), &mut event) {
            ("events", None) if !in_transaction => {
                session += i64::from(line.starts_with("- -"));
                sessions.begin(session.max(0), Outcome::Failed);
                in_transaction = true;
            }
            ("write", open @ None) if in_transaction => *open = Some(Event { write: truth()?, ..Event::default() }),
            ("variable", Some(event)) => event.variable = Some(integer()?),
            ("value", Some(event)) => event.value = Some(integer()?),
            ("success", open @ Some(_)) => {
                let complete = open.take().and_then(|event| Some((event.write, event.variable?, event.value?)));
                let (write, variable, value) =
                    complete.ok_or_else(|| wrong("expected `variable` and `value` before"))?;
                if truth()? {
                    let values = &mut sessions.transactions.values;
                    let (key, value) = (values.int(variable), values.int(value));
                    sessions.step(if write { Action::Write } else { Action::Read }, key, value);
                }
            }
            ("success", None) if in_transaction => {
                sessions.end(if truth()? { Outcome::Ok } else { Outcome::Failed });
                in_transaction = false;
            }
            _ => return Err(wrong("expected `events`, `write`, `variable`, `value` or `success` in this order")),
        }
    }
    if in_transaction {
        return Err(FormatError::line(text.lines().count(), "the text ends within a transaction"));
    }
    Ok(Recorded::Transactions(sessions.finish()))
}
