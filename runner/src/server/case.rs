//! One case of a server: it is started, used by many clients at once, killed and started again, and stopped.

use super::{
    client::{Client, Seen, Shared},
    program::{Address, Happening, Program},
};
use crate::{
    backend::{CellEvent, Control, Exit, Usage},
    node::{
        CaseSetup, Notice,
        incidents::{self, Incidents},
    },
    protocol::{self, Wire},
};
use harness::{
    calls::{Call, Calls},
    case::{CaseRecord, CaseSummary, Down, Ended, IncidentKind, NodeUsage},
    journal::Journal,
    manifest::Protocol,
    net::{Fault, FaultSchedule},
    oracle::{Body, Script},
    time::Offset,
    verdict::FaultWindow,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

/// How long a server may take until it can be connected to.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How often that is tried.
const TRY: Duration = Duration::from_millis(5);
/// How long a server may take to end when it is asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long closing its cell may take before the case goes on without its figures.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs one case.
pub async fn run(setup: CaseSetup, protocol: Protocol) -> CaseRecord {
    let summary = CaseSummary { stage: setup.stage.id.clone(), seed: setup.seed, ..CaseSummary::default() };
    // Without its faults a case would prove nothing, and must not look as if it did.
    let schedule =
        setup.stage.fault_schedule(setup.seed).map_err(|why| format!("the challenge's faults cannot be played: {why}"));
    let opened = match schedule {
        Ok(schedule) => Program::open(&setup).await.map(|program| (schedule, program)),
        Err(why) => Err(why),
    };
    match opened {
        Ok((schedule, program)) => Case::new(setup, protocol::of(protocol), schedule, program, summary).run().await,
        Err(why) => {
            CaseRecord { summary: CaseSummary { ended: Ended::Broken(why), ..summary }, ..CaseRecord::default() }
        }
    }
}

struct Case {
    setup: CaseSetup,
    wire: &'static dyn Wire,
    schedule: FaultSchedule,
    next_fault: usize,
    program: Program,
    began: Instant,
    summary: CaseSummary,
    incidents: Incidents,
    open_faults: Vec<FaultWindow>,
    /// Whether its process is to end, and whether it is to be started again then.
    killed: bool,
    restart: bool,
    down_since: Option<Offset>,
    usage: Option<Usage>,
    /// Told when a server that was started again can be connected to.
    back: (mpsc::UnboundedSender<()>, mpsc::UnboundedReceiver<()>),
}

impl Case {
    fn new(
        setup: CaseSetup,
        wire: &'static dyn Wire,
        schedule: FaultSchedule,
        program: Program,
        summary: CaseSummary,
    ) -> Self {
        Self {
            setup,
            wire,
            schedule,
            next_fault: 0,
            program,
            began: Instant::now(),
            summary,
            incidents: Incidents::default(),
            open_faults: Vec::new(),
            killed: false,
            restart: false,
            down_since: None,
            usage: None,
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
        let calls = seen.into_iter().flat_map(|seen| self.take(seen)).collect();
        self.finish(ended, calls).await
    }

    fn now(&self) -> Offset {
        self.began.elapsed().into()
    }

    /// From the start of the server to the last answer.
    async fn play(&mut self, script: &Script, home: &mut Vec<Seen>) -> Ended {
        if let Err(why) = self.program.start() {
            return Ended::Broken(why);
        }
        if let Err(ended) = self.get_ready().await {
            return ended;
        }
        self.summary.work_began = self.now();
        let (gone, over) = watch::channel(false);
        let mut clients = self.clients(script, over);
        let ended = loop {
            let fault = self.next_fault_at();
            tokio::select! {
                biased;
                Some(happening) = self.program.next() => if let Err(ended) = self.on(happening) { break ended },
                Some(()) = self.back.1.recv() => self.is_back(),
                () = tokio::time::sleep_until((self.began + fault.unwrap_or(Offset::ZERO).since(Offset::ZERO)).into()), if fault.is_some() => {
                    self.play_fault();
                }
                seen = clients.join_next() => match seen {
                    Some(Ok(seen)) => home.push(seen),
                    Some(Err(error)) => break Ended::Broken(format!("a client ended: {error}")),
                    None => break Ended::Completed,
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

    /// Waits until the server can be connected to.
    async fn get_ready(&mut self) -> Result<(), Ended> {
        let address = self.program.address().clone();
        let mut ready = std::pin::pin!(reachable(address));
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
                () = &mut ready => return Ok(()),
                () = &mut deadline => {
                    let detail = format!("nobody listened on its address within {} s", START_TIMEOUT.as_secs());
                    let tail = self.program.log_tail();
                    self.incident(IncidentKind::SlowStart, detail, tail.as_bytes());
                    return Err(Ended::NeverReady);
                }
            }
        }
    }

    /// Deals the work out to the clients, in turn.
    fn clients(&self, script: &Script, over: watch::Receiver<bool>) -> JoinSet<Seen> {
        let count = self.setup.stage.clients;
        let began = self.summary.work_began;
        let shared = Arc::new(Shared {
            address: self.program.address().clone(),
            wire: self.wire,
            began: self.began,
            timeout: self.setup.stage.timeout.0,
            end: began + self.setup.stage.duration() + self.setup.stage.settle.0,
            clients: count,
            over,
        });
        let mut work: Vec<Vec<(Offset, Body)>> = vec![Vec::new(); count as usize];
        for (index, (at, request)) in script.work.iter().enumerate() {
            work[index % count as usize].push((began + *at, request.body.clone()));
        }
        let mut clients = JoinSet::new();
        for (name, requests) in work.into_iter().enumerate() {
            clients.spawn(Client::new(shared.clone(), name as u32).run(requests));
        }
        clients
    }

    /// The calls of a client, with what else it has seen noted.
    fn take(&mut self, seen: Seen) -> Vec<Call> {
        self.summary.lag = self.summary.lag.max(seen.lag.into());
        for (at, why, bytes) in seen.wrong {
            if let Some(incident) = self.incidents.note(at, 0, IncidentKind::MalformedOutput, why, &bytes) {
                let _nobody_listens = self.setup.notices.send(Notice::Incident(incident.clone()));
            }
        }
        seen.calls
    }

    /// What happens to the server; an error ends the case.
    fn on(&mut self, happening: Happening) -> Result<(), Ended> {
        match happening {
            Happening::Cell(CellEvent::Started) => Ok(()),
            Happening::Cell(CellEvent::StartFailed { call, errno }) => {
                let error = std::io::Error::from_raw_os_error(errno);
                self.incident(IncidentKind::Crashed, format!("the program could not be started: {call}: {error}"), b"");
                Err(Ended::AllCrashed)
            }
            Happening::Cell(CellEvent::Exited(exit)) => self.on_exit(&exit),
            Happening::Cell(CellEvent::Closed(usage)) => {
                self.usage = Some(usage);
                let detail = format!("what it left in memory takes up its limit of {}", self.setup.limits.memory);
                self.incident(IncidentKind::OutOfMemory, detail, b"");
                Err(Ended::AllCrashed)
            }
            Happening::Cell(CellEvent::Lost(why)) => Err(Ended::Broken(format!("the sandbox was lost: {why}"))),
            Happening::Flood(tail) => {
                let detail = format!("more than {} of output; the server was stopped", self.setup.limits.output);
                self.incident(IncidentKind::OutputFlood, detail, tail.as_bytes());
                self.program.ask(Control::Kill);
                Err(Ended::AllCrashed)
            }
        }
    }

    fn on_exit(&mut self, exit: &Exit) -> Result<(), Ended> {
        if std::mem::take(&mut self.killed) {
            return match std::mem::take(&mut self.restart) {
                true => self.start_again(),
                false => Ok(()),
            };
        }
        let (kind, detail) = incidents::ending(exit, &self.setup.limits);
        let tail = self.program.log_tail();
        self.incident(kind, detail, tail.as_bytes());
        Err(Ended::AllCrashed)
    }

    fn start_again(&mut self) -> Result<(), Ended> {
        self.program.start().map_err(Ended::Broken)?;
        let (address, back) = (self.program.address().clone(), self.back.0.clone());
        tokio::spawn(async move {
            reachable(address).await;
            let _case_is_over = back.send(());
        });
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

    fn play_fault(&mut self) {
        let Some(action) = self.schedule.actions.get(self.next_fault).cloned() else { return };
        self.next_fault += 1;
        let now = self.now();
        match action.fault {
            Fault::Kill(_) => {
                self.open_fault(now, "kill", "n0 killed");
                self.killed = true;
                self.down_since.get_or_insert(now);
                self.program.ask(Control::Kill);
            }
            Fault::Restart(_) => {
                self.close_fault(now);
                match self.killed {
                    // As soon as the killed one is gone.
                    true => self.restart = true,
                    false => drop(self.start_again()),
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
                self.is_back();
            }
            // A manifest of a server cannot ask for these: it has one node.
            Fault::Partition(_) | Fault::Heal => {}
        }
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

    fn incident(&mut self, kind: IncidentKind, detail: String, line: &[u8]) {
        let now = self.now();
        if let Some(incident) = self.incidents.note(now, 0, kind, detail, line) {
            let _nobody_listens = self.setup.notices.send(Notice::Incident(incident.clone()));
        }
    }

    /// Stops the server, takes its cell down and puts the record together.
    async fn finish(mut self, ended: Ended, mut calls: Vec<Call>) -> CaseRecord {
        let now = self.now();
        if ended == Ended::Completed {
            self.program.ask(Control::Terminate);
            let stopped = async {
                while let Some(happening) = self.program.next().await {
                    if matches!(happening, Happening::Cell(CellEvent::Exited(_))) {
                        break;
                    }
                }
            };
            let _killed_with_its_cell = tokio::time::timeout(STOP_TIMEOUT, stopped).await;
        }
        self.program.ask(Control::Close);
        let closing = async {
            while self.usage.is_none() {
                match self.program.next().await {
                    Some(Happening::Cell(CellEvent::Closed(usage))) => self.usage = Some(usage),
                    Some(Happening::Cell(CellEvent::Lost(_))) | None => break,
                    Some(_) => {}
                }
            }
        };
        let _without_figures = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
        let usage = self.usage.unwrap_or_default();
        let usage = NodeUsage { cpu_seconds: usage.cpu.as_secs_f64(), peak_memory: usage.peak_memory };
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

/// Comes to an end when the address can be connected to.
async fn reachable(address: Address) {
    while address.connect().await.is_err() {
        tokio::time::sleep(TRY).await;
    }
}
