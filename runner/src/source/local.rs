//! Opening a repository on this machine without believing anything its git directory says.
//!
//! The folder may have come in an archive from a stranger. Its objects are read as a bare repository's, so its
//! configuration is not consulted; and it must hold its own data: a link, an `alternates` file or a `.git` file that
//! leads elsewhere could pass another repository's files off as the submission.

use super::{
    error::SourceError,
    ini,
    revision::{Named, Offer},
    wire,
};
use git2::{ReferenceType, Repository};
use harness::text;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// More entries of a git directory than are looked at.
const MOST_ENTRIES: usize = 200_000;
/// The most bytes read of a small file of the git directory.
const MOST_BYTES: u64 = 1 << 20;
/// The most bytes of an index that is read.
const MOST_INDEX: u64 = 32 << 20;

/// A repository on this machine whose git directory holds its own data.
pub(super) struct Local {
    pub(super) repo: Repository,
    work_tree: Option<PathBuf>,
}

/// Opens the repository whose root is `folder`; none when it is no root of a repository.
pub(super) fn open(folder: &Path) -> Result<Option<Local>, SourceError> {
    wire::set_up();
    let Some((git_dir, work_tree)) = git_dir(folder)? else { return Ok(None) };
    let refuse = |why: String| SourceError::Linked { location: folder.display().to_string(), why };
    vet(&git_dir).map_err(refuse)?;
    unsupported(folder, &git_dir)?;
    let repo = Repository::open_bare(&git_dir).map_err(|error| SourceError::Damaged {
        location: folder.display().to_string(),
        why: text::excerpt(error.message(), 200),
    })?;
    Ok(Some(Local { repo, work_tree }))
}

/// The git directory of a folder, and the folder again when it is a work tree.
fn git_dir(folder: &Path) -> Result<Option<(PathBuf, Option<PathBuf>)>, SourceError> {
    let dot_git = folder.join(".git");
    let refuse = |why: &str| SourceError::Linked { location: folder.display().to_string(), why: why.into() };
    match fs::symlink_metadata(&dot_git) {
        Ok(meta) if meta.is_dir() => Ok(Some((dot_git, Some(folder.to_owned())))),
        Ok(meta) if meta.is_file() => {
            let target = follow(folder, &dot_git).map_err(|why| refuse(&why))?;
            Ok(Some((target, Some(folder.to_owned()))))
        }
        Ok(_) => Err(refuse("its `.git` is a link")),
        Err(_) if is_bare(folder) => Ok(Some((folder.to_owned(), None))),
        Err(_) => Ok(None),
    }
}

/// Whether the folder looks like a git directory itself.
fn is_bare(folder: &Path) -> bool {
    folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir()
}

/// Follows a `.git` file to a git directory that names this folder in turn, as those of work trees and submodules do.
fn follow(folder: &Path, dot_git: &Path) -> Result<PathBuf, String> {
    let text = read(dot_git).ok_or("its `.git` file cannot be read")?;
    let target = text.trim_end().strip_prefix("gitdir:").ok_or("its `.git` file names no folder")?.trim();
    let target = folder.join(target);
    let outside = || "its `.git` file leads to a git directory that belongs to another folder".to_owned();
    let target = target.canonicalize().map_err(|_| outside())?;
    let folder = folder.canonicalize().map_err(|_| outside())?;
    let back = read(&target.join("gitdir")).and_then(|back| target.join(back.trim_end()).canonicalize().ok());
    let work_tree = read(&target.join("config")).and_then(|config| setting(&config, "core", "worktree"));
    let work_tree = work_tree.and_then(|path| target.join(path).canonicalize().ok());
    match back == Some(folder.join(".git")) || work_tree == Some(folder) {
        true => Ok(target),
        false => Err(outside()),
    }
}

/// Refuses a git directory that takes data from outside itself.
fn vet(git_dir: &Path) -> Result<(), String> {
    let root = git_dir.canonicalize().map_err(|error| error.to_string())?;
    // The administrative folder of a work tree lies inside the git directory that it shares.
    let shared = match read(&git_dir.join("commondir")) {
        Some(common) => {
            let common = git_dir.join(common.trim_end()).canonicalize().map_err(|error| error.to_string())?;
            let inside = root.parent() == Some(&common.join("worktrees"));
            inside.then_some(common).ok_or("its `commondir` leads outside")?
        }
        None => root,
    };
    for alternates in ["objects/info/alternates", "objects/info/http-alternates"] {
        if let Some(text) = read(&shared.join(alternates)) {
            let mut others = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
            if let Some(other) = others.next() {
                return Err(format!("it borrows objects from `{}`", text::excerpt(other, 200)));
            }
        }
    }
    no_links_outside(&shared)
}

