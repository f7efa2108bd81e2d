//! The stages in detail.

use super::{
    cases, measures,
    parts::{badge, foreign, section, stage_anchor},
};
use crate::{number, svg, text};
use harness::report::{Plot, Report, Stage};
use maud::{Markup, html};

/// Figures of one stage.
const PLOTS: usize = 8;

/// One article a stage.
pub fn stages(report: &Report) -> Markup {
    let body = html! { @for (index, stage) in report.stages.iter().enumerate() { (article(report, index, stage)) } };
    section("stages", "Stages", body)
}

fn article(report: &Report, index: usize, stage: &Stage) -> Markup {
    let anchor = stage_anchor(&stage.id);
    // Two ids can have the same anchor; only the first of them is linked to.
    let unique = report.stages[..index].iter().all(|other| stage_anchor(&other.id) != anchor);
    let anchor = if unique { anchor } else { format!("{anchor}.{index}") };
    let line = report.scorecard.lines.iter().find(|line| line.stage == stage.id);
    html! {
        article.card.stage id=(anchor) {
            header {
                h3 { (foreign(&text::line(&stage.title))) }
                p.where {
                    (badge(stage.verdict)) " " (foreign(&text::name(&stage.id)))
                    @if let Some(line) = line { " · " (number::points(line.points)) " of " (number::points(line.of)) " points" }
                }
            }
            dl.statement {
                dt { "Conditions" } dd { (foreign(&text::prose(&stage.conditions))) }
                @if !stage.requirements.is_empty() {
                    dt { "Required" }
                    dd { ul { @for text in stage.requirements.iter().take(24) { li { (foreign(&text::prose(text))) } } } }
                }
            }
            (cases::cases(index, stage))
            (measures::measures(index, stage, &report.metrics))
            @for (number, plot) in stage.plots.iter().take(PLOTS).enumerate() { (figure(index, number, plot)) }
        }
    }
}

fn figure(stage: usize, number: usize, plot: &Plot) -> Markup {
    let Some(figure) = svg::distribution::distribution(&format!("plot-{}-{}", stage + 1, number + 1), plot) else {
        return html! {};
    };
    html! {
        figure {
            h4 { (foreign(&text::line(&plot.title))) }
            div.scroll tabindex="0" role="region" aria-label="Distribution, scrolls sideways" { (figure) }
            figcaption { span { (caption(plot)) } }
        }
    }
}

/// How a distribution is read: of times less is better, of what is a multiple of the reference's more.
fn caption(plot: &Plot) -> &'static str {
    match plot.axis.ends_with("(ms)") {
        true => "Share of observations that took at most so long; further left is faster.",
        false => "Share of observations of at most so much; further right is faster.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_better_depends_on_what_is_shown() {
        let plot = |axis: &str| Plot { title: String::new(), axis: axis.into(), series: Vec::new() };
        assert!(caption(&plot("time from request to reply (ms)")).ends_with("further left is faster."));
        assert!(caption(&plot("multiple of the reference's, block by block")).ends_with("further right is faster."));
    }
}
