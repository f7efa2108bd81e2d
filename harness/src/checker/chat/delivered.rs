//! `messages-delivered`: what a member says is heard by every other member that is there, once, and in the order in which it
//! was said; and nothing else is.

use super::{end, figure, in_order, line, room, who};
use crate::{
    chat::{GRACE, Heard, Member, Message, Room},
    checker::{Checker, Judgement, View, evidence::finding},
    text::excerpt,
    verdict::{Finding, Verdict},
};
use std::collections::HashMap;

/// The check.
pub struct MessagesDelivered;

const ABOUT: &str =
    "what a member says is heard by every other member, once, and each member's messages in their order";

impl Checker for MessagesDelivered {
    fn name(&self) -> &'static str {
        "messages-delivered"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let room = match room(view, self.name()) {
            Ok(room) => room,
            Err(judgement) => return judgement,
        };
        let mut wrong = Wrong::default();
        let texts = room.by_text();
        for member in &room.members {
            ears(view, &room, &texts, member, &mut wrong);
        }
        let heard: usize = room.members.iter().map(|member| member.heard.len()).sum();
        let findings = wrong.findings();
        match findings.first() {
            None => Judgement::pass(format!(
                "{} messages, heard {heard} times, each where it should be",
                room.messages.len()
            )),
            Some(first) => Judgement { verdict: Verdict::Fail, detail: first.actual.clone(), findings },
        }
    }
}

/// What is wrong, the first of each kind with how often there is one.
#[derive(Default)]
struct Wrong {
    kinds: Vec<Finding>,
}

impl Wrong {
    fn add(&mut self, code: &str, describe: impl FnOnce() -> Finding) {
        match self.kinds.iter_mut().find(|finding| finding.code == code) {
            Some(known) => known.count += 1,
            None => self.kinds.push(describe()),
        }
    }

    fn findings(self) -> Vec<Finding> {
        self.kinds
    }
}

/// Judges what one member has heard.
fn ears<'a>(view: &View<'a>, room: &Room<'a>, texts: &HashMap<&str, usize>, member: &Member<'a>, wrong: &mut Wrong) {
    let mut times: HashMap<usize, &Heard<'a>> = HashMap::new();
    let mut last: HashMap<usize, (usize, &Heard<'a>)> = HashMap::new();
    for heard in member.heard.iter().filter(|heard| heard.from.is_some()) {
        let said = texts.get(&*heard.text).copied().filter(|place| is_it(room, *place, heard));
        let Some(place) = said else {
            wrong.add("phantom-message", || phantom(view, member, heard));
            continue;
        };
        let message = &room.messages[place];
        if std::ptr::eq(&room.members[message.by], member) {
            wrong.add("own-message", || own(view, member, message, heard));
        }
        if let Some(before) = times.insert(place, heard) {
            wrong.add("message-twice", || twice(view, member, message, before, heard));
        }
        if let Some((other, before)) = last.insert(message.by, (place, heard)).filter(|(other, _)| *other > place) {
            wrong.add("out-of-order", || swapped(view, member, [message, &room.messages[other]], [heard, before]));
        }
    }
    let end = end(view);
    let lost = |(place, message): &(usize, &Message<'a>)| {
        let at = message.call.invoked;
        !std::ptr::eq(&room.members[message.by], member)
            && member.surely_hears(at)
            && at.0.saturating_add(GRACE) < end
            && !times.contains_key(place)
    };
    for (_, message) in room.messages.iter().enumerate().filter(lost) {
        wrong.add("message-lost", || missing(view, room, member, message));
    }
}

/// Whether a line that was heard is this message: by who it was, and not before it was said.
fn is_it(room: &Room<'_>, place: usize, heard: &Heard<'_>) -> bool {
    let message = &room.messages[place];
    heard.from.as_ref() == Some(&room.members[message.by].name) && message.call.invoked <= heard.call.invoked
}

fn describe(code: &str, expected: String, actual: String) -> Finding {
    finding(code, ABOUT, expected, actual)
}

fn phantom(view: &View<'_>, member: &Member<'_>, heard: &Heard<'_>) -> Finding {
    let actual = format!("{} heard `{}` at {}, which nobody had said", who(member), line(heard), heard.call.invoked);
    let mut finding = describe("phantom-message", "what somebody has said, in their name and whole".into(), actual);
    finding.evidence = figure(view, in_order(view, &[member.join, heard.call]), Some(heard.call));
    finding
}

fn own(view: &View<'_>, member: &Member<'_>, message: &Message<'_>, heard: &Heard<'_>) -> Finding {
    let actual = format!("{} heard its own `{}`", who(member), excerpt(&message.text, 60));
    let mut finding = describe("own-message", "a message goes to the others".into(), actual);
    finding.evidence = figure(view, in_order(view, &[message.call, heard.call]), Some(heard.call));
    finding
}

fn twice(
    view: &View<'_>,
    member: &Member<'_>,
    message: &Message<'_>,
    before: &Heard<'_>,
    heard: &Heard<'_>,
) -> Finding {
    let actual = format!(
        "{} heard `{}` at {} and again at {}",
        who(member),
        line(heard),
        before.call.invoked,
        heard.call.invoked
    );
    let mut finding = describe("message-twice", "each message once".into(), actual);
    finding.evidence = figure(view, in_order(view, &[message.call, before.call, heard.call]), Some(heard.call));
    finding
}

fn swapped(view: &View<'_>, member: &Member<'_>, messages: [&Message<'_>; 2], heard: [&Heard<'_>; 2]) -> Finding {
    let [first, second] = messages.map(|message| excerpt(&message.text, 60));
    let expected = format!("`{first}`, and then `{second}`, as they were said");
    let actual = format!("{} heard `{}`, and then `{}`", who(member), line(heard[1]), line(heard[0]));
    let mut finding = describe("out-of-order", expected, actual);
    let calls = [messages[0].call, messages[1].call, heard[1].call, heard[0].call];
    finding.evidence = figure(view, in_order(view, &calls), Some(heard[0].call));
    finding
}

fn missing(view: &View<'_>, room: &Room<'_>, member: &Member<'_>, message: &Message<'_>) -> Finding {
    let by = &room.members[message.by];
    let text = excerpt(&message.text, 60);
    let expected = format!("{}, who joined at {}, hears `[{}] {text}`", who(member), member.join.invoked, by.name);
    let after = member.heard.iter().filter(|heard| heard.call.invoked > message.call.invoked).count();
    let actual = format!(
        "{} said it at {}, and {} heard {after} other lines after that, but not this one",
        who(by),
        message.call.invoked,
        member.name,
    );
    let mut finding = describe("message-lost", expected, actual);
    let next = member.heard.iter().find(|heard| heard.call.invoked > message.call.invoked).map(|heard| heard.call);
    let mut calls = vec![member.join, message.call];
    calls.extend(next);
    finding.evidence = figure(view, in_order(view, &calls), None);
    finding
}
