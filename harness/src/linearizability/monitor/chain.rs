//! Versions of an object that are known to follow each other: what decides read-modify-write registers and appends.
//!
//! A version is made by one operation and seen by some. Where it is known which version each one follows immediately,
//! the versions form chains, and in every legal order a chain's operations are neighbours: a block in the sense of
//! `zones`. So a history is legal exactly when no version is followed by two, none follows itself, no operation of a
//! later version of a chain returned before one of an earlier version was called, and the chains can be ordered as
//! blocks. O(n log n).

use super::{
    witness::minimal,
    zones::{Conflict, Zone, conflict},
};
use crate::history::{History, Operation, Outcome};

/// No version or no operation.
pub(super) const NONE: u32 = u32::MAX;

/// The version that is there before any operation.
pub(super) const INITIAL: usize = 0;

/// A version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version {
    /// The operation that makes it; [`NONE`] for the initial one.
    pub(super) maker: u32,
    /// The version that it follows immediately; [`NONE`] where it replaces whatever is there.
    pub(super) after: u32,
    /// When its maker was called.
    pub(super) begins: u64,
    /// When the operations that make and see it returned and were called.
    pub(super) zone: Zone,
}

impl Version {
    /// A version that nothing makes or sees yet.
    pub(super) const fn new() -> Self {
        Self { maker: NONE, after: NONE, begins: 0, zone: Zone::EMPTY }
    }
}

/// The versions of an object, the initial one first, and the operations that make and see them.
#[derive(Debug)]
pub(super) struct Versions {
    /// The versions.
    pub(super) list: Vec<Version>,
    /// Each operation with the version that it sees, or makes; a replacement counts for what it makes.
    pub(super) members: Vec<(u32, usize)>,
}

impl Versions {
    /// Only the initial version.
    pub(super) fn new() -> Self {
        Self { list: vec![Version::new()], members: Vec::new() }
    }

    /// Makes a version by an operation, behind another or in place of what is there.
    pub(super) fn make(&mut self, version: usize, index: u32, op: &Operation, after: Option<usize>) {
        let made = &mut self.list[version];
        (made.maker, made.begins) = (index, op.call);
        made.after = after.map_or(NONE, |after| after as u32);
        made.zone.cover(op.call, op.ret);
        self.members.push((index, version));
    }

    /// Adds an operation that sees a version.
    pub(super) fn see(&mut self, version: usize, index: u32, op: &Operation) {
        self.list[version].zone.cover(op.call, op.ret);
        self.members.push((index, version));
    }

    /// The operations that make or see one of some versions.
    pub(super) fn of<'a>(&'a self, versions: &'a [usize]) -> impl Iterator<Item = u32> + 'a {
        self.members.iter().filter(|member| versions.contains(&member.1)).map(|member| member.0)
    }

    /// The operation of these versions that returned first.
    pub(super) fn first(&self, history: &History, versions: &[usize]) -> u32 {
        self.of(versions).min_by_key(|op| history.get(*op).ret).unwrap_or_default()
    }

    /// The operation of these versions that was called last.
    pub(super) fn last(&self, history: &History, versions: &[usize]) -> u32 {
        self.of(versions).max_by_key(|op| history.get(*op).call).unwrap_or_default()
    }

    /// For [`Fault::Backwards`], an operation of the earlier version that began too late, and one of the later version
    /// that was over by then: their makers, where they are such.
    pub(super) fn late(&self, history: &History, earlier: usize, later: usize) -> (u32, u32) {
        let maker = |version: usize| Some(self.list[version].maker).filter(|maker| *maker != NONE);
        let first = history.get(self.first(history, &[later])).ret;
        let late = maker(earlier).filter(|op| history.get(*op).call > first);
        let late = late.unwrap_or_else(|| self.last(history, &[earlier]));
        let over = maker(later).filter(|op| history.get(*op).ret < history.get(late).call);
        (late, over.unwrap_or_else(|| self.first(history, &[later])))
    }

