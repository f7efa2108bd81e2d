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
use std::{
    io,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

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
        // In the same time, whenever each of them comes to run.
        let begin = Instant::now();
        let Some((first, others)) = self.0.split_first_mut() else { return Ok(Default::default()) };
        thread::scope(|scope| {
            let start = |part| thread::Builder::new().spawn_scoped(scope, move || Part::run(part, begin, lead, time));
            let others: Vec<_> = others.iter_mut().map(start).collect();
            let mut all = first.run(begin, lead, time);
            for other in others {
                let other = match other {
                    Ok(other) => other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                    Err(error) => Err(Trouble::Machine(format!("a thread for its clients: {error}"))),
                };
                all = merge(all, other);
            }
            all
        })
    }
}

type Ran = Result<(Answered, Option<Latency>), Trouble>;

impl Part {
    fn run(&mut self, begin: Instant, lead: Duration, time: Duration) -> Ran {
        cpus::keep_to(&self.processors);
        match &mut self.clients {
            Clients::Closed(clients) => clients.run_from(begin, lead, time).map(|answered| (answered, None)),
            Clients::Open(clients) => {
                let mut latency = Latency::default();
                clients.run_from(begin, lead, time, &mut latency).map(|answered| (answered, Some(latency)))
            }
        }
    }
}

/// What two threads have measured, as if it had been one: it answers as many in a second as both together. Of two that went
/// wrong, what says the most.
fn merge(one: Ran, other: Ran) -> Ran {
    match (one, other) {
        (Ok((one, latency)), Ok((other, its))) => {
            let latency = latency.zip(its).map(|(mut latency, its)| {
                latency += &its;
                latency
            });
            let answered = Answered {
                operations: one.operations + other.operations,
                time: together(&one, &other),
                delayed: one.delayed.max(other.delayed),
                busy: one.busy + other.busy,
                all: one.all + other.all,
            };
            Ok((answered, latency))
        }
        (Err(Trouble::Silent(some)), Err(Trouble::Silent(more))) => Err(Trouble::Silent(some + more)),
        (Err(one), Err(other)) => Err(if weight(&other) > weight(&one) { other } else { one }),
        (Err(trouble), Ok(_)) | (Ok(_), Err(trouble)) => Err(trouble),
    }
}

/// In what time both would have answered as many as they did, each at its own rate.
fn together(one: &Answered, other: &Answered) -> Duration {
    let rate = |answered: &Answered| answered.operations as f64 / answered.time.as_secs_f64();
    let time = (one.operations + other.operations) as f64 / (rate(one) + rate(other));
    Duration::try_from_secs_f64(time).unwrap_or(one.time.max(other.time))
}

/// How much a trouble says beside another: nobody else is to be blamed for this machine, and who was wrong is more than silent.
fn weight(trouble: &Trouble) -> u8 {
    match trouble {
        Trouble::Silent(_) => 0,
        Trouble::Closed(_) => 1,
        Trouble::Wrong(..) => 2,
        Trouble::Machine(_) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(operations: u64, milliseconds: u64) -> Answered {
        let time = Duration::from_millis(milliseconds);
        Answered { operations, time, delayed: time / 10, busy: time / 2, all: operations + 5 }
    }

    #[test]
    fn threads_answer_together_as_many_a_second_as_each_for_itself() {
        let (both, latency) = merge(Ok((answered(10_000, 10), None)), Ok((answered(5_500, 11), None))).unwrap();
        assert!(latency.is_none());
        let [delayed, busy] = [Duration::from_micros(1_100), Duration::from_micros(10_500)];
        assert_eq!((both.operations, both.all, both.delayed, both.busy), (15_500, 15_510, delayed, busy));
        assert!((both.operations as f64 / both.time.as_secs_f64() - 1_500_000.0).abs() < 1.0, "{both:?}");
        let nothing = merge(Ok((answered(0, 10), None)), Ok((answered(0, 12), None))).unwrap().0;
        assert_eq!(nothing.time, Duration::from_millis(12));
    }

    #[test]
    fn of_two_troubles_the_one_that_says_more_is_told() {
        let machine = || Trouble::Machine("epoll".into());
        let wrong = || Trouble::Wrong("it".into(), Vec::new());
        let closed = || Trouble::Closed("reset".into());
        for (more, less) in [(machine(), wrong()), (wrong(), closed()), (closed(), Trouble::Silent(1))] {
            assert_eq!(merge(Err(more.clone()), Err(less.clone())).err(), Some(more.clone()));
            assert_eq!(merge(Err(less), Err(more.clone())).err(), Some(more));
        }
        assert_eq!(merge(Err(Trouble::Silent(1)), Err(Trouble::Silent(2))).err(), Some(Trouble::Silent(3)));
        assert_eq!(merge(Ok((answered(1, 1), None)), Err(closed())).err(), Some(closed()));
    }
}
