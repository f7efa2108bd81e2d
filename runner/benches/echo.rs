//! What a round trip costs that takehome makes: a client's request to a node in its cell and the answer into the
//! history, through a whole case, against the same bytes to and from the same program over two bare pipes.
//!
//! Both are measured in turns, because only their ratio means something on a machine that others use as well.

#[path = "../tests/support/mod.rs"]
mod support;

use harness::{
    calls::{Calls, Role},
    manifest::Stage,
    oracle::{Oracle, Request, Script, Vocabulary, body},
    time::Offset,
};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

/// Most that a round trip may cost, in bare ones.
const MOST: f64 = 2.0;
/// How often each way is measured.
const TURNS: usize = 15;
/// Round trips of one measurement.
const TRIPS: usize = 10_000;
/// Round trips that are timed together.
const WINDOW: usize = 500;

const STAGE: &str =
    "nodes = 1\nrate = 1\nduration = \"10ms\"\nrequire = [\"stays-up\", \"echoes-exactly\", \"availability >= 1\"]";

/// One client that asks again as soon as it has its answer.
struct PingPong;

impl Oracle for PingPong {
    fn script(&self, _: &Stage, _: u64) -> Script {
        let echo = |trip| body("echo", [("echo", format!("please echo {trip}").into())]);
        let work = (0..TRIPS).map(|trip| (Duration::ZERO, Request { node: 0, body: echo(trip) }));
        Script { in_turn: true, work: work.collect(), ..Script::default() }
    }

    fn vocabulary(&self) -> Vocabulary {
        Vocabulary::Echo { function: "echo", field: "echo" }
    }
}

fn main() -> ExitCode {
    keep_to_one_processor();
    let program = support::compiled("echo-node", "benches/nodes/echo.rs");
    let mut bare = Bare::start(&program.join("node"));
    let (mut takehome, mut pipes) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let Some(history) = case(&program) else { return ExitCode::SUCCESS };
        takehome.extend(windows(&returns(&history)));
        pipes.extend(windows(&bare.repeat(&history)));
    }
    let (takehome, pipes) = (quartile(takehome), quartile(pipes));
    let ratio = takehome / pipes;
    println!("round trip, lower quartile of {TURNS} turns of {TRIPS}, in windows of {WINDOW}");
    println!("  takehome    {takehome:6.2} µs");
    println!("  bare pipes  {pipes:6.2} µs");
    println!("  ratio       {ratio:6.2}    (at most {MOST})");
    if ratio <= MOST { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Keeps this process and all that it starts on one processor. Whether the two ends of a pipe come to lie on one or on
/// two is the scheduler's luck, and costs ten times as much as anything that is measured here.
fn keep_to_one_processor() {
    let this = Pid::from_raw(0);
    let mut one = CpuSet::new();
    let allowed = sched_getaffinity(this).unwrap();
    let first = (0..CpuSet::count()).find(|processor| allowed.is_set(*processor).unwrap_or(false)).unwrap();
    one.set(first).unwrap();
    sched_setaffinity(this, &one).unwrap();
}

/// Microseconds a round trip took in each window, from the times at which the answers came.
fn windows(returns: &[Duration]) -> Vec<f64> {
    let ends: Vec<Duration> = returns.iter().copied().step_by(WINDOW).collect();
    ends.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1e6 / WINDOW as f64).collect()
}

/// What a quarter of the windows stay below: the others were disturbed, if any were.
fn quartile(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 4]
}

/// A whole case of round trips; none where there is no sandbox.
fn case(program: &Path) -> Option<Calls> {
    let (record, judged) = support::run_program(&support::plan("echo", STAGE), &PingPong, program, "", 1)?;
    assert_eq!(judged.findings, [], "{:?}", record.summary.ended);
    Some(record.history)
}

/// When each answer came.
fn returns(history: &Calls) -> Vec<Duration> {
    let work = history.operations.iter().filter(|op| op.role == Role::Work);
    work.map(|op| op.returned.unwrap().since(Offset::ZERO)).collect()
}

/// The program as a plain child, with blocking pipes.
struct Bare {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Bare {
    fn start(program: &Path) -> Self {
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    /// Makes the requests of a history again; when each answer came.
    fn repeat(&mut self, history: &Calls) -> Vec<Duration> {
        let work = history.operations.iter().filter(|op| op.role == Role::Work);
        let lines: Vec<String> = work
            .map(|op| format!("{{\"src\":\"c{}\",\"dest\":\"n{}\",\"body\":{}}}\n", op.client, op.node, op.request))
            .collect();
        let stdin = self.child.stdin.as_mut().unwrap();
        let mut answer = String::new();
        let began = Instant::now();
        let ask = |line: &String| {
            stdin.write_all(line.as_bytes()).unwrap();
            answer.clear();
            self.answers.read_line(&mut answer).unwrap();
            began.elapsed()
        };
        lines.iter().map(ask).collect()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
