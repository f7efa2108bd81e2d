//! Sources: bringing a candidate's repository onto this machine, as a folder of plain files and a record of what it is.
//!
//! [`acquire`] takes an address or a path and writes the files of one commit, or of a folder as it lies there, to a new
//! folder. Everything about the repository is taken for hostile: its size is bounded, its names are judged before
//! anything is written, nothing of it is run, and what is said about it is safe to show. The build never sees `.git`.

pub mod apart;
mod credentials;
mod error;
mod export;
mod folder;
pub mod fuzzing;
mod git;
mod https;
mod ini;
mod limits;
mod local;
mod location;
pub mod names;
mod notices;
mod pipe;
mod progress;
mod revision;
mod submodule;
mod tree;
mod wire;

pub use credentials::{Host, Ssh, TOKEN, TOKEN_HOSTS, Token};
pub use error::{Fault, SourceError};
pub use limits::{Exceeded, Limits};
pub use location::Secret;
pub use notices::Notice;
pub use progress::{Phase, Progress};

use self::{
    export::{Export, Exported},
    limits::Meter,
    location::{Location, Remote},
    notices::Notices,
    progress::Reporter,
    revision::{Offer, Wanted},
    submodule::Submodules,
    tree::Walk,
    wire::{Trust, Wire},
};
use git2::{Oid, Repository};
use harness::text;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

/// What to bring here.
#[derive(Debug, Clone)]
pub struct Request {
    /// An https, http, ssh, git or file URL, `user@host:path`, or a path.
    pub location: String,
    /// A branch, tag or commit; without one, the default branch.
    pub rev: Option<String>,
    /// Take the files of a local folder as they lie there, also when it is a repository.
    pub files: bool,
    /// Fetch submodules.
    pub submodules: bool,
    /// What it may cost.
    pub limits: Limits,
    /// The user's settings and secrets.
    pub host: Arc<Host>,
    /// Set to stop.
    pub cancel: Arc<AtomicBool>,
}

impl Request {
    /// The default branch of a repository, with this machine's settings and the usual limits.
    pub fn new(location: impl Into<String>) -> Self {
        Self {
            location: location.into(),
            rev: None,
            files: false,
            submodules: false,
            limits: Limits::default(),
            host: Arc::new(Host::from_env()),
            cancel: Arc::default(),
        }
    }
}

/// A repository's files on this machine, and what they are.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Snapshot {
    /// The exported tree.
    pub folder: PathBuf,
    /// Where it came from.
    pub origin: Origin,
    /// The commit; none for a folder taken as it lies there.
    pub commit: Option<Commit>,
    /// Hash over paths, modes and contents: the same files have the same hash, from git or from a folder.
    pub content: String,
    /// Files and links.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// What is worth telling.
    pub notices: Vec<Notice>,
}

/// Where a repository came from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Origin {
    /// The way it was read.
    pub kind: OriginKind,
    /// The address or path, without secrets.
    pub location: String,
    /// The revision asked for.
    pub rev: Option<String>,
}

/// The way a repository was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum OriginKind {
    /// From a server.
    Remote,
    /// A commit of a repository on this machine.
    Repository,
    /// The files of a folder as they lay there.
    Folder,
}

/// The commit that is graded. Texts are the author's own words, bounded and made safe to show.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Commit {
    /// The commit's id.
    pub id: String,
    /// Its tree's id.
    pub tree: String,
    /// Who wrote it.
    pub author: String,
    /// The author's address.
    pub author_email: String,
    /// When it says it was written (RFC 3339).
    pub authored: String,
    /// Who committed it.
    pub committer: String,
    /// The committer's address.
    pub committer_email: String,
    /// When it says it was committed (RFC 3339).
    pub committed: String,
    /// The first line of its message.
    pub summary: String,
    /// The branch or tag it was found by.
    pub reference: Option<String>,
}

