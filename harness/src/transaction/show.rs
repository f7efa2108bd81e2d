//! Transactions in words: labels for diagrams, and the pieces that sentences are made of.

use super::{Action, Step, Transactions};
use crate::{
    history::{Clock, Id, Outcome},
    text,
    time::Offset,
};

/// Most steps of a transaction that a label shows.
const MOST_STEPS: usize = 8;
/// Most elements of a list that are shown; of a longer one the first and the last.
const MOST_ELEMENTS: usize = 8;
/// Most characters of a value.
const WIDEST: usize = 48;

impl Transactions {
    /// A transaction in words: `append x 3, read y → [1 2]`.
    pub fn show(&self, transaction: u32) -> String {
        let steps = self.steps(transaction);
        let mut words: Vec<String> = steps.iter().take(MOST_STEPS).map(|step| self.show_step(step)).collect();
        if steps.len() > MOST_STEPS {
            words.push(format!("… ({} more steps)", steps.len() - MOST_STEPS));
        }
        let end = match self.outcome[transaction as usize] {
            Outcome::Ok => "",
            Outcome::Failed => " (aborted)",
            Outcome::Unknown => " (no answer)",
        };
        words.join(", ") + end
    }

    /// A step in words: `append x 3`.
    pub fn show_step(&self, step: &Step) -> String {
        let key = self.show_key(step.key);
        match step.action {
            Action::Read if step.value.is_some() => format!("read {key} → {}", self.show_value(step.value)),
            Action::Read | Action::ReadList => match self.list(step) {
                Some(list) => format!("read {key} → {}", self.show_list(list)),
                None => format!("read {key}"),
            },
            Action::Write => format!("write {key} {}", self.show_value(step.value)),
            Action::Append => format!("append {key} {}", self.show_value(step.value)),
        }
    }

    /// A process's name: `c3`, or what it was called where it was recorded.
    pub fn process_name(&self, process: u32) -> String {
        match self.process_names.get(process as usize) {
            Some(name) => text::excerpt(name, 24),
            None => format!("c{process}"),
        }
    }

    /// Who a process is in a sentence: `client c3`, or by a name that says it: `session 3`.
    fn client(&self, process: u32) -> String {
        let name = self.process_name(process);
        if name.contains(' ') { name } else { format!("client {name}") }
    }

    /// A transaction and whose it is: `T12 of client c3`.
    pub fn name(&self, transaction: u32) -> String {
        format!("T{transaction} of {}", self.client(self.process[transaction as usize]))
    }

    /// A transaction, whose it is and when it ran: `T12 of client c3 (1.934 s to 1.950 s)`.
    ///
    /// Without times that compare, it is only told whose it is.
    pub(super) fn actor(&self, transaction: u32) -> String {
        if !self.realtime {
            return self.name(transaction);
        }
        let begin = self.show_time(self.call[transaction as usize]);
        let end = super::order::end(self, transaction).map_or_else(|| "no end".to_owned(), |time| self.show_time(time));
        format!("{} ({begin} to {end})", self.name(transaction))
    }

    /// A key without quotes.
    pub(super) fn show_key(&self, key: Id) -> String {
        match self.values.as_text(key) {
            Some(name) => text::excerpt(name, WIDEST),
            None => self.show_value(key),
        }
    }

    pub(super) fn show_value(&self, value: Id) -> String {
        text::excerpt(&self.values.show(value).to_string(), WIDEST)
    }

    /// A list: `[1 2]`, `[1 2 3 4 … 97 98 99 100]`.
    pub(super) fn show_list(&self, list: &[Id]) -> String {
        let words = |part: &[Id]| part.iter().map(|id| self.show_value(*id)).collect::<Vec<_>>().join(" ");
        if list.len() <= MOST_ELEMENTS {
            return format!("[{}]", words(list));
        }
        let half = MOST_ELEMENTS / 2;
        format!("[{} … {}]", words(&list[..half]), words(&list[list.len() - half..]))
    }

    /// A point in time: `1.934 s`, or `event 14` where events are only ordered.
    pub(super) fn show_time(&self, time: u64) -> String {
        match self.clock {
            Clock::Nanoseconds => Offset(time).to_string(),
            Clock::Order => format!("event {time}"),
        }
    }

    /// Why a transaction comes before a later one of its process.
    pub(super) fn process_reason(&self, from: u32, to: u32) -> String {
        format!("{} ran T{from} before T{to}", self.client(self.process[from as usize]))
    }

    /// Why a transaction comes before one that began when it had ended.
    pub(super) fn realtime_reason(&self, from: u32, to: u32) -> String {
        let ended = super::order::end(self, from).map_or_else(String::new, |time| self.show_time(time));
        format!("T{from} had ended at {ended} when T{to} began at {}", self.show_time(self.call[to as usize]))
    }

    /// A part as transactions of their own, with the same values: by index, in ascending order.
    pub fn part(&self, transactions: &[u32]) -> Self {
        let mut part = Self {
            values: self.values.clone(),
            clock: self.clock,
            realtime: self.realtime,
            process_names: self.process_names.clone(),
            ..Self::default()
        };
        for transaction in transactions {
            let index = *transaction as usize;
            part.push(self.process[index], self.call[index], self.ret[index], self.outcome[index]);
            for step in self.steps(*transaction) {
                match step.action {
                    Action::ReadList => part.read_list(step.key, self.list(step)),
                    _ => part.step(*step),
                }
            }
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Value;

    fn id(number: u32) -> Id {
        Id::small(number).unwrap()
    }

    #[test]
    fn a_transaction_is_shown_as_its_steps() {
        let mut t = Transactions::default();
        let x = t.values.intern(Value::Text("x".into()));
        t.push(3, 0, 1, Outcome::Ok);
        t.step(Step { action: Action::Append, key: x, value: id(3) });
        t.read_list(id(7), Some(&[id(1), id(2)]));
        t.push(0, 2, 3, Outcome::Failed);
        t.read_list(x, None);
        t.step(Step { action: Action::Read, key: x, value: Id::NIL });
        t.step(Step { action: Action::Write, key: x, value: x });
        t.push(0, 4, u64::MAX, Outcome::Unknown);
        t.read_list(x, Some(&(0..20).map(id).collect::<Vec<_>>()));
        assert_eq!(t.show(0), "append x 3, read 7 → [1 2]");
        assert_eq!(t.show(1), "read x, read x → nil, write x \"x\" (aborted)");
        assert_eq!(t.show(2), "read x → [0 1 2 3 … 16 17 18 19] (no answer)");
        assert_eq!(t.name(0), "T0 of client c3");
        t.process_names = ["session 1", "b"].map(Into::into).into();
        assert_eq!((t.name(1), t.client(1)), ("T1 of session 1".into(), "client b".into()));
    }

    #[test]
    fn a_part_reads_the_same_lists() {
        let mut t = Transactions::default();
        for number in 0..4 {
            t.push(number, u64::from(number), u64::from(number) + 1, Outcome::Ok);
            t.read_list(id(0), Some(&(0..number).map(id).collect::<Vec<_>>()));
        }
        let part = t.part(&[1, 3]);
        assert_eq!(part.len(), 2);
        assert_eq!((part.show(0), part.show(1)), (t.show(1), t.show(3)));
    }
}
