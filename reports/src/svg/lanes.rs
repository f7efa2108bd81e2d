//! Operations as bars in one lane a process, time from left to right: what overlaps, and what came before what.

use super::{Anchor, Frame, fit, label, line, rect, text_width};
use crate::{
    lanes::{Clock, Layout, Moment, Room},
    number::coordinate,
    text,
};
use harness::{
    explanation::{Bar, Diagram},
    report::span,
    verdict::FaultWindow,
};
use maud::{Markup, html};

/// Size of the labels, as in `figure.css`.
const SIZE: f64 = 12.5;
/// Height of a row, and of the bar in it.
const ROW: f64 = 38.0;
const BAR: f64 = 26.0;
/// Room above the rows, and for a line of faults.
const HEAD: f64 = 10.0;
const FAULT: f64 = 30.0;
/// Room below the rows for the axis.
const FOOT: f64 = 34.0;
/// Width of the lanes where less would do, and at most where it can be helped.
const USUAL: f64 = 850.0;
const WIDEST: f64 = 900.0;
/// How far an open bar goes on behind everything else.
const TAIL: f64 = 26.0;
/// How much wider bold letters are.
const BOLD: f64 = 1.1;
/// Faults that are drawn.
const FAULTS: usize = 4;
/// How long labels may be, and whether they stand in their bars or behind them; the first that fits is taken.
const LABELS: [(usize, bool); 7] =
    [(48, true), (36, true), (48, false), (36, false), (24, false), (14, false), (0, false)];

/// Where everything stands.
struct Stage<'d> {
    diagram: &'d Diagram,
    layout: Layout<'d>,
    faults: Vec<&'d FaultWindow>,
    clock: Clock,
    limit: usize,
    left: f64,
    top: f64,
}

/// The figure; none when there is no operation.
pub fn lanes(id: &str, diagram: &Diagram) -> Option<Markup> {
    let stage = Stage::new(diagram)?;
    let height = stage.bottom() + FOOT;
    let width = stage.right() + 44.0;
    let body = html! {
        @for fault in stage.faults.iter().enumerate() { (stage.fault(fault)) }
        (stage.lines())
        @for bar in diagram.bars.iter().filter(|bar| bar.highlight) { (stage.guides(bar)) }
        (stage.axis())
        @for (row, (_, bars)) in stage.layout.rows.iter().enumerate() {
            @for bar in bars { (stage.bar(row, bar)) }
        }
    };
    let desc = describe(diagram, &stage.clock);
    Some(Frame { id, title: "Operations over time", desc: &desc, width, height }.draw("lanes", body))
}

/// One operation in words; also the text alternative of the figure.
pub fn sentence(diagram: &Diagram, bar: &Bar) -> String {
    words(diagram, bar, &Clock::of(diagram))
}

fn words(diagram: &Diagram, bar: &Bar, clock: &Clock) -> String {
    let lane = diagram.lanes.get(bar.lane as usize).map(|name| text::cut(name, 24)).unwrap_or_default();
    format!("{} {lane}: {} ({})", text::cut(&bar.name, 12), text::cut(&bar.label, 160), clock.span(bar))
}

fn describe(diagram: &Diagram, clock: &Clock) -> String {
    let bars = diagram.bars.iter().take(24).map(|bar| {
        let mark = if bar.highlight { "; this is the one that cannot be explained" } else { "" };
        words(diagram, bar, clock) + mark
    });
    bars.collect::<Vec<_>>().join(". ") + "."
}

impl<'d> Stage<'d> {
    fn new(diagram: &'d Diagram) -> Option<Self> {
        let first = diagram.bars.iter().map(|bar| bar.call).min()?;
        let last = diagram.bars.iter().map(|bar| bar.ret.unwrap_or(bar.call)).max()?;
        let touches = |fault: &&FaultWindow| diagram.nanoseconds && fault.from.0 <= last && fault.to.0 >= first;
        let faults: Vec<&FaultWindow> = diagram.faults.iter().filter(touches).take(FAULTS).collect();
        let further: Vec<Moment> = faults.iter().flat_map(|fault| edges(fault, first, last)).flatten().collect();
        let (limit, layout) = fitted(diagram, &further);
        let names = diagram.lanes.iter().map(|name| text_width(&fit(name, SIZE, 110.0), SIZE)).fold(30.0, f64::max);
        let top = HEAD + faults.len() as f64 * FAULT;
        Some(Self { diagram, layout, faults, clock: Clock::of(diagram), limit, left: names + 44.0, top })
    }

