//! `conforms`: what is said on one connection is answered as the protocol says.

use super::{
    Checker, Judgement, View,
    evidence::{Figure, finding, share},
};
use crate::{
    calls::Call,
    conversation::{self, Expected, Heard, Said},
    text::excerpt,
    verdict::{Finding, Verdict},
};
use std::time::Duration;

/// The check.
pub struct Conforms;

const ABOUT: &str = "what is said on one connection is answered as the protocol says";

/// How much earlier or later than it was told to something may expire: clocks of servers count milliseconds, and some look
/// at them now and then only.
const EARLY: Duration = Duration::from_millis(5);
const LATE: Duration = Duration::from_millis(50);
/// The most conversations that are told about, each with what was wrong first.
const MOST: usize = 12;
/// How many of the last exchanges of a conversation are drawn.
const LAST: usize = 4;
/// A longer command line is of no use.
const LONGEST: usize = 600;

/// An exchange of the record.
struct Recorded<'a> {
    call: &'a Call,
    said: Said,
    heard: Option<Heard>,
}

impl Checker for Conforms {
    fn name(&self) -> &'static str {
        "conforms"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let all: Vec<Recorded<'_>> = view.work().filter_map(recorded).collect();
        if all.is_empty() {
            return super::well_formed::not_applicable(self.name());
        }
        let wrong: Vec<&Recorded<'_>> = all.iter().filter(|one| !is_right(one, &all)).collect();
        let mut findings: Vec<Finding> = Vec::new();
        let mut told: Vec<&str> = Vec::new();
        for one in &wrong {
            match told.iter().position(|about| *about == one.said.about) {
                Some(place) => findings[place].count += 1,
                None if told.len() < MOST => {
                    told.push(&one.said.about);
                    findings.push(describe(view, one, &all));
                }
                None => {}
            }
        }
        let detail = match wrong.len() {
            0 => format!("{} exchanges, all as they should be", all.len()),
            count => share(count, all.len(), "exchange") + " answered otherwise: " + &told.join("; "),
        };
        let verdict = if wrong.is_empty() { Verdict::Pass } else { Verdict::Fail };
        Judgement { verdict, detail, findings }
    }
}

fn recorded(call: &Call) -> Option<Recorded<'_>> {
    if &*call.function != conversation::FUNCTION {
        return None;
    }
    let heard = call.reply.as_deref().and_then(|reply| serde_json::from_str(reply).ok());
    Some(Recorded { call, said: serde_json::from_str(&call.request).ok()?, heard })
}

fn is_right(one: &Recorded<'_>, all: &[Recorded<'_>]) -> bool {
    let Some(heard) = &one.heard else { return false };
    due(one, all).iter().any(|expected| expected.is_met(heard))
}

/// What it may be answered: one, or two while nobody can say whether something has expired.
fn due<'a>(one: &'a Recorded<'_>, all: &[Recorded<'_>]) -> Vec<&'a Expected<String>> {
    let said = &one.said;
    let Some(expiry) = &said.expires else { return vec![&said.expect] };
    let sets = |other: &&Recorded<'_>| other.call.client == one.call.client && other.said.number == expiry.set_by;
    let after = Duration::from_nanos(expiry.after);
    let Some((set, returned)) = all.iter().find(sets).and_then(|set| Some((set.call.invoked, set.call.returned?)))
    else {
        return vec![&said.expect, &expiry.then];
    };
    let still = one.call.returned.is_some_and(|returned| returned < set + after.saturating_sub(EARLY));
    let gone = one.call.invoked > returned + after + LATE;
    match (still, gone) {
        (true, _) => vec![&said.expect],
        (_, true) => vec![&expiry.then],
        _ => vec![&said.expect, &expiry.then],
    }
}

