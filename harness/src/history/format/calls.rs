//! The record of a case, as takehome keeps it: requests and replies of Maelstrom's protocol, as operations.
//!
//! | request | operation |
//! |---|---|
//! | `read`, `write`, `cas` with `key` | of a key-value store; without a `key` of the one object there is |
//! | `broadcast`, `add` with `element` | insert into a set |
//! | `add` with `delta` | increment a counter, the one of the `key` where there is one; `before` in the reply is its value before |
//! | `append`, `delete` with `key` | of a key-value store; `existed` in the reply says whether there was something to delete |
//! | `create` with `key` | compare-and-set of a key that is not there; `created` in the reply says whether that was so |
//! | `swap` with `key` | read-modify-write; `before` in the reply is what was there |
//! | `write_both`, `read_half`, `read_both` with `key` | write and read of a value that is kept in two places, to be written at one moment |
//! | `generate` | generate an id |
//! | `send`, `poll`, `commit_offsets`, `list_committed_offsets` | of logs, an operation for each |
//! | `put`, `reserve`, `delete`, `release`, `disconnect` | of queues of jobs, as [`crate::jobs`] has it; then all others have to be of them, too |
//! | `txn` | a transaction; then all others have to be ones, too |
//! | `echo`, `topology`, `init`, `begin` | none |
//!
//! Calls that prepare the nodes are left out. A compare-and-set that failed because another value or none was there has
//! the result `false`, and a read that found no such key the result `nil`; other definite errors did not take effect.

use super::{
    Events, Format, FormatError, Shape,
    clients::Numbers,
    shape::Detector,
    tape::Tape,
    transactions::{Steps, push_steps},
};
use crate::{
    calls::{Call, Calls, Outcome as Told, Role},
    history::{Builder, Clock, Function, Id, Invocation, Outcome, PENDING, format},
    jobs,
    text::excerpt,
    verify::Recorded,
};

pub(super) const FORMAT: Format =
    Format { name: "calls", about: "the record of a case of takehome's", recognises, read };

fn recognises(head: &[u8]) -> bool {
    head.starts_with(b"role\tclient\tnode\tfunction\t")
}

/// Errors that say that a key is not there, and that another value is.
const NO_SUCH_KEY: u32 = 20;
const OTHER_VALUE: u32 = 22;

fn read(bytes: &[u8], shape: Shape) -> Result<Recorded, FormatError> {
    let calls = Calls::from_text(format::utf8(bytes)?).map_err(|error| super::text_error(&error))?;
    recorded(&calls, shape)
}

/// The operations of a case's calls; an error says which call is none, and why.
pub fn recorded(calls: &Calls, shape: Shape) -> Result<Recorded, FormatError> {
    if jobs::are_jobs(&calls.operations) {
        let calls = jobs::read(&calls.operations).map_err(|(index, why)| FormatError::line(index + 2, why))?;
        return Ok(Recorded::Operations(jobs::operations(&calls)));
    }
    let work = calls.operations.iter().enumerate().filter(|(_, call)| call.role != Role::Opening);
    let work: Vec<(usize, &Call)> = work.map(|(index, call)| (index + 2, call)).collect();
    if work.iter().any(|(_, call)| &*call.function == "txn") { transactions(&work, shape) } else { operations(&work) }
}

fn operations(calls: &[(usize, &Call)]) -> Result<Recorded, FormatError> {
    let mut builder = Builder::new(Clock::Nanoseconds);
    let mut clients = Numbers::default();
    for (line, call) in calls {
        let process = clients.of(&format!("c{}", call.client));
        let tape = Bodies::of(call).map_err(|what| FormatError::line(*line, what))?;
        let parts = parts(call, &tape, &mut builder).map_err(|what| FormatError::line(*line, what))?;
        for Part { function, key, argument, result, refused } in parts {
            let ticket = builder.invoke(Invocation { process, call: call.invoked.0, function, key, argument });
            let outcome = if refused { Outcome::Ok } else { outcome(call) };
            builder.complete(ticket, call.returned.unwrap_or(call.invoked).0, outcome, result);
        }
    }
    builder.process_names = clients.names();
    Ok(Recorded::Operations(builder.finish()))
}

