//! A node of a distributed system that speaks Maelstrom's protocol: one JSON message a line,
//! in on stdin, out on stdout, and the log on stderr.
//!
//! A program is a [`Program`]: a value with the node's state and a method that is called for every
//! message. [`run`] owns it and calls it from one thread, one message or timer at a time, so there
//! is nothing to lock. Do not block in a handler: nothing else happens until it returns.
//!
//! Take ALL your timers from [`Node::set_timer`], and never sleep or look at a clock yourself.
//! Today a timer runs on the wall clock. Under a simulated clock it will be a message to and from
//! the node `clock`, and a program that waits in any other way would fall out of the simulation.

// A program need not use all of this.
#![allow(dead_code)]

use crate::json::Json;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Codes for [`Node::reply_error`].
pub mod code {
    pub const TIMEOUT: u32 = 0;
    pub const NOT_SUPPORTED: u32 = 10;
    pub const TEMPORARILY_UNAVAILABLE: u32 = 11;
    pub const MALFORMED_REQUEST: u32 = 12;
    pub const CRASH: u32 = 13;
    pub const ABORT: u32 = 14;
}

/// What you write.
pub trait Program: Sized {
    /// Called once, before every other message. The node knows its name here; `init_ok` is sent
    /// when this returns.
    fn init(&mut self, _node: &mut Node<Self>) {}

    /// Called for every message but `init` and the replies to [`Node::rpc`].
    fn handle(&mut self, node: &mut Node<Self>, message: &Message);
}

#[derive(Clone, Debug)]
pub struct Message {
    pub src: String,
    pub dest: String,
    pub body: Json,
}

impl Message {
    fn parse(line: &str) -> Result<Message, String> {
        let json = Json::parse(line)?;
        let text = |key: &str| {
            json[key]
                .as_str()
                .map(str::to_string)
                .ok_or(format!("no `{key}`"))
        };
        Ok(Message {
            src: text("src")?,
            dest: text("dest")?,
            body: json["body"].clone(),
        })
    }

    /// The `type` of the body.
    pub fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or("")
    }
}

type Timer<P> = Box<dyn FnOnce(&mut P, &mut Node<P>)>;
type Callback<P> = Box<dyn FnOnce(&mut P, &mut Node<P>, Option<&Message>)>;

/// This node's name, its peers, and everything it can do to the world.
pub struct Node<P> {
    id: String,
    ids: Vec<String>,
    last_msg_id: u64,
    last_timer: u64,
    calls: HashMap<u64, Callback<P>>,
    /// Ordered by deadline; the number keeps timers of the same instant apart and in order.
    timers: BTreeMap<(Instant, u64), Timer<P>>,
}

impl<P: Program> Node<P> {
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Every node of the cluster, this one included.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Every node of the cluster but this one.
    pub fn peers(&self) -> Vec<String> {
        self.ids
            .iter()
            .filter(|id| **id != self.id)
            .cloned()
            .collect()
    }

    /// Sends a message that needs no answer. The network may lose, delay or repeat it.
    pub fn send(&self, dest: &str, body: Json) {
        let message = Json::object([
            ("src", self.id.as_str().into()),
            ("dest", dest.into()),
            ("body", body),
        ]);
        // One write a line, flushed at once. Nobody reads stdout any more: nothing left to do.
        let mut out = io::stdout().lock();
        let written = out.write_all(format!("{message}\n").as_bytes());
        if written.and_then(|()| out.flush()).is_err() {
            std::process::exit(1);
        }
    }

    /// Answers `request`. A message without `msg_id` asks for no answer, and gets none.
    pub fn reply(&self, request: &Message, mut body: Json) {
        if let Some(msg_id) = request.body.get("msg_id") {
            body.set("in_reply_to", msg_id.clone());
            self.send(&request.src, body);
        }
    }

    /// Answers `request` with an error: see [`code`].
    pub fn reply_error(&self, request: &Message, code: u32, text: &str) {
        let fields = [
            ("type", "error".into()),
            ("code", code.into()),
            ("text", text.into()),
        ];
        self.reply(request, Json::object(fields));
    }

    /// Sends a request, and calls `then` once: with the answer, which may be an `error`, or with
    /// `None` when none came in time. Silence does not tell whether the request was carried out.
    pub fn rpc(
        &mut self,
        dest: &str,
        mut body: Json,
        timeout: Duration,
        then: impl FnOnce(&mut P, &mut Node<P>, Option<&Message>) + 'static,
    ) {
        self.last_msg_id += 1;
        let msg_id = self.last_msg_id;
        body.set("msg_id", msg_id.into());
        self.calls.insert(msg_id, Box::new(then));
        self.send(dest, body);
        self.set_timer(timeout, move |program, node| {
            if let Some(then) = node.calls.remove(&msg_id) {
                then(program, node, None);
            }
        });
    }

    /// Calls `then` once, `after` from now. A timer that repeats sets itself again.
    pub fn set_timer(
        &mut self,
        after: Duration,
        then: impl FnOnce(&mut P, &mut Node<P>) + 'static,
    ) {
        self.last_timer += 1;
        self.timers
            .insert((Instant::now() + after, self.last_timer), Box::new(then));
    }

    /// A private directory that survives when this node is killed and started again.
    pub fn data_dir(&self) -> PathBuf {
        std::env::var_os("TAKEHOME_DATA").map_or_else(|| PathBuf::from("."), PathBuf::from)
    }

    fn deliver(&mut self, program: &mut P, message: &Message) {
        if message.kind() == "init" {
            self.id = message.body["node_id"].as_str().unwrap_or("").to_string();
            let ids = message.body["node_ids"].items();
            self.ids = ids
                .iter()
                .filter_map(Json::as_str)
                .map(str::to_string)
                .collect();
            program.init(self);
            self.reply(message, Json::object([("type", "init_ok".into())]));
        } else if self.id.is_empty() {
            // A peer that started sooner. The network loses messages, so this one may go too.
            log("a message before init is ignored");
        } else if let Some(msg_id) = message.body.get("in_reply_to") {
            // No such call: the answer came too late, or twice.
            if let Some(then) = msg_id.as_u64().and_then(|id| self.calls.remove(&id)) {
                then(program, self, Some(message));
            }
        } else {
            program.handle(self, message);
        }
    }

    /// Runs the timers that are due, and says how long until the next.
    fn run_timers(&mut self, program: &mut P) -> Option<Duration> {
        while let Some((&(deadline, number), _)) = self.timers.first_key_value() {
            let wait = deadline.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                return Some(wait);
            }
            if let Some(then) = self.timers.remove(&(deadline, number)) {
                then(program, self);
            }
        }
        None
    }
}

/// Writes a line to the log.
pub fn log(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// Runs `program` until stdin ends.
pub fn run<P: Program>(mut program: P) {
    let mut node = Node {
        id: String::new(),
        ids: Vec::new(),
        last_msg_id: 0,
        last_timer: 0,
        calls: HashMap::new(),
        timers: BTreeMap::new(),
    };
    let lines = read_lines();
    loop {
        let wait = node.run_timers(&mut program);
        let line = match wait {
            Some(wait) => lines.recv_timeout(wait),
            None => lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match line.as_deref().map(Message::parse) {
            Ok(Ok(message)) => node.deliver(&mut program, &message),
            Ok(Err(error)) => log(format_args!("not a message: {error}")),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Reads stdin on a thread of its own, so that the event loop can wait for a line or a timer.
fn read_lines() -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
