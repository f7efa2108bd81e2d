//! The server's process: its cell, its address, its log.

use super::ready;
use crate::{
    backend::{
        self, Backend, Capabilities, Cell, CellEvent, CellSpec, Command, Control, LayerStatus, Stdio, Usage, WORK, Work,
    },
    language::sanitize,
    node::{
        CaseSetup, cpus, incidents,
        log::{self, Log},
        process,
    },
    protocol::Loading,
};
use harness::{
    case::{IncidentKind, NodeUsage},
    manifest::Limits,
    units::Bytes,
};
use nix::{
    fcntl::OFlag,
    sys::resource::{Resource, getrlimit},
    unistd::pipe2,
};
use std::{
    ffi::OsString,
    io,
    net::Ipv4Addr,
    os::unix::ffi::{OsStrExt, OsStringExt},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpStream, unix::pipe},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Size of the server's `/tmp`.
const TMP: u64 = 16 << 20;

/// How long the end of a log is waited for when its program has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long a server may take until it is ready.
pub(super) const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long closing its cell may take before the case goes on without its figures.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The processors that a server is kept to; empty, which stands for all, where its stage names no number.
pub(super) fn processors(setup: &CaseSetup) -> Vec<u32> {
    setup.stage.cores.map(|cores| cpus::some(cores, 0)).unwrap_or_default()
}

/// The server's cell and what runs in it.
pub(super) struct Program {
    control: mpsc::UnboundedSender<Control>,
    events: mpsc::UnboundedReceiver<CellEvent>,
    command: Command,
    address: Address,
    /// Whether it said that it was loading when it was last asked.
    is_loading: Arc<AtomicBool>,
    log: Log,
    reader: Option<JoinHandle<()>>,
    /// What the cell has told and nobody has heard yet, because its log is still being read.
    told: Option<CellEvent>,
    /// What its cell has used, once that is down.
    usage: Option<Usage>,
    floods: (mpsc::UnboundedSender<String>, mpsc::UnboundedReceiver<String>),
    /// What it may use.
    limits: Limits,
}

/// What happens to a server.
pub(super) enum Happening {
    /// Its cell tells something.
    Cell(CellEvent),
    /// Its log has become longer than may be; the end of it.
    Flood(String),
}

/// Something that a program did wrong.
pub(super) struct Wrong {
    pub(super) kind: IncidentKind,
    pub(super) detail: String,
    /// The end of its log.
    pub(super) log: String,
}

/// Where a server listens, seen from inside its cell.
#[derive(Debug, Clone)]
pub(super) struct Address {
    control: mpsc::UnboundedSender<Control>,
    port: u16,
}

impl Program {
    /// Opens the cell of a program, which is kept to these processors; nothing runs yet. `log` is the name of its log's
    /// file.
    pub(super) async fn open(
        setup: &CaseSetup,
        program: &backend::Program,
        processors: Vec<u32>,
        log: &str,
    ) -> Result<Self, String> {
        let limits = limits_of(setup);
        let backend: &dyn Backend = &*setup.backend;
        reachable(&backend.capabilities(), program.port)?;
        let port = match program.port {
            Some(port) => port,
            None => free_port().map_err(|error| format!("no port is free: {error}"))?,
        };
        let spec = CellSpec {
            label: "n0".into(),
            root: program.root,
            mounts: program.mounts.clone(),
            work: Work::Memory { bytes: setup.limits.disk.0, inodes: 16 << 10 },
            tmp_bytes: TMP,
            limits: process::limits(&limits, processors),
            egress: false,
            port: Some(port),
        };
        let (_, most) =
            getrlimit(Resource::RLIMIT_NOFILE).map_err(|errno| format!("the limit of open files: {errno}"))?;
        room_for(setup.stage.clients, most)?;
        let Cell { control, events, .. } = backend.open(spec).await.map_err(|error| error.to_string())?;
        let mut command = addressed(&program.command, port);
        if setup.stage.sanitized {
            command.env.extend(sanitize::environment().into_iter().map(|(name, value)| (name.into(), value.into())));
        }
        let path = setup.logs.as_ref().map(|folder| folder.join(log));
        Ok(Self {
            address: Address { control: control.clone(), port },
            is_loading: Arc::default(),
            control,
            events,
            command,
            log: Log::new(path, setup.limits.output.0),
            reader: None,
            told: None,
            usage: None,
            floods: mpsc::unbounded_channel(),
            limits,
        })
    }

