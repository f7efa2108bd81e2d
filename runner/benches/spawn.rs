//! What a cell costs beside the program in it: a plain child, a cell of ours and `bwrap` with the same isolation, each
//! from the first call to the end of everything, in turns, because only their ratio means something on a machine that
//! others use as well.
//!
//! ```text
//!   cargo bench -p runner --bench spawn [-- rounds]        200 if nothing is said
//! ```
//!
//! As root it measures a second time as an ordinary user, in the same rounds. Each user's measurements are made by a
//! worker: this program again, which does on request what it is told on a line, and answers with the times.

mod bubblewrap;
#[path = "../tests/support/cell.rs"]
mod cell;

use bubblewrap::Bubblewrap;
use cell::{HELPER, Session, native, spec};
use runner::backend::{CellSpec, Mount, Root};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

/// Most that a cell may cost, in runs of `bwrap`.
const MOST: f64 = 1.0;
/// Rounds that are not counted: caches and processors warm up.
const WARM: usize = 10;
/// Where the program is seen in a cell.
const AT: &str = "/trivial";
/// A user who is nobody in particular.
const ORDINARY: u32 = 65_534;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mark, program] = &arguments[..]
        && mark == "worker"
    {
        work(Path::new(program));
        return ExitCode::SUCCESS;
    }
    let rounds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(200);
    if Command::new("bwrap").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("SKIPPED: bwrap is not installed: sudo apt-get install bubblewrap");
        return if std::env::var_os("CI").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let figures = measure(rounds);
    if report(&figures, rounds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Milliseconds of every measurement, by who made it and of what.
type Figures = BTreeMap<(&'static str, &'static str), Vec<f64>>;

/// What is measured in each round, by whom. The answer to a request is one or several times, and as the last one the
/// processor time of all that took part: that hardly depends on what else this machine does.
const REQUESTS: [(&str, &[&str]); 3] = [
    ("plain", &["plain program", "plain program, processor"]),
    ("bwrap", &["bwrap", "bwrap, processor"]),
    ("native", &["cell", "cell, until the program ended", "cell, until ready", "cell, processor"]),
];

fn measure(rounds: usize) -> Figures {
    let place = tempfile::Builder::new().prefix("spawn-").permissions(fs::Permissions::from_mode(0o755)).tempdir();
    let place = place.expect("a scratch folder");
    let mut workers = workers(place.path());
    let mut figures = Figures::new();
    for round in 0..rounds + WARM {
        // Another order in every round, so that nobody always comes after the same.
        let all = workers.len() * REQUESTS.len();
        for turn in 0..all {
            let turn = (turn * (1 + 4 * (round % 2)) + round) % all;
            let (request, names) = REQUESTS[turn % REQUESTS.len()];
            let worker = &mut workers[turn / REQUESTS.len()];
            let times = worker.ask(request);
            for (name, time) in names.iter().zip(times).filter(|_| round >= WARM) {
                figures.entry((worker.who, name)).or_default().push(time);
            }
        }
    }
    figures
}

/// One process for each user: as root also one that sees no cgroups, and an ordinary user.
fn workers(place: &Path) -> Vec<Worker> {
    let program = trivial(place);
    let copy = |from: PathBuf, name: &str| {
        let to = place.join(name);
        fs::copy(from, &to).expect("a copy");
        to
    };
    // Where everyone can read them.
    let helper = copy(cell::helper(), "takehome");
    let this = copy(std::env::current_exe().expect("this program"), "spawn");
    let start = |who, prefix: &[&str]| Worker::start(who, prefix, &this, &program, &helper);
    if !nix::unistd::geteuid().is_root() {
        return vec![start("user", &[])];
    }
    let id = ORDINARY.to_string();
    let ordinary = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"];
    let hidden = "umount --lazy --recursive /sys/fs/cgroup && exec \"$0\" \"$@\"";
    let without_groups = ["unshare", "--mount", "--propagation", "private", "sh", "-c", hidden];
    vec![start("root", &[]), start("root without cgroups", &without_groups), start("user", &ordinary)]
}

/// The least a program can do.
fn trivial(place: &Path) -> PathBuf {
    let (source, program) = (place.join("trivial.c"), place.join("trivial"));
    fs::write(&source, "int main(void) { return 0; }\n").expect("a file");
    let status = Command::new("cc").args(["-O1", "-static", "-o"]).arg(&program).arg(&source).status();
    assert!(status.expect("a C compiler, cc").success(), "a static program cannot be linked here");
    program
}

/// A user's process.
struct Worker {
    who: &'static str,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    _process: Child,
}

impl Worker {
    fn start(who: &'static str, prefix: &[&str], this: &Path, program: &Path, helper: &Path) -> Self {
        let this = this.to_str().expect("a name in UTF-8");
        let line: Vec<&str> = prefix.iter().copied().chain([this]).collect();
        let mut process = Command::new(line[0])
            .args(&line[1..])
            .arg("worker")
            .arg(program)
            .env(HELPER, helper)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a worker");
        let requests = process.stdin.take().expect("its input");
        let answers = BufReader::new(process.stdout.take().expect("its output"));
        Self { who, requests, answers, _process: process }
    }

    /// Milliseconds.
    fn ask(&mut self, request: &str) -> Vec<f64> {
        writeln!(self.requests, "{request}").expect("a living worker");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        let times: Vec<f64> = line.split_whitespace().filter_map(|time| time.parse().ok()).collect();
        assert!(!times.is_empty(), "{}: no answer to {request}", self.who);
        times
    }
}

/// A worker's life.
fn work(program: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let native = native();
    let bubblewrap = Bubblewrap::new(program, AT);
    for request in std::io::stdin().lines().map_while(Result::ok) {
        let before = processor();
        let mut times = match request.as_str() {
            "plain" => vec![run(&mut Command::new(program))],
            "bwrap" => vec![run(&mut bubblewrap.command())],
            _ => runtime.block_on(cell_of(&native, program)),
        };
        times.push(processor() - before);
        let times: Vec<String> = times.iter().map(|time| (time.as_secs_f64() * 1e3).to_string()).collect();
        println!("{}", times.join(" "));
    }
}

/// Processor time of this process and of all below it that have ended.
fn processor() -> Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    let of = |who| {
        let usage = getrusage(who).expect("usage");
        let micros = |time: nix::sys::time::TimeVal| (time.tv_sec() * 1_000_000 + time.tv_usec()) as u64;
        micros(usage.user_time()) + micros(usage.system_time())
    };
    Duration::from_micros(of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN))
}

