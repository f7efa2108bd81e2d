//! Takes what a build has made out of its folder.
//!
//! The folder belongs to the candidate, who may have left links, pipes and devices wherever a file is expected. So
//! every file is opened below the folder without following links, must be regular, and is copied up to a size.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::{fd::AsFd, unix::fs::PermissionsExt},
    path::Path,
};

use nix::{
    dir::{Dir, Type},
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::Mode,
};

use self::copy::Copying;
use super::{BuildError, error::size, room::Folders};
use crate::{
    backend::WORK,
    language::{
        Alternative, ChoiceError,
        recipe::{OUT, Take},
        tree::{file_name, join, open_beneath},
    },
};

/// Most files of an artefact.
const FILES: usize = 200_000;
/// Deepest folder of an artefact.
const DEPTH: usize = 48;
/// Largest program.
const PROGRAM: u64 = 1 << 30;

/// What is taken from where.
pub(super) struct Taking<'a> {
    pub folders: &'a Folders,
    /// The submission as it was before the build.
    pub source: &'a Path,
    /// Most bytes.
    pub bytes: u64,
}

/// The program's name, and what was left behind.
pub(super) type Taken = (Option<String>, Vec<String>);

/// Copies a build's result into an empty folder.
pub(super) fn take(taking: &Taking<'_>, what: &Take, to: &Path) -> Result<Taken, BuildError> {
    match what {
        Take::Program { from, name } => {
            for path in from {
                for path in taking.matching(path)? {
                    if taking.program(&path, to, name)? {
                        return Ok((Some(name.clone()), Vec::new()));
                    }
                }
            }
            Err(refused(format!("the build succeeded but made no `{name}`")))
        }
        Take::Executable { under, name } => {
            let path = taking.executable(under, name.as_deref())?;
            taking.program(&path, to, "program")?;
            Ok((Some(file_name(&path).to_owned()), Vec::new()))
        }
        Take::Folders(list) => taking.folders(list, to).map(|notices| (None, notices)),
    }
}

fn refused(why: impl Into<String>) -> BuildError {
    BuildError::Artefact(why.into())
}

fn io_error(error: impl Into<io::Error>) -> BuildError {
    BuildError::io("copying the build's result")(error.into())
}

impl Taking<'_> {
    /// The host's folder behind a path of the cell, and the path below it.
    fn place<'p>(&self, path: &'p str) -> Result<(&Path, &'p str), BuildError> {
        let below = |root: &str| path.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let found = below(WORK).map(|rest| (self.folders.tree.as_path(), rest));
        let found = found.or_else(|| below(OUT).map(|rest| (self.folders.out.as_path(), rest)));
        found
            .map(|(root, rest)| (root, rest.trim_start_matches('/')))
            .ok_or_else(|| refused(format!("no such place: {path}")))
    }

    /// Paths that fit a pattern with at most one `*`.
    fn matching(&self, pattern: &str) -> Result<Vec<String>, BuildError> {
        let Some((head, tail)) = pattern.split_once("/*/") else { return Ok(vec![pattern.to_owned()]) };
        let (root, rest) = self.place(head)?;
        let root = File::open(root).map_err(io_error)?;
        let Ok(entries) = list(&root, rest) else { return Ok(Vec::new()) };
        let folders = entries.into_iter().filter(|(_, kind)| *kind == Some(Type::Directory));
        Ok(folders.map(|(name, _)| format!("{head}/{name}/{tail}")).collect())
    }

    /// Copies one program to `bin/<name>`; whether it exists.
    fn program(&self, path: &str, to: &Path, name: &str) -> Result<bool, BuildError> {
        let (root, rest) = self.place(path)?;
        let root = File::open(root).map_err(io_error)?;
        let file = match open_beneath(&root, rest) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(special(path, &error)),
        };
        fs::create_dir_all(to.join("bin")).map_err(io_error)?;
        let copy = File::create_new(to.join("bin").join(name)).map_err(io_error)?;
        copy_file(file, copy, name, PROGRAM.min(self.bytes), true).map(|_| true)
    }

    /// The one program that the build made below a folder.
    fn executable(&self, under: &str, name: Option<&str>) -> Result<String, BuildError> {
        let (host, dir) = self.place(under)?;
        let root = File::open(host).map_err(io_error)?;
        let before = (under.starts_with(WORK)).then(|| File::open(self.source)).transpose().map_err(io_error)?;
        let mut found = Vec::new();
        let mut folders = vec![String::new()];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            for (entry, kind) in list(&root, &join(dir, &folder)).unwrap_or_default() {
                let path = join(&folder, &entry);
                seen += 1;
                if seen > FILES {
                    return Err(refused("the build left too many files"));
                }
                match kind {
                    Some(Type::Directory) if path.matches('/').count() < DEPTH && entry != "CMakeFiles" => {
                        folders.push(path)
                    }
                    Some(Type::File) => {
                        let inside = join(dir, &path);
                        let new =
                            is_program(&root, &inside) && !before.as_ref().is_some_and(|old| same(old, &root, &inside));
                        if new && !entry.contains(".so") {
                            found.push(path);
                        }
                    }
                    _ => {}
                }
            }
        }
        found.sort();
        if let Some(name) = name {
            let named = |path: &&String| path.as_str() == name || file_name(path) == name;
            let one = found.iter().find(named);
            let one = one.ok_or_else(|| refused(format!("the build succeeded but made no executable `{name}`")))?;
            return Ok(format!("{under}/{one}"));
        }
        match &found[..] {
            [] => Err(refused("the build succeeded but made no executable")),
            [one] => Ok(format!("{under}/{one}")),
            several => {
                let alternative =
                    |path: &String| Alternative { dir: None, bin: Some(path.clone()), language: "built".to_owned() };
                Err(ChoiceError::Several(several.iter().map(alternative).collect()).into())
            }
        }
    }

    fn folders(&self, list_of: &[(String, String)], to: &Path) -> Result<Vec<String>, BuildError> {
        let mut copying = Copying::new(to, self.bytes)?;
        for (at, (from, target)) in list_of.iter().enumerate() {
            let (root, rest) = self.place(from)?;
            let root = File::open(root).map_err(io_error)?;
            if list(&root, rest).is_err() {
                if at == 0 {
                    return Err(refused(format!("the build succeeded but made no folder `{}`", rest)));
                }
                continue;
            }
            copying.folder(&root, rest, target)?;
        }
        let left = copying.finish()?;
        let count = left.len();
        let names: Vec<_> = left.iter().take(3).map(|name| super::excerpt::clean(name)).collect();
        let notice = format!("{count} links out of the folder, or special files, were left out: {}", names.join(", "));
        Ok((count > 0).then_some(notice).into_iter().collect())
    }
}

