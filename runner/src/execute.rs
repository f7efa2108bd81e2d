//! Runs the cases of a plan, side by side where they mostly wait and alone where they are timed, and tells what happens.

use crate::{
    backend::{Backend, Command, Mount, Root},
    node::{self, CaseSetup, Notice},
    record::{RecordWriter, case_folder, write_case},
};
use harness::{
    case::{CaseRecord, Ended},
    event::{Event, EventKind},
    judge::{self, JudgedCase},
    oracle::Oracle,
    plan::{Plan, PlannedCase},
};
use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, mpsc, watch};

/// The program that every node runs.
#[derive(Debug, Clone)]
pub struct Program {
    /// What to start.
    pub command: Command,
    /// How much of the host it sees.
    pub root: Root,
    /// Its files.
    pub mounts: Vec<Mount>,
}

/// What the execution of a plan needs.
pub struct Execution {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The challenge's oracle.
    pub oracle: &'static dyn Oracle,
    /// Where nodes run.
    pub backend: Arc<dyn Backend>,
    /// What they run.
    pub program: Program,
    /// The record.
    pub record: RecordWriter,
    /// Turns true when the user wants to stop.
    pub stop: watch::Receiver<bool>,
}

/// Something that follows the events of a run as they happen.
pub trait Sink {
    /// Takes an event.
    fn event(&mut self, event: &Event);
}

/// How many nodes may run at once beside each other in cases that mostly wait, for each processor.
const NODES_PER_PROCESSOR: usize = 12;

/// Runs every case of the plan and judges each as it ends.
pub async fn execute(execution: Execution, sink: &mut dyn Sink) -> io::Result<Vec<JudgedCase>> {
    let Execution { plan, oracle, backend, program, record, stop } = execution;
    let (sender, mut events) = mpsc::unbounded_channel();
    let mut dispatcher = Dispatcher { record, sink, began: Instant::now(), seq: 0 };
    dispatcher.dispatch(EventKind::RunStarted { cases: plan.cases.len() })?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let room = Arc::new(Semaphore::new(processors * NODES_PER_PROCESSOR));
    let all = (processors * NODES_PER_PROCESSOR) as u32;
    let folder = dispatcher.record.folder().to_owned();
    let mut running = tokio::task::JoinSet::new();
    for case in in_order(&plan) {
        let Some(stage) = plan.manifest.stage(&case.stage).cloned() else { continue };
        let timed = stage.is_timed() || stage.nodes >= all;
        let weight = if timed { all } else { stage.nodes.max(4) };
        let (room, sender, plan, stop) = (room.clone(), sender.clone(), plan.clone(), stop.clone());
        let (backend, program, folder) = (backend.clone(), program.clone(), case_folder(&folder, &case));
        running.spawn(async move {
            let _place = room.acquire_many_owned(weight).await;
            if *stop.borrow() {
                return None;
            }
            let _ = sender.send(EventKind::CaseStarted(case.clone()));
            let (notices, forward) = mpsc::unbounded_channel();
            let forwarding = tokio::spawn(forward_notices(case.clone(), forward, sender.clone()));
            std::fs::create_dir_all(&folder).ok();
            let setup = CaseSetup {
                limits: plan.manifest.limits.clone(),
                seed: case.seed,
                oracle,
                backend,
                command: program.command,
                root: program.root,
                mounts: program.mounts,
                logs: Some(folder.clone()),
                stop,
                notices,
                stage,
            };
            let record = on_own_thread(setup, &case).await;
            let _ = forwarding.await;
            let (written, judged) = tokio::task::spawn_blocking(move || {
                (write_case(&folder, &record), judge::case(&plan, &record, oracle))
            })
            .await
            .map_err(io::Error::other)
            .map_or_else(|error| (Err(error), None), |both| both);
            Some((case, written, judged, sender))
        });
    }
    drop(sender);
    let mut judged = Vec::new();
    let mut interrupted = false;
    loop {
        tokio::select! {
            biased;
            Some(kind) = events.recv() => dispatcher.dispatch(kind)?,
            done = running.join_next() => {
                let Some(done) = done else { break };
                let Some((case, written, result, _sender)) = done.map_err(io::Error::other)? else { continue };
                written?;
                while let Ok(kind) = events.try_recv() {
                    dispatcher.dispatch(kind)?;
                }
                if *stop.borrow() && !interrupted {
                    interrupted = true;
                    dispatcher.dispatch(EventKind::Interrupted)?;
                }
                if let Some(result) = result {
                    dispatcher.dispatch(EventKind::CaseFinished { case, result: result.report.clone() })?;
                    judged.push(result);
                }
            }
        }
    }
    dispatcher.dispatch(EventKind::RunFinished)?;
    Ok(judged)
}

/// Cases that mostly wait come first, side by side; timed ones follow, each alone.
fn in_order(plan: &Plan) -> Vec<PlannedCase> {
    let timed = |case: &PlannedCase| plan.manifest.stage(&case.stage).is_some_and(harness::manifest::Stage::is_timed);
    let mut cases = plan.cases.clone();
    cases.sort_by_key(timed);
    cases
}

/// Each case has a thread and a scheduler of its own, so that no other case's work delays its messages.
async fn on_own_thread(setup: CaseSetup, case: &PlannedCase) -> CaseRecord {
    let (done, result) = tokio::sync::oneshot::channel();
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let record = match runtime {
            Ok(runtime) => runtime.block_on(node::run(setup)),
            Err(error) => broken(&setup.stage.id, setup.seed, format!("no thread for the case: {error}")),
        };
        let _ = done.send(record);
    };
    let spawned = std::thread::Builder::new().name(case.name()).spawn(work);
    match spawned {
        Ok(_) => {
            result.await.unwrap_or_else(|_| broken(&case.stage, case.seed, "a bug in takehome ended the case".into()))
        }
        Err(error) => broken(&case.stage, case.seed, format!("no thread for the case: {error}")),
    }
}

fn broken(stage: &str, seed: u64, why: String) -> CaseRecord {
    let mut record = CaseRecord::default();
    (record.summary.stage, record.summary.seed, record.summary.ended) = (stage.to_owned(), seed, Ended::Broken(why));
    record
}

async fn forward_notices(
    case: PlannedCase,
    mut notices: mpsc::UnboundedReceiver<Notice>,
    events: mpsc::UnboundedSender<EventKind>,
) {
    while let Some(notice) = notices.recv().await {
        let case = case.clone();
        let _ = events.send(match notice {
            Notice::Fault(at, description) => EventKind::Fault { case, at, description },
            Notice::Incident(incident) => EventKind::Incident { case, incident },
        });
    }
}

/// Numbers the events, writes them to the record and shows them; the only one that does.
struct Dispatcher<'a> {
    record: RecordWriter,
    sink: &'a mut dyn Sink,
    began: Instant,
    seq: u64,
}

impl Dispatcher<'_> {
    fn dispatch(&mut self, kind: EventKind) -> io::Result<()> {
        let at: Duration = self.began.elapsed();
        let event = Event { seq: self.seq, at: at.into(), kind };
        self.seq += 1;
        self.record.event(&event)?;
        self.sink.event(&event);
        Ok(())
    }
}
