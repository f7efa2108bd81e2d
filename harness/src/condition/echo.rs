//! `echo`: what comes back is what was sent. O(n).

use super::{Condition, Found, Initial, Part, Scope, violation, words};
use crate::{
    history::{Function, Outcome},
    verify::Violation,
};

pub(super) const ECHO: Condition = Condition {
    name: "echo",
    about: "every answered echo carries exactly the value that was sent",
    initial: Initial::Fixed,
    scope: Scope::History,
    judge,
};

/// The places where something else came back than was sent. Nothing sent or nothing back is no echo either.
pub fn changed<T, V: PartialEq>(echoes: impl IntoIterator<Item = (T, Option<V>, Option<V>)>) -> Vec<T> {
    let wrong = |(_, sent, back): &(T, Option<V>, Option<V>)| sent.is_none() || sent != back;
    echoes.into_iter().filter(wrong).map(|(place, ..)| place).collect()
}

fn judge(part: Part<'_>) -> Result<Found, String> {
    if let Some((index, _)) = part.iter().find(|(_, op)| op.function != Function::Echo) {
        return Err(part.unknown(index, "an echo's"));
    }
    let some = |id: crate::history::Id| id.is_some().then_some(id);
    let answered = || part.iter().filter(|(_, op)| op.outcome == Outcome::Ok);
    let bad = changed(answered().map(|(index, op)| (index, some(op.argument), some(op.result))));
    let counts = vec![("echoes", answered().count() as u64), ("changed", bad.len() as u64)];
    let mut found = Found { counts, ..Found::default() };
    found.violations.extend(bad.first().map(|index| explain(&part, *index)));
    if answered().next().is_none() {
        found.undecided.push("no echo was answered".to_owned());
    }
    Ok(found)
}

fn explain(part: &Part<'_>, index: u32) -> Violation {
    let (history, op) = (part.history, part.history.get(index));
    let sentence = format!(
        "{} sent {} at {} and got {} back at {}",
        words::who(history, index),
        words::value(history, op.argument),
        words::called(history, index),
        if op.result.is_some() { words::value(history, op.result) } else { "nothing".to_owned() },
        words::returned(history, index),
    );
    violation("changed-echo", sentence, [index])
}