    fn bottom(&self) -> f64 {
        self.top + self.layout.rows.len() as f64 * ROW
    }

    fn right(&self) -> f64 {
        self.left + self.layout.width()
    }

    /// The names of the lanes, and the lines that the bars lie on.
    fn lines(&self) -> Markup {
        let mut last = None;
        html! {
            @for (row, (lane, _)) in self.layout.rows.iter().enumerate() {
                @let middle = self.top + (row as f64 + 0.5) * ROW;
                (line("life", (self.left - 8.0, middle), (self.right() + TAIL, middle)))
                @if last.replace(*lane) != Some(*lane) {
                    @let name = self.diagram.lanes.get(*lane).map(|name| fit(name, SIZE, 110.0)).unwrap_or_default();
                    (label("strong", Anchor::End, (self.left - 22.0, middle + 4.5), &name))
                }
            }
        }
    }

    /// An operation: its name and what it did, in a bar from its call to its return.
    fn bar(&self, row: usize, bar: &Bar) -> Markup {
        let (start, end) = self.layout.span(bar);
        let (x, y) = (self.left + start, self.top + row as f64 * ROW + (ROW - BAR) / 2.0);
        let width = end - start;
        let name = text::cut(&bar.name, 12);
        let label = text::cut(&bar.label, self.limit.max(1));
        let inside = name_width(bar) + label_width(bar, &label) + 16.0 <= width;
        let room = if inside { width } else { self.layout.room(bar) };
        let label = fit(&bar.label, SIZE, (room - name_width(bar) - 20.0).min(label_width(bar, &label) + 1.0));
        let label = if self.limit == 0 { String::new() } else { label };
        let open = bar.ret.is_none();
        let class = match (bar.highlight, open) {
            (true, true) => "hot open",
            (true, false) => "hot",
            (false, true) => "plain open",
            (false, false) => "plain",
        };
        html! {
            g class=(class) {
                title { (self::words(self.diagram, bar, &self.clock)) }
                @if open {
                    (endless(x, y, width + TAIL))
                } @else {
                    (rect("bar", (x, y), width, BAR))
                }
                @if inside || open {
                    text class="words" x=(coordinate(x + width / 2.0)) y=(coordinate(y + 17.5)) text-anchor="middle" {
                        tspan class="name" { (name) } @if !label.is_empty() { " " (label) }
                    }
                } @else {
                    text class="words" x=(coordinate(x + width / 2.0)) y=(coordinate(y + 17.5)) text-anchor="middle" {
                        tspan class="name" { (name) }
                    }
                    text class="words halo" x=(coordinate(x + width + 6.0)) y=(coordinate(y + 17.5)) { (label) }
                }
            }
        }
    }

    /// Where the marked operation begins and ends, through all lanes.
    fn guides(&self, bar: &Bar) -> Markup {
        let (start, end) = self.layout.span(bar);
        let ends = [Some(start), bar.ret.map(|_| end)];
        html! {
            @for place in ends.into_iter().flatten() {
                (line("guide", (self.left + place, self.top - 4.0), (self.left + place, self.bottom() + 6.0)))
            }
        }
    }

    /// The axis with the times that have room, those of the marked operation first.
    fn axis(&self) -> Markup {
        let y = self.bottom() + 6.0;
        let mut taken: Vec<(f64, f64, String)> = Vec::new();
        for (at, place) in self.layout.times(self.diagram) {
            let text = self.clock.tick(at);
            let half = text_width(&text, 11.5) / 2.0;
            if taken.iter().all(|(other, wide, _)| (other - place).abs() > half + wide + 8.0) {
                taken.push((place, half, text));
            }
        }
        html! {
            (line("axis", (self.left - 8.0, y), (self.right() + TAIL, y)))
            (label("time", Anchor::End, (self.left - 34.0, y + 18.0), self.clock.unit()))
            @for (place, _, text) in &taken {
                (line("axis", (self.left + place, y), (self.left + place, y + 5.0)))
                (label("time", Anchor::Middle, (self.left + place, y + 18.0), text))
            }
        }
    }