/// Brings a repository here: its files are in a new folder `tree` below `into` when this returns.
///
/// Blocks until then; what it needs on the way is kept below `into` and removed.
pub fn acquire(request: &Request, into: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Snapshot, SourceError> {
    let acquisition = Acquisition {
        request,
        into,
        meter: Meter::start(request.limits.clone(), request.cancel.clone()),
        reporter: Reporter::new(progress),
        created: std::cell::Cell::new(false),
    };
    let snapshot = match location::parse(&request.host.rewrite(&request.location))? {
        Location::Remote(remote) => acquisition.remote(remote),
        Location::Local(path) => acquisition.local(&path),
    };
    if snapshot.is_err() && acquisition.created.get() {
        let _ = std::fs::remove_dir_all(acquisition.folder());
    }
    snapshot
}

/// One call of [`acquire`].
struct Acquisition<'a> {
    request: &'a Request,
    into: &'a Path,
    meter: Arc<Meter>,
    reporter: Reporter<'a>,
    /// Whether the folder is ours to remove.
    created: std::cell::Cell<bool>,
}

impl Acquisition<'_> {
    /// A repository on a server.
    fn remote(&self, remote: Remote) -> Result<Snapshot, SourceError> {
        if self.request.files {
            let why = "only the files of a local folder can be taken as they lie there".into();
            return Err(SourceError::Address { location: remote.to_string(), why });
        }
        let wire = Wire::new(remote, Trust::Full, self.request.host.clone(), self.meter.clone());
        let fetched = git::fetch(&wire, self.request.rev.as_deref(), self.into, &self.reporter)?;
        let commit = Found {
            repo: &fetched.repo,
            id: fetched.commit,
            reference: fetched.reference.clone(),
            kind: OriginKind::Remote,
            location: fetched.location.clone(),
            remote: Some(fetched.remote.clone()),
            work_tree: None,
        };
        self.commit(commit)
    }

    /// A repository or folder on this machine.
    fn local(&self, path: &Path) -> Result<Snapshot, SourceError> {
        let shown = text::excerpt(&path.display().to_string(), 500);
        let no_folder = |why: String| SourceError::NoFolder { path: shown.clone(), why };
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return Err(no_folder("it is no folder".into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(no_folder("there is nothing of that name".into()));
            }
            Err(error) => return Err(no_folder(error.to_string())),
        }
        let repository = if self.request.files { None } else { local::open(path)? };
        let Some(repository) = repository else {
            if let Some(rev) = &self.request.rev {
                let why = format!("it is no repository, so it has no revision `{}`", text::excerpt(rev, 100));
                return Err(no_folder(why));
            }
            return self.folder_as_is(path, shown);
        };
        self.repository(&repository, shown)
    }

    /// A commit of a repository on this machine.
    fn repository(&self, local: &local::Local, location: String) -> Result<Snapshot, SourceError> {
        let rev = self.request.rev.as_deref();
        let offer = local.offer();
        let wanted = offer.resolve(rev, &location)?;
        let id = revision::find_commit(&local.repo, &wanted, &offer, rev.unwrap_or("HEAD"), &location)?;
        let reference = reference(&wanted, &offer);
        let kind = OriginKind::Repository;
        let work_tree = local.work_tree().filter(|_| rev.is_none()).map(Path::to_owned);
        self.commit(Found { repo: &local.repo, id, reference, kind, location, remote: None, work_tree })
    }

    /// Exports a commit.
    fn commit(&self, found: Found<'_>) -> Result<Snapshot, SourceError> {
        let commit = describe(&found)?;
        let mut export = self.export()?;
        let mut submodules = Submodules::new(
            self.request.submodules,
            self.request.host.clone(),
            self.meter.clone(),
            self.into.to_owned(),
            found.remote.clone(),
        );
        let mut walk = Walk {
            repo: found.repo,
            export: &mut export,
            submodules: &mut submodules,
            reporter: &self.reporter,
            nesting: 0,
        };
        let tree = Oid::from_str(&commit.tree).map_err(|e| tree::damaged(&found.location, &e))?;
        walk.root(&found.location, tree)?;
        let mut exported = export.finish()?;
        if let Some(work_tree) = &found.work_tree
            && let Some(difference) = self.difference(work_tree, &exported)?
        {
            exported.notices.add("work-tree", format!("the last commit is graded; {difference}"));
        }
        self.snapshot(exported, found.kind, found.location, Some(commit))
    }

    /// What a work tree holds otherwise than the exported commit, in words.
    ///
    /// Looked at by the same rules and within the same limits as a folder that is graded: libgit2's own comparison
    /// unfolds the tree, the index and the files without any bound.
    fn difference(&self, work_tree: &Path, exported: &Exported) -> Result<Option<String>, SourceError> {
        let mut look = Export::pretend(self.meter.clone());
        match folder::copy(work_tree, &mut look, &self.reporter).and_then(|()| look.finish()) {
            Ok(work) => Ok(exported.tree.difference(&work.tree)),
            Err(SourceError::Cancelled) => Err(SourceError::Cancelled),
            Err(error) => Ok(Some(format!("whether its folder differs from it could not be told: {error}"))),
        }
    }

    /// The files of a folder as they lie there.
    fn folder_as_is(&self, path: &Path, location: String) -> Result<Snapshot, SourceError> {
        let mut export = self.export()?;
        folder::copy(path, &mut export, &self.reporter)?;
        self.snapshot(export.finish()?, OriginKind::Folder, location, None)
    }

    /// Starts the export.
    fn export(&self) -> Result<Export, SourceError> {
        let export = Export::create(&self.folder(), self.meter.clone(), Notices::default())?;
        self.created.set(true);
        Ok(export)
    }

    /// Ends the export.
    fn snapshot(
        &self,
        exported: Exported,
        kind: OriginKind,
        location: String,
        commit: Option<Commit>,
    ) -> Result<Snapshot, SourceError> {
        if exported.files == 0 {
            return Err(SourceError::Empty { location, why: "there are no files in it".into() });
        }
        Ok(Snapshot {
            folder: self.folder(),
            origin: Origin { kind, location, rev: self.request.rev.as_deref().map(|rev| text::excerpt(rev, 200)) },
            commit,
            content: exported.content,
            files: exported.files,
            bytes: exported.bytes,
            notices: exported.notices.finish(),
        })
    }

    fn folder(&self) -> PathBuf {
        self.into.join("tree")
    }
}

