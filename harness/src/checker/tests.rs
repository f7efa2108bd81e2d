//! Each check on a good case and on bad ones, small enough to see why.

use super::*;
use crate::{
    calls::{Call, Calls, Outcome, Role},
    case::{CaseRecord, CaseSummary, Ended, Incident, IncidentKind},
    oracle::Vocabulary,
    time::Offset,
};
use proptest::prelude::*;

const SET: Vocabulary = Vocabulary::Set { add: "broadcast", value: "message", read: "read", values: "messages" };
const ECHO: Vocabulary = Vocabulary::Echo { function: "echo", field: "echo" };
const IDS: Vocabulary = Vocabulary::Ids { function: "generate", field: "id" };

fn op(role: Role, node: u32, at: u64, function: &str, request: &str, reply: Option<&str>) -> Call {
    Call {
        client: 0,
        node,
        role,
        function: function.into(),
        invoked: Offset::from_millis(at),
        returned: reply.map(|_| Offset::from_millis(at + 1)),
        outcome: if reply.is_some() { Outcome::Ok } else { Outcome::Unknown(None) },
        request: request.into(),
        reply: reply.map(Into::into),
    }
}

fn add(at: u64, value: &str, acknowledged: bool) -> Call {
    let request = format!(r#"{{"type":"broadcast","message":{value}}}"#);
    op(Role::Work, 0, at, "broadcast", &request, acknowledged.then_some(r#"{"type":"broadcast_ok"}"#))
}

fn read(role: Role, node: u32, at: u64, values: &str) -> Call {
    let reply = format!(r#"{{"type":"read_ok","messages":[{values}]}}"#);
    op(role, node, at, "read", r#"{"type":"read"}"#, Some(&reply))
}

fn case(operations: Vec<Call>) -> CaseRecord {
    let summary = CaseSummary { ended: Ended::Completed, ended_at: Offset::from_millis(10_000), ..Default::default() };
    CaseRecord { summary, history: Calls { operations }, ..Default::default() }
}

fn judge(check: &str, vocabulary: Vocabulary, nodes: u32, operations: Vec<Call>) -> (Verdict, Vec<String>) {
    let case = case(operations);
    let judgement = find(check).unwrap().check(&View::new(&case, vocabulary, nodes));
    (judgement.verdict, judgement.findings.into_iter().map(|finding| finding.code).collect())
}

fn failed(code: &str) -> (Verdict, Vec<String>) {
    (Verdict::Fail, vec![code.to_owned()])
}

fn passed() -> (Verdict, Vec<String>) {
    (Verdict::Pass, vec![])
}

#[test]
fn a_lost_value_is_found() {
    let history = |last: &str| {
        vec![add(0, "1", true), add(5, "2", true), read(Role::Closing, 0, 50, "1,2"), read(Role::Closing, 1, 50, last)]
    };
    assert_eq!(judge("nothing-lost", SET, 2, history("2,1")), passed());
    assert_eq!(judge("nothing-lost", SET, 2, history("1")), failed("value-lost"));
}

#[test]
fn only_acknowledged_values_can_be_lost() {
    let history = vec![add(0, "1", true), add(5, "2", false), read(Role::Closing, 0, 50, "1")];
    assert_eq!(judge("nothing-lost", SET, 1, history), passed());
}

#[test]
fn nothing_acknowledged_or_no_final_read_never_passes() {
    let unacknowledged = vec![add(0, "1", false), read(Role::Closing, 0, 50, "1")];
    assert_eq!(judge("nothing-lost", SET, 1, unacknowledged), failed("no-reply"));
    let unread = vec![add(0, "1", true), read(Role::Probe, 0, 50, "1")];
    assert_eq!(judge("nothing-lost", SET, 1, unread), failed("no-reply"));
    assert_eq!(judge("ids-unique", IDS, 1, vec![]), failed("no-reply"));
    let refused = Call { outcome: Outcome::Failed(10), ..op(Role::Work, 0, 0, "generate", "{}", Some("{}")) };
    assert_eq!(judge("ids-unique", IDS, 1, vec![refused]), failed("error-reply"));
    assert_eq!(judge("echoes-exactly", ECHO, 1, vec![]), failed("no-reply"));
}

#[test]
fn duplicates_in_a_read_are_found() {
    assert_eq!(judge("no-duplicates", SET, 1, vec![add(0, "1", true), read(Role::Probe, 0, 50, "1")]), passed());
    let twice = vec![add(0, "1", true), read(Role::Probe, 0, 50, "1,1")];
    assert_eq!(judge("no-duplicates", SET, 1, twice), failed("duplicate-value"));
}

#[test]
fn values_from_nowhere_and_from_the_future_are_found() {
    let history = |read| vec![add(0, "9007199254740993", true), read];
    let exact = read(Role::Probe, 0, 50, "9007199254740993");
    assert_eq!(judge("no-phantoms", SET, 1, history(exact)), passed());
    let rounded = read(Role::Probe, 0, 50, "9007199254740992");
    assert_eq!(judge("no-phantoms", SET, 1, history(rounded)), failed("phantom-value"));
    let early = vec![read(Role::Probe, 0, 1, "7"), add(50, "7", true)];
    assert_eq!(judge("no-phantoms", SET, 1, early), failed("phantom-value"));
}

#[test]
fn echoes_compare_at_any_size() {
    let echo = |reply: &str| {
        let reply = format!(r#"{{"type":"echo_ok","echo":{reply}}}"#);
        vec![op(
            Role::Work,
            0,
            0,
            "echo",
            r#"{"type":"echo","echo":[123456789012345678901234567890,{"a":"é"}]}"#,
            Some(&reply),
        )]
    };
    assert_eq!(judge("echoes-exactly", ECHO, 1, echo(r#"[123456789012345678901234567890,{"a":"\u00e9"}]"#)), passed());
    assert_eq!(
        judge("echoes-exactly", ECHO, 1, echo(r#"[123456789012345678901234567891,{"a":"é"}]"#)),
        failed("wrong-reply")
    );
    assert_eq!(judge("echoes-exactly", ECHO, 1, echo(r#"[1.2345678901234568e29,{"a":"é"}]"#)), failed("wrong-reply"));
}

#[test]
fn repeated_and_missing_ids_are_found() {
    let ids = |replies: &[&str]| {
        let reply = |(at, reply): (usize, &&str)| {
            op(Role::Work, 0, at as u64, "generate", r#"{"type":"generate"}"#, Some(reply))
        };
        replies.iter().enumerate().map(reply).collect::<Vec<_>>()
    };
    let (one, two) = (r#"{"type":"generate_ok","id":1}"#, r#"{"type":"generate_ok","id":"1"}"#);
    assert_eq!(judge("ids-unique", IDS, 1, ids(&[one, two])), passed());
    assert_eq!(judge("ids-unique", IDS, 1, ids(&[one, two, one])), failed("duplicate-id"));
    assert_eq!(judge("ids-unique", IDS, 1, ids(&[one, r#"{"type":"generate_ok"}"#])), failed("wrong-reply"));
}

#[test]
fn incidents_become_findings_with_their_line() {
    let kinds = [
        (IncidentKind::MalformedOutput, "well-formed", true),
        (IncidentKind::UnknownDestination, "well-formed", true),
        (IncidentKind::UnmatchedReply, "well-formed", true),
        (IncidentKind::RepeatedReply, "well-formed", false),
        (IncidentKind::WrongReply, "well-formed", true),
        (IncidentKind::Silent, "well-formed", true),
        (IncidentKind::Crashed, "stays-up", true),
        (IncidentKind::OutOfMemory, "stays-up", true),
    ];
    for (kind, check, decisive) in kinds {
        let mut case = case(vec![]);
        let incident =
            Incident { at: Offset(1), node: 0, kind, detail: "why".into(), line: "the line".into(), count: 3 };
        case.summary.incidents.push(incident);
        for checker in ["well-formed", "stays-up"] {
            let judgement = find(checker).unwrap().check(&View::new(&case, ECHO, 1));
            let expected = if checker == check && decisive { Verdict::Fail } else { Verdict::Pass };
            assert_eq!(judgement.verdict, expected, "{checker} on {kind:?}");
            if checker == check {
                assert_eq!(judgement.findings[0].evidence.lines[0].text, "the line");
            }
        }
    }
}

#[test]
fn a_check_of_another_protocol_decides_nothing() {
    assert_eq!(judge("nothing-lost", ECHO, 1, vec![]).0, Verdict::Unknown);
    assert_eq!(judge("ids-unique", SET, 1, vec![]).0, Verdict::Unknown);
}

proptest! {
    /// Of a set that every node holds, a final read passes exactly when it misses nothing acknowledged.
    #[test]
    fn lost_means_missing(acknowledged in prop::collection::vec(any::<bool>(), 1..20), held in prop::collection::vec(any::<bool>(), 20)) {
        prop_assume!(acknowledged.iter().any(|a| *a));
        let mut operations: Vec<_> = acknowledged.iter().enumerate().map(|(i, ok)| add(i as u64, &i.to_string(), *ok)).collect();
        let values: Vec<String> = (0..acknowledged.len()).filter(|i| held[*i]).map(|i| i.to_string()).collect();
        operations.push(read(Role::Closing, 0, 500, &values.join(",")));
        let complete = (0..acknowledged.len()).all(|i| held[i] || !acknowledged[i]);
        let expected = if complete { Verdict::Pass } else { Verdict::Fail };
        prop_assert_eq!(judge("nothing-lost", SET, 1, operations).0, expected);
    }
}

fn kv(client: u32, at: u64, request: &str, reply: Option<&str>) -> Call {
    let function = field_of(request, "type").unwrap_or_default().as_str().unwrap_or("").to_owned();
    Call { client, ..op(Role::Work, 0, at, &function, request, reply) }
}

#[test]
fn a_stale_read_and_a_lost_increment_have_no_order() {
    let write = |at, value| {
        kv(1, at, &format!(r#"{{"type":"write","key":"k","value":{value}}}"#), Some(r#"{"type":"write_ok"}"#))
    };
    let read = |at, value: &str| {
        kv(2, at, r#"{"type":"read","key":"k"}"#, Some(&format!(r#"{{"type":"read_ok","value":{value}}}"#)))
    };
    let add = |client, at, before: u32| {
        let reply = format!(r#"{{"type":"add_ok","before":{before}}}"#);
        kv(client, at, r#"{"type":"add","key":"c","delta":1}"#, Some(&reply))
    };
    let judged = |operations| judge("linearizable", Vocabulary::Objects, 1, operations);
    assert_eq!(judged(vec![read(0, "null"), write(5, 1), read(10, "1"), add(1, 20, 0), add(2, 30, 1)]), passed());
    assert_eq!(judged(vec![write(0, 1), write(5, 2), read(10, "1")]), failed("not-linearizable"));
    assert_eq!(judged(vec![add(1, 0, 0), add(2, 10, 0)]), failed("not-linearizable"));
    let count = |at, value: &str| {
        kv(2, at, r#"{"type":"read","key":"c"}"#, Some(&format!(r#"{{"type":"read_ok","value":{value}}}"#)))
    };
    assert_eq!(judged(vec![count(0, "null"), add(1, 5, 0), count(10, "1")]), passed());
    assert_eq!(judged(vec![add(1, 5, 0), count(10, "null")]), failed("not-linearizable"));
    assert_eq!(judged(vec![add(1, 5, 0), count(10, "\"one\"")]), failed("not-linearizable"));
    let delete = |at, existed: bool| {
        let reply = format!(r#"{{"type":"delete_ok","existed":{existed}}}"#);
        kv(2, at, r#"{"type":"delete","key":"k"}"#, Some(&reply))
    };
    assert_eq!(judged(vec![delete(0, false), write(5, 1), delete(10, true), delete(20, false)]), passed());
    assert_eq!(judged(vec![delete(0, true)]), failed("not-linearizable"));
    assert_eq!(judged(vec![write(5, 1), delete(10, false)]), failed("not-linearizable"));
    let asked = |client, at, request: &str, reply: &str| kv(client, at, request, Some(reply));
    let create = |client, at, created: bool| {
        let request = format!(r#"{{"type":"create","key":"k","value":{client}}}"#);
        asked(client, at, &request, &format!(r#"{{"type":"create_ok","created":{created}}}"#))
    };
    let lost = kv(3, 0, r#"{"type":"create","key":"k","value":3}"#, None);
    assert_eq!(judged(vec![create(1, 0, true), create(2, 10, false), read(20, "1"), delete(30, true)]), passed());
    assert_eq!(judged(vec![create(1, 0, true), create(2, 10, true)]), failed("not-linearizable"), "two have it");
    assert_eq!(judged(vec![create(1, 0, false)]), failed("not-linearizable"), "nobody has it");
    assert_eq!(judged(vec![lost.clone(), create(1, 10, true)]), passed(), "it may not have come to pass");
    assert_eq!(judged(vec![lost, create(1, 10, false), read(20, "3")]), passed(), "or it may");
    let swap = |client, at, before: &str| {
        let request = format!(r#"{{"type":"swap","key":"k","value":{client}}}"#);
        asked(client, at, &request, &format!(r#"{{"type":"swap_ok","before":{before}}}"#))
    };
    assert_eq!(judged(vec![swap(1, 0, "null"), swap(3, 10, "1"), read(20, "3")]), passed());
    assert_eq!(judged(vec![swap(1, 0, "null"), swap(3, 10, "null")]), failed("not-linearizable"));
    let append = |client, at, piece: &str, length: u32| {
        let request = format!(r#"{{"type":"append","key":"t","value":"{piece}"}}"#);
        asked(client, at, &request, &format!(r#"{{"type":"append_ok","length":{length}}}"#))
    };
    let text = |at, text: &str| {
        kv(2, at, r#"{"type":"read","key":"t"}"#, Some(&format!(r#"{{"type":"read_ok","value":"{text}"}}"#)))
    };
    assert_eq!(judged(vec![append(1, 0, "12;", 3), append(3, 10, "3;", 5), text(20, "12;3;")]), passed());
    assert_eq!(
        judged(vec![append(1, 0, "12;", 5), append(3, 0, "3;", 5), text(20, "12;3;")]),
        failed("not-linearizable")
    );
    assert_eq!(
        judged(vec![append(1, 0, "12;", 3), append(3, 10, "3;", 2), text(20, "12;3;")]),
        failed("not-linearizable")
    );
    assert_eq!(judged(vec![append(1, 0, "12;", 9)]), passed(), "nobody has seen it");
    let both = |at, value: u32| {
        let request = format!(r#"{{"type":"write_both","key":"m","value":{value}}}"#);
        asked(1, at, &request, r#"{"type":"write_both_ok"}"#)
    };
    let half = |at, half: u32, value: u32| {
        let request = format!(r#"{{"type":"read_half","key":"m","half":{half}}}"#);
        asked(2, at, &request, &format!(r#"{{"type":"read_half_ok","value":{value}}}"#))
    };
    assert_eq!(judged(vec![both(0, 1), both(20, 2), half(21, 0, 2), half(30, 1, 2)]), passed());
    assert_eq!(judged(vec![both(0, 1), both(20, 2), half(30, 0, 2), half(40, 1, 1)]), failed("not-linearizable"));
    let transaction = |at, told: &str| {
        asked(2, at, r#"{"type":"read_both","key":"m"}"#, &format!(r#"{{"type":"read_both_ok","value":{told}}}"#))
    };
    let begin = asked(2, 0, r#"{"type":"begin"}"#, r#"{"type":"begin_ok","offered":true}"#);
    assert_eq!(judged(vec![begin, both(0, 1), transaction(10, "1")]), passed());
    assert_eq!(judged(vec![both(0, 1), both(20, 2), transaction(21, "[1,2]")]), failed("not-linearizable"));
    let change = |at, delta: i32, before: i32| {
        let request = format!(r#"{{"type":"add","key":"d","delta":{delta}}}"#);
        asked(1, at, &request, &format!(r#"{{"type":"add_ok","before":{before}}}"#))
    };
    assert_eq!(judged(vec![change(0, 3, 0), change(10, -2, 3), change(20, -2, 1), change(30, 3, -1)]), passed());
    assert_eq!(judged(vec![change(0, 3, 0), change(10, -2, 0)]), failed("not-linearizable"));
    // An acknowledged write that is gone after a crash.
    assert_eq!(judged(vec![write(0, 1), read(10, "null")]), failed("not-linearizable"));
    assert_eq!(judged(vec![kv(1, 0, r#"{"type":"read","key":"k"}"#, None)]), failed("no-reply"));
    let record = case(vec![write(0, 1), write(5, 2), read(10, "1")]);
    let judgement = find("linearizable").unwrap().check(&View::new(&record, Vocabulary::Objects, 1));
    let evidence = &judgement.findings[0].evidence;
    assert!(evidence.arrows.iter().any(|arrow| arrow.highlight && arrow.label == "→ 1"), "{evidence:?}");
    assert!(evidence.arrows.iter().any(|arrow| arrow.label == "\"k\" write 2"), "{evidence:?}");
    // They are shown in the words of those who asked, not in those of the model.
    for (call, shown) in [
        (create(1, 0, false), "\"k\" create 1"),
        (swap(1, 0, "7"), "\"k\" swap 1"),
        (half(0, 1, 7), "\"m\" read_half 1"),
        (transaction(0, "[1,2]"), "\"m\" read_both"),
    ] {
        let record = case(vec![call]);
        let judgement = find("linearizable").unwrap().check(&View::new(&record, Vocabulary::Objects, 1));
        let evidence = &judgement.findings[0].evidence;
        assert!(evidence.arrows.iter().any(|arrow| arrow.label == shown), "{evidence:?}");
    }
}
