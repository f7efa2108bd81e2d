//! One case of load: the submission and the reference, twice, are given a little of it in turns (see
//! [`harness::performance`] for what is made of that).
//!
//! All three are started anew in each round, in cells of their own and with empty data directories, are given what they
//! have to keep, and are kept to the same processors; the load comes from the others, where there are others. Where it is
//! measured how the submission scales, all three are the submission, on several processors, on one and on another. Whoever is
//! not asked is stopped (SIGSTOP), so that a program that spins while it waits takes nothing from those beside it.

use super::{
    hang,
    program::{self, Happening, Program, START_TIMEOUT, Wrong},
};
use crate::{
    backend::Control,
    load::{Answered, Latency, Pace, Tape, Threads, Trouble},
    node::{CaseSetup, Notice, cpus, incidents::Incidents},
    protocol::{Loading, Wire},
};
use harness::{
    case::{CaseRecord, CaseSummary, Ended, Hang, IncidentKind, NodeUsage},
    manifest::Load,
    net::random::{Purpose, Stream},
    performance::{self, LEAST_ROUNDS, Performance, Side, Slice},
};
use std::{
    io,
    net::TcpStream,
    time::{Duration, Instant},
};

/// What is measured of a slice, and the load before it that is not.
const SLICE: Duration = Duration::from_millis(10);
const LEAD: Duration = Duration::from_millis(2);
/// The same of an open loop, whose slowest requests are counted and have to be some.
const OPEN_SLICE: Duration = Duration::from_millis(50);
const OPEN_LEAD: Duration = Duration::from_millis(10);
/// Load on each server before its first slice of a round.
const WARM_UP: Duration = Duration::from_millis(150);
/// Requests that are in flight while a server is given what it has to keep: that it answers them at all is seen before many
/// come at once. How long that goes on: what a very slow server does not have by then it is measured without.
const FILLED_TOGETHER: usize = 1;
const FILL_TIMEOUT: Duration = Duration::from_secs(30);
/// Rounds that there are at most, each with as many blocks as it has time for, and with so many at least.
const MOST_ROUNDS: u32 = 2 * LEAST_ROUNDS;
const LEAST_BLOCKS: u32 = 5;
/// How long others are looked at in each round: the kernel tells of hundredths of a second.
const QUIET: Duration = Duration::from_millis(200);
/// How long is waited for what happened to a program whose clients saw no more answers.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs one case.
pub(super) async fn run(setup: CaseSetup, wire: &'static dyn Wire, load: Load) -> CaseRecord {
    let summary = CaseSummary { stage: setup.stage.id.clone(), seed: setup.seed, ..CaseSummary::default() };
    let cores = setup.stage.cores.filter(|_| load.scaling).and_then(cpus::cores);
    let servers = if load.scaling { cores.unwrap_or_default() } else { program::processors(&setup) };
    let clients = cpus::others(&servers);
    let mut performance =
        Performance { processors: [servers, clients], scaling: load.scaling, ..Performance::default() };
    performance.threads = threads(&performance, setup.stage.clients);
    let random = Stream::new(setup.seed, Purpose::Workload, [1, 0]);
    let (stage, seed) = (&setup.stage, setup.seed);
    let kept = Tape::new(wire, &setup.oracle.fill(stage, seed));
    let tapes = (0..stage.clients).map(|client| Tape::new(wire, &setup.oracle.load(stage, seed, client))).collect();
    let case = Case {
        kept,
        tapes,
        began: Instant::now(),
        incidents: Incidents::default(),
        log_tail: String::new(),
        hang: None,
        blamed: Side::Submission,
        block: 0,
        latency: Default::default(),
        setup,
        load,
        loading: wire.loading(),
        performance,
        random,
    };
    case.run(summary).await
}

struct Case {
    setup: CaseSetup,
    load: Load,
    loading: Option<Loading>,
    began: Instant,
    incidents: Incidents,
    log_tail: String,
    hang: Option<Hang>,
    /// Whose log is told of: the submission's, unless another side has ended the case.
    blamed: Side,
    performance: Performance,
    /// What a server is given to keep, and what each of its clients asks.
    kept: Tape,
    tapes: Vec<Tape>,
    /// The order within the blocks.
    random: Stream,
    block: u32,
    /// Of an open loop: the times of each side's requests in all slices.
    latency: [Latency; 3],
}

