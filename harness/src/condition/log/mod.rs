//! `log`: an append-only log with offsets, read by consumers that commit how far they are, as in Kafka.
//!
//! The anomalies of Jepsen's `kafka` workload that concern single sends and polls (jepsen/tests/kafka.clj), and commits
//! that are really checked. Each `key` is a log. Its consumers are one group: a commit of any process counts for all. A
//! committed offset says that all up to and including it is done with.
//!
//! | rule | what happened |
//! |---|---|
//! | `inconsistent-offset` | one offset holds two messages |
//! | `duplicate` | one message stands at more offsets than it was sent times |
//! | `phantom-message` | a message was received that nobody had sent, or whose sending had failed |
//! | `nonmonotonic-send` | of two messages that a process sent one after the other the later got the lower offset |
//! | `nonmonotonic-poll` | a process received a lower offset after a higher one without asking for the commit in between |
//! | `lost-write` | an acknowledged message was never received, though a later one was |
//! | `skip` | a process went over a message that was in the log and neither received nor committed |
//! | `commit-lost` | the committed offset is lower than one that had been committed or read before |
//! | `phantom-commit` | the committed offset is one that nobody committed |
//!
//! A process that asks for the committed offset (`committed`) begins again behind it, and so does one that receives for
//! the first time; with nothing committed, at the beginning. It may begin earlier, not later. O(n log n + length of all
//! polls). Where an offset holds two messages, losses and skips are not looked for.
//!
//! Not covered: an order among messages of different processes, transactions, and messages at the end that nobody read
//! far enough to miss (they are counted as unread).

mod commits;
mod offsets;
mod polls;

use super::{Condition, Found, Initial, Part, Scope, violation, words};
use crate::history::{Function, Id, Outcome};

pub(super) const LOG: Condition = Condition {
    name: "log",
    about: "nothing sent to a log is lost, repeated, moved or skipped, and committed offsets never go back",
    initial: Initial::Fixed,
    scope: Scope::Object,
    judge,
};

/// A message that was sent, or may have been.
#[derive(Debug, Clone, Copy)]
struct Send {
    op: u32,
    process: u32,
    call: u64,
    ret: u64,
    message: Id,
    /// Where it stands, where the answer told.
    offset: Option<i64>,
}

/// Messages that were received, in the order in which they came.
#[derive(Debug, Clone)]
struct Poll {
    op: u32,
    process: u32,
    call: u64,
    ret: u64,
    messages: Vec<(i64, Id)>,
}

/// A commit, or a question for it (`Some(None)` for nothing committed).
#[derive(Debug, Clone, Copy)]
struct Mark {
    op: u32,
    process: u32,
    call: u64,
    ret: u64,
    offset: Option<i64>,
}

/// The operations on one log.
#[derive(Debug, Default)]
struct Journal {
    sends: Vec<Send>,
    polls: Vec<Poll>,
    commits: Vec<Mark>,
    asked: Vec<Mark>,
}

fn judge(part: Part<'_>) -> Result<Found, String> {
    let journal = Journal::of(&part)?;
    let mut violations = Vec::new();
    let placed = offsets::check(&part, &journal, &mut violations);
    // Where an offset holds two messages it says nothing about what is behind or before it.
    let consistent = violations.iter().all(|violation| violation.rule != "inconsistent-offset");
    let lost = if consistent { polls::lost(&journal, &placed) } else { Vec::new() };
    violations.extend(lost.first().map(|(send, poll)| polls::explain_lost(&part, *send, *poll, lost.len())));
    violations.extend(polls::backwards(&part, &journal));
    if consistent {
        violations.extend(polls::skipped(&part, &journal, &placed));
    }
    commits::check(&part, &journal, &mut violations);
    let unread = placed.unread(&journal);
    let acknowledged = journal.sends.iter().filter(|send| send.ret != crate::history::PENDING).count();
    let received: usize = journal.polls.iter().map(|poll| poll.messages.len()).sum();
    Ok(Found {
        violations,
        undecided: if journal.polls.is_empty() && journal.asked.is_empty() {
            vec!["nothing was received, and the committed offset was never asked for".to_owned()]
        } else {
            Vec::new()
        },
        counts: vec![
            ("sent", journal.sends.len() as u64),
            ("acknowledged", acknowledged as u64),
            ("received", received as u64),
            ("commits", journal.commits.len() as u64),
            ("lost", lost.len() as u64),
            ("unread", unread as u64),
        ],
    })
}

impl Journal {
    fn of(part: &Part<'_>) -> Result<Self, String> {
        let mut journal = Self::default();
        for (index, op) in part.iter() {
            let integer = |id: Id, what: &str| match part.history.values.as_int(id) {
                Some(number) => Ok(Some(number)),
                None if !id.is_some() || id == Id::NIL => Ok(None),
                None => Err(part.unknown(index, &format!("a log's: {what} is an integer"))),
            };
            let (process, call, ret) = (op.process, op.call, op.ret);
            match op.function {
                Function::Send => {
                    let offset = integer(op.result, "the offset of a message")?;
                    journal.sends.push(Send { op: index, process, call, ret, message: op.argument, offset });
                }
                Function::Receive if op.outcome == Outcome::Ok => {
                    let messages = messages(part, op.result);
                    let messages = messages.ok_or_else(|| {
                        part.unknown(index, "a log's: it returns a list of pairs of offset and message")
                    })?;
                    journal.polls.push(Poll { op: index, process, call, ret, messages });
                }
                Function::Commit => {
                    let offset = integer(op.argument, "what is committed")?;
                    journal.commits.push(Mark { op: index, process, call, ret, offset });
                }
                Function::Committed if op.outcome == Outcome::Ok => {
                    let offset = integer(op.result, "the committed offset")?;
                    journal.asked.push(Mark { op: index, process, call, ret, offset });
                }
                Function::Receive | Function::Committed => {}
                _ => return Err(part.unknown(index, "a log's, which are `send`, `poll-log`, `commit` and `committed`")),
            }
        }
        Ok(journal)
    }
}

/// The pairs of offset and message of a poll; none where it is something else.
fn messages(part: &Part<'_>, result: Id) -> Option<Vec<(i64, Id)>> {
    if result == Id::NIL || !result.is_some() {
        return Some(Vec::new());
    }
    let values = &part.history.values;
    let pair = |id: &Id| match values.as_list(*id)? {
        [offset, message] => Some((values.as_int(*offset)?, *message)),
        _ => None,
    };
    values.as_list(result)?.iter().map(pair).collect()
}
