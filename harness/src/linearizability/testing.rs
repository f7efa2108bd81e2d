//! For tests: an oracle that tries every order, random histories, and histories of correct objects.

use crate::history::{Builder, Function, History, Id, Invocation, Operation, Outcome, Value, Values};
use crate::model::{Decoded, Model};
use proptest::prelude::*;

/// A value as tests write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// No value at all.
    None,
    /// `nil`.
    Nil,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
}

impl Word {
    /// A list of two integers, as compare-and-set takes it.
    pub fn pair(first: i64, second: i64) -> Self {
        Self::List(vec![Self::Int(first), Self::Int(second)])
    }

    /// Its id.
    pub fn intern(&self, values: &mut Values) -> Id {
        match self {
            Self::None => Id::NONE,
            Self::Nil => Id::NIL,
            Self::Bool(value) => values.intern(Value::Bool(*value)),
            Self::Int(number) => values.int(*number),
            Self::Text(text) => values.text(text),
            Self::List(words) => {
                let list = words.iter().map(|word| word.intern(values)).collect();
                values.intern(Value::List(list))
            }
        }
    }
}

/// An operation without its times: what it does, with what, and what came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it does.
    pub function: Function,
    /// With what.
    pub argument: Word,
    /// What came back, if it did.
    pub result: Word,
}

impl Draft {
    /// A draft.
    pub fn new(function: Function, argument: Word, result: Word) -> Self {
        Self { function, argument, result }
    }
}

/// When and how an operation happens, in small numbers so that there are many ties.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Which of four clients calls.
    pub client: u32,
    /// How long it waited after its last operation.
    pub gap: u64,
    /// How long the operation takes.
    pub length: u64,
    /// How far into the operation it takes effect, in eighths.
    pub point: u64,
    /// How it ends.
    pub outcome: Outcome,
}

/// Random timings; one operation in eight is never answered, one in sixteen fails.
pub fn timings() -> impl Strategy<Value = Timing> {
    (0u32..4, 0u64..4, 0u64..6, 0u64..8, 0u32..16).prop_map(|(client, gap, length, point, ending)| {
        let outcome = match ending {
            0 | 1 => Outcome::Unknown,
            2 => Outcome::Failed,
            _ => Outcome::Ok,
        };
        Timing { client, gap, length, point, outcome }
    })
}

/// Histories of at most `most` random operations, most of them illegal; a client whose operation is never answered goes
/// on as another process.
pub fn histories(drafts: impl Strategy<Value = Draft>, most: usize) -> impl Strategy<Value = History> {
    prop::collection::vec((drafts, timings()), 0..=most).prop_map(|operations| build(&operations))
}

/// Lays operations out in time.
pub fn build(operations: &[(Draft, Timing)]) -> History {
    let mut builder = Builder::default();
    for (draft, placed) in operations.iter().zip(schedule(operations.iter().map(|(_, timing)| *timing))) {
        let argument = draft.0.argument.intern(&mut builder.values);
        let result = draft.0.result.intern(&mut builder.values);
        add(&mut builder, &placed, draft.0.function, argument, result);
    }
    builder.finish()
}

/// The history of a correct object under a schedule: `object` performs each operation where it takes effect.
///
/// An operation that is never answered takes effect or not, by its timing.
pub fn run(calls: &[(Draft, Timing)], mut object: impl FnMut(Function, &Word) -> Word) -> History {
    let placed = schedule(calls.iter().map(|(_, timing)| *timing));
    let mut order: Vec<usize> = (0..calls.len()).collect();
    order.sort_by_key(|index| placed[*index].point);
    let mut results = vec![Word::None; calls.len()];
    for index in order {
        let (draft, timing) = &calls[index];
        let happens = match timing.outcome {
            Outcome::Ok => true,
            Outcome::Unknown => timing.point % 2 == 0,
            Outcome::Failed => false,
        };
        if happens {
            results[index] = object(draft.function, &draft.argument);
        }
    }
    let mut builder = Builder::default();
    for (index, placed) in placed.iter().enumerate() {
        let argument = calls[index].0.argument.intern(&mut builder.values);
        let result = results[index].intern(&mut builder.values);
        add(&mut builder, placed, calls[index].0.function, argument, result);
    }
    builder.finish()
}

/// An operation's place in time.
struct Placed {
    process: u32,
    call: u64,
    ret: u64,
    /// In eighths of a unit.
    point: u64,
    outcome: Outcome,
}

