//! `linearizable`: some order of the operations on each object explains every answer, crashes included.

use super::{
    Checker, Judgement, View,
    evidence::{Figure, finding, share},
};
use crate::{
    calls::Call,
    explanation::{Explanation, explain},
    history::{
        Builder, Function, History, Id, Invocation, Operation, Outcome, PENDING, Value,
        format::{Shape, calls},
    },
    jobs::{self, Action},
    oracle::Vocabulary,
    text::excerpt,
    verdict::Finding,
    verify::{self, Answer, Recorded, Settings},
};
use std::collections::HashSet;

/// The check.
pub struct Linearizable;

const ABOUT: &str = "each operation takes effect at one moment between its request and its answer, so that some order of \
                     them explains all that clients were told";

impl Checker for Linearizable {
    fn name(&self) -> &'static str {
        "linearizable"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        if !matches!(view.vocabulary, Vocabulary::Objects | Vocabulary::Jobs) {
            return super::well_formed::not_applicable(self.name());
        }
        if !view.work().any(Call::is_ok) {
            return super::nothing_answered(view, ABOUT, "answered operations");
        }
        let history = match calls::recorded(&view.case.history, Shape::default()) {
            Ok(Recorded::Operations(history)) => history,
            Ok(Recorded::Transactions(_)) => return super::well_formed::not_applicable(self.name()),
            Err(why) => return Judgement::unknown(format!("the record cannot be judged: {why}")),
        };
        let of_lengths = super::appended::wrong(view, ABOUT);
        let mut findings: Vec<Finding> = no_number(view, &history).into_iter().chain(of_lengths).collect();
        let mut open = Vec::new();
        let settings = Settings { lease: time_to_run(view), ..Settings::default() };
        let objects = match view.vocabulary {
            Vocabulary::Jobs => vec![("job-queue", history.clone())],
            _ => objects(&history).into(),
        };
        for (model, part) in objects {
            let operations = part.len();
            let recorded = Recorded::Operations(part);
            match judge(model, &recorded, &settings) {
                Ok(answer) => {
                    let told = answer.violations.iter().map(|violation| explain(&recorded, violation));
                    findings.extend(told.map(|told| describe(view, &recorded, &told, operations)));
                    open.extend(answer.undecided);
                }
                Err(why) => open.push(why),
            }
        }
        conclude(findings, open, history.len())
    }
}

/// The keys that are counted on.
fn counters(history: &History) -> HashSet<Id> {
    history.iter().filter(|op| op.function == Function::Increment).map(|op| op.key).collect()
}

/// The finding for a counter that was read and is no number; nothing at all is 0.
fn no_number(view: &View<'_>, history: &History) -> Option<Finding> {
    let counters = counters(history);
    let is_wrong = |index: &u32| {
        let op = history.get(*index);
        let number = matches!(history.values.get(op.result), Some(Value::Int(_) | Value::Nil));
        op.function == Function::Read && op.outcome == Outcome::Ok && counters.contains(&op.key) && !number
    };
    let wrong = (0..history.len() as u32).find(is_wrong)?;
    let read = call(view, history, wrong)?;
    let actual = format!("{} was read, which is no number", excerpt(read.reply.as_deref().unwrap_or(""), 60));
    let mut finding = finding("not-linearizable", ABOUT, "a number, which was only added to".into(), actual);
    let mut figure = Figure::of(view);
    figure.operation(read, excerpt(&read.request, 48), read.reply.as_deref().map(|it| excerpt(it, 48)), true);
    finding.evidence = figure.finish(share(1, history.len(), "operation"));
    Some(finding)
}

