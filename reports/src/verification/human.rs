//! The answer as text for a terminal.

use super::{digest, lanes};
use crate::{
    format::human::{Ink, Style, WIDTH, wrap},
    number, text,
};
use harness::{
    explanation::{Explanation, Step, Verification},
    text::quiet,
};

/// Violations that are shown with everything, and those that get a line.
const WHOLE: usize = 3;
const BRIEF: usize = 20;
/// Column at which values begin.
const INDENT: usize = 18;
/// Steps of a cycle and log lines that are shown.
const STEPS: usize = 12;
const LINES: usize = 8;

/// The whole answer.
pub fn human(style: Style, verification: &Verification) -> String {
    let source = text::line(&verification.source);
    let mut out =
        format!("{}  {}  {source}\n", style.verdict(verification.verdict, 4), text::name(&verification.model));
    out.push_str(&row(style, "requires", &text::prose(&verification.about)));
    out.push_str(&row(style, "judged", &text::prose(&verification.detail)));
    if let Some(levels) = &verification.levels {
        out.push_str(&row(style, "violated", &digest::levels(levels)));
    }
    for violation in verification.violations.iter().take(WHOLE) {
        out.push_str(&whole(style, violation));
    }
    let others = &verification.violations[verification.violations.len().min(WHOLE)..];
    if !others.is_empty() {
        out.push('\n');
    }
    for violation in others.iter().take(BRIEF) {
        let sentence = text::cut(&violation.sentence, 240);
        out.push_str(&row(style, "also", &format!("{}: {sentence}", text::name(&violation.rule))));
    }
    if others.len() > BRIEF {
        let more = number::plural((others.len() - BRIEF) as u64, "more violation", "more violations");
        out.push_str(&row(style, "also", &more));
    }
    if !verification.undecided.is_empty() {
        out.push('\n');
    }
    for gap in verification.undecided.iter().take(BRIEF) {
        out.push_str(&row(style, "undecided", &text::prose(gap)));
    }
    if verification.undecided.len() > BRIEF {
        let more = number::count((verification.undecided.len() - BRIEF) as u64);
        out.push_str(&row(style, "undecided", &format!("{more} more")));
    }
    out.push('\n');
    out.push_str(&row(style, "note", digest::meaning(verification)));
    quiet(&out).into_owned()
}

/// A violation with its proof.
fn whole(style: Style, violation: &Explanation) -> String {
    let rule = style.paint(Ink::Bad, &text::name(&violation.rule));
    let mut out = format!("\n  {rule}  proven by {}\n", text::line(&violation.summary));
    for line in wrap(&text::prose(&violation.sentence), WIDTH - 5) {
        out.push_str(&format!("     {}\n", style.paint(Ink::Bold, &line)));
    }
    let diagram = lanes(style, &violation.diagram);
    if !diagram.is_empty() {
        out.push_str(&format!("\n{diagram}"));
        out.push_str(&note(style, violation));
    }
    if !(violation.attempts.is_empty() && violation.cycle.is_empty() && violation.diagram.lines.is_empty()) {
        out.push('\n');
    }
    for (place, attempt) in violation.attempts.iter().enumerate() {
        let label = if place == 0 { "no order works" } else { "" };
        out.push_str(&row(style, label, &text::prose(attempt)));
    }
    for (place, step) in violation.cycle.iter().take(STEPS).enumerate() {
        let label = if place == 0 { "cycle" } else { "" };
        out.push_str(&edge(style, label, step));
    }
    if violation.cycle.len() > STEPS {
        let more = number::count((violation.cycle.len() - STEPS) as u64);
        out.push_str(&row(style, "", &format!("… {more} more, back to the first")));
    }
    for line in violation.diagram.lines.iter().take(LINES) {
        let source = style.paint(Ink::Faint, &format!("{:>12} |", text::cut(&line.source, 12)));
        out.push_str(&format!("     {source} {}\n", text::line(&line.text)));
    }
    out
}

/// How the diagram is read.
fn note(style: Style, violation: &Explanation) -> String {
    let notes = digest::notes(&violation.diagram);
    let lines = wrap(&notes.join(" "), WIDTH - 7);
    lines.iter().map(|line| format!("       {}\n", style.paint(Ink::Faint, line))).collect()
}

/// An edge of a cycle and what it rests on.
fn edge(style: Style, label: &str, step: &Step) -> String {
    let (from, to) = (text::cut(&step.from, 12), text::cut(&step.to, 12));
    let kind = text::cut(&step.kind, 12);
    let mut out = row(style, label, &format!("{from} → {to} ({kind}): {}", text::prose(&step.reason)));
    for premise in step.premises.iter().take(STEPS) {
        out.push_str(&row(style, "", &format!("  because {}", text::prose(premise))));
    }
    out
}

/// A label and its value, wrapped under itself.
fn row(style: Style, label: &str, value: &str) -> String {
    let value = wrap(value, WIDTH - INDENT - 2).join(&format!("\n{:1$}", "", INDENT + 2));
    format!("     {} {value}\n", style.paint(Ink::Faint, &format!("{label:<14}")))
}
