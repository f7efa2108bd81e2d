//! The jobs, their tubes, and the clients: all that one lock holds.
//!
//! A job is in one place at a time: ready, delayed or buried in its tube, or with a client. Whoever makes one ready hands it
//! to the client that waits since longest, if any does, in the same turn with the lock; so nobody waits while a job is ready,
//! and nobody is woken in vain. What has changed is in the log before anybody is told of it.

use crate::beanstalk::Command;
use crate::log::{Entry, Log};
use crate::Line;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A client that waits hears when a job of its own has only so long left.
const MARGIN: Duration = Duration::from_secs(1);

type Name = Arc<str>;

/// An answer for a client that has waited.
pub struct Told {
    pub line: Arc<Line>,
    pub answer: Vec<u8>,
}

struct Job {
    tube: Name,
    priority: u32,
    ttr: Duration,
    data: Vec<u8>,
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    Ready,
    Delayed(Instant),
    With { client: u64, until: Instant },
    Buried { turn: u64 },
}

#[derive(Default)]
struct Tube {
    /// By priority, and then as they were put.
    ready: BTreeSet<(u32, u64)>,
    delayed: BTreeSet<(Instant, u64)>,
    /// As they were buried.
    buried: BTreeSet<(u64, u64)>,
    /// Clients that wait, as they came, by their turns.
    waiting: BTreeMap<u64, u64>,
}

struct Client {
    line: Arc<Line>,
    uses: Name,
    watches: Vec<Name>,
    /// Its jobs, by when their time is over.
    holds: BTreeSet<(Instant, u64)>,
    waits: Option<Wait>,
}

struct Wait {
    turn: u64,
    until: Option<Instant>,
    /// When the clock looks at it.
    alarm: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    Job(u64),
    Client(u64),
}

pub struct Queue {
    /// What those who waited are to be told.
    pub told: Vec<Told>,
    /// Whether something is due earlier than the clock knows.
    pub is_earlier: bool,
    jobs: HashMap<u64, Job>,
    tubes: HashMap<Name, Tube>,
    clients: HashMap<u64, Client>,
    alarms: BTreeSet<(Instant, Alarm)>,
    last_id: u64,
    last_turn: u64,
    log: Log,
}

