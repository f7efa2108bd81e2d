//! The promises of the network that hold whatever the traffic and the faults.

use super::{
    super::{Distribution, Latency, Link, Shape, Ways},
    *,
};
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};

mod faults;

const NODES: u32 = 5;

/// One call, so many microseconds after the one before.
#[derive(Debug, Clone)]
enum Call {
    Send(u32, u32),
    Fault(Fault),
    Deliver,
}

fn any_link() -> impl Strategy<Value = Link> {
    use Distribution::{Constant, Exponential, Uniform};
    let distribution = proptest::sample::select(vec![Constant, Uniform, Exponential]);
    (distribution, 0_u64..3_000, 0.0..0.5, 0.0..0.5, 0.0..0.5).prop_map(
        |(distribution, mean, loss, duplicate, reorder)| Link {
            latency: Latency { mean: Duration::from_micros(mean), distribution },
            loss,
            duplicate,
            reorder,
        },
    )
}

fn any_partition() -> impl Strategy<Value = Partition> {
    let order = Just((0..NODES).collect::<Vec<_>>()).prop_shuffle();
    let shape = proptest::sample::select(vec![Shape::Isolate, Shape::Halves, Shape::Bridge, Shape::Total]);
    let ways = proptest::sample::select(vec![Ways::Both, Ways::Outward, Ways::Inward]);
    (shape, ways, order).prop_map(|(shape, ways, order)| Partition::new(shape, ways, &order))
}

fn any_fault() -> impl Strategy<Value = Fault> {
    let node = || (0..NODES).prop_map(NodeId);
    prop_oneof![
        any_partition().prop_map(Fault::Partition),
        Just(Fault::Heal),
        node().prop_map(Fault::Kill),
        node().prop_map(Fault::Restart),
        node().prop_map(Fault::Pause),
        node().prop_map(Fault::Resume),
    ]
}

fn any_calls() -> impl Strategy<Value = Vec<(u64, Call)>> {
    let call = prop_oneof![
        6 => (0..NODES, 0..NODES).prop_map(|(from, to)| Call::Send(from, to)),
        2 => any_fault().prop_map(Call::Fault),
        2 => Just(Call::Deliver),
    ];
    proptest::collection::vec((0_u64..1_000, call), 0..150)
}

/// Everything that comes out of a network: what became of each message, and the copies at the end of their way.
#[derive(Debug, Clone, PartialEq, Default)]
struct Story {
    sent: Vec<Sent>,
    delivered: Vec<Delivery<usize>>,
}

fn network(link: Link, seed: u64) -> Network<usize> {
    Network::new(&Settings { link, ..Settings::default() }, NODES, seed)
}

fn micros(at: u64) -> Offset {
    Offset(at * 1_000)
}

/// Makes the calls; `late` skips the deliveries in between. In the end everything is healed and drained.
fn play(link: Link, seed: u64, calls: &[(u64, Call)], late: bool) -> Story {
    let (mut network, mut story, mut now) = (network(link, seed), Story::default(), 0);
    for (number, (pause, call)) in calls.iter().enumerate() {
        now += pause;
        match call {
            Call::Send(from, to) => {
                let message = Message { from: NodeId(*from), to: NodeId(*to), payload: number };
                story.sent.push(network.send(micros(now), message));
            }
            Call::Fault(fault) => network.apply(micros(now), fault),
            Call::Deliver if late => {}
            Call::Deliver => story.delivered.extend(network.deliver(micros(now))),
        }
    }
    (0..NODES).for_each(|node| network.apply(micros(now), &Fault::Resume(NodeId(node))));
    story.delivered.extend(network.deliver(Offset(u64::MAX)));
    assert_eq!((network.in_flight(), network.next_deadline()), (0, None));
    story
}

/// Sends one message at `at` and waits two milliseconds: what became of it at once, and how it ended if it set out.
fn fate(network: &mut Network<usize>, at: u64, from: u32, to: u32) -> (Fate, Option<Outcome>) {
    let sent = network.send(micros(at), Message { from: NodeId(from), to: NodeId(to), payload: 0 });
    let last = network.deliver(micros(at + 2_000)).next_back();
    (sent.fate, last.map(|copy| copy.outcome))
}

