//! Transactions: histories of several reads, writes or appends at once, and the anomalies in them.

mod history;

pub use history::{Action, Step, Transactions};
