//! The lane diagram in text: `├─ ① write 3 ─┤`, one line a process, at most a hundred columns.

use crate::{
    format::human::{Ink, Style, wrap},
    lanes::{Clock, Layout, Room},
    text::{self, columns},
};
use harness::{
    explanation::{Bar, Diagram},
    report::span,
};

/// Columns of a line.
const WIDTH: usize = 100;
/// Columns of the margin before the names.
const MARGIN: usize = 5;
/// Columns that a diagram takes where less would do.
const USUAL: f64 = 64.0;
/// How long labels may be below the diagram.
const LISTED: usize = 160;
/// How long labels may be, and whether they stand in their bars or behind them; the first that fits is taken. At 0 only
/// names are left.
const LABELS: [(usize, bool); 8] =
    [(48, true), (36, true), (28, true), (48, false), (28, false), (20, false), (14, false), (0, false)];

/// The diagram, with faults above it and what did not fit below it; empty where there is no bar.
pub fn lanes(style: Style, diagram: &Diagram) -> String {
    if diagram.bars.is_empty() {
        return String::new();
    }
    let names = diagram.lanes.iter().map(|name| columns(&text::cut(name, 16))).max().unwrap_or(0).max("event".len());
    let left = MARGIN + names + 4;
    let (limit, layout) = fitted(diagram, WIDTH - left);
    let mut out = String::new();
    for fault in diagram.faults.iter().take(4) {
        let what = format!("{} {}", text::cut(&fault.kind, 16), text::cut(&fault.description, 50));
        let line = format!("~~ {} ({})", what.trim_end(), span(fault.from, fault.to));
        out.push_str(&format!("{:MARGIN$}{}\n", "", style.paint(Ink::Warn, &line)));
    }
    let mut last = None;
    for (lane, bars) in &layout.rows {
        let first = last.replace(*lane) != Some(*lane);
        let name = if first { diagram.lanes.get(*lane).map(|name| text::cut(name, 16)) } else { None };
        let hot = bars.iter().any(|bar| bar.highlight);
        let name = pad(&name.unwrap_or_default(), names);
        let mark = if hot { style.paint(Ink::Bad, ">") } else { " ".into() };
        let row = row(style, &layout, bars, limit);
        out.push_str(&format!("{:MARGIN$}{mark} {name}  {row}\n", ""));
    }
    out.push_str(&axis(style, diagram, &layout, names));
    out.push_str(&list(diagram, limit));
    out
}

/// The layout with the longest labels that fit into this many columns.
fn fitted(diagram: &Diagram, room: usize) -> (usize, Layout<'_>) {
    let with = |(limit, inside): (usize, bool)| {
        let whole = |bar: &Bar| columns(&words(bar, limit)) as f64 + 5.0;
        let bar = |bar: &Bar| match inside || (bar.ret.is_none() && limit > 0) {
            true => whole(bar),
            false => columns(&name(bar)) as f64 + 1.0,
        };
        let gap = if inside { 2.0 } else { 1.0 };
        let slot = |bar: &Bar| if limit > 0 { whole(bar) } else { columns(&name(bar)) as f64 + 2.0 };
        Layout::new(diagram, &[], &Room { gap, bar: &bar, slot: &slot, width: USUAL.min(room as f64) })
    };
    let mut all = LABELS.iter().map(|label| (label.0, with(*label)));
    all.find(|(_, layout)| layout.width() <= room as f64).unwrap_or_else(|| (0, with((0, false))))
}

fn name(bar: &Bar) -> String {
    text::cut(&bar.name, 12)
}

/// A bar's name and label.
fn words(bar: &Bar, limit: usize) -> String {
    match limit {
        0 => name(bar),
        _ => format!("{} {}", name(bar), text::cut(&bar.label, limit)),
    }
}

/// The bars of one line.
fn row(style: Style, layout: &Layout<'_>, bars: &[&Bar], limit: usize) -> String {
    let mut row = String::new();
    let mut at = 0;
    for bar in bars {
        let (start, end) = layout.span(bar);
        let (start, end) = (start.floor() as usize, end.floor() as usize);
        row.push_str(&" ".repeat(start.saturating_sub(at)));
        let drawn = drawn(bar, limit, end - start);
        at = start.max(at) + columns(&drawn);
        row.push_str(&if bar.highlight { style.paint(Ink::Bad, &drawn) } else { drawn });
    }
    row
}

/// A bar from its first to its last column: `├─ ① write 3 ─┤`, or `├①┤ write 3` where it is too short; double where it
/// is marked, open where it never ended.
fn drawn(bar: &Bar, limit: usize, length: usize) -> String {
    let (begin, dash, end) = match (bar.highlight, bar.ret.is_some()) {
        (false, true) => ('├', '─', '┤'),
        (true, true) => ('╞', '═', '╡'),
        (false, false) => ('├', '─', '…'),
        (true, false) => ('╞', '═', '…'),
    };
    let dashes = |count: usize| std::iter::repeat_n(dash, count).collect::<String>();
    let words = words(bar, limit);
    if let Some(spare) = length.checked_sub(columns(&words) + 3) {
        return format!("{begin}{} {words} {}{end}", dashes(spare / 2), dashes(spare - spare / 2));
    }
    let spare = length.saturating_sub(columns(&name(bar)) + 1);
    let label = if limit > 0 { format!(" {}", text::cut(&bar.label, limit)) } else { String::new() };
    format!("{begin}{}{}{}{end}{label}", dashes(spare / 2), name(bar), dashes(spare - spare / 2))
}