/// Walks the git directory without following anything. Single loose objects are not looked at: their names are the
/// hashes of their contents.
fn no_links_outside(root: &Path) -> Result<(), String> {
    let mut folders = vec![root.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| error.to_string())? {
            let entry = entry.map_err(|error| error.to_string())?;
            let kind = entry.file_type().map_err(|error| error.to_string())?;
            let path = entry.path();
            let inner = path.strip_prefix(root).unwrap_or(&path);
            seen += 1;
            if seen > MOST_ENTRIES {
                return Err(format!("it has more than {MOST_ENTRIES} files beside its objects"));
            }
            if kind.is_symlink() && !path.canonicalize().is_ok_and(|target| target.starts_with(root)) {
                return Err(format!(
                    "its `{}` is a link that leads outside",
                    text::inert(&inner.display().to_string())
                ));
            }
            if !kind.is_dir() && !kind.is_file() && !kind.is_symlink() && !inner.starts_with("fsmonitor--daemon.ipc") {
                return Err(format!("its `{}` is no file", text::inert(&inner.display().to_string())));
            }
            let objects = inner.starts_with("objects") && entry.file_name().len() == 2;
            if kind.is_dir() && !objects && !inner.starts_with("hooks") {
                folders.push(path);
            }
        }
    }
    Ok(())
}

/// Says clearly what would otherwise look like damage.
fn unsupported(folder: &Path, git_dir: &Path) -> Result<(), SourceError> {
    let Some(config) = read(&git_dir.join("config")) else { return Ok(()) };
    let feature = match (setting(&config, "extensions", "objectformat"), setting(&config, "extensions", "refstorage")) {
        (Some(format), _) if !format.eq_ignore_ascii_case("sha1") => "SHA-256 object ids",
        (_, Some(storage)) if !storage.eq_ignore_ascii_case("files") => "the reftable format",
        _ => return Ok(()),
    };
    Err(SourceError::Unsupported { location: folder.display().to_string(), feature: feature.into() })
}

/// A setting without a subsection.
fn setting(config: &str, section: &str, key: &str) -> Option<String> {
    let found =
        ini::parse(config).into_iter().rfind(|s| s.section == section && s.subsection.is_empty() && s.key == key);
    found.map(|s| s.value)
}

/// A small regular file; nothing when it is anything else.
fn read(path: &Path) -> Option<String> {
    use io::Read;
    let meta = fs::symlink_metadata(path).ok()?;
    if !meta.is_file() {
        return None;
    }
    let mut text = Vec::new();
    fs::File::open(path).ok()?.take(MOST_BYTES).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

impl Local {
    /// What the repository offers.
    pub(super) fn offer(&self) -> Offer {
        let mut offer = Offer::default();
        if let Ok(references) = self.repo.references() {
            for reference in references.flatten().take(MOST_ENTRIES) {
                let target = reference.resolve().ok().and_then(|r| r.target());
                if let (Ok(name), Some(id)) = (reference.name(), target) {
                    offer.names.push(Named { name: name.to_owned(), id });
                }
            }
        }
        if let Ok(head) = self.repo.find_reference("HEAD") {
            if head.kind() == Some(ReferenceType::Symbolic) {
                offer.head_branch = head.symbolic_target().ok().flatten().map(str::to_owned);
            }
            offer.head = head.resolve().ok().and_then(|r| r.target());
        }
        offer
    }

    /// The work tree, if there is one.
    pub(super) fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }
}

/// A repository seen with its work tree, wherever its configuration claims that to be.
fn with_work_tree(git_dir: &Path, work_tree: &Path) -> Result<Repository, git2::Error> {
    let repo = Repository::open_bare(git_dir)?;
    repo.set_workdir(work_tree, false)?;
    Ok(repo)
}

/// Which files of a folder git ignores, so that they are not copied.
pub(super) struct Ignored {
    repo: Repository,
    index: git2::Index,
    /// The folder within the work tree.
    inside: Vec<u8>,
}

impl Ignored {
    /// For a folder that is, or lies in, a repository's work tree; none otherwise, or when the repository is not
    /// to be believed.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        use std::os::unix::ffi::OsStrExt;
        wire::set_up();
        let folder = folder.canonicalize().ok()?;
        let root = folder.ancestors().find(|at| fs::symlink_metadata(at.join(".git")).is_ok())?;
        let (git_dir, Some(work_tree)) = git_dir(root).ok()?? else { return None };
        vet(&git_dir).ok()?;
        if fs::metadata(git_dir.join("index")).is_ok_and(|meta| meta.len() > MOST_INDEX) {
            return None;
        }
        let repo = with_work_tree(&git_dir, &work_tree).ok()?;
        let index = repo.index().ok()?;
        let inside = folder.strip_prefix(root).ok()?.as_os_str().as_bytes().to_vec();
        let ignored = Self { repo, index, inside };
        // Who names a folder that git ignores means the files in it.
        let named = !ignored.inside.is_empty() && ignored.skips(b"", true);
        (!named).then_some(ignored)
    }

    /// Whether git ignores the path and holds nothing of it.
    pub(super) fn skips(&self, path: &[u8], is_folder: bool) -> bool {
        let parts: Vec<&[u8]> = [&self.inside, path].into_iter().filter(|part| !part.is_empty()).collect();
        let whole = parts.join(&b'/');
        let Ok(name) = String::from_utf8(whole) else { return false };
        let tracked = match is_folder {
            true => self.index.find_prefix(format!("{name}/")).is_ok(),
            false => self.index.get_path(Path::new(&name), 0).is_some(),
        };
        let asked = if is_folder { format!("{name}/") } else { name };
        !tracked && self.repo.status_should_ignore(Path::new(&asked)).unwrap_or(false)
    }
}
