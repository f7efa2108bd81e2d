//! `conforms`: what is said on one connection is answered as the protocol says.

use super::{
    Checker, Judgement, View,
    evidence::{Figure, finding, share},
};
use crate::{
    calls::Call,
    case::Ended,
    conversation::{self, Expected, Heard, Pieces, SILENT, Said},
    text::excerpt,
    verdict::{Finding, LogLine, Verdict},
};
use std::{collections::BTreeSet, time::Duration};

/// The check.
pub struct Conforms;

const ABOUT: &str = "what is said on one connection is answered as the protocol says";

/// How much earlier or later than it was told to something may expire: clocks of servers count milliseconds, and some look
/// at them now and then only.
const EARLY: Duration = Duration::from_millis(5);
const LATE: Duration = Duration::from_millis(50);
/// The most conversations that are told about, each with what was wrong first.
const MOST: usize = 12;
/// How many of the last exchanges of a conversation are drawn: on one connection, and on several.
const LAST: usize = 4;
const LAST_OF_SEVERAL: usize = 9;
/// A longer command line is of no use.
const LONGEST: usize = 1_900;

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
        let mut all: Vec<Recorded<'_>> = view.work().filter_map(recorded).collect();
        if all.is_empty() {
            return super::well_formed::not_applicable(self.name());
        }
        // What was still open when the process ended is another check's matter.
        if view.case.summary.ended == Ended::AllCrashed && all.last().is_some_and(|last| last.heard.is_none()) {
            all.pop();
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
            _ => describe_all(&wrong, &all),
        };
        let verdict = if wrong.is_empty() { Verdict::Pass } else { Verdict::Fail };
        Judgement { verdict, detail, findings }
    }
}

/// Which conversations went wrong; each has come to its end with its first wrong answer.
fn describe_all(wrong: &[&Recorded<'_>], all: &[Recorded<'_>]) -> String {
    let conversations = |calls: &mut dyn Iterator<Item = u32>| calls.collect::<BTreeSet<u32>>().len();
    let bad = conversations(&mut wrong.iter().map(|one| one.call.client));
    let of = conversations(&mut all.iter().map(|one| one.call.client));
    let mut names: Vec<&str> = wrong.iter().map(|one| &*one.said.about).collect();
    names.dedup();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let silent = wrong.iter().filter(|one| one.heard.is_none()).count();
    let left = match silent >= SILENT {
        true => format!(" (after {SILENT} without an answer no further one is led)"),
        false => String::new(),
    };
    format!("{} went wrong{left}, those about whether it {}{more}", share(bad, of, "conversation"), names.join("; "))
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
    due(one, all).iter().any(|expected| one.said.is_met(expected, heard))
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
    let number = one.said.learns.as_ref().map_or_else(String::new, |name| format!(", where `{name}` is a number"));
    let expected = excerpt(&ways.join(" or "), 300) + &number;
    let (code, actual) = match &one.heard {
        None => ("no-reply", "nothing was heard in time".to_owned()),
        Some(heard) if heard.heard.is_empty() => ("no-reply", "the connection ended without an answer".to_owned()),
        Some(heard) => {
            let then = if heard.ended { ", and then the connection ended" } else { "" };
            ("wrong-reply", format!("`{}`{then}", excerpt(&heard.heard, 300)))
        }
    };
    let about = format!("the server {}", one.said.about);
    let when = match excerpt(&one.said.say, 80) {
        nothing if nothing.is_empty() => ", while a client waited to be told".to_owned(),
        said => format!(", to `{said}`"),
    };
    let mut finding = finding(code, &about, expected.clone(), format!("{actual}{when}"));
    let until = |other: &&Recorded<'_>| other.call.client == one.call.client && other.said.number <= one.said.number;
    let conversation: Vec<&Recorded<'_>> = all.iter().filter(until).collect();
    let mut figure = Figure::of(view);
    let several = conversation.iter().any(|exchange| exchange.said.connection > 0);
    let last = if several { LAST_OF_SEVERAL } else { LAST };
    for exchange in &conversation[conversation.len().saturating_sub(last)..] {
        let said = &exchange.said;
        let heard = exchange.heard.as_ref().map(|heard| excerpt(&heard.heard, 48)).filter(|heard| !heard.is_empty());
        figure.operation(exchange.call, label(said, several), heard, said.number == one.said.number);
    }
    let pieces = match one.said.pieces {
        Pieces::One => String::new(),
        Pieces::Two(first) => format!(" (the first {first} bytes, then the rest)"),
        Pieces::Bytes => " (byte by byte)".to_owned(),
    };
    figure.line(format!("sent{pieces}"), &excerpt(&one.said.say, 1_000));
    figure.line("expected".into(), &expected).line("received".into(), &actual);
    figure.line(LogLine::BY_HAND.into(), &by_hand(conversation.iter().map(|exchange| &exchange.said)));
    finding.evidence = figure.finish(format!("exchange {} of this conversation", one.said.number + 1));
    finding
}

