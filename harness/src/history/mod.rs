//! Histories: what concurrent processes did to objects, in columns; the input of every consistency checker.
//!
//! A history holds completed operations and those whose outcome is unknown, in order of their invocation. One
//! operation precedes another when it returned strictly before the other was called: equal times are concurrent.

mod builder;
pub mod format;
mod value;

pub use builder::{Builder, Invocation};
pub use value::{Id, Value, Values};

use std::fmt;

/// When an operation whose outcome is unknown returned: never, as far as anyone can tell.
pub const PENDING: u64 = u64::MAX;

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// It took effect once between call and return, with this result.
    Ok,
    /// It certainly did not take effect.
    Failed,
    /// It may take effect once at any time after its call, or never.
    Unknown,
}

/// What the times of a history count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// Nanoseconds since the start of the recording.
    Nanoseconds,
    /// Positions of events in the recording, which had no times or none that can be compared.
    #[default]
    Order,
}

macro_rules! functions {
    ($($name:ident $text:literal $doc:literal,)*) => {
        /// What an operation does to its object.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Function { $(#[doc = $doc] $name,)* }

        impl Function {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its word in messages and in takehome's own format.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

functions! {
    Read "read" "Register, key-value store, set, counter: `result` is what was read.",
    Write "write" "Register, key-value store: `argument` is written.",
    Cas "cas" "Register, key-value store: `argument` is a list of the expected and the new value; `result` is `false` where it was refused.",
    ReadModifyWrite "rmw" "Register: `argument` replaces the value; `result` is the value before, where that is told.",
    Append "append" "Key-value store, list: `argument` is put behind what is there.",
    Delete "delete" "Key-value store: the key is absent afterwards.",
    Enqueue "enqueue" "Queue: `argument` goes to the back.",
    Dequeue "dequeue" "Queue: `result` comes from the front; `nil` when the queue was empty.",
    Push "push" "Stack: `argument` goes on top.",
    Pop "pop" "Stack: `result` comes from the top; `nil` when it was empty.",
    PushFront "push-front" "Deque: `argument` goes to the front.",
    PushBack "push-back" "Deque: `argument` goes to the back.",
    PopFront "pop-front" "Deque: `result` comes from the front; `nil` when it was empty.",
    PopBack "pop-back" "Deque: `result` comes from the back; `nil` when it was empty.",
    Peek "peek" "Queue (front), stack (top), priority queue (greatest): `result` is seen and stays; `nil` when it was empty.",
    PeekFront "peek-front" "Deque: `result` is seen at the front and stays.",
    PeekBack "peek-back" "Deque: `result` is seen at the back and stays.",
    Insert "insert" "Set, multiset, priority queue: `argument` is put in; `result` is whether it was new, where that is told.",
    Remove "remove" "Set, multiset: `argument` is taken out; `result` is whether it was there.",
    Contains "contains" "Set, multiset: `argument` is looked for; `result` is whether it was there.",
    Poll "poll" "Priority queue: `result` is the greatest, taken out; `nil` when it was empty.",
    Acquire "acquire" "Mutex, semaphore: `argument` is how many permits, one when absent; `result` is a fencing token, where there are any, and `false` where it was refused at once.",
    Release "release" "Mutex, semaphore: `argument` is how many permits, one when absent.",
    Increment "increment" "Counter: `argument` is added, one when absent; `result` is the value before, where that is told.",
    Generate "generate" "Id generator: `result` is the id.",
    Transfer "transfer" "Bank: `argument` is a map of `from`, `to` and `amount`.",
    Reserve "reserve" "Job queue: `result` is the job that is leased to the process; `nil` when none was ready.",
    Complete "complete" "Job queue: the leased job `argument` is done.",
    GiveBack "give-back" "Job queue: the leased job `argument` is ready again.",
    Send "send" "Log: `argument` is a message to the log `key`; `result` is its offset.",
    Receive "poll-log" "Log: `result` is a list of pairs of offset and message of the log `key`.",
    Commit "commit" "Log: `argument` is the offset up to which the log `key` is done with.",
    Committed "committed" "Log: `result` is the committed offset of the log `key`; `nil` for none.",
    Echo "echo" "Echo: `argument` comes back as `result`.",
    Transaction "txn" "Several reads, writes or appends at once; see `transaction`.",
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One operation, as it stands in the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Which process called; a process has one operation open at a time.
    pub process: u32,
    /// When it was called, in units of the history's [`Clock`].
    pub call: u64,
    /// When it returned; [`PENDING`] exactly when its outcome is unknown.
    pub ret: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What it does.
    pub function: Function,
    /// Which object; [`Id::NONE`] where there is only one.
    pub key: Id,
    /// What it was given.
    pub argument: Id,
    /// What came back; [`Id::NONE`] unless the outcome is `Ok`.
    pub result: Id,
}

impl Operation {
    /// Whether it returned before the other was called.
    pub fn precedes(&self, other: &Self) -> bool {
        self.ret < other.call
    }
}

/// A history: 34 bytes an operation, and the values that are no small numbers.
#[derive(Debug, Clone, Default)]
pub struct History {
    process: Vec<u32>,
    call: Vec<u64>,
    ret: Vec<u64>,
    outcome: Vec<Outcome>,
    function: Vec<Function>,
    key: Vec<Id>,
    argument: Vec<Id>,
    result: Vec<Id>,
    /// What the ids mean.
    pub values: Values,
    /// What the times count.
    pub clock: Clock,
    /// Names of processes as they were recorded, where they are no numbers of our own; by process.
    pub process_names: Vec<Box<str>>,
}

impl History {
    /// How many operations there are, the failed ones included.
    pub fn len(&self) -> usize {
        self.call.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.call.is_empty()
    }

    /// The operation with this index; indices are in order of calls.
    pub fn get(&self, index: u32) -> Operation {
        let index = index as usize;
        Operation {
            process: self.process[index],
            call: self.call[index],
            ret: self.ret[index],
            outcome: self.outcome[index],
            function: self.function[index],
            key: self.key[index],
            argument: self.argument[index],
            result: self.result[index],
        }
    }

    /// All operations in order of their calls.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Operation> + '_ {
        (0..self.len() as u32).map(|index| self.get(index))
    }

    /// When each operation was called; ascending.
    pub fn calls(&self) -> &[u64] {
        &self.call
    }

    /// When each operation returned.
    pub fn returns(&self) -> &[u64] {
        &self.ret
    }

    /// Each operation's object.
    pub fn keys(&self) -> &[Id] {
        &self.key
    }

    /// Each operation's function.
    pub fn functions(&self) -> &[Function] {
        &self.function
    }

    /// Each operation's outcome.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcome
    }

    /// Each operation's argument.
    pub fn arguments(&self) -> &[Id] {
        &self.argument
    }

    /// Each operation's result.
    pub fn results(&self) -> &[Id] {
        &self.result
    }

    /// Each operation's process.
    pub fn processes(&self) -> &[u32] {
        &self.process
    }

    /// Indices of the operations that took effect or may have, in order of calls: all but the failed ones.
    pub fn effective(&self) -> Vec<u32> {
        // Without a branch: which operations fail is not to be predicted.
        let mut effective = vec![0; self.len()];
        let mut kept = 0;
        for (index, outcome) in (0..).zip(&self.outcome) {
            effective[kept] = index;
            kept += usize::from(*outcome != Outcome::Failed);
        }
        effective.truncate(kept);
        effective
    }

    /// A process's name in messages: `c3`, or what it was called where it was recorded.
    pub fn process_name(&self, process: u32) -> String {
        match self.process_names.get(process as usize) {
            Some(name) => crate::text::excerpt(name, 24),
            None => format!("c{process}"),
        }
    }

    /// A part of the history as one of its own, with the same values: operations by index, in ascending order.
    ///
    /// `end` cuts it: what returned later is pending, and its result not known.
    pub fn part(&self, operations: &[u32], end: u64) -> Self {
        let mut part = Self {
            values: self.values.clone(),
            clock: self.clock,
            process_names: self.process_names.clone(),
            ..Self::default()
        };
        for index in operations {
            let mut op = self.get(*index);
            if op.outcome == Outcome::Ok && op.ret > end {
                (op.outcome, op.ret, op.result) = (Outcome::Unknown, PENDING, Id::NONE);
            }
            part.push(op);
        }
        part
    }

    /// Bytes on the heap: what the columns have room for, and the values that are no small numbers.
    pub fn bytes(&self) -> usize {
        fn column<T>(column: &Vec<T>) -> usize {
            column.capacity() * size_of::<T>()
        }
        column(&self.process)
            + column(&self.call)
            + column(&self.ret)
            + column(&self.outcome)
            + column(&self.function)
            + column(&self.key)
            + column(&self.argument)
            + column(&self.result)
            + self.values.bytes()
    }

    fn push(&mut self, op: Operation) {
        self.process.push(op.process);
        self.call.push(op.call);
        self.ret.push(op.ret);
        self.outcome.push(op.outcome);
        self.function.push(op.function);
        self.key.push(op.key);
        self.argument.push(op.argument);
        self.result.push(op.result);
    }

    /// An operation in words: `write 3 → ok`, `read → 5`, `x: cas [1 2] → no answer`.
    pub fn show(&self, index: u32) -> String {
        let op = self.get(index);
        let value = |id| crate::text::excerpt(&self.values.show(id).to_string(), 48);
        let mut text = String::new();
        if op.key.is_some() {
            text = value(op.key) + ": ";
        }
        text += op.function.word();
        if op.argument.is_some() {
            text = text + " " + &value(op.argument);
        }
        text += " → ";
        text += &match op.outcome {
            Outcome::Unknown => "no answer".to_owned(),
            Outcome::Failed => "failed".to_owned(),
            Outcome::Ok if op.result.is_some() => value(op.result),
            Outcome::Ok => "ok".to_owned(),
        };
        text
    }
}
