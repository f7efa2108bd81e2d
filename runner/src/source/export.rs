//! Writing a tree to disk: new folders and files only, each opened relative to its parent, links last.
//!
//! Everything is created with `O_EXCL` and `O_NOFOLLOW` below a file descriptor of the parent folder, and no symbolic
//! link exists until all files are written, so nothing in the tree can make a write land elsewhere. git's own
//! checkout is not used: it knows filters, attributes and hooks.

use super::{
    error::SourceError,
    limits::{Exceeded, Limits, Meter},
    names::{self, show},
    notices::Notices,
};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, OFlag, openat},
    sys::stat::{Mode, mkdirat},
    unistd::symlinkat,
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    io::{self, Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The first bytes of the content hash: names what is hashed and how.
const CONTENT: &[u8] = b"takehome tree 1\n";

/// What was written at a path, and what the content hash says of it.
#[derive(PartialEq, Eq)]
enum Written {
    File { executable: bool, digest: [u8; 32] },
    Link { target: Vec<u8> },
}

/// Everything that was written, by path.
#[derive(Default)]
pub(super) struct Tree {
    written: BTreeMap<Vec<u8>, Written>,
    /// Paths whose content in a work tree says nothing: submodules, and files that are kept elsewhere.
    opaque: BTreeSet<Vec<u8>>,
}

/// A folder that is being filled.
struct Open {
    name: Vec<u8>,
    /// None when nothing is written.
    fd: Option<OwnedFd>,
    /// Names already in it, as a case-insensitive file system compares them.
    folded: HashMap<Vec<u8>, Vec<u8>>,
}

/// A tree being written to a new folder.
pub(super) struct Export {
    folder: PathBuf,
    open: Vec<Open>,
    tree: Tree,
    /// Files, folders and links met so far, refused ones included.
    met: u64,
    bytes: u64,
    pub(super) meter: Arc<Meter>,
    pub(super) notices: Notices,
}

/// What was exported.
pub(super) struct Exported {
    pub(super) content: String,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) notices: Notices,
    pub(super) tree: Tree,
}

impl Export {
    /// Creates the folder, which must not exist.
    pub(super) fn create(folder: &Path, meter: Arc<Meter>, notices: Notices) -> Result<Self, SourceError> {
        let failed = |doing| move |errno: Errno| io_error(doing, folder.display().to_string(), errno);
        mkdirat(AT_FDCWD, folder, Mode::from_bits_truncate(0o755)).map_err(failed("create the folder"))?;
        let fd = open_folder(AT_FDCWD, folder).map_err(failed("open the folder"))?;
        Ok(Self::below(Some(fd), folder, meter, notices))
    }

    /// An export that only looks: the same rules, limits and hashes, and nothing is written.
    pub(super) fn pretend(meter: Arc<Meter>) -> Self {
        Self::below(None, Path::new(""), meter, Notices::default())
    }

    fn below(fd: Option<OwnedFd>, folder: &Path, meter: Arc<Meter>, notices: Notices) -> Self {
        let root = Open { name: Vec::new(), fd, folded: HashMap::new() };
        Self { folder: folder.to_owned(), open: vec![root], tree: Tree::default(), met: 0, bytes: 0, meter, notices }
    }

    /// The path of an entry of the current folder.
    pub(super) fn path(&self, name: &[u8]) -> Vec<u8> {
        let parts: Vec<&[u8]> = self.open.iter().skip(1).map(|o| o.name.as_slice()).chain([name]).collect();
        parts.join(&b'/')
    }

    /// The path of an entry of the current folder, safe to show.
    pub(super) fn shown(&self, name: &[u8]) -> String {
        show(&self.path(name))
    }

    /// Enters a new folder; `false` when it is refused, with a notice, and must be left out.
    pub(super) fn enter(&mut self, name: &[u8]) -> Result<bool, SourceError> {
        if !self.admit(name)? {
            return Ok(false);
        }
        if self.open.len() > self.limits().path_depth {
            return Err(SourceError::Limit(Exceeded::PathDepth(self.limits().path_depth, self.shown(name))));
        }
        let fd = match &self.top().fd {
            None => None,
            Some(parent) => {
                let made =
                    mkdirat(parent, name, Mode::from_bits_truncate(0o755)).and_then(|()| open_folder(parent, name));
                let Some(fd) = self.created(name, made)? else { return Ok(false) };
                Some(fd)
            }
        };
        self.open.push(Open { name: name.to_owned(), fd, folded: HashMap::new() });
        Ok(true)
    }

    /// Leaves the folder entered last.
    pub(super) fn leave(&mut self) {
        assert!(self.open.len() > 1, "every leave has its enter");
        self.open.pop();
    }

