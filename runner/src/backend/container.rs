//! The back end that has podman put up the walls, as root or as an ordinary user: a container without an image, without
//! a network and without capabilities, in which our own PID 1 runs.
//!
//! Docker is not used: its client hands no descriptors to a container, so that the program of PID 1 would have to lie in
//! the cell, and with it the challenges' references.

use super::{
    Backend, Capabilities, Cell, CellSpec, Layer, LayerStatus, OpenError, Opening,
    escort::escort,
    native::{
        foreign::{ASK_ENTRANCE, Builder, Enter, Foreign, Launch, PROGRAM_PATH, Plan, find},
        mounts::{Access, Node, behind_links},
        wire::Bytes,
    },
};
use std::{
    fs::Permissions,
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// As root: the user of the host that root of the container is, who owns nothing. It is the one after
/// [`super::native::DEDICATED_USER`].
const CONTAINER_ROOT: u32 = super::native::DEDICATED_USER + 1;

/// Processes and threads of a user that the container runtime needs itself while it sets up.
const ENOUGH_FOR_RUNC: u64 = 512;

/// The back end that has podman put up the walls.
#[derive(Clone)]
pub struct Container(Foreign);

impl Container {
    /// A back end whose cells are set up by `helper`, which is takehome or a program that behaves as it when asked to.
    #[must_use]
    pub fn new(helper: PathBuf) -> Self {
        Self(Foreign::new(helper, Podman { found: Podman::find(), root: PathBuf::new() }))
    }

    async fn open_cell(&self, spec: CellSpec) -> Result<Cell, OpenError> {
        let root = empty_root().map_err(|error| OpenError::new("make the container's root", &error))?;
        let podman = Podman { found: Podman::find(), root: root.path().to_owned() };
        let cell = self.0.with(podman).open(spec).await?;
        Ok(escort(cell, root, |_, request| Some(request)))
    }
}

/// A folder in which a container's root is put together.
fn empty_root() -> std::io::Result<tempfile::TempDir> {
    let root = crate::leftovers::scratch("root")?;
    std::fs::set_permissions(root.path(), Permissions::from_mode(0o755))?;
    Ok(root)
}

impl Backend for Container {
    fn capabilities(&self) -> Capabilities {
        let Ok(root) = empty_root() else { return self.0.capabilities() };
        self.0.with(Podman { found: Podman::find(), root: root.path().to_owned() }).capabilities()
    }

    fn open(&self, spec: CellSpec) -> Opening<'_> {
        Box::pin(self.open_cell(spec))
    }

    fn adopt(&self, folder: &Path) -> io::Result<()> {
        self.0.adopt(folder)
    }
}

/// The program, or why it cannot be used.
struct Podman {
    found: Result<PathBuf, String>,
    /// The root of a container; empty but for what nothing is mounted for.
    root: PathBuf,
}

impl Podman {
    fn find() -> Result<PathBuf, String> {
        find("podman").map_err(|why| match find("docker") {
            Ok(_) => format!("{why}; docker alone cannot hand a cell its control socket"),
            Err(_) => why,
        })
    }
}

