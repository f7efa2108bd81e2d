//! The search itself: depth first over configurations, forwards and backwards through the events.

use super::mask::{Mask, Wide};
use super::memo::Memo;
use super::problem::{Event, Item, Kind, Problem};
use super::states::{ILLEGAL, Numbered, Steps};

/// What the search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// An order that explains every result.
    Legal,
    /// There is none: no configuration passes the return that is this event.
    Illegal {
        /// Place among the events of the return that cannot be passed.
        stuck: u32,
    },
    /// The budget was used up.
    Exhausted {
        /// The most operations that could be placed.
        placed: u32,
    },
}

/// Configurations from one word about the progress to the next: some hundredths of a second.
const TOLD_EVERY: u64 = 1 << 16;

/// A configuration to come back to.
struct Frame<M> {
    position: u32,
    state: u32,
    order: u32,
    placed: M,
    /// Slots of the operations that are still to be tried here.
    left: M,
}

/// A partial order that no operation can extend past the event where all are stuck.
pub struct DeadEnd {
    /// Items in the order in which they were placed.
    pub order: Vec<u32>,
    /// Number of the state behind them.
    pub state: u32,
}

/// Searches until an order is found, there is none, or `budget` configurations were visited; says how many were.
///
/// `tell` is told from time to time how many operations could be placed at best.
pub fn search(problem: &Problem, states: &mut dyn Numbered, budget: u64, tell: &dyn Fn(u64)) -> (Found, u64) {
    match problem.slots.len() {
        0..=64 => search_as::<u64>(problem, states, budget, tell),
        65..=128 => search_as::<u128>(problem, states, budget, tell),
        // As much memory as with narrow ones.
        slots => search_as::<Wide>(problem, states, budget / (slots as u64 / 64), tell),
    }
}

/// [`search`] with masks of this width.
pub(super) fn search_as<K: Mask>(
    problem: &Problem,
    states: &mut dyn Numbered,
    budget: u64,
    tell: &dyn Fn(u64),
) -> (Found, u64) {
    let mut walk = Walk::<K>::new(problem, states, None);
    let found = walk.run(budget, tell);
    (found, walk.visited)
}

/// At most `most` orders that end at the event `stuck`, each in another state, found within `budget` configurations.
pub fn dead_ends(problem: &Problem, states: &mut dyn Numbered, stuck: u32, most: usize, budget: u64) -> Vec<DeadEnd> {
    fn collect<K: Mask>(mut walk: Walk<'_, K>, budget: u64) -> Vec<DeadEnd> {
        walk.run(budget, &|_| {});
        walk.dead_ends
    }
    let wanted = Some((stuck, most));
    match problem.slots.len() {
        0..=64 => collect(Walk::<u64>::new(problem, states, wanted), budget),
        65..=128 => collect(Walk::<u128>::new(problem, states, wanted), budget),
        _ => collect(Walk::<Wide>::new(problem, states, wanted), budget),
    }
}

/// One search. Its place is a position among the events, and what lies before it: which operations are open.
struct Walk<'p, K> {
    problem: &'p Problem,
    steps: Steps<'p>,
    memo: Memo<K>,
    /// Slots of pure operations, and of crashed ones.
    pure: K,
    crashed: K,
    position: u32,
    state: u32,
    open: K,
    placed: K,
    /// The item in each slot and its class, where it is open.
    occupant: Vec<(u32, u32)>,
    /// The items that are placed, in order.
    order: Vec<u32>,
    /// For each class when it was last seen, and in which slot.
    seen: Vec<(u64, u32)>,
    now: u64,
    visited: u64,
    best: u32,
    most: u32,
    /// Where dead ends are to be collected, and how many.
    collect: Option<(u32, usize)>,
    dead_ends: Vec<DeadEnd>,
}

impl<'p, K: Mask> Walk<'p, K> {
    /// A search that has not begun.
    fn new(problem: &'p Problem, states: &'p mut dyn Numbered, collect: Option<(u32, usize)>) -> Self {
        let slots = problem.slots;
        let (mut pure, mut crashed) = (K::empty(slots.len()), K::empty(slots.len()));
        (slots.effects..slots.effects + slots.pure).for_each(|slot| pure.add(slot));
        (slots.effects + slots.pure..slots.len() as u32).for_each(|slot| crashed.add(slot));
        Self {
            problem,
            steps: Steps::new(states, problem.classes),
            memo: Memo::new(slots.len(), pure.clone(), crashed.clone()),
            pure,
            crashed,
            position: 0,
            state: 0,
            open: K::empty(slots.len()),
            placed: K::empty(slots.len()),
            occupant: vec![(0, 0); slots.len()],
            order: Vec::with_capacity(problem.items.len()),
            seen: vec![(0, 0); problem.classes],
            now: 0,
            visited: 0,
            best: 0,
            most: 0,
            collect,
            dead_ends: Vec::new(),
        }
    }

