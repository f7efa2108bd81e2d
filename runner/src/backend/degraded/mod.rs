//! The back end of machines without namespaces: no walls but what a process may take from itself. For candidates who
//! check their own work; nothing that grades for others falls back to it.
//!
//! Landlock leaves the files of the cell and the chosen parts of the system; seccomp leaves no sockets; PID 1 of other
//! cells is an ordinary process here, to which all orphans come, and which finds what it has to signal by walking the
//! process list. There is one process list, one `/tmp` with another name, and no size of the work directory: the layers
//! say so.

mod walls;

pub(super) use walls::Walls;

use super::{
    Backend, Capabilities, CellSpec, Layer, LayerStatus, Mount, OpenError, Opening, Work,
    escort::escort,
    landlock,
    native::{
        DEDICATED_USER,
        foreign::{Builder, Enter, Foreign, Launch, Plan},
        limits::Bounds,
    },
    places::Places,
};
use std::{
    io,
    net::TcpListener,
    path::{Path, PathBuf},
};

/// The back end without namespaces.
#[derive(Clone)]
pub struct Degraded(Foreign);

impl Degraded {
    /// A back end whose cells are set up by `helper`, which is takehome or a program that behaves as it when asked to.
    #[must_use]
    pub fn new(helper: PathBuf) -> Self {
        Self(Foreign::new(helper, Own { abi: landlock::version(), proxy: None }))
    }

    async fn open_cell(&self, spec: CellSpec) -> Result<super::Cell, OpenError> {
        let failed = |step: &'static str| move |error: io::Error| OpenError::new(step, &error);
        let scratch = Scratch::new(&self.0).map_err(failed("make the scratch folders"))?;
        let listener = spec.egress.then(|| TcpListener::bind("127.0.0.1:0")).transpose();
        let listener = listener.map_err(failed("listen for the proxy"))?;
        let proxy =
            listener.as_ref().map(TcpListener::local_addr).transpose().map_err(failed("listen for the proxy"))?;
        let spec = scratch.part_of(spec);
        let places = Places::new(&spec).map_err(failed("make the work directory"))?;
        let own = Own { abi: landlock::version(), proxy: proxy.map(|address| address.port()) };
        let mut cell = self.0.with(own).open(spec).await?;
        cell.egress = listener;
        let proxy = proxy.map(|address| address.to_string());
        let temporary = scratch.tmp();
        Ok(escort(cell, (places, scratch), move |(places, _), command| {
            let mut command = places.command(&command, proxy.as_deref());
            if !command.env.iter().any(|(name, _)| name == "TMPDIR") {
                command.env.push(("TMPDIR".into(), temporary.clone().into()));
            }
            command
        }))
    }
}

impl Backend for Degraded {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn open(&self, spec: CellSpec) -> Opening<'_> {
        Box::pin(self.open_cell(spec))
    }

    fn adopt(&self, folder: &Path) -> io::Result<()> {
        self.0.adopt(folder)
    }
}

/// The folders of one cell.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new(cells: &Foreign) -> io::Result<Self> {
        let folder = crate::leftovers::scratch("cell")?;
        for name in ["work", "tmp"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        cells.adopt(folder.path())?;
        Ok(Self(folder))
    }

    fn tmp(&self) -> PathBuf {
        self.0.path().join("tmp")
    }

    /// The cell with these folders instead of fresh memory.
    fn part_of(&self, mut spec: CellSpec) -> CellSpec {
        if matches!(spec.work, Work::Memory { .. }) {
            spec.work = Work::Folder(self.0.path().join("work"));
        }
        spec.mounts.push(Mount { host: self.tmp(), at: "/tmp".into(), writable: true });
        spec
    }
}

/// No other program: the entrance puts up what walls there are.
struct Own {
    abi: u32,
    proxy: Option<u16>,
}

impl Builder for Own {
    fn name(&self) -> &'static str {
        "degraded"
    }

    fn available(&self) -> Result<(), String> {
        let why = "this kernel has no Landlock, which Linux 5.13 brought: boot with `lsm=landlock,…` if it is only \
                   switched off";
        if self.abi > 0 { Ok(()) } else { Err(why.into()) }
    }

    fn launch(&self, _: &CellSpec, plan: Plan) -> Result<(Launch, Enter), OpenError> {
        let user = plan.is_dedicated().then_some(plan.user);
        let (argv, tidy) = (Vec::new(), Vec::new());
        let launch = Launch { argv, env: Vec::new(), files: Vec::new(), reach: Vec::new(), user, tidy };
        let walls = Walls::around(&plan.nodes, self.proxy);
        Ok((launch, Enter { egress: false, walls: Some(walls) }))
    }

    fn bounds(&self, spec: &CellSpec, whole_cell: bool) -> Bounds {
        Bounds::new(&spec.limits, whole_cell).without_processes()
    }

    fn correct(&self, layers: &mut Vec<Layer>) {
        let abi = self.abi;
        let at_least = |needed| if abi >= needed { LayerStatus::Enforced } else { LayerStatus::Missing };
        let mut set = |name: &'static str, status, detail: String| match layers.iter_mut().find(|it| it.name == name) {
            Some(layer) => (layer.status, layer.detail) = (status, detail),
            None => layers.push(Layer { name, status, detail }),
        };
        let dedicated = nix::unistd::geteuid().is_root().then_some(DEDICATED_USER);
        let (status, user) = match dedicated {
            Some(id) => (LayerStatus::Enforced, format!("host user {id}")),
            None => (LayerStatus::Missing, "the one who started takehome".into()),
        };
        set("other user", status, user);
        set("landlock", at_least(1), format!("version {abi}, for every program of the cell"));
        let files = "Landlock: the cell's folders and chosen, read-only parts of the host, at their own paths";
        set("private root", LayerStatus::Approximate, files.into());
        let network = if abi >= 4 {
            "seccomp: no sockets; while dependencies are fetched, Landlock: TCP to the proxy alone"
        } else {
            "seccomp: no sockets; but while dependencies are fetched, TCP to everywhere (Linux 6.7 can forbid it)"
        };
        let approximate = if abi >= 4 { LayerStatus::Enforced } else { LayerStatus::Approximate };
        set("no network", approximate, network.into());
        set("signals stay inside", at_least(6), format!("Landlock of version {abi}; 6 is needed (Linux 6.12)"));
        set("hidden processes", LayerStatus::Missing, "the host's process list and command lines can be read".into());
        set("end of the cell", LayerStatus::Approximate, "what runs is found by walking the process list".into());
        set("work size limit", LayerStatus::Missing, "only the size of one file is limited".into());
        let unlimited = |it: &&mut Layer| it.name == "process limit" && it.status != LayerStatus::Enforced;
        if let Some(layer) = layers.iter_mut().find(unlimited) {
            (layer.status, layer.detail) = (LayerStatus::Missing, "the user's own".into());
        }
    }
}
