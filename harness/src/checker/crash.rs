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
    let before = view.case.history.operations.iter().rev();
    for op in before.filter(|op| op.node == crash.node && op.invoked <= crash.at).take(3) {
        let reply = op.reply.as_deref().map(|reply| text::excerpt(reply, 48));
        figure.operation(op, text::excerpt(&op.request, 48), reply, true);
    }
    // The process was gone before the next exchange could begin: that found nobody to connect to.
    let mut until = view.case.history.operations.iter().filter(|op| op.invoked <= crash.at).rev();
    let last = until.clone().find(|op| conforms::ended(op)).or_else(|| until.next());
    if let Some((sent, by_hand)) = last.and_then(|call| conforms::said(view, call)) {
        figure.line("sent".into(), &sent).line(LogLine::BY_HAND.into(), &by_hand);
    }
    // What it said last tells most, unless a runtime has said before that why it ends, and then where everything stood.
    let lines: Vec<&str> = crash.line.lines().collect();
    let end = lines.len().saturating_sub(LAST);
    let from = lines.iter().rposition(|line| text::is_alarm(line.as_bytes())).unwrap_or(end).min(end);
    for line in lines[from..].iter().take(LAST) {
        figure.line(format!("{} stderr", node_name(crash.node)), line);
    }
    figure.finish("the last requests to the node and the end of its log".into())
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
        ];
        let sent = |lines: Vec<LogLine>| lines.into_iter().find(|line| line.source == "sent").unwrap().text;
        assert_eq!(sent(lines(calls.clone(), "")), "$-5");
        assert_eq!(sent(lines(calls[..1].to_vec(), "")), "PING");
    }

    #[test]
    fn why_a_runtime_has_ended_is_told_before_where_everything_stood() {
        let stderr = |log: &str| -> Vec<String> { lines(vec![], log).into_iter().map(|line| line.text).collect() };
        let stacks = (0..20).map(|number| format!("goroutine {number}\n")).collect::<String>();
        let told = stderr(&format!("listening\npanic: boom\n\n{stacks}"));
        assert_eq!((&*told[0], told.len(), &*told[7]), ("panic: boom", LAST, "goroutine 5"));
        assert_eq!(stderr(&format!("{stacks}panic: boom"))[7], "panic: boom");
        assert_eq!(stderr(&stacks)[0], "goroutine 12");
    }
}
