//! Building findings: the smallest part of the record that shows a violation.

use super::view::{View, client_name, node_name};
use crate::{
    calls::Call,
    journal::Entry,
    text::excerpt,
    time::Offset,
    verdict::{Arrow, Blame, Evidence, Finding, LogLine},
};
use std::time::Duration;

/// The most arrows of one figure.
const MOST_ARROWS: usize = 24;

/// A finding whose stage, seed and replay command are filled in by the judge.
pub fn finding(code: &str, requirement: &str, expected: String, actual: String) -> Finding {
    Finding {
        code: code.to_owned(),
        stage: String::new(),
        seed: 0,
        requirement: requirement.to_owned(),
        expected,
        actual,
        count: 1,
        evidence: Evidence::default(),
        blame: Blame::Candidate,
        decisive: true,
        replay: String::new(),
    }
}

/// A figure under construction.
pub struct Figure<'a> {
    view: &'a View<'a>,
    evidence: Evidence,
}

impl<'a> Figure<'a> {
    /// An empty figure of a case.
    pub fn of(view: &'a View<'a>) -> Self {
        Self { view, evidence: Evidence::default() }
    }

    /// Adds a client's request and, where there was one, its reply.
    pub fn operation(&mut self, op: &Call, request: String, reply: Option<String>, highlight: bool) -> &mut Self {
        let (client, node) = (client_name(op.client), node_name(op.node));
        self.evidence.arrows.push(Arrow {
            from: client.clone(),
            to: node.clone(),
            sent: op.invoked,
            received: Some(op.invoked),
            dropped: None,
            label: request,
            highlight: highlight && reply.is_none(),
        });
        if let (Some(label), Some(at)) = (reply, op.returned) {
            let arrow = Arrow { from: node, to: client, sent: at, received: Some(at), dropped: None, label, highlight };
            self.evidence.arrows.push(arrow);
        }
        self
    }

    /// Adds what a client was sent without having asked for it.
    pub fn heard(&mut self, call: &Call, label: String, highlight: bool) -> &mut Self {
        let (from, to) = (node_name(call.node), client_name(call.client));
        let at = call.invoked;
        self.evidence.arrows.push(Arrow { from, to, sent: at, received: Some(at), dropped: None, label, highlight });
        self
    }

    /// Adds a message between nodes.
    pub fn message(&mut self, entry: &Entry, label: String) -> &mut Self {
        self.evidence.arrows.push(Arrow {
            from: node_name(entry.from),
            to: node_name(entry.to),
            sent: entry.sent,
            received: entry.fate.received(),
            dropped: entry.fate.dropped().map(str::to_owned),
            label,
            highlight: entry.fate.dropped().is_some(),
        });
        self
    }

    /// Adds a line of output or log.
    pub fn line(&mut self, source: String, text: &str) -> &mut Self {
        self.evidence.lines.push(LogLine { source, text: text.chars().take(2000).collect() });
        self
    }

    /// Orders the arrows, adds the faults of their time and the end of the log of each node that is highlighted.
    pub fn finish(&mut self, summary: String) -> Evidence {
        let mut evidence = std::mem::take(&mut self.evidence);
        evidence.arrows.sort_by_key(|arrow| arrow.sent);
        evidence.arrows.truncate(MOST_ARROWS);
        evidence.lanes = lanes(&evidence.arrows);
        if let Some((from, to)) = time_of(&evidence.arrows) {
            let margin = Duration::from_millis(500);
            let from = Offset(from.0.saturating_sub(Offset::from(margin).0));
            evidence.faults = self.view.case.faults_between(from, to + margin);
        }
        evidence.summary = summary;
        evidence
    }
}

/// Adds what a server did while it let a client wait in vain, where that is known.
pub fn hang(view: &View<'_>, figure: &mut Figure<'_>) {
    let Some(hang) = &view.case.summary.hang else { return };
    figure.line("n0".into(), &hang.sentence);
    for stack in &hang.stacks {
        figure.line("n0 stack".into(), stack);
    }
}

/// Clients first, then services, then nodes, each in the order of their numbers.
fn lanes(arrows: &[Arrow]) -> Vec<String> {
    let mut names: Vec<&String> = arrows.iter().flat_map(|arrow| [&arrow.from, &arrow.to]).collect();
    let kind = |name: &str| match name.as_bytes()[0] {
        b'c' => 0,
        b'n' => 2,
        _ => 1,
    };
    names.sort_by_key(|name| (kind(name), name[1..].parse::<u64>().unwrap_or(u64::MAX), *name));
    names.dedup();
    names.into_iter().cloned().collect()
}

fn time_of(arrows: &[Arrow]) -> Option<(Offset, Offset)> {
    let first = arrows.iter().map(|arrow| arrow.sent).min()?;
    let last = arrows.iter().map(|arrow| arrow.received.unwrap_or(arrow.sent)).max()?;
    Some((first, last))
}

/// A body in a few words: its type and the start of its text.
pub fn brief(body: &str) -> String {
    excerpt(body, 120)
}

/// The `type` of a body, for a label.
pub fn kind_of(body: &str) -> String {
    let kind = super::field::field_of(body, "type");
    excerpt(kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("message"), 24)
}

/// `1 of 3 operations`, with the noun's plural.
pub fn share(count: usize, of: usize, noun: &str) -> String {
    let plural = if of == 1 { "" } else { "s" };
    format!("{count} of {of} {noun}{plural}")
}
