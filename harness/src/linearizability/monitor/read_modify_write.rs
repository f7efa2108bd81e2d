//! Registers whose values are replaced: read-modify-writes and compare-and-sets, with unique values.
//!
//! An operation that found one value and left another puts the second immediately behind the first, so that values form
//! chains, which `chain` decides: Gibbons & Korach's zones (SIAM J. Comput. 26(4), 1997) with a read mapping for
//! read-modify-writes. O(n log n). Unknown outcomes are covered: a read-modify-write that was never answered is a write,
//! a compare-and-set has happened exactly if its value was seen. Not covered: values that are written twice or are the
//! initial one, and compare-and-sets that were refused.

use super::{
    chain::{self, Fault, INITIAL, NONE, Version, Versions},
    register::{before_write, never_written},
    table::Table,
    words,
};
use crate::{
    history::{Function, History, Id, Outcome, Value},
    linearizability::Monitor,
    verify::{Judged, Violation},
};

/// A register with unique writes, read-modify-writes and compare-and-sets.
#[derive(Debug, Clone, Copy)]
pub struct ReadModifyWrite {
    /// What it holds before the first write.
    pub initial: Id,
    /// Whether a read of `nil` says nothing, as in histories of Knossos.
    pub nil_is_wildcard: bool,
}

impl Default for ReadModifyWrite {
    fn default() -> Self {
        Self { initial: Id::NIL, nil_is_wildcard: false }
    }
}

impl Monitor for ReadModifyWrite {
    fn method(&self) -> &'static str {
        "chains of values"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        let values = match self.gather(history, operations) {
            Ok(values) => values,
            Err(reason) => return Judged::NotCovered(reason),
        };
        match (values.finder_of_nothing(), chain::fault(&values.versions.list)) {
            (Some(finder), _) => {
                let mut violation = never_written(history, finder);
                values.complete(history, &mut violation.witness);
                Judged::illegal(violation)
            }
            (None, Some(fault)) => Judged::illegal(values.explain(history, fault)),
            (None, None) => Judged::Legal,
        }
    }
}

/// As many operations at most show in a witness where its values come from.
const ORIGINS: usize = 32;

/// What an operation does: the value that it found, where it is told, and the one that it left, if any.
type Deed = (Option<Id>, Option<Id>);

/// The values as versions.
struct Values {
    versions: Versions,
    /// The value of each version.
    ids: Vec<Id>,
}

impl ReadModifyWrite {
    fn deed(&self, history: &History, index: u32, refused: Option<Id>) -> Result<Deed, &'static str> {
        let op = history.get(index);
        let done = op.outcome == Outcome::Ok;
        let (found, left) = match op.function {
            Function::Read if !done || (self.nil_is_wildcard && op.result == Id::NIL) => return Ok((None, None)),
            Function::Read => (Some(op.result), None),
            Function::Write => (None, Some(op.argument)),
            Function::ReadModifyWrite => (done.then_some(op.result), Some(op.argument)),
            Function::Cas if done && Some(op.result) == refused => return Err("a compare-and-set was refused"),
            Function::Cas => match history.values.as_list(op.argument) {
                Some([expected, new]) if expected == new && !done => return Ok((None, None)),
                Some([expected, new]) => (Some(*expected), Some(*new)),
                _ => return Err("a compare-and-set lacks a value"),
            },
            _ => return Err("there are operations that no register has"),
        };
        if [found, left].into_iter().flatten().any(|id| !id.is_some()) {
            return Err("a value is not known");
        }
        Ok(if found == left { (found, None) } else { (found, left) })
    }

    fn gather(&self, history: &History, operations: &[u32]) -> Result<Values, &'static str> {
        let refused = history.values.find(&Value::Bool(false));
        let mut deeds = Vec::with_capacity(operations.len());
        for index in operations {
            deeds.push((*index, self.deed(history, *index, refused)?));
        }
        let mut table = Table::new(deeds.iter().flat_map(|(_, deed)| [deed.0, deed.1]).flatten().chain([self.initial]));
        table.number(self.initial);
        let mut values = Values { versions: Versions::new(), ids: vec![self.initial] };
        for (index, (found, left)) in deeds {
            let found = found.map(|id| values.version(&mut table, id));
            let left = left.map(|id| values.version(&mut table, id));
            let op = history.get(index);
            match (found, left) {
                (_, Some(left)) if left == INITIAL || values.versions.list[left].maker != NONE => {
                    return Err("a value is written twice");
                }
                (found, Some(left)) => values.versions.make(left, index, &op, found),
                (Some(found), None) => values.versions.see(found, index, &op),
                (None, None) => {}
            }
        }
        values.forget_unseen(history);
        Ok(values)
    }
}

