//! What the monitors of queue, stack and priority queue share: from the operations to the answer with its witness.
//!
//! All three are closed under taking away all operations of one value, and under taking away operations that found nothing
//! or only saw a value. So what is illegal about some values is illegal about all, and the smallest witness is found by
//! leaving values out as long as the rest stays illegal.

use super::{
    absorb::{Decision, decide},
    contents::{Contents, Fault, Obstacle, Roles},
    minimal::minimal,
    sentence::Words,
};
use crate::{
    history::{History, Outcome, PENDING},
    verify::{Judged, Violation},
};

/// Some values and some findings of nothing, by their places in the contents.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Places of values.
    pub items: Vec<u32>,
    /// Places of operations that found nothing.
    pub empties: Vec<u32>,
}

/// What is particular to one kind of container.
pub trait Kind: Sync {
    /// What it is called in messages.
    const NOUN: &'static str;
    /// Its functions.
    const ROLES: Roles;

    /// Why it cannot judge these contents, if it cannot.
    fn refuses(&self, _: &History, _: &Contents) -> Option<&'static str> {
        None
    }

    /// A part of the contents that no order explains if values that are left stay to the end and removals without an
    /// answer remove nothing; none if some order explains all.
    fn conflict(&self, history: &History, contents: &Contents) -> Option<Part>;

    /// The rule that smallest illegal contents break, and a sentence about them.
    fn explain(&self, history: &History, contents: &Contents, words: &Words<'_>) -> (&'static str, String);
}

/// Judges the operations of one container.
pub fn judge<K: Kind>(kind: &K, history: &History, operations: &[u32]) -> Judged {
    let mut contents = match Contents::collect(history, operations, K::ROLES) {
        Ok(contents) => contents,
        Err(Obstacle::NotCovered(reason)) => return Judged::NotCovered(reason),
        Err(Obstacle::Fault(fault)) => return Judged::illegal(explain_fault(K::NOUN, history, fault)),
    };
    if let Some(reason) = kind.refuses(history, &contents) {
        return Judged::NotCovered(reason);
    }
    match decide(kind, history, &mut contents) {
        Decision::Legal => Judged::Legal,
        Decision::Unsure => Judged::NotCovered("too many removals without an answer could have taken too many values"),
        Decision::Illegal(part) => Judged::illegal(witness(kind, history, &contents, &part)),
    }
}

/// A value or a finding of nothing, by its place.
#[derive(Clone, Copy)]
enum Unit {
    Item(u32),
    Empty(u32),
}

fn part(units: &[Unit]) -> Part {
    let mut part = Part::default();
    for unit in units {
        match unit {
            Unit::Item(item) => part.items.push(*item),
            Unit::Empty(empty) => part.empties.push(*empty),
        }
    }
    part.empties.sort_unstable();
    part
}

/// The smallest part of an illegal part that is still illegal, early values first.
pub fn smallest(contents: &Contents, whole: &Part, mut illegal: impl FnMut(Contents) -> bool) -> Part {
    let items = whole.items.iter().map(|item| (contents.items[*item as usize].add_call, Unit::Item(*item)));
    let empties = whole.empties.iter().map(|empty| (contents.empties[*empty as usize].call, Unit::Empty(*empty)));
    let mut units: Vec<(u64, Unit)> = items.chain(empties).collect();
    units.sort_by_key(|(call, _)| *call);
    let units: Vec<Unit> = units.into_iter().map(|(_, unit)| unit).collect();
    part(&minimal(&units, |units| {
        let part = part(units);
        illegal(contents.part(&part.items, &part.empties))
    }))
}

fn witness<K: Kind>(kind: &K, history: &History, contents: &Contents, whole: &Part) -> Violation {
    let illegal = |mut contents: Contents| matches!(decide(kind, history, &mut contents), Decision::Illegal(_));
    let small = smallest(contents, whole, illegal);
    let mut small = contents.part(&small.items, &small.empties);
    for look in (0..small.looks.len()).rev() {
        let mut without = small.clone();
        without.remove_look(history, look);
        if illegal(without.clone()) {
            small = without;
        }
    }
    // What was called when all had returned cannot have helped: in any order it comes last.
    let last = small.operations().iter().map(|op| history.get(*op).ret).filter(|ret| *ret != PENDING).max();
    let left = small.items.iter().filter(|item| item.is_left()).count();
    small.takers.retain(|(call, _)| left > 0 && last.is_none_or(|last| *call <= last));
    let operations = small.operations();
    let (rule, mut sentence) = kind.explain(history, &small, &Words::new(history, &operations));
    sentence += &match small.takers.len() {
        0 => String::new(),
        takers if takers >= left => " (the removals without an answer came too late to have taken what is left)".into(),
        1 => " (the only removal without an answer can have taken one of them)".into(),
        takers => format!(" (the {takers} removals without an answer can have taken {takers} of them)"),
    };
    Violation { rule, sentence, witness: operations, ..Violation::default() }
}

fn explain_fault(noun: &str, history: &History, fault: Fault) -> Violation {
    let operations = match fault {
        Fault::Invented(op) => vec![op],
        Fault::Early { add, seen } => vec![add, seen],
        Fault::Twice { add, first, second } => vec![add, first, second],
        Fault::SeenAfter { add, take, look } => vec![add, take, look],
    };
    let words = Words::new(history, &operations);
    let value = |op| words.value(history.get(op).result);
    let got = |op| format!("{} got {} from the {noun} {}", words.who(op), value(op), words.during(op));
    let (rule, sentence) = match fault {
        Fault::Invented(op) => {
            let failed = history
                .iter()
                .find(|other| other.outcome == Outcome::Failed && other.argument == history.get(op).result);
            let why = match failed {
                Some(add) => format!("the attempt of {} to put it in had failed", history.process_name(add.process)),
                None => "nobody ever put it in".to_owned(),
            };
            ("value-invented", format!("{}, but {why}", got(op)))
        }
        Fault::Early { add, seen } => (
            "taken-before-added",
            format!("{}, before {} began to put it in at {}", got(seen), words.who(add), words.called(add)),
        ),
        Fault::Twice { first, second, .. } => {
            let [one, two] = [first, second].map(|op| format!("{} got it {}", words.who(op), words.during(op)));
            (
                "taken-twice",
                format!("{} came out of the {noun} twice, but was put in once: {one}, and {two}", value(first)),
            )
        }
        Fault::SeenAfter { take, look, .. } => {
            let saw = format!("{} saw {} in the {noun} {}", words.who(look), value(look), words.during(look));
            let taken = format!("{} had taken it out by {}", words.who(take), words.returned(take));
            ("seen-after-taken", format!("{saw}, after {taken}"))
        }
    };
    let mut witness = operations;
    witness.sort_unstable();
    Violation { rule, sentence, witness, ..Violation::default() }
}
