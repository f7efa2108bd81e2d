//! The objects whose linearizability can be judged.

use super::{Monitor, judge, monitor};
use crate::history::{History, Id};
use crate::model::{
    Counter, IdGenerator, Kv, Mutex, Refusal, Register, Semaphore, deque::DEQUE, job_queue::JobQueue,
    multiset::MULTISET, mutex::Kind, priority_queue::PriorityQueue, queue::QUEUE, set::Set, stack::STACK,
};
use crate::verify::{Answer, Initial, Judge, Recorded, Settings, no_leases};

/// All objects. A new one is an entry here, its model, and a monitor where there is one.
pub static OBJECTS: &[&dyn Judge] = &[
    &Object {
        name: "register",
        about: "a register with read, write, compare-and-set and read-modify-write; nil before the first write",
        initial: Initial::Value,
        keyed: true,
        leases: false,
        monitors: |setup| registers(setup, false),
        model: |_, setup| Register { initial: setup.initial.unwrap_or(Id::NIL), nil_is_wildcard: false },
    },
    &Object {
        name: "cas-register",
        about: "a register as Knossos has it: where nil was read, what was read is not known",
        initial: Initial::Value,
        keyed: true,
        leases: false,
        monitors: |setup| registers(setup, true),
        model: |_, setup| Register { initial: setup.initial.unwrap_or(Id::NIL), nil_is_wildcard: true },
    },
    &Object {
        name: "kv",
        about: "a key-value store with read, write, compare-and-set, append and delete; keys are absent at first",
        initial: Initial::Value,
        keyed: true,
        leases: false,
        monitors: |setup| vec![Box::new(monitor::KvAppend { initial: setup.initial })],
        model: |history, setup| Kv::new(history, setup.initial),
    },
    &Object {
        name: "queue",
        about: "a first-in-first-out queue with enqueue, dequeue and peek; nil where it was empty",
        initial: Initial::Fixed,
        keyed: true,
        leases: false,
        monitors: |_| vec![Box::new(monitor::Queue)],
        model: |_, _| QUEUE,
    },
    &Object {
        name: "stack",
        about: "a last-in-first-out stack with push, pop and peek; nil where it was empty",
        initial: Initial::Fixed,
        keyed: true,
        leases: false,
        monitors: |_| vec![Box::new(monitor::Stack)],
        model: |_, _| STACK,
    },
    &Object {
        name: "deque",
        about: "a double-ended queue with push, pop and peek at both ends; nil where it was empty",
        initial: Initial::Fixed,
        keyed: true,
        leases: false,
        monitors: |_| Vec::new(),
        model: |_, _| DEQUE,
    },
    &Object {
        name: "priority-queue",
        about: "a priority queue of integers, the greatest first, with insert, poll and peek; nil where it was empty",
        initial: Initial::Fixed,
        keyed: true,
        leases: false,
        monitors: |_| vec![Box::new(monitor::PriorityQueue)],
        model: |_, _| PriorityQueue,
    },
    &Object {
        name: "set",
        about: "a set with insert, remove and contains, which may tell whether the element was new or there",
        initial: Initial::Fixed,
        keyed: true,
        leases: false,
        monitors: |setup| vec![Box::new(monitor::Set { budget: setup.budget })],
        model: |_, _| Set { counts: false },
    },
    &Object {
        name: "multiset",
        about: "a multiset with insert, remove and contains, which may tell whether there was any before",
        initial: Initial::Fixed,
        keyed: true,
        leases: false,
        monitors: |setup| vec![Box::new(monitor::Multiset { budget: setup.budget })],
        model: |_, _| MULTISET,
    },
    &Object {
        name: "job-queue",
        about: "a job queue with enqueue, reserve, complete and give-back; nil where no job was ready; leases run out only with `--lease`",
        initial: Initial::Fixed,
        keyed: true,
        leases: true,
        monitors: |setup| vec![Box::new(JobQueue { time_to_run: setup.lease })],
        model: |_, setup| JobQueue { time_to_run: setup.lease },
    },
    &Object {
        name: "counter",
        about: "a counter with increments by an amount, which may tell the value before, and reads; 0 at first",
        initial: Initial::Integer,
        keyed: true,
        leases: false,
        monitors: |setup| vec![Box::new(monitor::Counter { initial: setup.number.unwrap_or(0) })],
        model: |_, setup| Counter { initial: setup.number.unwrap_or(0) },
    },
    &Object {
        name: "id-generator",
        about: "a generator of ids that gives none twice",
        initial: Initial::Fixed,
        keyed: true,
        leases: false,
        monitors: |_| vec![Box::new(monitor::IdGenerator)],
        model: |_, _| IdGenerator,
    },
    &Object {
        name: "mutex",
        about: "a lock that one process holds at a time, and only its holder releases",
        initial: Initial::Fixed,
        keyed: true,
        leases: false,
        monitors: |_| vec![Box::new(monitor::Mutex { reentrant: false })],
        model: |_, _| Mutex { kind: Kind::Owned },
    },
    &Object {
        name: "shared-mutex",
        about: "a lock that is acquired once at a time and that anyone may release, as Knossos has it",
        initial: Initial::Fixed,
        keyed: true,
        leases: false,
        monitors: |_| Vec::new(),
        model: |_, _| Mutex { kind: Kind::Shared },
    },
    &Object {
        name: "reentrant-mutex",
        about: "a lock that its holder may acquire again, and then has to release as often",
        initial: Initial::Fixed,
        keyed: true,
        leases: false,
        monitors: |_| vec![Box::new(monitor::Mutex { reentrant: true })],
        model: |_, _| Mutex { kind: Kind::Reentrant },
    },
    &Object {
        name: "fenced-mutex",
        about: "a lock whose acquires give fencing tokens that grow from each holder to the next",
        initial: Initial::Fixed,
        keyed: true,
        leases: false,
        monitors: |_| vec![Box::new(monitor::FencedMutex)],
        model: |_, _| Mutex { kind: Kind::Fenced },
    },
    &Object {
        name: "semaphore",
        about: "a semaphore whose permits are acquired, where there are enough, and released; none at first unless `--initial` says more",
        initial: Initial::Count,
        keyed: true,
        leases: false,
        monitors: |setup| vec![Box::new(monitor::Semaphore { permits: permits(setup) })],
        model: |_, setup| Semaphore { permits: permits(setup) },
    },
];

