//! A cycle of transactions: each depends on the one before it, so none of them can be the first.

use super::{Anchor, Frame, fit, label, rect, text_width};
use crate::{number::coordinate, text};
use harness::explanation::{Explanation, Step};
use maud::{Markup, html};

/// Size of the labels, as in `figure.css`.
const SIZE: f64 = 12.5;
/// Half the width and half the height of a box.
const HALF: (f64, f64) = (118.0, 29.0);
/// Transactions that are drawn; a longer cycle is told in words only.
const NODES: usize = 12;
/// Distance of boxes that stand below each other.
const STEP: f64 = 112.0;
/// Room around the boxes.
const EDGE: f64 = 8.0;

/// The figure; none when there is no cycle, or one that is too long to be drawn.
pub fn cycle(id: &str, explanation: &Explanation) -> Option<Markup> {
    let steps = &explanation.cycle;
    if !(2..=NODES).contains(&steps.len()) {
        return None;
    }
    let (places, width, height) = places(steps.len());
    let next = |index: usize| (index + 1) % steps.len();
    let arrows: Vec<Arrow> = (0..steps.len()).map(|index| Arrow::new(&places, index, next(index))).collect();
    let body = html! {
        @for (step, arrow) in steps.iter().zip(&arrows) { (drawn(step, arrow)) }
        @for (step, place) in steps.iter().zip(&places) { (node(explanation, &step.from, *place)) }
        // Words last: no line crosses a word.
        @for (step, arrow) in steps.iter().zip(&arrows) { (kind(step, arrow)) }
    };
    let desc = describe(steps);
    Some(Frame { id, title: "Cycle of transactions", desc: &desc, width, height }.draw("cycle", body))
}

fn describe(steps: &[Step]) -> String {
    let step = |step: &Step| {
        let name = |name: &str| text::cut(name, 12);
        format!("{} before {} ({})", name(&step.from), name(&step.to), text::cut(&step.kind, 16))
    };
    steps.iter().map(step).collect::<Vec<_>>().join(", ") + ": back to the first."
}

/// Where the boxes stand, and the size of the figure: two beside each other, three in a triangle, more in two columns,
/// down on the right and up on the left.
fn places(count: usize) -> (Vec<(f64, f64)>, f64, f64) {
    let (left, right) = (HALF.0 + EDGE, HALF.0 * 3.0 + 150.0);
    let width = right + HALF.0 + EDGE;
    let top = HALF.1 + EDGE;
    match count {
        2 => (vec![(left, top + 26.0), (right, top + 26.0)], width, (top + 26.0) * 2.0),
        3 => (vec![(width / 2.0, top), (right, top + 136.0), (left, top + 136.0)], width, top * 2.0 + 136.0),
        _ => {
            let down = count.div_ceil(2);
            let low = top + (down - 1) as f64 * STEP;
            let rise = (low - top) / (count - down - 1).max(1) as f64;
            let place = |index: usize| match index < down {
                true => (right, top + index as f64 * STEP),
                false => (left, low - (index - down) as f64 * rise),
            };
            ((0..count).map(place).collect(), width, low + HALF.1 + EDGE)
        }
    }
}

/// A curve from one box to another.
struct Arrow {
    from: (f64, f64),
    over: (f64, f64),
    to: (f64, f64),
}

impl Arrow {
    fn new(places: &[(f64, f64)], from: usize, to: usize) -> Self {
        let (start, end) = (places[from], places[to]);
        let middle = ((start.0 + end.0) / 2.0, (start.1 + end.1) / 2.0);
        // Two boxes have an arrow each way: one passes above, one below.
        let over = match places.len() {
            2 => (middle.0, middle.1 + if from == 0 { -58.0 } else { 58.0 }),
            _ => middle,
        };
        Self { from: border(start, over), over, to: border(end, over) }
    }

    /// The point half-way.
    fn middle(&self) -> (f64, f64) {
        let of = |from: f64, over: f64, to: f64| (from + 2.0 * over + to) / 4.0;
        (of(self.from.0, self.over.0, self.to.0), of(self.from.1, self.over.1, self.to.1))
    }
}

