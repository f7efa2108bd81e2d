//! Isolation back ends: each opens a *cell* in which a submission's programs are started, paused and killed.
//!
//! A cell lives as long as one job: a build phase, or one node for the whole of a case. Its processes, mounts and
//! scratch files are gone when it is closed, and also when takehome itself dies.

mod adopt;
pub mod bubblewrap;
pub mod container;
pub mod degraded;
mod escort;
mod landlock;
mod living;
pub mod native;
pub mod none;
mod places;
mod registry;

pub use living::all_gone;
pub use registry::{Entry, Purpose, REGISTRY, Selected, Strength, Wish, find, select};

use std::{ffi::OsString, future::Future, os::fd::OwnedFd, path::PathBuf, pin::Pin, time::Duration};
use tokio::sync::mpsc;

/// Allows this process as many open files as the system lets it, so that hundreds of cells can be open at once; how
/// many that are.
pub fn raise_open_files() -> std::io::Result<u64> {
    native::limits::raise_open_files()
}

/// What a cell may see and use.
#[derive(Debug, Clone)]
pub struct CellSpec {
    /// A short name for messages and cgroup directories, such as `n3` or `build`; `[a-z0-9-]` only.
    pub label: String,
    /// How much of the host's system is visible.
    pub root: Root,
    /// Further files and folders of the host. Parents are created empty and read-only.
    pub mounts: Vec<Mount>,
    /// The writable work directory, always seen as [`WORK`].
    pub work: Work,
    /// Size of the writable `/tmp` (a tmpfs), in bytes.
    pub tmp_bytes: u64,
    /// What the cell's processes may use together.
    pub limits: Limits,
    /// Listen on `127.0.0.1:3128` inside the cell and hand the listening socket to the caller: the only way out, for
    /// a proxy that the caller runs. Without it the cell has its own loopback and nothing else.
    pub egress: bool,
    /// The TCP port on which its programs are going to listen, for back ends whose cells have no network of their own: there
    /// they can take no other, and everybody who reaches this machine reaches it.
    pub port: Option<u16>,
}

/// Where the work directory is seen inside every cell.
pub const WORK: &str = "/work";
/// The places of a cell that are memory; the work directory may be a folder instead.
pub(crate) const SCRATCH: [&str; 3] = [WORK, "/tmp", "/dev/shm"];
/// The proxy's address inside a cell with egress.
pub const EGRESS: &str = "127.0.0.1:3128";

/// How much of the host's system a cell sees, always read-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// Shared libraries, the dynamic loader and a synthetic `/etc`: enough for a compiled program.
    Libraries,
    /// The whole of `/usr` and the parts of `/etc` that compilers and interpreters need.
    System,
}

/// A file or folder of the host seen inside the cell, submounts included.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Path on the host.
    pub host: PathBuf,
    /// Path inside the cell.
    pub at: PathBuf,
    /// Whether the cell may write there. The caller bounds its size.
    pub writable: bool,
}

/// The work directory of a cell.
#[derive(Debug, Clone)]
pub enum Work {
    /// A tmpfs of so many bytes and inodes that is gone with the cell.
    Memory {
        /// Most bytes.
        bytes: u64,
        /// Most inodes.
        inodes: u64,
    },
    /// A folder of the host, which must belong to the cell's user (see [`Backend::adopt`]).
    Folder(PathBuf),
}

/// Limits on all processes of a cell together.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of memory, tmpfs pages included where the kernel accounts for them.
    pub memory: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Open files of one process.
    pub open_files: u64,
    /// Size of one file, in bytes.
    pub file_size: u64,
    /// CPU time of all processes.
    pub cpu: Option<Duration>,
    /// The processors that a program is started on; all of them when empty.
    pub cpus: Vec<u32>,
}

/// A program to start in a cell. The environment holds exactly `env`.
#[derive(Debug, Clone)]
pub struct Command {
    /// Program and arguments; the program is looked up in `PATH` of `env` unless it holds a slash.
    pub argv: Vec<OsString>,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Current directory inside the cell.
    pub cwd: PathBuf,
}

