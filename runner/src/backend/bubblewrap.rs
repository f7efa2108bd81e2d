//! The back end of machines where only bubblewrap may make user namespaces: `bwrap` puts up namespaces and mounts, and
//! executes our own PID 1 in them.
//!
//! It differs from how most people call it in what its manual leaves to the caller: a root that is read-only, a `/dev`
//! of five devices, no `/sys`, no further user namespaces, no capabilities, every tmpfs with a size, every parent
//! directory with its permissions, and, as root, another user of the host. What it has no option for is said in the
//! report: the number of inodes of a tmpfs, hiding other processes in `/proc`, and views of files that no other cell has.

use super::{
    Backend, Capabilities, CellSpec, Layer, LayerStatus, OpenError, Opening,
    native::{
        foreign::{ASK_ENTRANCE, Builder, Enter, FIRST_FILE, Foreign, Launch, PROGRAM_PATH, Plan, find},
        mounts::{Access, Node, behind_links},
        wire::Bytes,
    },
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

/// The back end that has `bwrap` put up the walls.
#[derive(Clone)]
pub struct Bubblewrap(Foreign);

impl Bubblewrap {
    /// A back end whose cells are set up by `helper`, which is takehome or a program that behaves as it when asked to.
    #[must_use]
    pub fn new(helper: PathBuf) -> Self {
        Self(Foreign::new(helper, Bwrap::find()))
    }
}

impl Backend for Bubblewrap {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn open(&self, spec: CellSpec) -> Opening<'_> {
        Box::pin(self.0.open(spec))
    }

    fn adopt(&self, folder: &Path) -> std::io::Result<()> {
        self.0.adopt(folder)
    }
}

/// Options without which a cell is not what it has to be, with the version of bubblewrap that brought them.
const NEEDED: [&str; 3] = ["--disable-userns", "--size", "--perms"];

/// The program, or why it cannot be used.
struct Bwrap(Result<PathBuf, String>);

impl Bwrap {
    fn find() -> Self {
        Self(find("bwrap").and_then(|program| new_enough(&program).map(|()| program)))
    }
}

/// Whether a program has all the options that are needed.
fn new_enough(program: &Path) -> Result<(), String> {
    let output = Command::new(program).arg("--help").output().map_err(|error| format!("bwrap: {error}"))?;
    let help = [output.stdout, output.stderr].concat();
    let help = String::from_utf8_lossy(&help);
    match NEEDED.iter().find(|option| !help.contains(*option)) {
        Some(option) => Err(format!("this bwrap is too old, it has no {option}: bubblewrap 0.8 or later is needed")),
        None => Ok(()),
    }
}

impl Builder for Bwrap {
    fn name(&self) -> &'static str {
        "bubblewrap"
    }

    fn available(&self) -> Result<(), String> {
        self.0.clone().map(drop)
    }

    fn launch(&self, spec: &CellSpec, mut plan: Plan) -> Result<(Launch, Enter), OpenError> {
        let program = self.0.clone().map_err(|why| OpenError::new("find bwrap", &why))?;
        let mut arguments = Arguments::default();
        arguments.texts(WALLS);
        for node in std::mem::take(&mut plan.nodes) {
            arguments.node(&node, &mut plan);
        }
        arguments.texts(&["--remount-ro", "/", "--chdir", "/", "--", PROGRAM_PATH]);
        arguments.texts(&[ASK_ENTRANCE]);
        let mut argv = vec![Bytes::from(program.as_path())];
        argv.extend(arguments.words);
        let user = plan.is_dedicated().then_some(plan.user);
        let launch =
            Launch { argv, env: Vec::new(), files: arguments.files, reach: plan.reach(), user, tidy: Vec::new() };
        Ok((launch, Enter { egress: spec.egress, walls: None }))
    }

    fn correct(&self, layers: &mut Vec<Layer>) {
        let mut say = |name, detail: &str| {
            layers.push(Layer { name, status: LayerStatus::Approximate, detail: detail.into() });
        };
        say("inode limit", "bwrap has no option for it: as many as the kernel gives a tmpfs of any size");
        say("hidden processes", "PID 1 of the cell is seen in /proc, but cannot be looked into");
    }
}