    /// Starts the server; what it writes goes to its log.
    pub(super) fn start(&mut self) -> Result<(), String> {
        let start = || -> io::Result<(pipe::Receiver, Stdio)> {
            let (reading, writing) = pipe2(OFlag::O_CLOEXEC)?;
            let stdin = std::fs::File::open("/dev/null")?.into();
            let stdio = Stdio { stdin, stdout: writing.try_clone()?, stderr: writing };
            Ok((pipe::Receiver::from_owned_fd(reading)?, stdio))
        };
        let (output, stdio) = start().map_err(|error| format!("the pipes of the server: {error}"))?;
        let floods = self.floods.0.clone();
        let flood = async move |tail| drop(floods.send(tail));
        self.reader = Some(tokio::spawn(log::read(output, self.log.clone(), flood)));
        self.ask(Control::Start(self.command.clone(), stdio));
        Ok(())
    }

    /// Asks something of the cell; a lost cell is told by its events.
    pub(super) fn ask(&self, control: Control) {
        let _told_by_events = self.control.send(control);
    }

    /// What happens next; none when the cell is gone. The log of a server that has ended has been read by then. Loses
    /// nothing when it is cancelled.
    pub(super) async fn next(&mut self) -> Option<Happening> {
        if self.told.is_none() {
            tokio::select! {
                event = self.events.recv() => self.told = Some(event?),
                Some(tail) = self.floods.1.recv() => return Some(Happening::Flood(tail)),
            }
        }
        if let (Some(CellEvent::Exited(_)), Some(reader)) = (&self.told, &mut self.reader) {
            let _late = tokio::time::timeout(LAST_WORDS, reader).await;
            self.reader = None;
        }
        if let Some(CellEvent::Closed(usage)) = &self.told {
            self.usage = Some(*usage);
        }
        self.told.take().map(Happening::Cell)
    }

    /// What a happening says against a program that was not asked to end, if anything; an error is the machine's.
    pub(super) fn wrong(&self, happening: Happening) -> Result<Option<Wrong>, String> {
        let limits = &self.limits;
        let (kind, detail) = match happening {
            Happening::Cell(CellEvent::Started) => return Ok(None),
            Happening::Cell(CellEvent::StartFailed { call, errno }) => {
                let error = io::Error::from_raw_os_error(errno);
                (IncidentKind::Crashed, format!("the program could not be started: {call}: {error}"))
            }
            Happening::Cell(CellEvent::Exited(exit)) => incidents::ending(&exit, limits, &self.log_tail()),
            Happening::Cell(CellEvent::Closed(_)) => {
                (IncidentKind::OutOfMemory, format!("what it left in memory takes up its limit of {}", limits.memory))
            }
            Happening::Cell(CellEvent::Lost(why)) => return Err(format!("the sandbox was lost: {why}")),
            Happening::Flood(log) => {
                self.ask(Control::Kill);
                let detail = format!("more than {} of output; the server was stopped", limits.output);
                return Ok(Some(Wrong { kind: IncidentKind::OutputFlood, detail, log }));
            }
        };
        Ok(Some(Wrong { kind, detail, log: self.log_tail() }))
    }

    /// Comes to an end when it is ready; `loading` is how its protocol tells that it is not.
    pub(super) fn ready(&self, loading: Option<Loading>) -> impl Future<Output = ()> + use<> {
        self.is_loading.store(false, Ordering::Relaxed);
        ready::ready(self.address.clone(), loading, Arc::clone(&self.is_loading))
    }

    /// That it was not ready in time.
    pub(super) fn late(&self) -> Wrong {
        let seconds = START_TIMEOUT.as_secs();
        let detail = match self.is_loading.load(Ordering::Relaxed) {
            true => format!("it still answered that it was loading {seconds} s after its start"),
            false => format!("nobody listened on its address within {seconds} s"),
        };
        Wrong { kind: IncidentKind::SlowStart, detail, log: self.log_tail() }
    }

    /// That it did not end when it was asked to.
    pub(super) fn lingers(&self, timeout: Duration) -> Wrong {
        let detail = format!("it had not ended {} s after SIGTERM", timeout.as_secs());
        Wrong { kind: IncidentKind::Lingers, detail, log: self.log_tail() }
    }

    /// Takes its cell down; what it has used, as far as that is told in time.
    pub(super) async fn close(&mut self) -> NodeUsage {
        self.ask(Control::Close);
        let closing = async {
            while self.usage.is_none() {
                if let Some(Happening::Cell(CellEvent::Lost(_))) | None = self.next().await {
                    break;
                }
            }
        };
        let _without_figures = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
        let usage = self.usage.unwrap_or_default();
        NodeUsage { cpu_seconds: usage.cpu.as_secs_f64(), peak_memory: usage.peak_memory }
    }

    /// Keeps all that it writes from here on, for [`Self::last_words`].
    pub(super) fn keep_last_words(&self) {
        self.log.keep_more();
    }

    /// What it has written since [`Self::keep_last_words`].
    pub(super) fn last_words(&self) -> String {
        self.log.more()
    }

