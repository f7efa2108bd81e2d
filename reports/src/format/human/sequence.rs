//! The messages of a finding as a small figure in text: one column a participant, one row a message.

use super::{Ink, Style};
use crate::{number, text};
use harness::{
    report::span,
    time::Offset,
    verdict::{Arrow, Evidence},
};

/// Messages shown; those that show the violation come first.
const ARROWS: usize = 12;
/// Participants that fit beside each other; with more the figure becomes a list.
const LANES: usize = 8;
/// Columns of one participant.
const COLUMN: usize = 8;

/// The figure, empty when the evidence has no messages.
pub fn sequence(style: Style, evidence: &Evidence) -> String {
    let shown = selection(&evidence.arrows);
    if shown.is_empty() {
        return String::new();
    }
    let lanes = lanes(evidence, &shown);
    let drawn = lanes.len() <= LANES;
    let mut out = String::new();
    if drawn {
        let names: String = lanes.iter().map(|lane| format!("{:^COLUMN$}", text::cut(lane, COLUMN - 1))).collect();
        out.push_str(&format!("{:19}{}\n", "", names.trim_end()));
    }
    let mut faults: Vec<_> = evidence.faults.iter().take(ARROWS).collect();
    faults.sort_by_key(|fault| fault.from);
    let mut faults = faults.into_iter().peekable();
    let mut last = None;
    for &index in &shown {
        let arrow = &evidence.arrows[index];
        out.push_str(&skipped(last.map_or(index, |last: usize| index - last - 1)));
        last = Some(index);
        while let Some(fault) = faults.next_if(|fault| fault.from <= arrow.sent) {
            let what = format!("{} {}", text::cut(&fault.kind, 16), text::cut(&fault.description, 60));
            let line = format!("~~ {} ({})", what.trim_end(), span(fault.from, fault.to));
            out.push_str(&format!("{}{}\n", time(fault.from, ' '), style.paint(Ink::Warn, &line)));
        }
        let row = if drawn { drawing(&lanes, arrow) } else { listing(arrow) };
        let mark = if arrow.highlight { '>' } else { ' ' };
        let label = label(arrow);
        let label = if arrow.highlight { style.paint(Ink::Bad, &label) } else { label };
        out.push_str(&format!("{}{row}  {label}\n", time(arrow.sent, mark)));
    }
    out.push_str(&skipped(evidence.arrows.len() - 1 - last.unwrap_or(0)));
    out
}

/// The places of the messages to show: the highlighted ones and those closest to them.
fn selection(arrows: &[Arrow]) -> Vec<usize> {
    let marked: Vec<usize> = (0..arrows.len()).filter(|&index| arrows[index].highlight).collect();
    let distance = |index: usize| marked.iter().map(|&mark| mark.abs_diff(index)).min().unwrap_or(index);
    let mut order: Vec<usize> = (0..arrows.len()).collect();
    order.sort_by_key(|&index| (distance(index), index));
    order.truncate(ARROWS);
    order.sort_unstable();
    order
}

/// The participants of the shown messages, in the evidence's order.
fn lanes<'a>(evidence: &'a Evidence, shown: &[usize]) -> Vec<&'a str> {
    let mut used: Vec<&str> = Vec::new();
    let ends = shown.iter().flat_map(|&index| [&evidence.arrows[index].from, &evidence.arrows[index].to]);
    for end in ends {
        if !used.contains(&end.as_str()) {
            used.push(end);
        }
    }
    used.sort_by_key(|name| evidence.lanes.iter().position(|lane| lane == name).unwrap_or(usize::MAX));
    used
}

/// A message drawn across the columns: `├──────>│       │`.
fn drawing(lanes: &[&str], arrow: &Arrow) -> String {
    let center = |lane: usize| lane * COLUMN + COLUMN / 2;
    let place = |name: &str| lanes.iter().position(|lane| *lane == name).map_or(0, center);
    let (from, to) = (place(&arrow.from), place(&arrow.to));
    let mut row = vec![' '; lanes.len() * COLUMN];
    (0..lanes.len()).for_each(|lane| row[center(lane)] = '│');
    let (left, right) = (from.min(to), from.max(to));
    for cell in &mut row[(left + 1).min(right)..right] {
        *cell = if *cell == '│' { '┼' } else { '─' };
    }
    row[from] = match to.cmp(&from) {
        std::cmp::Ordering::Greater => '├',
        std::cmp::Ordering::Less => '┤',
        std::cmp::Ordering::Equal => '●',
    };
    if from != to {
        let tip = if to > from { to - 1 } else { to + 1 };
        row[tip] = match (&arrow.dropped, arrow.received) {
            (Some(_), _) => '×',
            (None, None) => '?',
            (None, Some(_)) if to > from => '>',
            (None, Some(_)) => '<',
        };
    }
    row.into_iter().collect::<String>().trim_end().to_owned() + &" ".repeat(COLUMN / 2 - 1)
}

fn listing(arrow: &Arrow) -> String {
    format!("{:>8} -> {:<8}", text::cut(&arrow.from, 8), text::cut(&arrow.to, 8))
}

/// The words of a message, and when or why not it arrived.
fn label(arrow: &Arrow) -> String {
    let words = text::cut(&arrow.label, 48);
    match (&arrow.dropped, arrow.received) {
        (Some(reason), _) => format!("{words}  × {}", text::cut(reason, 24)),
        (None, None) => format!("{words}  ? not received"),
        (None, Some(at)) => format!("{words}  +{}", number::duration(at.since(arrow.sent).as_secs_f64())),
    }
}

/// The left margin with the time of the case.
fn time(at: Offset, mark: char) -> String {
    format!("     {mark} {:>8.3} s  ", at.seconds())
}

fn skipped(messages: usize) -> String {
    match messages {
        0 => String::new(),
        many => format!("{:17}… {}\n", "", number::plural(many as u64, "other message", "other messages")),
    }
}
