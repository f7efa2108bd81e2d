//! The network between the nodes of a submission, and everything that goes wrong in it.
//!
//! Pure and seeded: [`Network`] is told the time, is handed messages and faults, and says what to deliver next. It does
//! no IO, reads no clock and keeps nothing global, so the same seed and the same calls give the same deliveries, byte
//! for byte, under the wall clock and under a virtual one.
//!
//! Only messages between nodes belong in here. A client's request and its answer bypass the network: a client stands
//! beside its node, and if its messages queued with the nodes' own, a request could be held up by the latency of
//! somebody else's message and the measured answer time would be partly ours. (Maelstrom has that flaw: its receiver
//! sleeps on the earliest message while a client's waits behind it.)
//!
//! | file | holds |
//! |---|---|
//! | `random` | streams of random numbers that never change |
//! | `latency` | how long a message takes, how often it is lost or doubled |
//! | `topology` | who is told to talk to whom |
//! | `partition` | which links are cut |
//! | `fault` | timed faults, and who was down when |
//! | `schedule` | drawing the faults of a case from its seed |
//! | `service` | what nodes may call besides each other: stores and a timestamp oracle |
//! | `queue` | the messages in flight, earliest first |
//! | `network` | all of it together |

mod fault;
mod latency;
mod network;
mod partition;
mod queue;
pub mod random;
mod schedule;
mod service;
mod topology;

pub use fault::{Fault, FaultAction, FaultSchedule};
pub use latency::{Distribution, Latency, Link, Settings};
pub use network::{Delivery, DropReason, Fate, Message, MessageId, Network, Outcome, Sent};
pub use partition::{Partition, Shape, Ways};
pub use schedule::{FaultError, FaultKind, FaultPlan, Rhythm, Terrain};
pub use service::{Service, Services};
pub use topology::{Topology, TopologyError, connected};

use serde::{Deserialize, Serialize};
use std::fmt;

/// A node of the case by its index, from 0. It is shown as `n3`.
///
/// A [`Service`] takes an index after the last node's: the network carries its messages like any other. No partition
/// names it; only a total one, in which nobody reaches anybody, cuts it off.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The index, to look up a table with.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}