fn special(path: &str, error: &io::Error) -> BuildError {
    let why = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ELOOP) => "is, or lies behind, a symbolic link".to_owned(),
        Some(Errno::EXDEV) => "leads out of the build's folder".to_owned(),
        Some(Errno::ENXIO) | None => "is not a regular file".to_owned(),
        _ => format!("cannot be opened ({error})"),
    };
    refused(format!("`{}` {why}; only regular files are taken", super::excerpt::clean(path)))
}

fn open_folder(root: &File, path: &str) -> nix::Result<std::os::fd::OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let path = if path.is_empty() { "." } else { path };
    openat2(root.as_fd(), path, OpenHow::new().flags(flags).resolve(resolve))
}

/// The entries of a folder. Names that are not UTF-8 are passed over.
fn list(root: &File, path: &str) -> nix::Result<Vec<(String, Option<Type>)>> {
    let mut dir = Dir::from_fd(open_folder(root, path)?)?;
    let mut all = Vec::new();
    for entry in dir.iter() {
        let entry = entry?;
        if let Ok(name) = entry.file_name().to_str()
            && name != "."
            && name != ".."
        {
            all.push((name.to_owned(), entry.file_type()));
        }
        if all.len() > FILES {
            return Err(Errno::EMFILE);
        }
    }
    Ok(all)
}

/// Copies an open file into a new one; the copy has no owner's, group's or other special bits of the original.
fn copy_file(file: File, mut copy: File, name: &str, most: u64, runs: bool) -> Result<u64, BuildError> {
    let count = io::copy(&mut file.take(most + 1), &mut copy).map_err(io_error)?;
    if count > most {
        return Err(refused(format!("`{}` is larger than {}", super::excerpt::clean(name), size(most))));
    }
    let mode = if runs { 0o755 } else { 0o644 };
    copy.set_permissions(fs::Permissions::from_mode(mode)).map_err(io_error)?;
    Ok(count)
}

/// Whether a file is an executable for this kind of system: marked so, and ELF but no object file.
fn is_program(root: &File, path: &str) -> bool {
    let Ok(mut file) = open_beneath(root, path) else { return false };
    let mut head = [0; 18];
    let runs = file.metadata().is_ok_and(|data| data.permissions().mode() & 0o111 != 0);
    runs && file.read_exact(&mut head).is_ok() && head.starts_with(b"\x7fELF") && matches!(head[16], 2 | 3)
}

/// Whether a file is the same in two folders: it was there before the build.
fn same(old: &File, new: &File, path: &str) -> bool {
    let read = |root: &File| {
        let file = open_beneath(root, path).ok()?;
        let mut bytes = Vec::new();
        file.take(PROGRAM).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    let known = openat2(
        old.as_fd(),
        path,
        OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
            .mode(Mode::empty())
            .resolve(ResolveFlag::RESOLVE_BENEATH),
    )
    .is_ok();
    known && read(old).is_some_and(|bytes| Some(bytes) == read(new))
}

mod copy;
#[cfg(test)]
mod tests;
