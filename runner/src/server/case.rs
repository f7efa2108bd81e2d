//! One case of a server: it is started, used by many clients at once, killed and started again, and stopped.

use super::{
    client::{Client, Seen, Shared},
    hang,
    member::Member,
    program::{self, Happening, Program, START_TIMEOUT, Wrong},
    talk,
};
use crate::{
    backend::{CellEvent, Control, Exit, WORK},
    node::{CaseSetup, Notice, incidents::Incidents},
    protocol::{self, Wire},
};
use harness::{
    calls::{Call, Calls},
    case::{CaseRecord, CaseSummary, Down, Ended, Hang, IncidentKind},
    journal::Journal,
    manifest::Protocol,
    net::{Fault, FaultSchedule},
    oracle::{Body, Script},
    sanitizer,
    text::excerpt,
    time::Offset,
    verdict::FaultWindow,
};
use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};

/// How long a server may take to end when it is asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs one case.
pub(super) async fn run(setup: CaseSetup, protocol: Protocol) -> CaseRecord {
    let summary = CaseSummary { stage: setup.stage.id.clone(), seed: setup.seed, ..CaseSummary::default() };
    // Without its faults a case would prove nothing, and must not look as if it did.
    let schedule =
        setup.stage.fault_schedule(setup.seed).map_err(|why| format!("the challenge's faults cannot be played: {why}"));
    let opened = match schedule {
        Ok(schedule) => Program::open(&setup, &setup.program, program::processors(&setup), "n0.log")
            .await
            .map(|program| (schedule, program)),
        Err(why) => Err(why),
    };
    match opened {
        Ok((schedule, program)) => Case::new(setup, protocol, schedule, program, summary).run().await,
        Err(why) => {
            CaseRecord { summary: CaseSummary { ended: Ended::Broken(why), ..summary }, ..CaseRecord::default() }
        }
    }
}

/// Where the server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// It was started and is not ready yet.
    Starting,
    /// It works, or is paused.
    Up,
    /// It was killed, and its end has not been told yet.
    Dying {
        /// Whether it is to be started again then.
        restart: bool,
    },
    /// It was killed and has ended.
    Down,
}

/// Which start it was, and whether it was in time.
type Back = (u64, bool);

struct Case {
    setup: CaseSetup,
    protocol: Protocol,
    schedule: FaultSchedule,
    next_fault: usize,
    program: Program,
    began: Instant,
    summary: CaseSummary,
    incidents: Incidents,
    open_faults: Vec<FaultWindow>,
    life: Life,
    /// How often it was started.
    starts: u64,
    down_since: Option<Offset>,
    /// When it was asked to end, while it has not.
    asked: Option<Instant>,
    /// Told when a client has waited in vain.
    in_vain: (mpsc::UnboundedSender<()>, mpsc::UnboundedReceiver<()>),
    /// What the server's threads did at the first such moment.
    look: Option<JoinHandle<Option<String>>>,
    /// Told when a server that was started again is ready, or has taken too long.
    back: (mpsc::UnboundedSender<Back>, mpsc::UnboundedReceiver<Back>),
}

impl Case {
    fn new(
        setup: CaseSetup,
        protocol: Protocol,
        schedule: FaultSchedule,
        program: Program,
        summary: CaseSummary,
    ) -> Self {
        Self {
            setup,
            protocol,
            schedule,
            next_fault: 0,
            program,
            began: Instant::now(),
            summary,
            incidents: Incidents::default(),
            open_faults: Vec::new(),
            life: Life::Starting,
            starts: 0,
            down_since: None,
            asked: None,
            in_vain: mpsc::unbounded_channel(),
            look: None,
            back: mpsc::unbounded_channel(),
        }
    }

    async fn run(mut self) -> CaseRecord {
        let script = self.setup.oracle.script(&self.setup.stage, self.setup.seed);
        let mut stop = self.setup.stop.clone();
        let mut seen = Vec::new();
        let ended = tokio::select! {
            ended = self.play(&script, &mut seen) => ended,
            _ = stop.wait_for(|stop| *stop) => Ended::Interrupted,
        };
        let calls = self.take(seen);
        self.finish(ended, calls).await
    }

    fn now(&self) -> Offset {
        self.began.elapsed().into()
    }

