//! Telling the caller how far it is, not more often than a screen can show.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Phase {
    /// Reaching the server and asking what it has.
    Connecting,
    /// Receiving objects.
    Receiving,
    /// Putting the received objects in order.
    Indexing,
    /// Writing the files out.
    Exporting,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Bytes received, or written when exporting.
    pub bytes: u64,
    /// Objects received or indexed, or entries exported.
    pub done: u64,
    /// How many there are in all; zero while that is unknown.
    pub total: u64,
}

/// The shortest time between two calls in the same phase.
const PAUSE: Duration = Duration::from_millis(50);

/// Passes progress on to the caller, thinned out.
pub(super) struct Reporter<'r> {
    caller: RefCell<&'r mut dyn FnMut(Progress)>,
    last: Cell<Option<(Phase, Instant)>>,
}

impl<'r> Reporter<'r> {
    /// Reports to the caller's function.
    pub(super) fn new(caller: &'r mut dyn FnMut(Progress)) -> Self {
        Self { caller: RefCell::new(caller), last: Cell::new(None) }
    }

    /// Reports a phase in which entries are written.
    pub(super) fn exported(&self, phase: Phase, done: u64, bytes: u64) {
        self.report(Progress { phase, bytes, done, total: 0 });
    }

    /// Reports, unless the caller has just heard from this phase.
    pub(super) fn report(&self, progress: Progress) {
        let soon = |(phase, at): (Phase, Instant)| phase == progress.phase && at.elapsed() < PAUSE;
        if self.last.get().is_some_and(soon) {
            return;
        }
        self.last.set(Some((progress.phase, Instant::now())));
        (self.caller.borrow_mut())(progress);
    }
}