/// The monitors of registers.
fn registers(setup: Setup, nil_is_wildcard: bool) -> Vec<Box<dyn Monitor>> {
    let initial = setup.initial.unwrap_or(Id::NIL);
    vec![
        Box::new(monitor::Register { initial, nil_is_wildcard }),
        Box::new(monitor::ReadModifyWrite { initial, nil_is_wildcard }),
    ]
}

/// How many permits there are at first.
fn permits(setup: Setup) -> u32 {
    setup.number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
}

/// A kind of object.
pub struct Object<M> {
    /// As `verify-history --model` names it.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub about: &'static str,
    /// What may be said of its initial value.
    pub initial: Initial,
    /// Whether each key is an object of its own; otherwise the whole history is about one.
    pub keyed: bool,
    /// Whether something is held for a time only, if that is said.
    pub leases: bool,
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
    /// The same as a number, if it is one.
    pub number: Option<i64>,
    /// For how long something is held, in units of the history's clock.
    pub lease: Option<u64>,
    /// How many configurations a monitor that searches a part of the history may visit.
    pub budget: u64,
}

impl<M: Refusal> Judge for Object<M> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn initial(&self) -> Initial {
        self.initial
    }

    fn has_leases(&self) -> bool {
        self.leases
    }

    fn judge(&self, recorded: &Recorded, settings: &Settings<'_>) -> Result<Answer, String> {
        if let Some(json) = settings.initial {
            self.initial.check(self.name, json)?;
        }
        if settings.lease.is_some() && !self.leases {
            return Err(no_leases(self.name));
        }
        match recorded {
            Recorded::Operations(history) => judge(self, history, settings),
            Recorded::Transactions(_) => Err(format!(
                "`{}` judges operations one at a time, but these are transactions: choose a model of transactions",
                self.name
            )),
        }
    }
}
