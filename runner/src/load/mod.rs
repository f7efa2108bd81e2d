//! Load: requests as fast as a server answers them, every answer compared with the one right answer.
//!
//! | file | what it is for |
//! |---|---|
//! | `tape` | what a client sends over and over, and what it has to be answered, as bytes |
//! | `connection` | one client's connection, and how far it is on its tape |
//! | `closed` | the closed loop: so many clients, each with so many requests in flight |
//! | `open` | the open loop: so many requests a second, whatever becomes of those before |
//! | `threads` | the clients of a server on several threads, and what those have measured together |
//!
//! A closed loop asks again when it is answered. It measures how much a server can take; it says nothing of how long
//! clients wait that do not wait for each other: while the server stands still nobody asks, and of all who would have
//! waited one is counted. An open loop asks at times that were fixed before, and counts from those.

mod closed;
mod connection;
mod open;
mod tape;
mod threads;

#[cfg(test)]
mod tests;

pub use closed::{Answered, Closed, Trouble};
pub use open::{Latency, Open};
pub use tape::Tape;
pub use threads::{Pace, Threads};
