//! Properties of the judges of transactions: they agree with brute force on small histories, accept what correct stores
//! did, and their witnesses show by themselves what they are witnesses of.

use super::{
    LIST_APPEND, RW_REGISTER,
    anomalies::{self, Base, levels},
    graph::Scope,
    level::{ALL, implies},
    testing::{Op, Txn, build, judge, oracle, store},
};
use crate::{
    history::Outcome,
    verdict::Verdict,
    verify::{Judge, Level},
};
use proptest::{collection::vec, prelude::*};

/// Levels that the oracle knows. Repeatable read is serializability where items only are read.
const ORACLE: [Level; 9] = [
    Level::ReadAtomic,
    Level::Causal,
    Level::RepeatableRead,
    Level::SnapshotIsolation,
    Level::StrongSessionSnapshotIsolation,
    Level::StrongSnapshotIsolation,
    Level::Serializable,
    Level::StrongSessionSerializable,
    Level::StrictSerializable,
];

/// What a step is about, before values are chosen: key, whether it writes, and a number to choose by.
type Plan = (u32, bool, u32);
/// Process, gap before the call, length, outcome, steps.
type TxnPlan = (u32, u64, u64, u8, Vec<Plan>);

fn plans(most: usize) -> impl Strategy<Value = Vec<TxnPlan>> {
    let steps = vec((0..2u32, any::<bool>(), any::<u32>()), 1..4);
    vec((0..3u32, 0..12u64, 0..20u64, 0..12u8, steps), 1..=most)
}

fn outcome(number: u8) -> Outcome {
    match number {
        0 => Outcome::Failed,
        1 => Outcome::Unknown,
        _ => Outcome::Ok,
    }
}

/// Transactions with times: each process one after the other, processes beside each other. Steps are only planned.
fn timed(plans: &[TxnPlan]) -> Vec<(Txn, Vec<Plan>)> {
    let mut free = [0u64; 3];
    let mut list: Vec<(Txn, Vec<Plan>)> = plans
        .iter()
        .map(|(process, gap, length, kind, steps)| {
            let call = free[*process as usize] + gap;
            let ret = call + length;
            free[*process as usize] = ret + 1;
            (Txn { process: *process, call, ret, outcome: outcome(*kind), ops: Vec::new() }, steps.clone())
        })
        .collect();
    list.sort_by_key(|(txn, _)| txn.call);
    list
}

/// Registers: every write is of a new value, every read of any value of the key.
fn registers(plans: &[TxnPlan]) -> Vec<Txn> {
    let timed = timed(plans);
    let mut next = 0;
    let mut values: Vec<Vec<Option<u32>>> = vec![vec![None]; 2];
    let numbered: Vec<Vec<u32>> = timed
        .iter()
        .map(|(_, steps)| {
            let mut number = |(key, writes, _): &Plan| {
                next += 1;
                if *writes {
                    values[*key as usize].push(Some(next));
                }
                next
            };
            steps.iter().map(&mut number).collect()
        })
        .collect();
    let fill = |((mut txn, steps), numbers): ((Txn, Vec<Plan>), Vec<u32>)| {
        let mut own: Vec<Option<Option<u32>>> = vec![None; 2];
        for ((key, writes, choice), number) in steps.into_iter().zip(numbers) {
            let seen = &mut own[key as usize];
            let any = values[key as usize][choice as usize % values[key as usize].len()];
            // Mostly what the transaction itself did to the key, so that not everything fails for that.
            let read = seen.filter(|_| choice % 8 != 0).unwrap_or(any);
            *seen = Some(if writes { Some(number) } else { read });
            txn.ops.push(match writes {
                true => Op::Write(key, number),
                false if txn.outcome == Outcome::Ok => Op::Read(key, read),
                false => Op::Unread(key),
            });
        }
        txn
    };
    timed.into_iter().zip(numbered).map(fill).collect()
}