impl Values {
    fn version(&mut self, table: &mut Table, id: Id) -> usize {
        let (version, new) = table.number(id);
        if new {
            self.versions.list.push(Version::new());
            self.ids.push(id);
        }
        version
    }

    /// Takes the compare-and-sets out that were not answered and whose value was not seen: they need not have happened.
    fn forget_unseen(&mut self, history: &History) {
        let list = &mut self.versions.list;
        let crashed: Vec<bool> = list.iter().map(|version| is_crashed(history, version)).collect();
        if !crashed.contains(&true) {
            return;
        }
        let mut seen = vec![false; list.len()];
        let read = self.versions.members.iter().filter(|(op, version)| list[*version].maker != *op);
        let kept = (0..list.len()).filter(|version| !crashed[*version]);
        let mut open: Vec<usize> = read.map(|member| member.1).chain(kept).collect();
        while let Some(version) = open.pop() {
            let first_time = !std::mem::replace(&mut seen[version], true);
            if first_time && list[version].after != NONE {
                open.push(list[version].after as usize);
            }
        }
        self.versions.members.retain(|(_, version)| seen[*version]);
        for (version, _) in seen.iter().enumerate().filter(|(_, seen)| !**seen) {
            list[version] = Version::new();
        }
    }

    /// Whether one of some operations saw a version, or replaced it.
    fn is_seen(&self, version: usize, ops: &[u32]) -> bool {
        let list = &self.versions.list;
        let read = |op: &u32| *op != list[version].maker && ops.contains(op);
        let replaced = |next: &Version| next.after == version as u32 && ops.contains(&next.maker);
        self.versions.of(&[version]).any(|op| read(&op)) || list.iter().any(replaced)
    }

    /// An operation that found a value which nobody wrote.
    fn finder_of_nothing(&self) -> Option<u32> {
        let list = &self.versions.list;
        let unmade = |version: usize| version != INITIAL && list[version].maker == NONE;
        let read = self.versions.members.iter().find(|member| unmade(member.1)).map(|member| member.0);
        let replaced = || list.iter().find(|version| version.after != NONE && unmade(version.after as usize));
        read.or_else(|| replaced().map(|version| version.maker))
    }

    fn explain(&self, history: &History, fault: Fault) -> Violation {
        let (rule, sentence, mut witness) = match fault {
            Fault::Early(version) => {
                let first = self.versions.first(history, &[version]);
                return before_write(history, first, self.maker(version));
            }
            Fault::Fork(a, b) => self.fork(history, a, b),
            Fault::Cycle(version) => self.cycle(history, version),
            Fault::Backwards(earlier, later) => self.backwards(history, earlier, later),
            Fault::Apart(a, b) => self.apart(history, a, b),
        };
        witness.retain(|op| *op != NONE);
        self.complete(history, &mut witness);
        Violation { rule, sentence, witness, ..Violation::default() }
    }

    /// Adds to a witness what shows that its operations of unknown outcome have happened, and sorts it.
    fn complete(&self, history: &History, witness: &mut Vec<u32>) {
        let unknown = |op: u32| history.get(op).outcome == Outcome::Unknown;
        let made: Vec<usize> = (0..self.ids.len())
            .filter(|version| self.maker(*version) != NONE && unknown(self.maker(*version)))
            .filter(|version| witness.contains(&self.maker(*version)))
            .filter(|version| !self.is_seen(*version, witness))
            .collect();
        witness.extend(made.into_iter().flat_map(|version| self.versions.observers(history, version)));
        witness.sort_unstable();
        witness.dedup();
    }

