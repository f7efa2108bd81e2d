//! One node's process: its cell, its pipes, its log.

use super::{
    log::{self, Log},
    wire,
};
use crate::backend::{Backend, Cell, CellEvent, CellSpec, Command, Control, Exit, Limits, OpenError, Stdio, Usage};
use nix::{fcntl::OFlag, unistd::pipe2};
use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    sync::{
        OwnedSemaphorePermit, Semaphore,
        mpsc::{self, error::TrySendError},
    },
    task::JoinHandle,
};

/// Longest line a node may write.
pub const LONGEST_LINE: usize = 16 << 20;
/// Most bytes that may wait for a node to read them.
const MOST_QUEUED: usize = 64 << 20;
/// Most bytes of one node's output that may wait to be looked at, in KiB.
const MOST_WAITING: usize = 32 << 10;
/// Bytes that are looked for as soon as what was there before has been dealt with.
const PIECE: usize = 1 << 10;
/// How long a complete message may lack its line end before it is taken without.
const PATIENCE: Duration = Duration::from_millis(200);

/// What happens at a node.
#[derive(Debug)]
pub enum NodeEvent {
    /// It wrote a line; this is without its end.
    Line(Output),
    /// It wrote a message whose line end has not come yet: heard, so that nobody waits for it.
    Early(Output),
    /// What was told as [`NodeEvent::Early`] never got its line end: something else follows, or nothing any more.
    Unended(Output),
    /// The last line, without an end.
    Rest(Output),
    /// It wrote more than the longest line without a line end; the beginning of it.
    Endless(Output),
    /// So many more bytes of that line were read and thrown away.
    Skipped(u32, usize),
    /// Its log has become longer than may be; the end of it.
    LogFlood(u32, String),
    /// Its program runs.
    Started(u32),
    /// Its program could not be executed.
    StartFailed(u32, String),
    /// Its program has ended, and its log has been read.
    Ended(u32, Exit),
    /// Its cell is gone.
    Closed(u32, Usage),
    /// Its cell was lost through a fault of the machine.
    Lost(u32, String),
    /// Not of a node: the user wants to stop.
    Stop,
}

/// Something that a node wrote.
#[derive(Debug)]
pub struct Output {
    /// Which node.
    pub node: u32,
    /// When it was read.
    pub at: Instant,
    /// The bytes.
    pub text: Vec<u8>,
    /// Its part of what may wait to be looked at; the node is not read further while that is used up.
    _room: Option<OwnedSemaphorePermit>,
}

