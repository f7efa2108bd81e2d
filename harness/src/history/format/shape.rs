//! What in a recording can be taken in more than one way, and how.

use super::{
    event::{Event, Kind},
    tape::Tape,
    words,
};

/// How that is to be taken which events alone leave open. What is `None` is found out from the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// What an event is.
    pub events: Option<Events>,
    /// Whether values are pairs `[key value]`, as Jepsen's independent keys are recorded.
    pub keyed: Option<bool>,
    /// What `add` adds to.
    pub add: Option<Add>,
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// One operation on an object.
    Operations,
    /// A transaction whose values are lists that are appended to.
    ListAppend,
    /// A transaction whose values are registers.
    RwRegister,
}

/// What `add` adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Add {
    /// An element to a set.
    Set,
    /// A number to a counter.
    Counter,
}

impl Shape {
    /// As the model of this name needs it, where the name tells.
    pub fn of_model(model: &str) -> Self {
        match model {
            "list-append" => Self { events: Some(Events::ListAppend), ..Self::default() },
            "rw-register" | "long-fork" => Self { events: Some(Events::RwRegister), ..Self::default() },
            "counter" | "counter-bounds" => Self { add: Some(Add::Counter), ..Self::default() },
            "set" | "set-final" | "set-full" | "set-full-linearizable" | "comments" | "multiset" => {
                Self { add: Some(Add::Set), ..Self::default() }
            }
            _ => Self::default(),
        }
    }

    /// For transactions, whether values are lists; none for operations.
    pub(super) fn lists(self) -> Option<bool> {
        match self.events {
            Some(Events::ListAppend) => Some(true),
            Some(Events::RwRegister) => Some(false),
            Some(Events::Operations) | None => None,
        }
    }
}

/// Finds out from events what a shape leaves open.
#[derive(Debug)]
pub(super) struct Detector {
    shape: Shape,
    /// Whether events are transactions, once the first was seen.
    transactions: Option<bool>,
    /// Whether a pair was seen that can hardly be anything but a key and a value.
    telling: bool,
}

impl Detector {
    pub fn new(shape: Shape) -> Self {
        let transactions = shape.events.map(|events| events != Events::Operations);
        Self { shape, transactions, telling: false }
    }

    /// Whether further events could not change anything.
    pub fn settled(&self) -> bool {
        match self.transactions {
            None => false,
            Some(true) => self.shape.events.is_some(),
            Some(false) => self.shape.keyed.is_some() && self.shape.add.is_some(),
        }
    }

    /// The shape as far as it was found out, with what is usual for the rest.
    pub fn shape(self) -> Shape {
        let events = match self.transactions {
            Some(true) => Events::RwRegister,
            Some(false) | None => Events::Operations,
        };
        Shape {
            events: Some(self.shape.events.unwrap_or(events)),
            keyed: Some(self.shape.keyed.unwrap_or(self.telling)),
            add: Some(self.shape.add.unwrap_or(Add::Set)),
        }
    }

    pub fn event(&mut self, event: &Event<'_>, tape: &Tape<'_>) {
        let transactions = *self.transactions.get_or_insert_with(|| {
            event.function == Some("txn") || event.value.is_some_and(|value| words::is_steps(tape, value))
        });
        match event.value {
            Some(value) if transactions => self.steps(tape, value),
            _ if transactions => {}
            value => self.operation(event, tape, value),
        }
    }

    /// An append tells that values are lists, a write that they are not.
    pub fn steps(&mut self, tape: &Tape<'_>, value: usize) {
        self.transactions = Some(true);
        if self.shape.events.is_some() || !words::is_steps(tape, value) {
            return;
        }
        for step in tape.children(value) {
            match tape.children(step).next().and_then(|word| tape.text(word)) {
                Some("append") => self.shape.events = Some(Events::ListAppend),
                Some("w" | "write") => self.shape.events = Some(Events::RwRegister),
                _ => continue,
            }
            return;
        }
    }

    fn operation(&mut self, event: &Event<'_>, tape: &Tape<'_>, value: Option<usize>) {
        let read = matches!(event.function, Some("read" | "get"));
        let pair = value.and_then(|value| tape.pair(value)).filter(|(key, _)| !tape.is_list(*key));
        if self.shape.keyed.is_none() && matches!(event.kind, Kind::Invoke | Kind::Ok) {
            match pair {
                // A key of its own, or an operation that has no pair as its value.
                _ if event.key.is_some() => self.shape.keyed = Some(false),
                None => self.shape.keyed = Some(false),
                Some((_, inner)) if event.function == Some("cas") => self.telling |= tape.is_list(inner),
                Some(_) => self.telling = true,
            }
        }
        if self.shape.add.is_none() && read && event.kind == Kind::Ok {
            let read = match pair {
                Some((_, inner)) if self.shape.keyed != Some(false) => Some(inner),
                _ => value,
            };
            self.shape.add = read.map(|read| if tape.is_list(read) { Add::Set } else { Add::Counter });
        }
    }
}
