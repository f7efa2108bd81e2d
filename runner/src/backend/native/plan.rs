//! Decides what the private root of a cell holds. Runs in takehome, so that a cell's set-up only obeys.

use super::{
    conceal,
    mounts::{Access, Node},
};
use crate::backend::{CellSpec, OpenError, Root, WORK, Work};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Directories at the root that are links into `/usr` on merged systems.
const TOP: [&str; 7] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr"];
/// Package stores of systems without a `/usr`.
const STORES: [&str; 2] = ["/nix/store", "/gnu/store"];
/// The devices of a cell.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// All locks of certain kinds on this machine, whoever holds them: with numbers in it that a program chooses.
pub(super) const LOCKS: &str = "/proc/locks";
/// What the dynamic loader and the C library read.
const ETC_LIBRARIES: [&str; 4] = ["localtime", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"];
/// What compilers and interpreters read. `ssl` is taken apart because of its private keys.
const ETC_SYSTEM: [&str; 10] = [
    "ssl/certs",
    "ssl/openssl.cnf",
    "ca-certificates",
    "pki/tls/certs",
    "pki/ca-trust",
    "crypto-policies",
    "alternatives",
    "protocols",
    "services",
    "os-release",
];
/// Beginnings of further names in `/etc`, with a version behind them on most systems.
const ETC_PREFIXES: [&str; 3] = ["java", "python3", "perl"];

/// What of the host's system exists; looked up once.
#[derive(Debug)]
pub(super) struct Host {
    libraries: Vec<Node>,
    system: Vec<Node>,
    /// Our own executable, which no cell may hold.
    ours: Option<PathBuf>,
}

impl Host {
    /// Looks at this machine, on which `executable` is takehome.
    pub(super) fn look(executable: &Path) -> Self {
        let etc = |name: &str| bind_if_there(&Path::new("/etc").join(name));
        let base: Vec<Node> = ETC_LIBRARIES.iter().filter_map(|name| etc(name)).collect();
        let stores = || STORES.iter().filter_map(|path| bind_if_there(Path::new(path)));
        let mut libraries = top_links();
        libraries.extend(library_directories().iter().filter_map(|path| bind_if_there(path)));
        libraries.extend(stores().chain(base.iter().cloned()));
        let mut system: Vec<Node> = TOP.iter().filter_map(|path| link_or_bind(Path::new(path))).collect();
        system.extend(stores().chain(base));
        system.extend(ETC_SYSTEM.iter().filter_map(|name| etc(name)));
        system.extend(etc_with_prefixes().iter().filter_map(|name| etc(name)));
        Self { libraries, system, ours: conceal::place_of(executable) }
    }

    /// The whole private root of a cell.
    pub(super) fn plan(&self, spec: &CellSpec) -> Result<Vec<Node>, OpenError> {
        let mut nodes = match spec.root {
            Root::Libraries => self.libraries.clone(),
            Root::System => self.system.clone(),
        };
        nodes.extend(etc_of_ours());
        nodes.extend(devices());
        nodes.push(Node::Processes { at: "/proc".into() });
        nodes.push(conceal::cover(Path::new(LOCKS)));
        nodes.push(scratch("/dev/shm", spec.tmp_bytes));
        nodes.push(scratch("/tmp", spec.tmp_bytes));
        nodes.push(Node::Link { at: "/var/tmp".into(), to: "/tmp".into() });
        nodes.push(work(&spec.work));
        for mount in &spec.mounts {
            nodes.push(extra(mount)?);
        }
        if let Some(executable) = &self.ours {
            conceal::conceal(executable, &mut nodes);
        }
        Ok(nodes)
    }
}

/// A mount that the caller wants.
fn extra(mount: &crate::backend::Mount) -> Result<Node, OpenError> {
    if !mount.at.is_absolute() || mount.at.components().any(|part| part == std::path::Component::ParentDir) {
        let step = format!("mount {}", mount.host.display());
        return Err(OpenError { step, reason: format!("{} is not a plain absolute path", mount.at.display()) });
    }
    let access = if mount.writable { Access::Writable } else { Access::ReadOnly };
    Ok(Node::Bind { at: mount.at.as_path().into(), host: mount.host.as_path().into(), access })
}

/// The work directory.
fn work(work: &Work) -> Node {
    match work {
        Work::Memory { bytes, inodes } => Node::Memory { at: WORK.into(), bytes: *bytes, inodes: *inodes, mode: 0o755 },
        Work::Folder(folder) => Node::Bind { at: WORK.into(), host: folder.as_path().into(), access: Access::Writable },
    }
}

/// A tmpfs that everyone may write to. One inode for every 4 KiB is more than files of any use need.
fn scratch(at: &str, bytes: u64) -> Node {
    Node::Memory { at: at.into(), bytes, inodes: (bytes / 4096).max(64), mode: 0o1777 }
}

/// The devices and the links that shells expect beside them.
fn devices() -> Vec<Node> {
    let device = |name: &&str| {
        let path = format!("/dev/{name}");
        Node::Bind { at: path.as_str().into(), host: path.as_str().into(), access: Access::Device }
    };
    let links = [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")];
    let link = |(at, to): (&str, &str)| Node::Link { at: format!("/dev/{at}").as_str().into(), to: to.into() };
    DEVICES.iter().map(device).chain(links.map(link)).collect()
}

/// The part of `/etc` that says nothing about this machine.
fn etc_of_ours() -> Vec<Node> {
    let file = |(name, content): (&str, &str)| Node::File {
        at: format!("/etc/{name}").as_str().into(),
        content: content.into(),
    };
    [
        ("passwd", "root:x:0:0:root:/:/bin/sh\ncandidate:x:1000:1000:candidate:/work:/bin/sh\n"),
        ("group", "root:x:0:\ncandidate:x:1000:\n"),
        ("hosts", "127.0.0.1 localhost cell\n::1 localhost\n"),
        ("hostname", "cell\n"),
        ("host.conf", "multi on\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n"),
    ]
    .map(file)
    .into()
}

/// Names in `/etc` that begin with one of the prefixes.
fn etc_with_prefixes() -> Vec<String> {
    let entries = std::fs::read_dir("/etc").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| ETC_PREFIXES.iter().any(|prefix| name.starts_with(prefix))).collect();
    names.sort();
    names
}

/// A bind at the same place as on the host.
fn bind_if_there(path: &Path) -> Option<Node> {
    path.exists().then(|| Node::Bind { at: path.into(), host: path.into(), access: Access::ReadOnly })
}

/// The same link as on the host, or a bind of the directory.
fn link_or_bind(path: &Path) -> Option<Node> {
    match std::fs::read_link(path) {
        Ok(to) => Some(Node::Link { at: path.into(), to: to.as_path().into() }),
        Err(_) => bind_if_there(path),
    }
}

/// The links at the root that lead to library directories.
fn top_links() -> Vec<Node> {
    let links = TOP.iter().filter(|path| path.starts_with("/lib") && Path::new(path).is_symlink());
    links.filter_map(|path| link_or_bind(Path::new(path))).collect()
}

/// The directories that hold shared libraries and little else, with the dynamic loader's among them.
///
/// `/usr/lib` as a whole also holds compilers and interpreters; it is taken only where no narrower directory has the
/// C library.
fn library_directories() -> BTreeSet<PathBuf> {
    let mut found: BTreeSet<PathBuf> =
        ["/usr/lib64", "/lib64", "/usr/lib32", "/lib32"].iter().map(Into::into).collect();
    found.extend(multiarch("/usr/lib"));
    found.extend(multiarch("/lib"));
    found.extend(loader_directories(Path::new("/etc/ld.so.conf"), 0));
    let mut found: BTreeSet<PathBuf> =
        found.iter().filter_map(|path| path.canonicalize().ok()).filter(|path| !is_whole_lib(path)).collect();
    if !found.iter().any(|path| has_c_library(path)) {
        found.extend(["/usr/lib", "/lib"].iter().filter_map(|path| Path::new(path).canonicalize().ok()));
    }
    let inner = |path: &PathBuf| found.iter().any(|other| other != path && path.starts_with(other));
    found.iter().filter(|path| !inner(path)).cloned().collect()
}

/// Whether a directory is the general one.
fn is_whole_lib(path: &Path) -> bool {
    path == Path::new("/usr/lib") || path == Path::new("/lib")
}

/// Whether the C library lies here, under its usual or its musl name.
fn has_c_library(path: &Path) -> bool {
    path.join("libc.so.6").exists() || path.join("libc.so").is_symlink()
}

/// Directories such as `/usr/lib/x86_64-linux-gnu`.
fn multiarch(parent: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.join("libc.so.6").exists()).collect()
}

