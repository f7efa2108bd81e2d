//! What a challenge knows beyond its manifest: the requests that clients make and the words of its protocol.

use crate::{
    conversation::{Conversation, Nuisance},
    manifest::Stage,
    time::Offset,
};
use serde_json::{Map, Value};
use std::time::Duration;

/// A challenge's own knowledge. Pure: the same stage and seed give the same script.
pub trait Oracle: Send + Sync {
    /// The requests of one case.
    fn script(&self, stage: &Stage, seed: u64) -> Script;
    /// What the requests mean to the checks.
    fn vocabulary(&self) -> Vocabulary;
    /// What a server of a stage with `load` is given to keep before the load begins, each with the one right answer.
    fn fill(&self, _stage: &Stage, _seed: u64) -> Vec<(Body, Value)> {
        Vec::new()
    }
    /// The requests of one client of a stage with `load`, each with the one right answer: client after client works on
    /// keys of its own. When they have all been answered the client begins again, whatever the last time left behind.
    fn load(&self, _stage: &Stage, _seed: u64, _client: u32) -> Vec<(Body, Value)> {
        Vec::new()
    }
}

/// The requests of one case.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Sent to each node before the work begins, and again after each restart; each must be answered.
    pub opening: Vec<Request>,
    /// Whether the work is sent right behind `init`, without waiting for its answer: what is due at the beginning lies
    /// in each node's stdin in one piece with it.
    pub burst: bool,
    /// Whether each request of the work also waits for the answer to the one before it: as fast as one client can.
    pub in_turn: bool,
    /// The work, in order of time counted from the beginning of the work. A server's clients are given it in turn.
    pub work: Vec<(Duration, Request)>,
    /// What each client of a server does by itself, in order of time; it may go on until the stage has settled.
    pub clients: Vec<Vec<(Duration, Body)>>,
    /// What is said to a server byte by byte, one conversation after the other, each on a connection of its own.
    pub conversations: Vec<Conversation>,
    /// Clients that burden a server from the beginning of the work to its end.
    pub nuisances: Vec<Nuisance>,
    /// Sent to every node on the stage's probe period and, after the work, until the case has settled.
    pub read: Option<Body>,
}

/// One request to one node.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The node.
    pub node: u32,
    /// The body, `type` included, without `msg_id`.
    pub body: Body,
}

/// A message body.
pub type Body = Map<String, Value>;

/// What the requests of a challenge mean to the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vocabulary {
    /// Every request of this type has to come back with the same value in this field.
    Echo {
        /// Type of the request.
        function: &'static str,
        /// The field.
        field: &'static str,
    },
    /// Every reply carries an id in this field.
    Ids {
        /// Type of the request.
        function: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A set that grows: one function adds a value, another reads them all.
    Set {
        /// Type of the request that adds.
        add: &'static str,
        /// Its field with the value.
        value: &'static str,
        /// Type of the request that reads.
        read: &'static str,
        /// The reply's field with the list.
        values: &'static str,
    },
    /// Objects by key: stores with `read`, `write`, `append`, `delete` and others, counters with `add` and `read`, in the
    /// words that the record of a case is read by (`history::format`, the format `calls`).
    Objects,
    /// A queue of jobs, in the words of [`crate::jobs`].
    Jobs,
    /// A chat room, in the words of [`crate::chat`].
    Chat,
}

impl Vocabulary {
    /// Whether it is that of a server, which clients reach over TCP.
    pub fn is_server(self) -> bool {
        matches!(self, Self::Objects | Self::Jobs | Self::Chat)
    }
}

/// A body from its type and fields.
pub fn body(function: &str, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Body {
    let mut body = Body::new();
    body.insert("type".into(), function.into());
    body.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
    body
}

/// Evenly spaced times at `rate` a second for `duration`.
pub fn ticks(rate: f64, duration: Duration) -> impl Iterator<Item = Duration> {
    let count = (rate * duration.as_secs_f64()).round().max(1.0) as u64;
    (0..count).map(move |index| Duration::from_secs_f64(index as f64 / rate))
}

/// The end of the work: the last moment at which a request may be due.
pub fn end_of_work(stage: &Stage) -> Offset {
    Offset::from(stage.duration())
}