/// Where the line from the middle of a box to a point leaves the box, with some air.
fn border(center: (f64, f64), towards: (f64, f64)) -> (f64, f64) {
    let (dx, dy) = (towards.0 - center.0, towards.1 - center.1);
    let reach = |half: f64, along: f64| if along.abs() < 1e-9 { f64::INFINITY } else { (half + 3.0) / along.abs() };
    let share = reach(HALF.0, dx).min(reach(HALF.1, dy)).min(1.0);
    (center.0 + dx * share, center.1 + dy * share)
}

/// The class of an edge: what is read, what is overwritten, and what only time says.
fn class(step: &Step) -> &'static str {
    match &*step.kind {
        "rw" => "rw",
        "ww" | "wr" => "data",
        _ => "order",
    }
}

fn drawn(step: &Step, arrow: &Arrow) -> Markup {
    let inferred = !step.premises.is_empty();
    let point = |(x, y): (f64, f64)| format!("{} {}", coordinate(x), coordinate(y));
    html! {
        g class={ (class(step)) @if inferred { " inferred" } } {
            title { (text::prose(&step.reason)) }
            path class="arrow" d={ "M" (point(arrow.from)) "Q" (point(arrow.over)) " " (point(arrow.to)) } {}
            (tip(arrow))
        }
    }
}

/// The head of an arrow, turned the way of its end.
fn tip(arrow: &Arrow) -> Markup {
    let (end, before) = (arrow.to, if arrow.over == arrow.to { arrow.from } else { arrow.over });
    let (dx, dy) = (end.0 - before.0, end.1 - before.1);
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length, dy / length);
    let at = |back: f64, side: f64| {
        let (x, y) = (end.0 - ux * back - uy * side, end.1 - uy * back + ux * side);
        format!("{},{}", coordinate(x), coordinate(y))
    };
    html! { polygon class="tip" points={ (at(0.0, 0.0)) " " (at(10.0, 4.5)) " " (at(10.0, -4.5)) } {} }
}

fn kind(step: &Step, arrow: &Arrow) -> Markup {
    let (x, y) = arrow.middle();
    let short = match &*step.kind {
        "realtime" => "rt".to_owned(),
        kind => text::cut(kind, 10),
    };
    html! { g class=(class(step)) { (label("halo kind", Anchor::Middle, (x, y + 4.5), &short)) } }
}

/// A transaction: its name, and its steps in two lines.
fn node(explanation: &Explanation, name: &str, (x, y): (f64, f64)) -> Markup {
    let bar = explanation.diagram.bars.iter().find(|bar| bar.name == name);
    let lane = bar.and_then(|bar| explanation.diagram.lanes.get(bar.lane as usize));
    let lines = bar.map(|bar| broken(&text::cut(&bar.label, 96))).unwrap_or_default();
    let first = y - lines.len() as f64 * 7.5 + 4.5;
    let who = lane.map(|lane| format!(" of {}", fit(lane, SIZE, 90.0))).unwrap_or_default();
    html! {
        g class="node" {
            @if let Some(bar) = bar { title { (text::cut(&bar.label, 120)) } }
            (rect("box", (x - HALF.0, y - HALF.1), HALF.0 * 2.0, HALF.1 * 2.0))
            text text-anchor="middle" x=(coordinate(x)) y=(coordinate(first)) {
                tspan class="name" { (text::cut(name, 12)) } tspan class="quiet" { (who) }
            }
            @for (index, line) in lines.iter().enumerate() {
                (label("steps", Anchor::Middle, (x, first + 16.0 + index as f64 * 14.5), line))
            }
        }
    }
}

/// The words in one line or two that fit into a box.
fn broken(words: &str) -> Vec<String> {
    let room = HALF.0 * 2.0 - 14.0;
    let (mut first, mut rest) = (String::new(), String::new());
    for word in words.split(' ') {
        let longer = format!("{first}{}{word}", if first.is_empty() { "" } else { " " });
        if rest.is_empty() && text_width(&longer, 11.5) <= room {
            first = longer;
        } else {
            rest = format!("{rest}{}{word}", if rest.is_empty() { "" } else { " " });
        }
    }
    let lines = [fit(&first, 11.5, room), fit(&rest, 11.5, room)];
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}
