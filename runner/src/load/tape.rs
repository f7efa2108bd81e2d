//! What a client sends over and over, and what it has to be answered, as bytes.

use crate::protocol::Wire;
use harness::oracle::Body;
use serde_json::Value;
use std::sync::Arc;

/// Requests and the right answers to them. Behind the last one comes the first again. A copy is the same tape: who plays
/// it for several servers reads the same memory for all of them, which makes none seem faster than another.
#[derive(Debug, Clone)]
pub struct Tape(Arc<Reels>);

#[derive(Debug, Default)]
struct Reels {
    requests: Reel,
    answers: Reel,
}

/// Pieces that follow each other without a gap.
#[derive(Debug, Clone, Default)]
struct Reel {
    bytes: Vec<u8>,
    /// Where each piece ends.
    ends: Vec<usize>,
}

impl Reel {
    fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        self.ends.push(self.bytes.len());
    }

    fn start(&self, place: usize) -> usize {
        place.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}

impl Tape {
    /// The tape of these requests, each with its answer as the body of a reply.
    pub fn new(wire: &dyn Wire, work: &[(Body, Value)]) -> Self {
        let mut reels = Reels::default();
        for (request, answer) in work {
            reels.requests.push(&wire.request(request));
            reels.answers.push(&wire.reply(request, answer));
        }
        Self(Arc::new(reels))
    }

    /// How many requests there are.
    pub fn len(&self) -> usize {
        self.0.requests.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.requests.ends.is_empty()
    }

    /// At most `most` requests from a place on, but not beyond the end; and how many they are.
    pub(super) fn requests(&self, place: usize, most: usize) -> (&[u8], usize) {
        let end = self.len().min(place + most);
        (&self.0.requests.bytes[self.0.requests.start(place)..self.0.requests.start(end)], end - place)
    }

    /// The answer at a place.
    pub(super) fn answer(&self, place: usize) -> &[u8] {
        &self.0.answers.bytes[self.0.answers.start(place)..self.0.answers.ends[place]]
    }

    /// The answers from a place to the end.
    pub(super) fn answers(&self, place: usize) -> &[u8] {
        &self.0.answers.bytes[self.0.answers.start(place)..]
    }

    /// How many whole answers the first bytes of those from a place on are, and how many bytes of the next.
    pub(super) fn whole(&self, place: usize, bytes: usize) -> (usize, usize) {
        let from = self.0.answers.start(place);
        let mut end = place;
        // Few at a time: as many as are in flight.
        while end < self.len() && self.0.answers.ends[end] <= from + bytes {
            end += 1;
        }
        (end - place, from + bytes - self.0.answers.start(end))
    }
}
