//! Bars: the share of a stage's points, and a measured value between its thresholds.

use super::{Anchor, Frame, label, line, rect};
use crate::number::{coordinate, points, quantity};
use harness::{report::Metric, score::ScoreLine, verdict::Verdict};
use maud::{Markup, html};

const WIDTH: f64 = 220.0;

/// How many of a stage's points were reached; an empty frame where that is not decided.
pub fn share(id: &str, score: &ScoreLine) -> Markup {
    let (reached, of) = (score.points, score.of);
    let share = if of > 0.0 && reached.is_finite() { (reached / of).clamp(0.0, 1.0) } else { 0.0 };
    let title = format!("{} of {} points", points(reached), points(of));
    let class = if share >= 1.0 { "full" } else { "some" };
    let open = matches!(score.verdict, Verdict::Unknown | Verdict::NotRun);
    let track = if open { "undecided" } else { "track" };
    let frame = Frame { id, title: &title, desc: "The filled part is the share reached.", width: WIDTH, height: 10.0 };
    let round = |class: &str, width: f64| {
        html! { rect class=(class) x="0.5" y="1" rx="4" width=(coordinate(width - 1.0)) height="8" {} }
    };
    frame.draw(
        "bar points",
        html! { (round(track, WIDTH)) @if share > 0.0 { (round(class, (WIDTH * share).max(4.0))) } },
    )
}

/// A graded value on the scale from no points to full points; full points are always on the right.
///
/// None when the metric is not graded or a number is not finite.
pub fn thresholds(id: &str, metric: &Metric) -> Option<Markup> {
    let (full, zero) = metric.full.zip(metric.zero)?;
    let numbers = [full, zero, metric.value, metric.min, metric.max];
    if full == zero || numbers.iter().any(|number| !number.is_finite()) {
        return None;
    }
    let (left, right) = (WIDTH * 0.14, WIDTH * 0.82);
    // Beyond the thresholds there is little room: what is further out sticks to the edge.
    let place = |value: f64| (left + (value - zero) / (full - zero) * (right - left)).clamp(4.0, WIDTH - 4.0);
    let unit = crate::text::cut(&metric.unit, 8);
    let desc = format!(
        "{} on a scale from {} (no points) to {} (full points); range {} to {}{}.",
        quantity(metric.value, &unit),
        quantity(zero, &unit),
        quantity(full, &unit),
        quantity(metric.min, &unit),
        quantity(metric.max, &unit),
        metric.reference.map(|value| format!("; reference {}", quantity(value, &unit))).unwrap_or_default(),
    );
    let title = format!("{} between its thresholds", crate::text::name(&metric.name));
    let body = html! {
        (rect("none", (0.0, 9.0), left, 8.0))
        (rect("some", (left, 9.0), right - left, 8.0))
        (rect("full", (right, 9.0), WIDTH - right, 8.0))
        @for at in [left, right] { (line("mark", (at, 6.0), (at, 20.0))) }
        (label("", Anchor::Middle, (left, 31.0), &quantity(zero, &unit)))
        (label("", Anchor::Middle, (right, 31.0), &quantity(full, &unit)))
        (line("range", (place(metric.min), 13.0), (place(metric.max), 13.0)))
        @if let Some(reference) = metric.reference.filter(|value| value.is_finite()) {
            (diamond("reference", place(reference)))
        }
        circle class="value" cx=(coordinate(place(metric.value))) cy="13" r="5" {}
    };
    let frame = Frame { id, title: &title, desc: &desc, width: WIDTH, height: 34.0 };
    Some(frame.draw("bar thresholds", body))
}

fn diamond(class: &str, x: f64) -> Markup {
    let points = [(x, 7.5), (x + 5.5, 13.0), (x, 18.5), (x - 5.5, 13.0)];
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", coordinate(*x), coordinate(*y))).collect();
    html! { polygon class=(class) points=(points.join(" ")) {} }
}
