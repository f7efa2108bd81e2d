//! The states that were reached, numbered, and the steps between them.

use super::intern::Interner;
use crate::model::Model;

/// The operation is not legal in the state.
pub const ILLEGAL: u32 = u32::MAX;
const UNKNOWN: u32 = u32::MAX - 1;

/// Steps are remembered in full as long as their table is smaller than this.
const REMEMBERED: usize = 1 << 20;

/// The states and steps of one search.
pub struct States<'m, M: Model> {
    model: &'m M,
    classes: &'m [M::Op],
    states: Interner<M::State>,
    /// The state behind each operation, in rows of one state.
    steps: Vec<u32>,
}

impl<'m, M: Model> States<'m, M> {
    /// The initial state, which gets number 0.
    pub fn new(model: &'m M, classes: &'m [M::Op]) -> Self {
        let mut states = Self { model, classes, states: Interner::new(), steps: Vec::new() };
        states.number(model.initial());
        states
    }

    /// The state behind an operation, or [`ILLEGAL`].
    pub fn step(&mut self, state: u32, class: u32) -> u32 {
        let place = state as usize * self.classes.len() + class as usize;
        match self.steps.get(place) {
            Some(&UNKNOWN) => {
                let next = self.compute(state, class);
                self.steps[place] = next;
                next
            }
            Some(next) => *next,
            None => self.compute(state, class),
        }
    }

    /// A state by its number.
    pub fn get(&self, state: u32) -> &M::State {
        &self.states.values()[state as usize]
    }

    fn compute(&mut self, state: u32, class: u32) -> u32 {
        match self.model.step(&self.states.values()[state as usize], self.classes[class as usize]) {
            Some(next) => self.number(next),
            None => ILLEGAL,
        }
    }

    fn number(&mut self, state: M::State) -> u32 {
        let (number, new) = self.states.intern(state);
        let full = (number as usize + 1) * self.classes.len();
        if new && full <= REMEMBERED {
            self.steps.resize(full, UNKNOWN);
        }
        number
    }
}