/// A commit that was found.
struct Found<'a> {
    repo: &'a Repository,
    id: Oid,
    reference: Option<String>,
    kind: OriginKind,
    location: String,
    remote: Option<Remote>,
    /// The folder to be compared with the commit.
    work_tree: Option<PathBuf>,
}

/// The name by which a commit was found.
fn reference(wanted: &Wanted, offer: &Offer) -> Option<String> {
    match wanted {
        Wanted::Name(named) if named.name == "HEAD" => offer.head_branch.clone(),
        Wanted::Name(named) => Some(named.name.clone()),
        Wanted::Commit(_) | Wanted::Prefix(_) => None,
    }
}

/// Describes a commit in bounded, inert words.
fn describe(found: &Found<'_>) -> Result<Commit, SourceError> {
    let commit = found.repo.find_commit(found.id).map_err(|e| tree::damaged(&found.location, &e))?;
    let words = |bytes: &[u8]| text::excerpt(&String::from_utf8_lossy(bytes), 200);
    let (author, committer) = (commit.author(), commit.committer());
    let summary = commit.message_bytes().split(|b| *b == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
    Ok(Commit {
        id: commit.id().to_string(),
        tree: commit.tree_id().to_string(),
        author: words(author.name_bytes()),
        author_email: words(author.email_bytes()),
        authored: date(author.when()),
        committer: words(committer.name_bytes()),
        committer_email: words(committer.email_bytes()),
        committed: date(committer.when()),
        summary: words(summary),
        reference: found.reference.as_deref().map(|name| text::excerpt(name, 200)),
    })
}

/// A commit's date with its own offset; dates no calendar has are moved to the nearest one it has.
fn date(time: git2::Time) -> String {
    let seconds = time.seconds().clamp(jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
    let stamp = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let offset =
        jiff::tz::Offset::from_seconds(time.offset_minutes().saturating_mul(60)).unwrap_or(jiff::tz::Offset::UTC);
    stamp.display_with_offset(offset).to_string()
}
