//! The recorded histories of single objects in the corpora get their expected verdicts, and every witness is illegal.

mod corpora;

use harness::{
    history::{History, format},
    verdict::Verdict,
    verify::{self, Answer, Recorded, Settings},
};

/// How the histories below a folder are judged.
struct Kind {
    folder: &'static str,
    model: &'static str,
    initial: Option<&'static str>,
    /// How many there are at least.
    files: usize,
}

const KINDS: &[Kind] = &[
    Kind { folder: "porcupine/jepsen/", model: "register", initial: None, files: 60 },
    Kind { folder: "porcupine/kv/", model: "kv", initial: None, files: 6 },
    Kind { folder: "knossos/cas-register/", model: "cas-register", initial: Some("0"), files: 80 },
    Kind { folder: "elle-cli/knossos/cas-register/", model: "cas-register", initial: Some("0"), files: 1 },
    Kind { folder: "polylin/queue", model: "queue", initial: None, files: 2 },
    Kind { folder: "polylin/stack/", model: "stack", initial: None, files: 5 },
    Kind { folder: "polylin/pqueue", model: "priority-queue", initial: None, files: 2 },
    Kind { folder: "polylin/set", model: "set", initial: None, files: 1 },
    Kind { folder: "polylin/deque", model: "deque", initial: None, files: 3 },
    Kind { folder: "fptlin/queue/", model: "queue", initial: None, files: 3 },
    Kind { folder: "fptlin/stack/", model: "stack", initial: None, files: 3 },
    Kind { folder: "fptlin/priorityqueue/", model: "priority-queue", initial: None, files: 4 },
    Kind { folder: "fptlin/set/", model: "set", initial: None, files: 2 },
];

/// Where Knossos's own tests say that these histories cannot be explained any further: the event, from 0.
const CULPRITS: &[(&str, u64)] = &[
    ("bad-analysis", 14),
    ("cas-failure", 491),
    ("immediate-failure", 3),
    ("rethink-fail-minimal", 4),
    ("rethink-fail-smaller", 217),
];

fn judge(kind: &Kind, path: &str, history: History) -> Answer {
    // Knossos tests these from a register without a value.
    let initial = if path.contains("rethink") { None } else { kind.initial };
    let settings = Settings { threads: 2, initial, ..Settings::default() };
    let judge = verify::find(kind.model).expect("a judge of this name");
    judge.judge(&Recorded::Operations(history), &settings).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn check(kind: &Kind, path: &str, expected: &str, bytes: &[u8]) {
    let recorded =
        format::read(bytes, None, format::Shape::default()).unwrap_or_else(|error| panic!("{path}: {error}"));
    let Recorded::Operations(history) = recorded else { panic!("{path}: transactions") };
    let answer = judge(kind, path, history.clone());
    let legal = match expected {
        "linearizable" | "valid" => true,
        "not-linearizable" | "invalid" => false,
        // A run that died before its first operation.
        _ => return,
    };
    let verdict = if legal { Verdict::Pass } else { Verdict::Fail };
    assert_eq!(answer.verdict, verdict, "{path}: {} {:?}", answer.detail, answer.undecided);
    assert_eq!(answer.undecided, Vec::<String>::new(), "{path}");
    for violation in &answer.violations {
        println!("{path}: {} of {}: {}", violation.witness.len(), history.len(), violation.sentence);
        let part = history.part(&violation.witness, violation.end.unwrap_or(u64::MAX));
        assert_eq!(judge(kind, path, part).verdict, Verdict::Fail, "{path}: {violation:?}");
    }
    if let Some((_, event)) = CULPRITS.iter().find(|(name, _)| path.contains(name)) {
        // A search names the operation at which every order ends; a monitor has it in its witness.
        let violation = &answer.violations[0];
        let order = violation.attempts.first().map_or(&violation.witness, |attempt| &attempt.order);
        assert_eq!(history.get(*order.last().expect("an operation")).ret, *event, "{path}");
    }
}

#[test]
fn every_history_gets_its_verdict() {
    let Some(files) = corpora::files() else { return };
    for kind in KINDS {
        let files: Vec<_> = files.iter().filter(|file| file.path.starts_with(kind.folder)).collect();
        assert!(files.len() >= kind.files, "{}: {} files", kind.folder, files.len());
        for file in files {
            check(kind, &file.path, &file.verdict, &file.bytes);
        }
    }
}