    /// To ask something of its cell, also while somebody waits for what happens to it.
    pub(super) fn control(&self) -> mpsc::UnboundedSender<Control> {
        self.control.clone()
    }

    /// Its last words.
    pub(super) fn log_tail(&self) -> String {
        self.log.end()
    }

    /// Where it listens.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }
}

impl Address {
    /// A connection; an error while nobody listens.
    pub(super) async fn connect(&self) -> io::Result<TcpStream> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.handed_out()).await.unwrap_or_else(|late| Err(late.into()))
    }

    async fn handed_out(&self) -> io::Result<TcpStream> {
        let (connected, connection) = oneshot::channel();
        let gone = || io::Error::other("the cell is gone");
        self.control.send(Control::Connect(self.port, connected)).map_err(|_| gone())?;
        let stream = TcpStream::from_std(connection.await.map_err(|_| gone())??)?;
        // It may have been handed over before it was made.
        stream.writable().await?;
        match stream.take_error()? {
            Some(error) => Err(error),
            None => stream.set_nodelay(true).map(|()| stream),
        }
    }
}

/// What a server may use: more where it watches itself, which costs several times the memory.
fn limits_of(setup: &CaseSetup) -> Limits {
    let memory = if setup.stage.sanitized { setup.limits.memory.0.saturating_mul(6) } else { setup.limits.memory.0 };
    Limits { memory: Bytes(memory), ..setup.limits.clone() }
}

/// Whether a server in a cell can be reached: it has a network of its own, or that of the host. A port of its own choice
/// needs the first: several cases may run at once.
fn reachable(capabilities: &Capabilities, port: Option<u16>) -> Result<(), String> {
    let backend = capabilities.backend;
    let enforced = |name: &str| {
        capabilities.layers.iter().any(|layer| layer.name == name && layer.status == LayerStatus::Enforced)
    };
    // Without namespaces a server may listen where the kernel can keep it to its port and from connecting to others.
    let shares = backend == "none" || backend == "degraded" && enforced("no network");
    match port {
        _ if enforced("network namespace") => Ok(()),
        None if shares => Ok(()),
        Some(port) if shares => Err(format!(
            "without a network of its own a server cannot have port {port} for itself: it has to take the one that it is told"
        )),
        _ => Err(format!(
            "the sandbox `{backend}` lets no program listen; `takehome doctor` says what a stronger one needs"
        )),
    }
}

/// Files beside connections that either side has open.
const OTHER_FILES: u64 = 500;

/// Whether a machine that lets a process open so many files has room for a stage's connections; where it has not, neither
/// a server nor its clients could do anything about it.
fn room_for(clients: u32, most: u64) -> Result<(), String> {
    let needed = u64::from(clients) + OTHER_FILES;
    match needed <= most {
        true => Ok(()),
        false => Err(format!(
            "this machine lets a process open {most} files, and {clients} connections need {needed}: raise the hard limit \
             (`ulimit -Hn`, or LimitNOFILE of the service)"
        )),
    }
}

/// A port that nobody listens on, on this machine either: not every sandbox has a network of its own.
fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The command with the address in its words and in its environment.
fn addressed(command: &Command, port: u16) -> Command {
    let host = Ipv4Addr::LOCALHOST.to_string();
    let word = |word: &OsString| match word.to_str() {
        Some(text) => text.replace("{host}", &host).replace("{port}", &port.to_string()).replace("{data}", WORK).into(),
        None => OsString::from_vec(word.as_bytes().to_vec()),
    };
    let mut env = command.env.clone();
    env.push(("TAKEHOME_LISTEN".into(), format!("{host}:{port}").into()));
    // What many programs look at that were written to be deployed.
    env.push(("PORT".into(), port.to_string().into()));
    Command { argv: command.argv.iter().map(word).collect(), env, cwd: command.cwd.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_room_for_the_connections_is_not_the_submission_s_fault() {
        assert_eq!(room_for(500, 1_024), Ok(()));
        assert!(
            room_for(5_000, 4_096)
                .unwrap_err()
                .contains("lets a process open 4096 files, and 5000 connections need 5500")
        );
    }

    #[test]
    fn the_address_is_in_the_words_and_in_the_environment() {
        let command = Command {
            argv: ["server", "--port={port}", "{host}:{port}", "{data}/log"].map(Into::into).to_vec(),
            env: vec![("A".into(), "b".into())],
            cwd: "/work".into(),
        };
        let told = addressed(&command, 7000);
        assert_eq!(told.argv, ["server", "--port=7000", "127.0.0.1:7000", "/work/log"]);
        assert_eq!(told.env[1], ("TAKEHOME_LISTEN".into(), "127.0.0.1:7000".into()));
        assert_eq!(told.env[2], ("PORT".into(), "7000".into()));
    }
}
