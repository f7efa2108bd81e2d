//! What consumers received: nothing lost, nothing skipped, never backwards.

use super::{Journal, Part, Poll, offsets::Placed, violation, words};
use crate::{history::Function, verify::Violation};
use std::collections::HashMap;

/// Acknowledged messages that nobody ever received although a later one of the log was: the send, and the operation that
/// received the later one. In order of their offsets.
pub fn lost(journal: &Journal, placed: &Placed) -> Vec<(u32, u32)> {
    let Some(highest) = placed.highest else { return Vec::new() };
    let received = |poll: &&Poll| poll.messages.iter().any(|(offset, _)| *offset == highest);
    let Some(beyond) = journal.polls.iter().find(received) else { return Vec::new() };
    let gone = |(offset, _): &(&i64, &usize)| !placed.received.contains(offset);
    placed.sent.range(..highest).filter(gone).map(|(_, send)| (journal.sends[*send].op, beyond.op)).collect()
}

pub fn explain_lost(part: &Part<'_>, send: u32, poll: u32, count: usize) -> Violation {
    let history = part.history;
    let op = history.get(send);
    let others = match count {
        1 => String::new(),
        _ => format!("; {count} messages are lost like this"),
    };
    let sentence = format!(
        "{} sent {} to the log{} and was told offset {} at {}; nobody ever received it, though {} received what stands behind it at {}{others}",
        words::who(history, send),
        words::value(history, op.argument),
        words::object(history, send),
        words::value(history, op.result),
        words::returned(history, send),
        words::who(history, poll),
        words::returned(history, poll),
    );
    violation("lost-write", sentence, [send, poll])
}

/// Polls of each process, each with where the process stood: behind what it received last, unless it asked for the
/// committed offset since; then behind that.
struct Position {
    /// The furthest offset that it received or, behind a question, the committed one.
    after: Option<i64>,
    /// The operation that put it there.
    by: Option<u32>,
    /// Its last question for the committed offset.
    question: Option<u32>,
    /// Whether it received nothing since, or ever.
    asked: bool,
}

/// Goes through the polls of each process in its order; `each` is told where it stood before.
fn follow<'j, T>(journal: &'j Journal, mut each: impl FnMut(&Position, &'j Poll) -> Option<T>) -> Option<T> {
    let mut positions: HashMap<u32, Position> = HashMap::new();
    let mut asked = journal.asked.iter().peekable();
    for poll in &journal.polls {
        while let Some(mark) = asked.next_if(|mark| mark.op < poll.op) {
            positions.insert(
                mark.process,
                Position { after: mark.offset, by: Some(mark.op), question: Some(mark.op), asked: true },
            );
        }
        let position =
            positions.entry(poll.process).or_insert(Position { after: None, by: None, question: None, asked: true });
        if let Some(found) = each(position, poll) {
            return Some(found);
        }
        let furthest = poll.messages.iter().map(|(offset, _)| *offset).max();
        if furthest.is_some() && (position.asked || furthest > position.after) {
            *position = Position { after: furthest, by: Some(poll.op), asked: false, ..*position };
        }
    }
    None
}

/// A lower offset behind a higher one, within a poll or from one poll of a process to the next.
pub fn backwards(part: &Part<'_>, journal: &Journal) -> Option<Violation> {
    let history = part.history;
    follow(journal, |position, poll| {
        if let Some(pair) = poll.messages.windows(2).find(|pair| pair[1].0 <= pair[0].0) {
            let sentence = format!(
                "one poll of {} at {} returned offset {} and behind it offset {}",
                words::who(history, poll.op),
                words::returned(history, poll.op),
                pair[0].0,
                pair[1].0,
            );
            return Some(violation("nonmonotonic-poll", sentence, [poll.op]));
        }
        let (first, after, by) = (poll.messages.first()?.0, position.after?, position.by?);
        if position.asked || first > after {
            return None;
        }
        let sentence = format!(
            "{} had received up to offset {after} of the log{} at {} and received offset {first} again at {}, without asking for the committed offset in between",
            words::who(history, poll.op),
            words::object(history, poll.op),
            words::returned(history, by),
            words::returned(history, poll.op),
        );
        Some(violation("nonmonotonic-poll", sentence, [by, poll.op]))
    })
}

/// A message that was known to be in the log when a process polled, and that its poll went over: neither received by it
/// before, nor committed by anyone.
pub fn skipped(part: &Part<'_>, journal: &Journal, placed: &Placed) -> Option<Violation> {
    let committed = Committed::of(journal);
    let over = |from: Option<i64>, to: i64, poll: &Poll| {
        let begin = from.map_or(i64::MIN, |from| from.saturating_add(1));
        if begin >= to {
            return None;
        }
        let known = |(_, seen): &(&i64, &super::offsets::Seen)| seen.at < poll.call;
        placed.by_offset.range(begin..to).find(known).map(|(offset, seen)| (*offset, seen.op))
    };
    follow(journal, |position, poll| {
        let inside =
            poll.messages.windows(2).find_map(|pair| Some((pair[1].0, over(Some(pair[0].0), pair[1].0, poll)?)));
        let (next, found) = match inside {
            Some(inside) => inside,
            None => {
                let first = poll.messages.first()?.0;
                (first, over(position.after.max(committed.before(poll.ret)), first, poll)?)
            }
        };
        Some(explain_skipped(part, position, poll, inside.is_some(), next, found))
    })
}

fn explain_skipped(
    part: &Part<'_>,
    position: &Position,
    poll: &Poll,
    inside: bool,
    next: i64,
    (offset, by): (i64, u32),
) -> Violation {
    let history = part.history;
    let stood = match (inside, position.asked, position.after) {
        (true, ..) => "in one poll".to_owned(),
        (_, true, Some(after)) => format!("after a restart behind the committed offset {after}"),
        (_, true, None) => "at first, with nothing committed that far".to_owned(),
        (_, false, _) => format!("behind offset {}", position.after.unwrap_or(0)),
    };
    let sentence = format!(
        "{} received offset {next} of the log{} at {}, {stood}, and went over offset {offset}, which {} knew to be there at {} and which was not committed",
        words::who(history, poll.op),
        words::object(history, poll.op),
        words::returned(history, poll.op),
        words::who(history, by),
        words::returned(history, by),
    );
    // What a process had received itself it has to receive again only behind a question for the commit.
    let seen = history.get(by);
    let own = seen.function == Function::Receive && seen.process == poll.process;
    violation("skip", sentence, [by, poll.op].into_iter().chain(position.question.filter(|_| own && !inside)))
}

/// The highest offset that anyone had begun to commit, by time.
struct Committed(Vec<(u64, i64)>);

impl Committed {
    fn of(journal: &Journal) -> Self {
        let mut highest = i64::MIN;
        let commits = journal.commits.iter().filter_map(|mark| Some((mark.call, mark.offset?)));
        Self(
            commits
                .map(|(call, offset)| {
                    highest = highest.max(offset);
                    (call, highest)
                })
                .collect(),
        )
    }

    fn before(&self, time: u64) -> Option<i64> {
        let count = self.0.partition_point(|(call, _)| *call <= time);
        count.checked_sub(1).map(|last| self.0[last].1)
    }
}
