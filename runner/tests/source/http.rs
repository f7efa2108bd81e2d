//! Fetching over http: revisions, logins, redirects, floods and silence.

use super::{fixture::*, server::*};
use runner::source::{Exceeded, Fault, Host, OriginKind, Phase, Request, SourceError, acquire};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

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
