//! The search for an order that keeps each process's own, for objects of any model.
//!
//! Depth first over how far each process has got, which unanswered operations were used, and the state; visited places
//! are remembered, at 4 bytes for each process. Operations that change nothing are taken as soon as they are legal: any
//! order in which such a one comes later stays an order when it is moved here. Exponential in the number of processes in
//! the worst case; the budget is counted in places of at most eight processes, so that neither the answer nor the memory
//! depends on the machine.

use super::{violation, words};
use crate::{
    history::{History, Outcome},
    model::{Decoded, Refusal},
    verify::{Attempt, Judged, Violation},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Decides whether an order exists. The witness of an illegal history is what is left when operations that change
/// nothing are dropped as long as the rest stays illegal; others are never dropped: the rest would prove nothing.
///
/// # Errors
/// Names the first operation that the model does not know.
pub fn search<M: Refusal>(model: &M, history: &History, operations: &[u32], budget: u64) -> Result<Judged, String> {
    let sessions = Sessions::of(model, history, operations)?;
    let mut walk = Walk::new(model, &sessions, budget);
    Ok(match walk.run() {
        Verdict::Legal => Judged::Legal,
        Verdict::Exhausted => {
            Judged::Undecided(format!("the search visited {} places, as many as it may", walk.visited.len() - 1))
        }
        Verdict::Illegal => {
            let visited = budget - walk.left;
            let witness = shrink(model, history, operations, visited)?;
            let sessions = Sessions::of(model, history, &witness)?;
            let mut walk = Walk::new(model, &sessions, u64::MAX);
            walk.run();
            Judged::illegal(explain(model, history, &sessions, &mut walk, witness))
        }
    })
}

/// One operation of a process.
#[derive(Clone, Copy)]
struct Item<Op> {
    index: u32,
    op: Op,
    pure: bool,
}

/// What each process did, and what was never answered.
struct Sessions<Op> {
    /// The answered operations of each process in its order.
    answered: Vec<Vec<Item<Op>>>,
    /// Operations without an answer: process, how many of its answered ones come before, and the operation.
    open: Vec<(usize, u32, Item<Op>)>,
}

impl<Op: Copy> Sessions<Op> {
    fn of<M: Refusal<Op = Op>>(model: &M, history: &History, operations: &[u32]) -> Result<Self, String> {
        let mut places: BTreeMap<u32, usize> = BTreeMap::new();
        let mut sessions = Self { answered: Vec::new(), open: Vec::new() };
        for index in operations {
            let (op, pure) = match model.decode(history, *index)? {
                Decoded::Nothing => continue,
                Decoded::Pure(op) => (op, true),
                Decoded::Effect(op) => (op, false),
            };
            let (called, item) = (history.get(*index), Item { index: *index, op, pure });
            let place = *places.entry(called.process).or_insert(sessions.answered.len());
            if place == sessions.answered.len() {
                sessions.answered.push(Vec::new());
            }
            match called.outcome {
                Outcome::Ok => sessions.answered[place].push(item),
                // Whether it happened is not known, and that nothing changed says nothing.
                _ if pure => {}
                _ => sessions.open.push((place, sessions.answered[place].len() as u32, item)),
            }
        }
        Ok(sessions)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Legal,
    Illegal,
    Exhausted,
}

/// A place: the number of the state, how far each process has got, and a bit for each open operation that was used.
type Place = Box<[u32]>;

struct Frame {
    place: Place,
    /// Which choices are still to be tried: processes first, then open operations.
    choice: usize,
    /// How long the order was on arrival.
    length: usize,
}

struct Walk<'a, M: Refusal> {
    model: &'a M,
    sessions: &'a Sessions<M::Op>,
    states: Vec<M::State>,
    numbers: HashMap<M::State, u32>,
    visited: HashSet<Place>,
    left: u64,
    order: Vec<u32>,
    /// The longest order that was found, and the place behind it.
    longest: Option<(Vec<u32>, Place)>,
}

impl<'a, M: Refusal> Walk<'a, M> {
    fn new(model: &'a M, sessions: &'a Sessions<M::Op>, budget: u64) -> Self {
        let (states, numbers, visited) = (Vec::new(), HashMap::new(), HashSet::new());
        Self { model, sessions, states, numbers, visited, left: budget, order: Vec::new(), longest: None }
    }

    fn run(&mut self) -> Verdict {
        let processes = self.sessions.answered.len();
        let mut first = vec![0; 1 + processes + self.sessions.open.len().div_ceil(32)].into_boxed_slice();
        first[0] = self.number(self.model.initial());
        let mut stack = Vec::new();
        if let Some(verdict) = self.arrive(first, 0, &mut stack) {
            return verdict;
        }
        while let Some(frame) = stack.last_mut() {
            let choice = frame.choice;
            frame.choice += 1;
            // Back to the order as it was on arrival here.
            self.order.truncate(frame.length);
            if choice >= processes + self.sessions.open.len() {
                stack.pop();
            } else if let Some((next, index)) = self.choose(&frame.place, choice) {
                let before = self.order.len();
                self.order.push(index);
                if let Some(verdict) = self.arrive(next, before, &mut stack) {
                    return verdict;
                }
            }
        }
        Verdict::Illegal
    }

    /// Takes all that changes nothing and is legal, and opens the place if it is new.
    fn arrive(&mut self, mut place: Place, before: usize, stack: &mut Vec<Frame>) -> Option<Verdict> {
        let mut moved = true;
        while moved {
            moved = false;
            for (process, session) in self.sessions.answered.iter().enumerate() {
                while let Some(item) = session.get(place[1 + process] as usize).filter(|item| item.pure) {
                    if self.model.step(&self.states[place[0] as usize], item.op).is_none() {
                        break;
                    }
                    place[1 + process] += 1;
                    self.order.push(item.index);
                    moved = true;
                }
            }
        }
        let longest = self.longest.as_ref().map_or(0, |(order, _)| order.len() + 1);
        if self.order.len() >= longest {
            self.longest = Some((self.order.clone(), place.clone()));
        }
        let done = |(process, session): (usize, &Vec<Item<M::Op>>)| place[1 + process] as usize == session.len();
        if self.sessions.answered.iter().enumerate().all(done) {
            return Some(Verdict::Legal);
        }
        if !self.visited.insert(place.clone()) {
            self.order.truncate(before);
            return None;
        }
        // As much as it takes to remember the place, in units of eight processes.
        match self.left.checked_sub((place.len() as u64).div_ceil(8)) {
            None => return Some(Verdict::Exhausted),
            Some(left) => self.left = left,
        }
        stack.push(Frame { place, choice: 0, length: self.order.len() });
        None
    }

    /// The place behind one more operation, if that is legal: the next of a process, or an open one.
    fn choose(&mut self, place: &Place, choice: usize) -> Option<(Place, u32)> {
        let processes = self.sessions.answered.len();
        let mut next = place.clone();
        let item = match choice.checked_sub(processes) {
            None => {
                next[1 + choice] += 1;
                *self.sessions.answered[choice].get(place[1 + choice] as usize)?
            }
            Some(open) => {
                let (process, before, item) = self.sessions.open[open];
                let (word, bit) = (1 + processes + open / 32, 1 << (open % 32));
                if place[1 + process] < before || place[word] & bit != 0 {
                    return None;
                }
                next[word] |= bit;
                item
            }
        };
        let state = self.model.step(&self.states[place[0] as usize], item.op)?;
        next[0] = self.number(state);
        Some((next, item.index))
    }

    fn number(&mut self, state: M::State) -> u32 {
        if let Some(number) = self.numbers.get(&state) {
            return *number;
        }
        let number = self.states.len() as u32;
        self.states.push(state.clone());
        self.numbers.insert(state, number);
        number
    }
}

/// Drops operations that change nothing, in ever smaller blocks, as long as the rest stays illegal.
fn shrink<M: Refusal>(model: &M, history: &History, operations: &[u32], visited: u64) -> Result<Vec<u32>, String> {
    let pure =
        |index: &u32| Ok::<bool, String>(matches!(model.decode(history, *index)?, Decoded::Pure(_) | Decoded::Nothing));
    let mut kept = operations.to_vec();
    let mut effort = visited.saturating_mul(16).saturating_add(100_000);
    let mut block = kept.len().max(1);
    while block > 0 {
        let mut at = 0;
        while at < kept.len() {
            let mut rest = kept[..at].to_vec();
            for (place, index) in kept[at..].iter().enumerate() {
                if place >= block || !pure(index)? {
                    rest.push(*index);
                }
            }
            if rest.len() == kept.len() {
                at += block;
                continue;
            }
            let sessions = Sessions::of(model, history, &rest)?;
            let mut walk = Walk::new(model, &sessions, effort);
            let verdict = walk.run();
            effort = walk.left;
            if verdict == Verdict::Exhausted {
                return Ok(kept);
            }
            if verdict == Verdict::Illegal {
                kept = rest;
            } else {
                at += block;
            }
        }
        block /= 2;
    }
    Ok(kept)
}

/// Where the longest order gets stuck, and why no process can go on from there.
fn explain<M: Refusal>(
    model: &M,
    history: &History,
    sessions: &Sessions<M::Op>,
    walk: &mut Walk<'_, M>,
    witness: Vec<u32>,
) -> Violation {
    let Some((order, place)) = walk.longest.take() else { return violation("not-sequential", String::new(), witness) };
    let state = walk.states[place[0] as usize].clone();
    let mut attempts = Vec::new();
    for (process, session) in sessions.answered.iter().enumerate() {
        let Some(item) = session.get(place[1 + process] as usize) else { continue };
        if model.step(&state, item.op).is_none() && attempts.len() < 4 {
            let fails = model.refusal(history, &state, item.op);
            attempts.push(Attempt { order: order.iter().copied().chain([item.index]).collect(), fails });
        }
    }
    let stuck = attempts.first().map(|attempt| {
        let index = *attempt.order.last().unwrap_or(&0);
        let (who, what) = (words::who(history, index), history.show(index));
        format!(
            ": the longest stops before {who}'s {what} at {}, because it {}",
            words::called(history, index),
            attempt.fails
        )
    });
    let sentence = format!(
        "no order of all operations keeps the order of each process and explains what was read{}",
        stuck.unwrap_or_default()
    );
    Violation { attempts, ..violation("not-sequential", sentence, witness) }
}
