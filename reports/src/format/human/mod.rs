//! The report as text for a terminal.
//!
//! Its parts are public: the live screen of the runner shows the same lines while a run goes on.

mod case;
mod finding;
mod scorecard;
mod sequence;
mod style;

pub use case::case_line;
pub use finding::{finding, finding_brief};
pub use scorecard::scorecard;
pub use sequence::sequence;
pub use style::{Ink, Style};

use super::Format;
use crate::{digest, number, text};
use harness::{
    report::{Case, Report, Stage},
    text::quiet,
    verdict::{Finding, Verdict},
};

/// Columns of a line, where text can be wrapped at all.
pub(crate) const WIDTH: usize = 116;
/// Column at which the values of a finding begin.
const INDENT: usize = 18;
/// Findings of one kind that are listed; the others are counted.
const SIMILAR: usize = 12;

/// The text format.
#[derive(Debug, Clone, Copy, Default)]
pub struct Human {
    /// Colour or none.
    pub style: Style,
}

impl Format for Human {
    fn name(&self) -> &'static str {
        "human"
    }

    fn render(&self, report: &Report) -> Vec<u8> {
        let mut out = head(self.style, report);
        out.push_str(&open_cases(self.style, report));
        out.push_str(&findings(self.style, report));
        out.push_str(&scorecard(self.style, &report.scorecard));
        out.push_str(&conclusion(self.style, report));
        out.push_str(&tail(self.style, report));
        quiet(&out).into_owned().into_bytes()
    }
}

/// Who, what and when, then the warnings.
fn head(style: Style, report: &Report) -> String {
    let (run, submission) = (&report.run, &report.submission);
    let title = format!("{} ({})", text::line(&report.challenge.title), text::name(&report.challenge.name));
    let commit = submission.commit.as_deref().map(|commit| format!(" at {}", text::commit(commit))).unwrap_or_default();
    let author = submission.author.as_deref().map(|author| format!(" by {}", text::name(author))).unwrap_or_default();
    let toolchain = match text::name(&submission.toolchain) {
        name if name.is_empty() => name,
        name => format!(", {name}"),
    };
    let mut out = format!(
        "{}\n\n  submission  {}{commit}{author}\n  built with  {}{} in {}{}\n  run         {} on {}, seed {}, {}, takehome {}\n",
        style.paint(Ink::Bold, &title),
        text::line(&submission.source),
        text::name(&submission.language),
        toolchain,
        number::duration(submission.build_seconds),
        if submission.build_cached { " (from the cache)" } else { "" },
        text::name(&run.id),
        text::date(&run.started),
        run.seed,
        number::duration(run.seconds),
        text::name(&run.takehome),
    );
    for notice in submission.notices.iter().take(8) {
        out.push_str(&format!("  notice      {}\n", text::line(notice)));
    }
    for (lead, sentence) in digest::warnings(report) {
        out.push('\n');
        let lines = wrap(sentence, WIDTH - 5);
        out.push_str(&format!("!!!  {}\n", style.paint(Ink::Bad, &lead.to_uppercase())));
        lines.iter().for_each(|line| out.push_str(&format!("!!!  {line}\n")));
    }
    out.push('\n');
    out
}

/// The cases that did not pass and have no finding of their own.
fn open_cases(style: Style, report: &Report) -> String {
    let mut out = String::new();
    let told = |stage: &Stage, case: &Case| {
        report.findings.iter().any(|finding| finding.stage == stage.id && finding.seed == case.seed)
    };
    for (index, stage, case) in numbered(report) {
        if case.verdict != Verdict::Pass && !told(stage, case) {
            out.push_str(&case_line(style, index, total(report), &report.challenge.name, &stage.id, case));
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// The findings, those of one kind together.
fn findings(style: Style, report: &Report) -> String {
    let mut out = String::new();
    for group in digest::groups(&report.findings) {
        out.push_str(&header(style, report, group.first()));
        out.push_str(&finding(style, group.first()));
        for other in group.others().take(SIMILAR) {
            out.push_str(&finding_brief(style, group.first(), other));
        }
        let rest = (group.findings.len() - 1).saturating_sub(SIMILAR);
        if rest > 0 {
            out.push_str(&format!("     also         {} more\n", number::count(rest as u64)));
        }
        out.push('\n');
    }
    out
}

/// The line above a finding: that of its case, with the finding's own weight and code.
fn header(style: Style, report: &Report, finding: &Finding) -> String {
    let case = numbered(report).find(|(_, stage, case)| stage.id == finding.stage && case.seed == finding.seed);
    let place = case.map(|(index, _, case)| (index, total(report), case.seconds));
    case::title(style, place, &report.challenge.name, finding)
}

/// The verdict of the whole run, in one line.
fn conclusion(style: Style, report: &Report) -> String {
    let (total, of) = (number::points(report.scorecard.total), number::points(report.scorecard.of));
    let rest = if report.run.complete { "" } else { ", incomplete" };
    format!("\n{} {total} of {of} points{rest}\n", style.verdict(report.verdict, 4))
}

/// In which sandbox it was, where everything lies and what to do next.
fn tail(style: Style, report: &Report) -> String {
    let run = text::name(&report.run.id);
    let faint = |word: &str| style.paint(Ink::Faint, word);
    let layers = wrap(&digest::layers(&report.environment).join("; "), WIDTH - 15).join(&format!("\n{:15}", ""));
    format!(
        "\n  {}  {layers}\n  {}  {}\n  {}  takehome report {run} --html report.html\n  {}  {}\n",
        faint("sandbox    "),
        faint("record     "),
        text::line(&report.run.directory),
        faint("report     "),
        faint("run again  "),
        text::prose(&report.run.command),
    )
}

/// Every case with its number, counted from 1 over all stages.
fn numbered(report: &Report) -> impl Iterator<Item = (usize, &Stage, &Case)> {
    let cases = report.stages.iter().flat_map(|stage| stage.cases.iter().map(move |case| (stage, case)));
    cases.enumerate().map(|(index, (stage, case))| (index + 1, stage, case))
}

fn total(report: &Report) -> usize {
    report.stages.iter().map(|stage| stage.cases.len()).sum()
}

/// Lines of at most `width` characters, broken at spaces; a word that is longer stays whole.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_keeps_words_whole() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("longer-than-that", 7), ["longer-than-that"]);
    }
}
