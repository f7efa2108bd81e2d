//! Why one transaction comes before another, looked up again for the few edges that are shown.
//!
//! Here any later version counts, not the next one only: so cycles get shorter than those of successive versions.

use super::{
    index::{Index, NOWHERE},
    views::{View, views},
};
use crate::transaction::{
    Action, Transactions,
    anomalies::classify,
    graph::{
        Edges, Kind, Kinds,
        cycle::{Link, shortest},
    },
    order::{NOBODY, end},
};

/// Why, and who else has to be heard for it.
#[derive(Debug, Clone)]
pub struct Reason {
    /// In a sentence.
    pub text: String,
    /// Who read what shows it, if it is neither of the two.
    pub witness: Option<u32>,
}

/// Whether one transaction comes before the other for such a reason, and which.
pub fn reason(index: &Index<'_>, kind: Kind, from: u32, to: u32) -> Option<Reason> {
    let t = index.transactions;
    let plain = |text: String| Some(Reason { text, witness: None });
    match kind {
        Kind::Ww => overwrites(index, from, to),
        Kind::Wr => sees(index, from, to).and_then(plain),
        Kind::Rw => lacks(index, from, to).and_then(plain),
        Kind::Process => precedes_in_process(t, from, to).then(|| t.process_reason(from, to)).and_then(plain),
        Kind::Realtime => precedes(t, from, to).then(|| t.realtime_reason(from, to)).and_then(plain),
    }
}

fn precedes_in_process(t: &Transactions, from: u32, to: u32) -> bool {
    from < to
        && t.process[from as usize] == t.process[to as usize]
        && t.outcome[from as usize] == crate::history::Outcome::Ok
}

fn precedes(t: &Transactions, from: u32, to: u32) -> bool {
    t.realtime && end(t, from).is_some_and(|end| end < t.call[to as usize])
}

/// A transaction's appends: key, place in its order and step, sorted.
fn appends(index: &Index<'_>, transaction: u32) -> Vec<(u32, u32, u32)> {
    let mut all: Vec<_> = steps(index, transaction)
        .filter(|step| index.transactions.steps[*step as usize].action == Action::Append)
        .map(|step| (index.key[step as usize], index.position[step as usize], step))
        .collect();
    all.sort_unstable();
    all
}

fn steps(index: &Index<'_>, transaction: u32) -> std::ops::Range<u32> {
    let first = &index.transactions.first;
    first[transaction as usize]..first[transaction as usize + 1]
}

/// `to` read what `from` appended.
fn sees(index: &Index<'_>, from: u32, to: u32) -> Option<String> {
    let appends = appends(index, from);
    views(index, to).into_iter().find_map(|View { key, length, step, .. }| {
        let behind = appends.partition_point(|(other, position, _)| (*other, *position) < (key, length));
        let (other, _, append) = *appends.get(behind.checked_sub(1)?)?;
        (other == key).then(|| {
            let words = index.transactions.show_step(&index.transactions.steps[step as usize]);
            format!("T{to} {words}, which has T{from}'s append of {}", element(index, append))
        })
    })
}

/// `from` read a version that lacks what `to` appended. Behind an own append, a read shows no more than the append does.
fn lacks(index: &Index<'_>, from: u32, to: u32) -> Option<String> {
    let (own, appends) = (appends(index, from), appends(index, to));
    views(index, from).into_iter().filter(|view| view.clean).find_map(|View { key, length, step, .. }| {
        let at = appends.partition_point(|(other, position, _)| (*other, *position) < (key, length));
        let (other, position, append) = *appends.get(at)?;
        let known = position != NOWHERE || !index.contradicted[key as usize];
        let between = own.get(own.partition_point(|(other, position, _)| (*other, *position) < (key, length)));
        let overwritten = between.is_some_and(|(own, place, _)| *own == key && *place < position);
        (other == key && known && !overwritten).then(|| {
            let words = index.transactions.show_step(&index.transactions.steps[step as usize]);
            format!("T{from} {words}, which lacks T{to}'s append of {}", element(index, append))
        })
    })
}

/// `to` appended behind `from`.
fn overwrites(index: &Index<'_>, from: u32, to: u32) -> Option<Reason> {
    let (earlier, later) = (appends(index, from), appends(index, to));
    earlier.iter().find_map(|(key, position, append)| {
        let at = later.partition_point(|(other, place, _)| (*other, *place) <= (*key, *position));
        let (other, place, behind) = *later.get(at)?;
        let longest = index.longest[*key as usize];
        if other != *key
            || *position == NOWHERE
            || longest == NOWHERE
            || place == NOWHERE && index.contradicted[*key as usize]
        {
            return None;
        }
        let reader = index.transaction_of(longest);
        let words = index.transactions.show_step(&index.transactions.steps[longest as usize]);
        let (first, second) = (element(index, *append), element(index, behind));
        let text = if place == NOWHERE {
            format!("T{reader} {words}, which has T{from}'s append of {first} and lacks T{to}'s append of {second}")
        } else {
            format!("T{reader} {words}, where T{to}'s append of {second} stands behind T{from}'s append of {first}")
        };
        Some(Reason { text, witness: (reader != from && reader != to).then_some(reader) })
    })
}

fn element(index: &Index<'_>, step: u32) -> String {
    index.transactions.show_value(index.transactions.steps[step as usize].value)
}

/// Who shows that a transaction of unknown outcome took effect.
pub fn observer(index: &Index<'_>, transaction: u32) -> Option<u32> {
    let seen = appends(index, transaction).into_iter().find(|(_, position, _)| *position != NOWHERE);
    let longest = index.longest[seen?.0 as usize];
    (longest != NOWHERE).then(|| index.transaction_of(longest))
}

/// Most transactions of a cycle that shortcuts are looked for in: each pair of them is looked at.
const MOST: usize = 48;

/// The cycle with all shortcuts through later versions, if it stays of its class or becomes a worse one.
pub fn shorten(index: &Index<'_>, links: Vec<Link>) -> Vec<Link> {
    if links.len() <= 2 || links.len() > MOST {
        return links;
    }
    let (base, scope) = classify(&links);
    let members: Vec<u32> = links.iter().map(|link| link.from).collect();
    let kinds = [Kind::Ww, Kind::Wr, Kind::Rw, Kind::Process, Kind::Realtime];
    let allowed = Kinds::FORWARD.with(Kind::Rw).union(scope.kinds());
    let mut edges = Edges::new(members.len());
    for (one, from) in members.iter().enumerate() {
        for (two, to) in members.iter().enumerate().filter(|(two, _)| *two != one) {
            for kind in kinds.into_iter().filter(|kind| allowed.has(*kind)) {
                if reason(index, kind, *from, *to).is_some() {
                    edges.add(one as u32, two as u32, kind);
                }
            }
        }
    }
    let Some(short) = shortest(&edges.finish(), base.query(scope), |_| true, u64::MAX) else { return links };
    let member = |node: u32| members.get(node as usize).copied().unwrap_or(NOBODY);
    let short: Vec<Link> =
        short.into_iter().map(|link| Link { from: member(link.from), to: member(link.to), ..link }).collect();
    if short.len() < links.len() && classify(&short).0 == base { short } else { links }
}