/// A server and its clients in one round.
struct Contestant {
    side: Side,
    program: Program,
    /// None while the load is elsewhere.
    clients: Option<Threads>,
    /// CPU time that it had used before the load.
    before: Duration,
}

impl Case {
    async fn run(mut self, mut summary: CaseSummary) -> CaseRecord {
        summary.work_began = self.began.elapsed().into();
        let mut ended = Ok(());
        let mut used = Duration::ZERO;
        let missing = self.load.scaling && self.performance.processors[0].is_empty();
        if missing {
            let wanted = self.setup.stage.cores.unwrap_or(2);
            let why = format!("takehome may use fewer than the {wanted} cores on which scaling is measured");
            ended = Err(Ended::Broken(why));
        }
        for round in 0..if missing { 0 } else { MOST_ROUNDS } {
            let share = self.setup.stage.duration() * (round + 1) / MOST_ROUNDS;
            ended = self.round(round, share, &mut used).await;
            let is_over = used >= self.setup.stage.duration() || self.performance.is_enough();
            if ended.is_err() || (round + 1 >= LEAST_ROUNDS && is_over) {
                break;
            }
        }
        let now = self.began.elapsed().into();
        summary.ended = ended.err().unwrap_or(Ended::Completed);
        (summary.work_ended, summary.ended_at) = (now, now);
        summary.incidents = self.incidents.all;
        let used = self.performance.used[Side::Submission as usize];
        summary.usage = vec![NodeUsage { cpu_seconds: used.cpu_seconds, peak_memory: used.peak_memory }];
        summary.log_tails = vec![self.log_tail];
        summary.hang = self.hang;
        if self.performance.is_open() {
            self.performance.latency = self.latency.iter().map(summed_up).collect();
        }
        summary.performance = Some(self.performance);
        CaseRecord { summary, ..CaseRecord::default() }
    }

    /// Starts all three, measures block after block until `share` of the time in all is used up, and stops them.
    async fn round(&mut self, round: u32, share: Duration, used: &mut Duration) -> Result<(), Ended> {
        let mut contestants = Vec::new();
        let mut ended = Ok(());
        // Whoever is the first is a little slower for it, or faster, than whoever is the last: each is so in its turn.
        for turn in 0..Side::ALL.len() {
            match self.open(Side::ALL[(turn + round as usize) % Side::ALL.len()]).await {
                Ok(contestant) => contestants.push(contestant),
                Err(why) => ended = Err(why),
            }
            if ended.is_err() {
                break;
            }
        }
        if ended.is_ok() && self.load.scaling {
            self.look_at_others().await;
        }
        if ended.is_ok() {
            ended = self.blocks(round, share, used, &mut contestants).await;
        }
        if ended.is_ok() {
            for contestant in &contestants {
                self.weigh(contestant).await;
            }
        }
        for contestant in contestants {
            self.close(contestant).await;
        }
        ended
    }

    /// Notes what others use of the processors, while no server runs.
    async fn look_at_others(&mut self) {
        let processors = self.performance.processors[0].clone();
        let (before, began) = (cpus::idle(&processors), Instant::now());
        tokio::time::sleep(QUIET).await;
        let (after, time) = (cpus::idle(&processors), began.elapsed() * processors.len() as u32);
        let (Some(before), Some(after)) = (before, after) else { return };
        let others = &mut self.performance.others;
        others.used += time.saturating_sub(after.saturating_sub(before)).as_nanos() as u64;
        others.of += time.as_nanos() as u64;
    }

    /// Notes how much memory a server has now.
    async fn weigh(&mut self, contestant: &Contestant) {
        let Some(look) = hang::one_look(&contestant.program.control()).await else { return };
        let memory = &mut self.performance.used[contestant.side as usize].memory;
        *memory = if *memory == 0 { look.memory } else { look.memory.min(*memory) };
    }

