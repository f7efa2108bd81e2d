//! Sources against real repositories: honest ones, broken ones and hostile ones, over every transport.

use git2::{ObjectType, Oid, Repository, Signature, Time};
use runner::source::{
    Exceeded, Fault, Host, Limits, OriginKind, Phase, Request, Secret, Snapshot, SourceError, Ssh, Token, acquire,
};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, fs::symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;

// ---------------------------------------------------------------------------------------------- fixtures

/// A repository in a temporary folder.
struct Fixture {
    dir: TempDir,
    repo: Repository,
}

/// What a tree holds.
#[derive(Debug, Clone)]
enum Node {
    File(&'static [u8]),
    Program(&'static [u8]),
    Link(&'static [u8]),
    Folder(Vec<(&'static [u8], Node)>),
    /// Any object under any mode.
    Raw(&'static str, Oid),
}

impl Fixture {
    /// A repository with a work tree and nothing in it.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = git2::RepositoryInitOptions::new();
        options.initial_head("main").external_template(false);
        let repo = Repository::init_opts(dir.path(), &options).unwrap();
        Self { dir, repo }
    }

    /// A repository with one small commit, checked out.
    fn small() -> Self {
        let fixture = Self::new();
        fixture.commit("main", &[(b"README", Node::File(b"hello\n")), (b"run.sh", Node::Program(b"#!/bin/sh\n"))]);
        fixture.check_out();
        fixture
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn location(&self) -> String {
        self.path().display().to_string()
    }

    fn check_out(&self) {
        self.repo.checkout_head(Some(git2::build::CheckoutBuilder::new().force())).unwrap();
    }

    /// Writes a tree object byte by byte, so that it may hold what no git would put there.
    fn tree(&self, nodes: &[(&[u8], Node)]) -> Oid {
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
    fn commit(&self, branch: &str, nodes: &[(&[u8], Node)]) -> Oid {
        let tree = self.tree(nodes);
        self.commit_tree(branch, tree, "ann <ann@example.org> 1700000000 +0130", "first line\n\nmore\n")
    }

    fn commit_tree(&self, branch: &str, tree: Oid, author: &str, message: &str) -> Oid {
        let name = format!("refs/heads/{branch}");
        let parent = self.repo.refname_to_id(&name).map(|id| format!("parent {id}\n")).unwrap_or_default();
        let committer = "bob <bob@example.org> 1700000060 -0800";
        let text = format!("tree {tree}\n{parent}author {author}\ncommitter {committer}\n\n{message}");
        let id = self.repo.odb().unwrap().write(ObjectType::Commit, text.as_bytes()).unwrap();
        self.repo.reference(&name, id, true, "").unwrap();
        id
    }

    fn tag(&self, name: &str, target: Oid) {
        let target = self.repo.find_object(target, None).unwrap();
        let tagger = Signature::new("ann", "ann@example.org", &Time::new(0, 0)).unwrap();
        self.repo.tag(name, &target, &tagger, "a tag", true).unwrap();
    }
}

/// A request without anything of this machine's settings.
fn request(location: impl Into<String>) -> Request {
    Request { host: Arc::new(Host::plain()), ..Request::new(location) }
}

/// An acquired snapshot and the folder that holds it.
struct Got {
    into: TempDir,
    snapshot: Snapshot,
}

impl std::ops::Deref for Got {
    type Target = Snapshot;
    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl Got {
    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap()
    }

    fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.folder.join(path)).is_ok()
    }

    /// The messages of one kind.
    fn said(&self, code: &str) -> Vec<String> {
        self.notices.iter().filter(|n| n.code == code).map(|n| n.message.clone()).collect()
    }

    fn said_once(&self, code: &str) -> String {
        let said = self.said(code);
        assert_eq!(said.len(), 1, "{code}: {:?}", self.notices);
        said[0].clone()
    }
}

fn try_get(request: &Request) -> Result<Got, SourceError> {
    let into = tempfile::tempdir().unwrap();
    let result = acquire(request, into.path(), &mut |_| {});
    let left: Vec<_> = fs::read_dir(into.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    match &result {
        Ok(_) => assert_eq!(left, ["tree"], "only the tree is left"),
        Err(_) => assert!(left.is_empty(), "nothing is left after a failure: {left:?}"),
    }
    result.map(|snapshot| Got { into, snapshot })
}

fn get(request: &Request) -> Got {
    try_get(request).unwrap_or_else(|error| panic!("{}: {error} ({error:?})", request.location))
}

fn fail(request: &Request) -> SourceError {
    match try_get(request) {
        Ok(got) => panic!("{} was acquired: {:?}", request.location, got.snapshot),
        Err(error) => error,
    }
}

fn rev(location: impl Into<String>, rev: &str) -> Request {
    Request { rev: Some(rev.into()), ..request(location) }
}

// ---------------------------------------------------------------------------------------------- repositories here

#[test]
fn a_local_repository_is_graded_at_its_head() {
    let fixture = Fixture::small();
    let got = get(&request(fixture.location()));
    assert_eq!(got.text("README"), "hello\n");
    assert_eq!(fs::metadata(got.folder.join("run.sh")).unwrap().permissions().mode() & 0o111, 0o111);
    assert_eq!(fs::metadata(got.folder.join("README")).unwrap().permissions().mode() & 0o111, 0);
    assert!(!got.has(".git"));
    assert_eq!((got.files, got.bytes), (2, 16));
    assert_eq!(got.origin.kind, OriginKind::Repository);
    assert!(got.notices.is_empty(), "{:?}", got.notices);
    assert!(got.into.path().exists());
}

#[test]
fn the_commit_is_pinned_with_who_and_when() {
    let fixture = Fixture::small();
    let commit = get(&request(fixture.location())).commit.clone().unwrap();
    let head = fixture.repo.head().unwrap().peel_to_commit().unwrap();
    assert_eq!((commit.id, commit.tree), (head.id().to_string(), head.tree_id().to_string()));
    assert_eq!((commit.author.as_str(), commit.author_email.as_str()), ("ann", "ann@example.org"));
    assert_eq!((commit.committer.as_str(), commit.committer_email.as_str()), ("bob", "bob@example.org"));
    assert_eq!(commit.authored, "2023-11-14T23:43:20+01:30");
    assert_eq!(commit.committed, "2023-11-14T14:14:20-08:00");
    assert_eq!(commit.summary, "first line");
    assert_eq!(commit.reference.as_deref(), Some("refs/heads/main"));
}

#[test]
fn hostile_words_of_a_commit_are_made_inert() {
    let fixture = Fixture::new();
    let tree = fixture.tree(&[(b"a", Node::File(b"a"))]);
    let author = "\u{1b}[2Jann\u{202e} <x\u{7}@y> 99999999999999999 +9999";
    fixture.commit_tree("main", tree, author, &format!("\u{1b}]52;c;eA==\u{7}{}\n", "x".repeat(1000)));
    let commit = get(&request(fixture.location())).commit.clone().unwrap();
    let words = [&commit.author, &commit.author_email, &commit.summary, &commit.authored];
    for text in words {
        assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        assert!(text.len() < 400);
    }
    assert!(commit.author.contains("\\u{202e}") && commit.summary.starts_with("\\u{1b}]52"), "{commit:?}");
}

#[test]
fn a_changed_work_tree_is_told_and_not_graded() {
    let fixture = Fixture::small();
    fs::write(fixture.path().join("README"), "changed").unwrap();
    fs::write(fixture.path().join("new\u{1b}file"), "untracked").unwrap();
    let got = get(&request(fixture.location()));
    assert_eq!(got.text("README"), "hello\n");
    let said = got.said_once("work-tree");
    assert!(said.contains("1 changed, 1 untracked"), "{said}");
    assert!(!said.contains('\u{1b}'));
    // The files themselves are taken when asked for.
    let files = get(&Request { files: true, ..request(fixture.location()) });
    assert_eq!(files.text("README"), "changed");
    assert!(files.commit.is_none() && files.origin.kind == OriginKind::Folder && !files.has(".git"));
}

#[test]
fn file_urls_and_bare_repositories_are_read_in_place() {
    let fixture = Fixture::small();
    let want = get(&request(fixture.location()));
    let by_url = get(&request(format!("file://{}", fixture.location())));
    assert_eq!((&by_url.content, by_url.commit.as_ref()), (&want.content, want.commit.as_ref()));
    let bare = tempfile::tempdir().unwrap();
    let copy = git2::build::RepoBuilder::new().bare(true).clone(&fixture.location(), bare.path()).unwrap();
    assert!(copy.is_bare());
    let got = get(&request(bare.path().display().to_string()));
    assert_eq!(got.content, want.content);
    // A folder with a percent sign, a blank and a hash is still a folder.
    let odd = bare.path().parent().unwrap().join(format!("odd % #{}", std::process::id()));
    fs::rename(bare.path(), &odd).unwrap();
    let url = format!("file://{}", odd.display().to_string().replace('%', "%25").replace(' ', "%20"));
    let outcome = try_get(&request(url)).map(|got| got.content.clone());
    fs::remove_dir_all(&odd).unwrap();
    assert_eq!(outcome.unwrap(), want.content);
}

#[test]
fn revisions_are_branches_tags_and_commits() {
    let fixture = Fixture::new();
    let old = fixture.commit("main", &[(b"v", Node::File(b"old"))]);
    let new = fixture.commit("main", &[(b"v", Node::File(b"new"))]);
    let side = fixture.commit("feature/x", &[(b"v", Node::File(b"side"))]);
    fixture.tag("v1", old);
    let file = |name: &str| get(&rev(fixture.location(), name)).text("v");
    assert_eq!(file("main"), "new");
    assert_eq!(file("feature/x"), "side");
    assert_eq!(file("refs/heads/feature/x"), "side");
    assert_eq!(file("v1"), "old");
    assert_eq!(file(&old.to_string()), "old");
    assert_eq!(file(&new.to_string()[..8]), "new");
    assert_eq!(file(&side.to_string()[..8].to_uppercase()), "side");
    assert_eq!(file("HEAD"), "new");
    assert_eq!(get(&rev(fixture.location(), "v1")).commit.as_ref().unwrap().reference.as_deref(), Some("refs/tags/v1"));
}

#[test]
fn an_unknown_revision_names_near_ones() {
    let fixture = Fixture::small();
    let error = fail(&rev(fixture.location(), "mian"));
    assert!(error.to_string().contains("`main`"), "{error}");
    assert_eq!(error.fault(), Fault::User);
    for name in ["0".repeat(40), "deadbee".into(), "a..b".into(), "--upload-pack=id".into(), ":/x".into()] {
        assert!(matches!(fail(&rev(fixture.location(), &name)), SourceError::UnknownRev { .. }), "{name}");
    }
    let blob = fixture.repo.odb().unwrap().write(ObjectType::Blob, b"blob").unwrap();
    assert!(matches!(fail(&rev(fixture.location(), &blob.to_string())), SourceError::NotACommit { .. }));
}

#[test]
fn nothing_to_grade_is_the_candidates_fault_and_said_plainly() {
    let empty = Fixture::new();
    let error = fail(&request(empty.location()));
    assert!(matches!(error, SourceError::Empty { .. }) && error.fault() == Fault::Candidate, "{error:?}");
    let unborn = Fixture::new();
    unborn.commit("work", &[(b"a", Node::File(b"a"))]);
    let error = fail(&request(unborn.location()));
    assert!(matches!(error, SourceError::Unborn { .. }) && error.to_string().contains("`work`"), "{error}");
    let hollow = Fixture::new();
    hollow.commit("main", &[]);
    assert!(matches!(fail(&request(hollow.location())), SourceError::Empty { .. }));
}

#[test]
fn a_path_that_is_nothing_is_the_users_mistake() {
    let error = fail(&request("/nonexistent/path"));
    assert!(matches!(error, SourceError::NoFolder { .. }) && error.fault() == Fault::User);
    let error = fail(&request("github.com/someone/work"));
    assert!(error.hint().unwrap().contains("https://github.com/someone/work"), "{:?}", error.hint());
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "a").unwrap();
    assert!(matches!(fail(&rev(folder.path().display().to_string(), "main")), SourceError::NoFolder { .. }));
    let file = folder.path().join("a").display().to_string();
    assert!(matches!(fail(&request(file)), SourceError::NoFolder { .. }));
}

// ---------------------------------------------------------------------------------------------- damage

#[test]
fn a_missing_object_is_named_and_left_out() {
    let fixture = Fixture::new();
    let gone = Oid::from_str("1234567890123456789012345678901234567890").unwrap();
    fixture.commit(
        "main",
        &[
            (b"here", Node::File(b"here")),
            (b"big.bin", Node::Raw("100644", gone)),
            (b"lost", Node::Raw("40000", gone)),
            (b"sub", Node::Folder(vec![(b"inner", Node::Raw("100644", gone))])),
        ],
    );
    let got = get(&request(fixture.location()));
    assert!(got.has("here") && !got.has("big.bin") && !got.has("lost") && got.files == 1);
    let said = got.said("missing-object");
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("`big.bin`") && said[2].contains("`sub/inner`"), "{said:?}");
}

#[test]
fn a_damaged_object_is_named_and_a_damaged_root_is_an_error() {
    let fixture = Fixture::new();
    let id = fixture.commit("main", &[(b"a", Node::File(b"one")), (b"b", Node::File(b"two"))]);
    let object = |id: Oid| {
        let hex = id.to_string();
        fixture.path().join(".git/objects").join(&hex[..2]).join(&hex[2..])
    };
    let overwrite = |path: PathBuf, by: &Path| {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::copy(by, &path).unwrap();
    };
    let (one, two) = (Oid::hash_object(ObjectType::Blob, b"one"), Oid::hash_object(ObjectType::Blob, b"two"));
    // The right form under the wrong hash: content that was never committed.
    overwrite(object(one.unwrap()), &object(two.unwrap()));
    let got = get(&request(fixture.location()));
    assert!(!got.has("a") && got.text("b") == "two");
    assert!(got.said_once("missing-object").contains("damaged"));
    let tree = fixture.repo.find_commit(id).unwrap().tree_id();
    fs::remove_file(object(tree)).unwrap();
    assert!(matches!(fail(&request(fixture.location())), SourceError::Damaged { .. }));
    fs::remove_file(object(id)).unwrap();
    assert!(matches!(fail(&request(fixture.location())), SourceError::Damaged { .. }));
}

// ---------------------------------------------------------------------------------------------- names and links

#[test]
fn links_that_leave_the_tree_are_reported_and_not_made() {
    let fixture = Fixture::new();
    fixture.commit(
        "main",
        &[
            (b"abs", Node::Link(b"/etc/passwd")),
            (b"dir", Node::Folder(vec![(b"ok", Node::Link(b"../file")), (b"out", Node::Link(b"../../x"))])),
            (b"file", Node::File(b"f")),
            (b"good", Node::Link(b"dir/ok")),
            (b"loop", Node::Link(b"loop")),
            (b"through", Node::Link(b"up/../../etc")),
            (b"up", Node::Link(b"dir")),
        ],
    );
    let got = get(&request(fixture.location()));
    for path in ["good", "up", "dir/ok"] {
        assert!(fs::symlink_metadata(got.folder.join(path)).unwrap().is_symlink(), "{path}");
    }
    assert_eq!(got.text("good"), "f");
    for path in ["abs", "dir/out", "loop", "through"] {
        assert!(!got.has(path), "{path}");
    }
    assert_eq!(got.said("symlink-refused").len(), 4);
}

#[test]
fn a_link_cannot_redirect_a_file_written_after_it() {
    // The tree names `a` twice: once as a link out, once as a folder with a file to be written through it.
    let fixture = Fixture::new();
    let outside = tempfile::tempdir().unwrap();
    let target: &'static [u8] = Box::leak(outside.path().as_os_str().as_bytes().to_vec().into_boxed_slice());
    let inner = Node::Folder(vec![(b"planted", Node::File(b"x"))]);
    fixture.commit("main", &[(b"a", Node::Link(target)), (b"a", inner), (b"z", Node::File(b"z"))]);
    let got = get(&request(fixture.location()));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    assert!(got.has("z") && !got.has("a"));
    assert!(got.said_once("name-refused").contains("twice"));
}

#[test]
fn names_that_no_tree_may_have_are_refused() {
    let fixture = Fixture::new();
    let evil = || Node::Folder(vec![(b"evil", Node::File(b"x"))]);
    fixture.commit(
        "main",
        &[
            (b"..", evil()),
            (b".", evil()),
            (b".git", evil()),
            (b".GiT", evil()),
            (b"git~1", evil()),
            (b".git ", Node::File(b"x")),
            (".g\u{200c}it".as_bytes(), evil()),
            (b"a/b", Node::File(b"x")),
            (b"/abs", Node::File(b"x")),
            (b"fine", Node::File(b"x")),
            (b"sub", Node::Folder(vec![(b".git", evil()), (b"..", evil()), (b"ok", Node::File(b"x"))])),
        ],
    );
    let got = get(&request(fixture.location()));
    let mut left: Vec<_> = fs::read_dir(&got.folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["fine", "sub"]);
    assert_eq!(fs::read_dir(got.folder.join("sub")).unwrap().count(), 1);
    assert_eq!(got.said("name-refused").len(), 11);
    assert!(!got.into.path().join("evil").exists());
}

#[test]
fn an_empty_name_is_refused_and_the_rest_of_the_folder_kept() {
    let fixture = Fixture::new();
    fixture.commit("main", &[(b"", Node::File(b"x")), (b"a", Node::File(b"a"))]);
    let got = get(&request(fixture.location()));
    assert!(got.has("a") && got.files == 1);
    assert!(got.said_once("name-refused").contains("empty"));
}

#[test]
fn strange_names_are_written_and_reported() {
    let fixture = Fixture::new();
    fixture.commit(
        "main",
        &[
            (b"Read", Node::File(b"1")),
            (b"a\nb", Node::File(b"1")),
            (b"back\\slash", Node::File(b"1")),
            (b"read", Node::File(b"2")),
            (b"\xff", Node::File(b"1")),
        ],
    );
    let got = get(&request(fixture.location()));
    assert!(got.has("a\nb") && got.has("back\\slash"));
    assert!(fs::metadata(got.folder.join(std::ffi::OsStr::from_bytes(b"\xff"))).is_ok());
    assert_eq!((got.text("Read"), got.text("read")), ("1".into(), "2".into()));
    let odd = got.said("name-odd");
    assert!(odd.len() == 3 && odd.iter().all(|m| !m.contains('\n')) && odd[0].contains("a\\nb"), "{odd:?}");
    assert!(odd.iter().any(|m| m.contains("\\xff")));
    assert!(got.said_once("case-collision").contains("`read`"));
}

#[test]
fn lfs_pointers_and_submodules_are_told() {
    let fixture = Fixture::new();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    let commit = Oid::from_str("1234567890123456789012345678901234567890").unwrap();
    fixture.commit("main", &[(b"data.bin", Node::File(pointer)), (b"lib", Node::Raw("160000", commit))]);
    let got = get(&request(fixture.location()));
    assert!(got.said_once("lfs-pointer").contains("`data.bin`"));
    assert!(got.said_once("submodule").contains("--submodules"));
    assert!(!got.has("lib"));
}

// ---------------------------------------------------------------------------------------------- limits

fn limited(location: &str, change: impl FnOnce(&mut Limits)) -> Request {
    let mut request = request(location);
    change(&mut request.limits);
    request
}

/// The limit stops one below what is needed, with its own option in the hint, and lets exactly that much pass.
fn check_limit(location: &str, option: &str, set: impl Fn(&mut Limits, u64), needed: u64) {
    get(&limited(location, |limits| set(limits, needed)));
    let error = fail(&limited(location, |limits| set(limits, needed - 1)));
    let SourceError::Limit(exceeded) = &error else { panic!("{option}: {error:?}") };
    assert_eq!(exceeded.option(), Some(option));
    assert!(error.hint().unwrap().contains(option));
    assert_eq!(error.fault(), Fault::Candidate);
}

#[test]
fn each_limit_has_its_own_error() {
    let fixture = Fixture::new();
    let deep = Node::Folder(vec![(b"b", Node::Folder(vec![(b"file", Node::File(b"12345"))]))]);
    fixture.commit("main", &[(b"a", deep), (b"small", Node::File(b"123"))]);
    fixture.check_out();
    for files in [false, true] {
        let location = fixture.location();
        let folder = tempfile::tempdir().unwrap();
        let location = if files {
            fs::create_dir_all(folder.path().join("a/b")).unwrap();
            fs::write(folder.path().join("a/b/file"), "12345").unwrap();
            fs::write(folder.path().join("small"), "123").unwrap();
            folder.path().display().to_string()
        } else {
            location
        };
        check_limit(&location, "--max-files", |l, n| l.files = n, 4);
        check_limit(&location, "--max-path-depth", |l, n| l.path_depth = n as usize, 2);
        check_limit(&location, "--max-total-size", |l, n| l.total_size = n, 8);
        if files {
            check_limit(&location, "--max-file-size", |l, n| l.file_size = n, 5);
        }
    }
    let error = fail(&limited(&fixture.location(), |limits| limits.time = Duration::ZERO));
    assert!(matches!(error, SourceError::Limit(Exceeded::Time(_))) && error.fault() == Fault::Environment);
}

#[test]
fn one_large_file_is_refused_by_name_before_it_is_read() {
    let fixture = Fixture::new();
    fixture.commit("main", &[(b"huge.bin", Node::File(&[0; 5000])), (b"a", Node::File(b"a"))]);
    get(&limited(&fixture.location(), |l| l.file_size = 5000));
    let error = fail(&limited(&fixture.location(), |l| l.file_size = 4999));
    assert!(error.to_string().contains("`huge.bin`"), "{error}");
}

#[test]
fn a_tree_that_unfolds_without_end_is_cut_off() {
    // Ten folders of ten folders, nine times over: a billion files in eleven objects.
    let fixture = Fixture::new();
    let mut tree = fixture.tree(&[(b"f", Node::File(b"x"))]);
    for _ in 0..9 {
        let names: [&[u8]; 10] = [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"];
        let nodes: Vec<(&[u8], Node)> = names.iter().map(|name| (*name, Node::Raw("40000", tree))).collect();
        tree = fixture.tree(&nodes);
    }
    fixture.commit_tree("main", tree, "a <a> 1 +0000", "bomb");
    let error = fail(&limited(&fixture.location(), |l| l.files = 5000));
    assert!(matches!(error, SourceError::Limit(Exceeded::Files(5000))), "{error}");
}

#[test]
fn refused_entries_count_too() {
    let fixture = Fixture::new();
    let names: Vec<Vec<u8>> = (0..50).map(|n| format!(".git.{}", " ".repeat(n)).into_bytes()).collect();
    let nodes: Vec<(&[u8], Node)> = names.iter().map(|n| (n.as_slice(), Node::File(b"x"))).collect();
    fixture.commit("main", &nodes);
    assert!(matches!(fail(&limited(&fixture.location(), |l| l.files = 49)), SourceError::Limit(Exceeded::Files(_))));
}

#[test]
fn it_stops_when_told_to() {
    let fixture = Fixture::small();
    let request = request(fixture.location());
    request.cancel.store(true, Ordering::Relaxed);
    assert_eq!(fail(&request), SourceError::Cancelled);
    request.cancel.store(false, Ordering::Relaxed);
    get(&request);
}

// ---------------------------------------------------------------------------------------------- hostile git directories

#[test]
fn nothing_that_a_repository_configures_is_run() {
    let fixture = Fixture::small();
    let canary = fixture.path().join(".git/canary");
    let touch = format!("touch {} #", canary.display());
    let dot_git = fixture.path().join(".git");
    let script = dot_git.join("hooks/evil");
    fs::create_dir_all(script.parent().unwrap()).unwrap();
    fs::write(&script, format!("#!/bin/sh\n{touch}\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    for hook in ["post-checkout", "fsmonitor-watchman", "reference-transaction", "post-index-change"] {
        fs::copy(&script, script.with_file_name(hook)).unwrap();
    }
    let mut config = fs::OpenOptions::new().append(true).open(dot_git.join("config")).unwrap();
    writeln!(
        config,
        "[core]\n\tfsmonitor = {script}\n\tsshCommand = \"{touch}\"\n\thooksPath = {hooks}\n\tpager = \"{touch}\"\n\
         \teditor = \"{touch}\"\n\tworktree = /\n\talternateRefsCommand = \"{touch}\"\n\
         [filter \"evil\"]\n\tclean = \"{touch}\"\n\tsmudge = \"{touch}\"\n\tprocess = \"{touch}\"\n\trequired = true\n\
         [diff]\n\texternal = \"{touch}\"\n[diff \"evil\"]\n\ttextconv = \"{touch}\"\n\
         [credential]\n\thelper = \"!{touch}\"\n[uploadpack]\n\tpackObjectsHook = {script}\n\
         [remote \"origin\"]\n\turl = ext::sh -c \"{touch}\"\n[protocol \"ext\"]\n\tallow = always\n",
        script = script.display(),
        hooks = script.parent().unwrap().display(),
    )
    .unwrap();
    fs::write(fixture.path().join(".gitattributes"), "* filter=evil diff=evil\n").unwrap();
    fs::write(fixture.path().join("README"), "changed\n").unwrap();
    let got = get(&request(fixture.location()));
    let said = got.said_once("work-tree");
    assert!(said.contains("1 changed, 1 untracked"), "the work tree is this folder, not `/`: {said}");
    get(&Request { files: true, ..request(fixture.location()) });
    get(&request(format!("file://{}", fixture.location())));
    assert!(!canary.exists());
    // The bad case of this test: git itself does run such a setting, so the canary would have sung.
    let sung = Command::new("git")
        .args(["-c", "safe.directory=*", "--work-tree=.", "status"])
        .current_dir(fixture.path())
        .output()
        .is_ok();
    assert!(!sung || canary.exists(), "git runs the fsmonitor of a repository's configuration");
}

#[test]
fn a_git_directory_may_not_borrow_from_elsewhere() {
    let private = Fixture::small();
    let private_git = private.path().join(".git");
    let check = |name: &str, break_it: &dyn Fn(&Path)| {
        let fixture = Fixture::small();
        break_it(fixture.path());
        let error = fail(&request(fixture.location()));
        assert!(matches!(error, SourceError::Linked { .. }), "{name}: {error:?}");
        // The files themselves can still be taken.
        get(&Request { files: true, ..request(fixture.location()) });
    };
    check("alternates", &|at| {
        let objects = private_git.join("objects");
        fs::write(at.join(".git/objects/info/alternates"), format!("{}\n", objects.display())).unwrap();
    });
    check("branch", &|at| {
        fs::remove_file(at.join(".git/refs/heads/main")).unwrap();
        symlink(private_git.join("refs/heads/main"), at.join(".git/refs/heads/main")).unwrap();
    });
    check("objects", &|at| {
        fs::remove_dir_all(at.join(".git/objects")).unwrap();
        symlink(private_git.join("objects"), at.join(".git/objects")).unwrap();
    });
    check("git directory", &|at| {
        fs::remove_dir_all(at.join(".git")).unwrap();
        symlink(&private_git, at.join(".git")).unwrap();
    });
    check("git file", &|at| {
        fs::remove_dir_all(at.join(".git")).unwrap();
        fs::write(at.join(".git"), format!("gitdir: {}\n", private_git.display())).unwrap();
    });
    check("commondir", &|at| {
        fs::write(at.join(".git/commondir"), format!("{}\n", private_git.display())).unwrap();
    });
}

#[test]
fn a_work_tree_of_its_own_repository_is_read() {
    let fixture = Fixture::small();
    let outer = tempfile::tempdir().unwrap();
    let at = outer.path().join("second");
    fixture.repo.worktree("second", &at, None).unwrap();
    assert!(at.join(".git").is_file());
    let got = get(&request(at.display().to_string()));
    assert_eq!(got.commit.as_ref().unwrap().reference.as_deref(), Some("refs/heads/second"));
    assert!(got.notices.is_empty(), "{:?}", got.notices);
}

#[test]
fn formats_that_cannot_be_read_are_named() {
    let fixture = Fixture::small();
    let mut config = fs::OpenOptions::new().append(true).open(fixture.path().join(".git/config")).unwrap();
    writeln!(config, "[extensions]\n\tobjectFormat = sha256").unwrap();
    let error = fail(&request(fixture.location()));
    assert!(matches!(error, SourceError::Unsupported { .. }) && error.to_string().contains("SHA-256"), "{error}");
    // A partial clone, which libgit2 would refuse by its extension, is read as far as it goes.
    let partial = Fixture::small();
    let mut config = fs::OpenOptions::new().append(true).open(partial.path().join(".git/config")).unwrap();
    writeln!(config, "[extensions]\n\tpartialClone = origin").unwrap();
    get(&request(partial.location()));
}

// ---------------------------------------------------------------------------------------------- folders

#[test]
fn a_folder_and_a_repository_with_the_same_files_have_the_same_hash() {
    let fixture = Fixture::small();
    let git = get(&request(fixture.location()));
    let folder = get(&request(git.folder.display().to_string()));
    assert_eq!(folder.origin.kind, OriginKind::Folder);
    assert_eq!((&folder.content, folder.files, folder.bytes), (&git.content, git.files, git.bytes));
    assert_eq!(folder.content.len(), 64);
    // Content, mode and name each change it.
    let change = |change: &dyn Fn(&Path)| {
        let copy = get(&request(git.folder.display().to_string()));
        change(&copy.folder);
        get(&request(copy.folder.display().to_string())).content.clone()
    };
    assert_eq!(change(&|_| {}), git.content);
    let changed = [
        change(&|at| fs::write(at.join("README"), "hellO\n").unwrap()),
        change(&|at| fs::set_permissions(at.join("README"), fs::Permissions::from_mode(0o755)).unwrap()),
        change(&|at| fs::rename(at.join("README"), at.join("README.md")).unwrap()),
        change(&|at| symlink("README", at.join("link")).unwrap()),
    ];
    for (n, one) in changed.iter().enumerate() {
        assert!(*one != git.content && !changed[..n].contains(one), "{n}");
    }
}

#[test]
fn what_is_no_file_is_reported_and_never_opened() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "a").unwrap();
    nix::unistd::mkfifo(&folder.path().join("pipe"), nix::sys::stat::Mode::from_bits_truncate(0o644)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    symlink("/etc", folder.path().join("etc")).unwrap();
    symlink("a", folder.path().join("good")).unwrap();
    let begun = Instant::now();
    let got = get(&request(folder.path().display().to_string()));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(got.said("special-file").len(), 2, "{:?}", got.notices);
    assert_eq!(got.said("symlink-refused").len(), 1);
    assert!(got.has("good") && !got.has("etc") && !got.has("pipe") && got.files == 2);
}

#[test]
fn what_git_ignores_and_caches_are_not_copied() {
    let fixture = Fixture::new();
    fixture.commit(
        "main",
        &[
            (b".gitignore", Node::File(b"/target\nnode_modules/\n*.log\n/build\n")),
            (b"build", Node::Folder(vec![(b"tracked", Node::File(b"t"))])),
        ],
    );
    fixture.check_out();
    let mut index = fixture.repo.index().unwrap();
    index.read_tree(&fixture.repo.head().unwrap().peel_to_tree().unwrap()).unwrap();
    index.write().unwrap();
    for path in ["target/debug/x", "web/node_modules/x", "web/main.js", "a.log", "new.rs", "build/output"] {
        let path = fixture.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    let got = get(&Request { files: true, ..request(fixture.location()) });
    for path in ["new.rs", "web/main.js", "build/tracked", ".gitignore"] {
        assert!(got.has(path), "{path}");
    }
    for path in ["target", "web/node_modules", "a.log", "build/output", ".git"] {
        assert!(!got.has(path), "{path}");
    }
    assert_eq!(got.said("ignored").len(), 4, "{:?}", got.notices);
    // A folder inside the repository follows the same rules.
    let inner = get(&request(fixture.path().join("web").display().to_string()));
    assert!(inner.has("main.js") && !inner.has("node_modules"));
    // Without git, a folder called `target` is a folder like any other, unless it is tagged as a cache.
    let plain = tempfile::tempdir().unwrap();
    for path in ["target/x", "cache/x"] {
        fs::create_dir_all(plain.path().join(path)).unwrap();
    }
    fs::write(plain.path().join("target/file"), "x").unwrap();
    fs::write(plain.path().join("cache/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n").unwrap();
    let got = get(&request(plain.path().display().to_string()));
    assert!(got.has("target/file") && !got.has("cache"));
}

#[test]
fn a_folder_that_changes_meanwhile_is_no_crash() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..200 {
        fs::write(folder.path().join(format!("f{n}")), vec![b'x'; 2000]).unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (path, stopped) = (folder.path().to_owned(), stop.clone());
    let churn = std::thread::spawn(move || {
        let mut n = 0;
        while !stopped.load(Ordering::Relaxed) {
            let at = path.join(format!("f{}", n % 200));
            let _ = fs::remove_file(&at);
            let _ = match n % 3 {
                0 => fs::write(&at, vec![b'y'; n % 5000]),
                1 => symlink("/etc/passwd", &at),
                _ => nix::unistd::mkfifo(&at, nix::sys::stat::Mode::from_bits_truncate(0o644)).map_err(Into::into),
            };
            n += 7;
        }
    });
    for _ in 0..10 {
        let got = get(&request(path_text(folder.path())));
        for entry in fs::read_dir(&got.folder).unwrap() {
            assert!(entry.unwrap().file_type().unwrap().is_file());
        }
    }
    stop.store(true, Ordering::Relaxed);
    churn.join().unwrap();
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}

// ---------------------------------------------------------------------------------------------- a small git server

/// What one request carried.
#[derive(Debug, Clone)]
struct Seen {
    method: String,
    path: String,
    login: Option<String>,
}

/// How the server behaves.
#[derive(Default, Clone)]
struct Manner {
    /// The `Authorization` header that is asked for.
    login: Option<String>,
    /// Redirects: the beginning of a path, and what stands there instead.
    moved: BTreeMap<String, String>,
    /// Paths that get a web page.
    pages: Vec<String>,
    /// Paths that never get an answer.
    silent: Vec<String>,
    /// Paths that get bytes without end, as if they were names.
    endless: Vec<String>,
    /// Does not offer shallow copies.
    whole_only: bool,
    /// Gives any commit that is asked for.
    any_commit: bool,
}

/// Git over http on this machine, as `git http-backend` would serve it.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Serves the repositories below a folder.
    fn start(root: &Path, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (root, kept) = (root.to_owned(), seen.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, manner, kept) = (root.clone(), manner.clone(), kept.clone());
                std::thread::spawn(move || serve(stream, &root, &manner, &kept));
            }
        });
        Self { port, seen }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Answers one request.
fn serve(stream: TcpStream, root: &Path, manner: &Manner, kept: &Mutex<Vec<Seen>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut login) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => login = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    kept.lock().unwrap().push(Seen { method, path: path.clone(), login: login.clone() });
    let mut stream = stream;
    let mut answer = |status: &str, headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok()
    };
    for (from, to) in &manner.moved {
        if let Some(rest) = path.strip_prefix(from) {
            return answer("302 Found", &format!("Location: {to}{rest}\r\n"), b"");
        }
    }
    if manner.login.is_some() && manner.login != login {
        return answer("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", b"");
    }
    if manner.pages.iter().any(|page| path.starts_with(page)) {
        return answer("200 OK", "Content-Type: text/html\r\n", b"<html>");
    }
    if manner.silent.iter().any(|page| path.starts_with(page)) {
        std::thread::sleep(Duration::from_secs(30));
        return None;
    }
    if manner.endless.iter().any(|page| path.starts_with(page)) {
        return endless(&mut stream);
    }
    let (repository, question) = path.trim_start_matches('/').split_once(".git/")?;
    let repository = root.join(format!("{repository}.git"));
    if !repository.exists() {
        return answer("404 Not Found", "", b"");
    }
    let advertises = question.starts_with("info/refs");
    let mut output = upload_pack(&repository, advertises, &body, manner.any_commit)?;
    if let (true, Some(at)) = (manner.whole_only, output.windows(9).position(|w| w == b" shallow ")) {
        output[at + 1] = b'x';
    }
    let (kind, start) = match advertises {
        true => ("advertisement", &b"001e# service=git-upload-pack\n0000"[..]),
        false => ("result", &b""[..]),
    };
    let whole = [start, &output].concat();
    answer("200 OK", &format!("Content-Type: application/x-git-upload-pack-{kind}\r\n"), &whole)
}

/// Names without end.
fn endless(stream: &mut TcpStream) -> Option<()> {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(b"001e# service=git-upload-pack\n0000").ok()?;
    for n in 0_u64.. {
        let line = format!("{} refs/heads/b{n}\n", "1".repeat(40));
        stream.write_all(format!("{:04x}{line}", line.len() + 4).as_bytes()).ok()?;
    }
    None
}

/// Runs git's own server side.
fn upload_pack(repository: &Path, advertises: bool, input: &[u8], any_commit: bool) -> Option<Vec<u8>> {
    let mut command = Command::new("git");
    let any = format!("uploadpack.allowAnySHA1InWant={any_commit}");
    command.args(["-c", "safe.directory=*", "-c", &any, "upload-pack", "--stateless-rpc", "--strict"]);
    if advertises {
        command.arg("--advertise-refs");
    }
    let mut child = command
        .arg(repository)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    let input = input.to_vec();
    std::thread::spawn(move || stdin.write_all(&input));
    Some(child.wait_with_output().ok()?.stdout)
}

/// A folder of bare repositories for a server.
struct Shelf {
    dir: TempDir,
}

impl Shelf {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn put(&self, fixture: &Fixture, name: &str) {
        let at = self.dir.path().join(format!("{name}.git"));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let mut copy = Command::new("cp");
        assert!(copy.arg("-r").arg(fixture.path().join(".git")).arg(at).status().unwrap().success());
    }
}

/// A repository with history, on a server.
fn served(manner: Manner) -> (Fixture, Server, Shelf) {
    let fixture = Fixture::new();
    fixture.commit("main", &[(b"v", Node::File(b"old"))]);
    fixture.tag("v1", fixture.repo.refname_to_id("refs/heads/main").unwrap());
    fixture.commit("main", &[(b"v", Node::File(b"new")), (b"dir", Node::Folder(vec![(b"f", Node::File(b"f"))]))]);
    fixture.commit("side", &[(b"v", Node::File(b"side"))]);
    let shelf = Shelf::new();
    shelf.put(&fixture, "ann/work");
    let server = Server::start(shelf.dir.path(), manner);
    (fixture, server, shelf)
}

const BASIC_TOKEN: &str = "Basic eC1hY2Nlc3MtdG9rZW46aHVudGVyMg=="; // x-access-token:hunter2

fn with_token(request: Request, hosts: &[&str]) -> Request {
    let token = Token { secret: Secret::new("hunter2"), hosts: hosts.iter().map(|h| (*h).to_owned()).collect() };
    Request { host: Arc::new(Host { token: Some(token), ..Host::plain() }), ..request }
}

// ---------------------------------------------------------------------------------------------- http

#[test]
fn a_repository_is_fetched_over_http() {
    let (fixture, server, _shelf) = served(Manner::default());
    let got = get(&request(server.url("ann/work.git")));
    assert_eq!((got.text("v"), got.text("dir/f")), ("new".into(), "f".into()));
    let commit = got.commit.as_ref().unwrap();
    assert_eq!(commit.id, fixture.repo.refname_to_id("refs/heads/main").unwrap().to_string());
    assert_eq!(commit.reference.as_deref(), Some("refs/heads/main"));
    assert_eq!(got.origin.kind, OriginKind::Remote);
    assert_eq!(got.content, get(&request(fixture.location())).content);
    assert_eq!(get(&request(server.url("ann/work.git/"))).content, got.content);
    assert!(server.seen().iter().all(|seen| seen.login.is_none()));
    let asked = |method: &str, end: &str| server.seen().iter().any(|s| s.method == method && s.path.ends_with(end));
    assert!(asked("GET", "/info/refs?service=git-upload-pack") && asked("POST", "/git-upload-pack"));
}

#[test]
fn revisions_are_found_on_a_server() {
    let (fixture, server, _shelf) = served(Manner::default());
    let url = server.url("ann/work.git");
    let old = fixture.repo.revparse_single("v1^{commit}").unwrap().id().to_string();
    assert_eq!(get(&rev(&url, "side")).text("v"), "side");
    assert_eq!(get(&rev(&url, "v1")).text("v"), "old");
    // The old commit is no branch's tip: the server does not give it alone, so the history is fetched.
    assert_eq!(get(&rev(&url, &old)).text("v"), "old");
    assert_eq!(get(&rev(&url, &old[..9])).text("v"), "old");
    let error = fail(&rev(&url, "sied"));
    assert!(matches!(&error, SourceError::UnknownRev { near, .. } if near == &["side"]), "{error:?}");
    assert!(matches!(fail(&rev(&url, &"e".repeat(40))), SourceError::UnknownRev { .. }));
    assert!(matches!(fail(&rev(&url, "eeeeeeee")), SourceError::UnknownRev { .. }));
}

/// A repository with much history, of which the newest commits need little.
fn with_history() -> (Fixture, Shelf) {
    let fixture = Fixture::new();
    // Noise, so that it cannot be compressed away.
    let mut noise = 1_u64;
    for _ in 0..3 {
        let big: Vec<u8> = (0..200_000)
            .map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (noise >> 56) as u8
            })
            .collect();
        fixture.commit("main", &[(b"big", Node::File(Box::leak(big.into_boxed_slice())))]);
    }
    fixture.commit("main", &[(b"v", Node::File(b"before"))]);
    fixture.commit("main", &[(b"v", Node::File(b"now"))]);
    let shelf = Shelf::new();
    shelf.put(&fixture, "a/b");
    (fixture, shelf)
}

/// A request that has no room for the history.
fn small(server: &Server, rev: Option<&str>) -> Request {
    let small = limited(&server.url("a/b.git"), |l| l.clone_bytes = 100_000);
    Request { rev: rev.map(str::to_owned), ..small }
}

#[test]
fn only_the_newest_commit_is_fetched() {
    let (fixture, shelf) = with_history();
    let server = Server::start(shelf.dir.path(), Manner::default());
    assert_eq!(get(&small(&server, None)).text("v"), "now");
    assert_eq!(get(&small(&server, Some("main"))).text("v"), "now");
    let before = fixture.repo.revparse_single("main~1").unwrap().id().to_string();
    let error = fail(&small(&server, Some(&before)));
    assert!(matches!(error, SourceError::Limit(Exceeded::CloneBytes(100_000))), "{error:?}");
    assert!(error.hint().unwrap().contains("--max-clone-bytes") && error.fault() == Fault::Candidate);
}

#[test]
fn a_single_commit_is_fetched_alone_where_the_server_gives_it() {
    let (fixture, shelf) = with_history();
    let server = Server::start(shelf.dir.path(), Manner { any_commit: true, ..Manner::default() });
    let before = fixture.repo.revparse_single("main~1").unwrap().id().to_string();
    assert_eq!(get(&small(&server, Some(&before))).text("v"), "before");
}

#[test]
fn a_server_without_shallow_copies_gives_the_history() {
    let (_fixture, shelf) = with_history();
    let server = Server::start(shelf.dir.path(), Manner { whole_only: true, ..Manner::default() });
    let whole = get(&request(server.url("a/b.git")));
    assert_eq!(whole.text("v"), "now");
    assert!(matches!(fail(&small(&server, None)), SourceError::Limit(Exceeded::CloneBytes(_))));
}

#[test]
fn progress_is_reported() {
    let (_fixture, server, _shelf) = served(Manner::default());
    let into = tempfile::tempdir().unwrap();
    let mut phases = Vec::new();
    acquire(&request(server.url("ann/work.git")), into.path(), &mut |p| phases.push((p.phase, p.total))).unwrap();
    assert_eq!(phases[0].0, Phase::Connecting);
    assert!(phases.iter().any(|(phase, total)| matches!(phase, Phase::Receiving | Phase::Indexing) && *total > 0));
    assert_eq!(phases.last().unwrap().0, Phase::Exporting);
}

#[test]
fn a_login_is_given_only_when_asked_for_and_to_its_own_server() {
    let manner = Manner { login: Some(BASIC_TOKEN.into()), ..Manner::default() };
    let (_fixture, server, _shelf) = served(manner);
    let url = server.url("ann/work.git");
    let error = fail(&request(&url));
    assert!(matches!(error, SourceError::Auth { .. }) && error.fault() == Fault::Environment, "{error:?}");
    assert!(error.hint().unwrap().contains("TAKEHOME_GIT_TOKEN"));
    assert!(matches!(fail(&with_token(request(&url), &["github.com"])), SourceError::Auth { .. }));
    assert!(server.seen().iter().all(|seen| seen.login.is_none()), "no login went to a server it is not for");
    get(&with_token(request(&url), &["127.0.0.1"]));
    let seen = server.seen();
    assert!(seen.iter().any(|s| s.method == "POST" && s.login.as_deref() == Some(BASIC_TOKEN)));
    // The user and password of the address work too, and are shown nowhere.
    let address = format!("http://x-access-token:hunter2@127.0.0.1:{}/ann/work.git", server.port);
    let got = get(&request(&address));
    assert!(!format!("{:?}", got.snapshot).contains("hunter2"));
    assert_eq!(got.origin.location, url);
}

#[test]
fn secrets_are_in_no_message() {
    let manner = Manner { login: Some("Basic other".into()), ..Manner::default() };
    let (_fixture, server, _shelf) = served(manner);
    for location in [
        format!("http://me:hunter2@127.0.0.1:{}/ann/work.git", server.port),
        "http://me:hunter2@127.0.0.1:1/x".into(),
        "https://hunter2@no such host/x".into(),
        "https://me:hunter2@127.0.0.1:1/x?y".into(),
        "http://me:hunter2@nowhere.invalid/x".into(),
    ] {
        let error = fail(&request(&location));
        let text = format!("{error} {error:?} {:?}", error.hint());
        assert!(!text.contains("hunter2") && !text.contains("bWU6aHVudGVyMg"), "{text}");
    }
    let error = fail(&with_token(request(server.url("ann/work.git")), &["127.0.0.1"]));
    assert!(error.to_string().contains("not accepted") && !format!("{error:?}").contains("hunter2"), "{error}");
}

#[test]
fn a_credential_helper_is_asked_away_from_the_repository() {
    let manner = Manner { login: Some(BASIC_TOKEN.into()), ..Manner::default() };
    let (_fixture, server, _shelf) = served(manner);
    let tools = tempfile::tempdir().unwrap();
    let git = tools.path().join("git");
    let log = tools.path().join("log");
    let script = format!(
        "#!/bin/sh\n{{ pwd; env; echo \"args: $*\"; cat; }} > {}\necho username=x-access-token\necho password=hunter2\n",
        log.display()
    );
    fs::write(&git, script).unwrap();
    fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
    let host = Host { git: Some(git), ..Host::plain() };
    get(&Request { host: Arc::new(host), ..request(server.url("ann/work.git")) });
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("credential fill") && log.contains("GIT_TERMINAL_PROMPT=0"), "{log}");
    assert!(log.contains(&format!("host=127.0.0.1:{}\n", server.port)) && log.contains("protocol=http\n"));
    assert!(!Path::new(log.lines().next().unwrap()).join(".git").exists());
    assert_ne!(Path::new(log.lines().next().unwrap()), std::env::current_dir().unwrap());
}