    /// A fault: a shade over its time, and its words above.
    fn fault(&self, (line_of, fault): (usize, &&FaultWindow)) -> Markup {
        let first = self.diagram.bars.iter().map(|bar| bar.call).min().unwrap_or(0);
        let last = self.diagram.bars.iter().map(|bar| bar.ret.unwrap_or(bar.call)).max().unwrap_or(0);
        let [from, to] = edges(fault, first, last);
        let left = from.map_or(self.left - 8.0, |moment| self.left + self.layout.place(moment));
        let right = to.map_or(self.right() + TAIL, |moment| self.left + self.layout.place(moment)).max(left + 3.0);
        let y = 4.0 + line_of as f64 * FAULT;
        let words = format!("{} {}", text::cut(&fault.kind, 24), text::cut(&fault.description, 90));
        let when = span(fault.from, fault.to);
        // The words begin with the shade, and are moved to the left where they would leave the figure.
        let words = fit(&words, 12.0, self.right() - self.left - text_width(&when, 11.5));
        let long = text_width(&words, 12.0) + text_width(&when, 11.5) + 12.0;
        let x = left.min(self.right() + TAIL - long).max(self.left - 8.0);
        html! {
            g class="fault" {
                title { (words) " " (when) }
                (rect("band", (left, y + 18.0), right - left, self.bottom() + 6.0 - y - 18.0))
                @for (x, moment) in [(left, from), (right, to)] {
                    @if moment.is_some() { (line("edge", (x, y + 18.0), (x, self.bottom() + 6.0))) }
                }
                (line("bracket", (left, y + 18.0), (right, y + 18.0)))
                text x=(coordinate(x)) y=(coordinate(y + 12.0)) {
                    (words) tspan class="when" dx="8" { (when) }
                }
            }
        }
    }
}

/// Begin and end of a fault, where they lie in the time of the diagram.
fn edges(fault: &FaultWindow, first: u64, last: u64) -> [Option<Moment>; 2] {
    let inside = |at: u64, end: bool| (first < at && at < last).then_some(Moment { at, end });
    [inside(fault.from.0, false), inside(fault.to.0, true)]
}

/// The layout with the longest labels that fit.
fn fitted<'d>(diagram: &'d Diagram, further: &[Moment]) -> (usize, Layout<'d>) {
    let with = |(limit, inside): (usize, bool)| {
        let whole = |bar: &Bar| {
            let label = if limit == 0 { 0.0 } else { label_width(bar, &text::cut(&bar.label, limit)) + 10.0 };
            name_width(bar) + label + 22.0
        };
        let bar = |bar: &Bar| if inside || bar.ret.is_none() { whole(bar) } else { name_width(bar) + 16.0 };
        let slot = |bar: &Bar| whole(bar) + 8.0;
        Layout::new(diagram, further, &Room { gap: 10.0, bar: &bar, slot: &slot, width: USUAL })
    };
    let mut all = LABELS.iter().map(|label| (label.0, with(*label)));
    all.find(|(_, layout)| layout.width() <= WIDEST).unwrap_or_else(|| (0, with((0, false))))
}

fn name_width(bar: &Bar) -> f64 {
    text_width(&text::cut(&bar.name, 12), SIZE) * BOLD
}

fn label_width(bar: &Bar, label: &str) -> f64 {
    text_width(label, SIZE) * if bar.highlight { BOLD } else { 1.0 }
}

/// A bar without an end: open at the right.
fn endless(x: f64, y: f64, width: f64) -> Markup {
    let (left, right, top, bottom) = (coordinate(x), coordinate(x + width), coordinate(y), coordinate(y + BAR));
    html! {
        (rect("inside", (x, y), width, BAR))
        path class="bar" d={ "M" (right) " " (top) "H" (left) "V" (bottom) "H" (right) } {}
    }
}
