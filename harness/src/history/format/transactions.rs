//! Events and lists of micro-operations made into transactions.

use super::{
    clients::Clients,
    event::{Event, Kind},
    tape::Tape,
};
use crate::{
    history::{Clock, Id, Outcome, PENDING},
    transaction::{Action, Step, Transactions},
};

/// A micro-operation by places on the tape.
struct Micro {
    action: Action,
    key: usize,
    /// None also for `nil`.
    value: Option<usize>,
}

/// Transactions so far.
pub(super) struct Steps {
    transactions: Transactions,
    clients: Clients,
    /// Whether what is read is a list.
    lists: bool,
}

impl Steps {
    pub fn new(lists: bool) -> Self {
        let transactions = Transactions { realtime: true, clock: Clock::Order, ..Transactions::default() };
        Self { transactions, clients: Clients::default(), lists }
    }

    pub fn finish(mut self) -> Transactions {
        self.transactions.process_names = self.clients.names();
        self.transactions
    }

    /// Takes the event at this time.
    pub fn event(&mut self, event: &Event<'_>, tape: &Tape<'_>, time: u64) -> Result<(), String> {
        match event.kind {
            Kind::Invoke => {
                let ticket = self.transactions.len() as u32;
                let process = self.clients.invoke(&event.process, 0, ticket);
                self.transactions.push(process, time, PENDING, Outcome::Unknown);
                push_steps(&mut self.transactions, tape, value(event)?, self.lists, false)
            }
            Kind::Info => {
                self.clients.crash(&event.process, || Some(0));
                Ok(())
            }
            Kind::Ok | Kind::Fail => {
                let ticket = self.clients.complete(&event.process, || Some(0));
                let ticket = ticket.ok_or("a completion without an invocation before it")? as usize;
                self.transactions.ret[ticket] = time;
                if event.kind == Kind::Fail {
                    self.transactions.outcome[ticket] = Outcome::Failed;
                    return Ok(());
                }
                self.transactions.outcome[ticket] = Outcome::Ok;
                self.fill_in(ticket, tape, value(event)?)
            }
        }
    }

    /// Puts what a completion tells into the steps that its invocation announced.
    fn fill_in(&mut self, ticket: usize, tape: &Tape<'_>, value: usize) -> Result<(), String> {
        let (mut at, end) = (self.transactions.first[ticket] as usize, self.transactions.first[ticket + 1] as usize);
        let announced = end - at;
        for step in tape.elements(value).ok_or_else(|| no_steps(tape, value))? {
            if at == end {
                return Err(format!(
                    "a transaction was completed with more micro-operations than the {announced} announced"
                ));
            }
            let micro = micro(tape, step, self.lists)?;
            let step = known(&mut self.transactions, tape, &micro)?;
            self.transactions.steps[at] = step;
            at += 1;
        }
        match end - at {
            0 => Ok(()),
            missing => Err(format!(
                "a transaction was completed without {missing} of the {announced} micro-operations announced"
            )),
        }
    }
}

fn value(event: &Event<'_>) -> Result<usize, String> {
    event.value.ok_or_else(|| "expected a list of micro-operations as `value`, found none".to_owned())
}

fn no_steps(tape: &Tape<'_>, value: usize) -> String {
    format!("expected a list of micro-operations as `value`, found {}", tape.show(value))
}

/// Adds the steps to the last transaction; what was read only where results are known.
pub(super) fn push_steps(
    transactions: &mut Transactions,
    tape: &Tape<'_>,
    value: usize,
    lists: bool,
    results: bool,
) -> Result<(), String> {
    for step in tape.elements(value).ok_or_else(|| no_steps(tape, value))? {
        let micro = micro(tape, step, lists)?;
        let step = if results || matches!(micro.action, Action::Write | Action::Append) {
            known(transactions, tape, &micro)?
        } else {
            Step { action: micro.action, key: tape.intern(&mut transactions.values, micro.key), value: Id::NONE }
        };
        transactions.step(step);
    }
    Ok(())
}

fn micro(tape: &Tape<'_>, step: usize, lists: bool) -> Result<Micro, String> {
    let wrong =
        || format!("expected `[r key value]`, `[w key value]` or `[append key value]`, found {}", tape.show(step));
    let mut parts = tape.elements(step).ok_or_else(wrong)?;
    let action = match parts.next().and_then(|word| tape.text(word)).ok_or_else(wrong)? {
        "r" | "read" if lists => Action::ReadList,
        "r" | "read" => Action::Read,
        "w" | "write" => Action::Write,
        "append" => Action::Append,
        _ => return Err(wrong()),
    };
    let key = parts.next().ok_or_else(wrong)?;
    let value = parts.next().filter(|value| !tape.is_nil(*value));
    if parts.next().is_some() {
        return Err(wrong());
    }
    Ok(Micro { action, key, value })
}

/// A step with what it wrote or read.
fn known(transactions: &mut Transactions, tape: &Tape<'_>, micro: &Micro) -> Result<Step, String> {
    let Micro { action, key, value } = *micro;
    let key = tape.intern(&mut transactions.values, key);
    let value = match (action, value) {
        (Action::ReadList, value) => read_list(transactions, tape, value)?,
        (_, Some(value)) => tape.intern(&mut transactions.values, value),
        (_, None) => Id::NIL,
    };
    Ok(Step { action, key, value })
}

/// Keeps a list that was read, `nil` being the empty one, and gives its place.
fn read_list(transactions: &mut Transactions, tape: &Tape<'_>, value: Option<usize>) -> Result<Id, String> {
    if transactions.lists.is_empty() {
        transactions.lists.push(0);
    }
    let place = Id::small(transactions.lists.len() as u32 - 1).ok_or("more lists were read than can be numbered")?;
    if let Some(value) = value {
        let elements = tape.elements(value);
        for element in elements.ok_or_else(|| format!("expected a list that was read, found {}", tape.show(value)))? {
            let id = tape.intern(&mut transactions.values, element);
            transactions.elements.push(id);
        }
    }
    transactions.lists.push(transactions.elements.len() as u32);
    Ok(place)
}