fn schedule(timings: impl Iterator<Item = Timing>) -> Vec<Placed> {
    let mut clients = [(0u32, 0u64), (1, 0), (2, 0), (3, 0)];
    let place = |timing: Timing| {
        let (process, free) = &mut clients[timing.client as usize % 4];
        let call = *free + timing.gap;
        let ret = call + timing.length;
        let placed = Placed {
            process: *process,
            call,
            ret,
            point: call * 8 + timing.length * timing.point,
            outcome: timing.outcome,
        };
        *free = ret + 1;
        if timing.outcome == Outcome::Unknown {
            *process += 4;
        }
        placed
    };
    timings.map(place).collect()
}

fn add(builder: &mut Builder, placed: &Placed, function: Function, argument: Id, result: Id) {
    let call = Invocation { process: placed.process, call: placed.call, function, key: Id::NONE, argument };
    let ticket = builder.invoke(call);
    builder.complete(ticket, placed.ret, placed.outcome, result);
}

/// Whether some order of all operations that returned, and some of those that did not, is legal: by trying all orders.
///
/// For at most eight operations or so.
pub fn brute_force<M: Model>(model: &M, history: &History) -> bool {
    extend(model, &decode(model, history), &model.initial())
}

/// An operation with what it is to a model, if that is anything.
type Decoding<M> = (Operation, Option<<M as Model>::Op>);

fn decode<M: Model>(model: &M, history: &History) -> Vec<Decoding<M>> {
    let decode = |index| match model.decode(history, index).expect("an operation that the model knows") {
        Decoded::Nothing => (history.get(index), None),
        Decoded::Pure(op) | Decoded::Effect(op) => (history.get(index), Some(op)),
    };
    history.effective().into_iter().map(decode).collect()
}

fn extend<M: Model>(model: &M, left: &[Decoding<M>], state: &M::State) -> bool {
    if left.iter().all(|(operation, _)| operation.outcome == Outcome::Unknown) {
        return true;
    }
    (0..left.len()).any(|next| {
        let (operation, op) = left[next];
        if left.iter().any(|(other, _)| other.precedes(&operation)) {
            return false;
        }
        let rest = [&left[..next], &left[next + 1..]].concat();
        match op {
            None => extend(model, &rest, state),
            Some(op) => model.step(state, op).is_some_and(|behind| extend(model, &rest, &behind)),
        }
    })
}

/// Asserts what [`Model`] demands: pure operations change no state in which they are legal, simplified ones allow as much
/// as they did, and a history that is legal stays so without any of its groups. For at most seven operations or so.
///
/// # Panics
/// Where the model breaks this.
pub fn laws<M: Model>(model: &M, history: &History) {
    pure_ones_change_nothing(model, history);
    let decoded = decode(model, history);
    let legal = extend(model, &decoded, &model.initial());
    let known: Vec<usize> = (0..decoded.len()).filter(|place| decoded[*place].1.is_some()).collect();
    let mut ops: Vec<M::Op> = decoded.iter().filter_map(|(_, op)| *op).collect();
    let groups = model.groups(&ops);
    assert_eq!(groups.len(), ops.len());
    for group in groups.iter().flatten().filter(|_| legal) {
        let stays = |place: &usize| known.iter().zip(&groups).all(|(other, of)| other != place || of != &Some(*group));
        let rest: Vec<_> = (0..decoded.len()).filter(stays).map(|place| decoded[place]).collect();
        assert!(extend(model, &rest, &model.initial()), "without group {group} of {ops:?}");
    }
    model.simplify(&mut ops);
    let mut simple = decoded;
    for (place, op) in known.into_iter().zip(&ops) {
        simple[place].1 = Some(*op);
    }
    assert_eq!(extend(model, &simple, &model.initial()), legal, "simplified to {ops:?}");
}

fn pure_ones_change_nothing<M: Model>(model: &M, history: &History) {
    let mut states = vec![model.initial()];
    for index in history.effective() {
        for place in 0..states.len().min(100) {
            match model.decode(history, index).expect("an operation that the model knows") {
                Decoded::Nothing => {}
                Decoded::Pure(op) => {
                    let behind = model.step(&states[place], op);
                    assert!(behind.is_none_or(|behind| behind == states[place]), "{op:?} changes {:?}", states[place]);
                }
                Decoded::Effect(op) => {
                    if let Some(behind) = model.step(&states[place], op).filter(|behind| !states.contains(behind)) {
                        states.push(behind);
                    }
                }
            }
        }
    }
}
