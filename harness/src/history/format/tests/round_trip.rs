//! What is written is read again as what it was.

use super::*;
use crate::{
    history::{Builder, Function, Id, Invocation, Value, Values},
    transaction::{Action, Step},
};
use proptest::{collection::vec, prelude::*};

/// A value before it is interned.
#[derive(Debug, Clone)]
enum Tree {
    Scalar(Value),
    List(Vec<Tree>),
    Map(Vec<(Value, Tree)>),
}

impl Tree {
    fn intern(&self, values: &mut Values) -> Id {
        match self {
            Self::Scalar(value) => values.intern(value.clone()),
            Self::List(list) => {
                let list = list.iter().map(|tree| tree.intern(values)).collect();
                values.intern(Value::List(list))
            }
            Self::Map(pairs) => {
                let pairs = pairs.iter().map(|(key, tree)| (values.intern(key.clone()), tree.intern(values))).collect();
                values.intern(Value::Map(pairs))
            }
        }
    }
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Nil),
        any::<i64>().prop_map(Value::Int),
        (0..9i64).prop_map(Value::Int),
        "-?[1-9][0-9]{19,25}|-?(0|[1-9][0-9]{0,3})\\.[0-9]{1,4}(e[+-][1-9][0-9]?)?"
            .prop_map(|digits| Value::Number(digits.into())),
        "[a-z0-9\"\\\\\t\n\r é;#:{}\\[\\],-]{0,5}".prop_map(|text| Value::Text(text.into())),
        prop::sample::select(vec!["nil", "null", "true", "7", "-0", "1.5", "\"7\""])
            .prop_map(|text| Value::Text(text.into())),
    ]
}

/// Values that are no truth values and no `nil`, which in EDN say more than what they are.
fn values() -> impl Strategy<Value = Tree> {
    let leaf = scalars().prop_map(Tree::Scalar);
    let tree = leaf.prop_recursive(3, 12, 4, |inner| {
        let pairs = prop::collection::btree_map("[a-c]{1,2}|[0-9]{1,2}|true", inner.clone(), 0..3);
        prop_oneof![
            vec(inner, 0..4).prop_map(Tree::List),
            pairs.prop_map(|pairs| {
                Tree::Map(pairs.into_iter().map(|(key, value)| (Value::Text(key.into()), value)).collect())
            }),
        ]
    });
    tree.prop_map(|tree| match tree {
        Tree::Scalar(Value::Nil) => Tree::List(Vec::new()),
        tree => tree,
    })
}

/// A function with whether it has an argument and a result.
const FUNCTIONS: [(Function, bool, bool); 9] = [
    (Function::Read, false, true),
    (Function::Write, true, false),
    (Function::Append, true, false),
    (Function::Dequeue, false, true),
    (Function::Acquire, false, true),
    (Function::Acquire, true, false),
    (Function::ReadModifyWrite, true, true),
    (Function::Generate, false, true),
    (Function::Transfer, true, false),
];

#[derive(Debug, Clone)]
struct Plan {
    process: u32,
    call: u64,
    lasts: u64,
    outcome: Outcome,
    function: usize,
    key: Option<Tree>,
    argument: Tree,
    result: Tree,
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let outcome = prop::sample::select(vec![Outcome::Ok, Outcome::Ok, Outcome::Failed, Outcome::Unknown]);
    let plan =
        (0..4u32, 0..30u64, 0..8u64, outcome, 0..FUNCTIONS.len(), prop::option::of(values()), values(), values());
    vec(
        plan.prop_map(|(process, call, lasts, outcome, function, key, argument, result)| Plan {
            process,
            call,
            lasts,
            outcome,
            function,
            key,
            argument,
            result,
        }),
        0..12,
    )
}

fn build(plans: &[Plan]) -> History {
    let mut builder = Builder::new(Clock::Nanoseconds);
    for plan in plans {
        let (function, takes, gives) = FUNCTIONS[plan.function];
        let mut id = |tree: &Tree| tree.intern(&mut builder.values);
        let key = plan.key.as_ref().map_or(Id::NONE, &mut id);
        let argument = if takes { id(&plan.argument) } else { Id::NONE };
        let result = if gives { id(&plan.result) } else { Id::NONE };
        let ticket = builder.invoke(Invocation { process: plan.process, call: plan.call, function, key, argument });
        builder.complete(ticket, plan.call + plan.lasts, plan.outcome, result);
    }
    builder.finish()
}

fn reread(bytes: &str, format: &str, shape: Shape) -> Recorded {
    read(bytes.as_bytes(), Some(format), shape).unwrap_or_else(|error| panic!("{error}\n{bytes}"))
}

/// An operation in words that leave nothing out.
fn words(history: &History, index: u32) -> String {
    let op = history.get(index);
    let show = |id: Id| if id.is_some() { history.values.show(id).to_string() } else { "-".to_owned() };
    format!("{} {:?} {} {} {}", op.function, op.outcome, show(op.key), show(op.argument), show(op.result))
}

