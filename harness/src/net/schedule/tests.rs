//! The promises of a schedule, for every seed, topology and number of nodes.

use super::{super::Topology, *};
use proptest::prelude::*;
use std::collections::BTreeSet;

const KINDS: [FaultKind; 8] = [
    FaultKind::Partition,
    FaultKind::OneWayPartition,
    FaultKind::TotalPartition,
    FaultKind::Kill,
    FaultKind::TotalKill,
    FaultKind::Pause,
    FaultKind::QuickRestart,
    FaultKind::Terminate,
];

/// A case: how it is wired, who gets work, and what is to go wrong.
#[derive(Debug, Clone)]
struct Case {
    neighbours: Vec<Vec<u32>>,
    workers: Vec<NodeId>,
    plan: FaultPlan,
    seed: u64,
}

impl Case {
    fn schedule(&self) -> FaultSchedule {
        let terrain = Terrain { neighbours: &self.neighbours, workers: &self.workers };
        self.plan.schedule(terrain, self.seed).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.neighbours.len() as u32).map(NodeId)
    }

    fn work(&self) -> u64 {
        self.plan.end.0 - self.plan.start.0
    }
}

fn any_case() -> impl Strategy<Value = Case> {
    let topology = proptest::sample::select(vec![
        Topology::Line,
        Topology::Ring,
        Topology::Grid,
        Topology::Tree(4),
        Topology::Total,
        Topology::Random(3),
    ]);
    let kinds = proptest::sample::subsequence(KINDS.to_vec(), 1..=KINDS.len());
    let rhythm = prop_oneof![
        (0_u32..20).prop_map(Rhythm::Times),
        (500_u64..20_000).prop_map(|millis| Rhythm::Every(Duration::from_millis(millis))),
    ];
    let workers = prop_oneof![3 => Just(30_usize), 1 => 1_usize..30];
    (topology, 2_u32..=30, kinds, rhythm, workers, 0_u64..100, 1_u64..100, any::<u64>()).prop_map(
        |(topology, nodes, kinds, rhythm, workers, start, length, seed)| Case {
            neighbours: topology.neighbours(nodes, seed),
            workers: (0..nodes).rev().take(workers).map(NodeId).collect(),
            plan: FaultPlan {
                kinds,
                start: Offset::from_millis(start * 100),
                end: Offset::from_millis((start + 10 * length) * 100),
                rhythm,
            },
            seed,
        },
    )
}

