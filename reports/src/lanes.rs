//! Where the bars of a lane diagram stand, in columns or pixels: rows from top to bottom, time from left to right.
//!
//! Time is not to scale: moments stand as far apart as labels need, idle times are short. What is left of the order is
//! exact: one bar ends left of another's begin exactly when the one operation returned before the other was called.

use harness::explanation::{Bar, Diagram};

/// The end of a bar that has none.
const OPEN: Moment = Moment { at: u64::MAX, end: true };
/// An idle time is drawn at most so many times as long as a usual one.
const LONGEST: f64 = 3.0;

/// A point in time. At equal times begins come before ends: such operations are concurrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The time.
    pub at: u64,
    /// Whether something ends then.
    pub end: bool,
}

/// What a layout has to keep to.
pub struct Room<'f> {
    /// Smallest distance of moments.
    pub gap: f64,
    /// Smallest width of a bar.
    pub bar: &'f dyn Fn(&Bar) -> f64,
    /// Smallest distance from a bar's begin to that of the next in its row, or to the end of all.
    pub slot: &'f dyn Fn(&Bar) -> f64,
    /// Width of the whole, where less is needed.
    pub width: f64,
}

/// Everything placed.
pub struct Layout<'d> {
    /// The rows from top to bottom: a lane and its bars. A lane has several where its bars overlap.
    pub rows: Vec<(usize, Vec<&'d Bar>)>,
    moments: Vec<Moment>,
    places: Vec<f64>,
    width: f64,
}

impl<'d> Layout<'d> {
    /// Places the bars, and further moments that lie among them.
    pub fn new(diagram: &'d Diagram, further: &[Moment], room: &Room<'_>) -> Self {
        let mut moments: Vec<Moment> = diagram.bars.iter().flat_map(|bar| [begin(bar), end(bar)]).collect();
        moments.extend(further);
        moments.sort_unstable();
        moments.dedup();
        let rows = rows(diagram);
        let mut layout = Self { rows, places: Vec::with_capacity(moments.len()), moments, width: 0.0 };
        layout.squeeze(&layout.constraints(room), room.gap);
        layout.width = layout.extent(room);
        layout.stretch(room.width - layout.width);
        layout.width = layout.extent(room).max(room.width);
        layout
    }

    /// Where a moment stands, from 0.
    pub fn place(&self, moment: Moment) -> f64 {
        self.moments.binary_search(&moment).ok().and_then(|index| self.places.get(index)).copied().unwrap_or(0.0)
    }

    /// Where a bar begins and ends.
    pub fn span(&self, bar: &Bar) -> (f64, f64) {
        (self.place(begin(bar)), bar.ret.map_or(self.width, |_| self.place(end(bar))))
    }

    /// The room to the right of a bar's begin: to the next bar of its row, or to the end of all.
    pub fn room(&self, bar: &Bar) -> f64 {
        let mut after = self.rows.iter().filter_map(|(_, bars)| {
            let place = bars.iter().position(|other| std::ptr::eq(*other, bar))?;
            Some(bars.get(place + 1).map_or(self.width, |next| self.place(begin(next))))
        });
        after.next().unwrap_or(self.width) - self.place(begin(bar))
    }

    /// The width of the whole.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// What has to stand how far to the right of what.
    fn constraints(&self, room: &Room<'_>) -> Vec<(Moment, Moment, f64)> {
        let mut all = Vec::new();
        for (_, bars) in &self.rows {
            all.extend(bars.iter().map(|bar| (begin(bar), end(bar), (room.bar)(bar))));
            all.extend(bars.windows(2).map(|pair| (begin(pair[0]), begin(pair[1]), (room.slot)(pair[0]))));
        }
        all
    }

