//! Judging a history key by key: monitors first, then the search.

use super::object::{Object, Setup};
use super::parts::{by_key, each};
use super::search::{self, Decided, Found};
use super::{Monitor, orders, words};
use crate::history::{History, Id, Value, Values};
use crate::model::Refusal;
use crate::verify::{Answer, Judged, Settings, Violation};
use std::sync::atomic::{AtomicU64, Ordering};

/// Violations that the search found and that are shrunk and explained; further keys only say that they are illegal.
const EXPLAINED: usize = 32;

/// Judges every key of a history. The answer does not depend on the number of threads.
///
/// The keys that no monitor decides share the budget evenly, and what some of them leave of it goes to those that need
/// more.
///
/// # Errors
/// Names the first operation that the model does not know, or says what is wrong with the initial value.
pub fn judge<M: Refusal>(object: &Object<M>, history: &History, settings: &Settings<'_>) -> Result<Answer, String> {
    let setup = Setup {
        initial: settings.initial.map(|json| initial(&history.values, json)).transpose()?,
        number: settings.initial.and_then(|json| json.trim().parse().ok()),
        lease: settings.lease,
        budget: settings.budget,
    };
    let parts = if object.keyed { by_key(history) } else { vec![history.effective()] };
    let progress = Progress { tell: settings.progress, done: AtomicU64::new(0), total: history.len() as u64 };
    let monitors = (object.monitors)(setup);
    let mut tally = Tally::new(parts.len());
    let all: Vec<usize> = (0..parts.len()).collect();
    let asked = each(&all, settings.threads, |part| {
        let (judged, method) = ask(&monitors, history, &parts[part]);
        if !matches!(judged, Judged::NotCovered(_)) {
            progress.add(parts[part].len());
        }
        (judged, method)
    });
    let open: Vec<usize> = all.into_iter().zip(asked).filter_map(|(part, asked)| tally.take(part, asked)).collect();
    if !open.is_empty() {
        let model = (object.model)(history, setup);
        search_all(&model, history, &parts, open, settings, &progress, &mut tally)?;
    }
    orders::complete(object, setup, history, tally.violations.iter_mut().map(|(_, violation)| violation));
    (settings.progress)(progress.total, progress.total);
    Ok(tally.answer(history, &parts))
}

/// Asks one monitor after the other.
fn ask(monitors: &[Box<dyn Monitor>], history: &History, operations: &[u32]) -> (Judged, &'static str) {
    for monitor in monitors {
        match monitor.check(history, operations) {
            Judged::NotCovered(_) | Judged::Undecided(_) => {}
            judged => return (judged, monitor.method()),
        }
    }
    (Judged::NotCovered("no monitor covers it"), "")
}

/// Searches the keys that are open, again with more where some leave budget to others.
fn search_all<M: Refusal>(
    model: &M,
    history: &History,
    parts: &[Vec<u32>],
    mut open: Vec<usize>,
    settings: &Settings<'_>,
    progress: &Progress<'_>,
    tally: &mut Tally,
) -> Result<(), String> {
    tally.method("search");
    let (mut left, mut tried) = (settings.budget, 0);
    let mut illegal: Vec<(usize, u32, u64)> = Vec::new();
    loop {
        let share = left / open.len() as u64;
        if tried > 0 && share < tried * 2 {
            break;
        }
        tried = share;
        let decided = each(&open, settings.threads, |part| {
            let tell = |placed| progress.so_far(placed);
            let decided = search::decide(model, history, &parts[part], share, &tell);
            if decided.as_ref().is_ok_and(|decided| !matches!(decided.found, Found::Exhausted { .. })) {
                progress.add(parts[part].len());
            }
            decided
        });
        let mut undecided = Vec::new();
        for (part, decided) in open.into_iter().zip(decided) {
            let Decided { found, visited } = decided?;
            left -= visited.min(left);
            tally.visited += visited;
            match found {
                Found::Legal => {}
                Found::Illegal { stuck } => illegal.push((part, stuck, visited)),
                Found::Exhausted { placed, operations } => {
                    undecided.push((part, Decided::exhausted(placed, operations, visited)));
                }
            }
        }
        open = undecided.iter().map(|(part, _)| *part).collect();
        tally.undecided = undecided;
        if open.is_empty() {
            break;
        }
    }
    illegal.sort_unstable();
    let (explained, others) = illegal.split_at(illegal.len().min(EXPLAINED));
    let violations = each(explained, settings.threads, |(part, stuck, visited)| {
        search::explain(model, history, &parts[part], stuck, visited)
    });
    for ((part, ..), violation) in explained.iter().zip(violations) {
        tally.violations.push((*part, violation?));
    }
    tally.violations.extend(others.iter().map(|(part, stuck, _)| (*part, unexplained(history, &parts[*part], *stuck))));
    Ok(())
}

