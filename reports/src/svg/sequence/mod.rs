//! The messages of a finding: who sent what to whom, when, and what became of it.

mod layout;

use super::{Anchor, Frame, fit, label, line, rect, text_width};
use crate::{
    number::{coordinate, duration},
    text,
};
use harness::{
    report::span,
    verdict::{Arrow, Evidence},
};
use layout::{Band, GUTTER, Gap, HEAD, Layout, Placed};
use maud::{Markup, html};

/// Size of the labels, as in `figure.css`.
const SIZE: f64 = 12.5;

/// The figure; none when the evidence has no message.
pub fn sequence(id: &str, evidence: &Evidence) -> Option<Markup> {
    let layout = Layout::new(evidence)?;
    let body = html! {
        @for band in &layout.bands { (shade(band)) }
        @for (name, x) in &layout.lanes { (lane(name, *x, layout.height)) }
        @for gap in &layout.gaps { (cut(gap, layout.right)) }
        (times(&layout))
        // Lines first, words last: no line crosses a word.
        @for placed in &layout.arrows { (shaft(placed)) }
        @for placed in &layout.arrows { (words(placed, layout.right)) }
        @for band in &layout.bands { (bracket(band, layout.right, layout.width)) }
    };
    let desc = describe(&layout);
    let (width, height) = (layout.width, layout.height);
    Some(Frame { id, title: "Message sequence", desc: &desc, width, height }.draw("sequence", body))
}

/// One message in words; also the text alternative of the figure.
pub fn sentence(arrow: &Arrow) -> String {
    let (from, to) = (text::cut(&arrow.from, 24), text::cut(&arrow.to, 24));
    let outcome = match (&arrow.dropped, arrow.received) {
        (Some(reason), _) => format!("dropped: {}", text::cut(reason, 60)),
        (None, None) => "not received".into(),
        (None, Some(at)) => format!("received after {}", duration(at.since(arrow.sent).as_secs_f64())),
    };
    format!("{from} to {to}: {} ({outcome})", text::cut(&arrow.label, 120))
}

fn describe(layout: &Layout<'_>) -> String {
    let mut desc = format!(
        "{} messages among {}, time downwards and not to scale.",
        layout.arrows.len(),
        layout.lanes.iter().map(|(name, _)| text::cut(name, 16)).collect::<Vec<_>>().join(", "),
    );
    for placed in layout.arrows.iter().filter(|placed| placed.arrow.highlight).take(4) {
        desc.push_str(&format!(" Shows the violation: {} at {}.", sentence(placed.arrow), placed.arrow.sent));
    }
    if layout.hidden > 0 {
        desc.push_str(&format!(" {} further messages are not drawn.", layout.hidden));
    }
    desc
}

fn lane(name: &str, x: f64, height: f64) -> Markup {
    let shown = fit(name, SIZE, 76.0);
    let width = (text_width(&shown, SIZE) + 22.0).max(44.0);
    let client = name.len() > 1 && name.starts_with('c') && name[1..].bytes().all(|byte| byte.is_ascii_digit());
    html! {
        (line("life", (x, 30.0), (x, height)))
        (rect(if client { "head client" } else { "head" }, (x - width / 2.0, 4.0), width, 26.0))
        (label("strong", Anchor::Middle, (x, 21.5), &shown))
    }
}

/// The times in the margin: of every beginning, and of an arrival where there is room.
fn times(layout: &Layout<'_>) -> Markup {
    let mut shown: Vec<(f64, String, bool)> = Vec::new();
    let free = |shown: &[(f64, String, bool)], y: f64| shown.iter().all(|(other, ..)| (other - y).abs() >= 13.0);
    for placed in &layout.arrows {
        let time = placed.arrow.sent.to_string();
        if free(&shown, placed.top) && shown.last().is_none_or(|(_, last, _)| *last != time) {
            shown.push((placed.top, time, false));
        }
    }
    for placed in &layout.arrows {
        let cut = layout.gaps.iter().any(|gap| (gap.middle - placed.bottom).abs() < 13.0);
        if let Some(at) = placed.arrow.received.filter(|_| placed.arrow.dropped.is_none() && !cut)
            && free(&shown, placed.bottom)
        {
            shown.push((placed.bottom, at.to_string(), true));
        }
    }
    html! {
        @for (y, time, late) in &shown {
            (label(if *late { "time late" } else { "time" }, Anchor::End, (GUTTER - 14.0, y + 4.0), time))
        }
    }
}

/// The line of a message with its head, or the mark of its loss.
fn shaft(placed: &Placed<'_>) -> Markup {
    let start = (placed.from, placed.top);
    let direction = if placed.to < placed.from { -1.0 } else { 1.0 };
    if placed.from == placed.to {
        return html! { g class=(class(placed)) { (own(placed)) } };
    }
    let arrives = placed.arrow.dropped.is_none() && placed.arrow.received.is_some();
    let share = if arrives { 1.0 } else { 0.62 };
    let end = (start.0 + (placed.to - start.0) * share, start.1 + (placed.bottom - start.1) * share);
    html! {
        g class=(class(placed)) {
            title { (sentence(placed.arrow)) }
            @if arrives {
                (line("arrow", start, (end.0 - direction * 7.0, end.1)))
                (tip(start, end))
            } @else {
                (line("arrow", start, end))
                @if placed.arrow.dropped.is_some() {
                    (line("cross", (end.0 - 5.0, end.1 - 5.0), (end.0 + 5.0, end.1 + 5.0)))
                    (line("cross", (end.0 - 5.0, end.1 + 5.0), (end.0 + 5.0, end.1 - 5.0)))
                } @else {
                    circle class="open" cx=(coordinate(end.0)) cy=(coordinate(end.1)) r="4.5" {}
                }
            }
        }
    }
}