/// A program with what it needs of the host.
#[derive(Debug, Clone)]
pub struct Program {
    /// What to start.
    pub command: Command,
    /// How much of the host it sees.
    pub root: Root,
    /// Its files.
    pub mounts: Vec<Mount>,
    /// The port that it listens on, whatever it is told.
    pub port: Option<u16>,
}

/// The three descriptors that a started program gets as 0, 1 and 2.
#[derive(Debug)]
pub struct Stdio {
    /// Standard input.
    pub stdin: OwnedFd,
    /// Standard output.
    pub stdout: OwnedFd,
    /// Standard error.
    pub stderr: OwnedFd,
}

/// What is asked of a cell.
#[derive(Debug)]
pub enum Control {
    /// Start a program; answered by [`CellEvent::Started`] or [`CellEvent::StartFailed`].
    Start(Command, Stdio),
    /// Connect to a port of the cell's own loopback, as one of its programs would; the only way in.
    Connect(u16, Connected),
    /// Look at what the programs of the cell do; not answered where that cannot be told.
    Look(Looked),
    /// Tell where the threads of its programs stand; not answered where that cannot be told.
    Stacks(Stacks),
    /// SIGTERM to the started program.
    Terminate,
    /// SIGQUIT to the started program, of which some runtimes write where all their threads stand.
    Quit,
    /// SIGKILL to every process of the cell; the cell stays and can start another program.
    Kill,
    /// SIGSTOP to every process of the cell.
    Pause,
    /// SIGCONT to every process of the cell.
    Resume,
    /// Kill everything and take the cell down; answered by [`CellEvent::Closed`], the last event.
    Close,
}

/// Where the connection to a program is handed over, or the error of `connect`. The connection may still be under way.
pub type Connected = tokio::sync::oneshot::Sender<std::io::Result<std::net::TcpStream>>;

/// Where a look goes.
pub type Looked = tokio::sync::oneshot::Sender<Look>;

/// Where stacks go: a line for each thread. Hostile.
pub type Stacks = tokio::sync::oneshot::Sender<Vec<String>>;

/// What the programs of a cell do at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// Threads of all processes.
    pub threads: u32,
    /// How many of them run or are ready to.
    pub running: u32,
    /// CPU time, user and system, that they have used.
    pub cpu: Duration,
    /// Bytes of memory that are their own: neither files nor shared.
    pub memory: u64,
    /// Open files of the process that is nearest to how many it may have, and that number; 0 where that cannot be told.
    pub open_files: [u64; 2],
}

/// What a cell tells. Also sent unasked: an exit is reported as soon as it happens.
#[derive(Debug, Clone)]
pub enum CellEvent {
    /// The program runs (its `exec` has succeeded).
    Started,
    /// The program could not be executed; the errno of `exec` or `chdir`.
    StartFailed {
        /// Which call failed.
        call: String,
        /// Its errno.
        errno: i32,
    },
    /// The started program has ended. Its children have been killed.
    Exited(Exit),
    /// The cell is gone; nothing of it is left.
    Closed(Usage),
    /// The cell was lost without being asked, by a fault of this machine or of takehome.
    Lost(String),
}

/// How a program ended: the kernel's word for it, and the limits that had to do with it. A status above 128 is a status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exit {
    /// Exit status, when it exited by itself.
    pub code: Option<i32>,
    /// Signal that ended it.
    pub signal: Option<i32>,
    /// A process of the cell was killed because of the memory limit while the program ran.
    pub out_of_memory: bool,
    /// Further limits that were reached while it ran.
    pub reached: Reached,
    /// CPU time, user and system, that the program and all it started have used.
    pub cpu: Duration,
}

impl Exit {
    /// An end with a status or by a signal, of which nothing else is known.
    #[must_use]
    pub fn plain(code: Option<i32>, signal: Option<i32>) -> Self {
        Self { code, signal, ..Self::default() }
    }
}

