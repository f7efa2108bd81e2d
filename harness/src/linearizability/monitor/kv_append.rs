//! One key of a store with appends: texts or lists that are put, appended to and read whole, with unique parts.
//!
//! What a read saw tells which part stands behind which, so that the parts that were seen form chains (see `chain`) that
//! begin with a put or with nothing. A part that nobody saw stands at the end of some chain, where a put soon hides it,
//! and so it is a chain of its own. The idea of a total order from reads is that of Elle's list-append (Kingsbury &
//! Alvaro, VLDB 14(3), 2020); the chains are ordered as Gibbons & Korach's zones. O(n log n + bytes of distinct reads).
//! Appends and puts of unknown outcome are covered. Not covered: parts that are written twice, that are the beginning of
//! one another (so that a text could be read in two ways) or empty, and operations other than read, write and append.

use super::{
    chain::{self, Fault, INITIAL, NONE, Version, Versions},
    register::before_write,
    words,
};
use crate::{
    history::{Function, History, Id, Outcome},
    linearizability::Monitor,
    text,
    verify::{Judged, Violation},
};
use std::collections::HashMap;

/// One key of a store with appends.
#[derive(Debug, Clone, Copy, Default)]
pub struct KvAppend {
    /// What it holds in the beginning, if anything; only `nil`, `""` and `[]`, which are the same, are covered.
    pub initial: Option<Id>,
}

impl Monitor for KvAppend {
    fn method(&self) -> &'static str {
        "chains of appends"
    }

    fn check(&self, history: &History, operations: &[u32]) -> Judged {
        if self.initial.is_some_and(|initial| !is_empty(history, initial)) {
            return Judged::NotCovered("something is there in the beginning");
        }
        let judged = Store::new(history, operations).and_then(|mut store| {
            store.read_all(operations)?;
            match chain::fault(&store.versions.list) {
                None => Ok(()),
                Some(fault) => Err(Stop::Illegal(Box::new(store.explain(fault)))),
            }
        });
        match judged {
            Ok(()) => Judged::Legal,
            Err(Stop::Illegal(violation)) => Judged::Illegal(violation),
            Err(Stop::NotCovered(reason)) => Judged::NotCovered(reason),
        }
    }
}

/// Why the monitor goes no further.
enum Stop {
    NotCovered(&'static str),
    Illegal(Box<Violation>),
}

/// The versions of a key. Each part that was put or appended makes one.
struct Store<'h> {
    history: &'h History,
    versions: Versions,
    /// The version that a part makes, by the part's id.
    by_id: HashMap<Id, usize>,
    /// The parts that are texts, ascending; none is the beginning of another.
    texts: Vec<(&'h str, usize)>,
    /// A read in which each version stands where it is.
    shown: Vec<u32>,
    /// The version that each distinct result is.
    known: HashMap<Id, usize>,
}

impl<'h> Store<'h> {
    fn new(history: &'h History, operations: &[u32]) -> Result<Self, Stop> {
        let mut store = Self {
            history,
            versions: Versions::new(),
            by_id: HashMap::new(),
            texts: Vec::new(),
            shown: Vec::new(),
            known: HashMap::new(),
        };
        for index in operations {
            let op = history.get(*index);
            match op.function {
                Function::Read => continue,
                Function::Append | Function::Write => {}
                _ => return Err(Stop::NotCovered("there are operations other than reads, writes and appends")),
            }
            if !op.argument.is_some() || is_empty(history, op.argument) {
                return Err(Stop::NotCovered("nothing is written or appended"));
            }
            let version = store.versions.list.len();
            store.versions.list.push(Version::new());
            store.versions.make(version, *index, &op, None);
            if store.by_id.insert(op.argument, version).is_some() {
                return Err(Stop::NotCovered("a part is written twice"));
            }
            store.texts.extend(history.values.as_text(op.argument).map(|text| (text, version)));
        }
        store.texts.sort_unstable();
        if store.texts.windows(2).any(|pair| pair[1].0.starts_with(pair[0].0)) {
            return Err(Stop::NotCovered("a part is the beginning of another"));
        }
        store.shown = vec![NONE; store.versions.list.len()];
        Ok(store)
    }

    fn is_append(&self, version: usize) -> bool {
        let maker = self.versions.list[version].maker;
        maker != NONE && self.history.functions()[maker as usize] == Function::Append
    }

    /// Takes all reads in, until one cannot be explained by itself or with another.
    fn read_all(&mut self, operations: &[u32]) -> Result<(), Stop> {
        for index in operations {
            let op = self.history.get(*index);
            if op.function != Function::Read || op.outcome != Outcome::Ok {
                continue;
            }
            let version = match self.known.get(&op.result) {
                Some(version) => *version,
                None => {
                    let parts = self.parts(*index, op.result)?;
                    self.follow(*index, &parts)?;
                    let version = parts.last().copied().unwrap_or(INITIAL);
                    self.known.insert(op.result, version);
                    version
                }
            };
            self.versions.see(version, *index, &op);
        }
        Ok(())
    }