fn outcome(call: &Call) -> Outcome {
    match call.outcome {
        Told::Ok => Outcome::Ok,
        Told::Failed(_) => Outcome::Failed,
        Told::Unknown(_) => Outcome::Unknown,
    }
}

/// One operation of a call.
struct Part {
    function: Function,
    key: Id,
    argument: Id,
    result: Id,
    /// Whether an error is the result.
    refused: bool,
}

/// Request and reply on one tape.
struct Bodies {
    tape: Tape<'static>,
    request: usize,
    reply: Option<usize>,
}

impl Bodies {
    fn of(call: &Call) -> Result<Self, String> {
        let json = |text: &str| serde_json::from_str(text).map_err(|error| super::json_error(&error));
        let mut tape = Tape::default();
        let request = tape.push_json(&json(&call.request)?);
        let reply = match call.reply.as_deref().filter(|_| call.is_ok()) {
            None => None,
            Some(reply) => Some(tape.push_json(&json(reply)?)),
        };
        Ok(Self { tape, request, reply })
    }

    fn asked(&self, name: &str) -> Option<usize> {
        self.tape.field(self.request, name)
    }

    fn needed(&self, name: &str) -> Result<usize, String> {
        self.asked(name).ok_or_else(|| format!("expected `{name}` in the request {}", self.tape.show(self.request)))
    }

    /// What an answered call was told under one of these names.
    fn told(&self, names: &[&str]) -> Result<Option<usize>, String> {
        let Some(reply) = self.reply else { return Ok(None) };
        match names.iter().find_map(|name| self.tape.field(reply, name)) {
            Some(at) => Ok(Some(at)),
            None => Err(format!("expected `{}` in the reply {}", names.join("` or `"), self.tape.show(reply))),
        }
    }
}

fn parts(call: &Call, bodies: &Bodies, builder: &mut Builder) -> Result<Vec<Part>, String> {
    let values = &mut builder.values;
    let tape = &bodies.tape;
    let mut id = |at: Option<usize>| at.map_or(Id::NONE, |at| tape.intern(values, at));
    let part = |function, key, argument, result| Part { function, key, argument, result, refused: false };
    let key = bodies.asked("key");
    let one = match &*call.function {
        "read" if call.outcome == Told::Failed(NO_SUCH_KEY) => {
            Part { refused: true, ..part(Function::Read, id(key), Id::NONE, Id::NIL) }
        }
        "read" => part(Function::Read, id(key), Id::NONE, id(bodies.told(&["value", "messages"])?)),
        "read_half" | "read_both" => {
            part(Function::Read, id(Some(bodies.needed("key")?)), Id::NONE, id(bodies.told(&["value"])?))
        }
        "write" | "write_both" => part(Function::Write, id(key), id(Some(bodies.needed("value")?)), Id::NONE),
        "append" => part(Function::Append, id(key), id(Some(bodies.needed("value")?)), Id::NONE),
        "delete" => {
            let existed = bodies.reply.and_then(|reply| tape.field(reply, "existed"));
            part(Function::Delete, id(Some(bodies.needed("key")?)), Id::NONE, id(existed))
        }
        "cas" => {
            let pair = [id(Some(bodies.needed("from")?)), id(Some(bodies.needed("to")?))];
            let key = id(key);
            let refused = matches!(call.outcome, Told::Failed(NO_SUCH_KEY | OTHER_VALUE));
            let result = if refused { values.intern(crate::history::Value::Bool(false)) } else { Id::NONE };
            Part { refused, ..part(Function::Cas, key, values.list(&pair), result) }
        }
        "create" => {
            let pair = [Id::NIL, id(Some(bodies.needed("value")?))];
            let created = id(bodies.told(&["created"])?);
            part(Function::Cas, id(Some(bodies.needed("key")?)), values.list(&pair), created)
        }
        "swap" => {
            let (key, value) = (id(Some(bodies.needed("key")?)), id(Some(bodies.needed("value")?)));
            part(Function::ReadModifyWrite, key, value, id(bodies.told(&["before"])?))
        }
        "broadcast" => part(Function::Insert, Id::NONE, id(Some(bodies.needed("message")?)), Id::NONE),
        "add" if bodies.asked("delta").is_some() => {
            let before = bodies.reply.and_then(|reply| tape.field(reply, "before"));
            part(Function::Increment, id(key), id(bodies.asked("delta")), id(before))
        }
        "add" => part(Function::Insert, Id::NONE, id(Some(bodies.needed("element")?)), Id::NONE),
        "generate" => part(Function::Generate, Id::NONE, Id::NONE, id(bodies.told(&["id"])?)),
        "send" => {
            let (key, message) = (id(Some(bodies.needed("key")?)), id(Some(bodies.needed("msg")?)));
            part(Function::Send, key, message, id(bodies.told(&["offset"])?))
        }
        "poll" => {
            let asked = bodies.needed("offsets")?;
            let told = bodies.told(&["msgs"])?;
            let logs = tape.pairs(told.unwrap_or(asked));
            return Ok(logs
                .map(|(log, read)| part(Function::Receive, id(Some(log)), Id::NONE, id(told.map(|_| read))))
                .collect());
        }
        "commit_offsets" => {
            let logs = tape.pairs(bodies.needed("offsets")?);
            return Ok(logs
                .map(|(log, offset)| part(Function::Commit, id(Some(log)), id(Some(offset)), Id::NONE))
                .collect());
        }
        "list_committed_offsets" => return committed(bodies, &mut id),
        "echo" | "topology" | "init" | "begin" => return Ok(Vec::new()),
        other => return Err(format!("`{}` is no request that is known as an operation", excerpt(other, 40))),
    };
    Ok(vec![one])
}

