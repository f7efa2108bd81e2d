//! What servers and their clients speak: a request of an oracle as bytes, and an answer as JSON in the words by which the
//! record of a case is judged; under load also the right answer as bytes, which a server's are compared with.
//!
//! A protocol is one file and an arm of [`of`].

mod resp;

use harness::{manifest::Protocol, oracle::Body};
use serde_json::Value;

/// An answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What it says, as the body of a reply.
    Ok(Value),
    /// An error, in the server's words: the request has no effect.
    Refused(String),
    /// Not what this request is answered with; why.
    Wrong(String),
}

/// A wire protocol, seen from a client.
pub trait Wire: Sync {
    /// A request as it is sent.
    fn request(&self, body: &Body) -> Vec<u8>;
    /// The one right answer to a request, as it is sent by a server; `answer` is the body of the reply.
    fn reply(&self, request: &Body, answer: &Value) -> Vec<u8>;
    /// The answer at the beginning of what was received, and its length; none while it is not complete. An error is said
    /// of bytes that are no answer to anything.
    fn answer(&self, request: &Body, received: &[u8]) -> Result<Option<(Answer, usize)>, String>;
}

/// The protocol that a manifest names.
pub fn of(protocol: Protocol) -> &'static dyn Wire {
    match protocol {
        Protocol::Resp => &resp::Resp,
    }
}
