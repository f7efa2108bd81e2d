//! Each check of jobs on good cases and on bad ones; times are milliseconds.

use crate::{
    calls::{Call, Calls, DISCONNECT, Outcome, Role},
    case::{CaseRecord, CaseSummary, Ended},
    checker::{View, find},
    oracle::Vocabulary,
    time::Offset,
    verdict::Verdict,
};
use serde_json::{Value, json};

/// A call by a client, with the fields of its request, and its answer, if any; each takes 10 ms.
fn call(client: u32, at: u64, function: &str, fields: Value, reply: Option<Value>) -> Call {
    let mut request = fields;
    request["type"] = function.into();
    request["tube"] = "t".into();
    Call {
        client,
        node: 0,
        role: Role::Work,
        function: function.into(),
        invoked: Offset::from_millis(at),
        returned: reply.as_ref().map(|_| Offset::from_millis(at + 10)),
        outcome: if reply.is_some() { Outcome::Ok } else { Outcome::Unknown(None) },
        request: request.to_string().into(),
        reply: reply.map(|reply| reply.to_string().into()),
    }
}

fn put(client: u32, at: u64, job: i64, priority: u64) -> Call {
    let fields = json!({"job": job, "priority": priority, "delay": 0, "ttr": 60});
    call(client, at, "put", fields, Some(json!({"id": job})))
}

/// A reservation that was answered at once, with no job where that is 0.
fn reserve(client: u32, at: u64, job: i64) -> Call {
    let job = if job == 0 { Value::Null } else { job.into() };
    call(client, at, "reserve", json!({"timeout": 0}), Some(json!({"job": job})))
}

/// One that waited until a time.
fn waited(client: u32, at: u64, until: u64, job: i64) -> Call {
    let told = reserve(client, at, job);
    let request = json!({"type": "reserve", "tube": "t", "timeout": 9}).to_string().into();
    Call { request, returned: Some(Offset::from_millis(until)), ..told }
}

fn unanswered(call: Call) -> Call {
    Call { returned: None, outcome: Outcome::Unknown(None), reply: None, ..call }
}

fn delete(client: u32, at: u64, job: i64, found: bool) -> Call {
    call(client, at, "delete", json!({"job": job}), Some(json!({"found": found})))
}

fn release(client: u32, at: u64, job: i64, priority: u64) -> Call {
    call(client, at, "release", json!({"job": job, "priority": priority, "delay": 0}), Some(json!({"found": true})))
}

fn hang_up(client: u32, at: u64, job: i64) -> Call {
    let job = if job == 0 { Value::Null } else { job.into() };
    call(client, at, DISCONNECT, json!({"job": job}), None)
}

