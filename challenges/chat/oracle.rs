//! Chat: a room in which everybody hears everybody else, and nobody waits for anybody.

mod conversations;

use harness::{
    conversation::Nuisance,
    manifest::Stage,
    net::random::{Purpose, Stream},
    oracle::{Body, Oracle, Script, Vocabulary, body, ticks},
};
use std::time::Duration;

/// The oracle.
pub struct Chat;

/// When everybody has joined.
const JOINED: Duration = Duration::from_millis(500);
/// How many talk at the same time: two lines that are written to the same member are hardly ever on their way together where
/// lines come one by one.
const BURST: usize = 8;
/// Members that read nothing, and the length of what is said to them.
const DEAF: u32 = 40;
const LONG: usize = 1_000;

impl Oracle for Chat {
    fn script(&self, stage: &Stage, seed: u64) -> Script {
        let mut random = Stream::new(seed, Purpose::Workload, [0, 0]);
        if stage.conversations {
            return Script { conversations: conversations::of(&stage.workload, &mut random), ..Script::default() };
        }
        let nuisances = if stage.workload == "slow" { (0..DEAF).map(deaf).collect() } else { Vec::new() };
        let comes_and_goes = stage.workload == "churn";
        let talk = talk(stage, &mut random);
        let clients = (0..stage.clients).zip(talk).map(|(client, said)| match comes_and_goes && client % 2 > 0 {
            true => visitor(stage, seed, client),
            false => std::iter::once((spread(client, stage), join(client, 0))).chain(said).collect(),
        });
        Script { clients: clients.collect(), nuisances, ..Script::default() }
    }

    fn vocabulary(&self) -> Vocabulary {
        Vocabulary::Chat
    }
}

type Work = Vec<(Duration, Body)>;

fn join(client: u32, times: u32) -> Body {
    body("join", [("name", format!("u{client}x{times}").into())])
}

fn say(text: String) -> Body {
    body("say", [("text", text.into())])
}

/// When a client joins, so that not all do at once.
fn spread(client: u32, stage: &Stage) -> Duration {
    JOINED * client / (2 * stage.clients)
}

/// What each client says: one after the other in an order of the seed's, at the stage's rate, several at the same time.
/// Every text is said once.
fn talk(stage: &Stage, random: &mut Stream) -> Vec<Work> {
    let mut all = vec![Work::new(); stage.clients as usize];
    let time = stage.duration().saturating_sub(JOINED);
    let together = if stage.workload == "slow" { 1 } else { BURST };
    let times = ticks(stage.rate, time).step_by(together).flat_map(|at| std::iter::repeat_n(at, together));
    for (number, at) in times.enumerate() {
        let client = random.below(stage.clients.into()) as usize;
        let text = match (&*stage.workload, random.below(20)) {
            ("slow", _) => padded(number, LONG),
            (_, 0) => padded(number, LONG),
            (_, 1) => format!("{number} [u0x0] * : ~ \"it\" 'is' \\n"),
            _ => format!("{number} says {}", random.below(1_000_000)),
        };
        all[client].push((JOINED + at, say(text)));
    }
    all
}

/// So long a text, told short.
fn padded(number: usize, length: usize) -> String {
    let text = format!("{number} ");
    format!("{text}~⟨{} times⟩", length - text.len())
}

/// Comes, says something, and goes, again and again.
fn visitor(stage: &Stage, seed: u64, client: u32) -> Work {
    let mut random = Stream::new(seed, Purpose::Workload, [1, client]);
    let mut work = Work::new();
    let mut at = spread(client, stage);
    for times in 0.. {
        let stay = Duration::from_millis(20 + random.below(400));
        if at + stay > stage.duration() {
            break;
        }
        work.push((at, join(client, times)));
        for word in 0..random.below(3) {
            work.push((at + stay / 2, say(format!("u{client} comes for the {times}. time and says {word}"))));
        }
        work.push((at + stay, body("leave", [])));
        at += stay + Duration::from_millis(20 + random.below(200));
    }
    work
}

/// A member that says its name and reads nothing.
fn deaf(number: u32) -> Nuisance {
    Nuisance { first: format!("deaf{number}\n").into_bytes(), say: Vec::new(), times: 0, clients: 1 }
}
