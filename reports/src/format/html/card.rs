//! The verdict card: what it comes to, for whose work, from which run.

use super::parts::{foreign, signs};
use crate::{number, text};
use harness::{
    report::{Report, Submission},
    verdict::Verdict,
};
use maud::{Markup, html};

/// The head of the page.
pub fn card(report: &Report) -> Markup {
    let (class, symbol, word) = signs(report.verdict);
    let scorecard = &report.scorecard;
    html! {
        header #verdict class={ "card verdict " (class) } {
            div.headline {
                div.title {
                    p.kicker { (foreign(&text::name(&report.challenge.name))) }
                    h1 { (foreign(&text::line(&report.challenge.title))) }
                    p.outcome { span.sign aria-hidden="true" { (symbol) } " " (word) @if !report.run.complete { ", incomplete" } }
                }
                p.total {
                    strong { (number::points(scorecard.total)) }
                    span { "of " (number::points(scorecard.of)) " points" }
                }
            }
            (share(report))
            dl.facts { (submission(&report.submission)) (run(report)) }
        }
    }
}

/// One bar for all points, each stage a piece as wide as its points.
fn share(report: &Report) -> Markup {
    let lines = &report.scorecard.lines;
    html! {
        div.pieces aria-hidden="true" {
            @for line in lines.iter().filter(|line| line.of > 0.0 && line.of.is_finite()).take(40) {
                @let part = (line.points / line.of * 100.0).clamp(0.0, 100.0);
                div.piece.open[line.verdict == Verdict::Unknown || line.verdict == Verdict::NotRun] style={ "flex-grow:" (number::coordinate(line.of)) } {
                    div.fill style={ "width:" (number::coordinate(part)) "%" } {}
                }
            }
        }
    }
}

fn submission(submission: &Submission) -> Markup {
    let commit = submission.commit.as_deref().map(text::commit);
    let built = match submission.build_cached {
        true => "build from the cache".into(),
        false => format!("built in {}", number::duration(submission.build_seconds)),
    };
    html! {
        (fact("Submission", html! {
            (foreign(&text::line(&submission.source)))
            @if let Some(folder) = &submission.folder { ", folder " (foreign(&text::name(folder))) }
        }))
        @if commit.is_some() || submission.author.is_some() {
            (fact("Commit", html! {
                @if let Some(commit) = commit { code { (commit) } " " }
                @if let Some(summary) = &submission.summary { (foreign(&text::cut(summary, 100))) }
                span.more {
                    @if let Some(author) = &submission.author { (foreign(&text::cut(author, 80))) }
                    @if let Some(date) = submission.committed.as_deref().or(submission.authored.as_deref()) {
                        ", " (foreign(&text::date(date)))
                    }
                }
            }))
        }
        (fact("Language", html! {
            (foreign(&text::name(&submission.language)))
            @if !submission.toolchain.is_empty() { ", " (foreign(&text::name(&submission.toolchain))) }
            span.more { (built) }
        }))
    }
}

fn run(report: &Report) -> Markup {
    let run = &report.run;
    html! {
        (fact("Run", html! {
            code { (text::name(&run.id)) } ", " (text::date(&run.started))
            span.more { "seed " (run.seed) ", took " (number::duration(run.seconds)) }
        }))
    }
}

fn fact(name: &str, value: Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}
