//! The answer as one self-contained page: no script, no request, light and dark, for screen and paper.

use super::digest;
use crate::{
    format::html::{POLICY, parts},
    number, svg, text,
};
use harness::{
    explanation::{Explanation, Step, Verification},
    transaction::level_name,
    verdict::Verdict,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use parts::{foreign, section, signs};

/// Violations that are shown with everything; the JSON form has them all.
const WHOLE: usize = 24;
/// Gaps that are listed.
const GAPS: usize = 40;

/// The whole page.
pub fn html(verification: &Verification) -> Vec<u8> {
    // Whoever prints the page into a CI log instead of opening it is not harmed either: `##[` is a command there.
    page(verification).into_string().replace("##", "#&#35;").into_bytes()
}

fn page(verification: &Verification) -> Markup {
    let (_, symbol, word) = signs(verification.verdict);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content={ "takehome " (text::name(&verification.takehome)) };
                title { (symbol) " " (word) " · " (text::name(&verification.model)) " · " (text::name(&verification.source)) }
                style { (PreEscaped(crate::format::html::STYLE)) (PreEscaped(svg::STYLE)) (PreEscaped(include_str!("style.css"))) }
            }
            body {
                div.page.single {
                    main {
                        (card(verification))
                        (violations(verification))
                        (undecided(verification))
                        footer {
                            "Written by takehome " (text::name(&verification.takehome))
                            ". Keys, values and names of the recording are quoted, never interpreted."
                        }
                    }
                }
            }
        }
    }
}

/// The verdict, what was judged, and what the verdict claims.
fn card(verification: &Verification) -> Markup {
    let (class, symbol, word) = signs(verification.verdict);
    let count = verification.violations.len() as u64;
    html! {
        header #verdict class={ "card verdict " (class) } {
            p.kicker { (foreign(&text::line(&verification.source))) }
            h1 { (headline(verification)) }
            p.outcome { span.sign aria-hidden="true" { (symbol) } " " (word) }
            dl.facts {
                (fact("Required", html! { (foreign(&text::prose(&verification.about))) }))
                (fact("Judged", html! {
                    (foreign(&text::prose(&verification.detail)))
                    @if let Some(level) = verification.level { span.more { "level asked for: " (level_name(level)) } }
                }))
                @if count > 0 {
                    (fact("Found", html! {
                        (number::plural(count, "violation", "violations"))
                        @if count > 1 { span.more { "one for each kind and object" } }
                    }))
                }
                @if let Some(levels) = &verification.levels {
                    (fact("Violated", html! {
                        strong { (digest::levels(&harness::verify::Levels { weakest: levels.weakest.clone(), also: vec![] })) }
                        @if !levels.also.is_empty() {
                            span.more { "and so every stronger level: " (list(&levels.also)) }
                        }
                    }))
                }
                (fact("What this says", html! { (digest::meaning(verification)) }))
            }
        }
    }
}

fn headline(verification: &Verification) -> Markup {
    let model = html! { code { (foreign(&text::name(&verification.model))) } };
    match verification.verdict {
        Verdict::Pass => html! { "This history is what " (model) " allows" },
        Verdict::Fail => html! { "This history is not what " (model) " allows" },
        Verdict::Unknown | Verdict::NotRun => html! { "Whether " (model) " allows this history is not decided" },
    }
}

fn list(levels: &[harness::verify::Level]) -> String {
    levels.iter().map(|level| level_name(*level)).collect::<Vec<_>>().join(", ")
}

