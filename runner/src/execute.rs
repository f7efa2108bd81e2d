//! Runs the cases of a plan, side by side where they mostly wait and alone where they are timed, and tells what happens.

use crate::{
    backend::{Backend, Program},
    node::{self, CaseSetup, Notice},
    record::{RecordWriter, case_folder, write_case},
    server,
};
use harness::{
    case::{CaseRecord, Ended},
    event::{Event, EventKind},
    judge::{self, JudgedCase},
    manifest::{Protocol, Stage},
    oracle::Oracle,
    plan::{Plan, PlannedCase},
};
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

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
    /// The challenge's reference, where a stage is measured beside it.
    pub reference: Option<Program>,
    /// Builds of the submission that watch themselves; cases of stages that need one take them in turn.
    pub sanitized: Vec<Program>,
    /// The record.
    pub record: RecordWriter,
    /// The machine's room for cases.
    pub room: Room,
    /// Turns true when the user wants to stop.
    pub stop: watch::Receiver<bool>,
}

/// Something that follows the events of a run as they happen.
pub trait Sink {
    /// Takes an event.
    fn event(&mut self, event: &Event);
}

/// How many nodes may run at once beside each other in cases that mostly wait, for each processor.
const NODES_PER_PROCESSOR: usize = 16;
/// How often a case whose times are graded is run while the machine is too busy for them.
const MOST_ATTEMPTS: u32 = 3;
/// The least that a case counts for, however few nodes it has.
const LEAST_WEIGHT: u32 = 4;
/// How many clients of a server count as much as a node.
const CLIENTS_PER_PLACE: u32 = 64;

/// The machine's room for cases, shared by all runs of a takehome: cases that mostly wait run side by side, one that is
/// timed has the machine to itself.
#[derive(Debug, Clone)]
pub struct Room {
    places: Arc<Semaphore>,
    all: u32,
}

impl Default for Room {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let all = processors * NODES_PER_PROCESSOR;
        Self { places: Arc::new(Semaphore::new(all)), all: all as u32 }
    }
}

impl Room {
    /// Waits for a case's place. Whoever needs the whole room waits until it is empty.
    async fn place(&self, stage: &Stage) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_many_owned(weight(stage, self.all)).await.ok()
    }
}

/// How much of the room a case needs: by its nodes or its clients; all of it where it is timed, and where the submission
/// watches itself, which takes several times the work.
fn weight(stage: &Stage, all: u32) -> u32 {
    match stage.is_timed() || stage.sanitized {
        true => all,
        false => stage.nodes.max(stage.clients / CLIENTS_PER_PLACE).clamp(LEAST_WEIGHT, all),
    }
}

/// Runs every case of the plan and judges each as it ends.
pub async fn execute(execution: Execution, sink: &mut (dyn Sink + Send)) -> io::Result<Vec<JudgedCase>> {
    let Execution { plan, oracle, backend, program, reference, sanitized, record, room, stop } = execution;
    let (events_in, mut events) = mpsc::unbounded_channel();
    let folder = record.folder().to_owned();
    let mut dispatcher = Dispatcher { record, sink, began: Instant::now(), seq: 0 };
    dispatcher.dispatch(EventKind::RunStarted { cases: plan.cases.len() })?;
    let mut queue = in_order(&plan);
    let context = Context { plan, oracle, backend, program, reference, sanitized, folder, stop, events: events_in };
    let mut running = tokio::task::JoinSet::new();
    let mut judged = Vec::new();
    let mut stopping = false;
    while !(queue.is_empty() && running.is_empty()) {
        if *context.stop.borrow() && !stopping {
            stopping = true;
            queue.clear();
            dispatcher.dispatch(EventKind::Interrupted)?;
            continue;
        }
        let mut stop = context.stop.clone();
        let next = queue.front().and_then(|case| context.plan.manifest.stage(&case.stage));
        tokio::select! {
            biased;
            Some(kind) = events.recv() => dispatcher.dispatch(kind)?,
            Some(done) = running.join_next() => {
                while let Ok(kind) = events.try_recv() {
                    dispatcher.dispatch(kind)?;
                }
                let (case, result): (PlannedCase, io::Result<Option<JudgedCase>>) = done.map_err(io::Error::other)?;
                if let Some(result) = result? {
                    dispatcher.dispatch(EventKind::CaseFinished { case, result: result.report.clone() })?;
                    judged.push(result);
                }
            }
            Some(place) = enter(&room, next) => {
                let context = context.clone();
                running.extend(queue.pop_front().map(|case| run_case(context, case, place)));
            }
            Ok(()) = stop.changed(), if !stopping => {}
        }
    }
    dispatcher.dispatch(EventKind::RunFinished)?;
    Ok(judged)
}