/// The directories that the loader's configuration names, includes followed.
fn loader_directories(file: &Path, depth: u32) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let mut found = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        match line.strip_prefix("include ") {
            Some(pattern) if depth < 4 => found.extend(included(pattern.trim(), depth)),
            Some(_) => {}
            None => found.push(PathBuf::from(line)),
        }
    }
    found
}

/// The directories named by `include /etc/ld.so.conf.d/*.conf`; the last part may hold one star.
fn included(pattern: &str, depth: u32) -> Vec<PathBuf> {
    let absolute = Path::new("/etc").join(pattern);
    let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let (start, end) = name.split_once('*').unwrap_or((name, ""));
    let fits = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(start) && name.ends_with(end)
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(fits).flat_map(|path| loader_directories(&path, depth + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_may_not_climb() {
        let mount = crate::backend::Mount { host: "/usr".into(), at: "/work/../etc".into(), writable: true };
        assert!(extra(&mount).is_err());
    }

    #[test]
    fn library_directories_do_not_nest_and_hold_the_c_library() {
        let found = library_directories();
        assert!(found.iter().any(|path| has_c_library(path)), "{found:?}");
        for path in &found {
            assert!(!found.iter().any(|other| other != path && path.starts_with(other)), "{found:?}");
        }
    }
}