/// Whether nodes that are down or paused at some moment are all there are.
fn all_stopped(case: &Case, schedule: &FaultSchedule) -> bool {
    schedule.actions.iter().any(|action| {
        case.nodes().all(|node| {
            let windows = [schedule.down_windows(node), schedule.paused_windows(node)].concat();
            windows.iter().any(|(from, to)| *from <= action.at && action.at < *to)
        })
    })
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_faults(case in any_case()) {
        prop_assert_eq!(case.schedule(), case.schedule());
    }

    #[test]
    fn there_is_work_before_during_and_after(case in any_case()) {
        let schedule = case.schedule();
        let windows = schedule.fault_windows();
        let (first, last) = (windows[0].0, windows[windows.len() - 1].1);
        prop_assert!(first.0 >= case.plan.start.0 + case.work() / 10);
        prop_assert!(last.0 + case.work() / 20 * 3 <= case.plan.end.0);
        let wrong: u64 = windows.iter().map(|(from, to)| to.0 - from.0).sum();
        let quick = case.plan.kinds.contains(&FaultKind::QuickRestart);
        prop_assert!(quick || wrong * 10 >= case.work() * 4, "{wrong} of {}", case.work());
        prop_assert!(schedule.actions.is_sorted_by_key(|action| action.at));
    }

    #[test]
    fn everything_is_put_right_before_the_next_thing_goes_wrong(case in any_case()) {
        let schedule = case.schedule();
        let episodes = schedule.fault_windows();
        let asked = if let Rhythm::Times(times) = case.plan.rhythm { times as usize } else { 0 };
        prop_assert!(episodes.len() >= asked.max(case.plan.kinds.len()));
        for node in case.nodes() {
            let windows = [schedule.down_windows(node), schedule.paused_windows(node)].concat();
            prop_assert!(windows.iter().all(|(from, to)| episodes.iter().any(|one| one.0 <= *from && *to <= one.1)));
        }
        let cuts = schedule.cut_windows();
        prop_assert!(cuts.iter().all(|(window, _)| episodes.contains(window)));
        let ends = schedule.actions.iter().filter(|action| {
            matches!(action.fault, Fault::Heal | Fault::Restart(_) | Fault::Resume(_))
        });
        prop_assert_eq!(ends.count() * 2, schedule.actions.len());
    }

    #[test]
    fn every_kind_comes_in_every_case(case in any_case()) {
        let schedule = case.schedule();
        for kind in &case.plan.kinds {
            let came = schedule.actions.iter().any(|FaultAction { fault, .. }| match (kind, fault) {
                (FaultKind::Partition, Fault::Partition(cut)) => {
                    cut.ways() == Ways::Both && cut.shape() != Shape::Total
                }
                (FaultKind::OneWayPartition, Fault::Partition(cut)) => cut.ways() != Ways::Both,
                (FaultKind::TotalPartition, Fault::Partition(cut)) => cut.shape() == Shape::Total,
                (FaultKind::Terminate, Fault::Terminate(_)) |
                (FaultKind::Kill | FaultKind::TotalKill | FaultKind::QuickRestart, Fault::Kill(_))
                | (FaultKind::Pause, Fault::Pause(_)) => true,
                _ => false,
            });
            prop_assert!(came, "no {kind:?}");
        }
    }

    #[test]
    fn partitions_bite(case in any_case()) {
        for (_, cut) in case.schedule().cut_windows() {
            let works = |node| case.workers.contains(&node);
            prop_assert!(cut.links().any(|(from, to)| case.neighbours[from.index()].contains(&to.0)), "{cut}");
            prop_assert!(case.workers.len() < 2 || cut.links().any(|(from, to)| works(from) && works(to)), "{cut}");
        }
    }

    #[test]
    fn somebody_works_on_unless_all_are_to_die(case in any_case()) {
        let schedule = case.schedule();
        prop_assert_eq!(all_stopped(&case, &schedule), case.plan.kinds.contains(&FaultKind::TotalKill));
        if !case.plan.kinds.contains(&FaultKind::TotalKill) {
            for at in schedule.actions.iter().map(|action| action.at) {
                let stopped = |node: &NodeId| {
                    let windows = [schedule.down_windows(*node), schedule.paused_windows(*node)].concat();
                    windows.iter().any(|(from, to)| *from <= at && at < *to)
                };
                let most = ((case.neighbours.len() - 1) / 2).max(1);
                prop_assert!(case.nodes().filter(stopped).count() <= most);
                prop_assert!(case.workers.len() < 2 || !case.workers.iter().all(stopped));
            }
        }
    }

    #[test]
    fn nodes_die_in_turn(case in any_case()) {
        let case = Case { plan: FaultPlan { kinds: vec![FaultKind::Kill], ..case.plan }, ..case };
        let schedule = case.schedule();
        let deaths: Vec<_> = case.workers.iter().map(|node| schedule.down_windows(*node).len()).collect();
        let (least, most) = (deaths.iter().min().copied(), deaths.iter().max().copied());
        prop_assert!(most.unwrap_or(0) >= 1 && most.unwrap_or(0) - least.unwrap_or(0) <= 1, "{deaths:?}");
    }

    #[test]
    fn quick_restarts_are_three_lives_in_a_second(case in any_case()) {
        let case = Case { plan: FaultPlan { kinds: vec![FaultKind::QuickRestart], ..case.plan }, ..case };
        let schedule = case.schedule();
        let mut struck = 0;
        for node in case.nodes() {
            let lives = schedule.down_windows(node);
            prop_assert_eq!(lives.len() % 3, 0);
            struck += lives.len() / 3;
            for three in lives.chunks(3) {
                let starts: Vec<u64> = three.iter().map(|(_, back)| back.0).collect();
                // Whenever a second begins, two of the three begin within the same one.
                prop_assert!(starts[2] - starts[0] < 1_000_000_000, "{starts:?}");
                for pair in three.windows(2) {
                    let (down, up) = (pair[0].1.0 - pair[0].0.0, pair[1].0.0 - pair[0].1.0);
                    prop_assert!(down <= 21_000_000 && up >= 10 * down, "down {down}, up {up}");
                }
            }
        }
        prop_assert!(struck >= 1);
    }

    #[test]
    fn the_first_partition_leaves_no_way_around(case in any_case()) {
        let schedule = case.schedule();
        if let Some((_, cut)) = schedule.cut_windows().first() {
            // Whoever is cut off at all stays cut off when everybody passes on everything.
            let reach = |start: NodeId| {
                let mut seen = vec![start];
                let mut next = 0;
                while let Some(from) = seen.get(next).copied() {
                    seen.extend(case.nodes().filter(|to| *to != from && !cut.blocked(from, *to)).filter(|to| !seen.contains(to)).collect::<Vec<_>>());
                    next += 1;
                }
                seen.len()
            };
            prop_assert!(case.nodes().any(|node| reach(node) < case.nodes().count()), "{cut}");
        }
    }

    #[test]
    fn successive_partitions_have_different_shapes(case in any_case(), times in 2_u32..12) {
        let plan = FaultPlan { kinds: vec![FaultKind::Partition], rhythm: Rhythm::Times(times), ..case.plan };
        let neighbours = Topology::Total.neighbours(12, 0);
        let case = Case { neighbours, workers: (0..12).map(NodeId).collect(), plan, ..case };
        let schedule = case.schedule();
        let shapes: Vec<_> = schedule.cut_windows().iter().map(|(_, cut)| cut.shape()).collect();
        prop_assert!(shapes.windows(2).all(|pair| pair[0] != pair[1]), "{shapes:?}");
        let different: BTreeSet<_> = shapes.iter().collect();
        prop_assert_eq!(different.len(), shapes.len().min(Shape::PARTIAL.len()));
    }
}

