//! What the load costs its sender, beside redis-benchmark and memtier_benchmark in the same run on the same redis-server:
//! requests a second of CPU time of the sender, 50 clients on one thread, 1 and 16 requests in flight on each. Then an open
//! loop of 50 000 requests a second: how late it sends, and what it says of a server that stands still for a second. Skipped
//! where Redis is not installed; memtier_benchmark, which is in few distributions, is left out where it is not in the path.
//!
//! All send GET of keys that are there. The other two compare no answer with anything; the load compares every byte.

#![allow(clippy::print_stdout, reason = "a measurement prints")]

use harness::{
    manifest::Protocol,
    oracle::{Body, body},
};
use nix::{
    sys::{
        resource::{UsageWho, getrusage},
        signal::{Signal, kill},
        time::TimeVal,
    },
    unistd::Pid,
};
use runner::{
    load::{Closed, Latency, Open, Tape},
    protocol,
};
use serde_json::{Value, json};
use std::{
    error::Error,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const CLIENTS: usize = 50;
/// Turns of each; the median counts.
const TURNS: usize = 5;
/// How long a turn is, about.
const TURN: Duration = Duration::from_secs(1);
/// Requests a second of the open loop, and for how long.
const RATE: f64 = 50_000.0;
const OPEN_TURN: Duration = Duration::from_secs(5);
const VALUE: &str = "xxx";
/// What redis-benchmark reads when no random keys are asked for, and memtier_benchmark as it is asked to.
const THEIR_KEYS: [&str; 2] = ["key:__rand_int__", "key:1"];

fn main() -> Result<(), Box<dyn Error>> {
    if !is_there("redis-benchmark") {
        println!("SKIPPED: redis-server and redis-benchmark are not installed");
        return Ok(());
    }
    let peers: Vec<Peer> = [Peer::Redis, Peer::Memtier].into_iter().filter(|peer| is_there(peer.name())).collect();
    let server = Server::start()?;
    THEIR_KEYS.into_iter().try_for_each(|key| server.set(key))?;
    println!("| in flight | sender | requests/s | requests/s of CPU time | takehome's as a multiple of it |");
    println!("|---|---|---|---|---|");
    for depth in [1, 16] {
        let (mut our_rates, mut their_rates) = (Vec::new(), vec![Vec::new(); peers.len()]);
        for _ in 0..TURNS {
            let ours = ours(server.port, depth)?;
            // As many as we have answered, so that all take as long.
            let requests = (ours.0 * TURN.as_secs_f64()) as u64;
            our_rates.push(ours);
            for (peer, rates) in peers.iter().zip(&mut their_rates) {
                rates.push(theirs(*peer, server.port, depth, requests)?);
            }
        }
        let ours = median(our_rates);
        println!("| {depth} | takehome | {:.0} | {:.0} | 1 |", ours.0, ours.1);
        for (peer, rates) in peers.iter().zip(their_rates) {
            let (rate, of_cpu) = median(rates);
            println!("| {depth} | {} | {rate:.0} | {of_cpu:.0} | {:.2} |", peer.name(), ours.1 / of_cpu);
        }
    }
    println!(
        "\n| open loop, {RATE} requests/s for {:?} | sent late p50 | p99 | answered p50 | p99 | p99.9 | max |",
        OPEN_TURN
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, pause) in [("redis-server", None), ("stopped for 1 s", Some(Duration::from_secs(1)))] {
        let latency = open_loop(&server, pause)?;
        let ms = |histogram: &hdrhistogram::Histogram<u64>, q| {
            format!("{:.3} ms", histogram.value_at_quantile(q) as f64 / 1e6)
        };
        let (sent, answered) = (&latency.sent, &latency.answered);
        let columns = [
            ms(sent, 0.5),
            ms(sent, 0.99),
            ms(answered, 0.5),
            ms(answered, 0.99),
            ms(answered, 0.999),
            ms(answered, 1.0),
        ];
        println!("| {name} | {} |", columns.join(" | "));
    }
    Ok(())
}

/// Another sender.
#[derive(Debug, Clone, Copy)]
enum Peer {
    Redis,
    Memtier,
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis-benchmark",
            Self::Memtier => "memtier_benchmark",
        }
    }

    /// So many requests from all clients together, on one thread.
    fn command(self, port: u16, depth: usize, requests: u64) -> Command {
        let [port, depth, clients] = [port.to_string(), depth.to_string(), CLIENTS.to_string()];
        let mut command = Command::new(self.name());
        match self {
            Self::Redis => {
                let total = requests.to_string();
                command.args(["-p", &port, "-c", &clients, "-P", &depth, "-n", &total, "-t", "get", "--csv"])
            }
            Self::Memtier => {
                let each = (requests / CLIENTS as u64).to_string();
                command.args(["-s", "127.0.0.1", "-p", &port, "-t", "1", "-c", &clients, "-n", &each]);
                command.args(["--pipeline", &depth, "--ratio", "0:1", "--hide-histogram"]);
                command.args(["--key-prefix", "key:", "--key-minimum", "1", "--key-maximum", "1"])
            }
        };
        command
    }
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// What an open loop tells of a server that is stopped for a while in the middle, if at all.
fn open_loop(server: &Server, pause: Option<Duration>) -> Result<Latency, Box<dyn Error>> {
    let mut open = Open::new(clients(server.port)?, RATE, Duration::ZERO, true)?;
    let pid = Pid::from_raw(server.child.id() as i32);
    let stopper = pause.map(|pause| {
        std::thread::spawn(move || {
            std::thread::sleep(OPEN_TURN / 2);
            kill(pid, Signal::SIGSTOP)?;
            std::thread::sleep(pause);
            kill(pid, Signal::SIGCONT)
        })
    });
    let mut latency = Latency::default();
    open.run(Duration::from_millis(200), OPEN_TURN, &mut latency).map_err(|trouble| format!("{trouble:?}"))?;
    if let Some(Err(errno)) = stopper.and_then(|stopper| stopper.join().ok()) {
        return Err(format!("the server cannot be stopped: {errno}").into());
    }
    Ok(latency)
}

