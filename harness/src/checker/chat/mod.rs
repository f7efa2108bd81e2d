//! Checks of chat rooms.

mod delivered;
mod order;
mod presence;
#[cfg(test)]
mod tests;

pub use delivered::MessagesDelivered;
pub use order::OneOrder;
pub use presence::PresenceTold;

use super::{Judgement, View, evidence::Figure};
use crate::{
    calls::Call,
    chat::{Heard, Member, Room},
    oracle::Vocabulary,
    text::excerpt,
    verdict::Evidence,
};

/// The room of a case; where there is none, what the check says instead.
fn room<'a>(view: &View<'a>, check: &str) -> Result<Room<'a>, Judgement> {
    if view.vocabulary != Vocabulary::Chat {
        return Err(super::well_formed::not_applicable(check));
    }
    let room = Room::of(&view.case.history.operations)
        .map_err(|(index, why)| Judgement::unknown(format!("the record cannot be judged: operation {index}: {why}")))?;
    if !room.members.iter().any(|member| member.list.is_some()) {
        return Err(super::nothing_answered(view, "members join the room", "a line for each who has said a name"));
    }
    Ok(room)
}

/// The end of what can have been heard: what was said shortly before it may still be on its way.
fn end(view: &View<'_>) -> u64 {
    view.case.summary.work_ended.0
}

/// Draws these calls in order of time, and marks one.
fn figure<'a>(view: &View<'a>, calls: impl IntoIterator<Item = &'a Call>, marked: Option<&Call>) -> Evidence {
    let mut figure = Figure::of(view);
    let mut count = 0;
    for call in calls {
        let is_marked = marked.is_some_and(|marked| std::ptr::eq(marked, call));
        let field = |text: Option<&str>, name: &str| {
            text.and_then(|text| super::field_of(text, name)).and_then(|value| value.as_str().map(str::to_owned))
        };
        let asked = |name| field(Some(&call.request), name).unwrap_or_default();
        let told = |name| field(call.reply.as_deref(), name);
        let (label, reply) = match &*call.function {
            "join" => (format!("joins as {}", excerpt(&asked("name"), 20)), told("list")),
            "say" => (excerpt(&asked("text"), 40), None),
            "leave" => ("leaves".into(), None),
            _ => {
                let text = told("text").map(|text| format!("[{}] {text}", told("from").unwrap_or_default()));
                let text = text.or_else(|| told("notice")).unwrap_or_default();
                figure.heard(call, excerpt(&text, 48), is_marked);
                count += 1;
                continue;
            }
        };
        figure.operation(call, label, reply.map(|reply| excerpt(&reply, 48)), is_marked);
        count += 1;
    }
    figure.finish(super::share(count, view.case.history.operations.len(), "event"))
}

/// These calls in the order of the record.
fn in_order<'a>(view: &View<'a>, calls: &[&Call]) -> Vec<&'a Call> {
    let is_one = |call: &&Call| calls.iter().any(|one| std::ptr::eq(*one, *call));
    view.case.history.operations.iter().filter(is_one).collect()
}

/// A member in messages.
fn who(member: &Member<'_>) -> String {
    format!("{} ({})", excerpt(&member.name, 20), super::view::client_name(member.join.client))
}

/// A line as it was sent.
fn line(heard: &Heard<'_>) -> String {
    match &heard.from {
        Some(from) => format!("[{}] {}", excerpt(from, 20), excerpt(&heard.text, 60)),
        None => excerpt(&heard.text, 80),
    }
}