/// The operations on counters, of which nothing at all is read as 0 and what is no number is left out.
fn counted(history: &History, operations: &[u32]) -> History {
    let mut builder = Builder::new(history.clock);
    (builder.values, builder.process_names) = (history.values.clone(), history.process_names.clone());
    let zero = builder.values.int(0);
    for index in operations {
        let op = history.get(*index);
        let result = match (op.function, history.values.get(op.result)) {
            (Function::Read, Some(Value::Nil)) => zero,
            (Function::Read, Some(Value::Int(_)) | None) | (Function::Increment, _) => op.result,
            _ => continue,
        };
        let Operation { process, call, function, key, argument, .. } = op;
        let ticket = builder.invoke(Invocation { process, call, function, key, argument });
        builder.complete(ticket, op.ret, op.outcome, result);
    }
    builder.finish()
}

fn judge(model: &str, recorded: &Recorded, settings: &Settings<'_>) -> Result<Answer, String> {
    let judge = verify::find(model).ok_or_else(|| format!("there is no model called `{model}`"))?;
    judge.judge(recorded, settings)
}

/// For how long a job is its client's, where there are jobs: the shortest time to run of all.
fn time_to_run(view: &View<'_>) -> Option<u64> {
    let Vocabulary::Jobs = view.vocabulary else { return None };
    let calls = jobs::read(&view.case.history.operations).ok()?;
    calls.iter().filter(|call| call.action == Action::Put).map(|call| call.ttr).min()
}

/// The history in two: keys that are counted on, and all others.
fn objects(history: &History) -> [(&'static str, History); 2] {
    let counters = counters(history);
    let is_counted = |index: &u32| counters.contains(&history.get(*index).key);
    let (of_counters, others): (Vec<u32>, Vec<u32>) = (0..history.len() as u32).partition(is_counted);
    [("counter", counted(history, &of_counters)), ("kv", history.part(&others, PENDING))]
}

fn conclude(mut findings: Vec<Finding>, open: Vec<String>, operations: usize) -> Judgement {
    if findings.is_empty() {
        return match open.first() {
            Some(why) => Judgement::unknown(why.clone()),
            None => Judgement::pass(format!("{operations} operations, all explained by one order")),
        };
    }
    let count = findings.len();
    let mut first = findings.swap_remove(0);
    first.count = count as u64;
    let detail = format!("{count} object{} whose operations no order explains", if count == 1 { "" } else { "s" });
    Judgement::fail(detail, first)
}

/// The finding with the smallest part of the history that shows it, and the orders that were tried.
fn describe(view: &View<'_>, recorded: &Recorded, told: &Explanation, operations: usize) -> Finding {
    let expected = "one order of these operations that explains every answer".to_owned();
    let mut finding = finding("not-linearizable", ABOUT, expected, told.sentence.clone());
    let Recorded::Operations(history) = recorded else { return finding };
    let mut figure = Figure::of(view);
    for bar in &told.diagram.bars {
        if let Some(call) = call(view, history, bar.index) {
            let (request, reply) = bar.label.split_once(" → ").unwrap_or((&bar.label, "ok"));
            let request = asked(call).unwrap_or_else(|| request.to_owned());
            let key = ["key", "tube"]
                .iter()
                .find_map(|name| super::field_of(&call.request, name))
                .map(|key| excerpt(&key.to_string(), 24))
                .unwrap_or_default();
            let reply = call.returned.map(|_| format!("→ {}", excerpt(reply, 48)));
            figure.operation(call, format!("{key} {}", excerpt(&request, 40)), reply, bar.highlight);
        }
    }
    let shown = told.diagram.bars.len();
    finding.evidence = figure.finish(share(shown, operations, "operation"));
    finding
}

/// What a client asked, where the model has another word for it than the client has.
fn asked(call: &Call) -> Option<String> {
    let function = &*call.function;
    let field = match function {
        "create" | "swap" | "write_both" => "value",
        "read_half" => "half",
        "read_both" => return Some(function.to_owned()),
        _ => return None,
    };
    super::field_of(&call.request, field).map(|value| format!("{function} {value}"))
}

/// The call that an operation of the history was.
fn call<'a>(view: &View<'a>, history: &History, index: u32) -> Option<&'a Call> {
    let op = history.get(index);
    let client = history.process_name(op.process);
    view.case.history.operations.iter().find(|call| call.invoked.0 == op.call && format!("c{}", call.client) == client)
}
