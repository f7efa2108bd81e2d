//! Fetching one commit of a repository on a server into a scratch repository: as little history as the server allows.

use super::{
    error::SourceError,
    limits::Meter,
    location::Remote,
    progress::{Phase, Progress, Reporter},
    revision::{self, Named, Offer, Wanted},
    tree::damaged,
    wire::{self, Plugged, Wire},
};
use git2::{AutotagOption, Direction, FetchOptions, Oid, RemoteCallbacks, Repository, RepositoryInitOptions};
use harness::text;
use std::{path::Path, sync::Arc};
use tempfile::TempDir;

/// Where the fetched commit is kept in the scratch repository.
const KEPT: &str = "refs/takehome/wanted";
/// Everything a whole clone takes: branches and tags, and not the thousands of other names large hosts have.
const EVERYTHING: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
/// More names than any take-home has.
const MOST_NAMES: usize = 200_000;

/// A commit and the repository that holds it, which is gone when this is dropped.
pub(super) struct Fetched {
    pub(super) repo: Repository,
    pub(super) commit: Oid,
    pub(super) reference: Option<String>,
    pub(super) location: String,
    pub(super) remote: Remote,
    _scratch: TempDir,
}

impl Fetched {
    /// The commit's tree.
    pub(super) fn tree(&self) -> Result<Oid, SourceError> {
        let commit = self.repo.find_commit(self.commit).map_err(|e| damaged(&self.location, &e))?;
        Ok(commit.tree_id())
    }
}

/// Fetches the commit that `rev` stands for into a new repository below `scratch`.
pub(super) fn fetch(
    wire: &Arc<Wire>,
    rev: Option<&str>,
    scratch: &Path,
    reporter: &Reporter<'_>,
) -> Result<Fetched, SourceError> {
    wire::set_up();
    let folder = tempfile::Builder::new().prefix(".fetch-").tempdir_in(scratch).map_err(|error| SourceError::Io {
        doing: "create a folder in".into(),
        path: scratch.display().to_string(),
        why: error.to_string(),
    })?;
    let repo = scratch_repository(folder.path()).map_err(|e| damaged(&wire.shown(), &e))?;
    let fetch = Fetch { wire, repo: &repo, reporter };
    let (offer, wanted) = fetch.plan(rev)?;
    let commit = revision::find_commit(&repo, &wanted, &offer, rev.unwrap_or("HEAD"), &wire.shown())?;
    let reference = match wanted {
        Wanted::Name(Named { name, .. }) if name == "HEAD" => offer.head_branch,
        Wanted::Name(Named { name, .. }) => Some(name),
        Wanted::Commit(_) | Wanted::Prefix(_) => None,
    };
    let (location, remote) = (wire.shown(), wire.remote.clone());
    Ok(Fetched { repo, commit, reference, location, remote, _scratch: folder })
}

/// A bare repository with nothing in it, not even the user's template.
fn scratch_repository(folder: &Path) -> Result<Repository, git2::Error> {
    Repository::init_opts(folder, RepositoryInitOptions::new().bare(true).external_template(false).no_reinit(true))
}

/// One fetch.
struct Fetch<'a, 'r> {
    wire: &'a Arc<Wire>,
    repo: &'a Repository,
    reporter: &'a Reporter<'r>,
}

impl Fetch<'_, '_> {
    /// Asks what there is, finds what is wanted and fetches it: shallow when the server can, else with its history.
    fn plan(&self, rev: Option<&str>) -> Result<(Offer, Wanted), SourceError> {
        let mut asked = None;
        let shallow = self.connected(|remote| {
            let offer = self.offer(remote)?;
            let wanted = offer.resolve(rev, &self.wire.shown())?;
            let source = match &wanted {
                Wanted::Name(named) => Some(named.name.clone()),
                Wanted::Commit(id) => Some(id.to_string()),
                Wanted::Prefix(_) => None,
            };
            asked = Some((offer, wanted));
            match source {
                None => Ok(None),
                Some(source) => self.download(remote, &[format!("+{source}:{KEPT}")], 1).map(Some),
            }
        });
        let Some((offer, wanted)) = asked else {
            return Err(shallow.err().unwrap_or_else(|| self.wire.network("the server says nothing")));
        };
        match shallow {
            Ok(Some(())) => Ok((offer, wanted)),
            // Not every server gives a shallow copy or a single commit; everything else that can go wrong went wrong.
            Err(error) if !matches!(error, SourceError::Network { .. }) => Err(error),
            _ => self.whole(offer, wanted),
        }
    }

