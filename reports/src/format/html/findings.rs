//! The findings: what was required, what happened, and the part of the record that proves it.

use super::parts::{command, finding_anchor, foreign, section};
use crate::{
    digest::{self, Group},
    number, svg, text,
};
use harness::{
    report::Report,
    verdict::{Evidence, Finding},
};
use maud::{Markup, html};

/// Findings of one kind that are shown; the JSON form has them all.
const SIMILAR: usize = 12;
/// Log lines of one finding.
const LINES: usize = 40;

/// All findings, those of one kind together.
pub fn findings(report: &Report) -> Markup {
    if report.findings.is_empty() {
        return html! {};
    }
    let groups = digest::groups(&report.findings);
    let body = html! { @for (index, shown) in groups.iter().enumerate() { (group(shown, index == 0)) } };
    section("findings", "Findings", body)
}

fn group(group: &Group<'_>, open: bool) -> Markup {
    let hidden = group.findings.len().saturating_sub(SIMILAR);
    html! {
        @for (place, (index, shown)) in group.findings.iter().take(SIMILAR).enumerate() {
            (finding(*index, shown, open && place == 0))
        }
        @for (index, _) in group.findings.iter().skip(SIMILAR) { span id=(finding_anchor(*index)) {} }
        @if hidden > 0 {
            p.more { "The same was found with " (number::plural(hidden as u64, "more seed", "more seeds")) "." }
        }
    }
}

fn finding(index: usize, finding: &Finding, open: bool) -> Markup {
    let (class, symbol, word) = match finding.decisive {
        true => ("fail", "✗", "fail"),
        false => ("unknown", "i", "advice"),
    };
    html! {
        details id=(finding_anchor(index)) class={ "card finding " (class) } open=[open.then_some("")] {
            summary {
                span class={ "badge " (class) } { span.sign aria-hidden="true" { (symbol) } " " (word) }
                span.what { (foreign(&text::line(&finding.actual))) }
                span.where {
                    (foreign(&text::name(&finding.stage))) ", seed " (finding.seed) " · " (foreign(&text::name(&finding.code)))
                }
            }
            (statement(finding))
            (proof(index, &finding.evidence))
            p.replay { span.term { "Replay" } (command(&finding.replay)) }
        }
    }
}

/// Requirement, expectation and observation.
fn statement(finding: &Finding) -> Markup {
    html! {
        dl.statement {
            dt { "Required" } dd { (foreign(&text::prose(&finding.requirement))) }
            dt { "Expected" } dd { (foreign(&text::prose(&finding.expected))) }
            dt { "Actual" } dd.actual { (foreign(&text::prose(&finding.actual))) }
            @if let Some(fault) = digest::not_the_submission(finding.blame) { dt { "Blame" } dd { strong { (fault) } } }
            dt { "Evidence" }
            dd {
                (foreign(&text::line(&finding.evidence.summary)))
                @if finding.count > 1 { "; the first of " (number::count(finding.count)) " of this kind in this case" }
            }
        }
    }
}

/// The figure, the same in words, and the quoted lines.
fn proof(index: usize, evidence: &Evidence) -> Markup {
    let figure = svg::sequence::sequence(&format!("sequence-{}", index + 1), evidence);
    html! {
        @if let Some(figure) = figure {
            figure {
                div.scroll tabindex="0" role="region" aria-label="Message sequence, scrolls sideways" { (figure) }
                figcaption {
                    span.key.hot { "shows the violation" }
                    @if evidence.arrows.iter().any(|arrow| arrow.dropped.is_some()) { span.key.lost { "never arrived" } }
                    @if !evidence.faults.is_empty() { span.key.band { "fault" } }
                    span { "Time runs downwards and is not to scale." }
                }
                (in_words(evidence))
            }
        }
        @if !evidence.lines.is_empty() {
            p.term { "In detail" }
            pre.log tabindex="0" { @for line in evidence.lines.iter().take(LINES) {
                span.source { (text::name(&line.source)) } (text::prose(&line.text)) "\n"
            } }
            @if evidence.lines.len() > LINES { p.more { (evidence.lines.len() - LINES) " more lines" } }
        }
    }
}

fn in_words(evidence: &Evidence) -> Markup {
    html! {
        details.words {
            summary { "The same in words" }
            ol {
                @for arrow in evidence.arrows.iter().take(80) {
                    li {
                        span.n { (arrow.sent) } " " (foreign(&svg::sequence::sentence(arrow)))
                        @if arrow.highlight { " " strong { "shows the violation" } }
                    }
                }
            }
        }
    }
}