    /// The leftmost places that meet the constraints.
    fn squeeze(&mut self, constraints: &[(Moment, Moment, f64)], gap: f64) {
        for index in 0..self.moments.len() {
            let moment = self.moments[index];
            let mut place = self.places.last().map_or(0.0, |last| last + gap);
            for (from, _, distance) in constraints.iter().filter(|(_, to, _)| *to == moment) {
                let from = self.moments.binary_search(from).ok().and_then(|from| self.places.get(from));
                place = place.max(from.copied().unwrap_or(0.0) + distance);
            }
            self.places.push(place);
        }
    }

    fn extent(&self, room: &Room<'_>) -> f64 {
        let last = self.rows.iter().filter_map(|(_, bars)| bars.last());
        let slots = last.map(|bar| self.place(begin(bar)) + (room.slot)(bar));
        slots.fold(self.places.last().copied().unwrap_or(0.0), f64::max)
    }

    /// Gives the spare room to where time passes.
    fn stretch(&mut self, spare: f64) {
        let weights = weights(&self.moments);
        let all: f64 = weights.iter().sum();
        if spare > 0.0 && all > 0.0 {
            let mut before = 0.0;
            for (place, weight) in self.places.iter_mut().skip(1).zip(weights) {
                before += weight;
                *place += spare * before / all;
            }
        }
    }

    /// The times at which something is seen to happen, with their places; those of the marked bar first, then the
    /// earliest, the latest, and all others.
    pub fn times(&self, diagram: &Diagram) -> Vec<(u64, f64)> {
        let hot = diagram.bars.iter().filter(|bar| bar.highlight).flat_map(|bar| [begin(bar), end(bar)]);
        let ends = [self.moments.first(), self.moments.iter().rfind(|moment| **moment != OPEN)];
        let order = hot.chain(ends.into_iter().flatten().copied()).chain(self.moments.iter().copied());
        let mut times: Vec<(u64, f64)> = Vec::new();
        for moment in order.filter(|moment| *moment != OPEN) {
            let time = (moment.at, self.place(moment));
            if !times.contains(&time) {
                times.push(time);
            }
        }
        times
    }
}

fn begin(bar: &Bar) -> Moment {
    Moment { at: bar.call, end: false }
}

fn end(bar: &Bar) -> Moment {
    bar.ret.map_or(OPEN, |at| Moment { at: at.max(bar.call), end: true })
}

/// How much of the spare room goes between a moment and the next: as much as time passes, up to a bound.
fn weights(moments: &[Moment]) -> Vec<f64> {
    let passed: Vec<u64> =
        moments.windows(2).map(|pair| if pair[1] == OPEN { 0 } else { pair[1].at - pair[0].at }).collect();
    let mut sorted: Vec<u64> = passed.iter().copied().filter(|&passed| passed > 0).collect();
    sorted.sort_unstable();
    let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(1).max(1) as f64;
    passed.iter().map(|&passed| (passed as f64 / usual).min(LONGEST)).collect()
}

/// Bars in the first row of their lane that is free.
fn rows(diagram: &Diagram) -> Vec<(usize, Vec<&Bar>)> {
    let mut rows: Vec<(usize, Vec<&Bar>)> = Vec::new();
    for lane in 0..diagram.lanes.len() {
        let first = rows.len();
        for bar in diagram.bars.iter().filter(|bar| bar.lane as usize == lane) {
            let free =
                rows[first..].iter_mut().find(|(_, bars)| bars.last().is_some_and(|last| end(last) < begin(bar)));
            match free {
                Some((_, bars)) => bars.push(bar),
                None => rows.push((lane, vec![bar])),
            }
        }
    }
    rows
}

/// Times as they stand on an axis: with as many decimals as tell them apart.
pub struct Clock {
    nanoseconds: bool,
    decimals: usize,
}

impl Clock {
    /// The clock of a diagram.
    pub fn of(diagram: &Diagram) -> Self {
        let mut times: Vec<u64> = diagram.bars.iter().flat_map(|bar| [Some(bar.call), bar.ret]).flatten().collect();
        times.sort_unstable();
        times.dedup();
        let apart = |unit: u64| times.windows(2).all(|pair| pair[0] / unit != pair[1] / unit);
        let decimals = [(1_000_000, 3), (1_000, 6)].into_iter().find(|(unit, _)| apart(*unit)).map_or(9, |(_, of)| of);
        Self { nanoseconds: diagram.nanoseconds, decimals }
    }