    /// For [`Fault::Apart`], for each of the two chains an operation that was over before one of the other chain began,
    /// and an operation that began after one of the other chain was over: one and the same, where there is one.
    pub(super) fn crossing(&self, history: &History, a: [usize; 2], b: [usize; 2]) -> [[u32; 2]; 2] {
        let ends = |chain: [usize; 2]| [self.first(history, &[chain[0]]), self.last(history, &[chain[1]])];
        let one = |chain: [usize; 2], [first, last]: [u32; 2], initial: bool| {
            let (from, to) = (history.get(first).ret, history.get(last).call);
            let fits = |op: &u32| (initial || history.get(*op).call > from) && history.get(*op).ret < to;
            self.of(&chain).find(fits).map(|op| [op, op])
        };
        let around = ends(a);
        let within = one(b, around, a[0] == INITIAL).unwrap_or_else(|| ends(b));
        let around = if a[0] == INITIAL { [around[1]; 2] } else { one(a, within, false).unwrap_or(around) };
        [around, within]
    }

    /// The operations without which a maker that was never answered need not have made its version: one that was
    /// answered and saw it, or the makers of what follows up to one that was answered.
    pub(super) fn observers(&self, history: &History, mut version: usize) -> Vec<u32> {
        let mut found = Vec::new();
        let answered = |op: u32| history.get(op).outcome == Outcome::Ok;
        while !answered(self.list[version].maker) {
            if let Some(op) = self.of(&[version]).find(|op| answered(*op)) {
                found.push(op);
                break;
            }
            let Some(next) = self.list.iter().position(|next| next.after == version as u32) else { break };
            found.push(self.list[next].maker);
            version = next;
        }
        found
    }

    /// Of some operations those whose times contradict each other, if they do, where only those are dropped that may.
    pub(super) fn needed(&self, history: &History, ops: Vec<u32>, may_go: impl Fn(u32) -> bool) -> Vec<u32> {
        let illegal = |ops: &[u32]| {
            let mut list = self.list.clone();
            list.iter_mut().for_each(|version| version.zone = Zone::EMPTY);
            for (op, version) in self.members.iter().filter(|member| ops.contains(&member.0)) {
                list[*version].zone.cover(history.get(*op).call, history.get(*op).ret);
            }
            fault(&list).is_some()
        };
        minimal(ops, |left| left.iter().filter(|op| may_go(**op)).map(|op| vec![*op]).collect(), illegal)
    }

    /// The makers of the versions of a chain from the one of two that is earlier, itself left out, to the other.
    pub(super) fn links(&self, versions: [usize; 2]) -> Vec<u32> {
        let [a, b] = versions;
        let mut links = between(&self.list, a, b);
        if links.is_empty() {
            links = between(&self.list, b, a);
        }
        links.into_iter().map(|version| self.list[version].maker).collect()
    }
}

/// Why versions cannot be put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A version was seen by an operation that was over before its maker began.
    Early(usize),
    /// Two versions both follow another immediately.
    Fork(usize, usize),
    /// A version follows itself.
    Cycle(usize),
    /// The second version comes after the first, but an operation of it was over before one of the first began.
    Backwards(usize, usize),
    /// Two chains must each come before the other: for each, the version with the first return and that with the last
    /// call. Of the initial chain, which comes before all others anyway, the first is [`INITIAL`].
    Apart([usize; 2], [usize; 2]),
}

/// What is wrong with versions, the initial one first; nothing when they can be put in order.
pub(super) fn fault(versions: &[Version]) -> Option<Fault> {
    if let Some(early) = versions.iter().position(|version| version.zone.first_return < version.begins) {
        return Some(Fault::Early(early));
    }
    let mut next = vec![NONE; versions.len()];
    for (index, version) in versions.iter().enumerate().filter(|(_, version)| version.after != NONE) {
        let before = version.after as usize;
        if next[before] != NONE {
            return Some(Fault::Fork(next[before] as usize, index));
        }
        next[before] = index as u32;
    }
    let chains = match chains(versions, &next) {
        Ok(chains) => chains,
        Err(version) => return Some(Fault::Cycle(version)),
    };
    if let Some((earlier, later)) = chains.iter().find_map(|chain| backwards(versions, chain)) {
        return Some(Fault::Backwards(earlier, later));
    }
    apart(versions, &chains)
}

/// The chains, the initial version's first; an error names a version that is on a circle.
fn chains(versions: &[Version], next: &[u32]) -> Result<Vec<Vec<u32>>, usize> {
    let mut seen = vec![false; versions.len()];
    let mut chains = Vec::new();
    for first in (0..versions.len()).filter(|version| versions[*version].after == NONE) {
        let mut chain = Vec::new();
        let mut at = first as u32;
        while at != NONE {
            seen[at as usize] = true;
            chain.push(at);
            at = next[at as usize];
        }
        chains.push(chain);
    }
    match seen.iter().position(|seen| !seen) {
        Some(version) => Err(version),
        None => Ok(chains),
    }
}

