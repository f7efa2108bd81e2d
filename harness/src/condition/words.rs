//! Times, values and clients in the words of messages.

pub use crate::linearizability::words::{at, count, value};

use crate::history::History;

/// When an operation was called.
pub fn called(history: &History, operation: u32) -> String {
    at(history, history.get(operation).call)
}

/// When an operation returned, where it did.
pub fn returned(history: &History, operation: u32) -> String {
    at(history, history.get(operation).ret)
}

/// Who called an operation: `c3`.
pub fn who(history: &History, operation: u32) -> String {
    history.process_name(history.get(operation).process)
}

/// ` "x"`, to stand behind a noun, for an operation on the object `"x"`; nothing where there is only one.
pub fn object(history: &History, operation: u32) -> String {
    match history.get(operation).key {
        key if key.is_some() => format!(" {}", value(history, key)),
        _ => String::new(),
    }
}

/// `one, two and three`, of which at most eight are named.
pub fn list(items: impl IntoIterator<Item = String>) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    if items.len() > 8 {
        let more = items.len() - 7;
        items.truncate(7);
        items.push(format!("{more} more"));
    }
    match items.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
    }
}
