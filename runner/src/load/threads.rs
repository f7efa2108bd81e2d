//! The clients of one server, on as many threads as it takes to keep the server busy.
//!
//! A thread with its connections costs a client less than a server spends on its request, so a server on one processor
//! needs one. Threads that had to share processors, with the server or with each other, would only get into its way.

use super::{
    closed::{Answered, Closed, Trouble},
    open::{Latency, Open},
    tape::Tape,
};
use crate::node::cpus;
use std::{io, net::TcpStream, sync::Barrier, thread, time::Duration};

/// How clients ask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Each as soon as it is answered.
    Closed {
        /// How many requests each has in flight.
        depth: usize,
    },
    /// At times that are fixed before.
    Open {
        /// Requests a second of all together.
        rate: f64,
        /// Whether each thread has a processor for itself, on which it may look at the clock all the time.
        spin: bool,
    },
}

/// The clients of one server.
pub struct Threads(Vec<Part>);

/// What one thread does.
struct Part {
    clients: Clients,
    processors: Vec<u32>,
}

enum Clients {
    Closed(Closed),
    Open(Box<Open>),
}

impl Threads {
    /// Clients with these connections and tapes on so many threads, but with one client on each at least. One thread may
    /// be on all of the processors; of several each is kept to one. An error of this machine.
    pub fn new(clients: Vec<(TcpStream, Tape)>, pace: Pace, threads: usize, processors: &[u32]) -> io::Result<Self> {
        let all = clients.len();
        let threads = threads.clamp(1, all.max(1));
        let mut parts: Vec<Vec<_>> = (0..threads).map(|_| Vec::new()).collect();
        for (number, client) in clients.into_iter().enumerate() {
            parts[number % threads].push(client);
        }
        let part = |(number, clients): (usize, Vec<_>)| {
            let processors = match threads {
                1 => processors.to_vec(),
                _ => processors.iter().cycle().skip(number).take(1).copied().collect(),
            };
            let clients = match pace {
                Pace::Closed { depth } => Clients::Closed(Closed::new(clients, depth)?),
                Pace::Open { rate, spin } => {
                    let share = clients.len() as f64 / all as f64;
                    let first = Duration::from_secs_f64(number as f64 / rate);
                    Clients::Open(Box::new(Open::new(clients, rate * share, first, spin)?))
                }
            };
            Ok(Part { clients, processors })
        };
        parts.into_iter().enumerate().map(part).collect::<io::Result<_>>().map(Self)
    }

    /// Load for `lead` and then for `time`, of which only the second is measured, the calling thread being one of those
    /// that ask; of an open loop also the times of what was due in it. Then waits for what is in flight.
    pub fn run(&mut self, lead: Duration, time: Duration) -> Result<(Answered, Option<Latency>), Trouble> {
        let together = Barrier::new(self.0.len());
        let Some((first, others)) = self.0.split_first_mut() else { return Ok(Default::default()) };
        thread::scope(|scope| {
            let others: Vec<_> =
                others.iter_mut().map(|part| scope.spawn(|| part.run(&together, lead, time))).collect();
            let mut all = first.run(&together, lead, time);
            for other in others {
                let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                all = merge(all, other);
            }
            all
        })
    }
}

type Ran = Result<(Answered, Option<Latency>), Trouble>;

impl Part {
    fn run(&mut self, together: &Barrier, lead: Duration, time: Duration) -> Ran {
        cpus::keep_to(&self.processors);
        together.wait();
        match &mut self.clients {
            Clients::Closed(clients) => clients.run(lead, time).map(|answered| (answered, None)),
            Clients::Open(clients) => {
                let mut latency = Latency::default();
                clients.run(lead, time, &mut latency).map(|answered| (answered, Some(latency)))
            }
        }
    }
}

/// What two threads have measured in the same time; of two that went wrong, what the first of them says.
fn merge(one: Ran, other: Ran) -> Ran {
    match (one, other) {
        (Ok((one, latency)), Ok((other, its))) => {
            let latency = latency.zip(its).map(|(mut latency, its)| {
                latency += &its;
                latency
            });
            let answered = Answered {
                operations: one.operations + other.operations,
                time: one.time.max(other.time),
                delayed: one.delayed.max(other.delayed),
                busy: one.busy + other.busy,
                all: one.all + other.all,
            };
            Ok((answered, latency))
        }
        (Err(Trouble::Silent(some)), Err(Trouble::Silent(more))) => Err(Trouble::Silent(some + more)),
        // That a server is wrong says more than that it said nothing.
        (Err(Trouble::Silent(_)), Err(other)) => Err(other),
        (Err(trouble), _) | (Ok(_), Err(trouble)) => Err(trouble),
    }
}
