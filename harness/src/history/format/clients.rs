//! Which completion belongs to which invocation, and processes by small numbers.

use super::event::Process;
use std::collections::HashMap;

/// The processes of a recording, numbered as they appear, and what each has open.
///
/// A process whose operation was never completed and that goes on is a new one from there: a process has one operation
/// open at a time. An event without a process is of a process of its own, since nothing says what came before what in
/// one; its completion is the next one of the same kind that has no process either, the latest invocation first.
#[derive(Debug, Default)]
pub(super) struct Clients {
    processes: HashMap<Process, Client>,
    names: Vec<Box<str>>,
    /// What is open without a process: tickets by kind.
    loose: HashMap<u32, Vec<u32>>,
}

#[derive(Debug)]
struct Client {
    number: u32,
    open: Option<u32>,
    /// As how many processes it went on.
    lives: u32,
}

impl Clients {
    /// The number of the process that invokes what has this ticket; `kind` is what a completion without a process has
    /// to agree with.
    pub fn invoke(&mut self, process: &Process, kind: u32, ticket: u32) -> u32 {
        let next = self.names.len() as u32;
        if *process == Process::Unknown {
            self.loose.entry(kind).or_default().push(ticket);
            self.names.push(format!("c{next}").into());
            return next;
        }
        let Some(client) = self.processes.get_mut(process) else {
            self.names.push(name(process).into());
            self.processes.insert(process.clone(), Client { number: next, open: Some(ticket), lives: 1 });
            return next;
        };
        if client.open.is_some() {
            client.lives += 1;
            client.number = next;
            self.names.push(format!("{} ({})", name(process), client.lives).into());
        }
        client.open = Some(ticket);
        client.number
    }

    /// The ticket of what a process has open, which is not open any more.
    pub fn complete(&mut self, process: &Process, kind: impl FnOnce() -> Option<u32>) -> Option<u32> {
        match process {
            Process::Unknown => self.loose.get_mut(&kind()?)?.pop(),
            process => self.processes.get_mut(process)?.open.take(),
        }
    }

    /// Leaves what a process has open as it is: nobody will know its outcome.
    pub fn crash(&mut self, process: &Process, kind: impl FnOnce() -> Option<u32>) {
        // A known process still has it open, so that it goes on as a new one.
        if *process == Process::Unknown {
            self.complete(process, kind);
        }
    }

    /// The names by number.
    pub fn names(self) -> Vec<Box<str>> {
        self.names
    }
}

/// Processes that have names only, numbered as they appear.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    numbers: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
}

impl Numbers {
    /// The number of the process with this name.
    pub fn of(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// The names by number.
    pub fn names(self) -> Vec<Box<str>> {
        self.names
    }
}

fn name(process: &Process) -> String {
    match process {
        Process::Number(number) => format!("process {number}"),
        Process::Named(name) => name.clone(),
        Process::Unknown | Process::Nemesis => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_crashed_goes_on_as_a_new_one() {
        let mut clients = Clients::default();
        let process = Process::Number(7);
        assert_eq!(clients.invoke(&process, 0, 10), 0);
        assert_eq!(clients.complete(&process, || None), Some(10));
        assert_eq!(clients.complete(&process, || None), None);
        assert_eq!(clients.invoke(&process, 0, 11), 0);
        clients.crash(&process, || None);
        assert_eq!(clients.invoke(&process, 0, 12), 1);
        assert_eq!(clients.complete(&process, || None), Some(12));
        assert_eq!(clients.names(), ["process 7".into(), "process 7 (2)".into()]);
    }

    #[test]
    fn without_a_process_the_latest_of_the_same_kind_is_completed() {
        let mut clients = Clients::default();
        for (kind, ticket) in [(1, 10), (2, 11), (1, 12)] {
            clients.invoke(&Process::Unknown, kind, ticket);
        }
        assert_eq!(clients.complete(&Process::Unknown, || Some(2)), Some(11));
        assert_eq!(clients.complete(&Process::Unknown, || Some(2)), None);
        clients.crash(&Process::Unknown, || Some(1));
        assert_eq!(clients.complete(&Process::Unknown, || Some(1)), Some(10));
        assert_eq!(clients.names().len(), 3);
    }
}