#[test]
fn redirects_are_followed_without_the_login() {
    let (_fixture, other, _other_shelf) = served(Manner::default());
    let moved = BTreeMap::from([
        ("/gone/".to_owned(), other.url("ann/")),
        ("/here/".to_owned(), "/ann/".to_owned()),
        ("/page/".to_owned(), "http://127.0.0.1:1/login?from=".to_owned()),
        ("/file/".to_owned(), "file:///srv/".to_owned()),
        ("/loop/".to_owned(), "/loop/".to_owned()),
    ]);
    let (_fixture, server, _shelf) = served(Manner { moved, ..Manner::default() });
    let tokened = |path: &str| with_token(request(server.url(path)), &["127.0.0.1"]);
    get(&tokened("gone/work.git"));
    get(&tokened("here/work.git"));
    assert!(other.seen().len() >= 2 && other.seen().iter().all(|seen| seen.login.is_none()));
    for path in ["page/work.git", "file/work.git", "loop/work.git"] {
        let error = fail(&tokened(path));
        assert!(matches!(error, SourceError::Redirect { .. }), "{path}: {error:?}");
    }
}

#[test]
fn a_login_asked_for_by_the_host_of_a_redirect_is_not_given() {
    let asking = Manner { login: Some(BASIC_TOKEN.into()), ..Manner::default() };
    let (_fixture, other, _other_shelf) = served(asking);
    let moved = BTreeMap::from([("/gone/".to_owned(), other.url("ann/"))]);
    let (_fixture, server, _shelf) = served(Manner { moved, ..Manner::default() });
    let by_address = format!("http://x-access-token:hunter2@127.0.0.1:{}/gone/work.git", server.port);
    let by_token = with_token(request(server.url("gone/work.git")), &["127.0.0.1"]);
    for request in [request(by_address), by_token] {
        assert!(matches!(fail(&request), SourceError::Auth { .. }));
    }
    assert!(!other.seen().is_empty() && other.seen().iter().all(|seen| seen.login.is_none()));
}