async fn enter(room: &Room, stage: Option<&Stage>) -> Option<OwnedSemaphorePermit> {
    room.place(stage?).await
}

/// Cases that mostly wait come first, side by side; timed ones follow, each alone.
fn in_order(plan: &Plan) -> VecDeque<PlannedCase> {
    let timed = |case: &PlannedCase| plan.manifest.stage(&case.stage).is_some_and(Stage::is_timed);
    let mut cases = plan.cases.clone();
    cases.sort_by_key(timed);
    cases.into()
}

/// What every case of a run needs.
#[derive(Clone)]
struct Context {
    plan: Arc<Plan>,
    oracle: &'static dyn Oracle,
    backend: Arc<dyn Backend>,
    program: Program,
    reference: Option<Program>,
    sanitized: Vec<Program>,
    folder: PathBuf,
    stop: watch::Receiver<bool>,
    events: mpsc::UnboundedSender<EventKind>,
}

/// Runs, records and judges one case; its place is free when it has been judged.
async fn run_case(
    context: Context,
    case: PlannedCase,
    _place: OwnedSemaphorePermit,
) -> (PlannedCase, io::Result<Option<JudgedCase>>) {
    let Some(stage) = context.plan.manifest.stage(&case.stage).cloned() else { return (case, Ok(None)) };
    let folder = case_folder(&context.folder, &case);
    let _ = context.events.send(EventKind::CaseStarted(case.clone()));
    let mut attempts = 1;
    let record = loop {
        let record = match attempt(&context, &case, &stage, &folder).await {
            Ok(record) => record,
            Err(error) => return (case, Err(error)),
        };
        let why = judge::disturbance(&record, &stage).filter(|_| stage.is_timed());
        let Some(why) = why.filter(|_| attempts < MOST_ATTEMPTS && !*context.stop.borrow()) else { break record };
        attempts += 1;
        let _ = context.events.send(EventKind::CaseRepeated { case: case.clone(), why });
        if let Err(error) = std::fs::remove_dir_all(&folder) {
            return (case, Err(error));
        }
    };
    let (plan, oracle) = (context.plan, context.oracle);
    let keep = move || write_case(&folder, &record).map(|()| judge::case(&plan, &record, oracle));
    let kept = tokio::task::spawn_blocking(keep).await.map_err(io::Error::other);
    (case, kept.and_then(|kept| kept))
}

/// Runs a case once.
async fn attempt(context: &Context, case: &PlannedCase, stage: &Stage, folder: &Path) -> io::Result<CaseRecord> {
    std::fs::create_dir_all(folder)?;
    let (notices, forward) = mpsc::unbounded_channel();
    let forwarding = tokio::spawn(forward_notices(case.clone(), forward, context.events.clone()));
    let setup = CaseSetup {
        limits: context.plan.manifest.limits.clone(),
        seed: case.seed,
        oracle: context.oracle,
        backend: context.backend.clone(),
        program: program_of(context, case, stage),
        reference: context.reference.clone(),
        logs: Some(folder.to_owned()),
        stop: context.stop.clone(),
        notices,
        stage: stage.clone(),
    };
    let record = on_own_thread(setup, context.plan.manifest.protocol, case).await;
    let _ = forwarding.await;
    Ok(record)
}

