//! Attacks from within a single cell: a probe is run there, and its neighbour in another.

use nix::pty::openpty;
use runner::backend::{
    self, Backend, Cell, CellEvent, CellSpec, Command, Control, Exit, LayerStatus, Limits, Mount, REGISTRY, Root,
    Stdio, Strength, Work,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{PipeReader, Read},
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// How long anything may take before it counts as hanging; nothing else hangs on it.
const STUCK: Duration = Duration::from_secs(60);
/// Where a cell has the probes.
const PROBE: &str = "/probe";

/// A probe to be run, with every word filled in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The program on this machine.
    pub probe: PathBuf,
    /// The `takehome` that sets cells up.
    pub helper: PathBuf,
    /// Its words.
    pub words: Vec<String>,
    /// The words of the one that is attacked.
    pub neighbour: Vec<String>,
    /// Whether it has a terminal.
    pub terminal: bool,
    /// A folder to be seen, at the same place, and not to be written.
    pub given: Option<PathBuf>,
}

/// The names of the back ends that are good enough for strangers' code, the best first: they must hold.
pub fn strong() -> Vec<&'static str> {
    names(Strength::Strong)
}

/// The names of all that isolate in some way, for the table.
pub fn all() -> Vec<&'static str> {
    names(Strength::Degraded)
}

fn names(least: Strength) -> Vec<&'static str> {
    REGISTRY.iter().filter(|entry| entry.strength >= least).map(|entry| entry.name).collect()
}

type Made = Result<Arc<dyn Backend>, String>;

/// A back end by its name; why it is of no use here.
pub fn open(name: &str, helper: PathBuf) -> Result<Arc<dyn Backend>, String> {
    static OPEN: Mutex<Vec<(String, Made)>> = Mutex::new(Vec::new());
    let mut open = OPEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some((_, made)) = open.iter().find(|(known, _)| known == name) {
        return made.clone();
    }
    // Each is tried once: to try a container takes seconds.
    let entry = backend::find(name).ok_or_else(|| format!("there is no back end `{name}`"))?;
    let made = (entry.make)(helper);
    let made = made.capabilities().usable.map(|()| made);
    open.push((name.to_owned(), made.clone()));
    made
}

/// Whether a layer is enforced, not only approximated. A back end lists what it is weaker in.
pub fn enforces(backend: &dyn Backend, layer: &str) -> bool {
    let layers = backend.capabilities().layers;
    !layers.iter().any(|one| one.name == layer && one.status != LayerStatus::Enforced)
}

/// Runs a probe in a cell; what has come of it, in the words of the manifests.
pub fn run(backend: &dyn Backend, job: &Job) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(async { attack(backend, job).await.unwrap_or_else(|why| why) }),
        Err(error) => format!("no runtime: {error}"),
    }
}

async fn attack(backend: &dyn Backend, job: &Job) -> Result<String, String> {
    let mut victim = None;
    if !job.neighbour.is_empty() {
        let mut session = Session::open(backend, job).await?;
        session.start(&job.neighbour, false)?;
        session.hear("ready").await?;
        victim = Some(session);
    }
    let mut session = Session::open(backend, job).await?;
    session.start(&job.words, job.terminal)?;
    let (exit, output) = session.finish().await?;
    let mut outcome = verdict(exit, &output);
    if let Some(victim) = &mut victim
        && let Some(end) = victim.ended()
    {
        outcome = format!("succeeded: the neighbour {end}");
    } else if job.words[0] == "take-lives" {
        outcome = "refused: the neighbour lives".into();
    }
    if job.words[0] == "daemon" {
        outcome =
            if is_running(&job.words[1]) { "succeeded: it still runs".into() } else { "refused: it is gone".into() };
    }
    // Whatever has happened in it, the cell is still of use to the harness.
    session.start(&["environment".to_owned(), "none".to_owned()], false)?;
    match session.finish().await {
        Ok((_, output)) if output.contains("refused") => Ok(outcome),
        other => Ok(format!("succeeded: the cell is of no use any more: {other:?} after {outcome}")),
    }
}

/// What a probe says of itself, or how it ended before it could.
pub fn verdict(exit: Exit, output: &str) -> String {
    let said = output.lines().rev().find(|line| line.starts_with("succeeded") || line.starts_with("refused"));
    match (said, exit) {
        // Too quick to be stopped, where no cgroup counts, but seen: it ends as one that was killed for it.
        (Some(said), Exit { out_of_memory: true, .. }) if said.starts_with("succeeded") => "caught: memory".into(),
        (Some(said), _) => said.to_owned(),
        (None, Exit { out_of_memory: true, .. }) => "killed: memory".into(),
        (None, Exit { signal: Some(signal), .. }) => format!("killed: {signal}"),
        (None, Exit { code, .. }) => format!("exited: {} {output:?}", code.unwrap_or(-1)),
    }
}

