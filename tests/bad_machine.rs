//! A machine that is in the way: a full or read-only disk, no sandbox. It is said to be the machine's fault, nothing is
//! lost in silence, and nothing is graded without evidence or protection.

use std::{fs, fs::OpenOptions, process::Command};
use tests::{Ran, TestEnv, has, has_sandbox, project, skip, takehome};

/// A world with the echo reference in `ref`; none where it cannot be graded.
fn world() -> Option<TestEnv> {
    (has_sandbox() && has(&["rustc"])).then(|| {
        let env = TestEnv::new();
        env.repository("ref", &project("echo", "reference/rust"));
        env
    })
}

const GRADE: [&str; 8] = ["grade", "ref", "--challenge", "echo", "--stage", "basic", "--seed", "1"];

/// Runs a script as root of new namespaces, with `$TAKEHOME`; none where this cannot be done.
fn with_own_mounts(env: &TestEnv, script: &str) -> Option<Ran> {
    fs::create_dir_all(env.path("disk")).unwrap();
    let unshared = |script: &str| {
        let mut command = env.program("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).env("TAKEHOME", takehome());
        command
    };
    let possible = unshared("mount -t tmpfs tmpfs disk").output().is_ok_and(|output| output.status.success());
    if !possible {
        skip("`unshare` cannot mount a disk here");
    }
    possible.then(|| Ran::of(&mut unshared(script)))
}

#[test]
fn a_full_disk_is_an_error_that_names_it() {
    let Some(env) = world() else { return };
    // Full at the plan, at what follows it, and at the histories of the case.
    for kib in [4, 16, 24] {
        let script = format!(
            "mount -t tmpfs -o size={kib}k tmpfs disk && export TAKEHOME_STATE=$PWD/disk
            $TAKEHOME {} || echo \"graded $?\"
            $TAKEHOME report last || echo \"rendered $?\"",
            GRADE.join(" ")
        );
        let Some(ran) = with_own_mounts(&env, &script) else { return };
        let ran = ran.says(&["error[E0600]", "/disk/runs", "No space left on device", "fault of this machine"]);
        let ran = ran.says(&["free some disk space, or point TAKEHOME_STATE"]);
        assert!(ran.stdout.contains("graded 6"), "{kib} KiB: {}", ran.stdout);
        // What is left is no run at all, or an incomplete one; never a pass.
        let rest = ran.stdout.contains("rendered 2") || ran.stdout.contains("INCOMPLETE");
        assert!(rest && !ran.stdout.contains("rendered 0") && !ran.stdout.contains("PASS"), "{kib}: {}", ran.stdout);
    }
}

#[test]
fn a_full_disk_behind_stdout_is_an_error() {
    let env = TestEnv::new();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    Ran::of(env.takehome(["show", "echo"]).stdout(full)).code(6).says(&["stdout", "No space left on device", "hint: "]);
}

#[test]
fn a_disk_that_cannot_be_written_is_an_error_that_names_it() {
    let Some(env) = world() else { return };
    for variable in ["TAKEHOME_STATE", "TAKEHOME_CACHE"] {
        let script =
            format!("mount -t tmpfs -o ro tmpfs disk && {variable}=$PWD/disk exec $TAKEHOME {}", GRADE.join(" "));
        let Some(ran) = with_own_mounts(&env, &script) else { return };
        let ran =
            ran.code(6).says(&["/disk", "Read-only file system", "fault of this machine", "check the permissions"]);
        assert!(!ran.stdout.contains("PASS"), "{}", ran.stdout);
    }
}

#[test]
fn without_a_sandbox_nothing_runs() {
    let Some(env) = world() else { return };
    // In a user namespace that maps nobody, no further one can be made.
    let unshared = |arguments: &[&str]| {
        let mut command = env.program("unshare");
        command.arg("--user").arg(takehome()).args(arguments);
        command
    };
    let possible = Command::new("unshare").args(["--user", "true"]).status().is_ok_and(|status| status.success());
    if !possible {
        return skip("`unshare --user` is not possible here");
    }
    Ran::of(&mut unshared(&GRADE)).code(6).prints_nothing().says(&[
        "the sandbox could not be set up",
        "user namespace",
        "fault of this machine",
        "hint: `takehome doctor`",
        "--unsafe-no-sandbox",
    ]);
    Ran::of(&mut unshared(&["doctor"])).code(6).prints(&["This machine cannot grade", "✗ user namespace"]);
    assert_eq!(env.recorded(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_run_without_a_sandbox_says_so_everywhere() {
    let Some(env) = world() else { return };
    let page = env.path("report.html");
    let unsafely = ["--unsafe-no-sandbox", "--html", "report.html"];
    let human = env.run(GRADE.iter().chain(&unsafely)).code(0);
    human.prints(&["!!!  NO SANDBOX", "PASS"]).says(&["warning: no sandbox"]);
    assert!(fs::read_to_string(page).unwrap().to_lowercase().contains("no sandbox"));
    let report = env.run(["report", "last", "--format", "json"]).code(0).json();
    assert_eq!(report["environment"]["sandbox"], "none");
    assert_eq!(report["environment"]["layers"][0]["status"], "missing");
    env.run(["report", "last"]).code(0).prints(&["!!!  NO SANDBOX"]);
}
