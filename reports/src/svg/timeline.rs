//! The faults of a case on a line from its start to its end.

use super::{Anchor, Frame, fit, label, line};
use crate::{
    number::{coordinate, duration},
    text,
};
use harness::{report::span, verdict::FaultWindow};
use maud::{Markup, html};

const WIDTH: f64 = 240.0;
const LEFT: f64 = 62.0;
const ROW: f64 = 16.0;
/// Kinds of fault that get a row of their own, and windows drawn in all.
const KINDS: usize = 6;
const WINDOWS: usize = 64;

/// One row a kind of fault; none when there was no fault.
pub fn timeline(id: &str, seconds: f64, faults: &[FaultWindow]) -> Option<Markup> {
    let faults = &faults[..faults.len().min(WINDOWS)];
    let end = faults.iter().map(|fault| fault.to.seconds().min(1e9)).fold(seconds.max(0.001), f64::max);
    if faults.is_empty() || !end.is_finite() {
        return None;
    }
    let mut kinds: Vec<&str> = Vec::new();
    for fault in faults {
        if !kinds.contains(&fault.kind.as_str()) && kinds.len() < KINDS {
            kinds.push(&fault.kind);
        }
    }
    let place = |at: f64| LEFT + (at / end).clamp(0.0, 1.0) * (WIDTH - LEFT - 2.0);
    let height = kinds.len() as f64 * ROW + 15.0;
    let body = html! {
        @for (row, kind) in kinds.iter().enumerate() {
            @let y = row as f64 * ROW;
            (label("", Anchor::End, (LEFT - 6.0, y + 10.5), &fit(kind, 11.0, LEFT - 8.0)))
            (window("track", LEFT, WIDTH - 2.0, y, None))
            @for fault in faults.iter().filter(|fault| fault.kind == **kind) {
                @let (from, to) = (place(fault.from.seconds()), place(fault.to.seconds()));
                (window("fault", from, to.max(from + 2.0), y, Some(&words(fault))))
            }
        }
        (line("axis", (LEFT, height - 13.0), (WIDTH - 2.0, height - 13.0)))
        (label("", Anchor::Start, (LEFT, height - 2.0), "0"))
        (label("", Anchor::End, (WIDTH - 2.0, height - 2.0), &duration(end)))
    };
    let mut desc: String = faults.iter().take(8).map(words).collect::<Vec<_>>().join("; ");
    if faults.len() > 8 {
        desc.push_str(&format!("; and {} more", faults.len() - 8));
    }
    Some(
        Frame { id, title: "Faults over the time of the case", desc: &desc, width: WIDTH, height }
            .draw("timeline", body),
    )
}

fn words(fault: &FaultWindow) -> String {
    format!("{} {}: {}", text::name(&fault.kind), span(fault.from, fault.to), text::cut(&fault.description, 80))
}

fn window(class: &str, from: f64, to: f64, y: f64, title: Option<&str>) -> Markup {
    html! {
        rect class=(class) x=(coordinate(from)) y=(coordinate(y + 2.0)) rx="2"
            width=(coordinate(to - from)) height=(coordinate(ROW - 6.0)) {
            @if let Some(words) = title { title { (words) } }
        }
    }
}
