//! The services that nodes may call as if they were nodes: Maelstrom's key-value stores and its timestamp oracle.
//!
//! | name | what it is |
//! |---|---|
//! | `lin-kv` | a linearizable store of keys and values |
//! | `seq-kv` | a sequentially consistent one: a node may read up to 32 writes behind, but never back in its own time |
//! | `lww-kv` | two replicas in which the last writer of a key wins, by Lamport's clock; a read may miss any write |
//! | `lin-tso` | hands out timestamps, each greater than all before it |
//!
//! Requests are `read {key}`, `write {key, value}`, `cas {key, from, to, create_if_not_exists}` and `ts`; errors are
//! Maelstrom's 10, 12, 20 and 22 (its `doc/services.md` and `doc/protocol.md`). Keys and values are any JSON, and are
//! the same when they are equal as JSON, with all digits of their numbers.

use super::{
    NodeId,
    random::{Purpose, Stream},
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

/// One of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// The linearizable store.
    LinKv,
    /// The sequentially consistent store.
    SeqKv,
    /// The store in which the last writer wins.
    LwwKv,
    /// The timestamp oracle.
    LinTso,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 4] = [Self::LinKv, Self::SeqKv, Self::LwwKv, Self::LinTso];

    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinKv => "lin-kv",
            Self::SeqKv => "seq-kv",
            Self::LwwKv => "lww-kv",
            Self::LinTso => "lin-tso",
        }
    }

    /// The service with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    /// Its number among the parties of a journal, far from those of nodes.
    pub const fn number(self) -> u32 {
        u32::MAX - self as u32
    }

    /// The service with this number in a journal.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.number() == number)
    }

    /// The address that the network of so many nodes carries its messages to.
    pub const fn address(self, nodes: u32) -> NodeId {
        NodeId(nodes + self as u32)
    }

    /// The service at this address of a network of so many nodes.
    pub fn at(address: NodeId, nodes: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.address(nodes) == address)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a request was refused: Maelstrom's code, and a few words.
type Refusal = (u32, String);
type Body = Map<String, Value>;

const NOT_SUPPORTED: u32 = 10;
const MALFORMED: u32 = 12;
const NO_SUCH_KEY: u32 = 20;
const PRECONDITION_FAILED: u32 = 22;

/// The services of one case with all they hold.
#[derive(Debug, Clone)]
pub struct Services {
    lin: BTreeMap<String, Value>,
    seq: Sequential,
    lww: Replicas,
    time: u64,
    stream: Stream,
}

impl Services {
    /// Empty stores, and the oracle before its first timestamp. What a weak store shows of its freedom hangs on the
    /// seed.
    pub fn new(seed: u64) -> Self {
        Self {
            lin: BTreeMap::new(),
            seq: Sequential::default(),
            lww: Replicas::default(),
            time: 0,
            stream: Stream::new(seed, Purpose::Service, [0, 0]),
        }
    }

    /// Does what a node asks with the body of a message. The body of the answer; none to a request without a `msg_id`,
    /// which nobody waits for.
    pub fn ask(&mut self, service: Service, from: NodeId, body: &str) -> Option<String> {
        let request: Body = serde_json::from_str(body).ok()?;
        let mut answer = self.perform(service, from, &request).unwrap_or_else(|(code, text)| {
            Body::from_iter([
                ("type".to_owned(), "error".into()),
                ("code".to_owned(), code.into()),
                ("text".to_owned(), text.into()),
            ])
        });
        answer.insert("in_reply_to".into(), request.get("msg_id")?.clone());
        Some(Value::Object(answer).to_string())
    }

    fn perform(&mut self, service: Service, from: NodeId, request: &Body) -> Result<Body, Refusal> {
        if service == Service::LinTso {
            if request.get("type").and_then(Value::as_str) != Some("ts") {
                return Err(not_supported(service, request));
            }
            self.time += 1;
            return Ok(answer("ts_ok", Some(("ts", self.time.into()))));
        }
        let operation = Operation::of(service, request)?;
        match service {
            Service::SeqKv => self.seq.perform(from, &operation, &mut self.stream),
            Service::LwwKv => self.lww.perform(&operation, &mut self.stream),
            Service::LinKv | Service::LinTso => {
                let (written, answer) = operation.apply(self.lin.get(&operation.key))?;
                if let Some(value) = written {
                    self.lin.insert(operation.key, value);
                }
                Ok(answer)
            }
        }
    }
}

fn answer(kind: &str, field: Option<(&str, Value)>) -> Body {
    let fields = field.into_iter().map(|(name, value)| (name.to_owned(), value));
    std::iter::once(("type".to_owned(), kind.into())).chain(fields).collect()
}

fn not_supported(service: Service, request: &Body) -> Refusal {
    let kind = request.get("type").and_then(Value::as_str).unwrap_or_default();
    (NOT_SUPPORTED, format!("{service} does not know `{kind}`"))
}

/// What is done with one key.
struct Operation {
    key: String,
    action: Action,
}

