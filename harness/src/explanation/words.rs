//! The words of an explanation: names and labels of operations, orders and edges in sentences. All bounded.

use super::{Bar, Step, scene::Scene};
use crate::{
    history::{Function, Id, Outcome},
    text::inert,
    transaction::{self, Action, Transactions},
    verify::{Attempt, Dependency, Recorded},
};

/// Most characters of a value and of a label.
const VALUE: usize = 64;
const LABEL: usize = 160;
/// Most characters of a sentence of a judge.
const SENTENCE: usize = 600;
/// Most operations of an order that are told one by one.
const ORDER: usize = 6;
/// What stands for a result that never came.
const UNKNOWN: &str = " → ?";
/// Most premises of an edge.
const PREMISES: usize = 6;

/// The operations of a diagram, and what they are called.
pub struct Cast<'s, 'r> {
    scene: &'s Scene<'r>,
    shown: &'s [u32],
    processes: Vec<u32>,
    /// The object that all of them are about, which is then said once.
    key: Option<Id>,
}

impl<'s, 'r> Cast<'s, 'r> {
    /// `shown` is ascending.
    pub fn new(scene: &'s Scene<'r>, shown: &'s [u32]) -> Self {
        // In the order in which they first did something: the eye goes down as time goes on.
        let mut processes: Vec<u32> = Vec::new();
        for process in shown.iter().map(|index| scene.item(*index).process) {
            if !processes.contains(&process) {
                processes.push(process);
            }
        }
        Self { scene, shown, processes, key: one_key(scene) }
    }

    /// Names of the processes from top to bottom.
    pub fn lanes(&self) -> Vec<String> {
        self.processes.iter().map(|process| self.scene.process_name(*process)).collect()
    }

    /// One operation of the diagram.
    pub fn bar(&self, index: u32, highlight: bool) -> Bar {
        let item = self.scene.item(index);
        Bar {
            name: self.name(index).unwrap_or_default(),
            index,
            lane: self.processes.iter().position(|process| *process == item.process).unwrap_or(0) as u32,
            call: item.call,
            ret: (item.outcome != Outcome::Unknown && !item.cut).then_some(item.ret),
            label: self.label(index),
            highlight,
        }
    }

    /// How much of the history the witness is, and of which object.
    pub fn summary(&self, witness: usize) -> String {
        let what = match self.scene.recorded {
            Recorded::Operations(_) => "operations",
            Recorded::Transactions(_) => "transactions",
        };
        let object = self.key.map(|key| format!(", all on key {}", self.key_name(key))).unwrap_or_default();
        format!("{} of {} {what}{object}", grouped(witness), grouped(self.scene.total()))
    }

    /// An order that was tried: `① write 3, ② write 4, then ③ read → 3 fails: the register holds 4`.
    pub fn attempt(&self, attempt: &Attempt) -> String {
        let known: Vec<u32> = attempt.order.iter().copied().filter(|index| self.scene.holds(*index)).collect();
        let fails = clip(&attempt.fails, SENTENCE);
        let Some((last, before)) = known.split_last() else { return fails };
        let hidden = before.len().saturating_sub(ORDER);
        let mut told: Vec<String> = before[hidden..].iter().map(|index| self.called(*index)).collect();
        if hidden > 0 {
            told.insert(0, format!("{} earlier", grouped(hidden)));
        }
        match told.is_empty() {
            true => format!("{} as the first fails: {fails}", self.called(*last)),
            false => format!("{}, then {} fails: {fails}", told.join(", "), self.called(*last)),
        }
    }

    /// An edge of a cycle.
    pub fn step(&self, edge: &Dependency) -> Step {
        Step {
            from: transaction_name(edge.from),
            to: transaction_name(edge.to),
            kind: clip(&edge.kind, 16),
            reason: clip(&edge.reason, SENTENCE),
            premises: edge.premises.iter().take(PREMISES).map(|premise| clip(premise, SENTENCE)).collect(),
        }
    }

    /// What an operation of the diagram is called.
    fn name(&self, index: u32) -> Option<String> {
        if let Recorded::Transactions(_) = self.scene.recorded {
            return Some(transaction_name(index));
        }
        let place = self.shown.binary_search(&index).ok()?;
        match self.shown.len() {
            0..=10 => char::from_u32('①' as u32 + place as u32).map(String::from),
            // Many fonts have digits in circles up to ten only.
            _ => Some(format!("#{}", place + 1)),
        }
    }

    /// An operation in a sentence: with its name, or with its process where the diagram has no room for it.
    fn called(&self, index: u32) -> String {
        match self.name(index) {
            Some(name) => format!("{name} {}", self.done(index)),
            None => format!("{} of {}", self.done(index), self.scene.process_name(self.scene.item(index).process)),
        }
    }

