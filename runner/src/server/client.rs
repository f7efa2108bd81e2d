//! One client: a connection at a time, one request at a time.

use super::program::Address;
use crate::protocol::{Answer, Speaker, kind};
use harness::{
    calls::{Call, DISCONNECT, Outcome, Role},
    oracle::Body,
    text::excerpt,
    time::Offset,
};
use serde_json::Value;
use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, watch},
};

/// How long a client waits until it tries to connect again.
const RETRY: Duration = Duration::from_millis(5);
/// The longest answer.
const LONGEST: usize = 16 << 20;
/// The code of an error that the server told: the request has no effect.
const REFUSED: u32 = 12;
/// The code of a request that was due and could not be made before the end, because the server kept its client waiting.
pub(super) const NOT_MADE: u32 = 11;

/// What all clients of a case share.
pub(super) struct Shared {
    /// Where the server is.
    pub(super) address: Address,
    /// When the case began.
    pub(super) began: Instant,
    /// How long a client waits for an answer.
    pub(super) timeout: Duration,
    /// When no request is made any more.
    pub(super) end: Offset,
    /// How many clients there are.
    pub(super) clients: u32,
    /// Bytes of answers that all of them may still take.
    pub(super) room: AtomicUsize,
    /// Told when a client has waited in vain.
    pub(super) in_vain: mpsc::UnboundedSender<()>,
    /// Turns true when the server is gone for good, or the user wants to stop.
    pub(super) over: watch::Receiver<bool>,
}

/// What is said of a server that sends without an end.
pub(super) const TOO_MUCH: &str = "more answers in one case than may be";

impl Shared {
    /// Whether so many more bytes of answers may be taken.
    pub(super) fn takes(&self, count: usize) -> bool {
        let taken = |left: usize| left.checked_sub(count);
        self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}

/// What a client comes home with.
#[derive(Default)]
pub(super) struct Seen {
    /// What it asked and was told.
    pub(super) calls: Vec<Call>,
    /// What was no answer: when, why, and the bytes.
    pub(super) wrong: Vec<(Offset, String, Vec<u8>)>,
    /// How late it was with a request at worst through no fault of the server's.
    pub(super) lag: Duration,
    /// Its connection, which stays open until all have done their work: a server that serves some clients to their end
    /// before it looks at the others does not get away with it.
    connection: Option<TcpStream>,
}

/// A client.
pub(super) struct Client {
    shared: Arc<Shared>,
    /// Its name; another one on each connection after the first.
    name: u32,
    speaker: Box<dyn Speaker>,
    socket: Option<TcpStream>,
    received: Vec<u8>,
    seen: Seen,
}

impl Client {
    /// A client that is not connected yet.
    pub(super) fn new(shared: Arc<Shared>, name: u32, speaker: Box<dyn Speaker>) -> Self {
        Self { shared, name, speaker, socket: None, received: Vec::new(), seen: Seen::default() }
    }

    /// Makes its requests, each when it is due and the one before it has been answered.
    pub(super) async fn run(mut self, requests: Vec<(Offset, Body)>) -> Seen {
        let mut over = self.shared.over.clone();
        let mut requests = VecDeque::from(requests);
        let work = async {
            while let Some((due, body)) = requests.front() {
                self.wait_for(*due).await;
                if self.now() >= self.shared.end || !self.connected().await {
                    break;
                }
                match self.speaker.prepare(body) {
                    Some(body) if kind(&body) == DISCONNECT => self.hang_up(true),
                    Some(body) => self.ask(&body).await,
                    None => {}
                }
                requests.pop_front();
            }
        };
        tokio::select! {
            () = work => {}
            _ = over.wait_for(|over| *over) => {}
        }
        let now = self.now();
        for (due, body) in requests.iter().filter(|(due, _)| *due <= now) {
            let call = self.call(*due, body);
            self.seen.calls.push(Call { outcome: Outcome::Failed(NOT_MADE), ..call });
        }
        self.seen.connection = self.socket;
        self.seen
    }

    /// A request of this client, unanswered.
    fn call(&self, invoked: Offset, body: &Body) -> Call {
        Call {
            client: self.name,
            node: 0,
            role: Role::Work,
            function: kind(body).into(),
            invoked,
            returned: None,
            outcome: Outcome::Unknown(None),
            request: Value::Object(body.clone()).to_string().into(),
            reply: None,
        }
    }

