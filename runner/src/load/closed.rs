//! The closed loop: so many clients, each with so many requests in flight, for a while.
//!
//! One epoll instance for all that a thread plays: so it costs a client less than a server spends on its request.

use super::{connection::Connection, tape::Tape};
use nix::{
    errno::Errno,
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    time::{ClockId, clock_gettime},
};
use std::{
    io,
    net::TcpStream,
    time::{Duration, Instant},
};

/// What goes wrong with a server under load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// An answer that is not the right one: what it should have been, and its first bytes.
    Wrong(String, Vec<u8>),
    /// A connection ended.
    Closed(String),
    /// Requests were not answered in time; how many.
    Silent(usize),
    /// This machine failed.
    Machine(String),
}

/// How much was answered, rightly, and in what time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answered {
    /// Within the time that is measured.
    pub operations: u64,
    /// How long that was.
    pub time: Duration,
    /// How long of it the load was ready to run and had no processor.
    pub delayed: Duration,
    /// CPU time of the load within it; that of an open loop says nothing, since it looks at the clock all the time.
    pub busy: Duration,
    /// Before, within and after it.
    pub all: u64,
}

/// The clients of one server.
pub struct Closed {
    connections: Vec<Connection>,
    epoll: Epoll,
    depth: usize,
    buffer: Vec<u8>,
}

/// How long what is in flight at the end of a load may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Connections that are looked at in one go.
pub(super) const EVENTS: usize = 256;

impl Closed {
    /// Clients with these connections and tapes; an error of this machine.
    pub fn new(clients: Vec<(TcpStream, Tape)>, depth: usize) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut connections = Vec::with_capacity(clients.len());
        for (number, (stream, tape)) in clients.into_iter().enumerate() {
            if tape.is_empty() {
                return Err(io::Error::other("a client without requests"));
            }
            let connection = Connection::new(stream, tape)?;
            epoll.add(connection.fd(), EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            connections.push(connection);
        }
        Ok(Self { connections, epoll, depth, buffer: vec![0; 64 << 10] })
    }

    /// Load for `lead` and then for `time`, of which only the second is measured; then waits for what is in flight.
    pub fn run(&mut self, lead: Duration, time: Duration) -> Result<Answered, Trouble> {
        self.run_from(Instant::now(), lead, time)
    }

    /// The same of a load that has begun elsewhere.
    pub(super) fn run_from(&mut self, begin: Instant, lead: Duration, time: Duration) -> Result<Answered, Trouble> {
        let mut answered = Answered::default();
        for connection in &mut self.connections {
            connection.fill(self.depth)?;
        }
        self.watch_stuck()?;
        answered.all += self.until(begin + lead, true)?;
        let (start, before, used) = (Instant::now(), waited(), used()?);
        answered.operations = self.until(start + time, true)?;
        answered.time = start.elapsed();
        answered.busy = self::used()?.saturating_sub(used);
        answered.delayed = waited().saturating_sub(before);
        answered.all += answered.operations + self.drain()?;
        Ok(answered)
    }

    /// Waits for what is in flight.
    fn drain(&mut self) -> Result<u64, Trouble> {
        let deadline = Instant::now() + PATIENCE;
        let mut count = 0;
        while !self.connections.iter().all(Connection::is_idle) {
            if Instant::now() >= deadline {
                return Err(Trouble::Silent(self.connections.iter().filter(|one| !one.is_idle()).count()));
            }
            count += self.until(deadline.min(Instant::now() + Duration::from_millis(1)), false)?;
        }
        Ok(count)
    }

    /// Takes answers until a time, and asks again where `more` is wanted; how many answers.
    fn until(&mut self, end: Instant, more: bool) -> Result<u64, Trouble> {
        let mut events = [EpollEvent::empty(); EVENTS];
        let mut count = 0;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(count);
            }
            let timeout = EpollTimeout::try_from(left).unwrap_or(EpollTimeout::MAX);
            let ready = match self.epoll.wait(&mut events, timeout) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(Trouble::Machine(format!("epoll: {errno}"))),
            };
            for event in &events[..ready] {
                let connection = &mut self.connections[event.data() as usize];
                let was_stuck = connection.is_stuck();
                connection.flush()?;
                count += connection.take(&mut self.buffer)? as u64;
                if more {
                    connection.fill(self.depth)?;
                }
                if connection.is_stuck() != was_stuck {
                    watch(&self.epoll, connection, event.data())?;
                }
                // Many may be ready, and be so again and again; those that are left are ready the next time too.
                if Instant::now() >= end {
                    break;
                }
            }
        }
    }

    fn watch_stuck(&self) -> Result<(), Trouble> {
        let mut stuck = self.connections.iter().zip(0..).filter(|(connection, _)| connection.is_stuck());
        stuck.try_for_each(|(connection, number)| watch(&self.epoll, connection, number))
    }
}

/// How long this thread has been ready to run and had no processor, since it began; nothing where the kernel does not say
/// (proc(5), `/proc/[pid]/schedstat`).
pub(super) fn waited() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0))
}

/// CPU time of this thread.
fn used() -> Result<Duration, Trouble> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map(Duration::from)
        .map_err(|errno| Trouble::Machine(format!("its clock: {errno}")))
}

/// Waits for answers, and where something is unsent also for room.
pub(super) fn watch(epoll: &Epoll, connection: &Connection, number: u64) -> Result<(), Trouble> {
    let room = if connection.is_stuck() { EpollFlags::EPOLLOUT } else { EpollFlags::empty() };
    let mut event = EpollEvent::new(EpollFlags::EPOLLIN | room, number);
    epoll.modify(connection.fd(), &mut event).map_err(|errno| Trouble::Machine(format!("epoll: {errno}")))
}
