//! The back end that isolates with the kernel's own means: namespaces, cgroups, a private root and no privileges.
//!
//! ```text
//!   takehome ──socket──┬── helper      forked by the zygote; waits for PID 1
//!                      │    └── builder     makes the private root, and is gone
//!                      └── PID 1       enters it, gives up its privileges; starts, stops and reaps
//!                           └── the candidate's programs
//! ```
//!
//! If takehome, the helper or PID 1 goes away, everything below it does: PID 1 dies with the helper, the kernel kills a pid
//! namespace with its PID 1, and both of them see the socket's other end close when takehome dies.

mod builder;
mod cgroup;
mod conceal;
mod driver;
pub(in crate::backend) mod filter;
pub(in crate::backend) mod foreign;
mod helper;
mod init;
mod join;
mod landlock;
pub(crate) mod limits;
mod link;
mod locks;
pub(in crate::backend) mod mounts;
mod plan;
mod probe;
mod view;
pub(crate) mod watchdog;
pub(in crate::backend) mod wire;
mod zygote;

pub(super) use init::connect;

use super::{Backend, Capabilities, Cell, CellSpec, OpenError, Opening, Usage, living::Living};
use cgroup::{CellGroup, Hierarchy};
use driver::Driver;
use limits::Bounds;
use link::Link;
use locks::Locks;
use mounts::Node;
use std::{
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::{Semaphore, mpsc};
use wire::{Identity, Report, Request, Setup};
use zygote::{Role, Zygote};

/// The user, and the group, that cells run as when takehome is root. It lies in a range that systemd leaves to nobody
/// (60578 to 61183), so that no service, person or container shares it; it is neither root nor `nobody`.
pub const DEDICATED_USER: u32 = 60_789;

/// How long the set-up of one cell may take before this machine is declared unfit.
const PATIENCE: Duration = Duration::from_secs(60);

/// Becomes the zygote, or PID 1 of a cell, and never returns, if this process was started as one. To be called first in
/// `main`, before there are threads.
pub fn helper_main_if_asked() {
    if let Some(join) = init::asked() {
        let joined = join.map_or(Ok(()), join::join);
        std::process::exit(joined.map_or_else(helper::give_up, |()| init::run()));
    }
    foreign::main_if_asked();
    if std::env::args_os().nth(1).is_some_and(|argument| argument == zygote::ASK) {
        std::process::exit(zygote::run());
    }
}

/// The native back end.
#[derive(Debug, Clone)]
pub struct Native {
    shared: Arc<Shared>,
}

/// What all cells have in common.
#[derive(Debug)]
struct Shared {
    zygote: Arc<Zygote>,
    identity: Identity,
    /// Cells that are set up at the same time: more would only slow each other down.
    openings: Semaphore,
    host: OnceLock<plan::Host>,
    groups: OnceLock<Result<Hierarchy, String>>,
    /// On what all cells share, from the first one on.
    locks: OnceLock<Result<Locks, String>>,
    capabilities: OnceLock<Capabilities>,
}

impl Default for Native {
    fn default() -> Self {
        Self::new(PathBuf::from("/proc/self/exe"))
    }
}

impl Native {
    /// A back end whose cells are set up by `helper`, an executable that calls [`helper_main_if_asked`]. takehome uses
    /// itself; other programs, such as tests, name it.
    #[must_use]
    pub fn new(helper: PathBuf) -> Self {
        let parallel = std::thread::available_parallelism().map_or(2, usize::from);
        let shared = Shared {
            zygote: Arc::new(Zygote::new(helper)),
            identity: identity(),
            openings: Semaphore::new(parallel * 2),
            host: OnceLock::new(),
            groups: OnceLock::new(),
            locks: OnceLock::new(),
            capabilities: OnceLock::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Removes what takehomes that were killed have left behind; how many things.
    pub fn sweep(&self) -> usize {
        self.shared.groups().as_ref().map_or(0, Hierarchy::sweep)
    }
}

impl Backend for Native {
    fn capabilities(&self) -> Capabilities {
        self.shared.capabilities.get_or_init(|| probe::capabilities(self)).clone()
    }

    fn open(&self, spec: CellSpec) -> Opening<'_> {
        Box::pin(self.open_cell(spec))
    }

    fn adopt(&self, folder: &Path) -> io::Result<()> {
        self.shared.identity.dedicated().map_or(Ok(()), |id| super::adopt::give_all(folder, id))
    }
}

/// The user of the host that cells are, if that is not whoever started takehome.
pub(super) fn dedicated_user() -> Option<u32> {
    identity().dedicated()
}

/// As root, cells get a user of their own. A root that is only one inside a user namespace may not have it to give.
fn identity() -> Identity {
    let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    match uid {
        0 if has_user(DEDICATED_USER) => Identity::Dedicated(DEDICATED_USER),
        _ => Identity::Own { uid, gid },
    }
}

/// Whether a user id exists in our user namespace.
fn has_user(id: u32) -> bool {
    let maps = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    maps.lines().any(|line| {
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        matches!(numbers[..], [first, _, count] if (first..first + count).contains(&u64::from(id)))
    })
}

impl Shared {
    fn groups(&self) -> &Result<Hierarchy, String> {
        self.groups.get_or_init(Hierarchy::find)
    }

    /// The blocking part of opening a cell: directories are looked at and made.
    fn prepare(&self, spec: &CellSpec) -> Result<(Setup, Option<CellGroup>), OpenError> {
        let nodes = self.host.get_or_init(|| plan::Host::look(self.zygote.program())).plan(spec)?;
        let devices = || Locks::take(nodes.iter().filter_map(Node::device));
        // What it came to, the layers say.
        let _held = self.locks.get_or_init(devices);
        let group = match self.groups() {
            Ok(hierarchy) => {
                let made = CellGroup::create(hierarchy, &spec.label, &spec.limits);
                Some(made.map_err(|error| OpenError::new("create a cgroup", &error))?)
            }
            Err(_) => None,
        };
        let join = wire::joins(group.as_ref());
        Ok((Setup { identity: self.identity, join, nodes, egress: spec.egress }, group))
    }
}

impl Native {
    async fn open_cell(&self, spec: CellSpec) -> Result<Cell, OpenError> {
        let opened = self.set_up(&spec).await?;
        let bounds = Bounds::new(&spec.limits, opened.group.is_some()).within(&spec);
        Ok(drive(opened, &spec, bounds))
    }

    /// Starts a helper and waits until PID 1 of the new cell is ready.
    async fn set_up(&self, spec: &CellSpec) -> Result<Opened, OpenError> {
        let _turn = self.shared.openings.acquire().await;
        if self.shared.groups.get().is_none() {
            // Where it moves takehome itself into another cgroup, nobody may have been started in the old one.
            let shared = Arc::clone(&self.shared);
            let _found = tokio::task::spawn_blocking(move || shared.groups().is_ok()).await;
        }
        let (shared, wanted) = (Arc::clone(&self.shared), spec.clone());
        let prepared = tokio::task::spawn_blocking(move || shared.prepare(&wanted));
        // Both take a moment, and neither needs the other.
        let (prepared, link) = tokio::join!(prepared, Link::start(&self.shared.zygote, Role::Helper));
        let prepared = prepared.map_err(|error| OpenError::new("prepare the cell", &error)).flatten();
        let (link, group, error) = match (prepared, link) {
            (Ok((setup, group)), Ok(mut link)) => {
                match tokio::time::timeout(PATIENCE, instruct(&mut link, setup)).await {
                    Ok(Ok(egress)) => return Ok(Opened::new(link, group, egress)),
                    Ok(Err(error)) => (Some(link), group, error),
                    Err(_) => {
                        let late = OpenError::new("wait for the set-up", &format!("not done after {PATIENCE:?}"));
                        (Some(link), group, late)
                    }
                }
            }
            (Ok((_, group)), Err(error)) => (None, group, error),
            (Err(error), link) => (link.ok(), None, error),
        };
        dismantle(link, group, Usage::default()).await;
        Err(error)
    }
}

/// Puts a driver between a cell and its caller.
fn drive(opened: Opened, spec: &CellSpec, bounds: Bounds) -> Cell {
    let (control, requests) = mpsc::unbounded_channel();
    let (sender, events) = mpsc::unbounded_channel();
    let Opened { link, group, egress } = opened;
    let living = Living::new();
    let driver = Driver::new(link, group, spec, bounds, sender);
    tokio::spawn(async move {
        driver.run(requests).await;
        drop(living);
    });
    Cell { control, events, egress }
}

/// A cell whose PID 1 waits for requests.
struct Opened {
    link: Link,
    group: Option<CellGroup>,
    egress: Option<TcpListener>,
}

impl Opened {
    fn new(link: Link, mut group: Option<CellGroup>, egress: Option<TcpListener>) -> Self {
        if let Some(group) = &mut group {
            group.set_baseline();
        }
        Self { link, group, egress }
    }
}

/// Sends the specification and follows the set-up to its end.
async fn instruct(link: &mut Link, setup: Setup) -> Result<Option<TcpListener>, OpenError> {
    match link.send(&Request::Setup(Box::new(setup)), &[]).await {
        // It has ended already; what it still said, or how it ended, tells more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => other.map_err(|error| OpenError::new("send the specification", &error))?,
    }
    follow(link).await
}

/// Follows a set-up to its end.
async fn follow(link: &mut Link) -> Result<Option<TcpListener>, OpenError> {
    let mut egress = None;
    loop {
        match link.receive().await {
            Ok(Some((Report::Listening, descriptors))) => egress = descriptors.into_iter().next().map(Into::into),
            Ok(Some((Report::Ready, _))) => return Ok(egress),
            Ok(Some((Report::Failed(failure), _))) => return Err(probe::explain(&failure)),
            Ok(Some(_)) => return Err(OpenError::new("wait for the set-up", "an unexpected answer")),
            Ok(None) => return Err(OpenError::new("wait for the set-up", &link.fate().await)),
            Err(error) => return Err(OpenError::new("wait for the set-up", &error)),
        }
    }
}

/// Waits for the last process of a cell and removes its cgroups; what it has used, counted by them if possible.
async fn dismantle(link: impl Into<Option<Link>>, group: Option<CellGroup>, usage: Usage) -> Usage {
    if let Some(link) = link.into() {
        link.end().await;
    }
    let Some(group) = group else { return usage };
    let removal = tokio::task::spawn_blocking(move || {
        let counted = group.usage(usage);
        // What cannot be removed now is empty, and left for the next sweep.
        let _ = group.remove();
        counted
    });
    removal.await.unwrap_or(usage)
}