/// The fate of a message that nothing happens to.
const ARRIVES: (Fate, Option<Outcome>) = (Fate::Queued { copies: 1 }, Some(Outcome::Delivered));

proptest! {
    #[test]
    fn every_copy_ends_exactly_once(link in any_link(), seed: u64, calls in any_calls()) {
        let story = play(link, seed, &calls, false);
        let mut ended: BTreeMap<(MessageId, u32), u32> = BTreeMap::new();
        story.delivered.iter().for_each(|copy| *ended.entry((copy.id, copy.copy)).or_default() += 1);
        for sent in &story.sent {
            let copies = if let Fate::Queued { copies } = sent.fate { copies } else { 0 };
            for copy in 0..copies {
                prop_assert_eq!(ended.remove(&(sent.id, copy)), Some(1));
            }
        }
        prop_assert!(ended.is_empty(), "nobody sent {ended:?}");
    }

    #[test]
    fn the_same_calls_give_the_same_story(link in any_link(), seed: u64, calls in any_calls()) {
        prop_assert_eq!(play(link, seed, &calls, false), play(link, seed, &calls, false));
    }

    #[test]
    fn it_makes_no_difference_how_late_one_delivers(link in any_link(), seed: u64, calls in any_calls()) {
        prop_assert_eq!(play(link, seed, &calls, false), play(link, seed, &calls, true));
    }

    #[test]
    fn copies_come_out_in_order_and_carry_what_was_sent(link in any_link(), seed: u64, calls in any_calls()) {
        let story = play(link, seed, &calls, false);
        prop_assert!(story.delivered.is_sorted_by_key(|copy| copy.due));
        for copy in &story.delivered {
            let Call::Send(from, to) = calls[copy.message.payload].1 else { panic!("nobody sent {copy:?}") };
            let sent = micros(calls[..=copy.message.payload].iter().map(|(pause, _)| pause).sum());
            prop_assert_eq!((copy.message.from, copy.message.to, copy.sent), (NodeId(from), NodeId(to), sent));
        }
    }

    /// Nothing comes before its deadline, and a caller who sleeps until `next_deadline` misses nothing.
    #[test]
    fn the_next_deadline_is_the_next_delivery(link in any_link(), seed: u64, calls in any_calls()) {
        let (mut network, mut now, mut clock) = (network(link, seed), 0, Offset::ZERO);
        for (pause, call) in calls {
            now += pause;
            while let Some(deadline) = network.next_deadline().filter(|deadline| *deadline < micros(now)) {
                if deadline > clock {
                    prop_assert_eq!(network.deliver(Offset(deadline.0 - 1)).count(), 0);
                }
                // A message for a paused node is due, and then waits.
                prop_assert!(network.deliver(deadline).all(|copy| copy.due == deadline));
                prop_assert!(network.next_deadline().is_none_or(|next| next > deadline));
                clock = deadline;
            }
            if micros(now) > clock {
                prop_assert_eq!(network.deliver(Offset(micros(now).0 - 1)).count(), 0);
            }
            clock = micros(now);
            match call {
                Call::Send(from, to) => {
                    network.send(micros(now), Message { from: NodeId(from), to: NodeId(to), payload: 0 });
                }
                Call::Fault(fault) => network.apply(micros(now), &fault),
                Call::Deliver => {}
            }
        }
    }

    #[test]
    fn traffic_elsewhere_changes_nothing(link in any_link(), seed: u64, calls in any_calls()) {
        let only = |story: Story| -> Vec<_> {
            let ours = story.delivered.into_iter().filter(|copy| copy.message.from == NodeId(0));
            ours.map(|copy| (copy.message, copy.copy, copy.sent, copy.due, copy.outcome)).collect()
        };
        // The calls stay in place, so the times and the payloads are the same.
        let silenced = |(pause, call): &(u64, Call)| match call {
            Call::Send(from, _) if *from != 0 => (*pause, Call::Deliver),
            call => (*pause, call.clone()),
        };
        let quiet: Vec<_> = calls.iter().map(silenced).collect();
        let (mut loud, mut quiet) = (only(play(link, seed, &calls, false)), only(play(link, seed, &quiet, false)));
        // Copies due together may be sorted differently between links, never within one.
        loud.sort_by_key(|copy| (copy.3, copy.0.to));
        quiet.sort_by_key(|copy| (copy.3, copy.0.to));
        prop_assert_eq!(loud, quiet);
    }

    #[test]
    fn constant_latency_is_first_in_first_out(seed: u64, calls in any_calls(), loss in 0.0..0.5) {
        let latency = Latency { mean: Duration::from_millis(1), ..Latency::default() };
        let sends: Vec<_> = calls.into_iter().filter(|(_, call)| matches!(call, Call::Send(..))).collect();
        let story = play(Link { latency, loss, ..Link::default() }, seed, &sends, false);
        prop_assert!(story.delivered.is_sorted_by_key(|copy| copy.id));
    }

    #[test]
    fn losing_all_or_nothing(seed: u64, from in 0..NODES, to in 0..NODES) {
        let mut deaf = network(Link { loss: 1.0, duplicate: 1.0, ..Link::default() }, seed);
        let mut perfect = network(Link::default(), seed);
        let mut doubling = network(Link { duplicate: 1.0, ..Link::default() }, seed);
        for at in (0..20).map(|number| number * 2_000) {
            prop_assert_eq!(fate(&mut deaf, at, from, to), (Fate::Lost, None));
            prop_assert_eq!(fate(&mut perfect, at, from, to), ARRIVES);
            prop_assert_eq!(fate(&mut doubling, at, from, to), (Fate::Queued { copies: 2 }, Some(Outcome::Delivered)));
        }
    }
}