fn judge(check: &str, mut operations: Vec<Call>) -> Result<(), Vec<String>> {
    operations.sort_by_key(|call| call.invoked);
    let summary = CaseSummary { ended: Ended::Completed, ended_at: Offset::from_millis(60_000), ..Default::default() };
    let case = CaseRecord { summary, history: Calls { operations }, ..Default::default() };
    let judgement = find(check).unwrap().check(&View::new(&case, Vocabulary::Jobs, 1));
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
fn a_job_that_nobody_gets_is_lost() {
    let lost = |calls| judge("no-job-lost", calls);
    let done = [put(0, 0, 1, 5), reserve(1, 100, 1), delete(1, 200, 1, true), reserve(1, 9_000, 0)];
    assert_eq!(lost(done.to_vec()), Ok(()));
    assert_eq!(lost(vec![put(0, 0, 1, 5), reserve(1, 9_000, 0)]), failed("job-lost"));
    let unsure = [unanswered(put(0, 0, 1, 5)), reserve(1, 9_000, 0)];
    assert_eq!(lost(unsure.to_vec()), Ok(()), "nobody knows that it was put");
    let given_back = [put(0, 0, 1, 5), reserve(1, 100, 1), release(1, 200, 1, 5), reserve(1, 300, 0)];
    assert_eq!(lost(given_back.to_vec()), failed("job-lost"));
    let with_who_has_it = [put(0, 0, 1, 5), reserve(1, 100, 1), reserve(2, 9_000, 0)];
    assert_eq!(lost(with_who_has_it.to_vec()), Ok(()));
}

#[test]
fn what_a_lost_client_had_is_ready_again_a_while_later() {
    let case = |empty| vec![put(0, 0, 1, 5), reserve(1, 100, 1), hang_up(1, 200, 1), reserve(2, empty, 0)];
    assert_eq!(judge("no-job-lost", case(1_000)), Ok(()));
    assert_eq!(judge("no-job-lost", case(3_000)), failed("job-lost"));
    assert_eq!(judge("linearizable", case(1_000)), Ok(()));
    assert_eq!(judge("linearizable", case(3_000)), failed("not-linearizable"));
    let expired = |empty| vec![put(0, 0, 1, 5), reserve(1, 100, 1), reserve(2, empty, 0)];
    assert_eq!(judge("no-job-lost", expired(61_000)), Ok(()));
    assert_eq!(judge("no-job-lost", expired(63_000)), failed("job-lost"));
}

/// Who was told nothing may have had any job until the connection was over for good.
#[test]
fn an_unanswered_reservation_may_have_had_a_job_for_a_while() {
    let case = |empty| {
        let asked = unanswered(reserve(1, 100, 0));
        vec![put(0, 0, 1, 5), asked, hang_up(1, 5_100, 0), reserve(2, empty, 0), reserve(2, 20_000, 1)]
    };
    for check in ["no-job-lost", "linearizable", "jobs-in-order"] {
        assert_eq!(judge(check, case(6_000)), Ok(()), "{check}");
    }
    assert_eq!(judge("linearizable", case(8_000)), failed("not-linearizable"));
    let kept =
        |empty| vec![put(0, 0, 1, 5), unanswered(reserve(1, 100, 0)), hang_up(1, 5_100, 0), reserve(2, empty, 0)];
    assert_eq!(judge("no-job-lost", kept(6_000)), Ok(()));
    assert_eq!(judge("no-job-lost", kept(8_000)), failed("job-lost"));
}

#[test]
fn a_delete_without_an_answer_may_have_done_either() {
    let asked = || vec![put(0, 0, 1, 5), reserve(1, 100, 1), unanswered(delete(1, 200, 1, true)), hang_up(1, 5_200, 0)];
    for end in [reserve(2, 9_000, 0), reserve(2, 9_000, 1)] {
        for check in ["no-job-lost", "linearizable"] {
            assert_eq!(judge(check, [asked(), vec![end.clone()]].concat()), Ok(()), "{check}");
        }
    }
}

/// Who had it learns that the connection has ended only when asking again: somebody else may have the job by then.
#[test]
fn a_connection_may_have_ended_long_before_its_client_noticed() {
    let had = |end: Call| vec![put(0, 0, 1, 5), reserve(1, 100, 1), reserve(2, 200, 1), end];
    for sudden in [unanswered(delete(1, 300, 1, true)), hang_up(1, 300, 1)] {
        assert_eq!(judge("linearizable", had(sudden)), Ok(()));
    }
    let mut planned = hang_up(1, 300, 1);
    planned.request = planned.request.replace("{", "{\"planned\":true,").into();
    assert_eq!(judge("linearizable", had(planned)), failed("not-linearizable"));
}

/// Who is too late may still be done with a job that nobody has.
#[test]
fn a_late_delete_of_a_job_that_nobody_has_is_right() {
    let calls = vec![
        put(0, 0, 1, 5),
        reserve(1, 100, 1),
        reserve(2, 60_200, 1),
        delete(1, 130_000, 1, true),
        reserve(2, 190_000, 0),
    ];
    for check in ["linearizable", "no-job-lost"] {
        assert_eq!(judge(check, calls.clone()), Ok(()), "{check}");
    }
}

#[test]
fn a_job_belongs_to_who_reserved_it() {
    let twice = vec![put(0, 0, 1, 5), reserve(1, 100, 1), reserve(2, 200, 1)];
    assert_eq!(judge("linearizable", twice), failed("not-linearizable"));
    let after_done = vec![put(0, 0, 1, 5), reserve(1, 100, 1), delete(1, 200, 1, true), reserve(2, 300, 1)];
    assert_eq!(judge("linearizable", after_done), failed("not-linearizable"));
    let expired = vec![put(0, 0, 1, 5), reserve(1, 100, 1), reserve(2, 60_200, 1)];
    assert_eq!(judge("linearizable", expired), Ok(()));
    let taken = |at| vec![put(0, 0, 1, 5), reserve(1, 100, 1), delete(1, at, 1, false)];
    assert_eq!(judge("no-job-lost", taken(200)), failed("job-taken"));
    assert_eq!(judge("no-job-lost", taken(60_200)), Ok(()), "its time was over");
}

#[test]
fn the_smallest_priority_comes_first_and_then_the_first_that_was_put() {
    let order = |calls| judge("jobs-in-order", calls);
    let put_two = |one, two| vec![put(0, 0, 1, one), put(0, 100, 2, two)];
    for (priorities, got, right) in [
        ((5, 5), 1, true),
        ((5, 5), 2, false),
        ((5, 4), 1, false),
        ((5, 4), 2, true),
        ((4, 5), 2, false),
        ((0, 4_294_967_295), 1, true),
    ] {
        let mut calls = put_two(priorities.0, priorities.1);
        calls.push(reserve(1, 200, got));
        let expected = if right { Ok(()) } else { failed("wrong-order") };
        assert_eq!(order(calls), expected, "{priorities:?}: job {got}");
    }
    let at_the_same_time = vec![put(0, 0, 1, 5), put(1, 5, 2, 5), reserve(1, 200, 2)];
    assert_eq!(order(at_the_same_time), Ok(()));
    let later = vec![put(0, 0, 1, 5), put(0, 205, 2, 1), reserve(1, 200, 1)];
    assert_eq!(order(later), Ok(()), "the other may not have been there");
    let taken = [put_two(5, 4), vec![reserve(1, 200, 2), reserve(2, 205, 1)]].concat();
    assert_eq!(order(taken), Ok(()), "the other was being handed out");
}

#[test]
fn a_job_that_was_given_back_has_the_priority_that_was_said_then() {
    let given_back = |priority, got| {
        vec![put(0, 0, 1, 5), put(0, 100, 2, 5), reserve(1, 200, 1), release(1, 300, 1, priority), reserve(2, 400, got)]
    };
    for (priority, got, right) in [(9, 2, true), (9, 1, false), (1, 1, true), (1, 2, false), (5, 1, true), (5, 2, true)]
    {
        let expected = if right { Ok(()) } else { failed("wrong-order") };
        assert_eq!(judge("jobs-in-order", given_back(priority, got)), expected, "released with {priority}, got {got}");
    }
}

#[test]
fn who_waits_is_woken() {
    let woken = |until| vec![waited(1, 0, until, 1), put(0, 1_000, 1, 5)];
    assert_eq!(judge("waiters-served", woken(1_050)), Ok(()));
    assert_eq!(judge("waiters-served", woken(4_000)), failed("lost-wakeup"));
    let in_vain = vec![waited(1, 0, 9_000, 0), put(0, 1_000, 1, 5)];
    assert_eq!(judge("waiters-served", in_vain), failed("lost-wakeup"));
    let somebody_else = vec![waited(1, 0, 9_000, 0), put(0, 1_000, 1, 5), reserve(2, 1_020, 1)];
    assert_eq!(judge("waiters-served", somebody_else), Ok(()));
    let not_waiting = vec![put(0, 1_000, 1, 5), reserve(2, 9_000, 1)];
    assert_eq!(judge("waiters-served", not_waiting), Ok(()));
}

#[test]
fn who_waits_is_not_passed_over_for_ever() {
    let served = |times: i64| {
        let turn = |job: i64| {
            let at = 1_000 * job as u64;
            [put(0, at + 20, job, 5), waited(2, at, at + 40, job), delete(2, at + 50, job, true)]
        };
        (1..=times).flat_map(turn).chain([waited(1, 0, 20_000, 0)]).collect::<Vec<_>>()
    };
    // Those of two seconds are not counted.
    assert_eq!(judge("waiters-served", served(7)), Ok(()));
    assert_eq!(judge("waiters-served", served(8)), failed("starved"));
}

#[test]
fn checks_of_jobs_are_about_jobs_only() {
    let case = CaseRecord::default();
    for check in ["no-job-lost", "jobs-in-order", "waiters-served"] {
        let judgement = find(check).unwrap().check(&View::new(&case, Vocabulary::Objects, 1));
        assert_eq!(judgement.verdict, Verdict::Unknown, "{check}");
        let silent = find(check).unwrap().check(&View::new(&case, Vocabulary::Jobs, 1));
        assert_eq!(silent.verdict, Verdict::Fail, "{check}: nobody was answered");
    }
}