    /// Writes a file of the current folder, reading it to its end or to the limit.
    pub(super) fn file(&mut self, name: &[u8], executable: bool, from: &mut dyn Read) -> Result<(), SourceError> {
        if !self.admit(name)? {
            return Ok(());
        }
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(if executable { 0o755 } else { 0o644 });
        let mut into: Box<dyn Write> = match &self.top().fd {
            None => Box::new(io::sink()),
            Some(parent) => {
                let opened = openat(parent, name, flags, mode);
                let Some(fd) = self.created(name, opened)? else { return Ok(()) };
                Box::new(File::from(fd))
            }
        };
        let digest = self.copy(name, from, &mut *into)?;
        self.tree.written.insert(self.path(name), Written::File { executable, digest });
        Ok(())
    }

    /// Notes a symbolic link of the current folder, to be judged and made at the end.
    pub(super) fn link(&mut self, name: &[u8], target: Vec<u8>) -> Result<(), SourceError> {
        if self.admit(name)? {
            self.tree.written.entry(self.path(name)).or_insert(Written::Link { target });
        }
        Ok(())
    }

    /// Counts an entry that is not written, so that it cannot be had for nothing.
    pub(super) fn pass(&mut self) -> Result<(), SourceError> {
        self.met += 1;
        if self.met > self.limits().files {
            return Err(SourceError::Limit(Exceeded::Files(self.limits().files)));
        }
        self.meter.check()
    }

    /// Marks a path of the current folder as one whose content in a work tree says nothing.
    pub(super) fn opaque(&mut self, name: &[u8]) {
        let path = self.path(name);
        self.tree.opaque.insert(path);
    }

    /// Makes the links that stay inside, and hashes the whole.
    pub(super) fn finish(mut self) -> Result<Exported, SourceError> {
        // All are judged before any is left out: a link through a refused link is judged by where that would lead.
        let refused: Vec<_> = self
            .links()
            .filter_map(|(path, target)| Some((path.clone(), target.clone(), self.judge(path, target).err()?)))
            .collect();
        for (path, target, fault) in refused {
            let message = format!("the link `{}` to `{}` is left out: {fault}", show(&path), show(&target));
            self.notices.add("symlink-refused", message);
            self.tree.written.remove(&path);
        }
        self.make_links()?;
        Ok(Exported {
            content: self.content(),
            files: self.tree.written.len() as u64,
            bytes: self.bytes,
            notices: self.notices,
            tree: self.tree,
        })
    }

    /// All links with their targets.
    fn links(&self) -> impl Iterator<Item = (&Vec<u8>, &Vec<u8>)> {
        self.tree.written.iter().filter_map(|(path, written)| match written {
            Written::Link { target } => Some((path, target)),
            Written::File { .. } => None,
        })
    }

