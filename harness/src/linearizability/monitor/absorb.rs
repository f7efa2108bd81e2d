//! Removals without an answer: each may have taken one of the values that never came out, at any time after its call.
//!
//! Whether some choice explains the history is searched for by conflicts: as long as the contents are illegal, one of the
//! values of an illegal part has to have left earlier than assumed, so one that is left is given an earlier removal. Values
//! only ever leave earlier, so the search ends, and it misses nothing. Mostly a part has one such value and nothing
//! branches; the number of steps is bounded, beyond it there is no decision.

use super::{
    container::{Kind, Part, smallest},
    contents::{Contents, NEVER},
};
use crate::history::History;
use std::collections::BTreeSet;

/// What is known of contents.
pub enum Decision {
    /// Some order explains them.
    Legal,
    /// No order explains this part.
    Illegal(Part),
    /// The bound was reached.
    Unsure,
}

/// Most steps, and most values looked at in all steps together.
const STEPS: usize = 4096;
const WORK: usize = 1 << 27;

/// When values that are left may have left at the earliest, by place, ascending.
type Departures = Vec<(u32, u64)>;

/// Decides contents with their removals without an answer.
pub fn decide<K: Kind>(kind: &K, history: &History, contents: &mut Contents) -> Decision {
    let calls: Vec<u64> = contents.takers.iter().map(|(call, _)| *call).collect();
    let mut blamed = Part::default();
    let mut known = BTreeSet::new();
    let mut open: Vec<Departures> = vec![Vec::new()];
    let mut work = 0;
    while let Some(departures) = open.pop() {
        work += contents.items.len();
        if known.len() > STEPS || (work > WORK && known.len() > 1) {
            return Decision::Unsure;
        }
        depart(contents, &departures, true);
        let conflict = kind.conflict(history, contents);
        let Some(part) = conflict else {
            depart(contents, &departures, false);
            return Decision::Legal;
        };
        if calls.is_empty() {
            return Decision::Illegal(part);
        }
        let core = smallest(contents, &part, |part| {
            work += part.items.len();
            kind.conflict(history, &part).is_some()
        });
        let mut next = earlier(kind, history, contents, &core, &calls);
        depart(contents, &departures, false);
        blamed.items.extend(&core.items);
        blamed.empties.extend(&core.empties);
        // Popped last first: of several, the one that leaves the later removals for others is tried first.
        next.sort_by_key(|(_, call)| *call);
        for (item, call) in next {
            let mut departures = departures.clone();
            match departures.binary_search_by_key(&item, |(item, _)| *item) {
                Ok(index) => departures[index].1 = call,
                Err(index) => departures.insert(index, (item, call)),
            }
            if enough(&departures, &calls) && known.insert(departures.clone()) {
                open.push(departures);
            }
        }
    }
    for places in [&mut blamed.items, &mut blamed.empties] {
        places.sort_unstable();
        places.dedup();
    }
    Decision::Illegal(blamed)
}

/// Lets the values leave at these times, or stay again.
fn depart(contents: &mut Contents, departures: &Departures, leave: bool) {
    for (item, call) in departures {
        let item = &mut contents.items[*item as usize];
        item.take_call = if leave { item.floor.max(*call) } else { NEVER };
    }
}

/// The values of an illegal part that may have left earlier, each with the next earlier time; if there is only one, with
/// the latest time that makes the part legal.
fn earlier<K: Kind>(kind: &K, history: &History, contents: &Contents, core: &Part, calls: &[u64]) -> Departures {
    let before = |item: u32, time: u64| {
        let floor = contents.items[item as usize].floor;
        let time = if time > floor { time } else { 0 };
        calls[..calls.partition_point(|call| *call < time)].last().copied()
    };
    let left = core.items.iter().filter(|item| contents.items[**item as usize].is_left());
    let movable: Departures =
        left.filter_map(|item| Some((*item, before(*item, contents.items[*item as usize].take_call)?))).collect();
    let [(item, first)] = movable[..] else { return movable };
    let mut part = contents.part(&core.items, &core.empties);
    let mut places = core.items.clone();
    places.sort_unstable();
    let place = places.partition_point(|other| *other < item);
    let floor = part.items[place].floor;
    let mut call = Some(first);
    while let Some(time) = call {
        part.items[place].take_call = floor.max(time);
        if kind.conflict(history, &part).is_none() {
            return vec![(item, time)];
        }
        call = before(item, part.items[place].take_call);
    }
    Vec::new()
}

/// Whether each value that has to leave can have a removal of its own that was called in time (Hall's condition).
fn enough(departures: &Departures, calls: &[u64]) -> bool {
    let mut times: Vec<u64> = departures.iter().map(|(_, time)| *time).collect();
    times.sort_unstable();
    times.iter().zip(0..).all(|(time, index)| calls.get(index).is_some_and(|call| call <= time))
}
