//! The back end of machines without namespaces: no walls but what a process may take from itself. For candidates who
//! check their own work; nothing that grades for others falls back to it.
//!
//! Landlock leaves the files of the cell and the chosen parts of the system; seccomp leaves no sockets, or to a server
//! TCP, of which Landlock leaves one port, on a network that is everybody's; PID 1 of other cells is an ordinary process
//! here, to which all orphans come, and which finds what it has to signal by walking the process list. There is one
//! process list, one `/tmp` with another name, and no size of the work directory: the layers say so.

mod walls;

pub(super) use walls::{Tcp, Walls};

use super::{
    Backend, Capabilities, CellSpec, Control, Layer, LayerStatus, Mount, OpenError, Opening, Work,
    escort::escort,
    landlock,
    native::{
        connect, dedicated_user,
        foreign::{Builder, Enter, Foreign, Launch, Plan},
        limits::Bounds,
    },
    places::Places,
};
use std::{
    io,
    net::TcpListener,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The back end without namespaces.
#[derive(Clone)]
pub struct Degraded(Foreign);

impl Degraded {
    /// A back end whose cells are set up by `helper`, which is takehome or a program that behaves as it when asked to.
    #[must_use]
    pub fn new(helper: PathBuf) -> Self {
        Self(Foreign::new(helper, Own { abi: landlock::version(), tcp: Tcp::Nothing }))
    }

    async fn open_cell(&self, spec: CellSpec) -> Result<super::Cell, OpenError> {
        let failed = |step: &'static str| move |error: io::Error| OpenError::new(step, &error);
        let scratch = Scratch::new(&self.0).map_err(failed("make the scratch folders"))?;
        let listener = spec.egress.then(|| TcpListener::bind("127.0.0.1:0")).transpose();
        let listener = listener.map_err(failed("listen for the proxy"))?;
        let proxy =
            listener.as_ref().map(TcpListener::local_addr).transpose().map_err(failed("listen for the proxy"))?;
        let spec = scratch.part_of(spec);
        if let Some(user) = self.0.dedicated() {
            let work = match &spec.work {
                Work::Folder(folder) => Some(folder),
                Work::Memory { .. } => None,
            };
            spec.mounts.iter().map(|mount| &mount.host).chain(work).try_for_each(|host| within_reach(host, user))?;
        }
        let places = Places::new(&spec).map_err(failed("make the work directory"))?;
        let tcp = match (proxy, spec.port) {
            (Some(proxy), _) => Tcp::To(proxy.port()),
            (None, Some(port)) => Tcp::At(port),
            (None, None) => Tcp::Nothing,
        };
        let own = Own { abi: landlock::version(), tcp };
        let mut cell = self.0.with(own).open(spec).await?;
        cell.egress = listener;
        let proxy = proxy.map(|address| address.to_string());
        let temporary = scratch.tmp();
        Ok(escort(cell, (places, scratch), move |(places, _), request| match request {
            Control::Start(command, stdio) => {
                let mut command = places.command(&command, proxy.as_deref());
                if !command.env.iter().any(|(name, _)| name == "TMPDIR") {
                    command.env.push(("TMPDIR".into(), temporary.clone().into()));
                }
                Some(Control::Start(command, stdio))
            }
            // PID 1 has given up the right to connect, and we are on the same loopback.
            Control::Connect(port, connected) => {
                let _nobody_waits_any_more = connected.send(connect(port).map(Into::into).map_err(io::Error::from));
                None
            }
            other => Some(other),
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

/// Whether the cells' user, who is not root, has a way to a file or folder of the host's: there is no mount to bring it
/// nearer. Otherwise a program would look like one that cannot be started at all.
fn within_reach(host: &Path, user: u32) -> Result<(), OpenError> {
    let is_closed =
        |folder: &&Path| folder.metadata().is_ok_and(|found| found.uid() != user && found.mode() & 0o001 == 0);
    let real = host.canonicalize().unwrap_or_else(|_| host.to_owned());
    match real.ancestors().skip(1).find(is_closed) {
        None => Ok(()),
        Some(folder) => Err(OpenError {
            step: format!("reach {}", host.display()),
            reason: format!(
                "{} is closed to the cells' user {user}, and this sandbox has no mounts of its own: check as an ordinary \
                 user, or keep what is needed elsewhere (TAKEHOME_CACHE, TMPDIR, CARGO_HOME and RUSTUP_HOME say where)",
                folder.display()
            ),
        }),
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
    tcp: Tcp,
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
        let walls = Walls::around(&plan.nodes, self.tcp);
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
        let (status, user) = match dedicated_user() {
            Some(id) => (LayerStatus::Enforced, format!("host user {id}")),
            None => (LayerStatus::Missing, "the one who started takehome".into()),
        };
        set("other user", status, user);
        set("landlock", at_least(1), format!("version {abi}, for every program of the cell"));
        let files = "Landlock: the cell's folders and chosen, read-only parts of the host, at their own paths";
        set("private root", LayerStatus::Approximate, files.into());
        let network = if abi >= 4 {
            "seccomp: no sockets; Landlock: while dependencies are fetched, TCP to the proxy alone; a server has its port, \
             on a network that is the host's"
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    #[test]
    fn what_lies_in_a_closed_folder_is_out_of_reach() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        let open = |mode| std::fs::set_permissions(folder.path(), Permissions::from_mode(mode)).expect("permissions");
        open(0o700);
        std::fs::write(&file, "").expect("a file");
        let elsewhere = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(elsewhere.path(), Permissions::from_mode(0o755)).expect("permissions");
        let link = elsewhere.path().join("link");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        let nobody = u32::MAX - 7;
        for host in [&file, &link] {
            let error = within_reach(host, nobody).expect_err("closed").to_string();
            assert!(error.contains(&format!("{} is closed", folder.path().display())), "{error}");
        }
        within_reach(&file, nix::unistd::geteuid().as_raw()).expect("it is this user's");
        open(0o711);
        within_reach(&file, nobody).expect("open");
    }
}