/// The axis and the times at it that have room.
fn axis(style: Style, diagram: &Diagram, layout: &Layout<'_>, names: usize) -> String {
    let clock = Clock::of(diagram);
    let width = layout.width().floor() as usize + 1;
    let mut line = vec!['─'; width];
    let mut taken: Vec<(usize, String)> = Vec::new();
    for (at, place) in layout.times(diagram) {
        let label = clock.tick(at);
        let (place, length) = (place.floor() as usize, label.chars().count());
        // Under its tick, but not beyond the end of the axis where it can be helped.
        let start = place.saturating_sub(length / 2).min(width.saturating_sub(length));
        let free =
            |(other, text): &(usize, String)| start > other + text.chars().count() + 1 || start + length + 1 < *other;
        if taken.iter().all(free) {
            line[place.min(width - 1)] = '┴';
            taken.push((start, label));
        }
    }
    taken.sort();
    let mut labels = String::new();
    for (start, label) in taken {
        labels.push_str(&" ".repeat(start.saturating_sub(labels.chars().count())));
        labels.push_str(&label);
    }
    let (line, unit) = (line.into_iter().collect::<String>(), pad(clock.unit(), names));
    let indent = MARGIN + 2;
    let (line, labels) = (style.paint(Ink::Faint, &line), style.paint(Ink::Faint, &labels));
    format!("{:indent$}{:names$}  {line}\n{:indent$}{unit}  {labels}\n", "", "", "")
}

/// What the bars had no room for, wrapped under itself.
fn list(diagram: &Diagram, limit: usize) -> String {
    let complete = |bar: &&Bar| limit > 0 && text::cut(&bar.label, limit) == text::cut(&bar.label, LISTED);
    let names = diagram.bars.iter().map(|bar| columns(&name(bar))).max().unwrap_or(0);
    let indent = MARGIN + 2 + names + 2;
    let mut out = String::new();
    for bar in diagram.bars.iter().filter(|bar| !complete(bar)) {
        let lane = diagram.lanes.get(bar.lane as usize).map(|name| text::cut(name, 16)).unwrap_or_default();
        let words = wrap(&format!("{lane}: {}", text::cut(&bar.label, LISTED)), WIDTH - indent);
        let words = words.join(&format!("\n{:indent$}", ""));
        out.push_str(&format!("{:MARGIN$}  {}  {words}\n", "", pad(&name(bar), names)));
    }
    out
}

/// Spaces to the width.
fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, lane: u32, call: u64, ret: Option<u64>, label: &str) -> Bar {
        Bar { name: name.into(), index: 0, lane, call, ret, label: label.into(), highlight: label.starts_with("read") }
    }

    fn diagram() -> Diagram {
        Diagram {
            lanes: vec!["c0".into(), "c1".into(), "c2".into()],
            bars: vec![
                bar("①", 0, 1_000_000, Some(20_000_000), "write 3"),
                bar("②", 1, 30_000_000, Some(50_000_000), "write 4"),
                bar("③", 2, 40_000_000, None, "write 9 → ?"),
                bar("④", 0, 60_000_000, Some(70_000_000), "read → 3"),
            ],
            nanoseconds: true,
            ..Diagram::default()
        }
    }

    #[test]
    fn a_diagram_is_read_at_once() {
        let expected = "
     > c0     ├─── ① write 3 ───┤                         ╞══ ④ read → 3 ═══╡
       c1                           ├─── ② write 4 ───┤
       c2                               ├─────────── ③ write 9 → ? ───────────…
              ┴─────────────────┴─────────────────────────┴─────────────────┴──
       time   0.001 s        0.020 s                   0.060 s          0.070 s
";
        assert_eq!(format!("\n{}", lanes(Style::Plain, &diagram())), expected);
    }

    #[test]
    fn every_line_fits_however_much_there_is_to_say() {
        let long = "append some-key-that-is-long 123456789".repeat(3);
        for (name, length) in [("⑫", 5), ("T20600", 11)] {
            let bar = |index: u64| bar(name, index as u32 % 3, index * 10, Some(index * 10 + length), &long);
            let text = lanes(Style::Plain, &Diagram { bars: (0..12).map(bar).collect(), ..diagram() });
            let widest = text.lines().filter(|line| line.contains(['├', '┴'])).map(columns).max();
            assert!(widest <= Some(WIDTH), "{widest:?}\n{text}");
            assert_eq!(text.lines().filter(|line| line.contains(": append some-key")).count(), 12, "{text}");
        }
    }

    #[test]
    fn the_marked_bar_is_marked_without_colour() {
        let mut unmarked = diagram();
        unmarked.bars[3].highlight = false;
        let (marked, unmarked) = (lanes(Style::Plain, &diagram()), lanes(Style::Plain, &unmarked));
        assert!(marked.contains("     > c0") && marked.contains("╞═") && !unmarked.contains(['>', '═']));
        let colour = lanes(Style::Ansi, &diagram());
        assert!(colour.contains("\u{1b}[1;31m╞══ ④ read → 3 ═══╡\u{1b}[0m"), "{colour}");
    }

    #[test]
    fn what_a_bar_has_no_room_for_stands_below() {
        let mut one = diagram();
        one.bars[1].label = format!("write {}", "4".repeat(60));
        let text = lanes(Style::Plain, &one);
        assert!(text.contains(&format!("       ②  c1: write {}\n", "4".repeat(60))), "{text}");
        assert!(!lanes(Style::Plain, &diagram()).contains("c1:"));
        assert_eq!(lanes(Style::Plain, &Diagram::default()), "");
    }
}
