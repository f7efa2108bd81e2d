//! What this machine enforces, and errors that say what is wrong with it.

use crate::cell::*;
use std::os::unix::process::CommandExt;

#[tokio::test]
async fn every_layer_is_enforced() {
    let capabilities = native().capabilities();
    assert_eq!(capabilities.usable, Ok(()));
    for layer in &capabilities.layers {
        let approximate = layer.status == LayerStatus::Approximate && !is_root();
        assert!(layer.status == LayerStatus::Enforced || approximate, "{layer:?}");
    }
}

#[tokio::test]
async fn an_unusable_helper_is_an_error_that_names_the_step() {
    let error = Native::new("/no/such/helper".into()).open(spec("t")).await.expect_err("no helper");
    assert_eq!(error.step, "start the set-up process");
    let error = Native::new("/bin/true".into()).open(spec("t")).await.expect_err("no helper");
    assert!(error.reason.contains("ended"), "{error}");
}

#[tokio::test]
async fn a_missing_mount_is_an_error_that_names_it() {
    let mounts = vec![Mount { host: "/no/such/toolchain".into(), at: "/opt/x".into(), writable: false }];
    let error = native().open(CellSpec { mounts, ..spec("t") }).await.expect_err("no such mount");
    assert_eq!(error.step, "bind /no/such/toolchain");
}

#[tokio::test]
async fn a_cell_whose_root_is_not_the_private_one_is_an_error() {
    let mounts = vec![Mount { host: "/usr".into(), at: "/".into(), writable: false }];
    let error = native().open(CellSpec { mounts, ..spec("t") }).await.expect_err("a mount over the root");
    assert_eq!(error.step, "find the private root in the mount namespace");
}

#[test]
fn all_of_it_holds_for_an_ordinary_user() {
    if !is_root() {
        return leave_out("these tests already run as an ordinary user");
    }
    let folder =
        tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().expect("a folder");
    let copy = |from: &Path, name: &str| {
        let to = folder.path().join(name);
        std::fs::copy(from, &to).expect("a copy");
        to
    };
    let tests = copy(&std::env::current_exe().expect("this test"), "tests");
    // Without root's groups too, which a change of the user takes away.
    let output = Host::new(tests)
        .uid(65_534)
        .gid(65_534)
        .args(["--skip", "leftovers::five_hundred"])
        .env(HELPER, copy(Path::new(env!("CARGO_BIN_EXE_takehome")), "takehome"))
        .env(PROBE, copy(probe(), "probe"))
        .env("TMPDIR", "/tmp")
        .current_dir("/")
        .output()
        .expect("the tests");
    pass_on(&output.stderr);
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && report.contains(" 0 failed"), "{report}");
}
