//! A finding in text: what was required, what happened, the proof, and how to see it again.

use super::{INDENT, Ink, Style, WIDTH, sequence, wrap};
use crate::{digest, number, text};
use harness::{
    text::quiet,
    verdict::{Evidence, Finding},
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

/// One line for another seed that showed the same.
pub fn finding_brief(style: Style, finding: &Finding) -> String {
    let actual = text::cut(&finding.actual, WIDTH - INDENT - 12);
    pair(style, "also", &format!("seed {}: {actual}", finding.seed))
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
        out.push_str(&format!("     {source} {}\n", text::line(&line.text)));
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
