//! Tests with what a hostile build leaves behind.

use super::*;
use std::os::unix::fs::symlink;

struct Place {
    dir: tempfile::TempDir,
    folders: Folders,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        fs::create_dir(dir.path().join(name)).unwrap();
        dir.path().join(name)
    };
    let folders = Folders { tree: folder("tree"), deps: folder("deps"), out: folder("out") };
    fs::create_dir(dir.path().join("to")).unwrap();
    fs::create_dir(dir.path().join("source")).unwrap();
    fs::write(dir.path().join("secret"), "secret").unwrap();
    Place { dir, folders }
}

impl Place {
    fn take(&self, what: &Take) -> Result<Taken, String> {
        let source = self.dir.path().join("source");
        let taking = Taking { folders: &self.folders, source: &source, bytes: 1 << 20 };
        take(&taking, what, &self.dir.path().join("to")).map_err(|error| error.to_string())
    }
}

fn program() -> Take {
    Take::Program { from: vec!["/out/x/bin".to_owned(), "/out/*/deep/bin".to_owned()], name: "solution".to_owned() }
}

/// What the error must say, and what is planted.
type Plant = (&'static str, fn(&Path));

#[test]
fn only_a_regular_file_is_taken() {
    let plant: [Plant; 5] = [
        ("symbolic link", |path| symlink("../../secret", path).unwrap()),
        ("symbolic link", |path| symlink("/etc/passwd", path).unwrap()),
        ("not a regular file", |path| nix::unistd::mkfifo(path, Mode::S_IRWXU).unwrap()),
        ("not a regular file", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())),
        ("not a regular file", |path| fs::create_dir(path).unwrap()),
    ];
    for (expected, plant) in plant {
        let place = place();
        fs::create_dir(place.folders.out.join("x")).unwrap();
        plant(&place.folders.out.join("x/bin"));
        let error = place.take(&program()).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let place = place();
    symlink(place.dir.path(), place.folders.out.join("x")).unwrap();
    fs::write(place.dir.path().join("bin"), "").unwrap();
    assert!(place.take(&program()).unwrap_err().contains("symbolic link"));
}

#[test]
fn a_program_is_copied_without_its_special_bits() {
    let place = place();
    assert!(place.take(&program()).unwrap_err().contains("made no `solution`"));
    fs::create_dir_all(place.folders.out.join("triple/deep")).unwrap();
    let path = place.folders.out.join("triple/deep/bin");
    fs::write(&path, "x").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4777)).unwrap();
    place.take(&program()).unwrap();
    let mode = place.dir.path().join("to/bin/solution").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
    let large = File::create(&path).unwrap();
    large.set_len(2 << 20).unwrap();
    fs::remove_file(place.dir.path().join("to/bin/solution")).unwrap();
    assert!(place.take(&program()).unwrap_err().contains("larger than 1 MiB"));
}

#[test]
fn a_folder_keeps_links_that_stay_inside() {
    let place = place();
    let tree = &place.folders.tree;
    fs::create_dir_all(tree.join("app/lib/.bin")).unwrap();
    fs::write(tree.join("app/lib/x.js"), "x").unwrap();
    symlink("../x.js", tree.join("app/lib/.bin/x")).unwrap();
    symlink("../../../secret", tree.join("app/lib/out")).unwrap();
    symlink("/etc/passwd", tree.join("app/abs")).unwrap();
    nix::unistd::mkfifo(&tree.join("app/fifo"), Mode::S_IRWXU).unwrap();
    let what = Take::Folders(vec![("/work/app".to_owned(), String::new()), ("/out/none".to_owned(), "n".to_owned())]);
    let (_, notices) = place.take(&what).unwrap();
    assert!(notices[0].starts_with("3 links"), "{notices:?}");
    let to = place.dir.path().join("to");
    assert_eq!(fs::read_to_string(to.join("lib/.bin/x")).unwrap(), "x");
    for gone in ["lib/out", "abs", "fifo"] {
        assert!(to.join(gone).symlink_metadata().is_err(), "{gone}");
    }
    let missing = Take::Folders(vec![("/work/none".to_owned(), String::new())]);
    assert!(place.take(&missing).unwrap_err().contains("made no folder"));
}