    /// Starts a server and connects its clients.
    async fn open(&mut self, side: Side) -> Result<Contestant, Ended> {
        let other = if self.load.scaling { Some(&self.setup.program) } else { self.setup.reference.as_ref() };
        let (program, log) = match side {
            Side::Submission => (Some(&self.setup.program), "n0.log"),
            Side::Reference if self.load.scaling => (other, "one.log"),
            Side::Reference => (other, "reference.log"),
            Side::Control if self.load.scaling => (other, "another.log"),
            Side::Control => (other, "control.log"),
        };
        let program = program.ok_or_else(|| Ended::Broken("there is no reference to measure beside".into()))?;
        let [processors, _] = self.processors(side);
        let program = Program::open(&self.setup, program, processors, log).await.map_err(Ended::Broken)?;
        let mut contestant = Contestant { side, program, clients: None, before: Duration::ZERO };
        match self.begin(&mut contestant).await {
            Ok(()) => Ok(contestant),
            Err(ended) => {
                self.close(contestant).await;
                Err(ended)
            }
        }
    }

    async fn begin(&mut self, contestant: &mut Contestant) -> Result<(), Ended> {
        contestant.program.start().map_err(Ended::Broken)?;
        let ready = contestant.program.ready(self.loading);
        let late = tokio::time::sleep(START_TIMEOUT);
        let mut stop = self.setup.stop.clone();
        tokio::pin!(ready, late);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Err(Ended::Interrupted),
                Some(happening) = contestant.program.next() => {
                    if let Some(ended) = self.happened(contestant, happening) {
                        return Err(if ended == Ended::AllCrashed { Ended::NeverReady } else { ended });
                    }
                }
                () = &mut ready => break,
                () = &mut late => {
                    let late = contestant.program.late();
                    return Err(self.fault(contestant.side, late, Ended::NeverReady));
                }
            }
        }
        self.fill(contestant).await?;
        let look = hang::one_look(&contestant.program.control()).await;
        contestant.before = look.map_or(Duration::ZERO, |look| look.cpu);
        let mut clients = Vec::new();
        for client in 0..self.setup.stage.clients {
            let stream = self.connect(contestant, client).await?;
            clients.push((stream, self.tapes[client as usize].clone()));
        }
        self.ask_with(contestant, clients, self.pace())?;
        let _not_measured = self.slice(contestant, WARM_UP, Duration::ZERO).await?;
        contestant.program.ask(Control::Pause);
        Ok(())
    }

    /// Gives a server what it has to keep before the load begins, from one client.
    async fn fill(&mut self, contestant: &mut Contestant) -> Result<(), Ended> {
        let tape = self.kept.clone();
        let all = tape.len() as u64;
        if all == 0 {
            return Ok(());
        }
        let client = vec![(self.connect(contestant, 0).await?, tape)];
        self.ask_with(contestant, client, Pace::Closed { depth: FILLED_TOGETHER })?;
        let (began, mut filled) = (Instant::now(), 0);
        while filled < all && began.elapsed() < FILL_TIMEOUT {
            if *self.setup.stop.borrow() {
                return Err(Ended::Interrupted);
            }
            // What comes around again is stored again.
            filled += self.slice(contestant, LEAD, Duration::ZERO).await?.0.all;
        }
        // A server has the same to keep however fast it is, so that is no part of what its requests cost.
        self.performance.used[contestant.side as usize].operations -= filled;
        Ok(())
    }

    /// Connects a client.
    async fn connect(&mut self, contestant: &mut Contestant, client: u32) -> Result<TcpStream, Ended> {
        let connected = contestant.program.address().connect().await.and_then(|stream| stream.into_std());
        let failed = |error| Trouble::Closed(format!("client {client} could not connect: {error}"));
        match connected {
            Ok(stream) => Ok(stream),
            Err(error) => Err(self.troubled(contestant, failed(error)).await),
        }
    }

    /// Makes the clients that ask a server from now on.
    fn ask_with(&self, contestant: &mut Contestant, clients: Vec<(TcpStream, Tape)>, pace: Pace) -> Result<(), Ended> {
        let [_, processors] = self.processors(contestant.side);
        let clients = Threads::new(clients, pace, self.performance.threads as usize, &processors);
        contestant.clients = Some(clients.map_err(not_made)?);
        Ok(())
    }

    /// How the clients of the load ask.
    fn pace(&self) -> Pace {
        match self.load.rate {
            Some(rate) => Pace::Open { rate, spin: self.performance.is_apart() },
            None => Pace::Closed { depth: self.load.depth.unwrap_or(1) as usize },
        }
    }

    /// Blocks of slices until `share` of the time is used up, or nothing more has to be measured.
    async fn blocks(
        &mut self,
        round: u32,
        share: Duration,
        used: &mut Duration,
        contestants: &mut [Contestant],
    ) -> Result<(), Ended> {
        let mut done = 0;
        while done < LEAST_BLOCKS || (*used < share && !(done % LEAST_BLOCKS == 0 && self.performance.is_enough())) {
            let mut order: Vec<usize> = (0..contestants.len()).collect();
            self.random.shuffle(&mut order);
            let back: Vec<usize> = order.iter().rev().copied().collect();
            for place in order.into_iter().chain(back) {
                if *self.setup.stop.borrow() {
                    return Err(Ended::Interrupted);
                }
                let contestant = &mut contestants[place];
                contestant.program.ask(Control::Resume);
                let (lead, time) = if self.load.rate.is_some() { (OPEN_LEAD, OPEN_SLICE) } else { (LEAD, SLICE) };
                let began = Instant::now();
                let (answered, latency) = self.slice(contestant, lead, time).await?;
                if let Some(latency) = &latency {
                    self.latency[contestant.side as usize] += latency;
                }
                contestant.program.ask(Control::Pause);
                // With what a slow server needs to answer all that is in flight: no stage takes longer for it.
                *used += began.elapsed();
                self.performance.slices.push(Slice {
                    round,
                    block: self.block,
                    side: contestant.side,
                    operations: answered.operations,
                    nanoseconds: answered.time.as_nanos() as u64,
                    delayed: answered.delayed.as_nanos() as u64,
                    busy: answered.busy.as_nanos() as u64,
                    tail: latency.map_or(0, |latency| latency.answered.value_at_quantile(0.99)),
                });
            }
            self.block += 1;
            done += 1;
        }
        Ok(())
    }

    /// Load on one server, from threads that are kept to the processors of the clients.
    async fn slice(
        &mut self,
        contestant: &mut Contestant,
        lead: Duration,
        time: Duration,
    ) -> Result<(Answered, Option<Latency>), Ended> {
        let Some(mut clients) = contestant.clients.take() else {
            return Err(Ended::Broken("a bug in takehome: the clients are elsewhere".into()));
        };
        let work = tokio::task::spawn_blocking(move || {
            let answered = clients.run(lead, time);
            (clients, answered)
        });
        let (clients, answered) = work.await.map_err(|error| Ended::Broken(format!("the load ended: {error}")))?;
        contestant.clients = Some(clients);
        match answered {
            Ok((answered, latency)) => {
                self.performance.used[contestant.side as usize].operations += answered.all;
                Ok((answered, latency))
            }
            Err(trouble) => Err(self.troubled(contestant, trouble).await),
        }
    }

    /// What ended the load: of a submission it is noted, of the reference it is no fault of the submission.
    async fn troubled(&mut self, contestant: &mut Contestant, trouble: Trouble) -> Ended {
        let side = contestant.side;
        // What happened to the program says more than what its clients saw of it.
        if matches!(trouble, Trouble::Closed(_) | Trouble::Silent(_)) {
            let ended = tokio::time::timeout(LAST_WORDS, async {
                while let Some(happening) = contestant.program.next().await {
                    if let Some(ended) = self.happened(contestant, happening) {
                        return Some(ended);
                    }
                }
                None
            });
            if let Ok(Some(ended)) = ended.await {
                return ended;
            }
        }
        let wrong = |kind, detail, line: &[u8]| Wrong { kind, detail, log: String::from_utf8_lossy(line).into_owned() };
        let wrong = match trouble {
            Trouble::Wrong(why, bytes) => wrong(IncidentKind::WrongReply, why, &bytes),
            Trouble::Closed(why) => wrong(IncidentKind::Silent, format!("a connection ended under load: {why}"), b""),
            Trouble::Silent(clients) => {
                if self.is_submission(side) {
                    self.hang = hang::explain(&mut contestant.program).await;
                }
                let all = self.setup.stage.clients;
                wrong(IncidentKind::Silent, format!("{clients} of {all} clients waited 5 s for an answer"), b"")
            }
            Trouble::Machine(why) => return Ended::Broken(why),
        };
        self.fault(side, wrong, Ended::Completed)
    }

    /// The processors of a side's server, and those that its load comes from.
    fn processors(&self, side: Side) -> [Vec<u32>; 2] {
        let [servers, load] = &self.performance.processors;
        let (Some(first), Some(last), true) = (servers.first(), servers.last(), self.load.scaling) else {
            return [servers.clone(), load.clone()];
        };
        // It is compared on one processor and on another, so that it shows where one of them has less time than the other.
        let (own, other) = if side == Side::Control { (last, first) } else { (first, last) };
        let own = if side == Side::Submission { servers.clone() } else { vec![*own] };
        // Where the servers have all, the load has one that a server on a single processor does not have.
        [own, if self.performance.is_apart() { load.clone() } else { vec![*other] }]
    }

    /// Whether what a side does is the submission's doing.
    fn is_submission(&self, side: Side) -> bool {
        self.load.scaling || side == Side::Submission
    }

    /// What happens to a server; how the case ends by it, if it does.
    fn happened(&mut self, contestant: &Contestant, happening: Happening) -> Option<Ended> {
        match contestant.program.wrong(happening) {
            Ok(None) => None,
            Ok(Some(wrong)) => Some(self.fault(contestant.side, wrong, Ended::AllCrashed)),
            Err(why) => Some(Ended::Broken(why)),
        }
    }

    /// Notes what the submission did wrong; nothing that the reference does is held against it.
    fn fault(&mut self, side: Side, Wrong { kind, mut detail, log }: Wrong, ended: Ended) -> Ended {
        if self.load.scaling && side != Side::Submission {
            detail += ", on one processor";
        }
        self.blamed = side;
        if !self.is_submission(side) {
            return Ended::Broken(format!("the reference beside it failed: {detail}"));
        }
        let now = self.began.elapsed().into();
        if let Some(incident) = self.incidents.note(now, 0, kind, detail, log.as_bytes()) {
            let _nobody_listens = self.setup.notices.send(Notice::Incident(incident.clone()));
        }
        ended
    }

    /// Takes a server's cell down, and adds up what it used.
    async fn close(&mut self, mut contestant: Contestant) {
        contestant.clients = None;
        let usage = contestant.program.close().await;
        let used = &mut self.performance.used[contestant.side as usize];
        used.cpu_seconds += (usage.cpu_seconds - contestant.before.as_secs_f64()).max(0.0);
        used.peak_memory = used.peak_memory.max(usage.peak_memory);
        if contestant.side == self.blamed {
            self.log_tail = contestant.program.log_tail();
        }
    }
}

/// How many threads so many clients are on: as many as the servers have processors, as far as the clients have others.
fn threads(performance: &Performance, clients: u32) -> u32 {
    let [servers, load] = performance.processors.each_ref().map(|processors| processors.len() as u32);
    if performance.is_apart() { servers.min(load).min(clients) } else { 1 }
}

/// The clients of a load could not be made.
fn not_made(error: io::Error) -> Ended {
    Ended::Broken(format!("the clients: {error}"))
}

/// What the record keeps of one side's times.
fn summed_up(latency: &Latency) -> performance::Latency {
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|q| latency.answered.value_at_quantile(q));
    let late = latency.sent.value_at_quantile(0.99);
    performance::Latency { p50, p99, p999, max: latency.answered.max(), late }
}