enum Action {
    Read,
    Write(Value),
    CompareAndSet { from: Value, to: Value, create: bool },
}

impl Operation {
    fn of(service: Service, request: &Body) -> Result<Self, Refusal> {
        let field = |name: &str| {
            let missing = || (MALFORMED, format!("the request has no `{name}`"));
            request.get(name).cloned().ok_or_else(missing)
        };
        let action = match request.get("type").and_then(Value::as_str) {
            Some("read") => Action::Read,
            Some("write") => Action::Write(field("value")?),
            Some("cas") => Action::CompareAndSet {
                from: field("from")?,
                to: field("to")?,
                create: request.get("create_if_not_exists").and_then(Value::as_bool).unwrap_or(false),
            },
            _ => return Err(not_supported(service, request)),
        };
        Ok(Self { key: field("key")?.to_string(), action })
    }

    /// What it writes to a key with this value, if it writes, and its answer.
    fn apply(&self, current: Option<&Value>) -> Result<(Option<Value>, Body), Refusal> {
        let missing = || (NO_SUCH_KEY, format!("key {} does not exist", self.key));
        match &self.action {
            Action::Read => Ok((None, answer("read_ok", Some(("value", current.ok_or_else(missing)?.clone()))))),
            Action::Write(value) => Ok((Some(value.clone()), answer("write_ok", None))),
            Action::CompareAndSet { from, to, create } => match current {
                None if !create => Err(missing()),
                Some(value) if value != from => {
                    Err((PRECONDITION_FAILED, format!("key {} is {value} and not {from}", self.key)))
                }
                _ => Ok((Some(to.clone()), answer("cas_ok", None))),
            },
        }
    }
}

/// How many states of the past a sequentially consistent store may still show.
const STATES: u64 = 32;

/// All writes in one order, of which each node sees a prefix that only grows; its own writes are in it.
#[derive(Debug, Clone, Default)]
struct Sequential {
    /// Values of each key by the number of the write, oldest first; none older than what may still be seen.
    keys: BTreeMap<String, VecDeque<(u64, Value)>>,
    /// How many writes there were.
    latest: u64,
    /// How many of them each node has seen.
    seen: BTreeMap<NodeId, u64>,
}

impl Sequential {
    fn perform(&mut self, from: NodeId, operation: &Operation, stream: &mut Stream) -> Result<Body, Refusal> {
        let oldest = self.oldest().max(self.seen.get(&from).copied().unwrap_or(0));
        let at = oldest + stream.below(self.latest - oldest + 1);
        let result = match operation.apply(self.value(&operation.key, at)) {
            Ok((Some(_), _)) => {
                // What changes nothing may happen in the past; a write comes last, and whoever wrote has seen it.
                let last = operation.apply(self.value(&operation.key, self.latest));
                let answer = last.map(|(written, answer)| self.write(&operation.key, written, answer));
                self.seen.insert(from, self.latest);
                return answer;
            }
            other => other.map(|(_, answer)| answer),
        };
        self.seen.insert(from, at);
        result
    }

    fn write(&mut self, key: &str, written: Option<Value>, answer: Body) -> Body {
        if let Some(value) = written {
            self.latest += 1;
            let oldest = self.oldest();
            let values = self.keys.entry(key.to_owned()).or_default();
            values.push_back((self.latest, value));
            while values.get(1).is_some_and(|(number, _)| *number <= oldest) {
                values.pop_front();
            }
        }
        answer
    }

    fn oldest(&self) -> u64 {
        self.latest.saturating_sub(STATES - 1)
    }

    fn value(&self, key: &str, at: u64) -> Option<&Value> {
        self.keys.get(key)?.iter().rev().find(|(number, _)| *number <= at).map(|(_, value)| value)
    }
}

/// The Lamport time and the replica of a write.
type Written = (u64, usize);

/// Two replicas that tell each other of a key now and then.
#[derive(Debug, Clone, Default)]
struct Replicas {
    stores: [BTreeMap<String, (Written, Value)>; 2],
    clocks: [u64; 2],
}

impl Replicas {
    fn perform(&mut self, operation: &Operation, stream: &mut Stream) -> Result<Body, Refusal> {
        let replica = stream.index(2);
        let key = &operation.key;
        let result = operation.apply(self.stores[replica].get(key).map(|(_, value)| value));
        let answer = result.map(|(written, answer)| {
            if let Some(value) = written {
                self.clocks[replica] += 1;
                self.stores[replica].insert(key.clone(), ((self.clocks[replica], replica), value));
            }
            answer
        });
        if stream.below(2) == 0 {
            self.merge(key);
        }
        answer
    }

    fn merge(&mut self, key: &str) {
        let newest = self.stores.iter().filter_map(|store| store.get(key)).max_by_key(|(time, _)| *time).cloned();
        if let Some(newest) = newest {
            self.clocks = [self.clocks[0].max(self.clocks[1]); 2];
            self.stores.iter_mut().for_each(|store| drop(store.insert(key.to_owned(), newest.clone())));
        }
    }
}

#[cfg(test)]
mod tests;
