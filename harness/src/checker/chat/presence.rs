//! `presence-told`: whoever joins is told who is there, and those are told of it; and of it when somebody leaves.

use super::{end, figure, in_order, room, who};
use crate::{
    chat::{GRACE, Heard, Member, Room},
    checker::{Checker, Judgement, View, evidence::finding},
    text::excerpt,
    verdict::{Finding, Verdict},
};

/// The check.
pub struct PresenceTold;

const ABOUT: &str =
    "who joins is told who is in the room, and all in the room are told who joins and who leaves, once each";

impl Checker for PresenceTold {
    fn name(&self) -> &'static str {
        "presence-told"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let room = match room(view, self.name()) {
            Ok(room) => room,
            Err(judgement) => return judgement,
        };
        let wrong: Vec<Finding> = [lists(view, &room), notices(view, &room)].into_iter().flatten().collect();
        match wrong.first() {
            None => Judgement::pass(format!("{} members came and went, and all knew of it", room.members.len())),
            Some(first) => Judgement { verdict: Verdict::Fail, detail: first.actual.clone(), findings: wrong },
        }
    }
}

/// The first list that lacks somebody who was there, or names somebody who was not.
fn lists(view: &View<'_>, room: &Room<'_>) -> Option<Finding> {
    let mut first: Option<Finding> = None;
    let names = room.names();
    for member in &room.members {
        let Some(list) = &member.list else { continue };
        let named: Vec<usize> = names.in_line(list).into_iter().collect();
        let (asked, told) = (member.join.invoked.0, member.since());
        let wrong = room.members.iter().enumerate().find_map(|(place, other)| {
            let surely_there = other.since() < asked && told < other.until();
            let surely_gone = other.join.invoked.0 > told || other.until().saturating_add(GRACE) < asked;
            let is_self = std::ptr::eq(other, member);
            match named.contains(&place) {
                false if surely_there && !is_self => Some((other, "lacks", "who was there")),
                true if is_self => Some((other, "names", "who asks")),
                true if surely_gone => Some((other, "names", "who was not there")),
                _ => None,
            }
        });
        let Some((other, verb, why)) = wrong else { continue };
        match &mut first {
            Some(first) => first.count += 1,
            None => first = Some(wrong_list(view, member, list, other, verb, why)),
        }
    }
    first
}

fn wrong_list(view: &View<'_>, member: &Member<'_>, list: &str, other: &Member<'_>, verb: &str, why: &str) -> Finding {
    let expected = format!("a line with the names of all who are in the room when {} joins", member.name);
    let actual = format!("{} was told `{}`, which {verb} {}, {why}", who(member), excerpt(list, 120), who(other));
    let mut finding = finding("wrong-list", ABOUT, expected, actual);
    let mut calls = vec![other.join];
    calls.extend(other.leave.filter(|leave| leave.invoked < member.join.invoked));
    if !std::ptr::eq(other, member) {
        calls.push(member.join);
    }
    finding.evidence = figure(view, in_order(view, &calls), None);
    finding
}

/// The first member that was not told, or more than once, that another came or went.
fn notices(view: &View<'_>, room: &Room<'_>) -> Option<Finding> {
    let end = end(view);
    let mut first: Option<Finding> = None;
    let names = room.names();
    for member in &room.members {
        let mut told: Vec<Vec<&Heard<'_>>> = vec![Vec::new(); room.members.len()];
        for heard in member.heard.iter().filter(|heard| heard.from.is_none()) {
            names.in_line(&heard.text).into_iter().for_each(|place| told[place].push(heard));
        }
        let listed: Vec<usize> = member.list.iter().flat_map(|list| names.in_line(list)).collect();
        for (place, other) in room.members.iter().enumerate().filter(|(_, other)| !std::ptr::eq(*other, member)) {
            let range = expected(member, other, listed.contains(&place), end);
            if range.contains(&told[place].len()) {
                continue;
            }
            match &mut first {
                Some(first) => first.count += 1,
                None => first = Some(wrong_notices(view, member, other, &told[place], &range)),
            }
        }
    }
    first
}

/// How many lines about another member a member is sent: one when the other comes, and one when it goes. Of two who come at
/// the same time each hears of the other, by its list or by a line.
fn expected(member: &Member<'_>, other: &Member<'_>, is_listed: bool, end: u64) -> std::ops::RangeInclusive<usize> {
    let (joined, left) = (other.join.invoked, other.leave.map(|leave| leave.invoked));
    let in_time = |at: crate::time::Offset| at.0.saturating_add(GRACE) < end && member.surely_hears(at);
    let both_until = member.until().min(other.until()).min(end);
    let are_both = member.since().max(other.since()).saturating_add(GRACE) < both_until;
    let comes = in_time(joined) || (are_both && !is_listed);
    let surely = usize::from(comes) + usize::from(left.is_some_and(in_time));
    // Who was told nothing may never have been in the room.
    let surely = if other.list.is_some() { surely } else { 0 };
    let may_hear = |from: u64, to: u64| from <= member.until().saturating_add(GRACE) && member.join.invoked.0 <= to;
    let most_joined = usize::from(may_hear(joined.0, other.since().saturating_add(GRACE)));
    let most_left = left.map_or(1, |left| usize::from(may_hear(left.0, left.0.saturating_add(GRACE))));
    surely..=(most_joined + most_left)
}

fn wrong_notices(
    view: &View<'_>,
    member: &Member<'_>,
    other: &Member<'_>,
    told: &[&Heard<'_>],
    range: &std::ops::RangeInclusive<usize>,
) -> Finding {
    let happened = match other.leave {
        Some(leave) => format!("joined at {} and left at {}", other.join.invoked, leave.invoked),
        None => format!("joined at {} and stayed", other.join.invoked),
    };
    let count = |count: usize| if count == 1 { "one line".to_owned() } else { format!("{count} lines") };
    let expected = match (told.len() < *range.start(), range.start() == range.end()) {
        (_, true) => format!("{} about {}, who {happened}", count(*range.start()), who(other)),
        (true, _) => format!("{} or more about {}, who {happened}", count(*range.start()), who(other)),
        (false, _) => format!("at most {} about {}, who {happened}", count(*range.end()), who(other)),
    };
    let actual = format!(
        "{}, who joined at {}, was sent {}",
        who(member),
        member.join.invoked,
        match told.last() {
            Some(last) => format!("{}, the last of which is `{}`", count(told.len()), excerpt(&last.text, 80)),
            None => "none".to_owned(),
        }
    );
    let mut finding = finding("presence-wrong", ABOUT, expected, actual);
    let mut calls = vec![member.join, other.join];
    calls.extend(other.leave);
    calls.extend(told.iter().take(6).map(|heard| heard.call));
    finding.evidence = figure(view, in_order(view, &calls), told.last().map(|heard| heard.call));
    finding
}
