//! The vocabulary and the pure logic of takehome: plans, events, histories, checkers, the network model, scores.
//!
//! Nothing in here does IO, reads a clock or holds global state: a verdict is a function of the record.

pub mod text;
pub mod time;
