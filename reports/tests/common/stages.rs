//! The sample's stages, metrics and curves.

use super::{at, evidence};
use harness::{
    report::{Case, Check, Metric, Plot, Series, Stage},
    verdict::{FaultWindow, Verdict},
};

/// Five stages.
pub fn stages() -> Vec<Stage> {
    vec![
        stage("single", "One node remembers what it was told", "1 node, no faults, 20 operations a second", simple(1)),
        stage(
            "multi",
            "Five nodes tell each other",
            "5 nodes in a grid, latency 10 ms, 100 operations a second",
            simple(4),
        ),
        stage(
            "partition",
            "Nothing is lost when the network splits",
            "5 nodes in a grid, latency 100 ms (exponential), 100 operations a second, partitions",
            partitions(),
        ),
        efficiency(),
        stage("crash", "A node that restarts catches up", "5 nodes, latency 50 ms, one node is killed", stalled()),
    ]
}

/// What was measured.
pub fn metrics() -> Vec<Metric> {
    let metric = |stage: &str, name: &str, value: f64, range: (f64, f64), unit: &str, reference| Metric {
        stage: stage.into(),
        name: name.into(),
        value,
        min: range.0,
        max: range.1,
        unit: unit.into(),
        full: None,
        zero: None,
        points: None,
        reference,
    };
    vec![
        metric("multi", "availability", 1.0, (1.0, 1.0), "1", Some(1.0)),
        metric("partition", "availability", 0.998, (0.994, 1.0), "1", Some(1.0)),
        Metric {
            full: Some(20.0),
            zero: Some(60.0),
            points: Some((9.4, 20.0)),
            ..metric("efficiency", "messages-per-operation", 41.2, (39.8, 44.0), "1", Some(17.9))
        },
        Metric {
            full: Some(600.0),
            zero: Some(2000.0),
            points: Some((8.1, 10.0)),
            ..metric("efficiency", "propagation-p99", 868.0, (811.0, 1020.0), "ms", Some(492.0))
        },
        metric("efficiency", "memory-peak", 23_068_672.0, (22_020_096.0, 24_117_248.0), "bytes", Some(9_437_184.0)),
    ]
}

fn stage(id: &str, title: &str, conditions: &str, cases: Vec<Case>) -> Stage {
    Stage {
        id: id.into(),
        title: title.into(),
        conditions: conditions.into(),
        verdict: Verdict::all(cases.iter().map(|case| case.verdict)),
        requirements: vec![
            "every value acknowledged by broadcast_ok is in every later read once the network has healed".into(),
            "no value appears in a read that was never broadcast".into(),
            "availability is at least 0.99".into(),
        ],
        cases,
        plots: vec![],
    }
}

fn check(name: &str, verdict: Verdict, detail: &str) -> Check {
    Check { name: name.into(), verdict, detail: detail.into() }
}

fn simple(seed: u64) -> Vec<Case> {
    vec![Case {
        seed,
        verdict: Verdict::Pass,
        seconds: 10.4,
        operations: 640,
        checks: vec![
            check("nothing-lost", Verdict::Pass, "320 of 320 values in every final read"),
            check("nothing-invented", Verdict::Pass, "no value that was never broadcast"),
            check("availability >= 0.99", Verdict::Pass, "1 (640 of 640 answered within 5 s)"),
        ],
        faults: vec![],
        note: None,
    }]
}

fn partitions() -> Vec<Case> {
    let case = |seed, verdict, detail: &str, operations| Case {
        seed,
        verdict,
        seconds: 21.3,
        operations,
        checks: vec![
            check("nothing-lost", verdict, detail),
            check("nothing-invented", Verdict::Pass, "no value that was never broadcast"),
            check("availability >= 0.99", Verdict::Pass, "0.998 (3 of 1984 timed out)"),
        ],
        faults: vec![
            FaultWindow { from: at(2.1), to: at(6.0), ..evidence::partition() },
            evidence::partition(),
            FaultWindow {
                kind: "pause".into(),
                description: "n2 stopped".into(),
                nodes: vec!["n2".into()],
                from: at(9.5),
                to: at(9.6),
            },
        ],
        note: None,
    };
    vec![
        case(7, Verdict::Fail, "12 of 991 values are not in every final read", 1984),
        case(8, Verdict::Pass, "1002 of 1002 values in every final read", 2004),
        case(9, Verdict::Fail, "1 of 1005 values is not in every final read", 2011),
    ]
}

fn efficiency() -> Stage {
    let case = |seed| Case {
        seed,
        seconds: 24.9,
        operations: 2480,
        checks: vec![check("nothing-lost", Verdict::Pass, "1240 of 1240 values in every final read")],
        ..simple(1).remove(0)
    };
    let series = |name: &str, values: [f64; 13]| Series { name: name.into(), values: values.to_vec() };
    Stage {
        requirements: vec!["every value acknowledged by broadcast_ok is in every later read".into()],
        plots: vec![Plot {
            title: "Propagation to every node".into(),
            axis: "time after acknowledgement (ms)".into(),
            series: vec![
                series(
                    "this submission",
                    [121., 214., 262., 330., 381., 428., 470., 517., 566., 628., 717., 868., 1020.],
                ),
                series("reference", [98., 142., 168., 205., 236., 264., 291., 319., 350., 384., 428., 492., 560.]),
            ],
        }],
        ..stage(
            "efficiency",
            "Few messages, soon everywhere",
            "25 nodes, latency 100 ms, 100 operations a second",
            vec![case(11), case(12), case(13)],
        )
    }
}

fn stalled() -> Vec<Case> {
    vec![Case {
        verdict: Verdict::Unknown,
        checks: vec![check("nothing-lost", Verdict::Unknown, "the machine stalled for 4.1 s while the check waited")],
        faults: vec![FaultWindow {
            kind: "kill".into(),
            description: "n3 killed, started again".into(),
            nodes: vec!["n3".into()],
            from: at(4.0),
            to: at(6.5),
        }],
        note: Some("the machine stalled; this case does not count".into()),
        ..simple(21).remove(0)
    }]
}