/// From the start to the end of a child.
fn run(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let status = command.spawn().expect("a child").wait().expect("its end");
    let time = start.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    time
}

/// A cell in which the program runs once: until it is gone, until the program has ended, until it could be started.
async fn cell_of(native: &runner::backend::native::Native, program: &Path) -> Vec<Duration> {
    let mounts = vec![Mount { host: program.into(), at: AT.into(), writable: false }];
    let spec = CellSpec { mounts, root: Root::System, ..spec("spawn") };
    let start = Instant::now();
    let mut session = Session::open(native, spec).await;
    let ready = start.elapsed();
    let exit = session.run(&[AT]).await;
    let ended = start.elapsed();
    session.close().await;
    let closed = start.elapsed();
    assert_eq!(exit.code, Some(0));
    vec![closed, ended, ready]
}

/// Prints all figures; whether no cell costs too much.
fn report(figures: &Figures, rounds: usize) -> bool {
    println!("from the start to the end, in ms; {rounds} rounds, in turns             p10   median      p90");
    for ((who, what), times) in figures {
        let [low, middle, high] = [0.1, 0.5, 0.9].map(|part| quantile(times, part));
        println!("  {who:22} {what:29} {low:10.2} {middle:8.2} {high:8.2}");
    }
    let mut fine = true;
    println!("\nmedian against median");
    for who in figures.keys().map(|(who, _)| *who).collect::<std::collections::BTreeSet<_>>() {
        let ratio = |one, other| quantile(&figures[&(who, one)], 0.5) / quantile(&figures[&(who, other)], 0.5);
        let wall = ratio("cell", "bwrap");
        println!("  {who:22} cell / bwrap          {wall:6.2}    (at most {MOST:.1})");
        println!("  {who:22} the same, processor   {:6.2}", ratio("cell, processor", "bwrap, processor"));
        println!("  {who:22} cell / plain program  {:6.1}", ratio("cell", "plain program"));
        fine &= wall <= MOST;
    }
    fine
}

/// What a part of the values stays below.
fn quantile(values: &[f64], part: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part).round() as usize]
}
