//! Sample answers about recorded histories: registers that read stale values, transactions in a cycle, none decided.

use super::at;
use harness::{
    explanation::{Context, SCHEMA_VERSION, Verification, explain},
    history::{Builder, Clock, Function, Id, Invocation, Outcome},
    transaction::{Action, Step, Transactions},
    verdict::{FaultWindow, LogLine, Verdict},
    verify::{Attempt, Dependency, Level, Levels, Recorded, Violation},
};
use serde_json::Value;

const MS: u64 = 1_000_000;

fn answer(model: &str, about: &str, verdict: Verdict, detail: &str) -> Verification {
    Verification {
        schema_version: SCHEMA_VERSION,
        takehome: "0.1.0".into(),
        source: "recorded/etcd-partition-17.edn".into(),
        model: model.into(),
        about: about.into(),
        level: None,
        budget: 20_000_000,
        verdict,
        detail: detail.into(),
        violations: vec![],
        undecided: vec![],
        levels: None,
    }
}

/// A register that reads a value that was overwritten, with a fault and log lines of that time.
pub fn failing() -> Verification {
    let mut builder = Builder::default();
    builder.clock = Clock::Nanoseconds;
    let number = |number| Id::small(number).expect("a small number");
    let key = builder.values.text("x");
    let call = |process, at: u64, function, argument| Invocation { process, call: at * MS, function, key, argument };
    builder.add(call(0, 1_902, Function::Write, number(1)), 1_911 * MS, Id::NONE);
    builder.add(call(1, 1_934, Function::Write, number(2)), 1_947 * MS, Id::NONE);
    builder.invoke(call(3, 1_940, Function::Write, number(3)));
    builder.add(call(0, 1_952, Function::Read, Id::NONE), 1_960 * MS, number(2));
    builder.add(call(2, 1_984, Function::Read, Id::NONE), 1_991 * MS, number(1));
    let attempts = vec![
        Attempt { order: vec![0, 1, 4], fails: "cannot read 1, the register holds 2".into() },
        Attempt { order: vec![0, 1, 2, 4], fails: "cannot read 1, the register holds 3".into() },
    ];
    let sentence = "c2 read 1 from 1.984 s to 1.991 s, but c1 had overwritten it with 2 by 1.947 s, and nobody wrote 1 \
                    again: the read returned a value that was no longer there.";
    let stale = Violation {
        rule: "stale-read",
        sentence: sentence.into(),
        witness: vec![0, 1, 2, 3, 4],
        attempts,
        ..Violation::default()
    };
    let faults = [FaultWindow {
        kind: "partition".into(),
        description: "n0 n3 | n1 n2 n4".into(),
        nodes: vec![],
        from: at(1.9305),
        to: at(3.9),
    }];
    let line =
        LogLine { source: "n2 stderr".into(), text: "WARN raft: lost contact with the leader, serving reads".into() };
    let second =
        Violation { rule: "lost-write", sentence: sentence.replace("c2", "c0"), witness: vec![0, 1], ..stale.clone() };
    let recorded = Recorded::Operations(builder.finish());
    let violations = vec![
        explain(&recorded, &stale).with_context(&Context { faults: faults.to_vec(), lines: vec![(at(1.95), line)] }),
        explain(&recorded, &second),
    ];
    let about = "every read returns the value that was written last";
    Verification { violations, ..answer("register", about, Verdict::Fail, "1 984 operations on 10 keys; zones") }
}

/// Transactions that each have to come before the next.
pub fn cyclic(count: u32) -> Verification {
    let mut all = Transactions { clock: Clock::Nanoseconds, realtime: true, ..Transactions::default() };
    let keys: Vec<Id> = ["x", "y", "z", "account-17"].iter().map(|key| all.values.text(key)).collect();
    let number = |number| Id::small(number).expect("a small number");
    for index in 0..count {
        let call = 100 * MS + u64::from(index) * 3 * MS;
        all.push(index % 3, call, call + 8 * MS, Outcome::Ok);
        let (key, other) = (keys[index as usize % 4], keys[(index as usize + 1) % 4]);
        all.step(Step { action: Action::Append, key, value: number(index + 1) });
        all.read_list(other, Some(&[number(7), number(index)][..1 + index as usize % 2]));
    }
    let edge = |from: u32, kind: &str, reason: &str, premises: &[&str]| Dependency {
        from,
        to: (from + 1) % count,
        kind: kind.into(),
        reason: format!("T{from} {reason} T{}'s append of {}", (from + 1) % count, from + 2),
        premises: premises.iter().map(|premise| (*premise).to_owned()).collect(),
    };
    let kinds = ["wr", "rw", "ww", "realtime"];
    let cycle = (0..count).map(|from| match from % 4 {
        1 => edge(
            from,
            "rw",
            "read y → [7], which lacks",
            &["the longest read of y is [7 2 3]", "7 is directly before 3 in it"],
        ),
        place => edge(from, kinds[place as usize], "came before", &[]),
    });
    let cycle: Vec<Dependency> = cycle.collect();
    let sentence = "T1 read y without T2's append of 3, so it came before T2; yet T2 was over before T0 began, and T1 saw \
                    what T0 wrote: none of them can be the first.";
    let violation = Violation {
        rule: "G-single",
        sentence: sentence.into(),
        witness: (0..count).collect(),
        cycle,
        ..Violation::default()
    };
    let recorded = Recorded::Transactions(all);
    let levels = Levels {
        weakest: vec![Level::SnapshotIsolation, Level::RepeatableRead],
        also: vec![Level::Serializable, Level::StrongSnapshotIsolation, Level::StrictSerializable],
    };
    let about = "transactions that append to lists and read them whole";
    Verification {
        violations: vec![explain(&recorded, &violation)],
        levels: Some(levels),
        level: Some(Level::SnapshotIsolation),
        ..answer(
            "list-append",
            about,
            Verdict::Fail,
            "20 602 transactions on 4 keys; cycles in the graph of dependencies",
        )
    }
}

/// Nothing was wrong.
pub fn passing() -> Verification {
    answer(
        "queue",
        "what was put in first comes out first, and only once",
        Verdict::Pass,
        "1 000 000 operations; axioms",
    )
}

/// Something was not decided.
pub fn open() -> Verification {
    let undecided = vec!["x: the search visited 20 000 000 configurations of 412 operations and was not done".into()];
    Verification {
        undecided,
        ..answer("cas-register", "a register with compare-and-set", Verdict::Unknown, "167 operations; search")
    }
}

/// Every text replaced; what decides by its meaning is kept.
pub fn hostile(text: &str) -> [Verification; 3] {
    [failing(), cyclic(3), open()].map(|sample| {
        let mut json = serde_json::to_value(sample).expect("an answer has a JSON form");
        replace(&mut json, text);
        serde_json::from_value(json).expect("only free text was replaced")
    })
}

fn replace(value: &mut Value, text: &str) {
    match value {
        Value::String(old) => *old = text.to_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, text)),
        Value::Object(fields) => {
            let free = fields.iter_mut().filter(|(name, _)| !matches!(name.as_str(), "verdict" | "level" | "levels"));
            free.for_each(|(_, field)| replace(field, text));
        }
        _ => {}
    }
}
