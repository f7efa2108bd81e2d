//! The states that were reached, numbered, and the steps between them.

use super::intern::Interner;
use crate::model::Model;

/// The operation is not legal in the state.
pub const ILLEGAL: u32 = u32::MAX;
const UNKNOWN: u32 = u32::MAX - 1;

/// Steps are remembered in full as long as their table is smaller than this.
const REMEMBERED: usize = 1 << 20;

/// What a model does, in numbers: so that the search is compiled once, and not again for each model.
pub trait Numbered {
    /// The number of the state behind an operation of a class, or [`ILLEGAL`]. The initial state has number 0, and each
    /// new one the next.
    fn compute(&mut self, state: u32, class: u32) -> u32;
}

/// The states of one search.
pub struct States<'m, M: Model> {
    model: &'m M,
    classes: &'m [M::Op],
    states: Interner<M::State>,
}

impl<'m, M: Model> States<'m, M> {
    /// Only the initial one.
    pub fn new(model: &'m M, classes: &'m [M::Op]) -> Self {
        let mut states = Interner::new();
        states.intern(model.initial());
        Self { model, classes, states }
    }

    /// A state by its number.
    pub fn get(&self, state: u32) -> &M::State {
        &self.states.values()[state as usize]
    }
}

impl<M: Model> Numbered for States<'_, M> {
    fn compute(&mut self, state: u32, class: u32) -> u32 {
        match self.model.step(&self.states.values()[state as usize], self.classes[class as usize]) {
            Some(next) => self.states.intern(next).0,
            None => ILLEGAL,
        }
    }
}

/// The steps of one search, remembered.
pub struct Steps<'s> {
    states: &'s mut dyn Numbered,
    classes: usize,
    /// The state behind each operation, in rows of one state.
    table: Vec<u32>,
}

impl<'s> Steps<'s> {
    /// None yet.
    pub fn new(states: &'s mut dyn Numbered, classes: usize) -> Self {
        let mut steps = Self { states, classes, table: Vec::with_capacity((classes * 8).min(4096)) };
        steps.make_room(0);
        steps
    }

    /// The state behind an operation, or [`ILLEGAL`].
    pub fn step(&mut self, state: u32, class: u32) -> u32 {
        let place = state as usize * self.classes + class as usize;
        match self.table.get(place) {
            Some(next) if *next != UNKNOWN => *next,
            _ => self.compute(state, class, place),
        }
    }

    #[cold]
    fn compute(&mut self, state: u32, class: u32, place: usize) -> u32 {
        let next = self.states.compute(state, class);
        if next != ILLEGAL {
            self.make_room(next);
        }
        if let Some(step) = self.table.get_mut(place) {
            *step = next;
        }
        next
    }

    /// Makes room for the steps from a state.
    fn make_room(&mut self, state: u32) {
        let full = (state as usize + 1) * self.classes;
        if full > self.table.len() && full <= REMEMBERED {
            self.table.resize(full, UNKNOWN);
        }
    }
}