/// What every cell is.
const WALLS: &[&str] = &[
    "--unshare-all",
    // Said again, because "all" only means "if possible" for this one.
    "--unshare-user",
    "--unshare-cgroup",
    "--disable-userns",
    "--die-with-parent",
    "--new-session",
    "--as-pid-1",
    "--clearenv",
    "--cap-drop",
    "ALL",
    "--uid",
    "1000",
    "--gid",
    "1000",
    "--hostname",
    "cell",
];

/// The arguments of `bwrap` so far.
#[derive(Default)]
struct Arguments {
    words: Vec<Bytes>,
    files: Vec<String>,
    /// Directories that are there already.
    made: BTreeSet<PathBuf>,
    /// Places that something is mounted on: what lies below is not ours to make.
    mounted: Vec<PathBuf>,
    /// Links and where they lead; bwrap itself would follow them in the host's tree.
    links: Vec<(PathBuf, PathBuf)>,
}

impl Arguments {
    fn words<const N: usize>(&mut self, words: [Bytes; N]) {
        self.words.extend(words);
    }

    fn texts(&mut self, words: &[&str]) {
        self.words.extend(words.iter().map(|&word| Bytes::from(word)));
    }

    /// One part of the private root.
    fn node(&mut self, node: &Node, plan: &mut Plan) {
        match node {
            Node::Link { at, to } => {
                self.links.push((at.path(), to.path()));
                let at = self.place(at);
                self.words(["--symlink".into(), to.clone(), at]);
            }
            Node::File { at, content } => {
                let at = self.place(at);
                let descriptor = (FIRST_FILE + self.files.len() as i32).to_string();
                self.files.push(content.clone());
                self.words(["--perms".into(), "0644".into(), "--file".into(), descriptor.as_str().into(), at]);
            }
            Node::Directory { at } => self.directories(&at.path()),
            Node::Bind { at, host, access } => {
                let source = Bytes::from(plan.source(host, *access).as_path());
                let option = match access {
                    Access::ReadOnly => "--ro-bind",
                    Access::Writable => "--bind",
                    Access::Device => "--dev-bind",
                };
                let at = self.mount(at);
                self.words([option.into(), source, at]);
            }
            // There is no option for the number of inodes.
            Node::Memory { at, bytes, mode, .. } => {
                let at = self.mount(at);
                let (mode, bytes) = (format!("{mode:04o}"), bytes.to_string());
                self.texts(&["--perms", &mode, "--size", &bytes, "--tmpfs"]);
                self.words([at]);
            }
            Node::Processes { at } => {
                let at = self.mount(at);
                self.words(["--proc".into(), at]);
            }
        }
    }

    /// A place whose parents are there.
    fn place(&mut self, at: &Bytes) -> Bytes {
        let at = behind_links(&self.links, at.path());
        if let Some(parent) = at.parent() {
            self.directories(parent);
        }
        at.as_path().into()
    }

    /// The same for something that hides what is below it.
    fn mount(&mut self, at: &Bytes) -> Bytes {
        let place = self.place(at);
        self.mounted.push(place.path());
        place
    }

    /// A directory and those above it, with the permissions that bwrap would not give them by itself.
    fn directories(&mut self, path: &Path) {
        if path == Path::new("/") || self.mounted.iter().any(|above| path.starts_with(above)) {
            return;
        }
        if let Some(parent) = path.parent() {
            self.directories(parent);
        }
        if self.made.insert(path.to_owned()) {
            self.words(["--perms".into(), "0755".into(), "--dir".into(), path.into()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_made_once_and_never_below_a_mount() {
        let mut arguments = Arguments::default();
        arguments.directories(Path::new("/a/b"));
        arguments.directories(Path::new("/a/c"));
        arguments.mount(&"/usr".into());
        arguments.directories(Path::new("/usr/lib/x"));
        let made: Vec<PathBuf> = arguments.words.iter().map(Bytes::path).filter(|word| word.has_root()).collect();
        assert_eq!(made, ["/a", "/a/b", "/a/c"].map(PathBuf::from));
    }

    #[test]
    fn an_old_bwrap_is_refused_by_the_option_it_lacks() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = folder.path().join("bwrap");
        std::fs::write(&old, "#!/bin/sh\necho '--size --perms'\n").expect("a script");
        std::fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("permissions");
        assert!(new_enough(&old).expect_err("too old").contains("--disable-userns"));
    }
}