/// Two folders of a build, copied one into the other as interpreted programs are.
fn tree_and_packages() -> Take {
    Take::Folders(vec![("/work".to_owned(), String::new()), ("/out/python".to_owned(), ".takehome/python".to_owned())])
}

#[test]
fn links_that_climb_through_each_other_lead_nowhere() {
    let place = place();
    let tree = &place.folders.tree;
    fs::create_dir_all(tree.join("a/b/c")).unwrap();
    fs::create_dir(tree.join(".takehome")).unwrap();
    fs::create_dir_all(place.folders.out.join("python")).unwrap();
    fs::write(place.folders.out.join("python/planted"), "x").unwrap();
    fs::create_dir(place.dir.path().join("victim")).unwrap();
    // Each stays inside by its own words; together they leave.
    symlink("../../..", tree.join("a/b/c/up")).unwrap();
    symlink("../a/b/c/up/../victim", tree.join(".takehome/python")).unwrap();
    let (_, notices) = place.take(&tree_and_packages()).unwrap();
    assert!(notices[0].starts_with("1 links") && notices[0].contains(".takehome/python"), "{notices:?}");
    assert_eq!(fs::read_dir(place.dir.path().join("victim")).unwrap().count(), 0);
    let to = place.dir.path().join("to");
    assert!(to.join(".takehome").symlink_metadata().unwrap().is_dir());
    assert!(to.join(".takehome/python/planted").is_file());
}

#[test]
fn what_cannot_be_copied_is_the_builds_fault() {
    let clash = place();
    fs::create_dir_all(clash.folders.tree.join(".takehome")).unwrap();
    fs::write(clash.folders.tree.join(".takehome/python"), "a file").unwrap();
    fs::create_dir_all(clash.folders.out.join("python")).unwrap();
    assert!(clash.take(&tree_and_packages()).unwrap_err().contains("have the same place"));

    let linked = place();
    fs::create_dir_all(linked.folders.tree.join(".takehome")).unwrap();
    fs::create_dir_all(linked.folders.out.join("python")).unwrap();
    symlink("..", linked.folders.tree.join(".takehome/python")).unwrap();
    assert!(linked.take(&tree_and_packages()).unwrap_err().contains("have the same place"));

    let closed = place();
    let folder = closed.folders.tree.join("closed");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads everything.
    if fs::read_dir(&folder).is_err() {
        assert!(closed.take(&tree_and_packages()).unwrap_err().contains("`closed` cannot be read"));
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn executables_are_those_that_are_new() {
    let place = place();
    let elf = |path: &Path, byte: u8| {
        fs::write(path, [&b"\x7fELF"[..], &[0; 12], &[byte, 0, 0]].concat()).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let what = |name: Option<&str>| Take::Executable { under: "/work".to_owned(), name: name.map(str::to_owned) };
    elf(&place.folders.tree.join("old"), 3);
    elf(&place.dir.path().join("source/old"), 3);
    elf(&place.folders.tree.join("object.o"), 1);
    assert!(place.take(&what(None)).unwrap_err().contains("made no executable"));
    elf(&place.folders.tree.join("new"), 3);
    assert_eq!(place.take(&what(None)).unwrap().0.as_deref(), Some("new"));
    elf(&place.folders.tree.join("other"), 2);
    assert!(place.take(&what(None)).unwrap_err().contains("--bin new  (built)\n  --bin other"));
    fs::remove_file(place.dir.path().join("to/bin/program")).unwrap();
    assert_eq!(place.take(&what(Some("other"))).unwrap().0.as_deref(), Some("other"));
}
