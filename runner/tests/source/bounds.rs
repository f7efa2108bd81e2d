//! Every limit, on both of its sides.

use super::fixture::*;
use runner::source::{Exceeded, Fault, Limits, SourceError};
use std::{fs, sync::atomic::Ordering, time::Duration};

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