/// Lists: what is read is mostly a beginning of one order of all appends.
fn lists(plans: &[TxnPlan], shuffle: u64) -> Vec<Txn> {
    let timed = timed(plans);
    let mut next = 0;
    let mut orders: Vec<Vec<u32>> = vec![Vec::new(); 2];
    let mut numbered: Vec<Vec<u32>> = Vec::new();
    for (txn, steps) in &timed {
        let mut numbers = Vec::new();
        for (key, appends, choice) in steps {
            next += 1;
            numbers.push(next);
            if *appends && (txn.outcome != Outcome::Failed || *choice % 16 == 0) {
                let order = &mut orders[*key as usize];
                let back = (shuffle >> (next % 32)) as usize & 1;
                order.insert(order.len() - back.min(order.len()), next);
            }
        }
        numbered.push(numbers);
    }
    let fill = |((mut txn, steps), numbers): ((Txn, Vec<Plan>), Vec<u32>)| {
        let mut own: Vec<Option<Vec<u32>>> = vec![None; 2];
        for ((key, appends, choice), number) in steps.into_iter().zip(numbers) {
            let order = &orders[key as usize];
            if appends {
                txn.ops.push(Op::Append(key, number));
                let at = order.iter().position(|value| *value == number).unwrap_or(order.len());
                let list = own[key as usize].get_or_insert_with(|| order[..at].to_vec());
                list.push(number);
            } else if txn.outcome == Outcome::Ok {
                let any = || order[..choice as usize % (order.len() + 1)].to_vec();
                let mut list = own[key as usize].clone().filter(|_| choice % 8 != 0).unwrap_or_else(any);
                if choice % 64 == 1 && list.len() > 1 {
                    list.swap(0, 1);
                }
                own[key as usize] = Some(list.clone());
                txn.ops.push(Op::List(key, list));
            }
        }
        txn
    };
    timed.into_iter().zip(numbered).map(fill).collect()
}

/// Nothing is said without reason, in either direction, and everything is said at this size.
fn agree(of: &dyn Judge, list: &[Txn], lists: bool) -> Result<(), TestCaseError> {
    let t = build(list, true);
    for level in ORACLE {
        let answer = judge(of, &t, level);
        let orders =
            answer.levels.iter().flat_map(|levels| &levels.weakest).any(|weak| implies(Level::ReadCommitted, *weak));
        // Lists at weak levels are Adya's: reads that fit no order of appends are not told apart any further.
        if lists && orders && !implies(level, Level::SnapshotIsolation) {
            prop_assert_eq!(answer.verdict, Verdict::Fail);
            continue;
        }
        let expected = if oracle::holds(list, level) { Verdict::Pass } else { Verdict::Fail };
        prop_assert_eq!(answer.verdict, expected, "{:?}: {:#?} {:?}", level, answer.violations, answer.undecided);
        prop_assert_eq!(answer.violations.is_empty(), expected == Verdict::Pass);
    }
    Ok(())
}

/// The weakest levels that a cycle of this name violates.
fn levels_of(rule: &str) -> Option<&'static [Level]> {
    let bases = [Base::G0, Base::G1c, Base::GSingle, Base::GNonadjacent, Base::G2Item];
    let all = bases.into_iter().flat_map(|base| Scope::ALL.into_iter().map(move |scope| (base, scope)));
    all.into_iter()
        .find(|(base, scope)| anomalies::rule(*base, *scope) == rule)
        .map(|(base, scope)| levels(base, scope))
}

