//! One case from `init` to the final reads, under the wall clock.

mod faults;
mod hearing;

use super::{
    clients::Clients,
    cpus,
    incidents::Incidents,
    links::Links,
    process::{self, NodeEvent, Process},
    settle::Settling,
    wire::Prepared,
};
use crate::backend::{Backend, CellSpec, Control, OpenError, Program, Work};
use harness::{
    calls::Role,
    case::{CaseRecord, CaseSummary, Down, Ended, Incident, IncidentKind, NodeUsage},
    manifest::{Limits, Stage},
    net::FaultSchedule,
    oracle::{Oracle, Request, Script},
    time::Offset,
    verdict::FaultWindow,
};
use std::{
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};

/// What a case needs.
pub struct CaseSetup {
    /// Its stage.
    pub stage: Stage,
    /// Its seed.
    pub seed: u64,
    /// Limits on each node.
    pub limits: Limits,
    /// The challenge's oracle.
    pub oracle: &'static dyn Oracle,
    /// Where nodes run.
    pub backend: Arc<dyn Backend>,
    /// What each node runs.
    pub program: Program,
    /// The challenge's reference, where the stage is measured beside it.
    pub reference: Option<Program>,
    /// Folder for the nodes' logs.
    pub logs: Option<PathBuf>,
    /// Turns true when the user wants to stop.
    pub stop: watch::Receiver<bool>,
    /// Told what happens, as it happens.
    pub notices: mpsc::UnboundedSender<Notice>,
}

/// Something worth an event of the run.
#[derive(Debug, Clone)]
pub enum Notice {
    /// A fault was played.
    Fault(Offset, String),
    /// A node did something wrong.
    Incident(Incident),
}

/// Size of a node's `/tmp`.
const TMP: u64 = 16 << 20;
/// How many cells are opened at once.
const OPENED_TOGETHER: usize = 8;
/// How long nodes may take to answer `init`, and how much longer for each node on a machine that starts them all.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
const INIT_TIMEOUT_PER_NODE: Duration = Duration::from_millis(60);
/// Period of the final reads where the stage has no probes.
const READ_PERIOD: Duration = Duration::from_millis(250);
/// How long a node that is to be killed is given to acknowledge something first.
const DEATH_ROW: Duration = Duration::from_millis(300);
/// How long a node may take between a message and its line end when nothing follows.
const LINE_END_TIMEOUT: Duration = Duration::from_secs(5);
/// How long closing all cells may take before the case goes on without their figures.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs one case.
pub async fn run(setup: CaseSetup) -> CaseRecord {
    // As a task beside those that read the pipes: a scheduler's main future is polled only after another look at all
    // pipes, which would delay every message by a system call.
    match tokio::spawn(run_task(setup)).await {
        Ok(record) => record,
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    }
}

async fn run_task(setup: CaseSetup) -> CaseRecord {
    // Without its faults a case would prove nothing, and must not look as if it did.
    let (schedule, unplayable) = match setup.stage.fault_schedule(setup.seed) {
        Ok(schedule) => (schedule, None),
        Err(why) => (FaultSchedule::default(), Some(format!("the challenge's faults cannot be played: {why}"))),
    };
    let script = setup.oracle.script(&setup.stage, setup.seed);
    let (events_in, events) = mpsc::channel(8192);
    let mut case = Case::new(setup, script, schedule, events);
    case.lost = unplayable;
    // Told as an event like all others: one more thing to wait for would be looked at with every message.
    let stopping = tokio::spawn(tell_stop(case.setup.stop.clone(), events_in.clone()));
    let ended = match case.open(events_in).await {
        Ok(()) => case.play().await,
        Err(why) => Ended::Broken(why),
    };
    stopping.abort();
    case.finish(ended).await
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Its program is being started.
    Starting,
    /// Its answers to `init` and the opening requests are awaited: so many.
    Opening(usize),
    /// It works.
    Up,
    /// It was killed and is to be started again.
    Down,
    /// It ended without being asked.
    Crashed,
}

