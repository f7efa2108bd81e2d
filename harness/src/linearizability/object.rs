//! The objects whose linearizability can be judged.

use super::{Monitor, judge};
use crate::history::{History, Id};
use crate::model::{Kv, Refusal, Register};
use crate::verify::{Answer, Judge, Recorded, Settings};

/// All objects. A new one is an entry here, its model, and a monitor where there is one.
pub static OBJECTS: &[&dyn Judge] = &[
    &Object {
        name: "register",
        about: "a register with read, write, compare-and-set and read-modify-write; nil before the first write",
        keyed: true,
        monitors: |_| Vec::new(),
        model: |_, setup| Register { initial: setup.initial.unwrap_or(Id::NIL), nil_is_wildcard: false },
    },
    &Object {
        name: "cas-register",
        about: "a register as Knossos has it: where nil was read, what was read is not known",
        keyed: true,
        monitors: |_| Vec::new(),
        model: |_, setup| Register { initial: setup.initial.unwrap_or(Id::NIL), nil_is_wildcard: true },
    },
    &Object {
        name: "kv",
        about: "a key-value store with read, write, compare-and-set, append and delete; keys are absent at first",
        keyed: true,
        monitors: |_| Vec::new(),
        model: |history, setup| Kv::new(history, setup.initial),
    },
];

/// A kind of object.
pub struct Object<M> {
    /// As `verify-history --model` names it.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub about: &'static str,
    /// Whether each key is an object of its own; otherwise the whole history is about one.
    pub keyed: bool,
    /// Its monitors, in the order in which they are asked.
    pub monitors: fn(Setup) -> Vec<Box<dyn Monitor>>,
    /// Its model, for the search.
    pub model: fn(&History, Setup) -> M,
}

/// What monitors and models are told beside the history.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// The initial value that was asked for; [`Id::NONE`] for one that does not occur in the history.
    pub initial: Option<Id>,
}

impl<M: Refusal> Judge for Object<M> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn judge(&self, recorded: &Recorded, settings: &Settings<'_>) -> Result<Answer, String> {
        match recorded {
            Recorded::Operations(history) => judge(self, history, settings),
            Recorded::Transactions(_) => Err(format!(
                "`{}` judges operations one at a time, but these are transactions: choose a model of transactions",
                self.name
            )),
        }
    }
}
