//! Ratios, what is concluded from them, and when nothing is.

use super::*;
use proptest::prelude::*;

/// Blocks in three rounds; each side's rate is its speed, times what the machine does in that block, times a little.
fn measured(speed: f64, control: f64, weather: &[f64], jitter: &[f64]) -> Performance {
    let mut slices = Vec::new();
    for (block, machine) in weather.iter().enumerate() {
        let order = [Side::Submission, Side::Reference, Side::Control];
        for (place, side) in order.into_iter().chain(order.into_iter().rev()).enumerate() {
            let own = match side {
                Side::Submission => speed,
                Side::Reference => 1.0,
                Side::Control => control,
            };
            let little = jitter[(block * 6 + place) % jitter.len()];
            slices.push(Slice {
                round: (block * 3 / weather.len()) as u32,
                block: block as u32,
                side,
                operations: (own * machine * little * 1000.0).round() as u64,
                nanoseconds: 10_000_000,
                delayed: 0,
                busy: 0,
                tail: 0,
            });
        }
    }
    Performance { slices, ..Performance::default() }
}

#[test]
fn a_machine_that_changes_its_speed_changes_no_ratio() {
    let weather: Vec<f64> = (0..30).map(|block| if block % 7 < 3 { 40.0 } else { 100.0 }).collect();
    let performance = measured(0.5, 1.0, &weather, &[1.0, 1.01, 0.99, 1.0, 0.98, 1.01, 1.01]);
    let found = performance.throughput().unwrap();
    assert!((found.value - 0.5).abs() < 0.01 && found.low > 0.48 && found.high < 0.52, "{found:?}");
    assert_eq!(performance.doubt(&[]), None);
    assert!(performance.is_enough());
    let sentence = performance.sentence(&[0.1, 0.3, 0.8]).unwrap();
    assert!(sentence.contains(" times the reference's throughput (95 % interval "), "{sentence}");
    assert!(sentence.ends_with("; band 3 of 4, 0.30 to 0.80"), "{sentence}");
}

#[test]
fn a_server_that_scales_is_faster_than_itself() {
    let mut performance = measured(1.6, 1.0, &[100.0; 30], &[1.0]);
    performance.scaling = true;
    performance.processors = [vec![0, 1], vec![2]];
    performance.others = Others { used: 0, of: 100 };
    performance.used = [Used { operations: 10, cpu_seconds: 1.0, memory: 1 << 20, ..Used::default() }; 3];
    assert_eq!(performance.metric(), "speedup");
    assert!((performance.speedup().unwrap().value - 1.6).abs() < 0.01);
    assert!(performance.throughput().is_none() && performance.tail().is_none());
    assert!(performance.cpu_per_operation().is_none() && performance.memory().is_none(), "of the reference's");
    let sentence = performance.sentence(&[]).unwrap();
    assert!(sentence.starts_with("1.60 times as fast on 2 processors as on one (95 % interval "), "{sentence}");
    assert!(sentence.contains("; on another one: 1.00 to 1.00); at most "), "{sentence}");
    // Each request takes a microsecond of the server's time and a third of one of the load's.
    performance.slices.iter_mut().for_each(|slice| {
        (slice.operations, slice.busy) = (if slice.side == Side::Submission { 16_000 } else { 10_000 }, 3_333_333);
    });
    performance.used = [Used { operations: 1_000_000, cpu_seconds: 1.0, ..Used::default() }; 3];
    assert!((performance.most_speedup().unwrap() - 2.0).abs() < 0.01, "the load has a processor of its own");
    performance.slices.iter_mut().for_each(|slice| slice.busy *= 2);
    assert!((performance.most_speedup().unwrap() - 1.5).abs() < 0.01, "which is all busy before the servers are");
    performance.threads = 2;
    assert!((performance.most_speedup().unwrap() - 2.0).abs() < 0.01, "and two of them are not");
    performance.threads = 1;
    performance.slices.iter_mut().for_each(|slice| slice.busy /= 2);
    assert_eq!(performance.doubt(&[1.05, 1.3]), None);
    // One processor has a fifth less time: what two are worth is a multiple of what one has in the mean.
    let mut uneven = performance.clone();
    let control = |slice: &&mut Slice| slice.side == Side::Control;
    uneven.slices.iter_mut().filter(control).for_each(|slice| slice.operations = 8_000);
    assert!((uneven.speedup().unwrap().value - 16.0 / 9.0).abs() < 0.01, "{:?}", uneven.speedup());
    assert!(uneven.doubt(&[1.05, 1.8]).unwrap().contains("on one processor it is 0.80 to 0.80 times as fast"));
    performance.processors = [vec![0, 1], vec![1]];
    assert!((performance.most_speedup().unwrap() - 1.5).abs() < 0.01, "it takes a quarter of one of the server's");
    let doubt = performance.doubt(&[1.05, 1.8]).unwrap();
    assert!(doubt.ends_with("on 2 processors it could be 1.50 times as fast as on one at most"), "{doubt}");
    // Whoever has nothing to gain here is not told to have gained nothing.
    performance.slices.iter_mut().for_each(|slice| slice.operations = 9_500);
    assert!(performance.doubt(&[1.05, 1.8]).unwrap().ends_with("on one at most"));
    performance.scaling = false;
    assert!(performance.speedup().is_none() && performance.most_speedup().is_none());
}

