//! One graded run: the plan is made, its cases are executed and judged, and the record is kept.

use crate::{
    backend::{Backend, LayerStatus, Program},
    error::{CommandError, Kind},
    execute::{Execution, Room, Sink, execute},
    record::{self, BUILD_LOG, Record, RecordWriter, SCORECARD, Store},
    submission::{Prepared, Request},
};
use challenges::Challenge;
use harness::{
    judge::{self, RunFacts},
    manifest::{Manifest, Stage, nearest},
    plan::{Plan, PlannedCase, RECORD_VERSION},
    report::{self, Environment, Report},
    text,
};
use std::{path::PathBuf, sync::Arc};
use tokio::sync::watch;

/// The file of the record that says where the submission came from.
const REQUEST: &str = "submission.json";
/// Longest build log that is kept.
const MOST_LOG: usize = 1 << 20;

/// What is graded against what.
pub struct Grading<'a> {
    /// The challenge.
    pub challenge: &'static Challenge,
    /// Its manifest.
    pub manifest: Manifest,
    /// The cases to run.
    pub cases: Vec<PlannedCase>,
    /// The run's seed.
    pub seed: u64,
    /// Where nodes run.
    pub backend: Arc<dyn Backend>,
    /// The submission.
    pub prepared: Prepared,
    /// The challenge's reference, where a stage is measured beside it.
    pub reference: Option<Program>,
    /// Builds of the submission that watch themselves, where a stage needs them.
    pub sanitized: Vec<Program>,
    /// Where it came from.
    pub request: &'a Request,
    /// The command line that runs it again.
    pub command: String,
    /// Where records are kept.
    pub store: Store,
    /// The machine's room for cases.
    pub room: Room,
}

impl Grading<'_> {
    /// Runs it; the report, and the record's folder.
    pub async fn run(
        self,
        stop: watch::Receiver<bool>,
        sink: &mut (dyn Sink + Send),
    ) -> Result<(Report, PathBuf), CommandError> {
        if self.cases.is_empty() {
            return Err(CommandError::new(Kind::NothingSelected, "no case was selected"));
        }
        let environment = environment(&self.manifest, &*self.backend);
        let id = self.store.fresh_id(random());
        let folder = self.store.folder.join(&id);
        let plan = Arc::new(Plan {
            version: RECORD_VERSION,
            run: id,
            takehome: env!("CARGO_PKG_VERSION").into(),
            started: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            command: self.command,
            seed: self.seed,
            challenge: self.challenge.name.into(),
            manifest: self.manifest,
            submission: self.prepared.submission,
            environment,
            cases: self.cases,
            reference: self.challenge.figures(),
        });
        let unwritable = |error| CommandError::io(format!("the record in {}", folder.display()), &error);
        let record = RecordWriter::create(folder.clone(), &plan).map_err(unwritable)?;
        let request = Request { location: self.prepared.location, ..self.request.clone() };
        let request = record::pretty(&request).map_err(unwritable)?;
        record.file(REQUEST, &request).map_err(unwritable)?;
        record.file(BUILD_LOG, &build_log(&self.prepared.build_log)).map_err(unwritable)?;
        let execution = Execution {
            plan: plan.clone(),
            oracle: self.challenge.oracle,
            backend: self.backend,
            program: self.prepared.program,
            reference: self.reference,
            sanitized: self.sanitized,
            record,
            room: self.room,
            stop,
        };
        let judged = execute(execution, sink).await.map_err(unwritable)?;
        let seconds = record::run_seconds(&folder).unwrap_or_default();
        let report = judge::report(&plan, &judged, RunFacts { directory: folder.display().to_string(), seconds });
        let json = reports::find("json").map(|format| format.render(&report)).unwrap_or_default();
        record::write_file(&folder.join(SCORECARD), &json).map_err(unwritable)?;
        Ok((report, folder))
    }
}

/// The report of a record.
pub fn report_of(record: &Record) -> Result<Report, CommandError> {
    let name = &record.plan.challenge;
    let challenge = challenges::find(name).ok_or_else(|| {
        CommandError::new(
            Kind::Usage,
            format!("the record is of a challenge that this takehome does not have: `{name}`"),
        )
        .at(record.facts.directory.clone())
        .hint("`takehome list` shows those it has; render it with the takehome that wrote it")
    })?;
    Ok(judge::judge(&record.plan, &record.cases, challenge.oracle, record.facts.clone()))
}

/// The request that a record was made with.
pub fn request_of(folder: &std::path::Path) -> Result<Request, CommandError> {
    let path = folder.join(REQUEST);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        CommandError::new(Kind::Usage, format!("{}: {error}", path.display())).hint("is this the folder of a run?")
    })?;
    serde_json::from_str(&text)
        .map_err(|error| CommandError::new(Kind::Usage, format!("{} is damaged: {error}", path.display())))
}

/// The stages that were named, or all; an error for a name that there is not.
pub fn select<'a>(manifest: &Manifest, names: &'a [String]) -> Result<impl Fn(&Stage) -> bool + use<'a>, CommandError> {
    for name in names {
        if manifest.stage(name).is_none() {
            let error = CommandError::new(Kind::NothingSelected, format!("there is no stage called `{name}`"));
            let known: Vec<&str> = manifest.stages.iter().map(|stage| &*stage.id).collect();
            let guess = nearest(name, known.iter().copied());
            return Err(error.hint(guess.unwrap_or_else(|| format!("there are: {}", known.join(", ")))));
        }
    }
    Ok(move |stage: &Stage| names.is_empty() || names.contains(&stage.id))
}

/// A random number for ids and seeds; nothing secret.
pub fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

fn build_log(path: &std::path::Path) -> Vec<u8> {
    let mut log = std::fs::read(path).unwrap_or_default();
    log.truncate(MOST_LOG);
    text::log(&log).into_bytes()
}

fn environment(manifest: &Manifest, backend: &dyn Backend) -> Environment {
    let capabilities = backend.capabilities();
    let layer = |layer: &crate::backend::Layer| report::Layer {
        name: layer.name.into(),
        status: match layer.status {
            LayerStatus::Enforced => report::LayerStatus::Enforced,
            LayerStatus::Approximate => report::LayerStatus::Approximate,
            LayerStatus::Missing => report::LayerStatus::Missing,
        },
        detail: layer.detail.clone(),
    };
    let limits = &manifest.limits;
    Environment {
        system: system(),
        processors: std::thread::available_parallelism().map_or(1, |count| count.get() as u32),
        memory: memory(),
        sandbox: capabilities.backend.into(),
        layers: capabilities.layers.iter().map(layer).chain([build_disk()]).collect(),
        limits: vec![
            ("memory of a node".into(), limits.memory.to_string()),
            ("processes and threads of a node".into(), limits.processes.to_string()),
            ("data directory of a node".into(), limits.disk.to_string()),
            ("open files of a process".into(), limits.open_files.to_string()),
            ("CPU time of a node".into(), limits.cpu.to_string()),
            ("output of all nodes in a case".into(), limits.output.to_string()),
        ],
    }
}

/// How a build's folders are kept small, which is not the kernel's doing in any sandbox.
fn build_disk() -> report::Layer {
    report::Layer {
        name: "build size limit".into(),
        status: report::LayerStatus::Approximate,
        detail: "folders of the host, whose size and files are counted several times a second".into(),
    }
}

fn system() -> String {
    match nix::sys::utsname::uname() {
        Ok(name) => {
            let words =
                [name.sysname(), name.release(), name.machine()].map(|word| word.to_string_lossy().into_owned());
            words.join(" ")
        }
        Err(_) => std::env::consts::OS.into(),
    }
}

fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
