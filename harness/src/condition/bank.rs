//! `bank`: money moves between accounts and is neither made nor destroyed.
//!
//! Jepsen's `bank` checker: every read of all accounts adds up to the same total, holds the same accounts, and no balance
//! is negative unless that is allowed. O(length of all reads). The total is given (`initial`, an integer) or that of the
//! first read, and the accounts are those of the first read; so a history whose first read is wrong blames the others. It
//! does not compare reads with the transfers: a transfer that was acknowledged and lost keeps the total.

use super::{Found, Initial, Part, Scope, judge_parts, violation, words};
use crate::{
    history::{Function, Id, Outcome},
    verify::{Answer, Judge, Recorded, Settings, Violation},
};
use std::collections::HashSet;

/// The condition.
pub(super) struct Bank {
    /// Whether balances may be negative.
    overdrawn: bool,
}

pub(super) const BANK: Bank = Bank { overdrawn: false };
pub(super) const BANK_OVERDRAWN: Bank = Bank { overdrawn: true };

impl Judge for Bank {
    fn name(&self) -> &'static str {
        if self.overdrawn { "bank-overdrawn" } else { "bank" }
    }
    fn about(&self) -> &'static str {
        match self.overdrawn {
            true => "all accounts together always hold the same amount; single balances may be negative",
            false => "all accounts together always hold the same amount, and no balance is negative",
        }
    }
    fn initial(&self) -> Initial {
        Initial::Integer
    }
    fn judge(&self, recorded: &Recorded, settings: &Settings<'_>) -> Result<Answer, String> {
        judge_parts(self.name(), Scope::Object, recorded, settings, |part| judge(part, self.overdrawn))
    }
}

/// One read: each account's balance; none where it is no integer.
type Balances = Vec<(Id, Option<i64>)>;

const RULES: [&str; 4] = ["unexpected-account", "missing-balance", "wrong-total", "negative-balance"];

fn judge(part: Part<'_>, overdrawn: bool) -> Result<Found, String> {
    let reads = reads(&part)?;
    let given = match part.settings.initial {
        None => None,
        Some(text) => Some(text.trim().parse::<i128>().map_err(|_| {
            format!("the total of a bank is an integer, and `{}` is none", crate::text::excerpt(text, 40))
        })?),
    };
    let mut found = Found::default();
    let mut first: [Option<(u32, String, bool)>; 4] = [None, None, None, None];
    let mut bad = 0;
    if let Some((reference, balances)) = reads.first() {
        let accounts: HashSet<Id> = balances.iter().map(|(account, _)| *account).collect();
        let total = given.unwrap_or_else(|| total(balances));
        for (index, balances) in &reads {
            if let Some((rule, why)) = wrong(&part, balances, &accounts, total, overdrawn) {
                bad += 1;
                let inferred = matches!(rule, 0) || (rule == 2 && given.is_none());
                first[rule].get_or_insert((*index, why, inferred));
            }
        }
        let explain = |(rule, (index, why, inferred)): (usize, (u32, String, bool))| {
            explain(&part, RULES[rule], index, inferred.then_some(*reference), &why)
        };
        found.violations =
            first.into_iter().enumerate().filter_map(|(rule, bad)| Some((rule, bad?))).map(explain).collect();
    } else {
        found.undecided.push("the accounts were never read".to_owned());
    }
    let transfers = part.iter().filter(|(_, op)| op.function == Function::Transfer).count();
    found.counts = vec![("transfers", transfers as u64), ("reads", reads.len() as u64), ("wrong reads", bad)];
    Ok(found)
}

fn reads(part: &Part<'_>) -> Result<Vec<(u32, Balances)>, String> {
    let mut reads = Vec::new();
    for (index, op) in part.iter() {
        match op.function {
            Function::Transfer => {}
            Function::Read if op.outcome == Outcome::Ok && op.result.is_some() => {
                let pairs = part.history.values.as_map(op.result);
                let pairs = pairs.ok_or_else(|| part.unknown(index, "a bank's: it is read as a map of balances"))?;
                let balance = |(account, balance): &(Id, Id)| (*account, part.history.values.as_int(*balance));
                reads.push((index, pairs.iter().map(balance).collect()));
            }
            Function::Read => {}
            _ => return Err(part.unknown(index, "a bank's, which are `transfer` and `read`")),
        }
    }
    Ok(reads)
}

fn total(balances: &Balances) -> i128 {
    balances.iter().filter_map(|(_, balance)| *balance).map(i128::from).sum()
}

/// The first rule that a read breaks, and how.
fn wrong(
    part: &Part<'_>,
    balances: &Balances,
    accounts: &HashSet<Id>,
    expected: i128,
    overdrawn: bool,
) -> Option<(usize, String)> {
    let show = |account: &Id| words::value(part.history, *account);
    if let Some((account, _)) = balances.iter().find(|(account, _)| !accounts.contains(account)) {
        return Some((0, format!("it holds the account {}, which did not exist", show(account))));
    }
    if let Some((account, _)) = balances.iter().find(|(_, balance)| balance.is_none()) {
        return Some((1, format!("the account {} has no balance", show(account))));
    }
    let sum = total(balances);
    if sum != expected {
        let (more, what) = if sum > expected { (sum - expected, "more") } else { (expected - sum, "less") };
        return Some((
            2,
            format!("the accounts add up to {sum}, which is {more} {what} than the {expected} there are"),
        ));
    }
    let negative = balances.iter().find(|(_, balance)| balance.is_some_and(|balance| balance < 0) && !overdrawn);
    negative.map(|(account, balance)| (3, format!("the account {} holds {}", show(account), balance.unwrap_or(0))))
}

fn explain(part: &Part<'_>, rule: &'static str, index: u32, reference: Option<u32>, why: &str) -> Violation {
    let history = part.history;
    let first = match reference {
        Some(reference) => format!(" in the first read, by {}", words::who(history, reference)),
        None => String::new(),
    };
    let sentence = format!(
        "{} read all accounts{} at {}, and {why}{first}",
        words::who(history, index),
        words::object(history, index),
        words::returned(history, index),
    );
    violation(rule, sentence, reference.into_iter().chain([index]))
}
