//! A run that is cut short is still a valid record: it renders as incomplete, and nothing of it keeps running.

use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tests::{Ran, TestEnv, has, has_sandbox, processes, project};

/// A run in the middle of a case.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it had started.
    started: Vec<processes::Process>,
}

fn world() -> Option<TestEnv> {
    (has_sandbox() && has(&["rustc"])).then(|| {
        let env = TestEnv::new();
        env.repository("ref", &project("echo", "reference/rust"));
        env
    })
}

/// Temporary folders of its own, so that nobody else finds or leaves any.
fn takehome(env: &TestEnv, arguments: &[&str]) -> Command {
    std::fs::create_dir_all(env.path("tmp")).expect("a folder");
    let mut command = env.takehome(arguments);
    command.env("TMPDIR", env.path("tmp"));
    command
}

fn start(env: &TestEnv, arguments: &[&str]) -> Child {
    let mut command = takehome(env, arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("takehome starts")
}

/// Grades a stage that takes long, until its first case has begun and a node runs.
fn in_the_middle(env: &TestEnv) -> Running {
    let mut child = start(
        env,
        &["grade", "sample:broadcast/reference/rust", "--stage", "partition", "--seed", "1", "--format", "ndjson"],
    );
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("case-started") {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "it ended before a case: {:?}", child.wait_with_output());
    }
    let started = once_running(&child, "/app/");
    Running { child, stdout, started }
}