/// What an exchange says, for an arrow.
fn label(said: &Said, several: bool) -> String {
    let say = if said.hangs_up { "hangs up".into() } else { excerpt(&said.say, 48) };
    match several {
        true if say.is_empty() => format!("connection {} waits", said.connection + 1),
        true => format!("connection {}: {say}", said.connection + 1),
        false => say,
    }
}

/// A command line that says the same, in the same pieces and with the same pauses, to a server that listens on port 7000,
/// and prints each answer; or that it would be too long.
fn by_hand<'s>(said: impl Iterator<Item = &'s Said>) -> String {
    let said: Vec<&Said> = said.collect();
    let several = said.iter().any(|said| said.connection > 0 || said.learns.is_some());
    let command = if several { on_several(&said) } else { on_one(&said) };
    match command.len() <= LONGEST {
        true => command,
        false => "too long for a command line; all of it is in the record's history".into(),
    }
}

/// The same for a conversation on one connection.
fn on_one(said: &[&Said]) -> String {
    let exchange = |said: &&Said| {
        let bytes = literal(&said.say);
        let pieces = match said.pieces {
            Pieces::One => format!("[{bytes}]"),
            Pieces::Two(first) => format!("[{bytes}[:{first}],{bytes}[{first}:]]"),
            Pieces::Bytes => format!("[bytes([c]) for c in {bytes}]"),
        };
        format!("({:.3},{pieces})", Duration::from_nanos(said.pause).as_secs_f64())
    };
    format!(
        "python3 -c 'import socket,time;s=socket.create_connection((\"127.0.0.1\",7000),5);s.setsockopt(6,1,1);\
         [(time.sleep(t),[(s.sendall(b),time.sleep(.01)) for b in p],print(s.recv(1<<20))) for t,p in [{}]]'",
        said.iter().map(exchange).collect::<Vec<_>>().join(",")
    )
}

/// The same for one on several connections, or with numbers that the server tells: each is the first in its answer.
fn on_several(said: &[&Said]) -> String {
    let connections = said.iter().map(|said| said.connection).max().unwrap_or(0) + 1;
    let exchange = |said: &&Said| {
        let say = match said.hangs_up {
            true => "None".into(),
            false => literal(said.with_names.as_ref().unwrap_or(&said.say)),
        };
        let pieces = match said.pieces {
            Pieces::One => "0".into(),
            Pieces::Two(first) => format!("lambda b:[b[:{first}],b[{first}:]]"),
            Pieces::Bytes => "lambda b:[bytes([c]) for c in b]".into(),
        };
        let wait = if said.expect.one_of.iter().any(String::is_empty) { 0.1 } else { 5.0 };
        let name = said.learns.as_ref().map_or("0".into(), |name| format!("b\"{name}\""));
        let pause = Duration::from_nanos(said.pause).as_secs_f64();
        format!("({pause},{},{say},{pieces},{wait},{name})", said.connection)
    };
    format!(
        "python3 -c 'import re,select,socket,time;v={{}};\
         c=[socket.create_connection((\"127.0.0.1\",7000)) for _ in range({connections})];\
         [s.setsockopt(6,1,1) for s in c];\
         [(time.sleep(t),c[n].close() if b is None else [[(c[n].sendall(x),time.sleep(.01)) for x in \
         (p or (lambda b:[b]))(re.sub(b\"<[a-z]+>\",lambda m:v[m[0]],b))],\
         r:=c[n].recv(1<<20) if select.select([c[n]],[],[],w)[0] and not time.sleep(.05) else b\"\",\
         print(n+1,r),k and v.update({{k:re.findall(b\"[0-9]+\",r)[0]}})]) for t,n,b,p,w,k in [{}]]'",
        said.iter().map(exchange).collect::<Vec<_>>().join(",")
    )
}

/// What an exchange has said, and how to say its conversation by hand; none of other calls.
pub(super) fn said(view: &View<'_>, call: &Call) -> Option<(String, String)> {
    let last = recorded(call)?;
    let all = view.work().filter(|other| other.client == call.client).filter_map(recorded);
    let conversation: Vec<Said> = all.map(|one| one.said).filter(|said| said.number <= last.said.number).collect();
    Some((excerpt(&last.said.say, 1_000), by_hand(conversation.iter())))
}