    /// Fetches branches and tags with all their history, and the name that was asked for, if it is another.
    fn whole(&self, offer: Offer, wanted: Wanted) -> Result<(Offer, Wanted), SourceError> {
        let mut specs = EVERYTHING.map(str::to_owned).to_vec();
        if let Wanted::Name(named) = &wanted {
            specs = vec![format!("+{}:{KEPT}", named.name)];
        }
        self.connected(|remote| self.download(remote, &specs, 0))?;
        Ok((offer, wanted))
    }

    /// Runs `work` on a connection.
    fn connected<T>(
        &self,
        work: impl FnOnce(&mut git2::Remote<'_>) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        self.reporter.report(Progress { phase: Phase::Connecting, bytes: 0, done: 0, total: 0 });
        let plugged = Plugged::new(self.wire);
        let mut remote = self.repo.remote_anonymous(&plugged.url()).map_err(|e| self.error(&e))?;
        remote.connect(Direction::Fetch).map_err(|e| self.error(&e))?;
        let result = work(&mut remote);
        let _ = remote.disconnect();
        result
    }

    /// What the server lists.
    fn offer(&self, remote: &git2::Remote<'_>) -> Result<Offer, SourceError> {
        let heads = remote.list().map_err(|e| self.error(&e))?;
        let mut offer = Offer::default();
        for head in heads.iter().take(MOST_NAMES) {
            if head.name() == "HEAD" {
                offer.head = Some(head.oid());
                offer.head_branch = head.symref_target().map(str::to_owned);
            }
            // What an annotated tag points to is listed too, under a name that cannot be asked for.
            if !head.name().ends_with("^{}") {
                offer.names.push(Named { name: head.name().to_owned(), id: head.oid() });
            }
        }
        Ok(offer)
    }

    /// Receives objects.
    fn download(&self, remote: &mut git2::Remote<'_>, specs: &[String], depth: i32) -> Result<(), SourceError> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks.transfer_progress(|stats| {
            let (done, total) = (stats.indexed_objects() as u64, stats.total_objects() as u64);
            let received = stats.received_objects() as u64;
            let phase = if received < total { Phase::Receiving } else { Phase::Indexing };
            self.reporter.report(Progress {
                phase,
                bytes: self.wire.meter.received(),
                done: if phase == Phase::Receiving { received } else { done },
                total,
            });
            self.go_on(&self.wire.meter)
        });
        let mut options = FetchOptions::new();
        options.remote_callbacks(callbacks).download_tags(AutotagOption::None).update_fetchhead(false).depth(depth);
        remote.fetch(specs, Some(&mut options), None).map_err(|e| self.error(&e))
    }

    /// Whether libgit2 may go on; the reason why not is kept.
    fn go_on(&self, meter: &Meter) -> bool {
        match meter.check() {
            Ok(()) => true,
            Err(error) => {
                let _ = self.wire.fail(error);
                false
            }
        }
    }

    /// The failure behind an error of libgit2: the transport's own, or else what libgit2 says.
    fn error(&self, error: &git2::Error) -> SourceError {
        if let Some(failure) = self.wire.failure() {
            return failure;
        }
        if error.class() == git2::ErrorClass::NoMemory {
            return damaged(&self.wire.shown(), error);
        }
        let said = text::excerpt(error.message(), 300);
        match said.contains("not found") && said.starts_with("remote error") {
            true => SourceError::NotFound { location: self.wire.shown(), why: self.wire.scrub(&said) },
            false => self.wire.network(&said),
        }
    }
}