    /// What an operation did, and what came back; in an order it has taken effect, even if nobody was told.
    fn done(&self, index: u32) -> String {
        let label = self.label(index);
        label.strip_suffix(UNKNOWN).map_or(label.clone(), str::to_owned)
    }

    /// What an operation did, and what came back.
    fn label(&self, index: u32) -> String {
        let label = match self.scene.recorded {
            Recorded::Operations(history) => {
                let op = history.get(index);
                let key = Some(op.key).filter(|key| key.is_some() && self.key != Some(*key));
                let mut label = key.map(|key| self.key_name(key) + ": ").unwrap_or_default();
                label += op.function.word();
                if op.argument.is_some() {
                    label = label + " " + &self.value(op.argument);
                }
                label + &self.result(index, op.function, op.result)
            }
            Recorded::Transactions(transactions) => self.steps(transactions, index),
        };
        clip(&label, LABEL)
    }

    /// What came back, where it says more than that it worked.
    fn result(&self, index: u32, function: Function, result: Id) -> String {
        let item = self.scene.item(index);
        match item.outcome {
            Outcome::Failed => " → failed".into(),
            Outcome::Unknown => UNKNOWN.into(),
            Outcome::Ok if item.cut => String::new(),
            Outcome::Ok if result.is_some() => format!(" → {}", self.value(result)),
            Outcome::Ok if function == Function::Cas => " → ok".into(),
            Outcome::Ok => String::new(),
        }
    }

    /// `append x 3, read y → [1 2]`: as many steps as there is room for.
    fn steps(&self, transactions: &Transactions, index: u32) -> String {
        let steps = transactions.steps(index);
        let mut told = match self.scene.item(index).outcome {
            Outcome::Ok => String::new(),
            Outcome::Failed => "aborted: ".to_owned(),
            Outcome::Unknown => "perhaps committed: ".to_owned(),
        };
        for (place, step) in steps.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let words = self.transaction_step(transactions, step);
            if told.chars().count() + words.chars().count() > LABEL - 12 {
                return format!("{told}{comma}{} more", grouped(steps.len() - place));
            }
            told = told + comma + &words;
        }
        told
    }

    fn transaction_step(&self, transactions: &Transactions, step: &transaction::Step) -> String {
        let key = self.key_name(step.key);
        match step.action {
            Action::Write => format!("write {key} {}", self.value(step.value)),
            Action::Append => format!("append {key} {}", self.value(step.value)),
            Action::Read if step.value.is_some() => format!("read {key} → {}", self.value(step.value)),
            Action::ReadList if step.value.is_some() => {
                format!("read {key} → {}", self.list(transactions.list(step).unwrap_or_default()))
            }
            Action::Read | Action::ReadList => format!("read {key} → ?"),
        }
    }

    /// A list by its end, which is where lists differ.
    fn list(&self, list: &[Id]) -> String {
        const LAST: usize = 6;
        let hidden = list.len().saturating_sub(LAST);
        let last: Vec<String> = list[hidden..].iter().map(|value| self.value(*value)).collect();
        format!("[{}{}]", if hidden > 0 { "… " } else { "" }, last.join(" "))
    }

    /// A key without the quotes of a text.
    fn key_name(&self, id: Id) -> String {
        self.scene.values().as_text(id).map_or_else(|| self.value(id), |text| middle(text, VALUE))
    }

    fn value(&self, id: Id) -> String {
        middle(&self.scene.values().show(id).to_string(), VALUE)
    }
}

/// What a transaction is called: by its place in the history, as judges call it.
fn transaction_name(index: u32) -> String {
    format!("T{index}")
}

/// The object of all operations of the witness, if it is one.
fn one_key(scene: &Scene<'_>) -> Option<Id> {
    let Recorded::Operations(history) = scene.recorded else { return None };
    let first = history.get(*scene.witness.first()?).key;
    let same = scene.witness.iter().all(|index| history.get(*index).key == first);
    (first.is_some() && same).then_some(first)
}

/// Inert, and at most `limit` characters.
pub fn clip(text: &str, limit: usize) -> String {
    let head: String = text.chars().take(limit + 1).collect();
    let safe = inert(&head);
    match safe.chars().count() <= limit {
        true => safe.into_owned(),
        false => safe.chars().take(limit - 1).chain(['…']).collect(),
    }
}

/// Inert, and at most `limit` characters: the middle goes, because long values of one history begin alike.
fn middle(text: &str, limit: usize) -> String {
    let safe = inert(text);
    let count = safe.chars().count();
    if count <= limit {
        return safe.into_owned();
    }
    let head = limit / 3;
    safe.chars().take(head).chain(['…']).chain(safe.chars().skip(count - (limit - head - 1))).collect()
}

/// `1984` as `1 984`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}
