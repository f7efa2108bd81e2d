//! The open loop: requests at times that were fixed before, spread evenly over the clients, whatever becomes of the ones
//! before them. A latency is counted from the time at which a request was due, so that a server that stands still for a
//! second makes all wait that would have asked in it (Tene, "How NOT to measure latency"; wrk2).
//!
//! A thread waits with a timer until a request is almost due and then looks at the clock: a timer alone is late by more than
//! a fast server takes to answer.

use super::{
    closed::{Answered, EVENTS, PATIENCE, Trouble, waited, watch},
    connection::Connection,
    tape::Tape,
};
use hdrhistogram::Histogram;
use nix::{
    errno::Errno,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        time::TimeSpec,
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
};
use std::{
    collections::VecDeque,
    io,
    net::TcpStream,
    os::fd::AsFd,
    time::{Duration, Instant},
};

/// The clients of one server.
pub struct Open {
    clients: Vec<Client>,
    epoll: Epoll,
    timer: TimerFd,
    /// From the beginning to the first request, and from one request to the next.
    first: Duration,
    period: Duration,
    /// Whether the time right before a request is due is spent looking at the clock.
    spin: bool,
    /// Whose turn it is.
    next: usize,
    buffer: Vec<u8>,
}

struct Client {
    connection: Connection,
    /// When each request in flight was due.
    due: VecDeque<Instant>,
}

/// Times of requests, in nanoseconds.
#[derive(Clone)]
pub struct Latency {
    /// From when a request was due to its answer.
    pub answered: Histogram<u64>,
    /// From when a request was due to when it was sent: what the load itself is late by.
    pub sent: Histogram<u64>,
}

impl Default for Latency {
    fn default() -> Self {
        let histogram = || Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("bounds that a histogram may have");
        Self { answered: histogram(), sent: histogram() }
    }
}

impl std::ops::AddAssign<&Latency> for Latency {
    fn add_assign(&mut self, other: &Latency) {
        self.answered += &other.answered;
        self.sent += &other.sent;
    }
}

/// Significant digits of a latency, and the longest that is told apart, in nanoseconds: beyond it a request counts as so
/// long. Nobody waits longer for what is in flight.
const DIGITS: u8 = 3;
const LONGEST: u64 = 60_000_000_000;
/// How long before a request is due the timer goes off.
const SPIN: Duration = Duration::from_micros(80);
/// What the timer's event is called; connections are numbers.
const TIMER: u64 = u64::MAX;

impl Open {
    /// Clients with these connections and tapes that ask `rate` times a second in all, for the `first` time so long after
    /// the beginning; an error of this machine. `spin` is for a thread that has a processor for itself.
    pub fn new(clients: Vec<(TcpStream, Tape)>, rate: f64, first: Duration, spin: bool) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        let mut all = Vec::with_capacity(clients.len());
        for (number, (stream, tape)) in clients.into_iter().enumerate() {
            if tape.is_empty() {
                return Err(io::Error::other("a client without requests"));
            }
            let connection = Connection::new(stream, tape)?;
            epoll.add(connection.fd().as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            all.push(Client { connection, due: VecDeque::new() });
        }
        if all.is_empty() {
            return Err(io::Error::other("load without clients"));
        }
        let period = Duration::from_secs_f64(1.0 / rate);
        Ok(Self { clients: all, epoll, timer, first, period, spin, next: 0, buffer: vec![0; 64 << 10] })
    }

    /// Load for `lead` and then for `time`; then waits for what is in flight. Of what was due in the second, `latency` tells.
    pub fn run(&mut self, lead: Duration, time: Duration, latency: &mut Latency) -> Result<Answered, Trouble> {
        self.run_from(Instant::now(), lead, time, latency)
    }

    /// The same of a load that has begun elsewhere.
    pub(super) fn run_from(
        &mut self,
        begin: Instant,
        lead: Duration,
        time: Duration,
        latency: &mut Latency,
    ) -> Result<Answered, Trouble> {
        let measured = begin + lead..begin + lead + time;
        let before = waited();
        let mut answered = Answered { time, ..Answered::default() };
        let mut due = begin + self.first;
        while due < measured.end {
            let now = Instant::now();
            if now < due {
                self.wait(due - now)?;
            } else {
                let client = &mut self.clients[self.next];
                let was_stuck = client.connection.is_stuck();
                client.connection.send(1)?;
                client.due.push_back(due);
                if client.connection.is_stuck() != was_stuck {
                    watch(&self.epoll, &client.connection, self.next as u64)?;
                }
                if measured.contains(&due) {
                    latency.sent.saturating_record((now - due).as_nanos() as u64);
                }
                self.next = (self.next + 1) % self.clients.len();
                due += self.period;
            }
            self.take(EpollTimeout::ZERO, &measured, latency, &mut answered)?;
        }
        answered.delayed = waited().saturating_sub(before);
        let deadline = Instant::now() + PATIENCE;
        while !self.clients.iter().all(|client| client.connection.is_idle()) {
            if Instant::now() >= deadline {
                return Err(Trouble::Silent(self.clients.iter().filter(|client| !client.connection.is_idle()).count()));
            }
            self.take(EpollTimeout::from(1u8), &measured, latency, &mut answered)?;
        }
        Ok(answered)
    }

    /// Waits until something was heard, or a request is almost due.
    fn wait(&mut self, left: Duration) -> Result<(), Trouble> {
        let left = if self.spin { left.saturating_sub(SPIN) } else { left };
        if left.is_zero() {
            return Ok(());
        }
        let machine = |errno: Errno| Trouble::Machine(format!("a timer: {errno}"));
        self.timer
            .set(Expiration::OneShot(TimeSpec::from_duration(left)), TimerSetTimeFlags::empty())
            .map_err(machine)?;
        // What is ready stays so, and is taken right after this.
        match self.epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Trouble::Machine(format!("epoll: {errno}"))),
        }
        self.timer.unset().map_err(machine)
    }

    /// Takes what has come.
    fn take(
        &mut self,
        timeout: EpollTimeout,
        measured: &std::ops::Range<Instant>,
        latency: &mut Latency,
        answered: &mut Answered,
    ) -> Result<(), Trouble> {
        let mut events = [EpollEvent::empty(); EVENTS];
        let ready = match self.epoll.wait(&mut events, timeout) {
            Ok(ready) => ready,
            Err(Errno::EINTR) => 0,
            Err(errno) => return Err(Trouble::Machine(format!("epoll: {errno}"))),
        };
        for event in events[..ready].iter().filter(|event| event.data() != TIMER) {
            let client = &mut self.clients[event.data() as usize];
            let was_stuck = client.connection.is_stuck();
            client.connection.flush()?;
            let count = client.connection.take(&mut self.buffer)?;
            let now = Instant::now();
            for due in client.due.drain(..count) {
                answered.all += 1;
                if measured.contains(&due) {
                    answered.operations += 1;
                    latency.answered.saturating_record((now - due).as_nanos() as u64);
                }
            }
            if client.connection.is_stuck() != was_stuck {
                watch(&self.epoll, &client.connection, event.data())?;
            }
        }
        Ok(())
    }
}