/// The two versions of a chain nearest to each other that are in the wrong order.
fn backwards(versions: &[Version], chain: &[u32]) -> Option<(usize, usize)> {
    let zone = |place: usize| versions[chain[place] as usize].zone;
    // Places of later versions whose first return is before those of all between: the nearest is on top.
    let mut later: Vec<usize> = Vec::new();
    let mut nearest: Option<(usize, usize)> = None;
    for place in (0..chain.len()).rev() {
        let count = later.partition_point(|other| zone(*other).precedes(zone(place)));
        if let Some(other) = count.checked_sub(1).map(|index| later[index])
            && nearest.is_none_or(|(from, to)| other - place < to - from)
        {
            nearest = Some((place, other));
        }
        while later.last().is_some_and(|other| zone(*other).first_return >= zone(place).first_return) {
            later.pop();
        }
        later.push(place);
    }
    nearest.map(|(from, to)| (chain[from] as usize, chain[to] as usize))
}

fn apart(versions: &[Version], chains: &[Vec<u32>]) -> Option<Fault> {
    let zone = |version: &u32| versions[*version as usize].zone;
    let joined = |chain: &Vec<u32>| {
        let mut joined = Zone::EMPTY;
        chain.iter().for_each(|version| joined.join(zone(version)));
        joined
    };
    let ends = |chain: &Vec<u32>| {
        let first = chain.iter().min_by_key(|version| zone(version).first_return).map_or(INITIAL, |v| *v as usize);
        let last = chain.iter().max_by_key(|version| zone(version).last_call).map_or(INITIAL, |v| *v as usize);
        [first, last]
    };
    let (initial, others) = chains.split_first()?;
    let zones: Vec<Zone> = others.iter().map(joined).collect();
    conflict(Some(joined(initial).last_call), &zones).map(|conflict| match conflict {
        Conflict::Initial(other) => Fault::Apart([INITIAL, ends(initial)[1]], ends(&others[other])),
        Conflict::Pair(a, b) => Fault::Apart(ends(&others[a]), ends(&others[b])),
    })
}

/// The versions of a chain behind the first up to the second, in order; empty where the second is not behind the first.
pub(super) fn between(versions: &[Version], first: usize, last: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = last;
    while at != first {
        found.push(at);
        match versions[at].after {
            NONE => return Vec::new(),
            before => at = before as usize,
        }
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Versions made by operations that ran at these times, each after the one with this number.
    fn versions(made: &[(u64, u64, Option<usize>)]) -> Vec<Version> {
        let mut versions = vec![Version::new()];
        for (maker, (call, ret, after)) in made.iter().enumerate() {
            let zone = Zone { first_return: *ret, last_call: *call };
            let after = after.map_or(NONE, |after| after as u32);
            versions.push(Version { maker: maker as u32, after, begins: *call, zone });
        }
        versions
    }

    #[test]
    fn the_nearest_two_in_the_wrong_order_are_named() {
        let good = versions(&[(1, 2, Some(0)), (3, 4, Some(1)), (3, 6, Some(2))]);
        assert_eq!(fault(&good), None);
        let bad = versions(&[(9, 10, Some(0)), (3, 11, Some(1)), (3, 11, Some(2)), (5, 6, Some(3)), (4, 8, Some(4))]);
        assert_eq!(fault(&bad), Some(Fault::Backwards(1, 4)));
        assert_eq!(between(&bad, 1, 4), [2, 3, 4]);
        assert!(between(&bad, 4, 1).is_empty());
    }

    #[test]
    fn forks_circles_and_chains_apart_are_found() {
        assert_eq!(fault(&versions(&[(1, 2, Some(0)), (1, 2, Some(0))])), Some(Fault::Fork(1, 2)));
        assert_eq!(fault(&versions(&[(1, 2, Some(2)), (1, 2, Some(1))])), Some(Fault::Cycle(1)));
        let around = [(1, 2, None), (7, 8, Some(1)), (4, 5, None)];
        assert_eq!(fault(&versions(&around)), Some(Fault::Apart([1, 2], [3, 3])));
        let initial = [(4, 5, Some(0)), (1, 2, None)];
        assert_eq!(fault(&versions(&initial)), Some(Fault::Apart([0, 1], [2, 2])));
        let mut early = versions(&[(4, 5, None)]);
        early[1].zone.cover(1, 3);
        assert_eq!(fault(&early), Some(Fault::Early(1)));
    }
}
