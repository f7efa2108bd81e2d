//! Server programs: one process that listens on TCP in a cell of its own, and clients that the harness is.
//!
//! | file | what it is for |
//! |---|---|
//! | `case` | runs one case: start, clients, faults, end |
//! | `program` | the server's process: its cell, its address, its log |
//! | `ready` | when it is ready: it can be connected to, and does not say that it is loading |
//! | `client` | one client on one connection: asks, waits, records |
//! | `member` | one member of a chat room: says, and writes down what it is sent |
//! | `talk` | clients that speak byte by byte, and clients that read nothing |
//! | `hang` | why it does not answer: what its threads do, and where they stand |
//! | `performance` | runs one case of load, in turns with the reference |
//!
//! The server has the loopback of its cell for itself; a client's connection is made inside by PID 1 and handed out, so
//! nobody but the harness reaches the port, and no proxy stands between. In the weakest sandboxes it has a port of the
//! host's, which everybody reaches.

mod case;
mod client;
mod hang;
mod member;
mod performance;
mod program;
mod ready;
mod talk;

use crate::{node::CaseSetup, protocol};
use harness::{
    case::{CaseRecord, CaseSummary, Ended},
    manifest::Protocol,
};

/// Runs one case.
pub async fn run(setup: CaseSetup, protocol: Protocol) -> CaseRecord {
    match setup.stage.load.clone() {
        Some(load) => match protocol::of(protocol) {
            Some(wire) => performance::run(setup, wire, load).await,
            None => {
                let why = format!("there is no `load` in the protocol `{}`", protocol.name());
                let summary = CaseSummary { ended: Ended::Broken(why), ..CaseSummary::default() };
                CaseRecord { summary, ..CaseRecord::default() }
            }
        },
        None => case::run(setup, protocol).await,
    }
}