#[test]
fn reordering_lets_later_messages_overtake() {
    let latency = Latency { mean: Duration::from_millis(1), ..Latency::default() };
    let sends: Vec<_> = (0..100).map(|_| (100, Call::Send(0, 1))).collect();
    let overtaken = |reorder| {
        let story = play(Link { latency, reorder, ..Link::default() }, 4, &sends, false);
        !story.delivered.is_sorted_by_key(|copy| copy.id)
    };
    assert!(overtaken(0.1) && !overtaken(0.0));
}

#[test]
fn time_never_runs_backwards() {
    let mut network = network(Link::default(), 1);
    network.apply(micros(5), &Fault::Heal);
    network.send(micros(3), Message { from: NodeId(0), to: NodeId(1), payload: 0 });
    let seen: Vec<_> = network.deliver(micros(2)).map(|copy| (copy.sent, copy.due)).collect();
    assert_eq!(seen, [(micros(5), micros(5))]);
}

#[test]
fn nobody_there() {
    let mut network = network(Link::default(), 1);
    for (from, to) in [(0, NODES), (NODES, 0), (u32::MAX, u32::MAX)] {
        let sent = network.send(Offset::ZERO, Message { from: NodeId(from), to: NodeId(to), payload: 0 });
        assert_eq!(sent.fate, Fate::NoSuchNode);
        network.apply(Offset::ZERO, &Fault::Kill(NodeId(from.max(to))));
    }
    assert_eq!(network.in_flight(), 0);
}

#[test]
fn links_have_unrelated_latencies() {
    let latency = Latency { mean: Duration::from_millis(100), distribution: Distribution::Exponential };
    let mut network = network(Link { latency, ..Link::default() }, 1);
    for (from, to) in (0..NODES).flat_map(|from| (0..NODES).map(move |to| (from, to))) {
        network.send(Offset::ZERO, Message { from: NodeId(from), to: NodeId(to), payload: 0 });
    }
    let mut dues: Vec<_> = network.deliver(Offset(u64::MAX)).map(|copy| copy.due).collect();
    dues.dedup();
    assert_eq!(dues.len(), (NODES * NODES) as usize);
}

/// If this fails, every seed that was ever published means another case: put the old draws back.
#[test]
fn a_seed_means_the_same_case_for_ever() {
    let latency = Latency { mean: Duration::from_millis(100), distribution: Distribution::Exponential };
    let link = Link { latency, loss: 0.2, duplicate: 0.2, reorder: 0.2 };
    let sends: Vec<_> = (0..6).map(|number| (1_000, Call::Send(number % 2, 2))).collect();
    let story = play(link, 42, &sends, false);
    let seen: Vec<_> = story.delivered.iter().map(|copy| (copy.id.0, copy.copy, copy.due.0)).collect();
    assert_eq!(seen, [(4, 0, 62_140_222), (2, 0, 92_761_171), (1, 0, 176_569_430), (3, 0, 270_243_986)]);
}