/// A text of [`conversation::shown`] as bytes of Python, for between single quotes of a shell.
fn literal(shown: &str) -> String {
    let text = shown.replace("\\'", "\\x27");
    let mut parts = Vec::new();
    let mut rest = &text[..];
    while let Some((before, (times, after))) =
        rest.split_once('⟨').and_then(|(before, run)| Some((before, run.split_once(" times⟩")?)))
    {
        let start = last_byte(before);
        if start > 0 {
            parts.push(format!("b\"{}\"", &before[..start]));
        }
        parts.push(format!("b\"{}\"*{times}", &before[start..]));
        rest = after;
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(format!("b\"{rest}\""));
    }
    if parts.len() == 1 { parts.remove(0) } else { format!("({})", parts.join("+")) }
}

/// Where the last byte of a text begins, each of which may be written with a backslash.
fn last_byte(text: &str) -> usize {
    let (mut last, mut next) = (0, 0);
    while next < text.len() {
        last = next;
        next += match text.as_bytes()[next..] {
            [b'\\', b'x', ..] => 4,
            [b'\\', ..] => 2,
            _ => 1,
        };
    }
    last
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
        Conforms.check(&View::new(&recorded_case(exchanges), Vocabulary::Objects, 1))
    }

    fn recorded_case(exchanges: &[(u64, Exchange, Option<&[u8]>)]) -> CaseRecord {
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
        CaseRecord { history: Calls { operations }, ..Default::default() }
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
            let said = r#"[(0.000,[b"SET k v PX 200\r\n"]),(0.000,[b"SET k v PX 200\r\n"])]"#;
            assert!(by_hand.text.contains(said), "{}", by_hand.text);
        }
        let waited = judge(&[(0, Exchange::new(*b"", Expected::exactly(*b"hello")), None)]);
        assert_eq!(waited.findings[0].actual, "nothing was heard in time, while a client waited to be told");
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
    fn what_is_said_by_hand_comes_in_the_same_pieces() {
        let said = |exchange: Exchange| by_hand([exchange.said("answers", 0)].iter());
        let ask = || Exchange::new(*b"GET '\"\r\n", Expected::exactly(*b"x"));
        let bytes = r#"b"GET \x27\"\r\n""#;
        assert!(said(ask().in_pieces(Pieces::Two(3))).contains(&format!("(0.000,[{bytes}[:3],{bytes}[3:]])")));
        assert!(said(ask().in_pieces(Pieces::Bytes)).contains(&format!("[bytes([c]) for c in {bytes}]")));
        assert!(said(ask().after(Duration::from_millis(120))).contains("(0.120,["));
        let run = |text: &[u8]| literal(&shown(text));
        assert_eq!(run(&[&b"a$"[..], &[b'x'; 100], b"\r\n"].concat()), r#"(b"a$"+b"x"*100+b"\r\n")"#);
        assert_eq!(run(&[&b"a\n"[..], &[0; 64], &[b'\\'; 64]].concat()), r#"(b"a\n"+b"\x00"*64+b"\\"*64)"#);
    }

    /// With the numbers that another server gives.
    #[test]
    fn what_is_said_on_several_connections_is_said_so_by_hand() {
        let put = Exchange::new(*b"put", Expected::exactly(*b"INSERTED <a>")).learning("<a>");
        let waits = Exchange::new(*b"reserve", Expected::silence()).on(1);
        let mut delete = Exchange::new(*b"delete 17", Expected::exactly(*b"DELETED")).said("answers", 2);
        delete.with_names = Some("delete <a>".into());
        let said =
            [put.said("answers", 0), waits.said("answers", 1), delete, Exchange::hang_up().on(1).said("answers", 3)];
        let command = by_hand(said.iter());
        let all = r#"[(0,0,b"put",0,5,b"<a>"),(0,1,b"reserve",0,0.1,0),(0,0,b"delete <a>",0,5,0),(0,1,None,0,0.1,0)]"#;
        assert!(command.contains(all) && command.contains("in range(2)"), "{command}");
        let in_pieces = Exchange::new(*b"[a] b", Expected::silence()).on(1).in_pieces(Pieces::Two(3));
        let command = by_hand([in_pieces.said("answers", 0)].iter());
        assert!(command.contains(r#"[(0,1,b"[a] b",lambda b:[b[:3],b[3:]],0.1,0)]"#), "{command}");
        assert_eq!(label(&said[1], true), "connection 2: reserve");
        assert_eq!(label(&said[3], true), "connection 2: hangs up");
    }

    #[test]
    fn what_was_open_when_the_process_ended_is_not_judged() {
        let mut case = recorded_case(&[(0, set(), Some(b"+OK\r\n")), (2, set(), None)]);
        assert_eq!(Conforms.check(&View::new(&case, Vocabulary::Objects, 1)).verdict, Verdict::Fail);
        case.summary.ended = Ended::AllCrashed;
        assert_eq!(Conforms.check(&View::new(&case, Vocabulary::Objects, 1)).verdict, Verdict::Pass);
    }

    #[test]
    fn a_case_without_conversations_is_none_of_its_business() {
        assert_eq!(judge(&[]).verdict, Verdict::Unknown);
    }
}
