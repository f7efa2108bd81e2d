//! Repositories on this machine: revisions, damage, and what is told about them.

use super::fixture::*;
use git2::{ObjectType, Oid};
use runner::source::{Fault, OriginKind, Request, SourceError};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

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
fn a_work_tree_is_compared_by_the_rules_of_git() {
    let fixture = Fixture::new();
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    let library = Oid::from_str("1234567890123456789012345678901234567890").unwrap();
    fixture.commit(
        "main",
        &[
            (b".gitignore", Node::File(b"/target\n")),
            (b"data.bin", Node::File(lfs)),
            (b"lib", Node::Raw("160000", library)),
            (b"main.rs", Node::File(b"fn main() {}")),
        ],
    );
    let write = |path: &str, text: &str| {
        let path = fixture.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for (path, text) in [
        (".gitignore", "/target\n"),
        ("main.rs", "fn main() {}"),
        ("target/debug/main", "built"),
        ("data.bin", "the real content"),
        ("lib/code", "a submodule's"),
    ] {
        write(path, text);
    }
    let told = || get(&request(fixture.location())).said("work-tree");
    assert!(told().is_empty(), "{:?}", told());
    write("main.rs", "fn main() { }");
    assert!(told()[0].contains("1 changed, 0 untracked; the first is `main.rs`"), "{:?}", told());
    fs::remove_file(fixture.path().join("main.rs")).unwrap();
    assert!(told()[0].contains("1 changed"), "{:?}", told());
    // A folder too large to be compared does not keep the commit from being graded.
    let mut small = request(fixture.location());
    small.limits.file_size = 100;
    write("untracked", &"x".repeat(101));
    let got = get(&small);
    assert!(got.said("work-tree")[0].contains("could not be told"), "{:?}", got.notices);
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