    /// From the start of the server to the last answer.
    async fn play(&mut self, script: &Script, home: &mut Vec<Seen>) -> Ended {
        if self.setup.stage.sanitized {
            self.program.keep_last_words();
        }
        if let Err(why) = self.program.start() {
            return Ended::Broken(why);
        }
        if let Err(ended) = self.get_ready().await {
            return ended;
        }
        self.summary.work_began = self.now();
        let (gone, over) = watch::channel(false);
        let (mut clients, _nuisances) = self.clients(script, over);
        let ended = loop {
            // A server that was killed has to come back, also when nobody asks any more.
            if clients.is_empty() && self.life == Life::Up && self.next_fault == self.schedule.actions.len() {
                break Ended::Completed;
            }
            // What comes next waits until a server that was asked to end has ended.
            let fault = self.next_fault_at().filter(|_| self.asked.is_none());
            tokio::select! {
                biased;
                Some(happening) = self.program.next() => if let Err(ended) = self.on(happening) { break ended },
                () = tokio::time::sleep_until((self.asked.unwrap_or(self.began) + STOP_TIMEOUT).into()), if self.asked.is_some() => {
                    let lingers = self.program.lingers(STOP_TIMEOUT);
                    self.incident(lingers);
                    break Ended::Completed;
                }
                Some(()) = self.in_vain.1.recv(), if self.look.is_none() && self.life == Life::Up => {
                    self.look = Some(tokio::spawn(hang::look(self.program.control())));
                }
                Some((start, in_time)) = self.back.1.recv() => if let Err(ended) = self.on_back(start, in_time) { break ended },
                () = tokio::time::sleep_until((self.began + fault.unwrap_or(Offset::ZERO).since(Offset::ZERO)).into()), if fault.is_some() => {
                    if let Err(ended) = self.play_fault() { break ended }
                }
                Some(seen) = clients.join_next() => match seen {
                    Ok(seen) => home.push(seen),
                    Err(error) => break Ended::Broken(format!("a client ended: {error}")),
                },
            }
        };
        // Whoever still waits for an answer comes home without it.
        let _nobody_listens = gone.send(true);
        while let Some(Ok(seen)) = clients.join_next().await {
            home.push(seen);
        }
        self.summary.work_ended = self.now();
        ended
    }

    /// Comes to an end when the server is ready.
    fn ready(&self) -> impl Future<Output = ()> + use<> {
        self.program.ready(protocol::of(self.protocol).and_then(Wire::loading))
    }