    /// Judges a link against the tree as it was read.
    fn judge<'a>(&'a self, path: &[u8], target: &'a [u8]) -> Result<(), names::LinkFault> {
        names::judge_link(path, target, |at| match self.tree.written.get(at) {
            Some(Written::Link { target }) => Some(target.as_slice()),
            _ => None,
        })
    }

    /// Creates the links, each below a freshly opened chain of real folders.
    fn make_links(&mut self) -> Result<(), SourceError> {
        let Some(root) = self.open[0].fd.take() else { return Ok(()) };
        let links: Vec<(Vec<u8>, Vec<u8>)> = self.links().map(|(p, t)| (p.clone(), t.clone())).collect();
        for (path, target) in links {
            let (parent, name) = match path.iter().rposition(|b| *b == b'/') {
                Some(slash) => (&path[..slash], &path[slash + 1..]),
                None => (&b""[..], &path[..]),
            };
            let made = descend(&root, parent).and_then(|fd| symlinkat(target.as_slice(), fd, name));
            match made {
                Ok(()) => {}
                Err(Errno::EEXIST) => {
                    self.notices
                        .add("case-collision", format!("`{}` could not be written beside its twin", show(&path)));
                    self.tree.written.remove(&path);
                }
                Err(errno) => return Err(io_error("create the link", show(&path), errno)),
            }
        }
        Ok(())
    }

    /// Hash over sorted path, mode and content: the same files give the same hash wherever they come from.
    fn content(&self) -> String {
        let mut all = Sha256::new();
        all.update(CONTENT);
        for (path, written) in &self.tree.written {
            let (mode, digest) = match written {
                Written::File { executable: false, digest } => (b'f', *digest),
                Written::File { executable: true, digest } => (b'x', *digest),
                Written::Link { target } => (b'l', Sha256::digest(target).into()),
            };
            all.update([mode]);
            all.update((path.len() as u64).to_be_bytes());
            all.update(path);
            all.update(digest);
        }
        all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Counts an entry, judges its name and looks for twins; `false` when it must be left out.
    fn admit(&mut self, name: &[u8]) -> Result<bool, SourceError> {
        self.pass()?;
        match names::judge(name) {
            Err(fault) => {
                let message = format!("`{}` is left out: {fault}", self.shown(name));
                self.notices.add("name-refused", message);
                return Ok(false);
            }
            Ok(Some(oddity)) => {
                let message = format!("`{}`: {oddity}", self.shown(name));
                self.notices.add("name-odd", message);
            }
            Ok(None) => {}
        }
        let twin = self.open.last_mut().expect("the root is open").folded.insert(names::fold(name), name.to_owned());
        match twin {
            Some(twin) if twin == name => {
                let message = format!("`{}` is in its folder twice; the second is left out", self.shown(name));
                self.notices.add("name-refused", message);
                Ok(false)
            }
            Some(twin) => {
                let message =
                    format!("`{}` and `{}` are one file on some systems", self.shown(&twin), self.shown(name));
                self.notices.add("case-collision", message);
                Ok(true)
            }
            None => Ok(true),
        }
    }

    /// Copies a file's bytes within the limits and hashes them.
    fn copy(&mut self, name: &[u8], from: &mut dyn Read, into: &mut dyn Write) -> Result<[u8; 32], SourceError> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut size = 0;
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => return Ok(hash.finalize().into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.broken("read", name, error)),
            };
            size += read as u64;
            self.bytes += read as u64;
            self.room(name, size)?;
            hash.update(&buffer[..read]);
            into.write_all(&buffer[..read]).map_err(|e| self.broken("write", name, e))?;
        }
    }

    /// Fails when a file of so many bytes, or the tree with it, is larger than allowed.
    fn room(&self, name: &[u8], size: u64) -> Result<(), SourceError> {
        if size > self.limits().file_size {
            return Err(SourceError::Limit(Exceeded::FileSize(self.limits().file_size, self.shown(name))));
        }
        if self.bytes > self.limits().total_size {
            return Err(SourceError::Limit(Exceeded::TotalSize(self.limits().total_size)));
        }
        self.meter.check()
    }

    /// Fails early when a file of a known size does not fit.
    pub(super) fn fits(&self, name: &[u8], size: u64) -> Result<(), SourceError> {
        if size > self.limits().file_size {
            return Err(SourceError::Limit(Exceeded::FileSize(self.limits().file_size, self.shown(name))));
        }
        match self.bytes.saturating_add(size) > self.limits().total_size {
            true => Err(SourceError::Limit(Exceeded::TotalSize(self.limits().total_size))),
            false => Ok(()),
        }
    }

    /// A name that the file system already has is a collision, not a failure.
    fn created(&mut self, name: &[u8], made: Result<OwnedFd, Errno>) -> Result<Option<OwnedFd>, SourceError> {
        match made {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::EEXIST) => {
                let message = format!("`{}` could not be written beside its twin", self.shown(name));
                self.notices.add("case-collision", message);
                Ok(None)
            }
            Err(errno) => Err(io_error("create", self.shown(name), errno)),
        }
    }

    fn broken(&self, doing: &'static str, name: &[u8], error: io::Error) -> SourceError {
        SourceError::Io { doing: doing.into(), path: self.shown(name), why: error.to_string() }
    }

    fn top(&self) -> &Open {
        self.open.last().expect("the root is open")
    }

    fn limits(&self) -> &Limits {
        self.meter.limits()
    }

    /// The folder being filled.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Entries met and bytes written, for the progress line.
    pub(super) fn so_far(&self) -> (u64, u64) {
        (self.met, self.bytes)
    }
}

impl Tree {
    /// What a work tree holds otherwise than this tree, in words; nothing when there is no difference.
    pub(super) fn difference(&self, work: &Self) -> Option<String> {
        let visible = |path: &&Vec<u8>| !self.is_opaque(path);
        let changed: Vec<_> =
            self.written.keys().filter(visible).filter(|p| self.written.get(*p) != work.written.get(*p)).collect();
        let added: Vec<_> = work.written.keys().filter(visible).filter(|p| !self.written.contains_key(*p)).collect();
        let first = changed.first().or(added.first())?;
        let (changed, added, first) = (changed.len(), added.len(), show(first));
        Some(format!("its folder differs from it: {changed} changed, {added} untracked; the first is `{first}`"))
    }

    /// Whether the path is an opaque one or lies inside it.
    fn is_opaque(&self, path: &[u8]) -> bool {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        slashes.chain([path.len()]).any(|end| self.opaque.contains(&path[..end]))
    }
}

/// Opens a folder of the tree, component by component, following nothing.
fn descend(root: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Errno> {
    let mut fd = open_folder(root, ".")?;
    for part in path.split(|b| *b == b'/').filter(|p| !p.is_empty()) {
        fd = open_folder(&fd, part)?;
    }
    Ok(fd)
}

/// Opens a folder without following a link.
pub(super) fn open_folder<P: ?Sized + nix::NixPath>(
    parent: impl std::os::fd::AsFd,
    name: &P,
) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

/// A failed system call as an error.
pub(super) fn io_error(doing: &'static str, path: String, errno: Errno) -> SourceError {
    SourceError::Io { doing: doing.into(), path, why: errno.desc().into() }
}