/// Waits until a program is running below takehome; all that is.
fn once_running(takehome: &Child, program: &str) -> Vec<processes::Process> {
    let is_it = |process: &processes::Process| {
        std::fs::read_to_string(format!("/proc/{}/cmdline", process.id)).is_ok_and(|line| line.starts_with(program))
    };
    for _ in 0..12_000 {
        let started = processes::descendants(takehome.id());
        if started.iter().any(is_it) {
            return started;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("no `{program}` was started");
}

/// Sends a signal by its name.
fn signal(env: &TestEnv, name: &str, process: u32) {
    let number = process.to_string();
    Ran::of(env.program("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &number])).code(0);
}

impl Running {
    fn finish(mut self) -> (u32, Vec<processes::Process>, Ran) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let id = self.child.id();
        let ran = Ran::from(self.child.wait_with_output().unwrap());
        (id, self.started, Ran { stdout: rest, ..ran })
    }
}

/// Those of a takehome's processes that still run.
fn left(of: &[processes::Process]) -> Vec<processes::Process> {
    of.iter().copied().filter(processes::Process::is_alive).collect()
}

/// Waits until none of these runs any more. Of a takehome that was killed nobody waits for them: the kernel ends them, in
/// its own time.
fn wait_until_gone(processes: &[processes::Process]) {
    let start = Instant::now();
    while !left(processes).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "still running: {:?}", left(processes));
        thread::sleep(Duration::from_millis(1));
    }
    println!("{} processes were gone after {:?}", processes.len(), start.elapsed());
}

fn incomplete(env: &TestEnv) -> Value {
    env.run(["report", "last"]).code(3).prints(&["INCOMPLETE RUN", "not final"]);
    let report = env.run(["report", "last", "--format", "json"]).code(3).json();
    assert_eq!(report["run"]["complete"], false);
    assert_eq!(report["scorecard"]["total"].as_f64(), Some(0.0));
    report
}

#[test]
fn after_sigkill_the_record_is_rendered_as_incomplete_and_nothing_is_left() {
    let Some(env) = world() else { return };
    let running = in_the_middle(&env);
    signal(&env, "KILL", running.child.id());
    let (id, started, ran) = running.finish();
    assert_eq!(ran.code, None, "a signal ended it");
    assert!(!started.is_empty());
    wait_until_gone(&started);
    assert_eq!(incomplete(&env)["verdict"], "not-run");
    // Its empty cgroups go when the next takehome starts.
    env.run(["grade", "nowhere", "--challenge", "echo"]).code(5);
    assert_eq!(processes::cgroups(id), Vec::<std::path::PathBuf>::new());
}

#[test]
fn after_ctrl_c_the_record_is_kept_and_nothing_is_left() {
    let Some(env) = world() else { return };
    let running = in_the_middle(&env);
    signal(&env, "INT", running.child.id());
    let (id, started, ran) = running.finish();
    let ran =
        ran.code(130).says(&["stopping; the record is kept", "interrupted; the record of run", "takehome report"]);
    assert!(ran.stdout.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", ran.stdout);
    assert_eq!(left(&started), [], "it ended before its cells did");
    assert_eq!(processes::cgroups(id), Vec::<std::path::PathBuf>::new());
    let report = incomplete(&env);
    assert!(ran.stderr.contains(report["run"]["id"].as_str().unwrap()), "{}", ran.stderr);
}

#[test]
fn a_build_can_be_interrupted() {
    let Some(env) = world() else { return };
    let build = ["grade", "ref", "--challenge", "echo", "--no-cache", "--build", "sleep 1000", "--run", "./x"];
    let child = start(&env, &build);
    let started = once_running(&child, "sleep");
    let id = child.id();
    signal(&env, "INT", id);
    let ran = Ran::from(child.wait_with_output().unwrap());
    ran.code(130).prints_nothing().says(&["interrupted before anything was graded"]);
    assert_eq!(left(&started), [], "it ended before its cells did");
    assert_eq!(processes::cgroups(id), Vec::<std::path::PathBuf>::new());
    assert_eq!(env.recorded(), Vec::<std::path::PathBuf>::new());
}

/// What a takehome says that has found something.
const REMOVED: &str = "removed what an earlier takehome had left";

/// Whether folders were found: cgroups are the machine's, and those of other tests may be among them.
fn says_that_folders_were_removed(ran: &Ran) -> bool {
    ran.stderr.lines().any(|line| line.contains(REMOVED) && line.contains("folder"))
}

#[test]
fn what_a_killed_build_has_left_is_removed_by_the_next_takehome_and_said() {
    if !(has_sandbox() && has(&["sh"])) {
        return;
    }
    let env = TestEnv::cold();
    env.repository("ref", &project("echo", "reference/rust"));
    let mut child = start(&env, &["grade", "ref", "--challenge", "echo", "--build", "sleep 1000", "--run", "./x"]);
    let started = once_running(&child, "sleep");
    signal(&env, "KILL", child.id());
    child.wait().expect("its end");
    wait_until_gone(&started);
    let folders = || {
        let below = |name: &str| std::fs::read_dir(env.path(name)).into_iter().flatten().flatten();
        let sources = below("cache").filter(|entry| entry.file_name().to_string_lossy().starts_with("source-"));
        sources.chain(below("cache/work")).filter(|entry| entry.path().is_dir()).map(|entry| entry.path())
    };
    let before: Vec<_> = folders().collect();
    assert!(before.len() >= 2, "a copy of the submission, and the folder of the build: {before:?}");
    let next = || Ran::of(&mut takehome(&env, &["doctor"]));
    let first = next();
    assert!(says_that_folders_were_removed(&first), "{}", first.stderr);
    assert_eq!(folders().collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
    assert_eq!(processes::cgroups(child.id()), Vec::<std::path::PathBuf>::new());
    let second = next();
    assert!(!says_that_folders_were_removed(&second), "it is said once: {}", second.stderr);
}

#[test]
fn every_command_that_opens_cells_removes_first_what_is_left() {
    let env = TestEnv::cold();
    // Of a process that had our number before us.
    let orphan = env.path(&format!("tmp/takehome-{}-1-cell-x", std::process::id()));
    let after = |arguments: &[&str]| {
        std::fs::create_dir_all(orphan.join("inner")).expect("a folder");
        let ran = Ran::of(&mut takehome(&env, arguments));
        (says_that_folders_were_removed(&ran), orphan.exists(), ran)
    };
    for command in [
        &["grade", "nowhere", "--challenge", "echo"][..],
        &["grade", "nowhere", "--challenge", "no-such-challenge"],
        &["check", "--path", "nowhere", "--challenge", "echo"],
        &["replay", "last"],
        &["challenge", "verify", "no-such-challenge"],
        &["doctor"],
    ] {
        let (said, is_left, ran) = after(command);
        assert!(said && !is_left, "{command:?}: {ran:?}");
    }
    for command in [&["list"][..], &["show", "echo"]] {
        let (said, is_left, ran) = after(command);
        assert!(!said && is_left, "{command:?}: {ran:?}");
    }
}
