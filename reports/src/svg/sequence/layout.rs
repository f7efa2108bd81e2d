//! Where things stand in a message sequence: lanes from left to right, time downwards.
//!
//! Time is not to scale: moments close together are pulled apart until their labels fit, idle times are cut.

use crate::svg::text_width;
use harness::verdict::{Arrow, Evidence, FaultWindow};

/// Arrows drawn; the highlighted ones and those around them when there are more.
pub const ARROWS: usize = 40;
/// Fault windows drawn.
const FAULTS: usize = 8;
/// Lanes drawn: every arrow could have two of its own.
const LANES: usize = 2 * ARROWS;

/// Width of the margin with the times.
pub const GUTTER: f64 = 76.0;
/// Width of the margin with the faults.
const MARGIN: f64 = 176.0;
/// Height of the heads of the lanes and the room below them.
pub const HEAD: f64 = 64.0;

/// Smallest distance of a moment from the one before it.
const STEP: f64 = 9.0;
/// Smallest distance between the beginnings of two arrows: a line of text and air.
const ROW: f64 = 27.0;
/// Smallest slant of an arrow.
const SLANT: f64 = 9.0;
/// What a usual distance in time becomes, and the largest distance before time is cut.
const USUAL: f64 = 18.0;
const LONGEST: f64 = 50.0;
/// How many times the longest distance an idle time must be to be marked as cut.
const CUT: f64 = 3.0;

/// An arrow and where it stands.
pub struct Placed<'a> {
    pub arrow: &'a Arrow,
    pub from: f64,
    pub to: f64,
    pub top: f64,
    pub bottom: f64,
}

/// A fault, the part of the figure it shades, and where its label stands.
pub struct Band<'a> {
    pub fault: &'a FaultWindow,
    pub top: f64,
    pub bottom: f64,
    /// Left and right edge of each shaded part.
    pub parts: Vec<(f64, f64)>,
    pub label: f64,
    /// How far its bracket is moved to the right, because others stand beside it.
    pub shift: f64,
}

/// An idle time that was cut.
pub struct Gap {
    pub middle: f64,
    pub seconds: f64,
}

/// Everything placed.
pub struct Layout<'a> {
    pub lanes: Vec<(&'a str, f64)>,
    pub arrows: Vec<Placed<'a>>,
    pub bands: Vec<Band<'a>>,
    pub gaps: Vec<Gap>,
    /// Arrows that are not drawn.
    pub hidden: usize,
    /// Right edge of the lanes' area.
    pub right: f64,
    pub width: f64,
    pub height: f64,
}

/// What happens at a moment; the order is that of things that happen at the same time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Receive(usize),
    End(usize),
    Begin(usize),
    Send(usize),
    /// Of an arrow that took no time at all.
    ReceiveAtOnce(usize),
}