/// The witness of each violation, judged alone, shows a violation of the same kind; or, of cycles, of the same levels: a
/// part may hold a worse one beside it.
fn witnesses_stand_alone(of: &dyn Judge, list: &[Txn]) -> Result<(), TestCaseError> {
    let level = Level::StrictSerializable;
    let violations = judge(of, &build(list, true), level).violations;
    // Where reads contradict each other, who is left may contradict them in another way.
    let torn = ["internal", "future-read", "incompatible-order", "duplicate-elements", "garbage-read"];
    let is_torn = violations.iter().any(|violation| torn.contains(&violation.rule));
    for violation in violations {
        prop_assert!(violation.witness.is_sorted() && !violation.witness.is_empty());
        if is_torn && !torn.contains(&violation.rule) {
            continue;
        }
        let mut part: Vec<Txn> = violation.witness.iter().map(|index| list[*index as usize].clone()).collect();
        // These are about what was read itself, not about who wrote it.
        if !["garbage-read", "internal"].contains(&violation.rule) {
            forget_writers(&mut part);
        }
        let again = judge(of, &build(&part, true), level);
        let rules: Vec<&str> = again.violations.iter().map(|violation| violation.rule).collect();
        let standing =
            again.levels.iter().flat_map(|levels| levels.weakest.iter().chain(&levels.also)).collect::<Vec<_>>();
        let same_levels =
            levels_of(violation.rule).is_some_and(|all| all.iter().all(|level| standing.contains(&level)));
        prop_assert!(
            rules.contains(&violation.rule) || same_levels,
            "{:?}\n{:?}\nis {:?} of {:?}",
            violation,
            part,
            rules,
            list
        );
    }
    Ok(())
}

/// Registers: who wrote what was read is not among these, so nothing is known of that read.
fn forget_writers(part: &mut [Txn]) {
    let written: Vec<(u32, u32)> = part
        .iter()
        .flat_map(|txn| &txn.ops)
        .filter_map(|op| if let Op::Write(key, value) = op { Some((*key, *value)) } else { None })
        .collect();
    for op in part.iter_mut().flat_map(|txn| &mut txn.ops) {
        if let Op::Read(key, Some(value)) = *op
            && !written.contains(&(key, value))
        {
            *op = Op::Unread(key);
        }
    }
}

/// At every level that is not stronger than this one.
fn accepted(of: &dyn Judge, list: &[Txn], strongest: Level) -> Result<(), TestCaseError> {
    let t = build(list, true);
    for level in ALL.into_iter().filter(|level| implies(strongest, *level)) {
        let answer = judge(of, &t, level);
        prop_assert_eq!(answer.verdict, Verdict::Pass, "{:?}: {:#?} {:?}", level, answer.violations, answer.undecided);
    }
    Ok(())
}

proptest! {
    #[test]
    fn registers_agree_with_brute_force(plans in plans(4)) {
        agree(&RW_REGISTER, &registers(&plans), false)?;
    }

    #[test]
    fn lists_agree_with_brute_force(plans in plans(4), shuffle: u64) {
        agree(&LIST_APPEND, &lists(&plans, shuffle & (shuffle >> 7)), true)?;
    }

    #[test]
    fn witnesses_of_registers_stand_alone(plans in plans(7)) {
        witnesses_stand_alone(&RW_REGISTER, &registers(&plans))?;
    }

    #[test]
    fn witnesses_of_lists_stand_alone(plans in plans(7), shuffle: u64) {
        witnesses_stand_alone(&LIST_APPEND, &lists(&plans, shuffle))?;
    }

    #[test]
    fn what_a_serial_store_did_is_accepted_at_every_level(seeds in vec(any::<u64>(), 1..40), lists: bool) {
        let list = store::serial(&seeds, lists);
        let of: &dyn Judge = if lists { &LIST_APPEND } else { &RW_REGISTER };
        accepted(of, &list, Level::StrictSerializable)?;
    }

    #[test]
    fn what_a_store_of_snapshots_did_is_snapshot_isolated(seeds in vec(any::<u64>(), 1..60), lists: bool) {
        let list = store::snapshots(&seeds, lists);
        let of: &dyn Judge = if lists { &LIST_APPEND } else { &RW_REGISTER };
        accepted(of, &list, Level::StrongSnapshotIsolation)?;
    }
}