/// Whether a process of this machine has a word on its command line.
pub fn is_running(word: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes()))
}

/// A cell, and the output of the program in it.
struct Session {
    cell: Cell,
    output: Option<PipeReader>,
    /// The other end of the program's terminal, which must stay open.
    terminal: Option<OwnedFd>,
}

impl Session {
    async fn open(backend: &dyn Backend, job: &Job) -> Result<Self, String> {
        let mut mounts = vec![Mount { host: job.probe.clone(), at: PROBE.into(), writable: false }];
        mounts.extend(job.given.iter().map(|path| Mount { host: path.clone(), at: path.clone(), writable: false }));
        let limits = Limits {
            memory: 128 << 20,
            processes: 64,
            open_files: 256,
            file_size: 1 << 30,
            cpu: None,
            cpus: Vec::new(),
        };
        let spec = CellSpec {
            label: "hostile".into(),
            root: Root::System,
            mounts,
            work: Work::Memory { bytes: 2 << 20, inodes: 200 },
            tmp_bytes: 2 << 20,
            limits,
            egress: false,
            port: None,
        };
        let cell = backend.open(spec).await.map_err(|error| error.to_string())?;
        Ok(Self { cell, output: None, terminal: None })
    }

    fn start(&mut self, words: &[String], terminal: bool) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let (reader, writer) = std::io::pipe().map_err(|error| text(&error))?;
        let stdin: OwnedFd = if terminal {
            let pty = openpty(None, None).map_err(|error| text(&error))?;
            self.terminal = Some(pty.master);
            pty.slave
        } else {
            fs::File::open("/dev/null").map_err(|error| text(&error))?.into()
        };
        let stderr = writer.try_clone().map_err(|error| text(&error))?;
        let argv = std::iter::once(PROBE.into()).chain(words.iter().map(Into::into)).collect();
        let env = vec![("PATH".into(), "/usr/bin:/bin".into())];
        let command = Command { argv, env, cwd: "/work".into() };
        let stdio = Stdio { stdin, stdout: writer.into(), stderr: stderr.into() };
        self.output = Some(reader);
        self.cell.control.send(Control::Start(command, stdio)).map_err(|error| text(&error))
    }

    async fn event(&mut self) -> Result<CellEvent, String> {
        let event = tokio::time::timeout(STUCK, self.cell.events.recv()).await;
        event.map_err(|_| "it hangs".to_owned())?.ok_or_else(|| "the cell is gone".to_owned())
    }

    /// Waits for the program's end and the end of its output.
    async fn finish(&mut self) -> Result<(Exit, String), String> {
        let reader = self.output.take().ok_or("nothing was started")?;
        let reading = tokio::task::spawn_blocking(move || read(reader));
        let exit = loop {
            match self.event().await? {
                CellEvent::Started => {}
                CellEvent::Exited(exit) => break exit,
                other => return Err(format!("{other:?}")),
            }
        };
        let output = tokio::time::timeout(STUCK, reading).await.map_err(|_| "something holds its output open")?;
        Ok((exit, output.map_err(|error| error.to_string())?))
    }

    /// Reads until the program has said a word.
    async fn hear(&mut self, word: &'static str) -> Result<(), String> {
        let mut reader = self.output.take().ok_or("nothing was started")?;
        let hearing = tokio::task::spawn_blocking(move || {
            let mut heard = Vec::new();
            let mut chunk = [0; 64];
            while !String::from_utf8_lossy(&heard).contains(word) {
                match reader.read(&mut chunk) {
                    Ok(count @ 1..) => heard.extend_from_slice(&chunk[..count]),
                    _ => return Err(format!("the neighbour: {}", String::from_utf8_lossy(&heard))),
                }
            }
            Ok(reader)
        });
        let heard = tokio::time::timeout(STUCK, hearing).await.map_err(|_| "the neighbour hangs")?;
        self.output = Some(heard.map_err(|error| error.to_string())??);
        Ok(())
    }

    /// How the program has ended, if it has.
    fn ended(&mut self) -> Option<String> {
        let mut end = None;
        while let Ok(event) = self.cell.events.try_recv() {
            if !matches!(event, CellEvent::Started) {
                end = Some(format!("{event:?}"));
            }
        }
        end
    }
}

fn read(mut reader: PipeReader) -> String {
    let mut bytes = Vec::new();
    let _cut = reader.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until no process has a word on its command line; whether that came about.
pub fn wait_until_gone(word: &str) -> bool {
    let start = Instant::now();
    while is_running(word) && start.elapsed() < STUCK {
        std::thread::sleep(Duration::from_millis(5));
    }
    !is_running(word)
}