fn describe(view: &View<'_>, one: &Recorded<'_>, all: &[Recorded<'_>]) -> Finding {
    let ways: Vec<String> = due(one, all).iter().map(|expected| expected.describe()).collect();
    let expected = excerpt(&ways.join(" or "), 300);
    let (code, actual) = match &one.heard {
        None => ("no-reply", "nothing was heard in time".to_owned()),
        Some(heard) if heard.heard.is_empty() => ("no-reply", "the connection ended without an answer".to_owned()),
        Some(heard) => {
            let then = if heard.ended { ", and then the connection ended" } else { "" };
            ("wrong-reply", format!("`{}`{then}", excerpt(&heard.heard, 300)))
        }
    };
    let about = format!("the server {}", one.said.about);
    let mut finding = finding(code, &about, expected.clone(), actual.clone());
    let until = |other: &&Recorded<'_>| other.call.client == one.call.client && other.said.number <= one.said.number;
    let conversation: Vec<&Recorded<'_>> = all.iter().filter(until).collect();
    let mut figure = Figure::of(view);
    for exchange in &conversation[conversation.len().saturating_sub(LAST)..] {
        let heard = exchange.heard.as_ref().map(|heard| excerpt(&heard.heard, 48));
        figure.operation(
            exchange.call,
            excerpt(&exchange.said.say, 48),
            heard,
            exchange.said.number == one.said.number,
        );
    }
    let pieces = match one.said.pieces {
        conversation::Pieces::One => String::new(),
        conversation::Pieces::Two(first) => format!(" (the first {first} bytes, then the rest)"),
        conversation::Pieces::Bytes => " (byte by byte)".to_owned(),
    };
    figure.line(format!("sent{pieces}"), &excerpt(&one.said.say, 1_000));
    figure.line("expected".into(), &expected).line("received".into(), &actual);
    if let Some(command) = by_hand(conversation.iter().map(|exchange| exchange.said.say.as_str())) {
        figure.line("by hand".into(), &command);
    }
    finding.evidence = figure.finish(format!("exchange {} of this conversation", one.said.number + 1));
    finding
}

/// A command line that says the same to a server that listens on port 7000; none where it would be long, or where a shell
/// would read it otherwise.
fn by_hand<'s>(said: impl Iterator<Item = &'s str>) -> Option<String> {
    let text: String = said.collect();
    let plain = text.len() <= LONGEST && text.is_ascii() && !text.contains(['%', '\'', '"']);
    plain.then(|| format!("printf '{text}' | nc -q 1 127.0.0.1 7000"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        calls::{Calls, Outcome, Role},
        case::CaseRecord,
        conversation::{Exchange, shown},
        oracle::Vocabulary,
        time::Offset,
    };

    /// A conversation of exchanges a millisecond long, each at a time in milliseconds.
    fn judge(exchanges: &[(u64, Exchange, Option<&[u8]>)]) -> Judgement {
        let call = |(number, (at, exchange, heard)): (usize, &(u64, Exchange, Option<&[u8]>))| {
            let reply = heard.map(|heard| Heard::new(heard, heard.is_empty()));
            Call {
                client: 3,
                node: 0,
                role: Role::Work,
                function: conversation::FUNCTION.into(),
                invoked: Offset::from_millis(*at),
                returned: reply.as_ref().map(|_| Offset::from_millis(at + 1)),
                outcome: reply.as_ref().map_or(Outcome::Unknown(None), |_| Outcome::Ok),
                request: serde_json::to_string(&exchange.said("answers", number)).unwrap().into(),
                reply: reply.map(|reply| serde_json::to_string(&reply).unwrap().into()),
            }
        };
        let operations = exchanges.iter().enumerate().map(call).collect();
        let case = CaseRecord { history: Calls { operations }, ..Default::default() };
        Conforms.check(&View::new(&case, Vocabulary::Objects, 1))
    }

    fn set() -> Exchange {
        Exchange::new(*b"SET k v PX 200\r\n", Expected::exactly(*b"+OK\r\n"))
    }

    fn get() -> Exchange {
        let ask = Exchange::new(*b"GET k\r\n", Expected::exactly(*b"$1\r\nv\r\n"));
        ask.expiring(0, Duration::from_millis(200), Expected::exactly(*b"$-1\r\n"))
    }

    #[test]
    fn a_right_conversation_passes_and_others_say_what_was_wrong() {
        let right = judge(&[(0, set(), Some(b"+OK\r\n"))]);
        assert_eq!((right.verdict, right.findings.len()), (Verdict::Pass, 0));
        for (heard, code, words) in [
            (Some(&b":1\r\n"[..]), "wrong-reply", "`:1\\r\\n`"),
            (Some(b""), "no-reply", "the connection ended"),
            (None, "no-reply", "nothing was heard"),
        ] {
            let wrong = judge(&[(0, set(), Some(b"+OK\r\n")), (2, set(), heard)]);
            assert_eq!(wrong.verdict, Verdict::Fail);
            let finding = &wrong.findings[0];
            assert_eq!(finding.code, code);
            assert!(finding.actual.contains(words), "{finding:?}");
            let by_hand = finding.evidence.lines.iter().find(|line| line.source == "by hand").unwrap();
            let twice = r"SET k v PX 200\r\n".repeat(2);
            assert_eq!(by_hand.text, format!("printf '{twice}' | nc -q 1 127.0.0.1 7000"));
        }
    }

    #[test]
    fn what_expires_is_there_before_and_gone_afterwards() {
        let (value, nil): (&[u8], &[u8]) = (b"$1\r\nv\r\n", b"$-1\r\n");
        for (at, heard, right) in [
            (100, value, true),
            (100, nil, false),
            (197, nil, true),
            (197, value, true),
            (240, value, true),
            (300, nil, true),
            (300, value, false),
        ] {
            let judged = judge(&[(0, set(), Some(b"+OK\r\n")), (at, get(), Some(heard))]);
            assert_eq!(judged.verdict == Verdict::Pass, right, "{} after {at} ms", shown(heard));
        }
    }

    #[test]
    fn a_case_without_conversations_is_none_of_its_business() {
        assert_eq!(judge(&[]).verdict, Verdict::Unknown);
    }
}
