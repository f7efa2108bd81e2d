//! A finding in text: what was required, what happened, the proof, and how to see it again.

use super::{INDENT, Ink, Style, WIDTH, sequence, wrap};
use crate::{digest, number, text};
use harness::{
    text::quiet,
    verdict::{Evidence, Finding, LogLine},
};

/// Log lines shown.
const LINES: usize = 8;

/// Everything about a finding, below the line of its case.
pub fn finding(style: Style, finding: &Finding) -> String {
    let mut out = String::new();
    out.push_str(&row(style, "requirement", &text::prose(&finding.requirement)));
    out.push_str(&row(style, "expected", &text::prose(&finding.expected)));
    out.push_str(&row(style, "actual", &text::prose(&finding.actual)));
    if let Some(fault) = digest::not_the_submission(finding.blame) {
        out.push_str(&row(style, "blame", fault));
    }
    out.push_str(&row(style, "evidence", &evidence(finding)));
    out.push_str(&sequence(style, &finding.evidence));
    out.push_str(&lines(style, &finding.evidence));
    // A command is never wrapped: it is there to be copied.
    out.push_str(&pair(style, "replay", &text::prose(&finding.replay)));
    quiet(&out).into_owned()
}

/// One line for another finding of the same kind: of another seed, or about something else.
pub fn finding_brief(style: Style, first: &Finding, finding: &Finding) -> String {
    let what = if finding.requirement == first.requirement { "" } else { &format!("{}: ", finding.requirement) };
    let brief = text::cut(&format!("{what}{}", finding.actual), WIDTH - INDENT - 12);
    pair(style, "also", &format!("seed {}: {brief}", finding.seed))
}

fn evidence(finding: &Finding) -> String {
    let summary = text::line(&finding.evidence.summary);
    match finding.count {
        0 | 1 => summary,
        count => format!("{summary}; the first of {} of this kind", number::count(count)),
    }
}

fn lines(style: Style, evidence: &Evidence) -> String {
    let mut out = String::new();
    for line in evidence.lines.iter().take(LINES) {
        let source = style.paint(Ink::Faint, &format!("{:>12} |", text::cut(&line.source, 12)));
        let whole = line.source == LogLine::BY_HAND;
        let shown = if whole { text::prose(&line.text) } else { text::line(&line.text) };
        out.push_str(&format!("     {source} {shown}\n"));
    }
    if evidence.lines.len() > LINES {
        out.push_str(&format!("     {:>12} | … {} more lines\n", "", evidence.lines.len() - LINES));
    }
    out
}

/// A label and its value, wrapped under itself.
fn row(style: Style, label: &str, value: &str) -> String {
    let value = wrap(value, WIDTH - INDENT).join(&format!("\n{:INDENT$}", ""));
    pair(style, label, &value)
}

fn pair(style: Style, label: &str, value: &str) -> String {
    format!("     {} {value}\n", style.paint(Ink::Faint, &format!("{label:<12}")))
}