struct Node {
    process: Process,
    phase: Phase,
    /// Since when it cannot be expected to answer.
    down_since: Option<Offset>,
    /// Started again as soon as its old program is gone.
    restart: bool,
    /// Whether its program has answered `init`.
    ready: bool,
    /// What other nodes sent it before that.
    waiting: Vec<Arc<[u8]>>,
    /// To be killed as soon as it has acknowledged something, or at this time at the latest.
    doomed: Option<Offset>,
    /// The process has ended and a new one can be started.
    ended: bool,
    next_read: Offset,
    open_read: Option<usize>,
    usage: Option<NodeUsage>,
}

impl Node {
    fn new(process: Process) -> Self {
        Self {
            process,
            phase: Phase::Starting,
            down_since: None,
            restart: false,
            ready: false,
            waiting: Vec::new(),
            doomed: None,
            ended: false,
            next_read: Offset::ZERO,
            open_read: None,
            usage: None,
        }
    }
}

/// Where the case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    GettingReady,
    Working,
    Settling(Offset),
}

struct Case {
    setup: CaseSetup,
    script: Script,
    schedule: FaultSchedule,
    events: mpsc::Receiver<NodeEvent>,
    began: Instant,
    act: Act,
    nodes: Vec<Node>,
    clients: Clients,
    links: Links,
    incidents: Incidents,
    settling: Settling,
    summary: CaseSummary,
    /// The work of the script, each request with its time and its node.
    work: Vec<(Duration, u32, Prepared)>,
    next_work: usize,
    /// What is asked to read everything.
    read: Option<Prepared>,
    next_fault: usize,
    open_faults: Vec<FaultWindow>,
    /// Bytes of output that were taken.
    heard: u64,
    lost: Option<String>,
    interrupted: bool,
}

impl Case {
    fn new(setup: CaseSetup, mut script: Script, schedule: FaultSchedule, events: mpsc::Receiver<NodeEvent>) -> Self {
        let (nodes, seed) = (setup.stage.nodes, setup.seed);
        let work = std::mem::take(&mut script.work).into_iter();
        let work = work.map(|(at, Request { node, body })| (at, node, Prepared::new(&body))).collect();
        let summary = CaseSummary { stage: setup.stage.id.clone(), seed, ..CaseSummary::default() };
        Self {
            links: Links::new(&setup.stage.network(), nodes, seed),
            settling: Settling::new(setup.oracle.vocabulary(), nodes),
            setup,
            read: script.read.as_ref().map(Prepared::new),
            script,
            schedule,
            events,
            began: Instant::now(),
            act: Act::GettingReady,
            nodes: Vec::new(),
            clients: Clients::default(),
            incidents: Incidents::default(),
            summary,
            work,
            next_work: 0,
            next_fault: 0,
            open_faults: Vec::new(),
            heard: 0,
            lost: None,
            interrupted: false,
        }
    }

    /// Opens all cells and starts the programs.
    async fn open(&mut self, events: mpsc::Sender<NodeEvent>) -> Result<(), String> {
        let nodes: Vec<u32> = (0..self.setup.stage.nodes).collect();
        for some in nodes.chunks(OPENED_TOGETHER) {
            let openings: Vec<_> = some.iter().map(|node| self.open_node(*node, events.clone())).collect();
            // All are waited for, so that none is left half open.
            let mut opened = Vec::new();
            for opening in openings {
                opened.push(opening.await.map_err(|error| error.to_string())?);
            }
            for process in opened {
                self.nodes.push(Node::new(process.map_err(|error| error.to_string())?));
            }
            if *self.setup.stop.borrow() {
                break;
            }
        }
        self.began = Instant::now();
        (0..self.nodes.len() as u32).try_for_each(|node| self.start(node))
    }

    fn open_node(
        &self,
        node: u32,
        events: mpsc::Sender<NodeEvent>,
    ) -> tokio::task::JoinHandle<Result<Process, OpenError>> {
        let log = self.setup.logs.as_ref().map(|folder| folder.join(format!("n{node}.log")));
        let (backend, spec) = (self.setup.backend.clone(), self.spec(node));
        let most_log = self.setup.limits.output.0;
        tokio::spawn(async move { Process::open(&*backend, spec, node, log, most_log, events).await })
    }

