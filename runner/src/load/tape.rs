//! What a client sends over and over, and what it has to be answered, as bytes.

use crate::protocol::Wire;
use harness::oracle::Body;
use serde_json::Value;

/// Requests and the right answers to them. Behind the last one comes the first again.
#[derive(Debug, Clone, Default)]
pub struct Tape {
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
        let mut tape = Self::default();
        for (request, answer) in work {
            tape.requests.push(&wire.request(request));
            tape.answers.push(&wire.reply(request, answer));
        }
        tape
    }

    /// How many requests there are.
    pub fn len(&self) -> usize {
        self.requests.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.requests.ends.is_empty()
    }

    /// At most `most` requests from a place on, but not beyond the end; and how many they are.
    pub(super) fn requests(&self, place: usize, most: usize) -> (&[u8], usize) {
        let end = self.len().min(place + most);
        (&self.requests.bytes[self.requests.start(place)..self.requests.start(end)], end - place)
    }

    /// The answer at a place.
    pub(super) fn answer(&self, place: usize) -> &[u8] {
        &self.answers.bytes[self.answers.start(place)..self.answers.ends[place]]
    }

    /// The answers from a place to the end.
    pub(super) fn answers(&self, place: usize) -> &[u8] {
        &self.answers.bytes[self.answers.start(place)..]
    }

    /// How many whole answers the first bytes of those from a place on are, and how many bytes of the next.
    pub(super) fn whole(&self, place: usize, bytes: usize) -> (usize, usize) {
        let from = self.answers.start(place);
        let mut end = place;
        // Few at a time: as many as are in flight.
        while end < self.len() && self.answers.ends[end] <= from + bytes {
            end += 1;
        }
        (end - place, from + bytes - self.answers.start(end))
    }
}