/// Limits that a program has reached. A program may reach one and live on; then it ended for another reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// It used all the CPU time it had and was ended for it. A program that sends itself `SIGXCPU` has not.
    pub cpu_time: bool,
    /// A process or thread was refused to it.
    pub processes: bool,
    /// Scratch space that had no room left when it ended.
    pub full: Option<Full>,
}

/// Scratch space without room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// Where it is seen in the cell.
    pub place: &'static str,
    /// Whether it could hold more bytes, but no more files.
    pub inodes: bool,
}

impl std::fmt::Display for Full {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.inodes {
            true => write!(out, "{} can hold no more files", self.place),
            false => write!(out, "{} is full", self.place),
        }
    }
}

/// What a program did with its time, in words: how much CPU time it used, and whether it computed or waited.
#[must_use]
pub fn pastime(cpu: Duration, wall: Duration) -> String {
    let used = format!("it used {:.1} s of CPU time", cpu.as_secs_f64());
    if cpu * 2 >= wall {
        format!("{used}: it was computing")
    } else if cpu * 10 <= wall {
        format!("{used}: it was waiting")
    } else {
        used
    }
}

/// What all processes of a cell used, ended children included.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// CPU time, user and system.
    pub cpu: Duration,
    /// Most memory at one time in bytes: of the whole cell where a cgroup counts it, otherwise of its largest process.
    pub peak_memory: u64,
}

/// A live cell. Dropping it closes it.
#[derive(Debug)]
pub struct Cell {
    /// Requests to the cell.
    pub control: mpsc::UnboundedSender<Control>,
    /// What the cell tells.
    pub events: mpsc::UnboundedReceiver<CellEvent>,
    /// The listening socket of [`CellSpec::egress`].
    pub egress: Option<std::net::TcpListener>,
}

/// A cell being opened.
pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<Cell, OpenError>> + Send + 'a>>;

/// A way to isolate programs.
pub trait Backend: Send + Sync {
    /// What it enforces on this machine; each layer is probed, not assumed.
    fn capabilities(&self) -> Capabilities;
    /// Opens a cell, ready for [`Control::Start`].
    fn open(&self, spec: CellSpec) -> Opening<'_>;
    /// Makes a folder of the host and all below it belong to the cell's user.
    fn adopt(&self, folder: &std::path::Path) -> std::io::Result<()>;
}

/// What a back end enforces here, layer by layer.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// Name of the back end.
    pub backend: &'static str,
    /// One entry for each layer, in a fixed order.
    pub layers: Vec<Layer>,
    /// Whether it can isolate at all; when not, the reason and what to do about it.
    pub usable: Result<(), String>,
}

/// One layer of isolation.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Such as `network namespace` or `memory limit`.
    pub name: &'static str,
    /// How far it is enforced.
    pub status: LayerStatus,
    /// By what, or why not.
    pub detail: String,
}

/// How far a layer is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerStatus {
    /// By the kernel.
    Enforced,
    /// Roughly: by rlimits of one process, or by watching.
    Approximate,
    /// Not at all.
    Missing,
}

/// Why a cell could not be opened: always a fault of the machine or of takehome.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the sandbox could not be set up: {step}: {reason}")]
pub struct OpenError {
    /// What was being done.
    pub step: String,
    /// Why it failed.
    pub reason: String,
}

impl OpenError {
    /// An error of a step.
    pub fn new(step: impl Into<String>, reason: &(impl std::fmt::Display + ?Sized)) -> Self {
        Self { step: step.into(), reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_and_computing_are_told_apart() {
        let after = |cpu| pastime(Duration::from_millis(cpu), Duration::from_secs(10));
        assert_eq!(after(100), "it used 0.1 s of CPU time: it was waiting");
        assert_eq!(after(9_900), "it used 9.9 s of CPU time: it was computing");
        assert_eq!(after(39_000), "it used 39.0 s of CPU time: it was computing");
        assert_eq!(after(3_000), "it used 3.0 s of CPU time");
    }
}
