//! The vocabulary and the pure logic of takehome: plans, events, histories, checkers, the network model, scores.
//!
//! Nothing in here does IO, reads a clock or holds global state: a verdict is a function of the record.

#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, clippy::print_stderr)]

pub mod calls;
pub mod case;
pub mod chat;
pub mod checker;
pub mod condition;
pub mod conversation;
pub mod event;
pub mod explanation;
pub mod history;
pub mod jobs;
pub mod journal;
pub mod judge;
pub mod linearizability;
pub mod manifest;
pub mod metric;
pub mod model;
pub mod net;
pub mod oracle;
pub mod performance;
pub mod plan;
pub mod report;
pub mod sanitizer;
pub mod score;
pub mod statistics;
pub mod text;
pub mod time;
pub mod transaction;
pub mod units;
pub mod verdict;
pub mod verify;
