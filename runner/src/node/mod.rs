//! Node programs: N processes that speak newline-delimited JSON on stdin and stdout, and the network between them.
//!
//! | file | what it is for |
//! |---|---|
//! | `case` | runs one case from `init` to the final reads |
//! | `process` | one node's process: its cell, its pipes, its log |
//! | `clients` | requests that wait for their replies, and the history |
//! | `links` | the network model under the wall clock, and the journal |
//! | `wire` | the message format |
//! | `log` | a program's log: its beginning on disk, its end in memory |
//! | `incidents` | what nodes did wrong |
//! | `cpus` | which processors a node is kept to |
//! | `settle` | whether the final reads are complete |
//! | `fuzzing` | the way in for fuzz targets |

mod case;
mod clients;
pub(crate) mod cpus;
pub mod fuzzing;
pub(crate) mod incidents;
mod links;
pub(crate) mod log;
pub(crate) mod process;
mod settle;
mod wire;

pub use case::{CaseSetup, Notice, run};
