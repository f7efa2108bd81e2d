//! A bounded, read-only look at a submission's files.
//!
//! Everything in the tree was written by the candidate, so nothing here follows a symbolic link, blocks on a FIFO or
//! reads more than it was told to.

use std::{collections::VecDeque, fs, io::Read, os::fd::OwnedFd, path::Path};

use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2},
    sys::stat::Mode,
};

/// Most files that detection looks at; a repository with more is detected from the folders nearest to its root.
const MOST_FILES: usize = 50_000;
/// Folders deeper than this are not looked into.
const DEEPEST: usize = 12;
/// Most bytes read of one file.
const LONGEST: u64 = 1 << 20;
/// Folders that hold what tools wrote, not what the candidate wrote.
const SKIPPED: [&str; 9] =
    [".git", ".hg", "node_modules", "target", "__pycache__", ".venv", "venv", ".tox", "site-packages"];

/// The regular files of a submission, by their path.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    files: Vec<String>,
    /// Whether there were more files than detection looks at.
    pub truncated: bool,
}

impl Tree {
    /// Lists the files below a folder of the host.
    pub fn open(root: &Path) -> std::io::Result<Self> {
        let fd = open(root, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let mut tree = Self { root: fd, files: Vec::new(), truncated: false };
        // Breadth first: when the bound is hit, what was seen is what matters most.
        let mut folders = VecDeque::from([(String::new(), 0)]);
        while let Some((folder, depth)) = folders.pop_front() {
            for entry in fs::read_dir(root.join(&folder)).into_iter().flatten().flatten() {
                let Ok(name) = entry.file_name().into_string() else { continue };
                let Ok(kind) = entry.file_type() else { continue };
                let path = join(&folder, &name);
                if kind.is_file() {
                    tree.files.push(path);
                } else if kind.is_dir() && depth < DEEPEST && !SKIPPED.contains(&name.as_str()) {
                    folders.push_back((path, depth + 1));
                }
            }
            if tree.files.len() + folders.len() > MOST_FILES {
                tree.truncated = true;
                break;
            }
        }
        tree.files.sort();
        Ok(tree)
    }

    /// The first mebibyte of a regular file, or nothing when it is missing, special, or behind a symbolic link.
    pub fn read(&self, path: &str) -> Option<String> {
        let file = open_beneath(&self.root, path).ok()?;
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A folder of the tree; the empty path is its root.
    pub fn folder(&self, dir: &str) -> Folder<'_> {
        Folder { tree: self, dir: dir.to_owned() }
    }

    /// Every folder that holds a file, nearest to the root first, the root included.
    pub fn folders(&self) -> Vec<String> {
        let mut all = vec![String::new()];
        for file in &self.files {
            all.extend(file.match_indices('/').map(|(at, _)| file[..at].to_owned()));
        }
        all.sort_by_key(|path| (depth(path), path.clone()));
        all.dedup();
        all
    }
}

/// One folder of a submission; all paths are relative to it.
#[derive(Debug, Clone)]
pub struct Folder<'a> {
    tree: &'a Tree,
    /// Its path in the tree.
    pub dir: String,
}

impl<'a> Folder<'a> {
    /// Files at most `depth` folders below this one.
    pub fn files(&self, depth: usize) -> Vec<&'a str> {
        let all = self.tree.files.iter();
        let inside = all.filter_map(|file| self.relative(file));
        inside.filter(|file| file.matches('/').count() <= depth).collect()
    }

    /// Whether a regular file is there.
    pub fn has(&self, path: &str) -> bool {
        self.tree.files.binary_search(&join(&self.dir, path)).is_ok()
    }

    /// The text of a file, when it is a regular file.
    pub fn read(&self, path: &str) -> Option<String> {
        self.has(path).then(|| self.tree.read(&join(&self.dir, path)))?
    }

    /// A folder below this one.
    pub fn below(&self, path: &str) -> Folder<'a> {
        self.tree.folder(&join(&self.dir, path))
    }

    /// This folder and those above it, nearest first.
    pub fn upwards(&self) -> impl Iterator<Item = Folder<'a>> + use<'a> {
        let tree = self.tree;
        let mut next = Some(self.dir.clone());
        std::iter::from_fn(move || {
            let dir = next.take()?;
            next = (!dir.is_empty()).then(|| dir.rsplit_once('/').map_or_else(String::new, |(up, _)| up.to_owned()));
            Some(tree.folder(&dir))
        })
    }

    /// Whether any file lies below this folder.
    pub fn exists(&self) -> bool {
        self.dir.is_empty() || self.tree.files.iter().any(|file| self.relative(file).is_some())
    }

    fn relative<'f>(&self, file: &'f str) -> Option<&'f str> {
        if self.dir.is_empty() { Some(file) } else { file.strip_prefix(&self.dir)?.strip_prefix('/') }
    }
}

/// Opens a regular file below a folder without following a symbolic link anywhere on the way.
///
/// Opening does not block on a FIFO, and what is not a regular file is refused.
pub fn open_beneath(root: &impl std::os::fd::AsFd, path: &str) -> std::io::Result<fs::File> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let file = fs::File::from(openat2(root.as_fd(), path, OpenHow::new().flags(flags).resolve(resolve))?);
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    Ok(file)
}

/// Joins two relative paths with forward slashes.
pub fn join(folder: &str, path: &str) -> String {
    match (folder, path) {
        ("", path) => path.to_owned(),
        (folder, "" | ".") => folder.to_owned(),
        (folder, path) => format!("{folder}/{path}"),
    }
}

/// Resolves `.` and `..` of a relative path; nothing when it leaves the tree or is absolute.
pub fn normalise(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    if path.starts_with('/') {
        return None;
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The last part of a path.
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The last part of a path without its last extension.
pub fn stem(path: &str) -> &str {
    let name = file_name(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn depth(path: &str) -> usize {
    if path.is_empty() { 0 } else { 1 + path.matches('/').count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_links_nor_special_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("plain"), "text").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("out")).unwrap();
        std::os::unix::fs::symlink("plain", dir.path().join("in")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("fifo"), Mode::S_IRWXU).unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        assert_eq!(tree.folder("").files(9), ["plain"]);
        assert_eq!(tree.read("plain").as_deref(), Some("text"));
        for path in ["out", "in", "fifo", "../etc/passwd", "/etc/passwd"] {
            assert_eq!(tree.read(path), None, "{path}");
        }
    }

    #[test]
    fn paths_stay_in_the_tree() {
        assert_eq!(normalise("./a//b/../c").as_deref(), Some("a/c"));
        assert_eq!(normalise("a/../../b"), None);
        assert_eq!(normalise("/etc"), None);
        let dirs = |folder: Folder<'_>| folder.upwards().map(|folder| folder.dir).collect::<Vec<_>>();
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(dirs(Tree::open(dir.path()).unwrap().folder("a/b")), ["a/b", "a", ""]);
    }
}