/// One node.
pub struct Process {
    node: u32,
    control: mpsc::UnboundedSender<Control>,
    events: mpsc::Sender<NodeEvent>,
    stdin: Option<Outbox>,
    /// What is kept back, to be written in one piece.
    held: Option<Vec<u8>>,
    log: Log,
    reader: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Process {
    /// Opens the node's cell; nothing runs yet.
    pub async fn open(
        backend: &dyn Backend,
        spec: CellSpec,
        node: u32,
        log: Option<PathBuf>,
        most_log: u64,
        events: mpsc::Sender<NodeEvent>,
    ) -> Result<Self, OpenError> {
        let Cell { control, events: cell_events, .. } = backend.open(spec).await?;
        let reader: Arc<Mutex<Option<JoinHandle<()>>>> = Arc::default();
        tokio::spawn(forward(node, cell_events, events.clone(), reader.clone()));
        let log = Log::new(log, most_log);
        Ok(Self { node, control, events, stdin: None, held: None, log, reader })
    }

    /// Starts the program with fresh pipes.
    pub fn start(&mut self, command: Command) -> io::Result<()> {
        let (stdin, to_node) = pipe2(OFlag::O_CLOEXEC)?;
        let (from_node, stdout) = pipe2(OFlag::O_CLOEXEC)?;
        let (from_log, stderr) = pipe2(OFlag::O_CLOEXEC)?;
        self.stdin = Some(Outbox::new(pipe::Sender::from_owned_fd(to_node)?));
        self.held = None;
        tokio::spawn(read_lines(self.node, pipe::Receiver::from_owned_fd(from_node)?, self.events.clone()));
        let (node, events) = (self.node, self.events.clone());
        let flood = async move |tail| drop(events.send(NodeEvent::LogFlood(node, tail)).await);
        let log = tokio::spawn(log::read(pipe::Receiver::from_owned_fd(from_log)?, self.log.clone(), flood));
        *self.reader.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(log);
        self.ask(Control::Start(command, Stdio { stdin, stdout, stderr }));
        Ok(())
    }

    /// Asks something of the cell; a lost cell is reported by its events.
    pub fn ask(&self, control: Control) {
        let _ = self.control.send(control);
    }

    /// Hands a line to the program; false when it has not read its stdin for too long and the line is dropped.
    pub fn write(&mut self, line: &[u8]) -> bool {
        if let Some(held) = &mut self.held {
            held.extend_from_slice(line);
            return true;
        }
        self.stdin.as_ref().is_none_or(|stdin| stdin.write(line))
    }

    /// Keeps back what is written from now on.
    pub fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Writes in one piece what was kept back, so that the program finds all of it in its first read.
    pub fn release(&mut self) -> bool {
        self.held.take().is_none_or(|held| self.write(&held))
    }

    /// The program has no stdin any more.
    pub fn unplug(&mut self) {
        self.stdin = None;
    }

    /// The end of the log.
    pub fn log_tail(&self) -> String {
        self.log.end()
    }
}

/// A pipe to a program: written at once while there is room, otherwise by a task in the order of the calls.
struct Outbox {
    pipe: Arc<pipe::Sender>,
    queue: mpsc::UnboundedSender<Vec<u8>>,
    queued: Arc<AtomicUsize>,
}

impl Outbox {
    fn new(sender: pipe::Sender) -> Self {
        let pipe = Arc::new(sender);
        let queued = Arc::new(AtomicUsize::new(0));
        let (queue, mut waiting) = mpsc::unbounded_channel::<Vec<u8>>();
        let (task_pipe, task_queued) = (pipe.clone(), queued.clone());
        tokio::spawn(async move {
            while let Some(bytes) = waiting.recv().await {
                let done = write_all(&task_pipe, &bytes).await;
                task_queued.fetch_sub(bytes.len(), Ordering::AcqRel);
                if done.is_err() {
                    break;
                }
            }
        });
        Self { pipe, queue, queued }
    }

