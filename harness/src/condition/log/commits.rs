//! Committed offsets: they are those that were committed, and never go back.

use super::{Journal, Mark, Part, violation, words};
use crate::{history::PENDING, verify::Violation};
use std::collections::HashMap;

/// Tells the first lost and the first invented commit.
pub fn check(part: &Part<'_>, journal: &Journal, violations: &mut Vec<Violation>) {
    violations.extend(went_back(part, journal));
    violations.extend(invented(part, journal));
}

/// A question answered with less than had been committed, or answered, before it was asked.
fn went_back(part: &Part<'_>, journal: &Journal) -> Option<Violation> {
    let mut before: Vec<&Mark> = journal
        .commits
        .iter()
        .chain(&journal.asked)
        .filter(|mark| mark.ret != PENDING && mark.offset.is_some())
        .collect();
    before.sort_by_key(|mark| (mark.ret, mark.op));
    let (mut next, mut highest): (usize, Option<&Mark>) = (0, None);
    for question in &journal.asked {
        while let Some(mark) = before.get(next).filter(|mark| mark.ret < question.call) {
            if highest.is_none_or(|highest| highest.offset < mark.offset) {
                highest = Some(mark);
            }
            next += 1;
        }
        if let Some(highest) = highest.filter(|highest| question.offset < highest.offset) {
            return Some(explain_back(part, highest, question));
        }
    }
    None
}

fn explain_back(part: &Part<'_>, before: &Mark, question: &Mark) -> Violation {
    let history = part.history;
    let did = match history.get(before.op).function {
        crate::history::Function::Commit => "committed",
        _ => "was told the committed offset",
    };
    let now = question.offset.map_or_else(|| "nothing".to_owned(), |offset| format!("only {offset}"));
    let sentence = format!(
        "{} {did} {} of the log{} at {}, and {} was told at {} that {now} is committed",
        words::who(history, before.op),
        before.offset.unwrap_or(0),
        words::object(history, before.op),
        words::returned(history, before.op),
        words::who(history, question.op),
        words::returned(history, question.op),
    );
    violation("commit-lost", sentence, [before.op, question.op])
}

/// A question answered with an offset that nobody had begun to commit.
fn invented(part: &Part<'_>, journal: &Journal) -> Option<Violation> {
    let mut first: HashMap<i64, u64> = HashMap::new();
    for mark in &journal.commits {
        if let Some(offset) = mark.offset {
            first.entry(offset).or_insert(mark.call);
        }
    }
    let history = part.history;
    journal.asked.iter().find_map(|question| {
        let offset = question.offset?;
        let from_nowhere = first.get(&offset).is_none_or(|call| *call > question.ret);
        let sentence = || {
            format!(
                "{} was told at {} that offset {offset} of the log{} is committed, which nobody had committed",
                words::who(history, question.op),
                words::returned(history, question.op),
                words::object(history, question.op),
            )
        };
        from_nowhere.then(|| violation("phantom-commit", sentence(), [question.op]))
    })
}