impl Queue {
    /// The queue as its log has it: jobs that somebody had are ready again.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        let (log, entries) = Log::open(folder)?;
        let mut queue = Self {
            told: Vec::new(),
            is_earlier: false,
            jobs: HashMap::new(),
            tubes: HashMap::new(),
            clients: HashMap::new(),
            alarms: BTreeSet::new(),
            last_id: 0,
            last_turn: 0,
            log,
        };
        for entry in entries {
            queue.again(entry);
        }
        Ok(queue)
    }

    /// Does again what an entry of the log did.
    fn again(&mut self, entry: Entry) {
        match entry {
            Entry::Put { id, priority, at, ttr, tube, data } => {
                self.last_id = self.last_id.max(id);
                self.add(id, tube.into(), priority, ttr, data);
                self.put_in(id, at.map(instant));
            }
            Entry::Delete(id) => {
                self.take_out(id);
                self.jobs.remove(&id);
            }
            Entry::Release { id, priority, at } => {
                self.take_out(id);
                self.set_priority(id, priority);
                self.put_in(id, at.map(instant));
            }
            Entry::Bury { id, priority } => self.bury(id, priority),
            Entry::Kick(id) => {
                self.take_out(id);
                self.put_in(id, None);
            }
        }
    }

    /// Writes what has changed to the log.
    pub fn commit(&mut self) {
        self.log.commit();
    }

    pub fn join(&mut self, client: u64, line: Arc<Line>) {
        let default: Name = "default".into();
        let (holds, watches) = (BTreeSet::new(), vec![default.clone()]);
        self.clients.insert(client, Client { line, uses: default, watches, holds, waits: None });
    }

    /// A client is gone: its jobs are ready again.
    pub fn leave(&mut self, client: u64) {
        self.stop_waiting(client);
        let Some(gone) = self.clients.remove(&client) else { return };
        for (until, id) in gone.holds {
            self.alarms.remove(&(until, Alarm::Job(id)));
            self.put_in(id, None);
        }
    }

    /// Does what a client says, and answers; false where it has to wait for the answer.
    pub fn execute(&mut self, client: u64, command: Command, out: &mut Vec<u8>) -> bool {
        let now = Instant::now();
        let answer = match command {
            Command::Put { priority, delay, ttr, data } => self.put(client, now, priority, delay, ttr, data),
            Command::Reserve { timeout } => return self.reserve(client, now, timeout, out),
            Command::Delete(id) => self.delete(client, id),
            Command::Release { id, priority, delay } => self.release(client, now, id, priority, delay),
            Command::Bury { id, priority } => self.bury_held(client, id, priority),
            Command::Touch(id) => self.touch(client, now, id),
            Command::Kick(bound) => self.kick(client, bound),
            Command::KickJob(id) => self.kick_job(id),
            Command::Peek(id) => return self.show(Some(id), out),
            Command::PeekReady => return self.show(self.used(client).and_then(|tube| Some(tube.ready.first()?.1)), out),
            Command::PeekDelayed => {
                return self.show(self.used(client).and_then(|tube| Some(tube.delayed.first()?.1)), out);
            }
            Command::PeekBuried => return self.show(self.used(client).and_then(|tube| Some(tube.buried.first()?.1)), out),
            Command::Use(tube) => {
                let answer = format!("USING {tube}");
                self.client(client).uses = tube.into();
                answer
            }
            Command::Watch(tube) => {
                let watches = &mut self.client(client).watches;
                if !watches.iter().any(|known| **known == *tube) {
                    watches.push(tube.into());
                }
                format!("WATCHING {}", watches.len())
            }
            Command::Ignore(tube) => {
                let watches = &mut self.client(client).watches;
                match watches.iter().position(|known| **known == *tube) {
                    Some(_) if watches.len() == 1 => "NOT_IGNORED".into(),
                    place => {
                        place.map(|place| watches.remove(place));
                        format!("WATCHING {}", watches.len())
                    }
                }
            }
            Command::Quit => return true,
        };
        out.extend_from_slice(answer.as_bytes());
        out.extend_from_slice(b"\r\n");
        true
    }

    fn put(&mut self, client: u64, now: Instant, priority: u32, delay: u32, ttr: u32, data: Vec<u8>) -> String {
        self.last_id += 1;
        let id = self.last_id;
        let tube = self.client(client).uses.clone();
        let ttr = ttr.max(1);
        self.log.put(id, priority, moment(delay), ttr, &tube, &data);
        self.add(id, tube, priority, ttr, data);
        self.put_in(id, later(now, delay));
        format!("INSERTED {id}")
    }

    fn reserve(&mut self, client: u64, now: Instant, timeout: Option<u32>, out: &mut Vec<u8>) -> bool {
        let watches = &self.clients[&client].watches;
        let best = watches.iter().filter_map(|tube| self.tubes.get(tube)?.ready.first().copied()).min();
        if let Some((_, id)) = best {
            self.hand_to(client, id, now);
            self.write_job(id, "RESERVED", out);
            return true;
        }
        let soon = self.clients[&client].holds.first().map(|(until, _)| *until - MARGIN);
        if timeout == Some(0) || soon.is_some_and(|soon| soon <= now) {
            let answer: &[u8] = if soon.is_some_and(|soon| soon <= now) { b"DEADLINE_SOON\r\n" } else { b"TIMED_OUT\r\n" };
            out.extend_from_slice(answer);
            return true;
        }
        self.last_turn += 1;
        let until = timeout.map(|timeout| now + Duration::from_secs(timeout.into()));
        let alarm = until.into_iter().chain(soon).min();
        let turn = self.last_turn;
        self.client(client).waits = Some(Wait { turn, until, alarm });
        for tube in self.clients[&client].watches.clone() {
            self.tube(&tube).waiting.insert(turn, client);
        }
        if let Some(alarm) = alarm {
            self.set_alarm(alarm, Alarm::Client(client));
        }
        false
    }

    fn delete(&mut self, client: u64, id: u64) -> String {
        let is_other_s = |place: &Place| matches!(place, Place::With { client: holder, .. } if *holder != client);
        match self.jobs.get(&id) {
            Some(job) if !is_other_s(&job.place) => {
                self.log.delete(id);
                self.take_out(id);
                self.jobs.remove(&id);
                "DELETED".into()
            }
            _ => "NOT_FOUND".into(),
        }
    }

    fn release(&mut self, client: u64, now: Instant, id: u64, priority: u32, delay: u32) -> String {
        if !self.has(client, id) {
            return "NOT_FOUND".into();
        }
        self.log.release(id, priority, moment(delay));
        self.take_out(id);
        self.set_priority(id, priority);
        self.put_in(id, later(now, delay));
        "RELEASED".into()
    }

    fn bury_held(&mut self, client: u64, id: u64, priority: u32) -> String {
        if !self.has(client, id) {
            return "NOT_FOUND".into();
        }
        self.log.bury(id, priority);
        self.bury(id, priority);
        "BURIED".into()
    }

    fn touch(&mut self, client: u64, now: Instant, id: u64) -> String {
        if !self.has(client, id) {
            return "NOT_FOUND".into();
        }
        self.hand_to(client, id, now);
        "TOUCHED".into()
    }

    /// Kicks buried jobs of the tube that a client uses, and delayed ones where none are buried.
    fn kick(&mut self, client: u64, bound: u64) -> String {
        let bound = usize::try_from(bound).unwrap_or(usize::MAX);
        let Some(tube) = self.used(client) else { return "KICKED 0".into() };
        let mut ids: Vec<u64> = tube.buried.iter().take(bound).map(|(_, id)| *id).collect();
        if ids.is_empty() {
            ids = tube.delayed.iter().take(bound).map(|(_, id)| *id).collect();
        }
        ids.iter().for_each(|id| self.kick_one(*id));
        format!("KICKED {}", ids.len())
    }

    fn kick_job(&mut self, id: u64) -> String {
        match self.jobs.get(&id).map(|job| job.place) {
            Some(Place::Buried { .. } | Place::Delayed(_)) => {
                self.kick_one(id);
                "KICKED".into()
            }
            _ => "NOT_FOUND".into(),
        }
    }

    fn kick_one(&mut self, id: u64) {
        self.log.kick(id);
        self.take_out(id);
        self.put_in(id, None);
    }

    fn show(&self, id: Option<u64>, out: &mut Vec<u8>) -> bool {
        match id.filter(|id| self.jobs.contains_key(id)) {
            Some(id) => self.write_job(id, "FOUND", out),
            None => out.extend_from_slice(b"NOT_FOUND\r\n"),
        }
        true
    }

    fn write_job(&self, id: u64, word: &str, out: &mut Vec<u8>) {
        let data = &self.jobs[&id].data;
        // A vector takes whatever is written.
        let _ = write!(out, "{word} {id} {}\r\n", data.len());
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
    }

    /// Does what is due; when the clock has to look again.
    pub fn expire(&mut self, now: Instant) -> Option<Instant> {
        while let Some((at, alarm)) = self.alarms.first().copied() {
            if at > now {
                return Some(at);
            }
            self.alarms.pop_first();
            match alarm {
                Alarm::Job(id) => {
                    self.take_out(id);
                    self.put_in(id, None);
                }
                Alarm::Client(client) => self.end_wait(client, now),
            }
        }
        None
    }

    /// The time of a client that waits is over, or almost that of a job of its own.
    fn end_wait(&mut self, client: u64, now: Instant) {
        let Some(waiting) = self.clients.get(&client) else { return };
        let is_over = waiting.waits.as_ref().is_some_and(|wait| wait.until.is_some_and(|until| until <= now));
        let answer: &[u8] = if is_over { b"TIMED_OUT\r\n" } else { b"DEADLINE_SOON\r\n" };
        self.told.push(Told { line: waiting.line.clone(), answer: answer.to_vec() });
        self.stop_waiting(client);
    }

    fn stop_waiting(&mut self, client: u64) {
        let Some(waiting) = self.clients.get_mut(&client) else { return };
        let Some(wait) = waiting.waits.take() else { return };
        if let Some(alarm) = wait.alarm {
            self.alarms.remove(&(alarm, Alarm::Client(client)));
        }
        for tube in self.clients[&client].watches.clone() {
            self.tube(&tube).waiting.remove(&wait.turn);
        }
    }

    fn add(&mut self, id: u64, tube: Name, priority: u32, ttr: u32, data: Vec<u8>) {
        let ttr = Duration::from_secs(ttr.into());
        self.jobs.insert(id, Job { tube, priority, ttr, data, place: Place::Ready });
    }

    /// Puts a job that is nowhere into its tube: delayed until a time, or ready. Then whoever waits gets it.
    fn put_in(&mut self, id: u64, until: Option<Instant>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let (name, priority) = (job.tube.clone(), job.priority);
        if let Some(until) = until {
            job.place = Place::Delayed(until);
            self.tube(&name).delayed.insert((until, id));
            self.set_alarm(until, Alarm::Job(id));
            return;
        }
        job.place = Place::Ready;
        let tube = self.tube(&name);
        tube.ready.insert((priority, id));
        if let Some((_, client)) = tube.waiting.first_key_value() {
            let client = *client;
            self.stop_waiting(client);
            self.hand_to(client, id, Instant::now());
            let mut answer = Vec::new();
            self.write_job(id, "RESERVED", &mut answer);
            let line = self.clients[&client].line.clone();
            self.told.push(Told { line, answer });
        }
    }

    /// Takes a job out of wherever it is.
    fn take_out(&mut self, id: u64) {
        let Some(job) = self.jobs.get(&id) else { return };
        let (name, priority) = (job.tube.clone(), job.priority);
        match job.place {
            Place::Ready => drop(self.tube(&name).ready.remove(&(priority, id))),
            Place::Delayed(until) => {
                self.tube(&name).delayed.remove(&(until, id));
                self.alarms.remove(&(until, Alarm::Job(id)));
            }
            Place::Buried { turn } => drop(self.tube(&name).buried.remove(&(turn, id))),
            Place::With { client, until } => {
                self.alarms.remove(&(until, Alarm::Job(id)));
                if let Some(client) = self.clients.get_mut(&client) {
                    client.holds.remove(&(until, id));
                }
            }
        }
    }

    fn hand_to(&mut self, client: u64, id: u64, now: Instant) {
        self.take_out(id);
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let until = now + job.ttr;
        job.place = Place::With { client, until };
        self.client(client).holds.insert((until, id));
        self.set_alarm(until, Alarm::Job(id));
    }

    fn bury(&mut self, id: u64, priority: u32) {
        self.take_out(id);
        self.set_priority(id, priority);
        self.last_turn += 1;
        let turn = self.last_turn;
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.place = Place::Buried { turn };
        let name = job.tube.clone();
        self.tube(&name).buried.insert((turn, id));
    }

    fn set_priority(&mut self, id: u64, priority: u32) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.priority = priority;
        }
    }

    fn has(&self, client: u64, id: u64) -> bool {
        let place = self.jobs.get(&id).map(|job| job.place);
        matches!(place, Some(Place::With { client: holder, .. }) if holder == client)
    }

    fn set_alarm(&mut self, at: Instant, alarm: Alarm) {
        self.is_earlier |= self.alarms.first().map_or(true, |(first, _)| at < *first);
        self.alarms.insert((at, alarm));
    }

    fn client(&mut self, client: u64) -> &mut Client {
        self.clients.get_mut(&client).expect("who speaks has joined")
    }

    fn used(&self, client: u64) -> Option<&Tube> {
        self.tubes.get(&self.clients.get(&client)?.uses)
    }

    fn tube(&mut self, name: &Name) -> &mut Tube {
        if !self.tubes.contains_key(name) {
            self.tubes.insert(name.clone(), Tube::default());
        }
        self.tubes.get_mut(name).expect("it was made just now")
    }
}

fn later(now: Instant, delay: u32) -> Option<Instant> {
    (delay > 0).then(|| now + Duration::from_secs(delay.into()))
}

/// When a delay is over, for the log: milliseconds since 1970.
fn moment(delay: u32) -> Option<u64> {
    (delay > 0).then(|| since_1970() + u64::from(delay) * 1_000)
}

fn since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

/// The moment of the log on the clock of this process.
fn instant(moment: u64) -> Instant {
    Instant::now() + Duration::from_millis(moment.saturating_sub(since_1970()))
}
