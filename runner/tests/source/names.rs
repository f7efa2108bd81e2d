//! Names and links that no honest repository has.

use super::fixture::*;
use git2::Oid;
use std::{fs, os::unix::ffi::OsStrExt};

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
            (b"long", Node::Link(&[b'a'; 5000])),
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
    for path in ["abs", "dir/out", "long", "loop", "through"] {
        assert!(!got.has(path), "{path}");
    }
    assert_eq!(got.said("symlink-refused").len(), 5);
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