/// Five nodes in a line under every kind of fault for twenty seconds.
fn ordinary(seed: u64) -> Case {
    Case {
        neighbours: Topology::Line.neighbours(5, 0),
        workers: (0..5).map(NodeId).collect(),
        plan: FaultPlan {
            kinds: KINDS[..6].to_vec(),
            start: Offset::from_millis(1_000),
            end: Offset::from_millis(21_000),
            rhythm: Rhythm::Times(6),
        },
        seed,
    }
}

#[test]
fn seeds_differ() {
    let schedules: BTreeSet<_> = (0..100).map(|seed| format!("{:?}", ordinary(seed).schedule())).collect();
    assert_eq!(schedules.len(), 100);
}

/// If this fails, every seed that was ever published means another case: put the old draws back.
#[test]
fn a_seed_means_the_same_faults_for_ever() {
    let line = |FaultAction { at, fault }: FaultAction| match fault {
        Fault::Partition(cut) => format!("{} {cut}", at.0),
        fault => format!("{} {fault:?}", at.0),
    };
    let mut case = ordinary(42);
    case.plan.kinds = vec![FaultKind::Partition, FaultKind::OneWayPartition, FaultKind::Kill];
    case.plan.rhythm = Rhythm::Times(3);
    let lines: Vec<_> = case.schedule().actions.into_iter().map(line).collect();
    let expected = [
        "3027823352 n1 n3 n4 -> n0 n2 blocked",
        "6522823352 Heal",
        "9213432930 Kill(NodeId(0))",
        "9348868720 Kill(NodeId(2))",
        "12315245410 Restart(NodeId(2))",
        "12408432930 Restart(NodeId(0))",
        "14401298500 n1 n4 | n2 n3, joined by n0",
        "17636298500 Heal",
    ];
    assert_eq!(lines, expected);
}

/// A drawn shape nearly always misses two busy nodes among a hundred, and still every partition must part them.
#[test]
fn partitions_find_the_few_that_work() {
    for seed in 0..20 {
        let mut case = ordinary(seed);
        case.plan.kinds = vec![FaultKind::Partition];
        case.neighbours = Topology::Line.neighbours(100, 0);
        case.workers = vec![NodeId(20), NodeId(70)];
        for (_, cut) in case.schedule().cut_windows() {
            assert!(cut.blocked(NodeId(20), NodeId(70)), "{cut}");
        }
    }
}

#[test]
fn mistakes_are_named() {
    let case = ordinary(1);
    let attempt = |case: &Case| {
        let terrain = Terrain { neighbours: &case.neighbours, workers: &case.workers };
        case.plan.schedule(terrain, case.seed).map(|schedule| schedule.actions.len())
    };
    let short = FaultPlan { end: Offset::from_millis(1_007), ..case.plan.clone() };
    assert_eq!(attempt(&Case { plan: short, ..case.clone() }), Err(FaultError::TooShort(6)));
    assert_eq!(attempt(&Case { workers: Vec::new(), ..case.clone() }), Err(FaultError::NoWork));
    assert_eq!(attempt(&Case { workers: vec![NodeId(5)], ..case.clone() }), Err(FaultError::NoWork));
    assert_eq!(attempt(&Case { neighbours: vec![Vec::new(); 5], ..case.clone() }), Err(FaultError::Disconnected));
    let single = Case { neighbours: vec![Vec::new()], workers: vec![NodeId(0)], ..case.clone() };
    assert_eq!(attempt(&single), Err(FaultError::OneNode));
    let killing = FaultPlan { kinds: vec![FaultKind::Kill], ..case.plan.clone() };
    assert_eq!(attempt(&Case { plan: killing, ..single }), Ok(12));
    let peaceful = FaultPlan { kinds: Vec::new(), ..case.plan.clone() };
    assert_eq!(attempt(&Case { plan: peaceful, ..case }), Ok(0));
}