    /// The parts that a result consists of.
    fn parts(&self, read: u32, result: Id) -> Result<Vec<usize>, Stop> {
        if result == Id::NIL {
            return Ok(Vec::new());
        }
        let foreign = |part: &str| Stop::Illegal(Box::new(self.foreign(read, part)));
        let values = &self.history.values;
        if let Some(list) = values.as_list(result) {
            let part = |id: &Id| self.by_id.get(id).copied().ok_or_else(|| foreign(&words::value(self.history, *id)));
            return list.iter().map(part).collect();
        }
        let Some(mut rest) = values.as_text(result) else {
            // A number, say, which stands alone or not at all.
            return match self.by_id.get(&result) {
                Some(part) if !self.is_append(*part) => Ok(vec![*part]),
                _ => Err(Stop::NotCovered("a result is neither a text nor a list")),
            };
        };
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let place = self.texts.partition_point(|part| part.0 <= rest).checked_sub(1);
            match place.map(|place| self.texts[place]).filter(|part| rest.starts_with(part.0)) {
                Some((text, part)) => {
                    rest = &rest[text.len()..];
                    parts.push(part);
                }
                None => return Err(foreign(&format!("{:?}", text::excerpt(rest, 24)))),
            }
        }
        Ok(parts)
    }

    /// Notes what a read shows: each of its parts behind the one before.
    fn follow(&mut self, read: u32, parts: &[usize]) -> Result<(), Stop> {
        let mut before = INITIAL;
        for part in parts {
            if !self.is_append(*part) {
                if before != INITIAL {
                    return Err(Stop::Illegal(Box::new(self.not_replaced(read, *part))));
                }
            } else if self.shown[*part] == NONE {
                self.shown[*part] = read;
                self.versions.list[*part].after = before as u32;
            } else if self.versions.list[*part].after != before as u32 {
                return Err(Stop::Illegal(Box::new(self.two_orders(read, *part, parts))));
            }
            before = *part;
        }
        Ok(())
    }
}

/// Whether a value is an empty text or list, or `nil`.
fn is_empty(history: &History, id: Id) -> bool {
    let values = &history.values;
    id == Id::NIL || values.as_text(id).is_some_and(str::is_empty) || values.as_list(id).is_some_and(<[Id]>::is_empty)
}