/// The committed offset of each log that was asked for: `nil` where none was told.
fn committed(bodies: &Bodies, id: &mut impl FnMut(Option<usize>) -> Id) -> Result<Vec<Part>, String> {
    let told = bodies.told(&["offsets"])?;
    let logs: Vec<usize> = bodies.tape.children(bodies.needed("keys")?).collect();
    let mut parts = Vec::with_capacity(logs.len());
    let offsets: std::collections::HashMap<Id, usize> = told
        .into_iter()
        .flat_map(|told| bodies.tape.pairs(told))
        .map(|(log, offset)| (id(Some(log)), offset))
        .collect();
    for log in logs {
        let key = id(Some(log));
        let offset = offsets.get(&key).map_or(Id::NIL, |offset| id(Some(*offset)));
        let result = if told.is_some() { offset } else { Id::NONE };
        parts.push(Part { function: Function::Committed, key, argument: Id::NONE, result, refused: false });
    }
    Ok(parts)
}

fn transactions(calls: &[(usize, &Call)], shape: Shape) -> Result<Recorded, FormatError> {
    let mut clients = Numbers::default();
    let mut detector =
        Detector::new(Shape { events: shape.events.filter(|events| *events != Events::Operations), ..shape });
    let mut ready = Vec::with_capacity(calls.len());
    for (line, call) in calls {
        let wrong = |what: String| FormatError::line(*line, what);
        if &*call.function != "txn" {
            return Err(wrong(format!("expected `txn` as everywhere else, found `{}`", excerpt(&call.function, 40))));
        }
        let bodies = Bodies::of(call).map_err(wrong)?;
        let told = bodies.told(&["txn"]).map_err(wrong)?;
        let steps = told.map_or_else(|| bodies.needed("txn"), Ok).map_err(wrong)?;
        detector.steps(&bodies.tape, steps);
        ready.push((*line, *call, bodies.tape, steps));
    }
    ready.sort_by_key(|(_, call, ..)| call.invoked);
    let lists = detector.shape().events == Some(Events::ListAppend);
    let mut transactions = Steps::new(lists).finish();
    transactions.clock = Clock::Nanoseconds;
    for (line, call, tape, steps) in ready {
        let ret = match outcome(call) {
            Outcome::Unknown => PENDING,
            _ => call.returned.unwrap_or(call.invoked).0.clamp(call.invoked.0, PENDING - 1),
        };
        transactions.push(clients.of(&format!("c{}", call.client)), call.invoked.0, ret, outcome(call));
        push_steps(&mut transactions, &tape, steps, lists, call.is_ok())
            .map_err(|what| FormatError::line(line, what))?;
    }
    transactions.process_names = clients.names();
    Ok(Recorded::Transactions(transactions))
}