impl Builder for Podman {
    fn name(&self) -> &'static str {
        "podman"
    }

    fn available(&self) -> Result<(), String> {
        self.found.clone().map(drop)?;
        if nix::unistd::geteuid().is_root() || has_ranges() {
            return Ok(());
        }
        Err("podman needs a range of users for you: sudo usermod --add-subuids 100000-165535 --add-subgids \
             100000-165535 $USER"
            .into())
    }

    fn launch(&self, spec: &CellSpec, mut plan: Plan) -> Result<(Launch, Enter), OpenError> {
        let podman = self.found.clone().map_err(|why| OpenError::new("find podman", &why))?;
        let mut arguments = Arguments::default();
        let nodes = std::mem::take(&mut plan.nodes);
        furnish(&self.root).map_err(|error| OpenError::new("make the container's root", &error))?;
        let name = unique_name();
        let mut tidy = Arguments(vec![podman.as_path().into()]);
        tidy.texts(&engine());
        tidy.texts(&["rm", "--force", "--time=0", "--ignore", &name]);
        arguments.texts(&engine());
        arguments.texts(CONTAINER);
        arguments.texts(&["--name", &name]);
        arguments.limits(spec);
        arguments.user(&plan);
        let mut links = Vec::new();
        for node in &nodes {
            if let Node::Link { at, to } = node {
                links.push((at.path(), to.path()));
            }
            prepare(&self.root, &links, node)
                .map_err(|error| OpenError::new(format!("make the container's root: {node:?}"), &error))?;
            arguments.node(node, &mut plan);
        }
        let root = plan.source(&self.root.as_path().into(), Access::Writable);
        arguments.0.extend([Bytes::from("--rootfs"), root.as_path().into()]);
        arguments.texts(&[PROGRAM_PATH, ASK_ENTRANCE]);
        let mut argv = vec![Bytes::from(podman.as_path())];
        argv.extend(arguments.0);
        let launch =
            Launch { argv, env: environment(), files: Vec::new(), reach: plan.reach(), user: None, tidy: tidy.0 };
        Ok((launch, Enter { egress: spec.egress, walls: None }))
    }

    fn correct(&self, layers: &mut Vec<Layer>) {
        let mut say = |name, status, detail: &str| layers.push(Layer { name, status, detail: detail.into() });
        say("inode limit", LayerStatus::Approximate, "podman takes none: as many as the kernel gives a tmpfs");
        say("hidden processes", LayerStatus::Approximate, "PID 1 is seen in /proc, but cannot be looked into");
        say("no /sys", LayerStatus::Approximate, "read-only, with the parts masked that podman masks");
    }
}

/// Whether an ordinary user has further users to give away.
fn has_ranges() -> bool {
    let name = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map(|user| user.name);
    let Some(name) = name else { return false };
    ["/etc/subuid", "/etc/subgid"].iter().all(|file| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().any(|line| line.strip_prefix(&name).is_some_and(|rest| rest.starts_with(':')))
    })
}

/// A name that no other container has.
fn unique_name() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("takehome-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// How podman is made to work on this kind of machine.
fn engine() -> Vec<&'static str> {
    let mut words = Vec::new();
    let unified = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    if !unified && find("runc").is_ok() {
        // crun refuses machines with version 1 and 2 side by side.
        words.extend(["--runtime", "runc"]);
    }
    if !Path::new("/run/systemd/system").exists() {
        words.extend(["--cgroup-manager", "cgroupfs"]);
    }
    words
}

/// What every cell is.
const CONTAINER: &[&str] = &[
    "run",
    "--rm",
    "--network=none",
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--ipc=private",
    "--pid=private",
    "--uts=private",
    "--cgroupns=private",
    "--hostname=cell",
    "--no-hosts",
    "--env-host=false",
    "--http-proxy=false",
    "--log-driver=none",
    "--pull=never",
    "--workdir=/",
    "--entrypoint=",
    // The control socket and the program of PID 1.
    "--preserve-fds=2",
];

/// What podman needs of our environment to find its own configuration and storage.
fn environment() -> Vec<String> {
    let names = ["PATH", "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS"];
    let value = |name: &str| Some(format!("{name}={}", std::env::var(name).ok()?));
    names.iter().filter_map(|name| value(name)).collect()
}

/// Puts into the container's root what podman mounts on by itself.
fn furnish(root: &Path) -> io::Result<()> {
    ["dev", "etc", "proc", "run", "sys"].iter().try_for_each(|name| directories(&root.join(name)))?;
    ["etc/resolv.conf", "run/.containerenv"].iter().try_for_each(|name| std::fs::write(root.join(name), ""))
}

