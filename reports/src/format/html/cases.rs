//! The cases of a stage.

use super::parts::{badge, foreign, mark};
use crate::{number, svg, text};
use harness::report::{Case, Check, Stage};
use maud::{Markup, html};

/// Cases shown; the JSON form has them all.
const CASES: usize = 60;
/// Checks of one case.
const CHECKS: usize = 24;

/// The table; the cells carry their column's name for narrow screens, where rows become blocks.
pub fn cases(stage: usize, of: &Stage) -> Markup {
    if of.cases.is_empty() {
        return html! { p.more { "No case was run." } };
    }
    let faults = of.cases.iter().any(|case| !case.faults.is_empty());
    html! {
        h4 { "Cases" }
        table.cases {
            thead { tr {
                th scope="col" { "Seed" } th scope="col" { "Verdict" } th.number scope="col" { "Duration" }
                th.number scope="col" { "Operations" } th.wide scope="col" { "Checks" }
                @if faults { th scope="col" { "Faults" } }
            } }
            tbody { @for (index, case) in of.cases.iter().take(CASES).enumerate() {
                (row(&format!("faults-{}-{}", stage + 1, index + 1), case, faults))
            } }
        }
        @if of.cases.len() > CASES {
            p.more { (number::plural((of.cases.len() - CASES) as u64, "more case", "more cases")) " not shown." }
        }
    }
}

fn row(id: &str, case: &Case, faults: bool) -> Markup {
    html! {
        tr {
            th scope="row" data-label="Seed" { (case.seed) }
            td data-label="Verdict" { (badge(case.verdict)) }
            td.number data-label="Duration" { (number::duration(case.seconds)) }
            td.number data-label="Operations" { (number::count(case.operations)) }
            td data-label="Checks" {
                div {
                    ul.checks { @for check in case.checks.iter().take(CHECKS) { (item(check)) } }
                    @if let Some(note) = &case.note { p.note { (foreign(&text::prose(note))) } }
                }
            }
            @if faults { td.faults data-label="Faults" {
                @if let Some(bar) = svg::timeline::timeline(id, case.seconds, &case.faults) { (bar) } @else { "none" }
            } }
        }
    }
}

fn item(check: &Check) -> Markup {
    html! {
        li {
            (mark(check.verdict)) " "
            div { span.name { (foreign(&text::name(&check.name))) } span.more { (foreign(&text::line(&check.detail))) } }
        }
    }
}