/// A server of one thread evades others where it has two processors, which is no merit of it.
#[test]
fn what_others_leave_is_not_taken_for_scaling() {
    let doubt = |speed, percent| {
        let mut performance = measured(speed, 1.0, &[100.0; 30], &[1.0]);
        performance.scaling = true;
        performance.processors = [vec![0, 1], vec![2]];
        performance.others = Others { used: percent, of: 100 };
        performance.doubt(&[1.05, 1.12])
    };
    assert_eq!((doubt(1.08, 0), doubt(1.08, 4)), (None, None));
    let mut unknown = measured(1.08, 1.0, &[100.0; 30], &[1.0]);
    unknown.scaling = true;
    assert_eq!(unknown.doubt(&[1.05]).unwrap(), "this machine does not tell what others use of its processors");
    assert_eq!(doubt(1.15, 10).unwrap(), "this machine is too busy to tell: others use 10 % of its processors");
    assert!(doubt(1.08, 10).is_some() && doubt(1.4, 60).is_some());
    assert_eq!(doubt(1.4, 10), None, "it gains more than they could have given it");
    assert_eq!(doubt(1.0, 60), None, "it gains nothing, although they could have given it something");
}

#[test]
fn a_reference_that_is_not_as_fast_as_itself_leaves_it_open() {
    let performance = measured(0.5, 1.2, &[100.0; 30], &[1.0]);
    let doubt = performance.doubt(&[]).unwrap();
    assert!(doubt.contains("1.20 to 1.20 times as fast as itself"), "{doubt}");
    let wild: Vec<f64> = (0..31).map(|slice| if slice % 3 == 0 { 3.0 } else { 1.0 }).collect();
    assert!(measured(0.5, 1.0, &[100.0; 14], &wild).doubt(&[]).is_some());
    assert!(!measured(0.5, 1.0, &[100.0; 14], &wild).is_enough());
}

/// A submission that is far too slow gets no points, and not "inconclusive", on a machine that is a third off.
#[test]
fn what_no_noise_could_change_is_concluded() {
    let settled = |speed, control, marks: &[f64]| measured(speed, control, &[100.0; 30], &[1.0]).doubt(marks).is_none();
    for control in [1.3, 1.0 / 1.3] {
        assert!(settled(0.02, control, &[0.5, 0.05]) && settled(0.9, control, &[0.5, 0.05]), "{control}");
        assert!(!settled(0.045, control, &[0.5, 0.05]) && !settled(0.55, control, &[0.5, 0.05]), "{control}");
        assert!(!settled(0.2, control, &[0.5, 0.05]) && !settled(0.02, control, &[]), "{control}");
    }
    let few = measured(0.02, 1.0, &[100.0; 6], &[1.0]);
    assert!(few.doubt(&[0.5, 0.05]).is_some(), "some blocks are needed for anything");
}

#[test]
fn a_submission_that_is_now_fast_and_now_slow_is_given_no_ratio() {
    let mut performance = measured(1.0, 1.0, &[100.0; 14], &[1.0]);
    for slice in performance.slices.iter_mut().filter(|slice| slice.side == Side::Submission && slice.block % 2 == 0) {
        slice.operations *= 2;
    }
    let doubt = performance.doubt(&[]).unwrap();
    assert!(doubt.ends_with("between 1.00 and 2.00 times the reference"), "{doubt}");
}

/// Of an open loop the times are compared, and they may scatter more.
#[test]
fn times_are_compared_where_the_rate_is_given() {
    let mut performance = measured(1.0, 1.0, &[100.0; 14], &[1.0]);
    for slice in &mut performance.slices {
        let own = if slice.side == Side::Submission { 5 } else { 1 };
        slice.tail = 100_000 * own + u64::from(slice.block % 3) * 20_000;
    }
    assert_eq!((performance.throughput(), performance.doubt(&[])), (None, None));
    let found = performance.tail().unwrap();
    assert!((found.value - 4.3).abs() < 0.1, "{found:?}");
    performance.latency = [500_000, 100_000, 100_000].map(|p99| Latency { p99, ..Latency::default() }).to_vec();
    let sentence = performance.sentence(&[2.0, 10.0]).unwrap();
    assert!(sentence.contains("times the reference's time for 99 % of the requests"), "{sentence}");
    assert!(sentence.contains("band 2 of 3") && sentence.contains("0.000 / 0.500 / 0.000"), "{sentence}");
    performance.slices.iter_mut().filter(|slice| slice.side == Side::Control).for_each(|slice| slice.tail *= 2);
    assert!(performance.doubt(&[]).unwrap().contains("times as slow as itself"));
}