#[test]
fn what_is_no_git_server_is_told_apart() {
    let manner = Manner { pages: vec!["/page".into()], silent: vec!["/mute".into()], ..Manner::default() };
    let (_fixture, server, _shelf) = served(manner);
    let error = fail(&request(server.url("page.git")));
    assert!(matches!(error, SourceError::NotFound { .. }) && error.to_string().contains("text/html"), "{error}");
    assert!(matches!(fail(&request(server.url("ann/none.git"))), SourceError::NotFound { .. }));
    let error = fail(&request("http://127.0.0.1:1/x.git"));
    assert!(matches!(error, SourceError::Network { .. }) && error.fault() == Fault::Environment, "{error:?}");
    let begun = Instant::now();
    let error = fail(&limited(&server.url("mute.git"), |l| l.time = Duration::from_millis(400)));
    assert!(matches!(error, SourceError::Limit(Exceeded::Time(_))), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_silent_server_can_be_left() {
    let (_fixture, server, _shelf) = served(Manner { silent: vec!["/mute".into()], ..Manner::default() });
    let request = request(server.url("mute.git"));
    let cancel = request.cancel.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancel.store(true, Ordering::Relaxed);
    });
    let begun = Instant::now();
    assert_eq!(fail(&request), SourceError::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_flood_of_names_is_cut_off() {
    let (_fixture, server, _shelf) = served(Manner { endless: vec!["/flood".into()], ..Manner::default() });
    let error = fail(&limited(&server.url("flood.git"), |l| l.clone_bytes = 1 << 20));
    assert!(matches!(error, SourceError::Limit(Exceeded::CloneBytes(_))), "{error:?}");
    let error = fail(&request(server.url("flood.git")));
    assert!(matches!(error, SourceError::Limit(Exceeded::Listing(_))), "{error:?}");
}

#[test]
fn an_empty_repository_on_a_server_is_told() {
    let fixture = Fixture::new();
    let shelf = Shelf::new();
    shelf.put(&fixture, "a/empty");
    let server = Server::start(shelf.dir.path(), Manner::default());
    assert!(matches!(fail(&request(server.url("a/empty.git"))), SourceError::Empty { .. }));
}

#[test]
fn insteadof_of_the_user_is_obeyed() {
    let (_fixture, server, _shelf) = served(Manner::default());
    let host = Host { instead_of: vec![(server.url(""), "https://git.example.org/".into())], ..Host::plain() };
    get(&Request { host: Arc::new(host), ..request("https://git.example.org/ann/work.git") });
}

// ---------------------------------------------------------------------------------------------- submodules

/// A repository on a server whose `.gitmodules` names `url` for the folder `lib`.
fn with_submodule(url: &'static str, login: Option<String>) -> (Server, Shelf, Oid) {
    let library = Fixture::new();
    let commit = library.commit("main", &[(b"code", Node::File(b"code"))]);
    let text = format!("[submodule \"lib\"]\n\tpath = lib\n\turl = {url}\n").into_bytes();
    let work = Fixture::new();
    work.commit(
        "main",
        &[
            (b".gitmodules", Node::File(Box::leak(text.into_boxed_slice()))),
            (b"lib", Node::Raw("160000", commit)),
            (b"main", Node::File(b"m")),
        ],
    );
    let shelf = Shelf::new();
    shelf.put(&work, "ann/work");
    shelf.put(&library, "ann/lib");
    shelf.put(&library, "company/hidden");
    let server = Server::start(shelf.dir.path(), Manner { login, ..Manner::default() });
    (server, shelf, commit)
}

#[test]
fn submodules_are_fetched_when_asked_for() {
    let (server, _shelf, _) = with_submodule("../lib.git", None);
    let off = get(&request(server.url("ann/work.git")));
    assert!(off.said_once("submodule").contains("--submodules") && !off.has("lib"));
    let on = get(&Request { submodules: true, ..request(server.url("ann/work.git")) });
    assert_eq!(on.text("lib/code"), "code");
    assert!(on.notices.is_empty() && on.content != off.content);
}

#[test]
fn submodules_reach_neither_this_machine_nor_what_only_the_user_may_read() {
    let (server, _shelf, _) = with_submodule("file:///srv/private", None);
    let got = get(&Request { submodules: true, ..request(server.url("ann/work.git")) });
    assert!(got.said_once("submodule").contains("this machine") && !got.has("lib"), "{:?}", got.notices);
    // The user's token opens the candidate's own repositories, and not others that the candidate names.
    let asking = || Some(BASIC_TOKEN.to_owned());
    let (server, _shelf, _) = with_submodule("../../company/hidden.git", asking());
    let tokened = |url: String| Request { submodules: true, ..with_token(request(url), &["127.0.0.1"]) };
    let got = get(&tokened(server.url("ann/work.git")));
    assert!(got.said_once("submodule").contains("gets none") && !got.has("lib"), "{:?}", got.notices);
    assert!(server.seen().iter().all(|s| !s.path.contains("hidden") || s.login.is_none()));
    let (server, _shelf, _) = with_submodule("../lib.git", asking());
    assert_eq!(get(&tokened(server.url("ann/work.git"))).text("lib/code"), "code");
}

// ---------------------------------------------------------------------------------------------- ssh and git

/// A stand-in for ssh that runs the command here and keeps its arguments.
fn fake_ssh(dir: &Path, script: &str) -> Ssh {
    let path = dir.join("fake ssh");
    let log = dir.join("args");
    fs::write(&path, format!("#!/bin/sh\nfor a; do echo \"$a\" >> '{}'; last=$a; done\n{script}\n", log.display()))
        .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Ssh::Shell(format!("'{}' -v", path.display()).into())
}

fn over_ssh(ssh: Ssh, location: String) -> Request {
    Request { host: Arc::new(Host { ssh, ..Host::plain() }), ..request(location) }
}

#[test]
fn a_repository_is_fetched_over_ssh() {
    let (fixture, _server, shelf) = served(Manner::default());
    let tools = tempfile::tempdir().unwrap();
    let ssh = fake_ssh(tools.path(), "exec sh -c \"$last\"");
    let path = shelf.dir.path().join("ann/work.git");
    let url = format!("ssh://git@example.org:2222{}", path.display());
    let got = get(&over_ssh(ssh.clone(), url.clone()));
    assert_eq!(got.content, get(&request(fixture.location())).content);
    assert_eq!(got.origin.location, url);
    let args = fs::read_to_string(tools.path().join("args")).unwrap();
    let args: Vec<&str> = args.lines().collect();
    let end = args.iter().position(|a| *a == "--").unwrap();
    assert_eq!(args[end + 1], "git@example.org");
    assert_eq!(args[end + 2], format!("git-upload-pack '{}'", path.display()));
    assert!(args[..end].contains(&"BatchMode=yes") && args[..end].windows(2).any(|w| w == ["-p", "2222"]));
    assert_eq!(args[0], "-v");
    // The short form, with a commit that needs the history.
    let old = fixture.repo.revparse_single("v1^{commit}").unwrap().id().to_string();
    let scp = format!("example.org:{}", path.display());
    assert_eq!(get(&Request { rev: Some(old), ..over_ssh(ssh, scp) }).text("v"), "old");
}

#[test]
fn a_path_cannot_become_a_second_command() {
    let tools = tempfile::tempdir().unwrap();
    let ssh = fake_ssh(tools.path(), "exec sh -c \"$last\"");
    let canary = tools.path().join("canary");
    let error = fail(&over_ssh(ssh, format!("ssh://example.org/x'; touch {}; '", canary.display())));
    assert!(!canary.exists(), "{error}");
    for location in ["ssh://-oProxyCommand=id/x", "-oProxyCommand=id:x", "ssh://host/-x", "host:-x"] {
        assert!(matches!(fail(&request(location)), SourceError::Address { .. }), "{location}");
    }
}

#[test]
fn what_ssh_complains_about_is_told_apart_and_bounded() {
    let tools = tempfile::tempdir().unwrap();
    let says = |script: &str| fail(&over_ssh(fake_ssh(tools.path(), script), "git@example.org:a/b".into()));
    let error = says("echo 'git@example.org: Permission denied (publickey).' >&2; exit 255");
    assert!(matches!(error, SourceError::Auth { .. }) && error.hint().unwrap().contains("ssh-agent"), "{error:?}");
    assert!(matches!(says("echo 'ERROR: Repository not found.' >&2; exit 1"), SourceError::NotFound { .. }));
    let error = says("printf '\\033]0;x\\007boom' >&2; exit 255");
    assert!(matches!(error, SourceError::Network { .. }) && error.to_string().contains("\\u{1b}"), "{error}");
    let error = says("yes complaint | head -c 200000 >&2; exit 255");
    assert!(error.to_string().len() < 2000);
    let missing = over_ssh(Ssh::Program("/nonexistent/ssh".into()), "git@example.org:a/b".into());
    assert!(fail(&missing).to_string().contains("could not be started"));
}

#[test]
fn a_silent_ssh_is_left_when_time_is_up() {
    let tools = tempfile::tempdir().unwrap();
    let mut request = over_ssh(fake_ssh(tools.path(), "exec sleep 30"), "git@example.org:a/b".into());
    request.limits.time = Duration::from_millis(400);
    let begun = Instant::now();
    assert!(matches!(fail(&request), SourceError::Limit(Exceeded::Time(_))));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_repository_is_fetched_over_gits_own_protocol() {
    let (fixture, _server, shelf) = served(Manner::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let root = shelf.dir.path().to_owned();
    let asked = Arc::<Mutex<Vec<u8>>>::default();
    let kept = asked.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            let length = usize::from_str_radix(str::from_utf8(&length).unwrap(), 16).unwrap() - 4;
            let mut line = vec![0; length];
            stream.read_exact(&mut line).unwrap();
            *kept.lock().unwrap() = line;
            let mut child = Command::new("git")
                .args(["-c", "safe.directory=*", "upload-pack", "--strict"])
                .arg(root.join("ann/work.git"))
                .stdin(Stdio::from(std::os::fd::OwnedFd::from(stream.try_clone().unwrap())))
                .stdout(Stdio::from(std::os::fd::OwnedFd::from(stream)))
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::spawn(move || child.wait());
        }
    });
    let got = get(&request(format!("git://127.0.0.1:{port}/ann/work.git")));
    assert_eq!(got.content, get(&request(fixture.location())).content);
    let line = String::from_utf8(asked.lock().unwrap().clone()).unwrap();
    assert_eq!(line, format!("git-upload-pack /ann/work.git\0host=127.0.0.1:{port}\0"));
    assert!(matches!(fail(&request("git://127.0.0.1:1/x")), SourceError::Network { .. }));
}

#[test]
fn addresses_that_mean_something_else_are_refused() {
    for location in ["ext::sh -c id", "ftp://example.org/x", "https://example.org", "", "https://example.org/x#y"] {
        let error = fail(&request(location));
        assert!(matches!(error, SourceError::Address { .. }) && error.fault() == Fault::User, "{location}: {error:?}");
    }
    let remote = Request { files: true, ..request("https://example.org/x") };
    assert!(matches!(fail(&remote), SourceError::Address { .. }));
}

// ---------------------------------------------------------------------------------------------- any tree at all

mod any_tree {
    use super::*;
    use proptest::prelude::*;

    /// Names that lie near the rules' edges.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>().prop_filter("a name ends at NUL", |b| *b != 0), 0..6),
            prop::sample::select(vec!["..", ".", ".git", ".GIT", "a", "A", "b", "a/b", "git~1", ".git.", "\\", "\n"])
                .prop_map(|name| name.as_bytes().to_vec()),
        ]
    }

    /// A small tree: files, links and folders under such names.
    fn node() -> impl Strategy<Value = Node> {
        let target = prop::sample::select(vec![&b"a"[..], b"..", b"../..", b"/etc", b"a/../..", b"b/a", b"", b"."]);
        let leaf = prop_oneof![Just(Node::File(b"x")), target.prop_map(Node::Link)];
        leaf.prop_recursive(3, 20, 4, |inner| {
            let leak = |name: Vec<u8>| -> &'static [u8] { Box::leak(name.into_boxed_slice()) };
            prop::collection::vec((name().prop_map(leak), inner), 0..4).prop_map(Node::Folder)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn nothing_leaves_the_folder(nodes in prop::collection::vec((name(), node()), 1..6)) {
            let fixture = Fixture::new();
            let nodes: Vec<(&[u8], Node)> = nodes.iter().map(|(n, node)| (n.as_slice(), node.clone())).collect();
            fixture.commit("main", &nodes);
            // `try_get` checks that nothing but the tree is left beside it.
            if let Ok(got) = try_get(&request(fixture.location())) {
                let root = got.folder.canonicalize().unwrap();
                let mut folders = vec![root.clone()];
                while let Some(folder) = folders.pop() {
                    for entry in fs::read_dir(folder).unwrap() {
                        let path = entry.unwrap().path();
                        prop_assert!(!path.file_name().unwrap().eq_ignore_ascii_case(".git"));
                        let meta = fs::symlink_metadata(&path).unwrap();
                        if meta.is_dir() {
                            folders.push(path.clone());
                        }
                        if let (true, Ok(real)) = (meta.is_symlink(), path.canonicalize()) {
                            prop_assert!(real.starts_with(&root), "{} is {}", path.display(), real.display());
                        }
                    }
                }
                for notice in &got.notices {
                    prop_assert!(!notice.message.chars().any(char::is_control));
                }
                // The same files as a folder have the same hash.
                let again = get(&request(got.folder.display().to_string()));
                prop_assert_eq!(&again.content, &got.content);
            }
        }
    }
}
