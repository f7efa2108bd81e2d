//! Job queue: workers that share jobs, wait for them, and die with them.

mod conversations;

use harness::{
    manifest::Stage,
    net::random::{Purpose, Stream},
    oracle::{Body, Oracle, Script, Vocabulary, body},
};
use serde_json::Value;
use std::time::Duration;

/// The oracle.
pub struct JobQueue;

/// Tubes, each with every second client.
const TUBES: u32 = 2;
/// For how long a client has a job where time is no matter, in seconds, and where it is.
const LONG: u64 = 600;
const SHORT: u64 = 1;
/// How long after the work the rest is taken out: the jobs of clients that are gone have to be ready by then.
const REST: Duration = Duration::from_millis(2_500);
/// How often each client then tries.
const TRIES: u32 = 30;
/// In a crowd that waits, two of three do, and so many jobs come for each of those.
const JOBS_EACH: u64 = 20;
/// For how long such a client waits, in seconds.
const WAITS: u64 = 8;

impl Oracle for JobQueue {
    fn script(&self, stage: &Stage, seed: u64) -> Script {
        let mut random = Stream::new(seed, Purpose::Workload, [0, 0]);
        if stage.conversations {
            return Script { conversations: conversations::of(&stage.workload, &mut random), ..Script::default() };
        }
        let clients = (0..stage.clients).map(|client| match &*stage.workload {
            "waiting" => waiting(stage, client),
            "expiry" => sleepers(stage, seed, client),
            workload => workers(stage, seed, client, workload == "loss"),
        });
        Script { clients: clients.collect(), ..Script::default() }
    }

    fn vocabulary(&self) -> Vocabulary {
        Vocabulary::Jobs
    }
}

type Work = Vec<(Duration, Body)>;

fn tube(client: u32) -> (&'static str, Value) {
    ("tube", format!("tube{}", client % TUBES).into())
}

fn put(client: u32, job: u64, priority: u64, ttr: u64) -> Body {
    let numbers = [("job", job), ("priority", priority), ("delay", 0), ("ttr", ttr)];
    body("put", numbers.map(|(name, value)| (name, value.into())).into_iter().chain([tube(client)]))
}

fn reserve(client: u32, timeout: u64) -> Body {
    body("reserve", [tube(client), ("timeout", timeout.into())])
}

/// What is done with the job that the client has, if it has one.
fn finish(client: u32, how: &str, priority: u64) -> Body {
    body("finish", [tube(client), ("how", how.into()), ("priority", priority.into()), ("delay", 0.into())])
}

/// Few priorities, so that there are jobs of the same.
fn priority(random: &mut Stream) -> u64 {
    random.below(4)
}

/// Takes out what is left, until nobody finds anything.
fn rest(client: u32, at: Duration) -> impl Iterator<Item = (Duration, Body)> {
    (0..TRIES).flat_map(move |_| [(at, reserve(client, 0)), (at, finish(client, "delete", 0))])
}

/// Puts, reserves, and is done with most of it; gives some back, or leaves with it.
fn workers(stage: &Stage, seed: u64, client: u32, leaves: bool) -> Work {
    let mut random = Stream::new(seed, Purpose::Workload, [1, client]);
    let every = f64::from(stage.clients) / stage.rate;
    let first = every * f64::from(client) / f64::from(stage.clients);
    let count = (stage.duration().as_secs_f64() / every) as u64;
    let mut steps: Vec<Body> = Vec::new();
    let mut jobs = 0;
    while (steps.len() as u64) < count {
        let how = match random.below(20) {
            0..3 => "release",
            3..10 if leaves => "disconnect",
            _ => "delete",
        };
        let take = [reserve(client, 0), finish(client, how, priority(&mut random))];
        if how == "delete" {
            let job = u64::from(client) * 1_000_000 + jobs;
            jobs += 1;
            let new = put(client, job, priority(&mut random), LONG);
            match random.below(2) {
                0 => steps.extend(std::iter::once(new).chain(take)),
                _ => steps.extend(take.into_iter().chain([new])),
            }
        } else {
            steps.extend(take);
        }
    }
    let at = |step: usize| Duration::from_secs_f64(first + every * step as f64);
    let work: Work = steps.into_iter().enumerate().map(|(step, body)| (at(step), body)).collect();
    work.into_iter().chain(rest(client, stage.duration() + REST)).collect()
}

/// Two of three clients wait for jobs, one after the other; every third puts what they wait for.
fn waiting(stage: &Stage, client: u32) -> Work {
    let turns = 2 * JOBS_EACH;
    if !client.is_multiple_of(3) {
        return (0..JOBS_EACH)
            .flat_map(|_| [reserve(0, WAITS), finish(0, "delete", 0)])
            .map(|body| (Duration::ZERO, body))
            .collect();
    }
    let every = stage.duration() / turns as u32;
    let first = every * client / stage.clients;
    (0..turns)
        .map(|turn| (first + every * turn as u32, put(0, u64::from(client) * 1_000_000 + turn, 0, LONG)))
        .collect()
}

/// Workers with little time, some of whom sleep until it is over. One of four falls asleep for good, with a job.
fn sleepers(stage: &Stage, seed: u64, client: u32) -> Work {
    let mut random = Stream::new(seed, Purpose::Workload, [1, client]);
    let mut work = Work::new();
    let mut at = Duration::from_millis(random.below(100));
    let mut jobs = 0;
    while at < stage.duration() {
        work.push((at, put(client, u64::from(client) * 1_000_000 + jobs, priority(&mut random), SHORT)));
        work.push((at, reserve(client, 0)));
        jobs += 1;
        if client.is_multiple_of(4) && at > stage.duration() / 2 {
            break;
        }
        at += Duration::from_millis(match random.below(4) {
            0 => 1_000 * SHORT + 200 + random.below(600),
            _ => 10 + random.below(200),
        });
        work.push((at, finish(client, "delete", 0)));
    }
    work.extend(rest(client, stage.duration() + REST + Duration::from_secs(SHORT)));
    work
}
