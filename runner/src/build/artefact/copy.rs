//! Copies whole folders of a build's result: new folders and files only, each made below its opened parent, links last.
//!
//! No link exists in the copy until everything else is written, and each is judged together with all the others, so
//! nothing that the candidate has planted can make a write land elsewhere.

use super::{DEPTH, FILES, copy_file, io_error, list, open_folder, refused, special};
use crate::{
    build::{BuildError, excerpt::clean},
    language::tree::{join, open_beneath},
    source::names::judge_link,
};
use nix::{
    dir::Type,
    errno::Errno,
    fcntl::{OFlag, openat, readlinkat},
    sys::stat::{Mode, mkdirat},
    unistd::symlinkat,
};
use std::{
    collections::BTreeMap,
    fs::{File, Permissions},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    path::Path,
};

/// A copy being made.
pub(super) struct Copying {
    to: File,
    /// Where each link leads, by its path in the copy.
    links: BTreeMap<String, String>,
    files: usize,
    bytes: u64,
    /// Most bytes.
    most: u64,
    /// Paths that were left out.
    left: Vec<String>,
}

impl Copying {
    /// Copies into an existing folder, at most so many bytes.
    pub(super) fn new(to: &Path, most: u64) -> Result<Self, BuildError> {
        let to = File::open(to).map_err(io_error)?;
        Ok(Self { to, links: BTreeMap::new(), files: 0, bytes: 0, most, left: Vec::new() })
    }

    /// Copies the folder `base` below `root` to `target` in the copy.
    pub(super) fn folder(&mut self, root: &File, base: &str, target: &str) -> Result<(), BuildError> {
        let mut into = self.to.try_clone().map_err(io_error)?;
        for name in target.split('/').filter(|name| !name.is_empty()) {
            into = enter(&into, name, target)?;
        }
        into.set_permissions(Permissions::from_mode(0o755)).map_err(io_error)?;
        self.entries(root, base, target, &into)
    }

    fn entries(&mut self, root: &File, from: &str, to: &str, into: &File) -> Result<(), BuildError> {
        if to.matches('/').count() > DEPTH {
            return Err(refused(format!("folders are more than {DEPTH} deep")));
        }
        let unreadable = |errno| refused(format!("its folder `{}` cannot be read ({errno})", clean(from)));
        for (name, kind) in list(root, from).map_err(unreadable)? {
            self.files += 1;
            if self.files > FILES {
                return Err(refused(format!("it has more than {FILES} files")));
            }
            let (source, target) = (join(from, &name), join(to, &name));
            match kind {
                Some(Type::Directory) if name == ".git" => {}
                Some(Type::Directory) => self.entries(root, &source, &target, &enter(into, &name, &target)?)?,
                Some(Type::File) => self.file(root, &source, into, &name)?,
                Some(Type::Symlink) => match destination(root, &source) {
                    Some(destination) => drop(self.links.insert(target, destination)),
                    None => self.left.push(target),
                },
                _ => self.left.push(target),
            }
        }
        Ok(())
    }

    fn file(&mut self, root: &File, source: &str, into: &File, name: &str) -> Result<(), BuildError> {
        let file = open_beneath(root, source).map_err(|error| special(source, &error))?;
        let runs = file.metadata().is_ok_and(|data| data.permissions().mode() & 0o111 != 0);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let copy = openat(into, name, flags, Mode::from_bits_truncate(0o600)).map_err(|errno| taken(source, errno))?;
        self.bytes += copy_file(file, copy.into(), source, self.most.saturating_sub(self.bytes), runs)?;
        Ok(())
    }

    /// Makes the links that stay inside the copy, whatever other links lie on their way; returns what was left out.
    pub(super) fn finish(mut self) -> Result<Vec<String>, BuildError> {
        let links = std::mem::take(&mut self.links);
        let at = |path: &[u8]| links.get(str::from_utf8(path).ok()?).map(|to| to.as_bytes());
        for (path, destination) in &links {
            if judge_link(path.as_bytes(), destination.as_bytes(), at).is_err() {
                self.left.push(path.clone());
                continue;
            }
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
            let parent = open_folder(&self.to, parent).map_err(io_error)?;
            symlinkat(destination.as_str(), &parent, name).map_err(|errno| taken(path, errno))?;
        }
        self.left.sort();
        Ok(self.left)
    }
}

/// The folder with this name, made if it is not there; never what a link leads to.
fn enter(parent: &File, name: &str, path: &str) -> Result<File, BuildError> {
    match mkdirat(parent, name, Mode::from_bits_truncate(0o755)) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(taken(path, errno)),
    }
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let folder: OwnedFd = openat(parent, name, flags, Mode::empty()).map_err(|errno| taken(path, errno))?;
    let folder = File::from(folder);
    // A umask must not hide the copy from the user that cells run as.
    folder.set_permissions(Permissions::from_mode(0o755)).map_err(io_error)?;
    Ok(folder)
}

/// Where a link leads, by its own words.
fn destination(root: &File, source: &str) -> Option<String> {
    let (parent, name) = source.rsplit_once('/').unwrap_or(("", source));
    let folder = open_folder(root, parent).ok()?;
    readlinkat(folder.as_fd(), name).ok()?.into_string().ok()
}

/// Why something could not be made in the copy: two things of the build's in one place, or this machine.
fn taken(path: &str, errno: Errno) -> BuildError {
    match errno {
        Errno::EEXIST | Errno::ENOTDIR | Errno::ELOOP => {
            refused(format!("`{}` and something else that the build made have the same place", clean(path)))
        }
        errno => io_error(errno),
    }
}
