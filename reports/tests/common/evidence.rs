//! The sample's findings.

use super::at;
use harness::verdict::{Arrow, Blame, Evidence, FaultWindow, Finding, LogLine};

/// A lost value with two seeds, and an advice.
pub fn findings() -> Vec<Finding> {
    let second = Finding {
        seed: 9,
        actual: "88 is absent from the final reads of n1 and n2; acknowledged by n4 at 9.870 s".into(),
        count: 1,
        evidence: Evidence { summary: "4 of 2011 operations".into(), ..lost() },
        replay: "takehome replay k7 broadcast/partition --seed 9".into(),
        ..value_lost()
    };
    vec![value_lost(), second, slow_start()]
}

/// Several windows that a partition case has.
pub fn partition() -> FaultWindow {
    FaultWindow {
        kind: "partition".into(),
        description: "n0 n1 n2 | n3 n4".into(),
        nodes: vec![],
        from: at(9.4),
        to: at(14.4),
    }
}

fn value_lost() -> Finding {
    Finding {
        code: "value-lost".into(),
        stage: "partition".into(),
        seed: 7,
        requirement: "every value acknowledged by broadcast_ok is in every later read once the network has healed"
            .into(),
        expected: "417 in the final reads of n3 and n4".into(),
        actual:
            "417 is absent from the final reads of n3 and n4; acknowledged by n0 at 8.217 s, 1.2 s before the split"
                .into(),
        count: 12,
        evidence: lost(),
        blame: Blame::Candidate,
        decisive: true,
        replay: "takehome replay k7 broadcast/partition --seed 7".into(),
    }
}

fn slow_start() -> Finding {
    Finding {
        code: "unknown-message".into(),
        stage: "multi".into(),
        seed: 4,
        requirement: "a node answers a message of unknown type with error 10".into(),
        expected: "an error with code 10 in reply to `ping`".into(),
        actual: "no reply within 5 s; a panic stands in the log".into(),
        count: 1,
        evidence: Evidence {
            summary: "1 of 640 operations".into(),
            lanes: vec!["c2".into(), "n1".into()],
            arrows: vec![arrow("c2", "n1", 3.101, Some(3.102), None, "ping", true)],
            faults: vec![],
            lines: vec![LogLine {
                source: "n1 stderr".into(),
                text: "thread 'main' panicked at src/main.rs:88:17:".into(),
            }],
        },
        blame: Blame::Candidate,
        decisive: false,
        replay: "takehome replay k7 broadcast/multi --seed 4".into(),
    }
}

fn arrow(
    from: &str,
    to: &str,
    sent: f64,
    received: Option<f64>,
    dropped: Option<&str>,
    label: &str,
    highlight: bool,
) -> Arrow {
    Arrow {
        from: from.into(),
        to: to.into(),
        sent: at(sent),
        received: received.map(at),
        dropped: dropped.map(Into::into),
        label: label.into(),
        highlight,
    }
}

fn lost() -> Evidence {
    Evidence {
        summary: "6 of 1984 operations".into(),
        lanes: ["c1", "n0", "n1", "n2", "n3", "n4"].map(Into::into).to_vec(),
        arrows: vec![
            arrow("c1", "n0", 8.214, Some(8.216), None, "broadcast 417", false),
            arrow("n0", "c1", 8.217, Some(8.219), None, "broadcast_ok", false),
            arrow("n0", "n1", 8.217, Some(8.325), None, "gossip {417}", false),
            arrow("n0", "n3", 9.402, None, Some("partition"), "gossip {417}", false),
            arrow("n1", "n2", 9.455, Some(9.561), None, "gossip {417}", false),
            arrow("n1", "n4", 9.457, None, Some("partition"), "gossip {417}", false),
            arrow("n2", "n1", 9.563, Some(9.640), None, "gossip_ok", false),
            arrow("c1", "n3", 19.800, Some(19.801), None, "read", false),
            arrow("n3", "c1", 19.803, Some(19.805), None, "read_ok (812 values, without 417)", true),
            arrow("c1", "n4", 19.811, Some(19.812), None, "read", false),
            arrow("n4", "c1", 19.815, Some(19.816), None, "read_ok (812 values, without 417)", true),
        ],
        faults: vec![
            partition(),
            FaultWindow {
                kind: "pause".into(),
                description: "n2 stopped".into(),
                nodes: vec!["n2".into()],
                from: at(9.5),
                to: at(9.6),
            },
        ],
        lines: vec![
            LogLine { source: "n0 stderr".into(), text: "WARN gossip: no ack from n3 after 500ms, giving up".into() },
            LogLine {
                source: "n0 stderr".into(),
                text: "\u{1b}[31mERROR\u{1b}[0m <script>alert(1)</script> \u{202e}dessap lla".into(),
            },
        ],
    }
}

/// More participants, messages and faults than a figure can hold.
pub fn crowd() -> Evidence {
    let node = |index: usize| format!("n{}", index % 25);
    let arrows = (0..60).map(|index| {
        let sent = 3.0 + 0.007 * index as f64 + if index > 30 { 4.0 } else { 0.0 };
        let dropped = (index % 9 == 4).then_some("partition");
        let received = (dropped.is_none() && index % 11 != 5).then_some(sent + 0.003 * (index % 13) as f64);
        let label = format!("gossip {{{}}}", (0..index).map(|value| value.to_string()).collect::<Vec<_>>().join(", "));
        arrow(&node(index * 7), &node(index * 12 + 1), sent, received, dropped, &label, index == 33)
    });
    let pause = |index: usize| FaultWindow {
        kind: "pause".into(),
        description: format!("n{index} stopped for a while and then continued"),
        nodes: vec![node(index)],
        from: at(3.1 + 0.01 * index as f64),
        to: at(7.2),
    };
    Evidence {
        summary: "60 of 9000 operations".into(),
        lanes: (0..25).map(node).collect(),
        arrows: arrows.collect(),
        faults: (0..5).map(pause).chain([FaultWindow { from: at(1.0), to: at(7.3), ..partition() }]).collect(),
        lines: vec![],
    }
}
