//! Each condition on histories that hold it and on histories that break each of its rules, on random histories against
//! its definition, and on those of correct objects.

mod correct;
mod logs;
mod orders;
mod others;
mod queues;
mod sets;
mod witnesses;

use super::JUDGES;
use crate::{
    history::{Builder, Function, History, Id, Invocation, Outcome, Value, Values},
    verdict::Verdict,
    verify::{Answer, Recorded, Settings},
};

/// A history from lines of `process call return function argument result key`; a return of `-` is none, `!9` a failure
/// at 9; values are JSON without spaces, `-` for none, and may be left out at the end.
pub fn history(lines: &str) -> History {
    let mut builder = Builder::default();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let cell = |index: usize| cells.get(index).copied().unwrap_or("-");
        let function = Function::ALL.iter().find(|function| function.word() == cell(3)).expect("a function's word");
        let mut value = |index| value(&mut builder.values, cell(index));
        let (argument, result, key) = (value(4), value(5), value(6));
        let (process, call) = (cell(0).parse().unwrap(), cell(1).parse().unwrap());
        let ticket = builder.invoke(Invocation { process, call, function: *function, key, argument });
        match (cell(2), cell(2).strip_prefix('!')) {
            ("-", _) => {}
            (_, Some(failed)) => builder.complete(ticket, failed.parse().unwrap(), Outcome::Failed, Id::NONE),
            (ret, None) => builder.complete(ticket, ret.parse().unwrap(), Outcome::Ok, result),
        }
    }
    builder.finish()
}

fn value(values: &mut Values, json: &str) -> Id {
    if json == "-" { Id::NONE } else { intern(values, &serde_json::from_str(json).expect("JSON")) }
}

fn intern(values: &mut Values, json: &serde_json::Value) -> Id {
    let value = match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => Value::Int(number.as_i64().expect("an integer")),
        serde_json::Value::String(text) => Value::Text(text.as_str().into()),
        serde_json::Value::Array(list) => Value::List(list.iter().map(|json| intern(values, json)).collect()),
        serde_json::Value::Object(map) => {
            let key = |values: &mut Values, key: &str| match key.parse() {
                Ok(number) => values.int(number),
                Err(_) => values.text(key),
            };
            Value::Map(map.iter().map(|(name, json)| (key(values, name), intern(values, json))).collect())
        }
    };
    values.intern(value)
}

pub fn answer(name: &str, history: &History) -> Answer {
    answer_with(name, history, &Settings::default())
}

pub fn answer_with(name: &str, history: &History, settings: &Settings<'_>) -> Answer {
    let judge = JUDGES.iter().find(|judge| judge.name() == name).expect("a condition");
    judge.judge(&Recorded::Operations(history.clone()), settings).expect("operations that the condition knows")
}

/// The verdict on these lines and the rules that they break.
pub fn judged(name: &str, lines: &str) -> (Verdict, Vec<&'static str>) {
    let answer = answer(name, &history(lines));
    (answer.verdict, answer.violations.iter().map(|violation| violation.rule).collect())
}

pub fn holds(name: &str, lines: &str) {
    assert_eq!(judged(name, lines), (Verdict::Pass, vec![]), "{name} of {lines}");
}

pub fn breaks(name: &str, rules: &[&'static str], lines: &str) {
    assert_eq!(judged(name, lines), (Verdict::Fail, rules.to_vec()), "{name} of {lines}");
}

#[test]
fn names_are_different_and_say_what_they_require() {
    let registry = crate::verify::registry();
    let names: std::collections::HashSet<_> = registry.iter().map(|judge| judge.name()).collect();
    assert_eq!(names.len(), registry.len());
    assert!(JUDGES.iter().all(|judge| judge.about().len() > 20));
}

#[test]
fn nothing_observed_is_never_a_pass() {
    // These say only what reads must not show: without any they hold, as every history without reads is linearizable.
    let quiet = ["sequential", "read-your-writes", "monotonic-reads", "monotonic-writes", "comments", "counter-bounds"];
    for judge in JUDGES.iter().filter(|judge| !quiet.contains(&judge.name())) {
        let answer = judge.judge(&Recorded::Operations(History::default()), &Settings::default()).unwrap();
        assert_eq!(answer.verdict, Verdict::Unknown, "{}", judge.name());
        assert!(!answer.undecided.is_empty());
    }
}

#[test]
fn operations_of_other_objects_are_errors_that_name_them() {
    let history = history("3 5 6 acquire 1 -");
    for judge in JUDGES.iter().filter(|judge| judge.name() != "convergence") {
        let error = judge.judge(&Recorded::Operations(history.clone()), &Settings::default()).unwrap_err();
        assert!(error.contains("operation 0") && error.contains("acquire"), "{}: {error}", judge.name());
    }
}

#[test]
fn transactions_are_judged_by_other_judges() {
    let transactions = Recorded::Transactions(crate::transaction::Transactions::default());
    for judge in JUDGES.iter().filter(|judge| judge.name() != "long-fork") {
        let error = judge.judge(&transactions, &Settings::default()).unwrap_err();
        assert!(error.contains(judge.name()), "{error}");
    }
}

#[test]
fn keys_are_judged_alone() {
    let lines = "0 1 2 insert 1 - \"a\"\n0 3 4 insert 2 - \"b\"\n1 9 10 read - [1] \"a\"\n1 11 12 read - [2] \"b\"";
    holds("set-full", lines);
    let lost = answer("set-full", &history(&lines.replace("[2]", "[]")));
    assert_eq!(lost.violations.len(), 1);
    assert!(lost.violations[0].sentence.contains("the set \"b\""), "{}", lost.violations[0].sentence);
    assert!(lost.detail.starts_with("objects 2, additions 2, reads 2"), "{}", lost.detail);
}