    fn maker(&self, version: usize) -> u32 {
        self.versions.list[version].maker
    }

    fn value(&self, history: &History, version: usize) -> String {
        words::value(history, self.ids[version])
    }

    /// The operations that made what a version was made out of, back to a write or the initial value.
    fn origin(&self, mut version: usize) -> Vec<u32> {
        let mut makers = Vec::new();
        while self.versions.list[version].after != NONE {
            version = self.versions.list[version].after as usize;
            makers.push(self.maker(version));
        }
        makers
    }

    fn fork(&self, history: &History, a: usize, b: usize) -> (&'static str, String, Vec<u32>) {
        let before = self.versions.list[a].after as usize;
        let sentence = format!(
            "{} and {} both found {}: the later of them should have found what the other left",
            words::op(history, self.maker(a)),
            words::op(history, self.maker(b)),
            self.value(history, before)
        );
        ("lost-update", sentence, vec![self.maker(before), self.maker(a), self.maker(b)])
    }

    fn cycle(&self, history: &History, version: usize) -> (&'static str, String, Vec<u32>) {
        let before = self.versions.list[version].after as usize;
        let mut witness = self.versions.links([version, before]);
        witness.push(self.maker(version));
        let sentence = format!(
            "{} found {}, which was made only out of the {} that it left itself: the values replace each other in a circle",
            words::op(history, self.maker(version)),
            self.value(history, before),
            self.value(history, version)
        );
        ("cyclic-values", sentence, witness)
    }

    fn backwards(&self, history: &History, earlier: usize, later: usize) -> (&'static str, String, Vec<u32>) {
        let (late, over) = self.versions.late(history, earlier, later);
        let mut witness = self.versions.links([earlier, later]);
        let steps = match witness.len() {
            0 | 1 => String::new(),
            links => format!(", after {links} replacements"),
        };
        let sentence = format!(
            "{} ran {}, but {} had given way to {} before that{steps}: {}",
            words::op(history, late),
            words::when(history, late),
            self.value(history, earlier),
            self.value(history, later),
            words::over(history, over)
        );
        witness.extend([late, over, self.maker(earlier)]);
        ("stale-read", sentence, witness)
    }

    fn apart(&self, history: &History, a: [usize; 2], b: [usize; 2]) -> (&'static str, String, Vec<u32>) {
        let [around, within] = self.versions.crossing(history, a, b);
        let mut sentence = format!("{}, after {}", words::began(history, around[1]), words::over(history, within[0]),);
        if a[0] == INITIAL {
            sentence += &format!("; but it belongs to what the initial {} became", self.value(history, INITIAL));
        } else {
            sentence += &format!(
                ", and {}, after {}: but all that concerns {} is on one side of all that concerns {}",
                words::began(history, within[1]),
                words::over(history, around[0]),
                self.value(history, a[0]),
                self.value(history, b[0]),
            );
        }
        let mut witness = [around, within].concat();
        for chain in [a, b] {
            witness.extend(self.versions.links(chain));
            witness.extend(chain.map(|version| self.maker(version)));
        }
        let origins = [a, b].map(|chain| self.origin(chain[0])).concat();
        if origins.len() <= ORIGINS {
            witness.extend(origins);
        }
        witness.retain(|op| *op != NONE);
        // Reads may go, and what was made but is neither seen nor replaced.
        let version = |op: u32| self.versions.members.iter().find(|member| member.0 == op).map(|member| member.1);
        let may_go = |left: &[u32], op: u32| {
            history.functions()[op as usize] == Function::Read
                || version(op).is_some_and(|made| !self.is_seen(made, left))
        };
        let witness = self.versions.needed(history, witness, may_go);
        ("stale-read", sentence, witness)
    }
}

