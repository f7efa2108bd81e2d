//! `well-formed`: what nodes write is a message, to somebody who exists, and replies answer a request as they should.

use super::{
    Checker, Judgement, View,
    evidence::{Figure, brief, finding, share},
    view::node_name,
};
use crate::{
    case::{Incident, IncidentKind},
    verdict::{Finding, Verdict},
};

/// The check.
pub struct WellFormed;

const ABOUT: &str = "each message is one, and to an existing node or client, and each reply answers an open request as its protocol says";

impl Checker for WellFormed {
    fn name(&self) -> &'static str {
        "well-formed"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let concerns =
            |incident: &&Incident| !super::crash::concerns(incident.kind) && !super::race::concerns(incident.kind);
        let incidents = view.case.summary.incidents.iter().filter(concerns);
        let mut findings: Vec<Finding> = Vec::new();
        for incident in incidents {
            match findings.iter_mut().find(|finding| finding.code == incident.kind.code()) {
                Some(known) => known.count += incident.count,
                None => findings.push(describe(view, incident)),
            }
        }
        findings.extend(misshapen(view));
        let decisive: u64 = findings.iter().filter(|finding| finding.decisive).map(|finding| finding.count).sum();
        if decisive == 0 {
            let detail = "every message was one, every reply matched".to_owned();
            return Judgement { verdict: Verdict::Pass, detail, findings };
        }
        let plural = if decisive == 1 { "" } else { "s" };
        Judgement {
            verdict: Verdict::Fail,
            detail: format!("{decisive} malformed or misdirected message{plural}"),
            findings,
        }
    }
}

fn describe(view: &View<'_>, incident: &Incident) -> Finding {
    let node = node_name(incident.node);
    let actual = format!("{node} at {}: {}", incident.at, incident.detail);
    let server = view.vocabulary.is_server();
    let expected = match incident.kind {
        IncidentKind::MalformedOutput if server => "an answer that its protocol has for the request",
        kind => expected(kind),
    };
    let mut finding = finding(incident.kind.code(), ABOUT, expected.into(), actual);
    finding.count = incident.count;
    // A second reply is odd, but a client that has its answer is not harmed by it.
    finding.decisive = incident.kind != IncidentKind::RepeatedReply;
    let mut figure = Figure::of(view);
    if incident.kind == IncidentKind::Silent {
        super::evidence::hang(view, &mut figure);
    }
    // Whoever sent nothing has no line.
    if incident.kind != IncidentKind::Silent || !incident.line.is_empty() {
        figure.line(format!("{node} {}", if server { "sent" } else { "stdout" }), &incident.line);
    }
    finding.evidence = figure.finish(format!("the first of {} such lines", incident.count));
    finding
}

fn expected(kind: IncidentKind) -> &'static str {
    match kind {
        IncidentKind::MalformedOutput => {
            "one JSON object a line with `src`, `dest` and `body`; anything else belongs on stderr"
        }
        IncidentKind::OutputFlood => "lines of at most 16 MiB, at a pace that a network can carry",
        IncidentKind::UnknownDestination => "`dest` is a node of `node_ids` or the client that asked",
        IncidentKind::ForgedSource => "`src` is the node's own id",
        IncidentKind::UnmatchedReply => "`in_reply_to` is the `msg_id` of a request that this client has made",
        IncidentKind::RepeatedReply => "one reply to each request",
        IncidentKind::Deaf => "the node keeps reading its stdin",
        IncidentKind::WrongReply => "the right answer to each request, also under load",
        IncidentKind::Silent => "an answer to each request within 5 s, also under load",
        IncidentKind::DataRace | IncidentKind::MemoryError => "a build that watches itself finds nothing",
        IncidentKind::Crashed | IncidentKind::OutOfMemory | IncidentKind::SlowStart | IncidentKind::Lingers => {
            "the node runs until it is told to stop"
        }
    }
}

/// Replies of the wrong type, or reads without a list.
fn misshapen(view: &View<'_>) -> Option<Finding> {
    let set = view.set()?;
    let op = &view.case.history.operations[*set.misshapen.first()?];
    let reply = op.reply.as_deref().unwrap_or("");
    let expected = format!("a reply of type {}_ok with the fields of the protocol", op.function);
    let mut finding =
        finding("wrong-reply", ABOUT, expected, format!("{} answered {}", node_name(op.node), brief(reply)));
    finding.count = set.misshapen.len() as u64;
    let mut figure = Figure::of(view);
    figure.operation(op, op.function.to_string(), Some(crate::text::excerpt(reply, 60)), true);
    finding.evidence = figure.finish(share(1, view.case.history.operations.len(), "operation"));
    Some(finding)
}

/// The answer of a check to a protocol that it does not know: undecided, and the author's fault.
pub(super) fn not_applicable(check: &str) -> Judgement {
    Judgement::unknown(format!("`{check}` does not apply to this challenge's protocol"))
}
