//! Folders taken as they lie there.

use super::fixture::*;
use runner::source::{OriginKind, Request};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

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
    // Who names a folder that is ignored means its files.
    let named = get(&request(fixture.path().join("target/debug").display().to_string()));
    assert!(named.has("x"));
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