/// Whether a version was made by a compare-and-set that was never answered.
fn is_crashed(history: &History, version: &Version) -> bool {
    if version.maker == NONE {
        return false;
    }
    let maker = history.get(version.maker);
    maker.function == Function::Cas && maker.outcome == Outcome::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizability::{
        monitor::testing::{agrees, assert_both_occur, calls, history, illegal, judge, of},
        testing::Word,
    };
    use crate::model;
    use proptest::prelude::*;

    fn histories(most: usize) -> impl Strategy<Value = History> {
        (calls(most), 0i64..3).prop_map(|(calls, guesses)| {
            let mut held = Word::Nil;
            history(
                &calls,
                |index, call| match call.choice {
                    0..20 => (Function::Write, Word::Int(index as i64)),
                    20..50 => (Function::ReadModifyWrite, Word::Int(index as i64)),
                    50..60 => (Function::Cas, Word::pair(index as i64 - 1 - guesses, index as i64)),
                    _ => (Function::Read, Word::None),
                },
                |function, argument| {
                    let before = held.clone();
                    match (function, argument) {
                        (Function::Read, _) => return before,
                        (Function::Cas, Word::List(pair)) if pair[0] == held => held = pair[1].clone(),
                        (Function::Cas, _) => return Word::Bool(false),
                        _ => held = argument.clone(),
                    }
                    if function == Function::ReadModifyWrite { before } else { Word::None }
                },
                |function, number| match (function, number) {
                    (Function::Read | Function::ReadModifyWrite, 0) => Some(Word::Nil),
                    (Function::Read | Function::ReadModifyWrite, number) => Some(Word::Int(number)),
                    (Function::Cas, _) => Some(Word::None),
                    _ => None,
                },
            )
        })
    }

    #[test]
    fn histories_of_both_kinds_are_tried() {
        assert_both_occur(&ReadModifyWrite::default(), histories(10));
    }

    #[test]
    fn sentences_say_which_value_was_gone() {
        use Function::{Read, ReadModifyWrite as Rmw};
        let sentence = |ops: &[(u32, Function, i64, [u64; 2], i64)]| {
            let word = |number: i64| if number < 0 { Word::None } else { Word::Int(number) };
            let ops: Vec<_> = ops.iter().map(|op| (op.0, op.1, word(op.2), op.3, word(op.4))).collect();
            illegal(&ReadModifyWrite { initial: Id::small(0).unwrap_or(Id::NIL), nil_is_wildcard: false }, &of(&ops))
                .sentence
        };
        assert_eq!(
            sentence(&[(1, Rmw, 5, [0, 9], 0), (2, Rmw, 6, [0, 9], 0)]),
            "c1's rmw of 5 and c2's rmw of 6 both found 0: the later of them should have found what the other left"
        );
        assert_eq!(
            sentence(&[(1, Rmw, 5, [0, 1], 0), (2, Rmw, 6, [2, 3], 5), (3, Read, -1, [4, 5], 0)]),
            "c3's read of 0 ran between event 4 and event 5, but 0 had given way to 5 before that: c1's rmw of 5 was over at \
             event 1"
        );
    }

    proptest! {
        #[test]
        fn agrees_with_the_search(history in histories(12)) {
            let model = model::Register { initial: Id::NIL, nil_is_wildcard: false };
            if let Some(violation) = agrees(&ReadModifyWrite::default(), &model, &history)? {
                for read in violation.witness.iter().filter(|op| history.functions()[**op as usize] == Function::Read) {
                    let rest: Vec<u32> = violation.witness.iter().copied().filter(|op| op != read).collect();
                    let starts = (0..12).filter_map(Id::small).chain([Id::NIL]);
                    let legal = starts.into_iter().any(|initial| judge(&model::Register { initial, ..model }, &history, &rest));
                    prop_assert!(legal || violation.rule == "garbage-read", "{read} can be dropped from {violation:?}");
                }
            }
        }
    }
}