    /// What the axis counts.
    pub fn unit(&self) -> &'static str {
        if self.nanoseconds { "time" } else { "event" }
    }

    /// A time on the axis.
    pub fn tick(&self, at: u64) -> String {
        match self.nanoseconds {
            // Whole numbers: a float has no nanoseconds left after some months.
            true => {
                let digits = format!("{:09}", at % 1_000_000_000);
                format!("{}.{} s", at / 1_000_000_000, &digits[..self.decimals])
            }
            false => at.to_string(),
        }
    }

    /// A time in a sentence.
    pub fn time(&self, at: u64) -> String {
        if self.nanoseconds { self.tick(at) } else { format!("event {at}") }
    }

    /// When an operation was open, in a sentence.
    pub fn span(&self, bar: &Bar) -> String {
        match bar.ret {
            Some(ret) => format!("{} to {}", self.time(bar.call), self.time(ret)),
            None => format!("from {}, without an end", self.time(bar.call)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(lane: u32, call: u64, ret: Option<u64>) -> Bar {
        Bar { name: "①".into(), index: 0, lane, call, ret, label: "write 3".into(), highlight: false }
    }

    fn diagram(bars: Vec<Bar>) -> Diagram {
        Diagram { lanes: vec!["c0".into(), "c1".into()], bars, nanoseconds: true, ..Diagram::default() }
    }

    #[test]
    fn bars_have_their_room_and_the_order_is_exact() {
        let diagram = diagram(vec![bar(0, 1, Some(5)), bar(1, 5, Some(900)), bar(0, 6, None), bar(1, 7, Some(8))]);
        for width in [0.0, 40.0, 400.0] {
            let layout = Layout::new(&diagram, &[], &Room { gap: 2.0, bar: &|_| 3.0, slot: &|_| 9.0, width });
            assert!(layout.width() >= width);
            for one in &diagram.bars {
                let (start, end) = layout.span(one);
                assert!(end - start >= 3.0 && layout.room(one) >= 9.0);
                for other in &diagram.bars {
                    let before = one.ret.is_some_and(|ret| ret < other.call);
                    assert_eq!(end < layout.span(other).0, before, "{one:?} and {other:?} at {width}");
                }
            }
        }
    }

    #[test]
    fn bars_that_overlap_in_a_lane_get_a_row_each() {
        let diagram = diagram(vec![bar(0, 1, None), bar(0, 2, Some(3)), bar(0, 4, Some(5)), bar(1, 1, Some(2))]);
        let layout = Layout::new(&diagram, &[], &Room { gap: 2.0, bar: &|_| 4.0, slot: &|_| 4.0, width: 0.0 });
        let rows: Vec<_> = layout.rows.iter().map(|(lane, bars)| (*lane, bars.len())).collect();
        assert_eq!(rows, [(0, 1), (0, 2), (1, 1)]);
    }

    #[test]
    fn times_are_told_apart() {
        let of = |times: [u64; 2]| Clock::of(&diagram(vec![bar(0, times[0], Some(times[1]))]));
        assert_eq!(of([1_934_000_000, 1_935_000_000]).tick(1_934_000_000), "1.934 s");
        assert_eq!(of([1_934_000_000, 1_934_002_000]).tick(1_934_002_000), "1.934002 s");
        assert_eq!(of([1, 2]).time(u64::MAX), "18446744073.709551615 s");
        let events = Clock::of(&Diagram { nanoseconds: false, ..diagram(vec![bar(0, 1, Some(2))]) });
        assert_eq!((&*events.tick(14), &*events.time(14), events.unit()), ("14", "event 14", "event"));
        assert_eq!(events.span(&bar(0, 3, None)), "from event 3, without an end");
    }
}
