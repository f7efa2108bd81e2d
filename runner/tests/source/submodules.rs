//! Submodules: off, on, and out of reach.

use super::{fixture::*, server::*};
use git2::Oid;
use runner::source::Request;

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
