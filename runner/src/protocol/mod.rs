//! What servers and their clients speak: a request of an oracle as bytes, and an answer as JSON in the words by which the
//! record of a case is judged; under load also the right answer as bytes, which a server's are compared with.
//!
//! A protocol is one file and an arm of [`of`]; one in which a request depends on earlier answers has a [`Speaker`] of its own.

mod beanstalk;
pub mod padding;
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

/// How a server says that it can be connected to and has not read yet what it has kept.
#[derive(Debug, Clone, Copy)]
pub struct Loading {
    /// What it is asked.
    pub question: &'static [u8],
    /// How its answer begins if it has not. Any other is the answer of a server that is ready, and so is none.
    pub not_yet: &'static [u8],
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
    /// How it is known that a server is loading; none where it is ready as soon as it can be connected to.
    fn loading(&self) -> Option<Loading> {
        None
    }
}

/// One client of a server, from connection to connection: what it says may depend on what it was told before.
pub trait Speaker: Send {
    /// What it asks where its script has this; none where there is nothing to ask.
    fn prepare(&mut self, script: &Body) -> Option<Body>;
    /// That as it is sent.
    fn request(&mut self, body: &Body) -> Vec<u8>;
    /// As [`Wire::answer`].
    fn answer(&mut self, body: &Body, received: &[u8]) -> Result<Option<(Answer, usize)>, String>;
    /// Its connection has ended: what that does, as requests that nobody answers.
    fn hung_up(&mut self) -> Vec<Body>;
}

/// The `type` of a body.
pub fn kind(body: &Body) -> &str {
    body.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// That a request was answered, and what the answer says.
fn ok(request: &Body, mut fields: Value) -> Answer {
    fields["type"] = format!("{}_ok", kind(request)).into();
    Answer::Ok(fields)
}

/// The protocol that a manifest names; none where requests have no answers, as in a chat room.
pub fn of(protocol: Protocol) -> Option<&'static dyn Wire> {
    match protocol {
        Protocol::Resp => Some(&resp::Resp),
        Protocol::Beanstalk => Some(&beanstalk::Beanstalk),
        Protocol::Chat => None,
    }
}

/// A client that speaks it, where requests have answers.
pub fn speaker(protocol: Protocol) -> Option<Box<dyn Speaker>> {
    match protocol {
        Protocol::Resp => Some(Box::<resp::Client>::default()),
        Protocol::Beanstalk => Some(Box::<beanstalk::Worker>::default()),
        Protocol::Chat => None,
    }
}
