//! Git directories that try to be run, or to borrow what is not theirs.

use super::fixture::*;
use runner::source::{Request, SourceError};
use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

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
