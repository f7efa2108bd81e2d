//! Cells whose walls another program puts up, such as bubblewrap or podman: the launcher that starts it, the entrance
//! that runs inside in front of our PID 1, and takehome's end.
//!
//! ```text
//!   takehome ──socket──┬── launcher    as root: brings what is mounted within reach of the cell's user
//!                      │    └── bwrap  puts up the walls and executes us inside
//!                      └── PID 1       the entrance, then the same as in a native cell
//!                           └── the candidate's programs
//! ```
//!
//! The socket's other end is a descriptor that the other program leaves open. So everything that happens in a cell,
//! from start to exit code, is the same code as in a native one; only the walls differ.

pub(super) mod descendants;
mod entrance;
pub(super) mod launcher;

use super::{
    Identity, Link, Opened, PATIENCE, Shared, dismantle, drive, follow,
    limits::Bounds,
    mounts::{Access, Node},
    probe,
    wire::{Bytes, Facts, Report, Request},
    zygote::Role,
};
use crate::backend::{Capabilities, Cell, CellSpec, Layer, LayerStatus, OpenError, Usage};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The only argument of an entrance.
pub(in crate::backend) const ASK_ENTRANCE: &str = "__enter";
/// The descriptor at which the entrance's program is found: our own executable. By descriptor, because the file has no
/// place in a cell; it holds the challenges' references.
const PROGRAM: i32 = 4;
/// Its path, wherever there is a `/proc`.
pub(in crate::backend) const PROGRAM_PATH: &str = "/proc/self/fd/4";
/// The first of the descriptors that hold files of ours.
pub(in crate::backend) const FIRST_FILE: i32 = PROGRAM + 1;
/// Why no layer is claimed.
const NO_CELL: &str = "no cell could be opened";
/// Where a launcher of root's puts what it brings within reach.
const REACH: &str = "/tmp";

/// Becomes an entrance, and never returns, if this process was started as one.
pub(super) fn main_if_asked() {
    match std::env::args_os().nth(1) {
        Some(argument) if argument == ASK_ENTRANCE => std::process::exit(entrance::run()),
        _ => {}
    }
}

/// What a launcher does.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::backend) struct Launch {
    /// The program that puts up the walls, and its arguments; none to be the entrance right away.
    pub(in crate::backend) argv: Vec<Bytes>,
    /// Its whole environment.
    pub(in crate::backend) env: Vec<String>,
    /// Contents of the descriptors from [`FIRST_FILE`] on.
    pub(in crate::backend) files: Vec<String>,
    /// Files and folders of the host to bring within reach, before the user changes.
    pub(in crate::backend) reach: Vec<Reach>,
    /// The user and group to become; none to stay who we are.
    pub(in crate::backend) user: Option<u32>,
    /// A program that tidies up when all has ended, and its arguments; none if nothing is ever left.
    pub(in crate::backend) tidy: Vec<Bytes>,
}

/// A file or folder of the host that is brought within reach of a user who has no way to it.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::backend) struct Reach {
    host: Bytes,
    access: Access,
}

/// What an entrance does.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::backend) struct Enter {
    /// Listen for the proxy, and hand over the socket.
    pub(in crate::backend) egress: bool,
    /// Walls of our own, where there is no other program.
    pub(in crate::backend) walls: Option<crate::backend::degraded::Walls>,
}

/// What another program puts up.
pub(in crate::backend) trait Builder: Send + Sync {
    /// The name of the back end.
    fn name(&self) -> &'static str;
    /// Why it cannot be used here at all, if that is known without trying.
    fn available(&self) -> Result<(), String>;
    /// What starts a cell.
    fn launch(&self, spec: &CellSpec, plan: Plan) -> Result<(Launch, Enter), OpenError>;
    /// The limits of a single process.
    fn bounds(&self, spec: &CellSpec, whole_cell: bool) -> Bounds {
        Bounds::new(&spec.limits, whole_cell).within(spec)
    }
    /// Corrects what the probe has found by what it cannot see.
    fn correct(&self, layers: &mut Vec<Layer>);
}