/// A violation that is not shrunk: everything up to the return that cannot be explained.
fn unexplained(history: &History, operations: &[u32], stuck: u32) -> Violation {
    let end = history.get(stuck).ret;
    let called = operations.partition_point(|index| history.get(*index).call <= end);
    let sentence = format!(
        "{} {} cannot be explained, in whatever order the operations before it took effect",
        words::named(history, stuck),
        words::between(history, stuck)
    );
    Violation { rule: "not-linearizable", sentence, witness: operations[..called].to_vec(), ..Violation::default() }
}

/// How far the judging is.
struct Progress<'a> {
    tell: &'a (dyn Fn(u64, u64) + Sync),
    done: AtomicU64,
    total: u64,
}

impl Progress<'_> {
    fn add(&self, operations: usize) {
        let done = self.done.fetch_add(operations as u64, Ordering::Relaxed) + operations as u64;
        (self.tell)(done, self.total);
    }

    /// Tells of a part that is not done yet.
    fn so_far(&self, operations: u64) {
        (self.tell)(self.done.load(Ordering::Relaxed) + operations, self.total);
    }
}

/// What is known about all keys.
struct Tally {
    keys: usize,
    methods: Vec<&'static str>,
    visited: u64,
    violations: Vec<(usize, Violation)>,
    undecided: Vec<(usize, String)>,
}

impl Tally {
    fn new(keys: usize) -> Self {
        Self { keys, methods: Vec::new(), visited: 0, violations: Vec::new(), undecided: Vec::new() }
    }

    fn method(&mut self, method: &'static str) {
        if !self.methods.contains(&method) {
            self.methods.push(method);
        }
    }

    /// Takes what the monitors said of a part; gives the part back if that was nothing.
    fn take(&mut self, part: usize, (judged, method): (Judged, &'static str)) -> Option<usize> {
        match judged {
            Judged::NotCovered(_) | Judged::Undecided(_) => return Some(part),
            Judged::Legal => {}
            Judged::Illegal(violation) => self.violations.push((part, *violation)),
        }
        self.method(method);
        None
    }

    fn answer(mut self, history: &History, parts: &[Vec<u32>]) -> Answer {
        let operations: usize = parts.iter().map(Vec::len).sum();
        let mut detail = words::count(operations, "operation");
        if self.keys > 1 {
            detail = detail + " on " + &words::count(self.keys, "key");
        }
        if !self.methods.is_empty() {
            detail = detail + "; " + &self.methods.join(", ");
        }
        if self.visited > 0 {
            detail += &format!(" ({})", words::count(self.visited as usize, "configuration"));
        }
        self.violations.sort_by_key(|(part, violation)| (violation.witness.len(), *part));
        self.undecided.sort_unstable();
        let key = |part: usize| parts[part].first().map_or(Id::NONE, |index| history.get(*index).key);
        let name = |(part, why): (usize, String)| match key(part) {
            key if key.is_some() => format!("key {}: {why}", words::value(history, key)),
            _ => why,
        };
        let violations = self.violations.into_iter().map(|(_, violation)| violation).collect();
        Answer::new(detail, violations, self.undecided.into_iter().map(name).collect())
    }
}

/// The id of an initial value that was given as JSON; [`Id::NONE`] where the history has no such value.
pub(crate) fn initial(values: &Values, json: &str) -> Result<Id, String> {
    let value: serde_json::Value =
        serde_json::from_str(json).map_err(|error| format!("the initial value is not JSON: {error}"))?;
    find(values, &value)
        .map(|id| id.unwrap_or(Id::NONE))
        .ok_or_else(|| "the initial value cannot be an object".to_owned())
}

/// None for a JSON object, or a list with one in it.
fn find(values: &Values, json: &serde_json::Value) -> Option<Option<Id>> {
    let value = match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Number(number.to_string().into()),
        },
        serde_json::Value::String(text) => Value::Text(text.as_str().into()),
        serde_json::Value::Array(list) => {
            let ids: Option<Vec<Option<Id>>> = list.iter().map(|json| find(values, json)).collect();
            match ids?.into_iter().collect::<Option<Box<[Id]>>>() {
                Some(ids) => Value::List(ids),
                None => return Some(None),
            }
        }
        serde_json::Value::Object(_) => return None,
    };
    Some(values.find(&value))
}