impl<'a> Layout<'a> {
    /// Places the evidence; none when it has no arrow.
    pub fn new(evidence: &'a Evidence) -> Option<Self> {
        let shown = selection(&evidence.arrows);
        if shown.is_empty() {
            return None;
        }
        let lanes = lanes(evidence, &shown);
        let right = lanes.last().map_or(GUTTER, |(_, x)| *x) + 40.0;
        let faults = faults(evidence, &shown);
        let axis = Axis::new(&shown, &faults);
        let arrows = shown.iter().enumerate().map(|(index, arrow)| axis.arrow(index, arrow, &lanes)).collect();
        let bands = bands(&faults, &axis, &lanes, right);
        let low = bands.iter().map(|band: &Band<'_>| band.label + 40.0).fold(axis.bottom + 24.0, f64::max);
        let width = if bands.is_empty() { right + 8.0 } else { right + MARGIN };
        let hidden = evidence.arrows.len() - shown.len();
        Some(Self { lanes, arrows, bands, gaps: axis.gaps, hidden, right, width, height: low })
    }
}

/// The arrows to draw: all, or the highlighted ones and those closest to them.
fn selection(arrows: &[Arrow]) -> Vec<&Arrow> {
    let marked: Vec<usize> = (0..arrows.len()).filter(|&index| arrows[index].highlight).take(ARROWS).collect();
    let distance = |index: usize| marked.iter().map(|&mark| mark.abs_diff(index)).min().unwrap_or(index);
    let mut order: Vec<usize> = (0..arrows.len()).collect();
    order.sort_by_key(|&index| (distance(index), index));
    order.truncate(ARROWS);
    order.sort_unstable();
    order.into_iter().map(|index| &arrows[index]).collect()
}

/// The lanes in use, in the evidence's order, with the place of each.
fn lanes<'a>(evidence: &'a Evidence, shown: &[&'a Arrow]) -> Vec<(&'a str, f64)> {
    let mut names: Vec<&str> = Vec::new();
    for name in evidence.lanes.iter().chain(shown.iter().flat_map(|arrow| [&arrow.from, &arrow.to])) {
        let used = shown.iter().any(|arrow| arrow.from == *name || arrow.to == *name);
        if used && !names.contains(&name.as_str()) && names.len() < LANES {
            names.push(name);
        }
    }
    let longest = shown.iter().map(|arrow| text_width(&crate::text::cut(&arrow.label, 40), 12.5)).fold(0.0, f64::max);
    let between = names.len().saturating_sub(1).max(1) as f64;
    // Few lanes stand far enough apart for a label between them, many stand close.
    let gap = (560.0 / between).clamp(92.0, (longest + 40.0).clamp(120.0, 300.0));
    names.into_iter().enumerate().map(|(index, name)| (name, GUTTER + 40.0 + index as f64 * gap)).collect()
}

/// The faults that touch the time of the arrows.
fn faults<'a>(evidence: &'a Evidence, shown: &[&Arrow]) -> Vec<&'a FaultWindow> {
    let first = shown.iter().map(|arrow| arrow.sent).min().unwrap_or_default();
    let last = shown.iter().map(|arrow| arrow.received.unwrap_or(arrow.sent).max(arrow.sent)).max().unwrap_or_default();
    let touches = |fault: &&FaultWindow| fault.from <= last && fault.to >= first;
    evidence.faults.iter().filter(touches).take(FAULTS).collect()
}

/// The vertical place of every moment.
struct Axis {
    moments: Vec<(What, f64)>,
    gaps: Vec<Gap>,
    bottom: f64,
}

impl Axis {
    fn new(arrows: &[&Arrow], faults: &[&FaultWindow]) -> Self {
        let order = moments(arrows, faults);
        let scale = scale(&order);
        let mut axis = Self { moments: vec![], gaps: vec![], bottom: HEAD };
        let (mut before, mut last_send) = (order.first().map_or(0, |(at, _)| *at), HEAD - ROW);
        for (at, what) in order {
            let passed = (at - before) as f64;
            let least = match what {
                What::Send(_) => (axis.bottom + STEP).max(last_send + ROW),
                What::Receive(arrow) | What::ReceiveAtOnce(arrow) => {
                    (axis.bottom + 3.0).max(axis.of(What::Send(arrow)).unwrap_or(HEAD) + SLANT)
                }
                _ => axis.bottom + STEP,
            };
            let place = least.max(axis.bottom + (passed * scale).min(LONGEST));
            if passed * scale > LONGEST * CUT {
                axis.gaps.push(Gap { middle: (axis.bottom + place) / 2.0 - 5.0, seconds: passed / 1e9 });
            }
            if matches!(what, What::Send(_)) {
                last_send = place;
            }
            axis.moments.push((what, place));
            (axis.bottom, before) = (place, at);
        }
        axis
    }

    fn of(&self, what: What) -> Option<f64> {
        self.moments.iter().find(|(other, _)| *other == what).map(|(_, place)| *place)
    }

    fn arrow<'a>(&self, index: usize, arrow: &'a Arrow, lanes: &[(&str, f64)]) -> Placed<'a> {
        let x = |name: &str| lanes.iter().find(|(lane, _)| *lane == name).map_or(GUTTER, |(_, x)| *x);
        let top = self.of(What::Send(index)).unwrap_or(HEAD);
        let received = self.of(What::Receive(index)).or_else(|| self.of(What::ReceiveAtOnce(index)));
        Placed { arrow, from: x(&arrow.from), to: x(&arrow.to), top, bottom: received.unwrap_or(top + SLANT) }
    }
}