/// What a cell shall hold, and how its parts are reached.
#[derive(Debug)]
pub(in crate::backend) struct Plan {
    /// Everything in the private root.
    pub(in crate::backend) nodes: Vec<Node>,
    /// The user of the host that the cell's programs are.
    pub(in crate::backend) user: u32,
    reach: Option<Vec<Reach>>,
}

impl Plan {
    fn new(nodes: Vec<Node>, identity: Identity) -> Self {
        match identity {
            Identity::Dedicated(user) => Self { nodes, user, reach: Some(Vec::new()) },
            Identity::Own { uid, .. } => Self { nodes, user: uid, reach: None },
        }
    }

    /// The path at which the other program finds a file or folder of the host.
    pub(in crate::backend) fn source(&mut self, host: &Bytes, access: Access) -> PathBuf {
        let Some(reach) = &mut self.reach else { return host.path() };
        reach.push(Reach { host: host.clone(), access });
        Path::new(REACH).join((reach.len() - 1).to_string())
    }

    /// Whether we are root, and cells another user.
    pub(in crate::backend) fn is_dedicated(&self) -> bool {
        self.reach.is_some()
    }

    /// What has to be brought within reach.
    pub(in crate::backend) fn reach(&mut self) -> Vec<Reach> {
        self.reach.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// A back end that leaves the walls to another program.
#[derive(Clone)]
pub(in crate::backend) struct Foreign {
    shared: Arc<Shared>,
    builder: Arc<dyn Builder>,
}

impl Foreign {
    /// A back end whose cells are set up by `helper`.
    pub(in crate::backend) fn new(helper: PathBuf, builder: impl Builder + 'static) -> Self {
        Self { shared: super::Native::new(helper).shared, builder: Arc::new(builder) }
    }

    /// The same with another builder of the same kind.
    pub(in crate::backend) fn with(&self, builder: impl Builder + 'static) -> Self {
        Self { shared: Arc::clone(&self.shared), builder: Arc::new(builder) }
    }

    /// What it enforces, probed with a real cell.
    pub(in crate::backend) fn capabilities(&self) -> Capabilities {
        self.shared.capabilities.get_or_init(|| self.probe()).clone()
    }

    /// Opens a cell.
    pub(in crate::backend) async fn open(&self, spec: CellSpec) -> Result<Cell, OpenError> {
        let opened = self.set_up(&spec).await?;
        let bounds = self.builder.bounds(&spec, opened.group.is_some());
        Ok(drive(opened, &spec, bounds))
    }

    /// The user of the host that cells are where we are root.
    pub(in crate::backend) fn dedicated(&self) -> Option<u32> {
        self.shared.identity.dedicated()
    }

    /// Gives a folder to the cells' user.
    pub(in crate::backend) fn adopt(&self, folder: &Path) -> io::Result<()> {
        self.dedicated().map_or(Ok(()), |id| crate::backend::adopt::give_all(folder, id))
    }

    fn probe(&self) -> Capabilities {
        let name = self.builder.name();
        let facts = self.builder.available().and_then(|()| self.facts());
        let mut layers = probe::layers(&self.shared, facts.as_ref().ok());
        let nested = |layer: &&mut Layer| layer.name == "no nested namespaces" && layer.status == LayerStatus::Missing;
        if let Some(layer) = layers.iter_mut().find(nested) {
            layer.detail = "further user namespaces can be made inside".into();
        }
        let shares = |layer: &&mut Layer| layer.name == "own files" && layer.status == LayerStatus::Approximate;
        // Of file systems that are not ours the probe cannot tell whose they are.
        layers.iter_mut().filter(shares).for_each(|layer| layer.detail = "read-only, but the host's own".into());
        self.builder.correct(&mut layers);
        if facts.is_err() {
            let missing = |layer: Layer| Layer { status: LayerStatus::Missing, detail: NO_CELL.into(), ..layer };
            layers = layers.into_iter().map(missing).collect();
        }
        let is_strong =
            crate::backend::find(name).is_some_and(|entry| entry.strength == crate::backend::Strength::Strong);
        let complete = if is_strong { probe::complete(&layers) } else { Ok(()) };
        Capabilities { backend: name, layers, usable: facts.map(drop).and(complete) }
    }

    /// What a real cell sees of itself. Blocks, with a runtime in a thread of its own.
    fn facts(&self) -> Result<Facts, String> {
        let this = self.clone();
        let probe = move || -> Result<Facts, OpenError> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|error| OpenError::new("start the probe", &error))?.block_on(this.ask())
        };
        let asked = std::thread::spawn(probe).join();
        asked.unwrap_or_else(|_| Err(OpenError::new("start the probe", "the probe's thread panicked"))).map_err(
            |error| match error.reason.is_empty() {
                true => error.step,
                false => format!("{}: {}", error.step, error.reason),
            },
        )
    }