    fn write(&self, line: &[u8]) -> bool {
        let mut rest = line;
        if self.queued.load(Ordering::Acquire) == 0 {
            match self.pipe.try_write(line) {
                Ok(written) => rest = &line[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The program has closed its stdin or ended; its end is reported elsewhere.
                Err(_) => return true,
            }
        }
        if rest.is_empty() {
            return true;
        }
        if self.queued.load(Ordering::Acquire) > MOST_QUEUED {
            return false;
        }
        self.queued.fetch_add(rest.len(), Ordering::AcqRel);
        let _ = self.queue.send(rest.to_vec());
        true
    }
}

async fn write_all(pipe: &pipe::Sender, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        pipe.writable().await?;
        match pipe.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Passes the cell's events on; the end of the program waits for the end of its log, so that a finding can show it.
async fn forward(
    node: u32,
    mut cell: mpsc::UnboundedReceiver<CellEvent>,
    events: mpsc::Sender<NodeEvent>,
    reader: Arc<Mutex<Option<JoinHandle<()>>>>,
) {
    while let Some(event) = cell.recv().await {
        let event = match event {
            CellEvent::Started => NodeEvent::Started(node),
            CellEvent::StartFailed { call, errno } => {
                NodeEvent::StartFailed(node, format!("{call}: {}", io::Error::from_raw_os_error(errno)))
            }
            CellEvent::Exited(exit) => {
                let log = reader.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
                if let Some(log) = log {
                    let _ = tokio::time::timeout(PATIENCE, log).await;
                }
                NodeEvent::Ended(node, exit)
            }
            CellEvent::Closed(usage) => NodeEvent::Closed(node, usage),
            CellEvent::Lost(why) => NodeEvent::Lost(node, why),
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
}

/// Reads stdout line by line. Whoever floods is slowed down, as by a real network.
async fn read_lines(node: u32, mut pipe: pipe::Receiver, events: mpsc::Sender<NodeEvent>) {
    let room = Arc::new(Semaphore::new(MOST_WAITING));
    let tell = async |kind: fn(Output) -> NodeEvent, at: Instant, text: Vec<u8>| {
        // Of short ones there are never many: the events that may wait are counted too.
        let room = match (text.len() >> 10) as u32 {
            0 => None,
            size => match room.clone().try_acquire_many_owned(size) {
                Ok(room) => Some(room),
                Err(_) => room.clone().acquire_many_owned(size).await.ok(),
            },
        };
        match events.try_send(kind(Output { node, at, text, _room: room })) {
            Err(TrySendError::Full(event)) => events.send(event).await.is_ok(),
            sent => sent.is_ok(),
        }
    };
    let mut buffer: Vec<u8> = Vec::with_capacity(64 << 10);
    let mut scanned = 0;
    let mut skipping = false;
    let mut told = false;
    let mut early: Option<(Instant, Vec<u8>)> = None;
    loop {
        let piece = if told { read_again(&pipe, &mut buffer).await } else { 0 };
        let read = if piece > 0 { Read::Some } else { read_more(&mut pipe, &mut buffer).await };
        told = false;
        let now = Instant::now();
        match read {
            Read::End => break,
            Read::Idle if skipping || !wire::is_complete(&buffer) => continue,
            Read::Idle => {
                scanned = 0;
                early = Some((now, buffer.clone()));
                if !tell(NodeEvent::Early, now, std::mem::take(&mut buffer)).await {
                    return;
                }
                continue;
            }
            Read::Some => {}
        }
        // A program may be held up for any time between a message and its line end: only what follows tells.
        if let Some((since, text)) = early.take() {
            if buffer.starts_with(b"\n") {
                buffer.drain(..1);
            } else if !tell(NodeEvent::Unended, since, text).await {
                return;
            }
        }
        let mut start = 0;
        while let Some(length) = buffer[scanned..].iter().position(|byte| *byte == b'\n') {
            let end = scanned + length;
            let line = buffer[start..end].to_vec();
            (start, scanned) = (end + 1, end + 1);
            if !std::mem::take(&mut skipping) && !tell(NodeEvent::Line, now, line).await {
                return;
            }
        }
        // Behind a full piece there is more, which is read in larger ones.
        told = start > 0 && piece < PIECE;
        buffer.drain(..start);
        scanned = buffer.len();
        if buffer.len() > LONGEST_LINE {
            buffer.truncate(4 << 10);
            (scanned, skipping) = (0, true);
            if !tell(NodeEvent::Endless, now, std::mem::take(&mut buffer)).await {
                return;
            }
        } else if skipping {
            let skipped = NodeEvent::Skipped(node, buffer.len());
            buffer.clear();
            scanned = 0;
            if events.send(skipped).await.is_err() {
                return;
            }
        }
    }
    if let Some((since, text)) = early {
        tell(NodeEvent::Unended, since, text).await;
    }
    if !buffer.is_empty() && !skipping {
        tell(NodeEvent::Rest, Instant::now(), buffer).await;
    }
}

/// Looks whether there is more as soon as what was told has been dealt with: a program that answers at once is then heard
/// without a wait for events, which costs more than the rest of the way. How many bytes there were.
async fn read_again(pipe: &pipe::Receiver, buffer: &mut Vec<u8>) -> usize {
    after_the_others().await;
    let mut piece = [0; PIECE];
    let read = nix::unistd::read(pipe, &mut piece).unwrap_or(0);
    buffer.extend_from_slice(&piece[..read]);
    read
}

/// Lets every task that is ready have its turn.
async fn after_the_others() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

enum Read {
    Some,
    Idle,
    End,
}

async fn read_more(pipe: &mut pipe::Receiver, buffer: &mut Vec<u8>) -> Read {
    let reading = async |buffer: &mut Vec<u8>, pipe: &mut pipe::Receiver| match pipe.read_buf(buffer).await {
        Ok(0) | Err(_) => Read::End,
        Ok(_) => Read::Some,
    };
    buffer.reserve(32 << 10);
    if buffer.is_empty() {
        return reading(buffer, pipe).await;
    }
    tokio::time::timeout(PATIENCE, reading(buffer, pipe)).await.unwrap_or(Read::Idle)
}

/// The limits of a node's cell, and the processors that it is kept to.
pub fn limits(limits: &harness::manifest::Limits, cpus: Vec<u32>) -> Limits {
    Limits {
        cpus,
        memory: limits.memory.0,
        processes: limits.processes,
        open_files: limits.open_files,
        file_size: limits.disk.0,
        cpu: Some(limits.cpu.0),
    }
}
