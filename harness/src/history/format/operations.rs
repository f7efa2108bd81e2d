//! Events made into operations on objects.

use super::{
    Add, Shape,
    clients::Clients,
    event::{Event, Kind},
    tape::Tape,
    words::{self, Told},
};
use crate::history::{Builder, Clock, Function, History, Id, Invocation, Outcome};

/// Operations so far.
pub(super) struct Operations {
    builder: Builder,
    clients: Clients,
    keyed: bool,
    add: Add,
}

impl Operations {
    pub fn new(shape: Shape, clock: Clock) -> Self {
        Self {
            builder: Builder::new(clock),
            clients: Clients::default(),
            keyed: shape.keyed == Some(true),
            add: shape.add.unwrap_or(Add::Set),
        }
    }

    pub fn finish(mut self) -> History {
        self.builder.process_names = self.clients.names();
        self.builder.finish()
    }

    /// Takes the event at this time.
    pub fn event(&mut self, event: &Event<'_>, tape: &Tape<'_>, time: u64) -> Result<(), String> {
        let kind = || Some(words::function(event.function?, self.add).ok()? as u32);
        match event.kind {
            Kind::Invoke => self.invoke(event, tape, time),
            Kind::Info => {
                self.clients.crash(&event.process, kind);
                Ok(())
            }
            Kind::Ok | Kind::Fail => match self.clients.complete(&event.process, kind) {
                None => Err("a completion without an invocation before it".to_owned()),
                Some(ticket) if event.kind == Kind::Fail => {
                    self.builder.complete(ticket as usize, time, Outcome::Failed, Id::NONE);
                    Ok(())
                }
                Some(ticket) => self.succeed(ticket as usize, event, tape, time),
            },
        }
    }

    fn invoke(&mut self, event: &Event<'_>, tape: &Tape<'_>, time: u64) -> Result<(), String> {
        let word = event.function.ok_or("expected `f`, what the operation does; found none")?;
        let function = words::function(word, self.add)?;
        let (key, value) = self.key_and_value(event, tape)?;
        let mut key = key.map_or(Id::NONE, |key| tape.intern(&mut self.builder.values, key));
        let argument = match value {
            _ if words::told(function) == Told::Result => Id::NONE,
            Some(value) => tape.intern(&mut self.builder.values, value),
            None => absent(function),
        };
        let argument = if function == Function::Delete {
            // What is deleted is a key, wherever that is told.
            key = if key.is_some() { key } else { argument };
            Id::NONE
        } else {
            argument
        };
        let ticket = self.builder.len() as u32;
        let process = self.clients.invoke(&event.process, function as u32, ticket);
        self.builder.invoke(Invocation { process, call: time, function, key, argument });
        Ok(())
    }

    fn succeed(&mut self, ticket: usize, event: &Event<'_>, tape: &Tape<'_>, time: u64) -> Result<(), String> {
        let op = self.builder.operation(ticket);
        let (_, value) = self.key_and_value(event, tape)?;
        if event.function == Some("drain") {
            return self.drain(ticket, value, tape, time);
        }
        let told = match value.map(|value| tape.intern(&mut self.builder.values, value)) {
            _ if op.function == Function::Delete => None,
            told => told,
        };
        let truth = value.is_some_and(|value| tape.bool(value).is_some()) && told != Some(op.argument);
        let missing = matches!(op.argument, Id::NONE | Id::NIL);
        let result = match words::told(op.function) {
            Told::Result => told.unwrap_or(Id::NIL),
            Told::Both if op.function == Function::Send => told.unwrap_or(Id::NONE),
            Told::Both => told.unwrap_or(Id::NIL),
            Told::ArgumentThenTruth | Told::ArgumentOrResult if truth => told.unwrap_or(Id::NONE),
            Told::ArgumentOrResult if missing => told.unwrap_or(Id::NONE),
            Told::ArgumentOrResult => Id::NONE,
            Told::Argument | Told::ArgumentThenTruth => {
                if let (true, Some(argument)) = (missing, told) {
                    self.builder.set_argument(ticket, argument);
                }
                Id::NONE
            }
        };
        self.builder.complete(ticket, time, Outcome::Ok, result);
        Ok(())
    }

    /// Takes everything out of a queue: as many dequeues at the same time. Without an element nothing is claimed.
    fn drain(&mut self, ticket: usize, value: Option<usize>, tape: &Tape<'_>, time: u64) -> Result<(), String> {
        let op = self.builder.operation(ticket);
        let drained: Vec<usize> = match value {
            None => Vec::new(),
            Some(value) => tape.elements(value).ok_or("expected a list of what was drained")?.collect(),
        };
        self.builder.complete(ticket, time, Outcome::Failed, Id::NONE);
        for (index, element) in drained.into_iter().enumerate() {
            let result = tape.intern(&mut self.builder.values, element);
            if index == 0 {
                self.builder.complete(ticket, time, Outcome::Ok, result);
            } else {
                let (process, call, function, key) = (op.process, op.call, op.function, op.key);
                self.builder.add(Invocation { process, call, function, key, argument: Id::NONE }, time, result);
            }
        }
        Ok(())
    }

    fn key_and_value(&self, event: &Event<'_>, tape: &Tape<'_>) -> Result<(Option<usize>, Option<usize>), String> {
        let Some(value) = event.value.filter(|_| self.keyed) else { return Ok((event.key, event.value)) };
        match tape.pair(value) {
            Some((key, value)) => Ok((Some(key), Some(value).filter(|value| !tape.is_nil(*value)))),
            None => Err(format!("expected a pair of key and value as `value`, found {}", tape.show(value))),
        }
    }
}

/// The argument of what was given nothing.
fn absent(function: Function) -> Id {
    match function {
        Function::Acquire | Function::Release | Function::Increment | Function::Delete => Id::NONE,
        _ => Id::NIL,
    }
}
