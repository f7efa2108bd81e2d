//! A run that is cut short is still a valid record: it renders as incomplete, and nothing of it keeps running.

use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Stdio},
    thread,
    time::Duration,
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

fn start(env: &TestEnv, arguments: &[&str]) -> Child {
    let mut command = env.takehome(arguments);
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

/// Waits until none of these runs any more; the kernel needs a moment to end them.
fn gone(processes: &[processes::Process]) {
    for _ in 0..3000 {
        if !processes.iter().any(processes::Process::is_alive) {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let left: Vec<_> = processes.iter().filter(|process| process.is_alive()).collect();
    panic!("still running: {left:?}");
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
    gone(&started);
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
    gone(&started);
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
    signal(&env, "INT", child.id());
    let ran = Ran::from(child.wait_with_output().unwrap());
    ran.code(130).prints_nothing().says(&["interrupted before anything was graded"]);
    gone(&started);
    assert_eq!(env.recorded(), Vec::<std::path::PathBuf>::new());
}
