//! The words of recordings for what operations do.

use super::{Add, tape::Tape};
use crate::history::Function;

/// The function that a recording calls so.
pub(super) fn function(word: &str, add: Add) -> Result<Function, String> {
    Ok(match word {
        "get" => Function::Read,
        "put" => Function::Write,
        "del" => Function::Delete,
        "enq" => Function::Enqueue,
        "deq" | "drain" => Function::Dequeue,
        "lock" => Function::Acquire,
        "unlock" => Function::Release,
        "inc" => Function::Increment,
        "add" if add == Add::Set => Function::Insert,
        "add" => Function::Increment,
        word => match Function::ALL.iter().find(|function| function.word() == word) {
            Some(Function::Transaction) | None => {
                let known: Vec<&str> = Function::ALL.iter().map(|function| function.word()).collect();
                let word = crate::text::excerpt(word, 40);
                return Err(format!("`{word}` is no operation that is known here; known are {}", known.join(", ")));
            }
            Some(function) => *function,
        },
    })
}

/// Where an operation's argument and result are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The value is what the operation was given, in both events.
    Argument,
    /// As before; a truth value in the completion is the result.
    ArgumentThenTruth,
    /// As before, and without an argument the value of the completion is the result.
    ArgumentOrResult,
    /// The value of the completion is the result, that of the invocation nothing.
    Result,
    /// The value of the invocation is the argument, that of the completion the result.
    Both,
}

pub(super) fn told(function: Function) -> Told {
    match function {
        Function::Write
        | Function::Append
        | Function::Delete
        | Function::Enqueue
        | Function::Push
        | Function::PushFront
        | Function::PushBack
        | Function::Transfer
        | Function::Complete
        | Function::GiveBack
        | Function::Commit
        | Function::Transaction => Told::Argument,
        Function::Cas | Function::Insert | Function::Remove | Function::Contains => Told::ArgumentThenTruth,
        Function::Acquire | Function::Release | Function::Increment => Told::ArgumentOrResult,
        Function::ReadModifyWrite | Function::Send | Function::Echo => Told::Both,
        Function::Read
        | Function::Dequeue
        | Function::Pop
        | Function::PopFront
        | Function::PopBack
        | Function::Peek
        | Function::PeekFront
        | Function::PeekBack
        | Function::Poll
        | Function::Generate
        | Function::Reserve
        | Function::Receive
        | Function::Committed => Told::Result,
    }
}

/// Whether a value is what a transaction does: a list of `[r key value]`, `[w key value]`, `[append key value]`.
pub(super) fn is_steps(tape: &Tape<'_>, value: usize) -> bool {
    let Some(mut steps) = tape.elements(value).map(Iterator::peekable) else { return false };
    steps.peek().is_some()
        && steps.all(|step| {
            let Some(mut parts) = tape.elements(step) else { return false };
            let word = parts.next().and_then(|word| tape.text(word));
            matches!(word, Some("r" | "read" | "w" | "write" | "append")) && matches!(parts.count(), 1 | 2)
        })
}
