//! Each check of chat rooms on good cases and on bad ones; times are milliseconds.

use crate::{
    calls::{Call, Calls, Outcome, Role},
    case::{CaseRecord, CaseSummary, Ended},
    checker::{View, find},
    oracle::Vocabulary,
    time::Offset,
    verdict::Verdict,
};
use serde_json::{Value, json};

fn call(client: u32, at: u64, function: &str, request: Value, reply: Option<Value>) -> Call {
    let text = |mut value: Value, kind: String| {
        value["type"] = kind.into();
        value.to_string().into()
    };
    Call {
        client,
        node: 0,
        role: if function == "hear" { Role::Probe } else { Role::Work },
        function: function.into(),
        invoked: Offset::from_millis(at),
        returned: reply.as_ref().map(|_| Offset::from_millis(at + 5)),
        outcome: if reply.is_some() { Outcome::Ok } else { Outcome::Unknown(None) },
        request: text(request, function.to_owned()),
        reply: reply.map(|reply| text(reply, format!("{function}_ok"))),
    }
}

/// A member joins under the name `u` and its number, and is told this list.
fn join(client: u32, at: u64, list: &str) -> Call {
    call(client, at, "join", json!({"name": format!("u{client}")}), Some(json!({"list": list})))
}

fn leave(client: u32, at: u64) -> Call {
    call(client, at, "leave", json!({}), Some(json!({})))
}

fn say(client: u32, at: u64, text: &str) -> Call {
    call(client, at, "say", json!({"text": text}), Some(json!({})))
}

fn hear(client: u32, at: u64, from: u32, text: &str) -> Call {
    call(client, at, "hear", json!({}), Some(json!({"from": format!("u{from}"), "text": text})))
}

fn notice(client: u32, at: u64, text: &str) -> Call {
    call(client, at, "hear", json!({}), Some(json!({"notice": text})))
}

/// Three members, who know of each other.
fn three() -> Vec<Call> {
    vec![
        join(1, 0, "* The room contains:"),
        join(2, 100, "* The room contains: u1"),
        notice(1, 110, "* u2 has entered"),
        join(3, 200, "* here: u1, u2"),
        notice(1, 210, "* u3 has entered"),
        notice(2, 210, "* u3 has entered"),
    ]
}

fn judge(check: &str, more: impl IntoIterator<Item = Call>) -> Result<(), Vec<String>> {
    judge_only(check, three().into_iter().chain(more))
}

fn judge_only(check: &str, calls: impl IntoIterator<Item = Call>) -> Result<(), Vec<String>> {
    let mut operations: Vec<Call> = calls.into_iter().collect();
    operations.sort_by_key(|call| call.invoked);
    let end = Offset::from_millis(60_000);
    let summary = CaseSummary { ended: Ended::Completed, ended_at: end, work_ended: end, ..Default::default() };
    let case = CaseRecord { summary, history: Calls { operations }, ..Default::default() };
    let judgement = find(check).unwrap().check(&View::new(&case, Vocabulary::Chat, 1));
    match judgement.verdict {
        Verdict::Pass => Ok(()),
        Verdict::Fail => Err(judgement.findings.into_iter().map(|finding| finding.code).collect()),
        other => panic!("{other:?}: {}", judgement.detail),
    }
}

fn failed(code: &str) -> Result<(), Vec<String>> {
    Err(vec![code.to_owned()])
}

#[test]
fn a_message_is_heard_by_all_others_once() {
    let delivered = |more: Vec<Call>| judge("messages-delivered", more);
    let said = || vec![say(1, 1_000, "hello"), hear(2, 1_010, 1, "hello"), hear(3, 1_012, 1, "hello")];
    assert_eq!(delivered(said()), Ok(()));
    assert_eq!(delivered(said()[..2].to_vec()), failed("message-lost"));
    assert_eq!(delivered([said(), vec![hear(3, 1_020, 1, "hello")]].concat()), failed("message-twice"));
    assert_eq!(delivered([said(), vec![hear(1, 1_020, 1, "hello")]].concat()), failed("own-message"));
    assert_eq!(delivered([said(), vec![hear(3, 1_020, 1, "hell")]].concat()), failed("phantom-message"));
    assert_eq!(delivered([said(), vec![hear(3, 900, 1, "hello")]].concat()), failed("phantom-message"));
    let another_s_name = vec![say(1, 1_000, "hello"), hear(2, 1_010, 3, "hello"), hear(3, 1_012, 1, "hello")];
    assert_eq!(delivered(another_s_name), Err(vec!["phantom-message".into(), "message-lost".into()]));
}

#[test]
fn who_is_not_there_need_not_hear() {
    let delivered = |more: Vec<Call>| judge("messages-delivered", more);
    let heard_by_2 = |at| vec![say(1, at, "hello"), hear(2, at + 10, 1, "hello")];
    assert_eq!(delivered([heard_by_2(1_000), vec![leave(3, 900)]].concat()), Ok(()));
    assert_eq!(delivered([heard_by_2(1_000), vec![leave(3, 2_000)]].concat()), Ok(()), "it may not have had the time");
    assert_eq!(delivered([heard_by_2(1_000), vec![leave(3, 3_100)]].concat()), failed("message-lost"));
    assert_eq!(delivered(heard_by_2(59_000)), Ok(()), "it was over before that was certain");
    let early = heard_by_2(150);
    assert_eq!(delivered(early), Ok(()), "u3 had not joined");
}