proptest! {
    #[test]
    fn our_own_format_keeps_everything(plans in plans()) {
        let history = build(&plans);
        let text = text::write(&history);
        let Recorded::Operations(read) = reread(&text, "history", Shape::default()) else { panic!("{text}") };
        prop_assert_eq!(text::write(&read), text);
        prop_assert_eq!(read.len(), history.len());
        for index in 0..history.len() as u32 {
            let (a, b) = (history.get(index), read.get(index));
            prop_assert_eq!(words(&history, index), words(&read, index));
            prop_assert_eq!((a.call, a.ret), (b.call, b.ret));
            prop_assert_eq!(history.process_name(a.process), read.process_name(b.process));
        }
    }

    #[test]
    fn edn_keeps_operations_and_which_came_before_which(plans in plans()) {
        let history = build(&plans);
        let text = write::edn(&history);
        let shape = Shape { events: Some(Events::Operations), keyed: Some(false), add: Some(Add::Set) };
        let Recorded::Operations(read) = reread(&text, "edn", shape) else { panic!("{text}") };
        prop_assert_eq!(read.len(), history.len());
        for a in 0..history.len() as u32 {
            prop_assert_eq!(words(&history, a), words(&read, a), "{}", text);
            for b in 0..history.len() as u32 {
                let before = history.get(a).precedes(&history.get(b));
                prop_assert_eq!(before, read.get(a).precedes(&read.get(b)), "{} {} {}", a, b, text);
                // One after the other in a process, unless they were open together.
                if before && history.get(a).process == history.get(b).process {
                    prop_assert!(read.get(a).precedes(&read.get(b)));
                }
            }
        }
    }
}

/// A step of a transaction: what it does, key, value and the list it read.
type Micro = (u8, u8, Tree, Vec<u8>);

fn build_transactions(plans: &[(Plan, Vec<Micro>)], lists: bool) -> Transactions {
    let mut transactions = Transactions { realtime: true, clock: Clock::Order, ..Transactions::default() };
    let mut plans: Vec<_> = plans.iter().collect();
    plans.sort_by_key(|(plan, _)| plan.call);
    for (plan, steps) in plans {
        let ret = if plan.outcome == Outcome::Unknown { PENDING } else { plan.call + plan.lasts };
        transactions.push(plan.process, plan.call, ret, plan.outcome);
        let known = plan.outcome == Outcome::Ok;
        for (kind, key, value, list) in steps {
            let key = Id::small(u32::from(*key)).unwrap();
            let list: Vec<Id> = list.iter().map(|element| Id::small(u32::from(*element)).unwrap()).collect();
            let value = value.intern(&mut transactions.values);
            match (kind, lists) {
                (0, true) => transactions.step(Step { action: Action::Append, key, value }),
                (0, false) => transactions.step(Step { action: Action::Write, key, value }),
                (_, true) => transactions.read_list(key, known.then_some(&list)),
                (_, false) => {
                    let value = if known { value } else { Id::NONE };
                    transactions.step(Step { action: Action::Read, key, value });
                }
            }
        }
    }
    let names = 4;
    transactions.process_names = (0..names).map(|number| format!("process {number}").into()).collect();
    transactions
}

fn transaction_plans() -> impl Strategy<Value = Vec<(Plan, Vec<Micro>)>> {
    let micros = vec((0..2u8, 0..4u8, values(), vec(0..9u8, 0..4)), 0..4);
    (plans(), vec(micros, 12)).prop_map(|(plans, micros)| plans.into_iter().zip(micros).collect())
}

proptest! {
    #[test]
    fn transactions_come_back_from_edn_and_from_our_own_format(plans in transaction_plans(), lists in any::<bool>()) {
        let transactions = build_transactions(&plans, lists);
        let events = if lists { Events::ListAppend } else { Events::RwRegister };
        let shape = Shape { events: Some(events), ..Shape::default() };
        let without_process = |transactions: &Transactions| -> Vec<String> {
            let shown = shown_transactions(transactions);
            shown.iter().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect()
        };

        let text = write::edn_transactions(&transactions);
        let Recorded::Transactions(read) = reread(&text, "edn", shape) else { panic!("{text}") };
        prop_assert_eq!(without_process(&transactions), without_process(&read), "{}", text);
        prop_assert_eq!(&transactions.outcome, &read.outcome);
        for a in 0..transactions.len() {
            for b in 0..transactions.len() {
                let before = transactions.ret[a] < transactions.call[b];
                prop_assert_eq!(before, read.ret[a] < read.call[b], "{} {} {}", a, b, text);
            }
        }

        if !transactions.is_empty() {
            let text = text::write_transactions(&transactions);
            let Recorded::Transactions(read) = reread(&text, "history", shape) else { panic!("{text}") };
            prop_assert_eq!(shown_transactions(&transactions), shown_transactions(&read), "{}", text);
            prop_assert_eq!((&transactions.call, &transactions.ret), (&read.call, &read.ret));
        }
    }
}