    fn now(&self) -> Offset {
        self.shared.began.elapsed().into()
    }

    async fn wait_for(&mut self, due: Offset) {
        if due > self.now() {
            tokio::time::sleep_until((self.shared.began + due.since(Offset::ZERO)).into()).await;
            self.seen.lag = self.seen.lag.max(self.now().since(due));
        }
    }

    /// Connects again, if need be, until the end of the work.
    async fn connected(&mut self) -> bool {
        while self.socket.is_none() {
            match self.shared.address.connect().await {
                Ok(socket) => self.socket = Some(socket),
                Err(_) if self.now() < self.shared.end => tokio::time::sleep(RETRY).await,
                Err(_) => return false,
            }
        }
        true
    }

    /// Makes one request and records what came of it.
    async fn ask(&mut self, body: &Body) {
        let index = self.seen.calls.len();
        self.seen.calls.push(self.call(self.now(), body));
        let bytes = self.speaker.request(body);
        let told = tokio::time::timeout(self.shared.timeout, self.exchange(&bytes, body)).await;
        let now = self.now();
        let call = &mut self.seen.calls[index];
        match told {
            Ok(Ok(Answer::Ok(reply))) => {
                (call.returned, call.outcome, call.reply) = (Some(now), Outcome::Ok, Some(reply.to_string().into()));
            }
            Ok(Ok(Answer::Refused(text))) => {
                let reply = serde_json::json!({ "type": "error", "code": REFUSED, "text": text });
                call.reply = Some(reply.to_string().into());
                (call.returned, call.outcome) = (Some(now), Outcome::Failed(REFUSED));
            }
            Ok(Ok(Answer::Wrong(why))) => self.wrong(now, why),
            Ok(Err(why)) if why.kind() == io::ErrorKind::InvalidData => self.wrong(now, why.to_string()),
            // The connection ended: it may have taken effect.
            Ok(Err(_)) => self.hang_up(false),
            Err(_) => {
                let _case_is_over = self.shared.in_vain.send(());
                self.hang_up(false);
            }
        }
    }

    /// Sends a request and waits for the whole answer.
    async fn exchange(&mut self, bytes: &[u8], body: &Body) -> io::Result<Answer> {
        let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        if let Some(socket) = &self.socket {
            // What has come since would look like the answer to this; an end is seen when that is waited for.
            let _nothing_mostly = socket.try_read_buf(&mut self.received);
        }
        if !self.received.is_empty() {
            let before = self
                .seen
                .calls
                .iter()
                .rev()
                .nth(1)
                .map_or_else(String::new, |call| format!(", behind that to {}", excerpt(&call.request, 80)));
            return Err(invalid(format!("an answer that nobody has asked for{before}")));
        }
        let socket = self.socket.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        socket.write_all(bytes).await?;
        loop {
            let count = socket.read_buf(&mut self.received).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if !self.shared.takes(count) {
                return Err(invalid(TOO_MUCH.into()));
            }
            if let Some((answer, length)) = self.speaker.answer(body, &self.received).map_err(invalid)? {
                // What is no answer is shown as it came.
                if !matches!(answer, Answer::Wrong(_)) {
                    self.received.drain(..length);
                }
                return Ok(answer);
            }
            if self.received.len() > LONGEST {
                return Err(invalid(format!("an answer of more than {} MiB", LONGEST >> 20)));
            }
        }
    }

    fn wrong(&mut self, now: Offset, why: String) {
        let bytes = self.received.iter().copied().take(2_000).collect();
        self.seen.wrong.push((now, why, bytes));
        self.hang_up(false);
    }

    /// The answer to what is open will never be known: whoever asks next is somebody else, on another connection. Whether
    /// this was meant to be is noted: only then the connection is known to have been there until now.
    fn hang_up(&mut self, is_planned: bool) {
        let now = self.now();
        self.socket = None;
        self.received.clear();
        for mut body in self.speaker.hung_up() {
            body.insert("planned".into(), is_planned.into());
            let call = self.call(now, &body);
            self.seen.calls.push(call);
        }
        self.name += self.shared.clients;
    }
}
