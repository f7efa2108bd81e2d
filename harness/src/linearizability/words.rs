//! Operations, values and times in the words of messages.

use crate::history::{Clock, Function, History, Id};
use crate::text::excerpt;
use crate::time::Offset;

/// A point in time: `1.934 s`, or `event 14` where a history has only an order.
pub fn at(history: &History, time: u64) -> String {
    match history.clock {
        Clock::Nanoseconds => Offset(time).to_string(),
        Clock::Order => format!("event {time}"),
    }
}

/// A value, cut where it is long.
pub fn value(history: &History, id: Id) -> String {
    excerpt(&history.values.show(id).to_string(), 48)
}

/// An operation with its client: `c3's read of 5`, `c1's dequeue, which gave 3,`.
pub fn named(history: &History, index: u32) -> String {
    let op = history.get(index);
    let mut text = format!("{}'s {}", history.process_name(op.process), op.function);
    if op.function == Function::Read && op.result.is_some() {
        return text + " of " + &value(history, op.result);
    }
    if op.argument.is_some() {
        text = text + " of " + &value(history, op.argument);
    }
    if op.result.is_some() {
        text = text + ", which gave " + &value(history, op.result) + ",";
    }
    text
}

/// When an operation that returned ran: `between 1.200 s and 1.310 s`.
pub fn between(history: &History, index: u32) -> String {
    let op = history.get(index);
    format!("between {} and {}", at(history, op.call), at(history, op.ret))
}

/// A number of things: `1 key`, `1 984 operations`.
pub fn count(number: usize, thing: &str) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text + " " + thing + if number == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let counts =
            [(0, "0 keys"), (1, "1 key"), (999, "999 keys"), (1_984, "1 984 keys"), (1_000_000, "1 000 000 keys")];
        for (number, text) in counts {
            assert_eq!(count(number, "key"), text);
        }
    }
}