/// Every moment in the order of time. A fault that began before the first arrow begins with it.
fn moments(arrows: &[&Arrow], faults: &[&FaultWindow]) -> Vec<(u64, What)> {
    let mut moments = Vec::new();
    for (index, arrow) in arrows.iter().enumerate() {
        moments.push((arrow.sent.0, What::Send(index)));
        match arrow.received.filter(|_| arrow.dropped.is_none()) {
            Some(at) if at > arrow.sent => moments.push((at.0, What::Receive(index))),
            Some(_) => moments.push((arrow.sent.0, What::ReceiveAtOnce(index))),
            None => {}
        }
    }
    let first = moments.iter().map(|(at, _)| *at).min().unwrap_or(0);
    let last = moments.iter().map(|(at, _)| *at).max().unwrap_or(0);
    for (index, fault) in faults.iter().enumerate() {
        if fault.from.0 > first {
            moments.push((fault.from.0, What::Begin(index)));
        }
        if fault.to.0 < last {
            moments.push((fault.to.0.max(fault.from.0), What::End(index)));
        }
    }
    moments.sort_unstable();
    moments
}

/// Pixels a nanosecond: the usual distance between moments takes [`USUAL`] pixels.
fn scale(moments: &[(u64, What)]) -> f64 {
    let mut passed: Vec<u64> =
        moments.windows(2).map(|pair| pair[1].0 - pair[0].0).filter(|&nanos| nanos > 0).collect();
    passed.sort_unstable();
    // The upper third: most moments are pairs of a message and its quick reply.
    passed.get(passed.len() * 2 / 3).map_or(0.0, |&nanos| USUAL / nanos as f64)
}

fn bands<'a>(faults: &[&'a FaultWindow], axis: &Axis, lanes: &[(&str, f64)], right: f64) -> Vec<Band<'a>> {
    let mut bands: Vec<Band<'a>> = Vec::new();
    for (index, fault) in faults.iter().enumerate() {
        let top = axis.of(What::Begin(index)).unwrap_or(HEAD - 22.0);
        let bottom = axis.of(What::End(index)).unwrap_or(axis.bottom + 16.0).max(top + 4.0);
        let above = bands.last().map_or(0.0, |band| band.label + 46.0);
        let beside = bands.iter().filter(|band| band.bottom > top).count();
        bands.push(Band {
            fault,
            top,
            bottom,
            parts: parts(fault, lanes, right),
            label: (top + 10.0).max(above),
            shift: beside as f64 * 7.0,
        });
    }
    bands
}

/// The whole width for a fault of the network, a strip around the lane for one of a node.
fn parts(fault: &FaultWindow, lanes: &[(&str, f64)], right: f64) -> Vec<(f64, f64)> {
    let network = fault.nodes.is_empty() || fault.kind.contains("partition");
    let strips = lanes.iter().filter(|(name, _)| fault.nodes.iter().any(|node| node == name));
    match network {
        true => vec![(GUTTER, right)],
        false => strips.map(|(_, x)| (x - 20.0, x + 20.0)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::time::Offset;

    fn arrow(sent: u64, received: u64) -> Arrow {
        Arrow {
            from: "a".into(),
            to: "b".into(),
            sent: Offset(sent),
            received: Some(Offset(received)),
            dropped: None,
            label: "m".into(),
            highlight: false,
        }
    }

    #[test]
    fn labels_never_share_a_row_and_arrows_always_point_down() {
        let arrows: Vec<Arrow> = (0..60).map(|index| arrow(index / 7 * 1000, index % 3 * 4000)).collect();
        let evidence = Evidence { arrows, ..Evidence::default() };
        let layout = Layout::new(&evidence).expect("it has arrows");
        assert_eq!((layout.arrows.len(), layout.hidden), (ARROWS, 20));
        for pair in layout.arrows.windows(2) {
            assert!(pair[1].top - pair[0].top >= ROW);
        }
        assert!(layout.arrows.iter().all(|arrow| arrow.bottom >= arrow.top + SLANT && arrow.bottom < layout.height));
    }

    #[test]
    fn idle_time_is_cut_and_marked() {
        let arrows = vec![arrow(0, 10), arrow(12, 20), arrow(22, 30), arrow(9_000_000, 9_000_010)];
        let evidence = Evidence { arrows, ..Evidence::default() };
        let layout = Layout::new(&evidence).expect("it has arrows");
        assert_eq!(layout.gaps.len(), 1);
        assert!(layout.height < 400.0);
    }
}
