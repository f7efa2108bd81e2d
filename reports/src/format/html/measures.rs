//! What was measured in a stage, beside what full points need and what the reference reaches.

use super::parts::foreign;
use crate::{number, svg, text};
use harness::report::{Metric, Stage};
use maud::{Markup, html};

/// The table; empty when nothing was measured.
pub fn measures(stage: usize, of: &Stage, metrics: &[Metric]) -> Markup {
    let metrics: Vec<&Metric> = metrics.iter().filter(|metric| metric.stage == of.id).take(60).collect();
    if metrics.is_empty() {
        return html! {};
    }
    let graded = metrics.iter().any(|metric| metric.points.is_some());
    html! {
        h4 { "Measurements" }
        table.measures.graded[graded] {
            thead { tr {
                th scope="col" { "Metric" } th.number scope="col" { "Median" } th.number scope="col" { "Range over cases" }
                th.number scope="col" { "Reference" }
                @if graded { th scope="col" { "No points … full points" } th.number scope="col" { "Points" } }
            } }
            tbody { @for (index, metric) in metrics.iter().enumerate() {
                (row(&format!("scale-{}-{}", stage + 1, index + 1), metric, graded))
            } }
        }
        @if graded { p.legend {
            span.key.dot { "this submission, with its range" } span.key.diamond { "reference" }
        } }
    }
}

fn row(id: &str, metric: &Metric, graded: bool) -> Markup {
    let show = |value: f64| number::quantity(value, &metric.unit);
    let range = match metric.min == metric.max {
        true => show(metric.min),
        false => format!("{} – {}", show(metric.min), show(metric.max)),
    };
    html! {
        tr {
            th scope="row" { (foreign(&text::name(&metric.name))) }
            td.number data-label="Median" { strong { (show(metric.value)) } }
            td.number data-label="Range" {
                (range)
            }
            td.number data-label="Reference" { @match metric.reference { Some(value) => (show(value)), None => "—" } }
            @if graded {
                td.scale data-label="Scale" { @match svg::bars::thresholds(id, metric) { Some(bar) => (bar), None => "not graded" } }
                td.number data-label="Points" { @match metric.points {
                    Some((reached, of)) => span { strong { (number::points(reached)) } " / " (number::points(of)) },
                    None => "—",
                } }
            }
        }
    }
}