/// Requests a second, and a second of CPU time.
type Rate = (f64, f64);

fn median(mut rates: Vec<Rate>) -> Rate {
    rates.sort_by(|a, b| a.1.total_cmp(&b.1));
    rates[rates.len() / 2]
}

fn ours(port: u16, depth: usize) -> Result<Rate, Box<dyn Error>> {
    let mut closed = Closed::new(clients(port)?, depth)?;
    let before = cpu(UsageWho::RUSAGE_THREAD)?;
    let answered = closed.run(Duration::ZERO, TURN).map_err(|trouble| format!("{trouble:?}"))?;
    let used = cpu(UsageWho::RUSAGE_THREAD)? - before;
    Ok((answered.operations as f64 / answered.time.as_secs_f64(), answered.all as f64 / used))
}

/// Connections, each with reads of a key of its own.
fn clients(port: u16) -> Result<Vec<(TcpStream, Tape)>, Box<dyn Error>> {
    let wire = protocol::of(Protocol::Resp).unwrap();
    let key = |client: usize| ("key", format!("key:{client:012}").into());
    let work = |client: usize| -> Vec<(Body, Value)> {
        let read = (body("read", [key(client)]), json!({ "value": VALUE }));
        let write = (body("write", [key(client), ("value", VALUE.into())]), json!({}));
        // One write in a thousand costs nothing, and makes every answer known.
        std::iter::once(write).chain(std::iter::repeat_n(read, 999)).collect()
    };
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        clients.push((stream, Tape::new(wire, &work(client))));
    }
    Ok(clients)
}

fn theirs(peer: Peer, port: u16, depth: usize, requests: u64) -> Result<Rate, Box<dyn Error>> {
    let before = cpu(UsageWho::RUSAGE_CHILDREN)?;
    let begin = Instant::now();
    let output = peer.command(port, depth, requests).output()?;
    let time = begin.elapsed();
    if !output.status.success() {
        return Err(format!("{}: {}", peer.name(), String::from_utf8_lossy(&output.stderr)).into());
    }
    let used = cpu(UsageWho::RUSAGE_CHILDREN)? - before;
    Ok((requests as f64 / time.as_secs_f64(), requests as f64 / used))
}

/// Seconds of CPU time, user and system.
fn cpu(who: UsageWho) -> Result<f64, nix::Error> {
    let usage = getrusage(who)?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// A redis-server of our own, which ends with it.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Result<Self, Box<dyn Error>> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let number = port.to_string();
        let arguments = ["--port", &number, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let child = Command::new("redis-server").args(arguments).stdout(Stdio::null()).spawn()?;
        let server = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                return Err("redis-server cannot be connected to".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    fn set(&self, key: &str) -> Result<(), Box<dyn Error>> {
        let work = [(body("write", [("key", key.into()), ("value", VALUE.into())]), json!({}))];
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        let mut closed = Closed::new(vec![(stream, Tape::new(protocol::of(Protocol::Resp).unwrap(), &work))], 1)?;
        closed.run(Duration::ZERO, Duration::from_millis(1)).map_err(|trouble| format!("{trouble:?}"))?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.child.id() as i32);
        let _gone = kill(pid, Signal::SIGTERM);
        let _ended = self.child.wait();
    }
}