#[test]
fn each_member_s_messages_are_heard_in_their_order() {
    let said = vec![say(1, 1_000, "a"), say(1, 1_001, "b"), hear(2, 1_010, 1, "a"), hear(2, 1_011, 1, "b")];
    let in_order = [said.clone(), vec![hear(3, 1_010, 1, "a"), hear(3, 1_011, 1, "b")]].concat();
    assert_eq!(judge("messages-delivered", in_order), Ok(()));
    let swapped = [said, vec![hear(3, 1_010, 1, "b"), hear(3, 1_011, 1, "a")]].concat();
    assert_eq!(judge("messages-delivered", swapped.clone()), failed("out-of-order"));
    assert_eq!(judge("one-order", swapped), failed("different-order"));
}

#[test]
fn all_hear_in_one_order() {
    let said = |third: [&str; 2]| {
        vec![
            say(1, 1_000, "a"),
            say(2, 1_001, "b"),
            join(4, 500, "* here: u1, u2, u3"),
            hear(3, 1_010, 1, third[0]),
            hear(3, 1_011, 2, third[1]),
            hear(4, 1_010, 1, "a"),
            hear(4, 1_011, 2, "b"),
        ]
    };
    assert_eq!(judge("one-order", said(["a", "b"])), Ok(()));
    assert_eq!(judge("one-order", said(["b", "a"])), failed("different-order"));
}

#[test]
fn who_joins_is_told_who_is_there() {
    let told =
        |list: &str| judge("presence-told", [leave(1, 5_000), join(4, 9_000, list)].into_iter().chain(told_of(4)));
    // The others are told of u1's end and of u4.
    fn told_of(client: u32) -> Vec<Call> {
        let end = [2, 3].map(|member| notice(member, 5_010, "* u1 has left"));
        let new = [2, 3].map(|member| notice(member, 9_010, &format!("* u{client} is here")));
        [end, new].concat()
    }
    assert_eq!(told("* u3,u2"), Ok(()));
    assert_eq!(told("* room: u2"), Err(vec!["wrong-list".into(), "presence-wrong".into()]), "and never hears of u3");
    assert_eq!(told("* u1, u2, u3"), failed("wrong-list"));
    assert_eq!(told("* u2, u3, u4"), failed("wrong-list"));
    assert_eq!(told("* u2, u33"), Err(vec!["wrong-list".into(), "presence-wrong".into()]));
}

/// Whoever looks who is there, and only then joins, may never hear of who did the same meanwhile.
#[test]
fn of_two_who_come_at_once_each_hears_of_the_other() {
    let at_once = |more: Vec<Call>| {
        let both = vec![join(1, 100, "*"), Call { invoked: Offset::from_millis(101), ..join(2, 101, "*") }];
        judge_only("presence-told", [both, more].concat())
    };
    let by_a_line = |client, of: u32| notice(client, 120, &format!("* u{of} has entered"));
    assert_eq!(at_once(vec![by_a_line(1, 2), by_a_line(2, 1)]), Ok(()));
    assert_eq!(at_once(vec![by_a_line(1, 2)]), failed("presence-wrong"));
    let left = vec![by_a_line(1, 2), leave(1, 1_000), notice(2, 1_010, "* u1 has left")];
    assert_eq!(at_once(left), Ok(()), "they were not together for long");
}

#[test]
fn all_are_told_who_comes_and_goes_once_each() {
    let told = |more: Vec<Call>| judge("presence-told", more);
    assert_eq!(told(vec![]), Ok(()));
    let left = |by_1: &[&str]| {
        let mut calls = vec![leave(3, 5_000), notice(2, 5_010, "* u3 has left")];
        calls.extend(by_1.iter().map(|text| notice(1, 5_010, text)));
        told(calls)
    };
    assert_eq!(left(&["* u3 has left"]), Ok(()));
    assert_eq!(left(&[]), failed("presence-wrong"));
    assert_eq!(left(&["* u3 has left", "* u3 has left"]), failed("presence-wrong"));
    let not_told = three().into_iter().filter(|call| call.invoked < Offset::from_millis(210));
    assert_eq!(judge_only("presence-told", not_told), failed("presence-wrong"));
    let of_somebody_who_never_came = [call(9, 1_000, "join", json!({"name": "u9"}), None), leave(9, 1_500)];
    assert_eq!(told(of_somebody_who_never_came.to_vec()), Ok(()));
}

#[test]
fn checks_of_rooms_are_about_rooms_only() {
    for check in ["messages-delivered", "one-order", "presence-told"] {
        let case = CaseRecord::default();
        let judge = |vocabulary| find(check).unwrap().check(&View::new(&case, vocabulary, 1)).verdict;
        assert_eq!((judge(Vocabulary::Jobs), judge(Vocabulary::Chat)), (Verdict::Unknown, Verdict::Fail), "{check}");
    }
}