    /// Searches until an order is found, there is none, or `budget` configurations were visited.
    fn run(&mut self, budget: u64, tell: &dyn Fn(u64)) -> Found {
        let mut frames: Vec<Frame<K>> = Vec::with_capacity(self.problem.items.len().min(32));
        if self.settle() {
            return Found::Legal;
        }
        self.note();
        frames.push(self.frame());
        while let Some(frame) = frames.last_mut() {
            let Some(slot) = self.choose(&frame.left) else {
                frames.pop();
                if let Some(below) = frames.last() {
                    self.rewind(below);
                }
                continue;
            };
            frame.left.remove(slot);
            let (item, class) = self.occupant[slot as usize];
            let next = self.steps.step(self.state, class);
            if next == ILLEGAL {
                continue;
            }
            self.state = next;
            self.placed.add(slot);
            self.order.push(item);
            if self.settle() {
                return Found::Legal;
            }
            if !self.memo.insert(self.position, self.state, &self.placed) {
                self.rewind(frame);
                continue;
            }
            if self.visited == budget {
                return Found::Exhausted { placed: self.most };
            }
            self.visited += 1;
            if self.visited.is_multiple_of(TOLD_EVERY) {
                tell(self.most.into());
            }
            self.note();
            frames.push(self.frame());
        }
        Found::Illegal { stuck: self.best }
    }

    /// Keeps the present order if such are collected.
    fn note(&mut self) {
        if let Some((stuck, most)) = self.collect
            && self.position == stuck
            && self.dead_ends.len() < most
            && self.dead_ends.iter().all(|end| end.state != self.state)
        {
            self.dead_ends.push(DeadEnd { order: self.order.clone(), state: self.state });
        }
    }

    /// Places pure operations and passes returns as far as that goes; true at the end of all events.
    fn settle(&mut self) -> bool {
        let mut left = self.open.common(&self.pure).without(&self.placed);
        while let Some(slot) = left.lowest() {
            left.remove(slot);
            let (item, class) = self.occupant[slot as usize];
            self.place_if_legal(slot, item, class);
        }
        let problem = self.problem;
        let ahead = &problem.events[self.position as usize..];
        let Some(passed) = ahead.iter().position(|event| !self.pass(*event)) else { return true };
        self.position += passed as u32;
        self.best = self.best.max(self.position);
        self.most = self.most.max(self.order.len() as u32);
        false
    }

    /// Passes an event; false if that is the return of an operation that is not placed.
    fn pass(&mut self, event: Event) -> bool {
        let (Event::Call(item) | Event::Return(item)) = event;
        let Item { slot, kind, class, .. } = self.problem.items[item as usize];
        match event {
            Event::Call(_) => {
                self.occupant[slot as usize] = (item, class);
                self.open.add(slot);
                if kind == Kind::Pure {
                    self.place_if_legal(slot, item, class);
                }
                true
            }
            Event::Return(_) if self.placed.has(slot) => {
                self.placed.remove(slot);
                self.open.remove(slot);
                true
            }
            Event::Return(_) => false,
        }
    }

    /// Places a pure operation, if it is legal.
    fn place_if_legal(&mut self, slot: u32, item: u32, class: u32) {
        if self.steps.step(self.state, class) != ILLEGAL {
            self.placed.add(slot);
            self.order.push(item);
        }
    }

    /// The present configuration, with what can be tried in it: of equal operations only the one that returns first.
    fn frame(&mut self) -> Frame<K> {
        let mut left = self.open.without(&self.placed).without(&self.pure);
        let mut rest = left.clone();
        self.now += 1;
        while let Some(slot) = rest.lowest() {
            rest.remove(slot);
            let (item, class) = self.occupant[slot as usize];
            let (when, other) = self.seen[class as usize];
            if when == self.now {
                let rank = |item: u32| self.problem.items[item as usize].rank;
                if rank(self.occupant[other as usize].0) < rank(item) {
                    left.remove(slot);
                    continue;
                }
                left.remove(other);
            }
            self.seen[class as usize] = (self.now, slot);
        }
        Frame {
            position: self.position,
            state: self.state,
            order: self.order.len() as u32,
            placed: self.placed.clone(),
            left,
        }
    }

    /// The next to try: the one whose return is due, or one behind which that is legal; then others that returned, then
    /// crashed ones.
    fn choose(&mut self, left: &K) -> Option<u32> {
        let lowest = left.without(&self.crashed).lowest().or_else(|| left.lowest())?;
        let due = self.problem.item_at(self.position).map(|item| self.problem.items[item as usize])?;
        if left.has(due.slot) {
            return Some(due.slot);
        }
        if due.kind == Kind::Pure {
            let mut rest = left.clone();
            while let Some(slot) = rest.lowest() {
                rest.remove(slot);
                let next = self.steps.step(self.state, self.occupant[slot as usize].1);
                if next != ILLEGAL && self.steps.step(next, due.class) != ILLEGAL {
                    return Some(slot);
                }
            }
        }
        Some(lowest)
    }

    /// Goes back to an earlier configuration on the way here.
    fn rewind(&mut self, to: &Frame<K>) {
        while self.position > to.position {
            self.position -= 1;
            match self.problem.events[self.position as usize] {
                Event::Call(item) => self.open.remove(self.problem.items[item as usize].slot),
                Event::Return(item) => {
                    let Item { slot, class, .. } = self.problem.items[item as usize];
                    self.occupant[slot as usize] = (item, class);
                    self.open.add(slot);
                }
            }
        }
        self.state = to.state;
        self.order.truncate(to.order as usize);
        self.placed.clone_from(&to.placed);
    }
}
