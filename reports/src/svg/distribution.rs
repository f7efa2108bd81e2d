//! Cumulative distributions: what share of the operations took at most so long.

use super::{Anchor, Frame, fit, label, line, text_width, ticks};
use crate::{
    number::{coordinate, quantity, value},
    text,
};
use harness::report::{Plot, QUANTILES, Series};
use maud::{Markup, html};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 290.0;
/// Height of a row of the legend.
const LEGEND: f64 = 20.0;
/// Edges of the plotting area.
const LEFT: f64 = 48.0;
const RIGHT: f64 = WIDTH - 20.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = HEIGHT - 44.0;
/// Curves drawn; more cannot be told apart.
const CURVES: usize = 4;
/// Place of the median in [`QUANTILES`].
const MEDIAN: usize = 6;

/// The curves of a plot; none when it has no finite curve.
pub fn distribution(id: &str, plot: &Plot) -> Option<Markup> {
    let usable = |series: &&Series| {
        series.values.len() == QUANTILES.len()
            && series.values.iter().all(|value| value.is_finite() && value.abs() < 1e15)
    };
    let series: Vec<&Series> = plot.series.iter().filter(usable).take(CURVES).collect();
    let all = || series.iter().flat_map(|series| series.values.iter().copied());
    let scale = Scale::new(all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max))?;
    let unit = unit(&plot.axis);
    let medians = series.iter().map(|series| series.values[MEDIAN]).enumerate();
    let leftmost = medians.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(index, _)| index);
    let body = html! {
        (axes(&scale, &plot.axis))
        @for (index, series) in series.iter().enumerate() { (curve(&scale, index, series)) }
        @for (index, series) in series.iter().enumerate() { (direct_label(&scale, index, series, index == leftmost)) }
        (legend(&series, &unit))
    };
    let desc = series.iter().map(|series| summary(series, &unit)).collect::<Vec<_>>().join(". ");
    let height = HEIGHT + series.len().div_ceil(2) as f64 * LEGEND;
    let frame = Frame { id, title: &text::line(&plot.title), desc: &desc, width: WIDTH, height };
    Some(frame.draw("distribution", body))
}

/// The horizontal scale: from 0 where the values allow it, logarithmic where they span decades.
struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

impl Scale {
    fn new(low: f64, high: f64) -> Option<Self> {
        if !low.is_finite() || !high.is_finite() {
            return None;
        }
        if low > 0.0 && high / low > 50.0 {
            return Some(Self { low, high, log: true });
        }
        let low = low.min(0.0);
        Some(Self { low, high: if high > low { high } else { low + 1.0 }, log: false })
    }

    fn x(&self, value: f64) -> f64 {
        let share = match self.log {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn ticks(&self) -> Vec<f64> {
        if !self.log {
            return ticks(self.low, self.high, 7);
        }
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let steps: &[f64] = if (self.high / self.low).log10() > 3.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let all = decades.flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)));
        all.filter(|tick| (self.low..=self.high).contains(tick)).collect()
    }
}

fn y(quantile: f64) -> f64 {
    BOTTOM - quantile * (BOTTOM - TOP)
}

fn axes(scale: &Scale, title: &str) -> Markup {
    let title = match scale.log {
        true => format!("{}, logarithmic", fit(title, 12.0, 460.0)),
        false => fit(title, 12.0, 600.0),
    };
    html! {
        @for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
            (line("grid", (LEFT, y(share)), (RIGHT, y(share))))
            (label("quiet", Anchor::End, (LEFT - 8.0, y(share) + 4.0), &format!("{} %", share * 100.0)))
        }
        (line("axis", (LEFT, BOTTOM), (RIGHT, BOTTOM)))
        @for tick in scale.ticks() {
            (line("axis", (scale.x(tick), BOTTOM), (scale.x(tick), BOTTOM + 5.0)))
            (label("quiet", Anchor::Middle, (scale.x(tick), BOTTOM + 18.0), &value(tick)))
        }
        (label("quiet", Anchor::Middle, ((LEFT + RIGHT) / 2.0, HEIGHT - 8.0), &title))
    }
}

fn curve(scale: &Scale, index: usize, series: &Series) -> Markup {
    let points = series.values.iter().zip(QUANTILES);
    let points: Vec<String> =
        points.map(|(value, share)| format!("{},{}", coordinate(scale.x(*value)), coordinate(y(share)))).collect();
    html! {
        polyline class={ "curve c" (index) } points=(points.join(" ")) {}
        circle class={ "dot c" (index) } r="4" cy=(coordinate(y(0.5))) cx=(coordinate(scale.x(series.values[MEDIAN]))) {}
    }
}

/// The name beside the curve: left of the leftmost one, right of the others, where there is room.
fn direct_label(scale: &Scale, index: usize, series: &Series, leftmost: bool) -> Markup {
    let name = fit(&series.name, 12.0, 150.0);
    let room = text_width(&name, 12.0) + 14.0;
    let class = format!("halo t{index}");
    // Below the median the left side is the emptier one for the first curve, above it the right side for the others.
    let at = |place: usize| (scale.x(series.values[place]), y(QUANTILES[place]) + 4.0);
    let (low, high) = (at(8), at(5));
    if leftmost && low.0 - room > LEFT {
        return label(&class, Anchor::End, (low.0 - 12.0, low.1), &name);
    }
    if !leftmost && high.0 + room < RIGHT {
        return label(&class, Anchor::Start, (high.0 + 12.0, high.1), &name);
    }
    html! {}
}

/// Samples of the lines with their numbers, two in a row below the axis.
fn legend(series: &[&Series], unit: &str) -> Markup {
    let room = (RIGHT - LEFT) / series.len().clamp(1, 2) as f64;
    html! {
        @for (index, series) in series.iter().enumerate() {
            @let (x, y) = (LEFT + (index % 2) as f64 * room, HEIGHT + 8.0 + (index / 2) as f64 * LEGEND);
            (line(&format!("curve c{index}"), (x, y), (x + 28.0, y)))
            (label("", Anchor::Start, (x + 36.0, y + 4.0), &fit(&summary(series, unit), 12.0, room - 40.0)))
        }
    }
}

/// `reference: p50 312 ms, p99 492 ms`.
fn summary(series: &Series, unit: &str) -> String {
    let [median, tail] = [MEDIAN, QUANTILES.len() - 2].map(|place| quantity(series.values[place], unit));
    format!("{}: p50 {median}, p99 {tail}", text::cut(&series.name, 24))
}

/// The unit in the brackets at the end of an axis title.
fn unit(axis: &str) -> String {
    let unit = axis.rsplit_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or_default();
    text::cut(unit, 12)
}