/// A message of a participant to itself.
fn own(placed: &Placed<'_>) -> Markup {
    let (x, top, bottom) = (coordinate(placed.from), coordinate(placed.top), coordinate(placed.bottom));
    let out = coordinate(placed.from + 30.0);
    html! {
        title { (sentence(placed.arrow)) }
        path class="arrow" d={ "M" (x) " " (top) " C" (out) " " (top) " " (out) " " (bottom) " " (x) " " (bottom) } {}
        circle class="tip" cx=(x) cy=(bottom) r="3.5" {}
    }
}

/// The head of an arrow, turned the way of its line.
fn tip(start: (f64, f64), end: (f64, f64)) -> Markup {
    let (dx, dy) = (end.0 - start.0, end.1 - start.1);
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length, dy / length);
    let at = |back: f64, side: f64| {
        let (x, y) = (end.0 - ux * back - uy * side, end.1 - uy * back + ux * side);
        format!("{},{}", coordinate(x), coordinate(y))
    };
    html! { polygon class="tip" points={ (at(0.0, 0.0)) " " (at(10.0, 4.5)) " " (at(10.0, -4.5)) } {} }
}

fn class(placed: &Placed<'_>) -> &'static str {
    let lost = placed.arrow.dropped.is_some() || placed.arrow.received.is_none();
    match (lost, placed.arrow.highlight) {
        (true, true) => "lost hot",
        (true, false) => "lost",
        (false, true) => "hot",
        (false, false) => "sent",
    }
}

/// The words of a message, above the beginning of its line and inside the figure.
fn words(placed: &Placed<'_>, right: f64) -> Markup {
    let why = match (&placed.arrow.dropped, placed.arrow.received) {
        (Some(reason), _) => format!(" × {}", fit(reason, SIZE, 110.0)),
        (None, None) => " ? not received".into(),
        _ => String::new(),
    };
    let room = right - GUTTER - 24.0 - text_width(&why, SIZE);
    let words = fit(&placed.arrow.label, SIZE, room.min(330.0));
    let width = text_width(&words, SIZE) + text_width(&why, SIZE);
    let wanted = if placed.to < placed.from { placed.from - 9.0 - width } else { placed.from + 9.0 };
    let x = wanted.min(right - width).max(GUTTER + 4.0);
    let leftwards = placed.to < placed.from && x == wanted;
    let (anchor, x) = if leftwards { ("end", placed.from - 9.0) } else { ("start", x) };
    html! {
        g class=(class(placed)) {
            text class="halo" text-anchor=(anchor) x=(coordinate(x)) y=(coordinate(placed.top - 5.0)) {
                (words) @if !why.is_empty() { tspan class="why" { (why) } }
            }
        }
    }
}

/// Where idle time was cut.
fn cut(gap: &Gap, right: f64) -> Markup {
    let y = gap.middle;
    let text = format!("{} idle", duration(gap.seconds));
    html! {
        (line("gap", (GUTTER, y), (right, y)))
        @for edge in [y - 6.0, y + 6.0] { (wave(GUTTER, right, edge)) }
        (label("gap-text", Anchor::End, (GUTTER - 14.0, y + 4.0), &text))
    }
}

/// A wavy line: time was torn out here.
fn wave(left: f64, right: f64, y: f64) -> Markup {
    let count = ((right - left) / 12.0) as usize;
    let mut d = format!("M{} {}", coordinate(left), coordinate(y));
    for index in 0..count {
        d.push_str(if index % 2 == 0 { "q6 -4 12 0" } else { "q6 4 12 0" });
    }
    html! { path class="gap-edge" d=(d) {} }
}

fn shade(band: &Band<'_>) -> Markup {
    html! {
        @for (left, right) in &band.parts {
            (rect("band", (*left, band.top), right - left, band.bottom - band.top))
            @for y in [band.top, band.bottom] {
                @if y >= HEAD { (line("edge", (*left, y), (*right, y))) }
            }
        }
    }
}

/// The bracket at the right of a fault with its words.
fn bracket(band: &Band<'_>, right: f64, width: f64) -> Markup {
    let x = right + 6.0 + band.shift;
    let (top, bottom) = (coordinate(band.top), coordinate(band.bottom));
    let (inner, outer) = (coordinate(x), coordinate(x + 5.0));
    let left = right + 26.0;
    let room = width - left - 2.0;
    let fault = band.fault;
    html! {
        path class="bracket" d={ "M" (inner) " " (top) "H" (outer) "V" (bottom) "H" (inner) } {
            title { (text::line(&fault.description)) }
        }
        (label("fault", Anchor::Start, (left, band.label), &fit(&fault.kind, 12.0, room)))
        (label("fault-more", Anchor::Start, (left, band.label + 15.0), &fit(&fault.description, 11.5, room)))
        (label("fault-more", Anchor::Start, (left, band.label + 29.0), &span(fault.from, fault.to)))
    }
}
