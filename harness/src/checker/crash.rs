//! `stays-up`: no process ends without being asked to.

use super::{
    Checker, Judgement, View, conforms,
    evidence::{Figure, finding, share},
    view::node_name,
};
use crate::{
    case::{Incident, IncidentKind},
    text,
    verdict::LogLine,
};

/// The check.
pub struct StaysUp;

/// How many of the last lines of a log are shown.
const LAST: usize = 8;

const ABOUT: &str = "a node runs until it is told to stop";

impl Checker for StaysUp {
    fn name(&self) -> &'static str {
        "stays-up"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let incidents = view.case.summary.incidents.iter();
        let crashes: Vec<&Incident> = incidents.filter(|incident| concerns(incident.kind)).collect();
        // A node that crashed while it started is reported as crashed, not as slow.
        let worst = crashes.iter().find(|crash| crash.kind != IncidentKind::SlowStart).or(crashes.first());
        let Some(crash) = worst else {
            let ran = if view.nodes == 1 { "node ran until it was" } else { "nodes ran until they were" };
            return Judgement::pass(format!("{} {ran} stopped", view.nodes));
        };
        let node = node_name(crash.node);
        let actual = format!("{node}: {} at {}", crash.detail, crash.at);
        let begins = if view.vocabulary.is_server() { "listens on its address" } else { "answers `init`" };
        let expected = match crash.kind {
            IncidentKind::Lingers => format!("{node} ends when it is asked to"),
            _ => format!("{node} {begins} and goes on running"),
        };
        let mut finding = finding(crash.kind.code(), ABOUT, expected, actual);
        finding.count = crashes.len() as u64;
        finding.evidence = evidence(view, crash);
        Judgement::fail(share(crashes.len(), view.nodes as usize, "node") + " ended or never started", finding)
    }
}

/// Whether it is about a process that ends or does not begin, and not about what it says.
pub(super) fn concerns(kind: IncidentKind) -> bool {
    use IncidentKind::{Crashed, Lingers, OutOfMemory, SlowStart};
    matches!(kind, Crashed | OutOfMemory | SlowStart | Lingers)
}

/// The last things that were asked of the node, and the end of its log.
fn evidence(view: &View<'_>, crash: &Incident) -> crate::verdict::Evidence {
    let mut figure = Figure::of(view);
    let asked =
        || view.case.history.operations.iter().rev().filter(|op| op.node == crash.node && op.invoked <= crash.at);
    // Exchanges after the last that was answered found nobody to connect to.
    let last = asked().find(|op| op.reply.is_some()).and_then(|op| Some((op, conforms::said(view, op)?)));
    let until = last.as_ref().map_or(crash.at, |(op, _)| op.invoked);
    for op in asked().filter(|op| op.invoked <= until).take(3) {
        let reply = op.reply.as_deref().map(|reply| text::excerpt(reply, 48));
        figure.operation(op, text::excerpt(&op.request, 48), reply, true);
    }
    if let Some((_, (sent, by_hand))) = last {
        figure.line("sent".into(), &sent).line(LogLine::BY_HAND.into(), &by_hand);
    }
    for line in telling(&crash.line) {
        figure.line(format!("{} stderr", node_name(crash.node)), line);
    }
    figure.finish("the last requests to the node and what its log tells of the end".into())
}

/// The lines of a log that tell most: its last ones. Where a runtime has said before those why it ends the program, and then
/// where everything stood, some of each.
fn telling(log: &str) -> Vec<&str> {
    let lines: Vec<&str> = log.lines().collect();
    let end = lines.len().saturating_sub(LAST);
    match lines.iter().rposition(|line| text::is_alarm(line.as_bytes())) {
        Some(alarm) if alarm < end => {
            let half = LAST / 2;
            [&lines[alarm..alarm + half], &lines[lines.len() - half..]].concat()
        }
        _ => lines[end..].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        calls::{Call, Calls, Outcome, Role},
        case::CaseRecord,
        conversation::{Exchange, Expected, FUNCTION, Heard},
        oracle::Vocabulary,
        time::Offset,
    };

    /// An exchange that is answered, or meets the end of the connection, or nobody.
    fn exchange(number: u64, say: &str, heard: Option<(&[u8], bool)>) -> Call {
        let exchange = Exchange::new(say.as_bytes().to_vec(), Expected::exactly(*b"+OK\r\n"));
        let reply = heard.map(|(heard, ended)| serde_json::to_string(&Heard::new(heard, ended)).unwrap());
        Call {
            client: number as u32,
            node: 0,
            role: Role::Work,
            function: FUNCTION.into(),
            invoked: Offset::from_millis(number * 10),
            returned: reply.as_ref().map(|_| Offset::from_millis(number * 10 + 1)),
            outcome: if reply.is_some() { Outcome::Ok } else { Outcome::Unknown(None) },
            request: serde_json::to_string(&exchange.said("answers", 0)).unwrap().into(),
            reply: reply.map(Into::into),
        }
    }

    fn lines(operations: Vec<Call>, log: &str) -> Vec<LogLine> {
        let mut case = CaseRecord { history: Calls { operations }, ..Default::default() };
        let detail = "exited with status 2".into();
        let at = Offset::from_millis(1_000);
        case.summary.incidents =
            vec![Incident { at, node: 0, kind: IncidentKind::Crashed, detail, line: log.into(), count: 1 }];
        let judgement = StaysUp.check(&View::new(&case, Vocabulary::Objects, 1));
        judgement.findings[0].evidence.lines.clone()
    }

    #[test]
    fn what_was_said_last_is_what_the_process_still_heard() {
        let calls = vec![
            exchange(1, "PING", Some((b"+OK\r\n", false))),
            exchange(2, "$-5", Some((b"", true))),
            exchange(3, "*0", None),
            exchange(4, "*1", None),
        ];
        let sent = |lines: Vec<LogLine>| lines.into_iter().find(|line| line.source == "sent").unwrap().text;
        assert_eq!(sent(lines(calls.clone(), "")), "$-5");
        assert_eq!(sent(lines(calls[..1].to_vec(), "")), "PING");
        let answered = [calls.clone(), vec![exchange(5, "SET", Some((b"+OK\r\n", false))), exchange(6, "*2", None)]];
        assert_eq!(sent(lines(answered.concat(), "")), "SET", "an older end of a connection is no cause");
    }

    #[test]
    fn why_a_runtime_has_ended_is_told_before_where_everything_stood() {
        let stderr = |log: &str| -> Vec<String> { lines(vec![], log).into_iter().map(|line| line.text).collect() };
        let stacks = (0..20).map(|number| format!("goroutine {number}\n")).collect::<String>();
        let told = stderr(&format!("listening\npanic: boom\n\n{stacks}"));
        assert_eq!((&*told[0], told.len(), &*told[7]), ("panic: boom", LAST, "goroutine 19"));
        assert_eq!(stderr(&format!("{stacks}panic: boom"))[7], "panic: boom");
        assert_eq!(stderr(&stacks)[0], "goroutine 12");
    }
}
