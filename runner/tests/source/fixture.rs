//! Repositories made byte by byte, and a request with nothing of this machine in it.

use git2::{ObjectType, Oid, Repository, Signature, Time};
use runner::source::{Host, Limits, Request, Snapshot, SourceError, acquire};
use std::{fs, path::Path, sync::Arc};
use tempfile::TempDir;

/// A repository in a temporary folder.
pub struct Fixture {
    pub dir: TempDir,
    pub repo: Repository,
}

/// What a tree holds.
#[derive(Debug, Clone)]
pub enum Node {
    File(&'static [u8]),
    Program(&'static [u8]),
    Link(&'static [u8]),
    Folder(Vec<(&'static [u8], Node)>),
    /// Any object under any mode.
    Raw(&'static str, Oid),
}

impl Fixture {
    /// A repository with a work tree and nothing in it.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = git2::RepositoryInitOptions::new();
        options.initial_head("main").external_template(false);
        let repo = Repository::init_opts(dir.path(), &options).unwrap();
        Self { dir, repo }
    }

    /// A repository with one small commit, checked out.
    pub fn small() -> Self {
        let fixture = Self::new();
        fixture.commit("main", &[(b"README", Node::File(b"hello\n")), (b"run.sh", Node::Program(b"#!/bin/sh\n"))]);
        fixture.check_out();
        fixture
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn location(&self) -> String {
        self.path().display().to_string()
    }

    pub fn check_out(&self) {
        self.repo.checkout_head(Some(git2::build::CheckoutBuilder::new().force())).unwrap();
    }

    /// Writes a tree object byte by byte, so that it may hold what no git would put there.
    pub fn tree(&self, nodes: &[(&[u8], Node)]) -> Oid {
        let odb = self.repo.odb().unwrap();
        let mut data = Vec::new();
        for (name, node) in nodes {
            let (mode, id) = match node {
                Node::File(text) => ("100644", odb.write(ObjectType::Blob, text).unwrap()),
                Node::Program(text) => ("100755", odb.write(ObjectType::Blob, text).unwrap()),
                Node::Link(text) => ("120000", odb.write(ObjectType::Blob, text).unwrap()),
                Node::Folder(nodes) => {
                    let nodes: Vec<(&[u8], Node)> = nodes.iter().map(|(n, node)| (*n, node.clone())).collect();
                    ("40000", self.tree(&nodes))
                }
                Node::Raw(mode, id) => (*mode, *id),
            };
            data.extend_from_slice(mode.as_bytes());
            data.push(b' ');
            data.extend_from_slice(name);
            data.push(0);
            data.extend_from_slice(id.as_bytes());
        }
        odb.write(ObjectType::Tree, &data).unwrap()
    }

    /// Commits a tree on a branch.
    pub fn commit(&self, branch: &str, nodes: &[(&[u8], Node)]) -> Oid {
        let tree = self.tree(nodes);
        self.commit_tree(branch, tree, "ann <ann@example.org> 1700000000 +0130", "first line\n\nmore\n")
    }

    pub fn commit_tree(&self, branch: &str, tree: Oid, author: &str, message: &str) -> Oid {
        let name = format!("refs/heads/{branch}");
        let parent = self.repo.refname_to_id(&name).map(|id| format!("parent {id}\n")).unwrap_or_default();
        let committer = "bob <bob@example.org> 1700000060 -0800";
        let text = format!("tree {tree}\n{parent}author {author}\ncommitter {committer}\n\n{message}");
        let id = self.repo.odb().unwrap().write(ObjectType::Commit, text.as_bytes()).unwrap();
        self.repo.reference(&name, id, true, "").unwrap();
        id
    }

    pub fn tag(&self, name: &str, target: Oid) {
        let target = self.repo.find_object(target, None).unwrap();
        let tagger = Signature::new("ann", "ann@example.org", &Time::new(0, 0)).unwrap();
        self.repo.tag(name, &target, &tagger, "a tag", true).unwrap();
    }
}

/// A request without anything of this machine's settings.
pub fn request(location: impl Into<String>) -> Request {
    Request { host: Arc::new(Host::plain()), ..Request::new(location) }
}

/// An acquired snapshot and the folder that holds it.
pub struct Got {
    pub into: TempDir,
    pub snapshot: Snapshot,
}

impl std::ops::Deref for Got {
    type Target = Snapshot;
    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl Got {
    pub fn text(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap()
    }

    pub fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.folder.join(path)).is_ok()
    }

    /// The messages of one kind.
    pub fn said(&self, code: &str) -> Vec<String> {
        self.notices.iter().filter(|n| n.code == code).map(|n| n.message.clone()).collect()
    }

    pub fn said_once(&self, code: &str) -> String {
        let said = self.said(code);
        assert_eq!(said.len(), 1, "{code}: {:?}", self.notices);
        said[0].clone()
    }
}

pub fn try_get(request: &Request) -> Result<Got, SourceError> {
    let into = tempfile::tempdir().unwrap();
    let result = acquire(request, into.path(), &mut |_| {});
    let left: Vec<_> = fs::read_dir(into.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    match &result {
        Ok(_) => assert_eq!(left, ["tree"], "only the tree is left"),
        Err(_) => assert!(left.is_empty(), "nothing is left after a failure: {left:?}"),
    }
    result.map(|snapshot| Got { into, snapshot })
}

pub fn get(request: &Request) -> Got {
    try_get(request).unwrap_or_else(|error| panic!("{}: {error} ({error:?})", request.location))
}

pub fn fail(request: &Request) -> SourceError {
    match try_get(request) {
        Ok(got) => panic!("{} was acquired: {:?}", request.location, got.snapshot),
        Err(error) => error,
    }
}

pub fn rev(location: impl Into<String>, rev: &str) -> Request {
    Request { rev: Some(rev.into()), ..request(location) }
}

/// A request under other limits.
pub fn limited(location: &str, change: impl FnOnce(&mut Limits)) -> Request {
    let mut request = request(location);
    change(&mut request.limits);
    request
}