fn fact(name: &str, value: Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn violations(verification: &Verification) -> Markup {
    let all = &verification.violations;
    if all.is_empty() {
        return html! {};
    }
    let title = if all.len() == 1 { "What went wrong" } else { "What went wrong, most telling first" };
    let body = html! {
        @for (index, shown) in all.iter().take(WHOLE).enumerate() { (violation(index, shown)) }
        @if all.len() > WHOLE {
            p.more { (number::count((all.len() - WHOLE) as u64)) " more are in the JSON form." }
        }
    };
    section("violations", title, body)
}

fn violation(index: usize, shown: &Explanation) -> Markup {
    html! {
        details id={ "violation-" (index + 1) } class="card finding fail" open=[(index == 0).then_some("")] {
            summary {
                span.badge.fail { (foreign(&text::name(&shown.rule))) }
                span.what { (foreign(&text::prose(&shown.sentence))) }
                span.where { "Proven by " (foreign(&text::line(&shown.summary))) }
            }
            (diagram(index, shown))
            (orders(shown))
            (cycle(index, shown))
            (log(shown))
        }
    }
}

/// The operations in lanes, and the same in words.
fn diagram(index: usize, shown: &Explanation) -> Markup {
    let Some(figure) = svg::lanes::lanes(&format!("lanes-{}", index + 1), &shown.diagram) else { return html! {} };
    let diagram = &shown.diagram;
    html! {
        figure {
            div.scroll tabindex="0" role="region" aria-label="Operations over time, scrolls sideways" { (figure) }
            figcaption {
                @if diagram.bars.iter().any(|bar| bar.highlight) { span.key.hot { "cannot be explained" } }
                @if !diagram.faults.is_empty() { span.key.band { "fault" } }
                @for note in digest::notes(diagram) { span { (note) } }
            }
            details.words {
                summary { "The same in words" }
                ul { @for bar in &diagram.bars {
                    li { (foreign(&svg::lanes::sentence(diagram, bar))) @if bar.highlight { " " strong { "cannot be explained" } } }
                } }
            }
        }
    }
}

/// The orders that were tried.
fn orders(shown: &Explanation) -> Markup {
    html! {
        @if !shown.attempts.is_empty() {
            h4 { "Why no order of them works" }
            ul.orders { @for attempt in &shown.attempts { li { (foreign(&text::prose(attempt))) } } }
        }
    }
}

/// The cycle as a figure, and each edge with its reason.
fn cycle(index: usize, shown: &Explanation) -> Markup {
    if shown.cycle.is_empty() {
        return html! {};
    }
    let figure = svg::cycle::cycle(&format!("cycle-{}", index + 1), shown);
    let inferred = shown.cycle.iter().any(|step| !step.premises.is_empty());
    html! {
        h4 { "Each must come before the next, and the last before the first" }
        @if let Some(figure) = figure {
            figure {
                div.scroll tabindex="0" role="region" aria-label="Cycle of transactions, scrolls sideways" { (figure) }
                figcaption {
                    @for (kind, meaning) in KINDS.iter().filter(|(kind, _)| shown.cycle.iter().any(|step| step.kind == *kind)) {
                        span { strong { (if *kind == "realtime" { "rt" } else { kind }) } " " (meaning) }
                    }
                    @if inferred { span { "A dashed edge is inferred." } }
                }
            }
        }
        ol.edges { @for step in shown.cycle.iter().take(200) { (edge(step)) } }
    }
}

/// Kinds of edges, for those who have not met them.
const KINDS: [(&str, &str); 5] = [
    ("ww", "the later one overwrote what the earlier one wrote"),
    ("wr", "the later one read what the earlier one wrote"),
    ("rw", "the earlier one read a state that lacks what the later one wrote"),
    ("process", "the same process ran them one after the other"),
    ("realtime", "the earlier one had ended before the later one began"),
];

fn edge(step: &Step) -> Markup {
    html! {
        li {
            strong { (foreign(&text::cut(&step.from, 12))) " → " (foreign(&text::cut(&step.to, 12))) }
            " " span.count { (text::cut(&step.kind, 12)) } " " (foreign(&text::prose(&step.reason)))
            @if !step.premises.is_empty() {
                ul { @for premise in &step.premises { li { (foreign(&text::prose(premise))) } } }
            }
        }
    }
}

fn log(shown: &Explanation) -> Markup {
    html! {
        @if !shown.diagram.lines.is_empty() {
            p.term { "Logged at that time" }
            pre.log tabindex="0" { @for line in &shown.diagram.lines {
                span.source { (text::name(&line.source)) } (text::prose(&line.text)) "\n"
            } }
        }
    }
}

/// What was not decided, and why.
fn undecided(verification: &Verification) -> Markup {
    let all = &verification.undecided;
    if all.is_empty() {
        return html! {};
    }
    let body = html! {
        div.card {
            ul { @for gap in all.iter().take(GAPS) { li { (foreign(&text::prose(gap))) } } }
            @if all.len() > GAPS { p.more { (number::count((all.len() - GAPS) as u64)) " more are in the JSON form." } }
            p.more { "A search was allowed to visit " (number::count(verification.budget)) " configurations; " code { "--budget" } " allows more." }
        }
    };
    section("undecided", "What was not decided", body)
}