    async fn ask(&self) -> Result<Facts, OpenError> {
        let opened = self.set_up(&probe::specification()).await?;
        let asked = match opened.link.send(&Request::Facts, &[]).await {
            Ok(()) => opened.link.receive().await,
            Err(error) => Err(error),
        };
        dismantle(opened.link, opened.group, Usage::default()).await;
        match asked {
            Ok(Some((Report::Facts(facts), _))) => Ok(facts),
            Ok(_) => Err(OpenError::new("ask the probe", "an unexpected answer")),
            Err(error) => Err(OpenError::new("ask the probe", &error)),
        }
    }

    /// Starts a launcher and waits until PID 1 of the new cell is ready.
    async fn set_up(&self, spec: &CellSpec) -> Result<Opened, OpenError> {
        let _turn = self.shared.openings.acquire().await;
        let (this, wanted) = (self.clone(), spec.clone());
        let prepared = tokio::task::spawn_blocking(move || this.prepare(&wanted)).await;
        let (launch, enter, join, group) = prepared.map_err(|error| OpenError::new("prepare the cell", &error))??;
        let mut link = Link::start(&self.shared.zygote, Role::Launcher).await?;
        let started = async {
            let failed = |error: io::Error| OpenError::new("send the specification", &error);
            link.send(&Request::Launch(Box::new(launch)), &[]).await.map_err(failed)?;
            let join: Vec<_> = join.iter().map(AsRawFd::as_raw_fd).collect();
            link.send(&Request::Enter(enter), &join).await.map_err(failed)?;
            follow(&mut link).await
        };
        let started = tokio::time::timeout(PATIENCE, started).await;
        drop(join);
        let late = |_| Err(OpenError::new("wait for the set-up", &format!("not done after {PATIENCE:?}")));
        match started.unwrap_or_else(late) {
            Ok(egress) => Ok(Opened::new(link, group, egress)),
            Err(error) => {
                dismantle(link, group, Usage::default()).await;
                Err(error)
            }
        }
    }

    /// The blocking part: directories are looked at and made.
    #[allow(clippy::type_complexity)]
    fn prepare(&self, spec: &CellSpec) -> Result<(Launch, Enter, Vec<File>, Option<super::CellGroup>), OpenError> {
        let (setup, group) = self.shared.prepare(spec)?;
        // Opened out here: what is written through a descriptor counts as written by who has opened it.
        let open = |file: &Bytes| File::options().write(true).open(file.path());
        let join: io::Result<Vec<File>> = setup.join.iter().map(open).collect();
        let join = join.map_err(|error| OpenError::new("open a cgroup", &error))?;
        let (launch, enter) = self.builder.launch(spec, Plan::new(setup.nodes, setup.identity))?;
        Ok((launch, enter, join, group))
    }
}

/// Finds a program of this machine, by absolute path.
pub(in crate::backend) fn find(name: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin:/usr/sbin:/sbin".into());
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| format!("`{name}` is not installed: sudo apt-get install {}", package(name)))
}

/// The package that holds a program.
fn package(name: &str) -> &str {
    if name == "bwrap" { "bubblewrap" } else { name }
}