#[test]
fn too_little_is_not_believed() {
    let few = measured(0.5, 1.0, &[100.0; 6], &[1.0]);
    assert!(few.doubt(&[]).unwrap().contains("of 6 blocks 6 were measured undisturbed"));
    assert!(!few.is_enough());
    assert_eq!(Performance::default().doubt(&[]).unwrap(), "nothing could be measured undisturbed");
    let mut one_round = measured(0.5, 1.0, &[100.0; 30], &[1.0]);
    one_round.slices.iter_mut().for_each(|slice| slice.round = 0);
    assert!(!one_round.is_enough(), "every round starts the processes again, and one start proves nothing");
}

/// A load that shares its processor with something else cannot ask faster servers for more.
#[test]
fn blocks_in_which_the_load_was_delayed_do_not_count() {
    let mut performance = measured(2.0, 1.0, &[100.0; 40], &[1.0]);
    for slice in performance.slices.iter_mut().filter(|slice| slice.block % 3 > 0) {
        slice.operations = slice.operations.min(50_000);
        slice.delayed = slice.nanoseconds / 2;
    }
    for shared in [[vec![], vec![0, 1]], [vec![0], vec![0]], [vec![0, 1], vec![0, 1]]] {
        performance.processors = shared;
        let biased = performance.throughput().unwrap();
        assert!(biased.value < 1.1, "where processors are shared there is nothing to tell it from: {biased:?}");
    }
    performance.processors = [vec![0], vec![1]];
    let found = performance.throughput().unwrap();
    assert_eq!((found.value, found.blocks), (2.0, 14));
    performance.slices.iter_mut().for_each(|slice| slice.delayed = slice.nanoseconds / 2);
    assert_eq!(performance.doubt(&[]).unwrap(), "nothing could be measured undisturbed");
}

#[test]
fn an_interval_that_straddles_an_edge_is_given_the_better_band() {
    let estimate = |low, high| Estimate { value: (low + high) / 2.0, low, high, blocks: 30 };
    let edges = [0.2, 0.5];
    assert_eq!(band(&estimate(0.1, 0.15), &edges, false), Band { place: 0, borderline: false });
    assert_eq!(band(&estimate(0.19, 0.21), &edges, false), Band { place: 1, borderline: true });
    assert_eq!(band(&estimate(0.19, 0.21), &edges, true), Band { place: 0, borderline: true });
    assert_eq!(band(&estimate(0.6, 3.0), &edges, false), Band { place: 2, borderline: false });
}

#[test]
fn cpu_time_is_counted_for_each_request() {
    let used = |operations, cpu_seconds| Used { operations, cpu_seconds, ..Used::default() };
    let performance = Performance { used: [used(100, 3.0), used(200, 2.0), used(200, 2.0)], ..Default::default() };
    assert_eq!(performance.cpu_per_operation(), Some(3.0));
    assert_eq!(Performance::default().cpu_per_operation(), None);
}

#[test]
fn memory_is_compared_where_all_of_it_is_known() {
    let of = |all: [u64; 3]| {
        Performance { used: all.map(|memory| Used { memory, ..Used::default() }), ..Default::default() }.memory()
    };
    assert_eq!(of([90, 40, 20]), Some(3.0));
    assert_eq!((of([0, 40, 20]), of([90, 0, 20]), of([90, 40, 0])), (None, None, None));
}

proptest! {
    /// Whatever the machine does from block to block, the interval holds the truth, and the same record gives the same.
    #[test]
    fn the_interval_holds_the_true_ratio(
        speed in 0.05f64..3.0,
        weather in prop::collection::vec(20.0f64..500.0, 20..60),
        jitter in prop::collection::vec(0.98f64..1.02, 7..40),
    ) {
        let performance = measured(speed, 1.0, &weather, &jitter);
        let found = performance.throughput().unwrap();
        prop_assert!(found.low <= found.value && found.value <= found.high);
        prop_assert!((found.value / speed - 1.0).abs() < 0.08, "{found:?} for {speed}");
        prop_assert_eq!(performance.throughput(), Some(found));
    }
}
