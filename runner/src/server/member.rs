//! One member of a chat room: says its lines when they are due, and writes down all that it is sent meanwhile.
//!
//! The protocol is that of Protohackers' Budget Chat (<https://protohackers.com/problem/3>): the server asks for a name; the
//! first line that a client sends is it; then the server says who is there, and from then on lines go both ways.

use super::client::{NOT_MADE, Seen, Shared, TOO_MUCH};
use crate::protocol::{
    kind,
    padding::{in_full, short},
};
use harness::{
    calls::{Call, Outcome, Role},
    oracle::Body,
    text::excerpt,
    time::Offset,
};
use serde_json::{Value, json};
use std::{collections::VecDeque, io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The longest line.
const LONGEST: usize = 64 << 10;
/// What a line that was heard counts beside its bytes, of what one case may take: it is kept, with its time.
const EACH: usize = 1 << 10;
/// How long the last lines are waited for when a member has said that it leaves: as long as the server may take to see that.
/// A connection that is closed before what has come was read takes back what was said.
const LAST_LINES: Duration = Duration::from_secs(2);

/// What is said of a server that ends a connection.
const ENDED: &str = "the connection of a member was ended";
/// Most bytes of what was no line that are kept.
const SHOWN: usize = 2_000;

/// A member.
pub(super) struct Member {
    shared: Arc<Shared>,
    /// Its number; another one each time that it joins.
    number: u32,
    line: Option<TcpStream>,
    received: Vec<u8>,
    /// How much of that has been taken, and how much of the rest holds no line end.
    taken: usize,
    searched: usize,
    seen: Seen,
    /// What all calls that hear something have in common: there are many of them.
    hears: [Arc<str>; 2],
}

impl Member {
    /// A member that has not joined yet.
    pub(super) fn new(shared: Arc<Shared>, number: u32) -> Self {
        Self {
            shared,
            number,
            line: None,
            received: Vec::new(),
            taken: 0,
            searched: 0,
            seen: Seen::default(),
            hears: ["hear", r#"{"type":"hear"}"#].map(Into::into),
        }
    }

    /// Does what is due, and listens until the end.
    pub(super) async fn run(mut self, requests: Vec<(Offset, Body)>) -> Seen {
        let mut over = self.shared.over.clone();
        let mut requests = VecDeque::from(requests);
        let work = async {
            while let Some((due, body)) = requests.front() {
                if *due > self.now() {
                    self.listen_until(*due).await;
                    self.seen.lag = self.seen.lag.max(self.now().since(*due));
                }
                if self.now() >= self.shared.end {
                    break;
                }
                self.act(body).await;
                requests.pop_front();
            }
            let end = self.shared.end;
            self.listen_until(end).await;
        };
        tokio::select! {
            () = work => {}
            _ = over.wait_for(|over| *over) => {}
        }
        let now = self.now();
        for (due, body) in requests.iter().filter(|(due, _)| *due <= now) {
            self.note(*due, body, Outcome::Failed(NOT_MADE), None);
        }
        self.seen
    }

    fn now(&self) -> Offset {
        self.shared.began.elapsed().into()
    }

    async fn act(&mut self, body: &Body) {
        match kind(body) {
            "join" => self.join(body).await,
            // Whose connection has ended says nothing more; that it ended has been noted.
            _ if self.line.is_none() => {}
            "say" => self.say(body).await,
            _ => self.leave(body).await,
        }
    }

    /// Writes a call down; the answer, if there is one, has been heard now.
    fn note(&mut self, invoked: Offset, body: &Body, outcome: Outcome, reply: Option<Value>) {
        let reply = reply.map(|mut reply| {
            reply["type"] = format!("{}_ok", kind(body)).into();
            reply.to_string().into()
        });
        let call = Call {
            client: self.number,
            node: 0,
            role: Role::Work,
            function: kind(body).into(),
            invoked,
            returned: (outcome == Outcome::Ok).then(|| self.now()),
            outcome,
            request: Value::Object(body.clone()).to_string().into(),
            reply,
        };
        self.seen.calls.push(call);
    }

    async fn join(&mut self, body: &Body) {
        self.close();
        let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
        let asked = self.now();
        let (patience, shared) = (self.shared.timeout, self.shared.clone());
        let told = tokio::time::timeout(patience, async {
            self.line = Some(shared.address.connect().await?);
            let _prompt = self.next_line().await?;
            let said = self.now();
            self.write(&format!("{name}\n")).await?;
            self.next_line().await.map(|list| (said, list))
        });
        match told.await {
            Ok(Ok((said, list))) => {
                let list = json!({ "list": excerpt(&String::from_utf8_lossy(&list), LONGEST) });
                self.note(said, body, Outcome::Ok, Some(list));
            }
            Ok(Err(_)) => {
                self.note(asked, body, Outcome::Unknown(None), None);
                self.close();
            }
            Err(_) => {
                let _case_is_over = self.shared.in_vain.send(());
                self.note(asked, body, Outcome::Unknown(None), None);
                self.close();
            }
        }
    }

    async fn say(&mut self, body: &Body) {
        let asked = self.now();
        let text = body.get("text").and_then(Value::as_str).map(in_full).unwrap_or_default();
        let written = tokio::time::timeout(self.shared.timeout, self.write(&format!("{text}\n"))).await;
        match written {
            Ok(Ok(())) => self.note(asked, body, Outcome::Ok, Some(json!({}))),
            Ok(Err(_)) => {
                self.note(asked, body, Outcome::Unknown(None), None);
                self.ended(asked, ENDED.into());
            }
            Err(_) => {
                let _case_is_over = self.shared.in_vain.send(());
                self.note(asked, body, Outcome::Unknown(None), None);
                self.note(asked, &harness::oracle::body("leave", []), Outcome::Ok, Some(json!({})));
                self.close();
            }
        }
    }

    /// Says that nothing more comes, and hears what is still on its way: to close at once could take back what was said.
    async fn leave(&mut self, body: &Body) {
        let asked = self.now();
        if let Some(line) = &mut self.line {
            let _gone_already = line.shutdown().await;
        }
        self.note(asked, body, Outcome::Ok, Some(json!({})));
        let rest = async {
            while let Ok(line) = self.next_line().await {
                self.hear(&line);
            }
        };
        let _long_enough = tokio::time::timeout(LAST_LINES, rest).await;
        self.close();
    }

    /// The end of this member; who joins next is another one.
    fn close(&mut self) {
        if self.line.take().is_some() {
            self.number += self.shared.clients;
        }
        self.received.clear();
        (self.taken, self.searched) = (0, 0);
    }

    /// The connection has come to its end, though the member had not left.
    fn ended(&mut self, at: Offset, why: String) {
        self.seen.wrong.push((at, why, shown(&self.received[self.taken..])));
        self.note(at, &harness::oracle::body("leave", []), Outcome::Ok, Some(json!({})));
        self.close();
    }

    /// Hears what is sent until a time.
    async fn listen_until(&mut self, due: Offset) {
        let deadline = self.shared.began + due.since(Offset::ZERO);
        while self.now() < due {
            if self.line.is_none() {
                tokio::time::sleep_until(deadline.into()).await;
                return;
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(deadline.into()) => return,
                line = self.next_line() => match line {
                    Ok(line) => self.hear(&line),
                    Err(error) => {
                        let why = match error.kind() {
                            io::ErrorKind::InvalidData => error.to_string(),
                            _ => ENDED.into(),
                        };
                        let now = self.now();
                        self.ended(now, why);
                    }
                },
            }
        }
    }

    fn hear(&mut self, line: &[u8]) {
        let now = self.now();
        let text = String::from_utf8_lossy(line);
        let reply = match text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            Some((from, said)) => json!({ "from": excerpt(from, 100), "text": short(said), "type": "hear_ok" }),
            None if text.starts_with('*') => json!({ "notice": excerpt(&text, 2_000), "type": "hear_ok" }),
            None => {
                self.seen.wrong.push((now, "a line that is neither a message nor the server's".into(), shown(line)));
                return;
            }
        };
        let reply = reply.to_string();
        // What is kept may be several times what was sent.
        if !self.shared.takes(reply.len()) {
            self.ended(now, TOO_MUCH.into());
            return;
        }
        let [function, request] = self.hears.clone();
        self.seen.calls.push(Call {
            client: self.number,
            node: 0,
            role: Role::Probe,
            function,
            invoked: now,
            returned: Some(now),
            outcome: Outcome::Ok,
            request,
            reply: Some(reply.into()),
        });
    }

    /// The next line without its end. Loses nothing when it is cancelled.
    async fn next_line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let rest = &self.received[self.taken..];
            if let Some(end) = rest[self.searched..].iter().position(|byte| *byte == b'\n') {
                if !self.shared.takes(EACH) {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, TOO_MUCH));
                }
                let end = self.searched + end;
                let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]).to_vec();
                self.taken += end + 1;
                self.searched = 0;
                return Ok(line);
            }
            self.received.drain(..self.taken);
            self.taken = 0;
            self.searched = self.received.len();
            if self.searched > LONGEST {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end"));
            }
            let line = self.line.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            match line.read_buf(&mut self.received).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count if !self.shared.takes(count) => return Err(io::Error::new(io::ErrorKind::InvalidData, TOO_MUCH)),
                _ => {}
            }
        }
    }

    async fn write(&mut self, text: &str) -> io::Result<()> {
        let line = self.line.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        line.write_all(text.as_bytes()).await
    }
}

fn shown(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(SHOWN)].to_vec()
}