/// Puts into the container's root what is no mount, and something to mount on for what is. Out here, an absolute link in
/// that root would lead to the host's own folder.
fn prepare(root: &Path, links: &[(PathBuf, PathBuf)], node: &Node) -> io::Result<()> {
    let at = |at: &Bytes| {
        let at = behind_links(links, at.path());
        root.join(at.strip_prefix("/").unwrap_or(&at))
    };
    let parents = |path: &Path| path.parent().map_or(Ok(()), directories);
    match node {
        Node::Link { at: place, to } => {
            parents(&at(place))?;
            symlink(to.path(), at(place))
        }
        Node::File { at: place, content } => {
            parents(&at(place))?;
            std::fs::write(at(place), content)
        }
        Node::Bind { at: place, host, .. } if !host.path().is_dir() => {
            parents(&at(place))?;
            std::fs::File::options().create(true).append(true).open(at(place)).map(drop)
        }
        Node::Memory { at: place, .. } => {
            directories(&at(place))?;
            // A tmpfs gets the permissions of what it is mounted on, whatever its options say.
            std::fs::set_permissions(at(place), Permissions::from_mode(0o1777))
        }
        Node::Directory { at: place } | Node::Processes { at: place } => directories(&at(place)),
        Node::Bind { at: place, .. } => directories(&at(place)),
    }
}

/// A directory and those above it.
fn directories(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(path)
}

/// The arguments of `podman` so far.
#[derive(Default)]
struct Arguments(Vec<Bytes>);

impl Arguments {
    fn texts(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(|&word| Bytes::from(word)));
    }

    fn limits(&mut self, spec: &CellSpec) {
        let limits = &spec.limits;
        // Set again, and finally, when a program is started.
        let (files, processes) = (limits.open_files.max(64), limits.processes + 1);
        let threads = processes.max(ENOUGH_FOR_RUNC);
        self.texts(&[
            &format!("--memory={}b", limits.memory),
            &format!("--pids-limit={processes}"),
            &format!("--ulimit=nofile={files}:{files}"),
            "--ulimit=core=0:0",
            // Without a word podman asks for more than it may have on some machines.
            &format!("--ulimit=nproc={threads}:{threads}"),
        ]);
    }

    /// Who the container's users are, seen from the host: never root.
    fn user(&mut self, plan: &Plan) {
        if !plan.is_dedicated() {
            return self.texts(&["--userns=keep-id:uid=1000,gid=1000", "--user=1000:1000"]);
        }
        let user = plan.user;
        for option in ["--uidmap", "--gidmap"] {
            self.texts(&[&format!("{option}=0:{CONTAINER_ROOT}:1"), &format!("{option}=1000:{user}:1")]);
        }
        self.texts(&["--user=1000:1000"]);
    }

    /// One part of the root.
    fn node(&mut self, node: &Node, plan: &mut Plan) {
        match node {
            // Its own way of covering one of these; it takes no mounts there.
            Node::Bind { at, .. } if at.path().starts_with("/proc") => {
                self.0.extend(["--security-opt".into(), Bytes::joined(&[&"mask=".into(), at])]);
            }
            Node::Bind { at, host, access } if !at.path().starts_with("/dev") => {
                let source = plan.source(host, *access);
                let end = if *access == Access::Writable { ":rbind,rw,nosuid,nodev" } else { ":rbind,ro,nosuid,nodev" };
                let (source, at) = (Bytes::from(source.as_path()), at.clone());
                self.0.extend(["--volume".into(), Bytes::joined(&[&source, &":".into(), &at, &end.into()])]);
            }
            Node::Memory { at, bytes, .. } if !at.path().starts_with("/dev") => {
                // It belongs to the container's root; the cell has one user, and nobody else is there to write.
                let options = format!(":rw,nosuid,nodev,exec,size={bytes},mode=1777,notmpcopyup");
                self.0.extend(["--tmpfs".into(), Bytes::joined(&[at, &options.as_str().into()])]);
            }
            Node::Memory { bytes, .. } => self.texts(&[&format!("--shm-size={bytes}b")]),
            // `/dev` and `/proc` are podman's own.
            Node::Bind { .. }
            | Node::Link { .. }
            | Node::File { .. }
            | Node::Directory { .. }
            | Node::Processes { .. } => {}
        }
    }
}
