//! The page around the sections.

use super::{POLICY, STYLE, card, environment, findings, first, parts, score, stages};
use crate::{digest, number, svg, text};
use harness::report::Report;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The whole page.
pub fn page(report: &Report) -> Markup {
    let challenge = text::line(&report.challenge.title);
    let (_, symbol, word) = parts::signs(report.verdict);
    let points = format!("{} / {}", number::points(report.scorecard.total), number::points(report.scorecard.of));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content={ "takehome " (text::name(&report.run.takehome)) };
                title { (symbol) " " (word) " " (points) " · " (challenge) }
                style { (PreEscaped(STYLE)) (PreEscaped(svg::STYLE)) }
            }
            body {
                (banners(report))
                div.page {
                    (contents(report))
                    main {
                        (card::card(report))
                        (first::first(report))
                        (score::score(report))
                        (findings::findings(report))
                        (stages::stages(report))
                        (environment::environment(report))
                        (environment::reproduce(report))
                        (environment::notices(report))
                        footer {
                            "Written by takehome " (text::name(&report.run.takehome)) " from the record of run "
                            (text::name(&report.run.id)) ". What the submission wrote is quoted, never interpreted."
                        }
                    }
                }
            }
        }
    }
}

/// What nobody may overlook.
fn banners(report: &Report) -> Markup {
    html! {
        @for (lead, sentence) in digest::warnings(report) {
            div.banner role="alert" {
                p { span.sign aria-hidden="true" { "!" } strong { (lead) } " " (sentence) }
            }
        }
    }
}

/// The table of contents.
fn contents(report: &Report) -> Markup {
    html! {
        nav aria-label="Contents" {
            p.brand { "takehome" }
            ul {
                li { a href="#verdict" { "Verdict" } }
                li { a href="#first" { "Look at first" } }
                li { a href="#score" { "Score" } }
                @if !report.findings.is_empty() {
                    li { a href="#findings" { "Findings " span.count { (report.findings.len()) } } }
                }
                li {
                    a href="#stages" { "Stages" }
                    ul {
                        @for stage in &report.stages {
                            li {
                                a href={ "#" (parts::stage_anchor(&stage.id)) } {
                                    (parts::mark(stage.verdict)) " " (parts::foreign(&text::cut(&stage.id, 20)))
                                }
                            }
                        }
                    }
                }
                li { a href="#environment" { "Environment" } }
                li { a href="#reproduce" { "Reproduce" } }
                @if !report.submission.notices.is_empty() { li { a href="#notices" { "Notices" } } }
            }
        }
    }
}
