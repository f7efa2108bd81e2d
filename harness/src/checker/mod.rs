//! The registry of checks: each judges one requirement over the record of one case.

mod appended;
mod chat;
mod conforms;
mod crash;
mod echo;
mod evidence;
mod field;
mod jobs;
mod linearizable;
mod race;
mod set_duplicate;
mod set_lost;
mod set_phantom;
mod set_view;
mod unique;
mod view;
mod well_formed;

pub use evidence::{Figure, kind_of, share};
pub use field::{canonical, elements, field_of, raw_fields};
pub use set_view::SetView;
pub use view::{View, node_name};

use crate::verdict::{Finding, Verdict};

/// A check.
pub trait Checker: Sync {
    /// Its name in a manifest.
    fn name(&self) -> &'static str;
    /// The requirement in words.
    fn about(&self) -> &'static str;
    /// Judges one case.
    fn check(&self, view: &View<'_>) -> Judgement;
}

/// What a check concludes of one case.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What was observed, in a few words.
    pub detail: String,
    /// The violations; empty unless the verdict is a fail, apart from advice.
    pub findings: Vec<Finding>,
}

impl Judgement {
    /// The requirement holds.
    pub fn pass(detail: impl Into<String>) -> Self {
        Self { verdict: Verdict::Pass, detail: detail.into(), findings: Vec::new() }
    }

    /// Nobody can say whether it holds; why.
    pub fn unknown(detail: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, detail: detail.into(), findings: Vec::new() }
    }

    /// The requirement is violated.
    pub fn fail(detail: impl Into<String>, finding: Finding) -> Self {
        Self { verdict: Verdict::Fail, detail: detail.into(), findings: vec![finding] }
    }
}

/// All checks.
pub const REGISTRY: &[&dyn Checker] = &[
    &well_formed::WellFormed,
    &crash::StaysUp,
    &conforms::Conforms,
    &echo::EchoesExactly,
    &unique::IdsUnique,
    &linearizable::Linearizable,
    &jobs::NoJobLost,
    &jobs::JobsInOrder,
    &jobs::WaitersServed,
    &race::NoRace,
    &chat::MessagesDelivered,
    &chat::OneOrder,
    &chat::PresenceTold,
    &set_lost::NothingLost,
    &set_duplicate::NoDuplicates,
    &set_phantom::NoPhantoms,
];

/// The check with this name.
pub fn find(name: &str) -> Option<&'static dyn Checker> {
    REGISTRY.iter().copied().find(|checker| checker.name() == name)
}

/// The first client operations without a good answer, as evidence.
pub fn unanswered(view: &View<'_>) -> crate::verdict::Evidence {
    let bad: Vec<_> = view.reachable().filter(|op| !op.is_ok()).collect();
    let mut figure = evidence::Figure::of(view);
    for op in bad.iter().filter(|op| !op.was_not_made()).take(4) {
        let reply = op.reply.as_deref().map(|reply| crate::text::excerpt(reply, 60));
        figure.operation(op, crate::text::excerpt(&op.request, 40), reply, true);
    }
    evidence::hang(view, &mut figure);
    figure.finish(evidence::share(bad.len(), view.reachable().count(), "operation"))
}

/// Without a single good answer there is no pass: nothing came back that could be judged.
fn nothing_answered(view: &View<'_>, about: &str, expected: &str) -> Judgement {
    let all = view.work().count();
    let errors = view.work().filter(|op| op.returned.is_some()).count();
    let (code, actual) = match errors {
        0 => ("no-reply", "no request was answered".to_owned()),
        _ => {
            ("error-reply", format!("{} answered with an error, none without", evidence::share(errors, all, "request")))
        }
    };
    let mut finding = evidence::finding(code, about, expected.to_owned(), actual.clone());
    finding.count = all.max(1) as u64;
    finding.evidence = unanswered(view);
    Judgement::fail(actual, finding)
}

/// What no pass can do without, whatever a stage requires: something was asked and acknowledged, and where the protocol
/// has a set, its final reads came back. None where all of it was observed.
pub fn unobserved(view: &View<'_>) -> Option<Judgement> {
    const ABOUT: &str = "something was acknowledged, and what is judged in the end came back";
    if view.case.summary.performance.as_ref().is_some_and(|performance| performance.operations() > 0) {
        return None;
    }
    if view.work().next().is_none() {
        return Some(Judgement::unknown("no client asked anything: the challenge tests nothing"));
    }
    if !view.work().any(|op| op.is_ok()) {
        return Some(nothing_answered(view, ABOUT, "acknowledged operations"));
    }
    view.set().and_then(|set| set_lost::unobserved(view, set))
}

/// Every code a finding can have, with its meaning.
pub const CODES: &[(&str, &str)] = &[
    ("malformed-output", "a line of stdout is no message"),
    ("output-flood", "output without a line end, or more than could be taken"),
    ("unknown-destination", "a message to a node or client that does not exist"),
    ("forged-source", "a message in the name of another node"),
    ("unmatched-reply", "a reply to a request that was never made"),
    ("repeated-reply", "a second reply to the same request"),
    ("wrong-reply", "a reply whose type or contents are not what the request asks for"),
    ("error-reply", "requests were answered with errors"),
    ("no-reply", "requests were not answered, or nothing came back that could be judged"),
    ("slow-start", "`init` or an opening request was not answered in time"),
    ("node-crashed", "the program ended without being asked to"),
    ("out-of-memory", "the program was ended by its memory limit"),
    ("does-not-end", "the program did not end when it was asked to"),
    ("deaf", "the program stopped reading its stdin"),
    ("duplicate-id", "the same id was handed out twice"),
    ("value-lost", "an acknowledged value is missing from a final read"),
    ("duplicate-value", "a read holds the same value twice"),
    ("phantom-value", "a read holds a value that nobody wrote"),
    ("job-lost", "a job that was ready is handed out to nobody"),
    ("job-taken", "a job is not found by the client that has it"),
    ("wrong-order", "a job is handed out before another whose turn it was"),
    ("lost-wakeup", "a job stays ready although a client waits for one"),
    ("starved", "a client that waits is passed over again and again"),
    ("data-race", "two threads used the same memory, one of them to write, without an order"),
    ("memory-error", "memory was used that is not there, or a value that is not defined"),
    ("message-lost", "a member of a chat room did not hear what another said"),
    ("message-twice", "a member heard the same message twice"),
    ("own-message", "a member heard what it said itself"),
    ("phantom-message", "a member heard what nobody said, or not in the name of who did"),
    ("out-of-order", "a member heard what another said in another order"),
    ("different-order", "two members heard the same messages in different orders"),
    ("wrong-list", "who joined was not told who was there, or that somebody was who was not"),
    ("presence-wrong", "a member was not told, or more than once, that another came or went"),
    ("not-linearizable", "no order of the operations on an object explains what clients were told"),
    ("bound-missed", "a metric is outside the bound that the stage requires"),
    ("metric-zero", "a graded metric is so far off that it earns no points"),
];

#[cfg(test)]
mod tests;