    /// Waits until the server is ready.
    async fn get_ready(&mut self) -> Result<(), Ended> {
        let mut ready = std::pin::pin!(self.ready());
        let deadline = tokio::time::sleep(START_TIMEOUT);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                Some(happening) = self.program.next() => {
                    if let Err(ended) = self.on(happening) {
                        return Err(if ended == Ended::AllCrashed { Ended::NeverReady } else { ended });
                    }
                }
                () = &mut ready => {
                    self.life = Life::Up;
                    return Ok(());
                }
                () = &mut deadline => {
                    let late = self.program.late();
                    self.incident(late);
                    return Err(Ended::NeverReady);
                }
            }
        }
    }

    /// Deals the work out to the clients, in turn; beside them, those that burden the server for as long as they are kept.
    fn clients(&self, script: &Script, over: watch::Receiver<bool>) -> (JoinSet<Seen>, JoinSet<()>) {
        let count = self.setup.stage.clients;
        let began = self.summary.work_began;
        let shared = Arc::new(Shared {
            address: self.program.address().clone(),
            began: self.began,
            timeout: self.setup.stage.timeout.0,
            end: began + self.setup.stage.duration() + self.setup.stage.settle.0,
            clients: count,
            room: AtomicUsize::new(usize::try_from(self.setup.limits.output.0).unwrap_or(usize::MAX)),
            in_vain: self.in_vain.0.clone(),
            over,
        });
        let mut work: Vec<Vec<(Offset, Body)>> = vec![Vec::new(); count as usize];
        for (index, (at, request)) in script.work.iter().enumerate() {
            work[index % count as usize].push((began + *at, request.body.clone()));
        }
        for (own, given) in work.iter_mut().zip(&script.clients) {
            own.extend(given.iter().map(|(at, body)| (began + *at, body.clone())));
        }
        let mut nuisances = JoinSet::new();
        for nuisance in &script.nuisances {
            let one = Arc::new(nuisance.clone());
            (0..nuisance.clients).for_each(|_| drop(nuisances.spawn(talk::burden(shared.clone(), one.clone()))));
        }
        let mut clients = JoinSet::new();
        if !script.conversations.is_empty() {
            clients.spawn(talk::lead(shared.clone(), script.conversations.clone()));
        }
        let work = work.into_iter().enumerate().filter(|(_, requests)| !requests.is_empty());
        for (name, requests) in work {
            let (shared, name) = (shared.clone(), name as u32);
            match protocol::speaker(self.protocol) {
                Some(speaker) => clients.spawn(Client::new(shared, name, speaker).run(requests)),
                None => clients.spawn(Member::new(shared, name).run(requests)),
            };
        }
        (clients, nuisances)
    }

    /// The calls of all clients, with what else they have seen noted: what came first, first.
    fn take(&mut self, all: Vec<Seen>) -> Vec<Call> {
        let (mut calls, mut wrong) = (Vec::new(), Vec::new());
        for seen in all {
            self.summary.lag = self.summary.lag.max(seen.lag.into());
            calls.extend(seen.calls);
            wrong.extend(seen.wrong);
        }
        wrong.sort_by_key(|(at, ..)| *at);
        for (at, why, bytes) in wrong {
            if let Some(incident) = self.incidents.note(at, 0, IncidentKind::MalformedOutput, why, &bytes) {
                let _nobody_listens = self.setup.notices.send(Notice::Incident(incident.clone()));
            }
        }
        calls
    }

    /// What happens to the server; an error ends the case.
    fn on(&mut self, happening: Happening) -> Result<(), Ended> {
        if let (Happening::Cell(CellEvent::Exited(_)), true) = (&happening, self.setup.stage.sanitized)
            && let Some(ended) = self.sanitizer_says()
        {
            return Err(ended);
        }
        let mut broke = false;
        if let Happening::Cell(CellEvent::Exited(exit)) = &happening {
            broke = self.asked.take().is_some() && !is_graceful(exit);
        }
        match (&happening, self.life) {
            _ if broke => {}
            (Happening::Cell(CellEvent::Exited(_)), Life::Dying { restart: true }) => return self.start_again(),
            (Happening::Cell(CellEvent::Exited(_)), Life::Dying { restart: false }) => {
                self.life = Life::Down;
                return Ok(());
            }
            _ => {}
        }
        match self.program.wrong(happening).map_err(Ended::Broken)? {
            None => Ok(()),
            Some(Wrong { kind, detail, log }) => {
                let detail = if broke { detail + " when it was asked to end" } else { detail };
                self.incident(Wrong { kind, detail, log });
                Err(Ended::AllCrashed)
            }
        }
    }

    /// What a build that watches itself has ended with, if it has.
    fn sanitizer_says(&mut self) -> Option<Ended> {
        let output = self.program.last_words();
        let fatal = output.lines().find(|line| line.contains("FATAL: ThreadSanitizer"));
        if let Some(line) = fatal.filter(|_| self.life == Life::Starting) {
            return Some(Ended::Broken(format!("this machine does not run it: {}", excerpt(line, 200))));
        }
        let found = sanitizer::find(&output, WORK)?;
        let kind = match found.kind {
            sanitizer::Kind::Race => IncidentKind::DataRace,
            sanitizer::Kind::Memory => IncidentKind::MemoryError,
        };
        self.incident(Wrong { kind, detail: found.sentence, log: found.report });
        Some(Ended::AllCrashed)
    }

    fn start_again(&mut self) -> Result<(), Ended> {
        self.program.start().map_err(Ended::Broken)?;
        self.life = Life::Starting;
        self.starts += 1;
        let (ready, back, start) = (self.ready(), self.back.0.clone(), self.starts);
        tokio::spawn(async move {
            let in_time = tokio::time::timeout(START_TIMEOUT, ready).await.is_ok();
            let _case_is_over = back.send((start, in_time));
        });
        Ok(())
    }

    /// A server that was started again is ready, or took too long for that.
    fn on_back(&mut self, start: u64, in_time: bool) -> Result<(), Ended> {
        if start != self.starts || self.life != Life::Starting {
            // It was killed meanwhile.
            return Ok(());
        }
        if !in_time {
            let late = self.program.late();
            self.incident(late);
            return Err(Ended::AllCrashed);
        }
        self.life = Life::Up;
        self.is_back();
        Ok(())
    }

    /// A server that was down or paused works again.
    fn is_back(&mut self) {
        if let Some(from) = self.down_since.take() {
            let to = self.now();
            self.summary.down.push(Down { node: 0, from, to });
        }
    }

    fn next_fault_at(&self) -> Option<Offset> {
        let action = self.schedule.actions.get(self.next_fault)?;
        Some(self.summary.work_began + action.at.since(Offset::ZERO))
    }

    fn play_fault(&mut self) -> Result<(), Ended> {
        let Some(action) = self.schedule.actions.get(self.next_fault).cloned() else { return Ok(()) };
        self.next_fault += 1;
        let now = self.now();
        match action.fault {
            Fault::Kill(_) => {
                self.open_fault(now, "kill", "n0 killed");
                self.down_since.get_or_insert(now);
                if self.life != Life::Down {
                    self.life = Life::Dying { restart: false };
                    self.program.ask(Control::Kill);
                }
            }
            Fault::Terminate(_) => {
                self.open_fault(now, "terminate", "n0 asked to end");
                self.down_since.get_or_insert(now);
                if self.life == Life::Up {
                    self.life = Life::Dying { restart: false };
                    self.asked = Some(Instant::now());
                    self.program.ask(Control::Terminate);
                }
            }
            Fault::Restart(_) => {
                self.close_fault(now);
                match self.life {
                    // As soon as the killed one is gone.
                    Life::Dying { .. } => self.life = Life::Dying { restart: true },
                    Life::Down => return self.start_again(),
                    Life::Starting | Life::Up => {}
                }
            }
            Fault::Pause(_) => {
                self.open_fault(now, "pause", "n0 stopped");
                self.down_since.get_or_insert(now);
                self.program.ask(Control::Pause);
            }
            Fault::Resume(_) => {
                self.close_fault(now);
                self.program.ask(Control::Resume);
                if self.life == Life::Up {
                    self.is_back();
                }
            }
            // A manifest of a server cannot ask for these: it has one node.
            Fault::Partition(_) | Fault::Heal => {}
        }
        Ok(())
    }

    fn open_fault(&mut self, now: Offset, kind: &str, description: &str) {
        let _nobody_listens = self.setup.notices.send(Notice::Fault(now, format!("{kind}: {description}")));
        self.open_faults.push(FaultWindow {
            kind: kind.into(),
            description: description.into(),
            nodes: vec!["n0".into()],
            from: now,
            to: now,
        });
    }

    fn close_fault(&mut self, now: Offset) {
        let ended = self.open_faults.drain(..).map(|fault| FaultWindow { to: now, ..fault });
        self.summary.faults.extend(ended);
    }

    fn incident(&mut self, Wrong { kind, detail, log }: Wrong) {
        let now = self.now();
        if let Some(incident) = self.incidents.note(now, 0, kind, detail, log.as_bytes()) {
            let _nobody_listens = self.setup.notices.send(Notice::Incident(incident.clone()));
        }
    }

    /// Stops the server, takes its cell down and puts the record together.
    async fn finish(mut self, ended: Ended, mut calls: Vec<Call>) -> CaseRecord {
        let now = self.now();
        if let Some(look) = self.look.take()
            && let Ok(Some(sentence)) = look.await
        {
            let stacks = if ended == Ended::Completed { hang::stacks(&mut self.program).await } else { Vec::new() };
            self.summary.hang = Some(Hang { sentence, stacks });
        } else if ended == Ended::Completed {
            self.program.ask(Control::Terminate);
            let stopped = async {
                while let Some(happening) = self.program.next().await {
                    if matches!(happening, Happening::Cell(CellEvent::Exited(_))) {
                        break;
                    }
                }
            };
            let _killed_with_its_cell = tokio::time::timeout(STOP_TIMEOUT, stopped).await;
            // Something may have been found only when all clients left.
            if self.setup.stage.sanitized {
                let _over_anyway = self.sanitizer_says();
            }
        }
        let usage = self.program.close().await;
        self.incidents.explain_slowness(&[Some(usage)], now.since(Offset::ZERO));
        self.close_fault(now);
        self.summary.down.extend(self.down_since.map(|from| Down { node: 0, from, to: now }));
        if self.summary.work_ended == Offset::ZERO {
            self.summary.work_ended = now;
        }
        calls.sort_by_key(|call| call.invoked);
        self.summary.ended = ended;
        self.summary.ended_at = now;
        self.summary.incidents = self.incidents.all;
        self.summary.usage = vec![usage];
        self.summary.log_tails = vec![self.program.log_tail()];
        CaseRecord { summary: self.summary, history: Calls { operations: calls }, journal: Journal::default() }
    }
}

/// Whether a program that was asked to end did so and nothing worse: by itself, or by the signal that asked it.
fn is_graceful(exit: &Exit) -> bool {
    const BY_SIGNAL: i32 = 128 + libc::SIGTERM;
    matches!((exit.code, exit.signal), (_, Some(libc::SIGTERM)) | (Some(0 | BY_SIGNAL), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_to_end_may_end_with_0_or_by_the_signal() {
        let exit = |code, signal| Exit { code, signal, ..Exit::default() };
        for graceful in [exit(Some(0), None), exit(None, Some(libc::SIGTERM)), exit(Some(143), None)] {
            assert!(is_graceful(&graceful), "{graceful:?}");
        }
        for other in [exit(Some(101), None), exit(None, Some(libc::SIGABRT)), exit(Some(1), None)] {
            assert!(!is_graceful(&other), "{other:?}");
        }
    }
}