/// The build that a case is run with.
fn program_of(context: &Context, case: &PlannedCase, stage: &Stage) -> Program {
    let turn = case.seed.wrapping_sub(context.plan.seed) as usize % context.sanitized.len().max(1);
    let program = context.sanitized.get(turn).filter(|_| stage.sanitized);
    program.unwrap_or(&context.program).clone()
}

/// Each case has a thread and a scheduler of its own, so that no other case's work delays its messages.
async fn on_own_thread(setup: CaseSetup, protocol: Option<Protocol>, case: &PlannedCase) -> CaseRecord {
    let (done, result) = tokio::sync::oneshot::channel();
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let record = match runtime {
            // Only a server has a protocol.
            Ok(runtime) => match protocol {
                Some(protocol) => runtime.block_on(server::run(setup, protocol)),
                None => runtime.block_on(node::run(setup)),
            },
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
    sink: &'a mut (dyn Sink + Send),
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

#[cfg(test)]
mod tests {
    use super::*;
    use harness::manifest::Manifest;

    /// A stage that asks for so many nodes, and is timed or not.
    fn stage(nodes: u32, timed: bool) -> Stage {
        let grade = if timed { "grade = [{ metric = \"latency-p50\", full = 1, zero = 2 }]" } else { "" };
        let text = format!(
            "title = \"T\"\nkind = \"node\"\nminutes = 1\n[[stage]]\nid = \"s\"\ntitle = \"S\"\npoints = 1\n\
             nodes = {nodes}\nrate = 1\nduration = \"1s\"\nrequire = [\"stays-up\"]\n{grade}\n"
        );
        Manifest::parse(&text).unwrap().stages.remove(0)
    }

    /// The place, where it is free at once.
    async fn now(room: &Room, stage: &Stage) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            place = room.place(stage) => place,
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn cases_that_wait_run_side_by_side_and_timed_ones_alone() {
        let room = Room::default();
        let (light, timed) = (stage(1, false), stage(1, true));
        let places = [now(&room, &light).await, now(&room, &light).await];
        assert!(places.iter().all(Option::is_some), "two small cases fit beside each other");
        assert!(now(&room, &timed).await.is_none(), "a timed case waits until it is alone");
        drop(places);
        let alone = now(&room, &timed).await;
        assert!(alone.is_some() && now(&room, &light).await.is_none(), "nothing runs beside a timed case");
        drop(alone);
        let crowd = stage(10_000, false);
        let all = now(&room, &crowd).await;
        assert!(all.is_some(), "a case with more nodes than there is room for runs too");
        assert!(now(&room, &light).await.is_none(), "and alone");
    }

    #[test]
    fn crowds_of_clients_and_builds_that_watch_themselves_take_more_of_the_room() {
        let clients = |clients| weight(&Stage { clients, ..stage(1, false) }, 32);
        assert_eq!([clients(0), clients(64), clients(1_000), clients(5_000)], [4, 4, 15, 32]);
        assert_eq!(weight(&Stage { sanitized: true, ..stage(1, false) }, 32), 32);
        assert_eq!(weight(&stage(10, false), 32), 10);
    }

    #[tokio::test]
    async fn a_timed_case_is_not_overtaken_for_ever() {
        let room = Room::default();
        let (light, timed) = (stage(1, false), stage(1, true));
        let first = now(&room, &light).await;
        let waiting = room.place(&timed);
        tokio::pin!(waiting);
        assert!(tokio::select! { biased; _ = &mut waiting => false, () = std::future::ready(()) => true });
        assert!(now(&room, &light).await.is_none(), "whoever comes later waits behind it");
        drop(first);
        assert!(waiting.await.is_some());
    }
}
