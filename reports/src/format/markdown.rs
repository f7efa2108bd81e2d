//! The report as GitHub-flavoured Markdown, for the summary of a CI job or a comment.
//!
//! Whatever may come from a candidate stands in code spans and code blocks, where no renderer looks for links, images,
//! mentions or HTML.

use super::{
    Format,
    human::{self, Style},
};
use crate::{
    digest::{self, Group},
    number, text,
};
use harness::{
    report::Report,
    score::{ScoreLine, Scorecard},
    text::quiet,
    verdict::{Finding, Verdict},
};
use std::borrow::Cow;

/// Groups of findings shown; platforms limit the size of a summary.
const GROUPS: usize = 12;

/// The Markdown format.
pub struct Markdown;

impl Format for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn render(&self, report: &Report) -> Vec<u8> {
        let mut out = head(report);
        out.push_str(&table(&report.scorecard));
        let groups = digest::groups(&report.findings);
        for group in groups.iter().take(GROUPS) {
            out.push_str(&finding(group));
        }
        if groups.len() > GROUPS {
            out.push_str(&format!("\n{} more kinds of findings are in the full report.\n", groups.len() - GROUPS));
        }
        out.push_str("\n## Reproduce\n\n");
        out.push_str(&block(&[text::prose(&report.run.command)]));
        out.push_str("\n## Sandbox\n\n");
        digest::layers(&report.environment).iter().for_each(|line| out.push_str(&format!("- {}\n", code(line))));
        // Whoever prints it into a CI log instead of a summary is not harmed either.
        quiet(&out).into_owned().into_bytes()
    }
}

fn head(report: &Report) -> String {
    let (run, submission) = (&report.run, &report.submission);
    let mut out = format!(
        "# {} {} of {} points\n\n",
        sign(report.verdict),
        number::points(report.scorecard.total),
        number::points(report.scorecard.of),
    );
    for (lead, sentence) in digest::warnings(report) {
        out.push_str(&format!("> **{}.** {sentence}\n\n", lead.to_uppercase()));
    }
    let commit =
        submission.commit.as_deref().map(|commit| format!(" at {}", code(&text::commit(commit)))).unwrap_or_default();
    out.push_str(&format!(
        "{} of {}{commit}, run {} with seed {}, {}.\n\n",
        code(&text::line(&report.challenge.title)),
        code(&text::line(&submission.source)),
        code(&text::name(&run.id)),
        run.seed,
        number::duration(run.seconds),
    ));
    out
}

fn table(scorecard: &Scorecard) -> String {
    let mut out = String::from("| Stage | Verdict | Points | Why |\n|---|---|--:|---|\n");
    scorecard.lines.iter().for_each(|line| out.push_str(&row(line)));
    let (total, of) = (number::points(scorecard.total), number::points(scorecard.of));
    out.push_str(&format!("| **Total** | | **{total} / {of}** | |\n"));
    out
}

fn row(line: &ScoreLine) -> String {
    let reasons: Vec<String> = line.reasons.iter().take(6).map(|reason| cell(&text::line(reason))).collect();
    format!(
        "| {} | {} | {} / {} | {} |\n",
        cell(&text::name(&line.stage)),
        sign(line.verdict),
        number::points(line.points),
        number::points(line.of),
        reasons.join("<br>"),
    )
}

/// The first finding of a group fully, the others by their seeds.
fn finding(group: &Group<'_>) -> String {
    let first = group.first();
    let word = if first.decisive { "✗ FAIL" } else { "Advice" };
    let stage = code(&text::name(&first.stage));
    let mut out = format!("\n## {word}: {stage} {}\n\n", code(&text::name(&first.code)));
    for (name, value) in [("Required", &first.requirement), ("Expected", &first.expected), ("Actual", &first.actual)] {
        out.push_str(&format!("- {name}: {}\n", code(&text::prose(value))));
    }
    out.push_str(&format!("- Evidence: {}, seed {}\n", code(&text::line(&first.evidence.summary)), first.seed));
    if let Some(fault) = digest::not_the_submission(first.blame) {
        out.push_str(&format!("- Blame: {fault}\n"));
    }
    let seeds: Vec<String> = group.others().take(20).map(|other| other.seed.to_string()).collect();
    if !seeds.is_empty() {
        out.push_str(&format!("- Also with seed {}\n", seeds.join(", ")));
    }
    out.push('\n');
    out.push_str(&block(&proof(first)));
    out.push_str("\nReplay:\n\n");
    out.push_str(&block(&[text::prose(&first.replay)]));
    out
}

/// The message sequence in text and the quoted lines.
fn proof(finding: &Finding) -> Vec<String> {
    let figure = human::sequence(Style::Plain, &finding.evidence);
    let lines = finding.evidence.lines.iter().take(12);
    let quoted = lines.map(|line| format!("{} | {}", text::cut(&line.source, 12), text::line(&line.text)));
    figure.lines().map(str::to_owned).chain(quoted).collect()
}

fn sign(verdict: Verdict) -> String {
    let symbol = match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Unknown => "?",
        Verdict::NotRun => "–",
    };
    format!("{symbol} {}", verdict.word())
}

/// Inert text as a code span, its fence longer than any run of backticks in it.
fn code(text: &str) -> String {
    if text.trim().is_empty() {
        return "(empty)".into();
    }
    let text = &short_runs(text);
    let fence = "`".repeat(longest_run(text) + 1);
    format!("{fence} {text} {fence}")
}

/// A code span for a cell: a bar would end the cell, even escaped where a backslash stands before it.
fn cell(text: &str) -> String {
    code(&text.replace('|', "\\u{7c}"))
}

/// Inert lines as a code block; nothing at all when there is none.
fn block(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: Vec<_> = lines.iter().map(|line| short_runs(line)).collect();
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

/// Longest run of backticks that is left as it is.
const LONGEST_RUN: usize = 8;

/// Renderers count fences up to a bound of their own, some to 80, and take a longer one for text: so no run is long.
fn short_runs(text: &str) -> Cow<'_, str> {
    if longest_run(text) <= LONGEST_RUN { text.into() } else { text.replace('`', "\\u{60}").into() }
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}
