//! Points by stage, with the reason of every point lost.

use super::parts::{badge, foreign, section, stage_anchor};
use crate::{number, svg, text};
use harness::{report::Report, score::ScoreLine};
use maud::{Markup, html};

/// The table.
pub fn score(report: &Report) -> Markup {
    let scorecard = &report.scorecard;
    let body = html! {
        table.score {
            thead { tr { th scope="col" { "Stage" } th scope="col" { "Verdict" } th scope="col" { "Share" } th.number scope="col" { "Points" } } }
            tbody { @for (index, line) in scorecard.lines.iter().enumerate() { (row(report, index, line)) } }
            tfoot {
                tr {
                    th scope="row" colspan="3" { "Total" }
                    td.number { strong { (number::points(scorecard.total)) } " / " (number::points(scorecard.of)) }
                }
            }
        }
    };
    section("score", "Score by stage", html! { div.card { (body) } })
}

fn row(report: &Report, index: usize, line: &ScoreLine) -> Markup {
    let title = foreign(&text::line(&line.title));
    let known = report.stages.iter().any(|stage| stage.id == line.stage);
    html! {
        tr {
            th scope="row" {
                @if known { a href={ "#" (stage_anchor(&line.stage)) } { (title) } } @else { (title) }
                span.more { (foreign(&text::name(&line.stage))) }
            }
            td.flag { (badge(line.verdict)) }
            td.share { (svg::bars::share(&format!("share-{}", index + 1), line)) }
            td.number { strong { (number::points(line.points)) } " / " (number::points(line.of)) }
        }
        @if !line.reasons.is_empty() {
            tr.why { td colspan="4" { ul.reasons {
                @for reason in line.reasons.iter().take(12) { li { (foreign(&text::prose(reason))) } }
            } } }
        }
    }
}