/// What is wrong, in words.
impl Store<'_> {
    fn maker(&self, version: usize) -> u32 {
        self.versions.list[version].maker
    }

    /// The part that makes a version, or what is there in the beginning.
    fn part(&self, version: usize) -> String {
        match self.maker(version) {
            NONE => "the empty value".to_owned(),
            maker => words::value(self.history, self.history.get(maker).argument),
        }
    }

    fn process(&self, op: u32) -> String {
        self.history.process_name(self.history.get(op).process)
    }

    fn violation(&self, rule: &'static str, sentence: String, mut witness: Vec<u32>) -> Violation {
        witness.retain(|op| *op != NONE);
        witness.sort_unstable();
        witness.dedup();
        Violation { rule, sentence, witness, ..Violation::default() }
    }

    fn foreign(&self, read: u32, part: &str) -> Violation {
        let when = words::when(self.history, read);
        let sentence = format!("{} read something {when} that nobody ever wrote there: {part}", self.process(read));
        self.violation("garbage-read", sentence, vec![read])
    }

    fn not_replaced(&self, read: u32, part: usize) -> Violation {
        let sentence = format!(
            "{} read {} {} behind something else, although {} replaces all that was there",
            self.process(read),
            self.part(part),
            words::when(self.history, read),
            words::op(self.history, self.maker(part))
        );
        self.violation("not-replaced", sentence, vec![read, self.maker(part)])
    }

    /// A part stands behind different parts in two reads, or twice in one.
    fn two_orders(&self, read: u32, part: usize, parts: &[usize]) -> Violation {
        let other = self.shown[part];
        if parts.iter().filter(|other| **other == part).count() > 1 {
            let sentence = format!(
                "{} read {} twice in one result {}, but it was appended once",
                self.process(read),
                self.part(part),
                words::when(self.history, read),
            );
            return self.violation("duplicate-append", sentence, vec![read, self.maker(part)]);
        }
        let sentence = format!(
            "{} read {} behind {} {}, but {} read it elsewhere {}: there is no one order of the appends",
            self.process(other),
            self.part(part),
            self.part(self.versions.list[part].after as usize),
            words::when(self.history, other),
            self.process(read),
            words::when(self.history, read),
        );
        self.violation("incompatible-order", sentence, vec![other, read, self.maker(part)])
    }

    fn explain(&self, fault: Fault) -> Violation {
        match fault {
            Fault::Early(version) => {
                before_write(self.history, self.versions.first(self.history, &[version]), self.maker(version))
            }
            Fault::Fork(a, b) => self.fork(a, b),
            // Never so: a part's place was taken from a result that shows all that is before it.
            Fault::Cycle(version) => self.two_orders(self.shown[version], version, &[]),
            Fault::Backwards(earlier, later) => self.backwards(earlier, later),
            Fault::Apart(a, b) => self.apart(a, b),
        }
    }

    fn fork(&self, a: usize, b: usize) -> Violation {
        let [first, second] = [self.shown[a], self.shown[b]];
        let before = self.versions.list[a].after as usize;
        let sentence = format!(
            "{} read {} immediately behind {} {}, but {} read {} there {}: there is no one order of the appends",
            self.process(first),
            self.part(a),
            self.part(before),
            words::when(self.history, first),
            self.process(second),
            self.part(b),
            words::when(self.history, second),
        );
        self.violation("incompatible-order", sentence, vec![first, second, self.maker(a), self.maker(b)])
    }

    fn backwards(&self, earlier: usize, later: usize) -> Violation {
        let (late, over) = self.versions.late(self.history, earlier, later);
        let links = self.versions.links([earlier, later]);
        let missing = links.first().copied().unwrap_or(over);
        let shown = self.shown[later];
        let mut witness = vec![late, over, shown];
        let sentence = if self.history.functions()[late as usize] == Function::Read {
            let seen_by =
                if over == missing { String::new() } else { format!(", and {}", words::over(self.history, over)) };
            format!(
                "{} read {}, without {}, which came right behind that (as {} read){}",
                self.process(late),
                words::when(self.history, late),
                words::op(self.history, missing),
                self.process(shown),
                if over == missing { format!(": it {}", self.was_over(over)) } else { seen_by },
            )
        } else {
            format!(
                "{}, after {}, but {} read {} in front of {}",
                words::began(self.history, late),
                words::over(self.history, over),
                self.process(shown),
                self.part(earlier),
                self.part(later)
            )
        };
        witness.extend(links);
        self.violation("stale-read", sentence, witness)
    }

    fn was_over(&self, op: u32) -> String {
        format!("was over at {}", words::at(self.history, self.history.get(op).ret))
    }

    fn apart(&self, a: [usize; 2], b: [usize; 2]) -> Violation {
        let [around, within] = self.versions.crossing(self.history, a, b);
        let late = words::began(self.history, around[1]);
        let early = words::over(self.history, within[0]);
        let sentence = if a[0] == INITIAL {
            format!("{late}, after {early}; but nothing of that is in what was there from the beginning on")
        } else {
            format!(
                "{late}, after {early}, and {}, after {}: but all that is in one chain of appends is on one side of what is \
                 in no other",
                words::began(self.history, within[1]),
                words::over(self.history, around[0]),
            )
        };
        let mut witness = self.versions.needed(self.history, [around, within].concat(), |_| true);
        let made = |version: &usize| witness.contains(&self.maker(*version));
        let shown: Vec<u32> = (1..self.shown.len()).filter(made).map(|version| self.shown[version]).collect();
        witness.extend(shown);
        witness.extend(self.versions.links(b));
        if a[0] != INITIAL {
            witness.extend(self.versions.links(a));
        }
        self.violation("lost-append", sentence, witness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        linearizability::{
            monitor::testing::{agrees, assert_both_occur, calls, history},
            testing::Word,
        },
        model::Kv,
    };
    use proptest::prelude::*;

    /// Appends, puts and reads of a text, in which some reads miss the end, or see something else there.
    fn histories(most: usize) -> impl Strategy<Value = History> {
        calls(most).prop_map(|calls| {
            let mut held = String::new();
            let mut before = String::new();
            history(
                &calls,
                |index, call| match call.choice {
                    0..10 => (Function::Write, Word::Text(format!("{index}p"))),
                    10..50 => (Function::Append, Word::Text(format!("{index}a"))),
                    _ => (Function::Read, Word::None),
                },
                |function, argument| {
                    let Word::Text(part) = argument else { return Word::Text(held.clone()) };
                    before.clone_from(&held);
                    if function == Function::Write {
                        held.clear();
                    }
                    held += part;
                    Word::None
                },
                |function, number| match (function, number) {
                    (Function::Read, 0) => Some(Word::Text(String::new())),
                    (Function::Read, 1) => Some(Word::Text("0a1a".to_owned())),
                    (Function::Read, number) => Some(Word::Text(format!("{}a", number - 2))),
                    _ => None,
                },
            )
        })
    }

    #[test]
    fn histories_of_both_kinds_are_tried() {
        assert_both_occur(&KvAppend::default(), histories(10));
    }

    proptest! {
        #[test]
        fn agrees_with_the_search(history in histories(12)) {
            agrees(&KvAppend::default(), &Kv::new(&history, None), &history)?;
        }
    }
}