    fn spec(&self, node: u32) -> CellSpec {
        let limits = &self.setup.limits;
        let cpus = self.setup.stage.cores.map(|cores| cpus::some(cores, node)).unwrap_or_default();
        CellSpec {
            label: format!("n{node}"),
            root: self.setup.program.root,
            mounts: self.setup.program.mounts.clone(),
            work: Work::Memory { bytes: limits.disk.0, inodes: 16 << 10 },
            tmp_bytes: TMP,
            limits: process::limits(limits, cpus),
            egress: false,
            port: None,
        }
    }

    fn start(&mut self, node: u32) -> Result<(), String> {
        let command = self.setup.program.command.clone();
        let slot = &mut self.nodes[node as usize];
        (slot.phase, slot.ready, slot.ended, slot.restart) = (Phase::Starting, false, false, false);
        slot.waiting.clear();
        slot.process.start(command).map_err(|error| format!("the pipes of n{node}: {error}"))?;
        if self.script.burst && self.act == Act::GettingReady {
            slot.process.hold();
        }
        Ok(())
    }

    fn now(&self) -> Offset {
        self.began.elapsed().into()
    }

    async fn play(&mut self) -> Ended {
        let mut timer = pin!(tokio::time::sleep_until(self.began.into()));
        loop {
            let now = self.now();
            self.tick(now);
            if self.interrupted {
                return Ended::Interrupted;
            }
            if let Some(ended) = self.over(now) {
                return ended;
            }
            // A timer that is early wakes us for nothing; setting it for each message would cost more.
            let wake = (self.began + self.next_wake(now).since(Offset::ZERO)).into();
            if wake < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(wake);
            }
            tokio::select! {
                biased;
                event = self.events.recv() => if let Some(event) = event { self.on_event(event) },
                () = &mut timer => {}
            }
            // Whatever else has come meanwhile is taken before the clock is looked at again.
            for _ in 0..256 {
                let Ok(event) = self.events.try_recv() else { break };
                self.on_event(event);
            }
        }
    }

    /// Whether the case is over, and how.
    fn over(&mut self, now: Offset) -> Option<Ended> {
        if let Some(why) = self.lost.take() {
            return Some(Ended::Broken(why));
        }
        let crashed = self.nodes.iter().filter(|node| node.phase == Phase::Crashed).count();
        if self.act == Act::GettingReady && (crashed > 0 || self.has_slow_start()) {
            return Some(Ended::NeverReady);
        }
        if crashed == self.nodes.len() {
            return Some(Ended::AllCrashed);
        }
        let Act::Settling(since) = self.act else { return None };
        let settled = self.settling.is_settled() && !self.clients.is_working();
        let patience = self.setup.stage.settle.0;
        (settled || now.since(since) >= patience).then_some(Ended::Completed)
    }

    fn has_slow_start(&self) -> bool {
        self.incidents.all.iter().any(|incident| incident.kind == IncidentKind::SlowStart)
    }

    fn next_wake(&mut self, now: Offset) -> Offset {
        let work = self.next_request().map(|(at, ..)| self.summary.work_began + *at);
        let fault = self.schedule.actions.get(self.next_fault);
        let fault = fault.map(|action| self.summary.work_began + action.at.since(Offset::ZERO));
        let working = self.act == Act::Working;
        let end = working.then(|| self.summary.work_began + self.setup.stage.duration());
        let read = self.nodes.iter().filter(|_| self.reads().is_some()).map(|node| node.next_read).min();
        let doomed = self.nodes.iter().filter_map(|node| node.doomed).min();
        let settle = match self.act {
            Act::Settling(since) => Some(since + self.setup.stage.settle.0),
            _ => None,
        };
        // The end of the work has passed when requests or faults are still due; it then wakes nobody.
        let end = end.filter(|end| *end > now);
        let read = read.map(|at| at.max(now + Duration::from_millis(1)));
        let due = [
            doomed,
            work.filter(|_| working),
            fault.filter(|_| working),
            end,
            read,
            settle,
            self.clients.next_deadline(),
            self.links.next_deadline(),
        ];
        due.into_iter().flatten().min().unwrap_or(now + Duration::from_secs(1))
    }

    /// Does everything whose time has come.
    fn tick(&mut self, now: Offset) {
        self.expire(now);
        if self.act == Act::GettingReady && self.is_ready() {
            self.begin_work(now);
        }
        if self.act == Act::Working {
            self.play_faults(now);
            for node in 0..self.nodes.len() {
                if self.nodes[node].doomed.is_some_and(|latest| latest <= now) {
                    self.kill_doomed(now, node as u32);
                }
            }
            self.invoke_due(now);
            let over = now >= self.summary.work_began + self.setup.stage.duration();
            if over && self.next_work == self.work.len() && self.next_fault == self.schedule.actions.len() {
                self.summary.work_ended = now;
                self.act = Act::Settling(now);
            }
        }
        self.read_due(now);
        self.deliver(now);
    }

    fn is_ready(&self) -> bool {
        let ready = |node: &Node| match node.phase {
            Phase::Up => true,
            Phase::Opening(_) => self.script.burst,
            _ => false,
        };
        self.nodes.iter().all(ready)
    }

    fn begin_work(&mut self, now: Offset) {
        self.act = Act::Working;
        self.summary.work_began = now;
        // Reads are spread over their period, so that they do not come in bursts.
        let (period, count) = (self.read_period(), self.nodes.len() as u32);
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.next_read = now + period * index as u32 / count;
        }
        if self.script.burst {
            self.invoke_due(now);
            for node in 0..count {
                self.pass_on(now, node, Process::release);
            }
        }
    }

    fn read_period(&self) -> Duration {
        self.setup.stage.probe.map_or(READ_PERIOD, |period| period.0)
    }

    /// The next request of the work, once nothing but its time has to be waited for.
    fn next_request(&self) -> Option<&(Duration, u32, Prepared)> {
        let waits = self.script.in_turn && self.clients.is_working();
        self.work.get(self.next_work).filter(|_| !waits)
    }

    fn invoke_due(&mut self, now: Offset) {
        while let Some((at, ..)) = self.next_request()
            && self.summary.work_began + *at <= now
        {
            let (at, node, body) = &self.work[self.next_work];
            if !self.script.in_turn {
                let due = self.summary.work_began + *at;
                self.summary.lag = self.summary.lag.max(now.since(due).into());
            }
            let (node, timeout) = (*node, self.setup.stage.timeout.0);
            let (line, _) = self.clients.invoke(now, Role::Work, node, body, timeout);
            self.next_work += 1;
            self.hand_over(now, Role::Work, node, &line);
        }
    }

    fn invoke(&mut self, now: Offset, role: Role, node: u32, body: &Prepared, timeout: Duration) -> usize {
        let (line, index) = self.clients.invoke(now, role, node, body, timeout);
        self.hand_over(now, role, node, &line);
        index
    }

    /// A client finds nobody at a node that is being started, unless the stage is about just that.
    fn hand_over(&mut self, now: Offset, role: Role, node: u32, line: &[u8]) {
        let open = match self.nodes[node as usize].phase {
            Phase::Up => true,
            Phase::Opening(_) => role == Role::Opening || self.script.burst,
            Phase::Starting | Phase::Down | Phase::Crashed => false,
        };
        if open {
            self.write(now, node, line);
        }
    }

    fn write(&mut self, now: Offset, node: u32, line: &[u8]) {
        self.pass_on(now, node, |process| process.write(line));
    }

    fn pass_on(&mut self, now: Offset, node: u32, write: impl FnOnce(&mut Process) -> bool) {
        if !write(&mut self.nodes[node as usize].process) {
            let detail = "it has left 64 MiB unread on its stdin; further messages are dropped".to_owned();
            self.incident(now, node, IncidentKind::Deaf, detail, b"");
        }
    }

    /// The body of the reads that are due in this act, and what they are for.
    fn reads(&self) -> Option<(Role, &Prepared)> {
        let body = self.read.as_ref()?;
        match self.act {
            Act::Working if self.setup.stage.probe.is_some() => Some((Role::Probe, body)),
            Act::Settling(_) => Some((Role::Closing, body)),
            _ => None,
        }
    }

    fn read_due(&mut self, now: Offset) {
        let Some((role, body)) = self.reads().map(|(role, body)| (role, body.clone())) else { return };
        let (period, timeout) = (self.read_period(), self.setup.stage.timeout.0);
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            if node.next_read > now {
                continue;
            }
            node.next_read = node.next_read.max(Offset(now.0.saturating_sub(Offset::from(period).0))) + period;
            // One read at a time: a slow node is not made slower by being watched.
            if node.phase == Phase::Up && node.open_read.is_none() {
                let operation = self.invoke(now, role, index as u32, &body, timeout);
                self.nodes[index].open_read = Some(operation);
            }
        }
    }

    fn expire(&mut self, now: Offset) {
        for index in self.clients.expire(now) {
            let op = &self.clients.history.operations[index];
            let (node, opening) = (op.node, op.role == Role::Opening);
            let slot = &mut self.nodes[node as usize];
            if slot.open_read == Some(index) {
                slot.open_read = None;
            }
            if opening && matches!(slot.phase, Phase::Opening(_)) {
                let (function, request) = (op.function.clone(), op.request.clone());
                let waited = now.since(op.invoked).as_secs_f64();
                let detail = format!("`{function}` was not answered within {waited:.1} s");
                let tail = slot.process.log_tail();
                let line = if tail.is_empty() { request.to_string() } else { tail };
                self.incident(now, node, IncidentKind::SlowStart, detail, line.as_bytes());
            }
        }
    }

    fn deliver(&mut self, now: Offset) {
        for (node, line) in self.links.due(now) {
            let slot = &mut self.nodes[node as usize];
            match slot.phase {
                Phase::Down | Phase::Crashed => {}
                _ if slot.ready => self.write(now, node, &line),
                _ => slot.waiting.push(line),
            }
        }
    }

    /// Takes the cells down and puts the record together.
    async fn finish(mut self, ended: Ended) -> CaseRecord {
        let (now, stopped) = (self.now(), Instant::now());
        for node in &self.nodes {
            node.process.ask(Control::Close);
        }
        let closing = async {
            while self.nodes.iter().any(|node| node.usage.is_none()) {
                match self.events.recv().await {
                    Some(NodeEvent::Closed(node, usage)) => {
                        let usage = NodeUsage { cpu_seconds: usage.cpu.as_secs_f64(), peak_memory: usage.peak_memory };
                        self.nodes[node as usize].usage = Some(usage);
                    }
                    // Stopped by us: only one that has had time enough is known not to have forgotten its line end.
                    Some(NodeEvent::Unended(output)) if stopped.duration_since(output.at) > LINE_END_TIMEOUT => {
                        self.on_unended(&output);
                    }
                    Some(NodeEvent::Lost(node, _)) => self.nodes[node as usize].usage = Some(NodeUsage::default()),
                    Some(_) => {}
                    None => break,
                }
            }
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
        let usage: Vec<_> = self.nodes.iter().map(|node| node.usage).collect();
        self.incidents.explain_slowness(&usage, now.since(Offset::ZERO));
        let open = std::mem::take(&mut self.open_faults);
        self.summary.faults.extend(open.into_iter().map(|fault| FaultWindow { to: now, ..fault }));
        self.summary.faults.sort_by_key(|fault| fault.from);
        for (index, node) in self.nodes.iter().enumerate() {
            let down = node.down_since.map(|from| Down { node: index as u32, from, to: now });
            self.summary.down.extend(down);
        }
        if self.summary.work_ended == Offset::ZERO {
            self.summary.work_ended = now;
        }
        self.summary.ended = ended;
        self.summary.ended_at = now;
        self.summary.incidents = self.incidents.all;
        self.summary.usage = self.nodes.iter().map(|node| node.usage.unwrap_or_default()).collect();
        self.summary.log_tails = self.nodes.iter().map(|node| node.process.log_tail()).collect();
        CaseRecord { summary: self.summary, history: self.clients.history, journal: self.links.journal }
    }
}

/// Tells the case when the user wants to stop.
async fn tell_stop(mut stop: watch::Receiver<bool>, events: mpsc::Sender<NodeEvent>) {
    if stop.wait_for(|stop| *stop).await.is_ok() {
        let _the_case_is_over = events.send(NodeEvent::Stop).await;
    }
}
