//! `one-order`: any two messages are heard in the same order by all who hear both.

use super::{figure, in_order, line, room, who};
use crate::{
    chat::{Heard, Member, Room},
    checker::{Checker, Judgement, View, evidence::finding},
};
use std::collections::HashMap;

/// The check.
pub struct OneOrder;

const ABOUT: &str = "any two messages are heard in the same order by all who hear both";

impl Checker for OneOrder {
    fn name(&self) -> &'static str {
        "one-order"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let room = match room(view, self.name()) {
            Ok(room) => room,
            Err(judgement) => return judgement,
        };
        let sequences: Vec<Vec<(usize, &Heard<'_>)>> =
            room.members.iter().map(|member| sequence(&room, member)).collect();
        let mut pairs = 0u64;
        let mut first = None;
        for (one, of_one) in sequences.iter().enumerate() {
            let places: HashMap<usize, usize> =
                of_one.iter().enumerate().map(|(place, (text, _))| (*text, place)).collect();
            for (other, of_other) in sequences.iter().enumerate().skip(one + 1) {
                let common = of_other.iter().filter_map(|(text, heard)| Some((*places.get(text)?, *heard)));
                let common: Vec<(usize, &Heard<'_>)> = common.collect();
                let Some(swap) = common.windows(2).find(|two| two[0].0 > two[1].0) else { continue };
                pairs += 1;
                first.get_or_insert((one, other, [of_one[swap[1].0].1, of_one[swap[0].0].1], [swap[0].1, swap[1].1]));
            }
        }
        let Some((one, other, by_one, by_other)) = first else {
            return Judgement::pass(format!("{} messages, in one order for all", room.messages.len()));
        };
        let told = |member: &Member<'_>, heard: [&Heard<'_>; 2]| {
            format!("{} heard `{}` and then `{}`", who(member), line(heard[0]), line(heard[1]))
        };
        let actual = format!("{}; {}", told(&room.members[one], by_one), told(&room.members[other], by_other));
        let mut finding = finding("different-order", ABOUT, "one order for all".into(), actual.clone());
        finding.count = pairs;
        let calls = [by_one, by_other].concat();
        let calls = in_order(view, &calls.iter().map(|heard| heard.call).collect::<Vec<_>>());
        finding.evidence = figure(view, calls, Some(by_other[1].call));
        Judgement::fail(actual, finding)
    }
}

/// The messages that a member heard, each the first time.
fn sequence<'r, 'a>(room: &'r Room<'a>, member: &'r Member<'a>) -> Vec<(usize, &'r Heard<'a>)> {
    let texts = room.by_text();
    let mut seen = std::collections::HashSet::new();
    let messages = member.heard.iter().filter_map(|heard| Some((*texts.get(&*heard.text)?, heard)));
    messages.filter(|(text, _)| seen.insert(*text)).collect()
}
