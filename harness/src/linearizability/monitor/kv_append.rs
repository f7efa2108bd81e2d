//! One key of a store with appends: texts or lists that are put, appended to and read whole, with unique parts.
//!
//! What a read saw tells which part stands behind which, so that the parts that were seen form chains (see `chain`) that
//! begin with a put or with nothing. A part that nobody saw stands at the end of some chain, where a put soon hides it,
//! and so it is a chain of its own. The idea of a total order from reads is that of Elle's list-append (Kingsbury &
//! Alvaro, VLDB 14(3), 2020); the chains are ordered as Gibbons & Korach's zones. O(n log n + bytes of distinct reads).
//! Appends and puts of unknown outcome are covered.
//!
//! Where equal parts are written several times, it is not known which of them a read saw. What follows from everything
//! else still shows most violations; where it shows none, the history is not covered. Nor are parts that are the
//! beginning of one another, so that a text could be read in two ways, empty ones, and other operations.

use super::{
    chain::{self, Fault, INITIAL, NONE, Version, Versions, between},
    register::before_write,
    words,
};
use crate::{
    history::{Function, History, Id, Outcome},
    linearizability::Monitor,
    text,
    verify::{Judged, Violation},
};
use std::collections::{HashMap, hash_map::Entry};

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
                None if store.parts.iter().any(|part| part.version == REPEATED) => {
                    Err(Stop::NotCovered("a part is written twice"))
                }
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

/// The version of a part that is written several times: there may be several.
const REPEATED: usize = usize::MAX;

/// What is put or appended.
struct Part {
    id: Id,
    /// The version that it makes, or [`REPEATED`].
    version: usize,
    /// When the first operation with it was called.
    begins: u64,
    appended: bool,
    put: bool,
}

/// The versions of a key.
struct Store<'h> {
    history: &'h History,
    versions: Versions,
    /// The part at the end of each version but the initial one.
    ends: Vec<usize>,
    /// A read in which each version stands where it is.
    shown: Vec<u32>,
    parts: Vec<Part>,
    by_id: HashMap<Id, usize>,
    /// The parts that are texts, ascending; none is the beginning of another.
    texts: Vec<(&'h str, usize)>,
    /// The version that each distinct result is; none for those that begin with what was put several times.
    known: HashMap<Id, Option<usize>>,
    /// The versions of repeated parts, by the version before.
    repeated: HashMap<(usize, usize), usize>,
}

impl<'h> Store<'h> {
    fn new(history: &'h History, operations: &[u32]) -> Result<Self, Stop> {
        let mut store = Self {
            history,
            versions: Versions::new(),
            ends: vec![REPEATED],
            shown: vec![NONE],
            parts: Vec::new(),
            by_id: HashMap::new(),
            texts: Vec::new(),
            known: HashMap::new(),
            repeated: HashMap::new(),
        };
        for index in operations {
            store.write(*index)?;
        }
        store.number_versions(operations);
        store.texts = store
            .parts
            .iter()
            .enumerate()
            .filter_map(|(number, part)| history.values.as_text(part.id).map(|text| (text, number)))
            .collect();
        store.texts.sort_unstable();
        if store.texts.windows(2).any(|pair| pair[1].0.starts_with(pair[0].0)) {
            return Err(Stop::NotCovered("a part is the beginning of another"));
        }
        let mixed = store.parts.iter().any(|part| part.put) && store.parts.iter().any(|part| part.appended);
        if mixed && store.texts.len() < store.parts.len() {
            return Err(Stop::NotCovered("what is no text is put, or appended to what is put"));
        }
        Ok(store)
    }

    /// Takes the part of an operation in.
    fn write(&mut self, index: u32) -> Result<(), Stop> {
        let op = self.history.get(index);
        let appended = match op.function {
            Function::Read => return Ok(()),
            Function::Append => true,
            Function::Write => false,
            _ => return Err(Stop::NotCovered("there are operations other than reads, writes and appends")),
        };
        if !op.argument.is_some() || is_empty(self.history, op.argument) {
            return Err(Stop::NotCovered("nothing is written or appended"));
        }
        if !appended && self.history.values.as_list(op.argument).is_some() {
            return Err(Stop::NotCovered("a list is written"));
        }
        match self.by_id.entry(op.argument) {
            Entry::Vacant(entry) => {
                entry.insert(self.parts.len());
                self.parts.push(Part { id: op.argument, version: INITIAL, begins: op.call, appended, put: !appended });
            }
            Entry::Occupied(entry) => {
                let part = &mut self.parts[*entry.get()];
                part.version = REPEATED;
                part.appended |= appended;
                part.put |= !appended;
            }
        }
        Ok(())
    }

    /// Gives each part that is written once its version.
    fn number_versions(&mut self, operations: &[u32]) {
        for index in operations {
            let op = self.history.get(*index);
            let Some(part) = self.by_id.get(&op.argument).filter(|_| op.function != Function::Read) else { continue };
            if self.parts[*part].version == INITIAL {
                self.parts[*part].version = self.versions.list.len();
                self.versions.list.push(Version::new());
                self.ends.push(*part);
                self.shown.push(NONE);
                self.versions.make(self.parts[*part].version, *index, &op, None);
            }
        }
    }

    /// Takes all reads in, until one cannot be explained by itself or with another.
    fn read_all(&mut self, operations: &[u32]) -> Result<(), Stop> {
        let mut unclear = Vec::new();
        for index in operations {
            let op = self.history.get(*index);
            if op.function != Function::Read || op.outcome != Outcome::Ok {
                continue;
            }
            let version = match self.known.get(&op.result) {
                Some(version) => *version,
                None => {
                    let parts = self.split(*index, op.result)?;
                    let clear = parts
                        .first()
                        .is_none_or(|first| self.parts[*first].version != REPEATED || !self.parts[*first].put);
                    let version = if clear { Some(self.follow(*index, &parts)?) } else { None };
                    if !clear {
                        unclear.extend(parts);
                    }
                    self.known.insert(op.result, version);
                    version
                }
            };
            if let Some(version) = version {
                self.versions.see(version, *index, &op);
            }
        }
        // Parts that were seen only behind what was put several times stand somewhere, but not at the end of a chain.
        for version in unclear.into_iter().map(|part| self.parts[part].version).filter(|version| *version != REPEATED) {
            if self.shown[version] == NONE {
                self.versions.list[version] = Version::new();
            }
        }
        Ok(())
    }

    /// The parts that a result consists of.
    fn split(&self, read: u32, result: Id) -> Result<Vec<usize>, Stop> {
        if is_empty(self.history, result) {
            return Ok(Vec::new());
        }
        let foreign = |part: &str| Stop::Illegal(Box::new(self.foreign(read, part)));
        let values = &self.history.values;
        if let Some(list) = values.as_list(result) {
            if self.parts.iter().any(|part| part.put) {
                return Err(Stop::NotCovered("a list is read where something was put"));
            }
            let part = |id: &Id| self.by_id.get(id).copied().ok_or_else(|| foreign(&words::value(self.history, *id)));
            return list.iter().map(part).collect();
        }
        let Some(mut rest) = values.as_text(result) else {
            // A number, say, which stands alone or not at all.
            return match self.by_id.get(&result) {
                Some(part) if self.parts[*part].put => Ok(vec![*part]),
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

    /// Notes what a read shows: each of its parts behind the one before. Gives the version that it saw.
    fn follow(&mut self, read: u32, parts: &[usize]) -> Result<usize, Stop> {
        let illegal = |violation| Err(Stop::Illegal(Box::new(violation)));
        let mut before = INITIAL;
        for part in parts {
            let Part { version, appended, begins, .. } = self.parts[*part];
            if !appended {
                if before != INITIAL {
                    return illegal(self.not_replaced(read, *part));
                }
                self.shown[version] = read;
            } else if version == REPEATED {
                before = self.repeat(read, before, *part, begins);
                continue;
            } else if self.shown[version] == NONE {
                self.shown[version] = read;
                self.versions.list[version].after = before as u32;
            } else if self.versions.list[version].after != before as u32 {
                return illegal(self.two_orders(read, version, parts));
            }
            before = version;
        }
        Ok(before)
    }

    /// The version in which a repeated part is behind another version.
    fn repeat(&mut self, read: u32, before: usize, part: usize, begins: u64) -> usize {
        let next = self.versions.list.len();
        let version = *self.repeated.entry((before, part)).or_insert(next);
        if version == next {
            self.versions.list.push(Version { after: before as u32, begins, ..Version::new() });
            self.ends.push(part);
            self.shown.push(read);
        }
        version
    }
}

/// Whether a value is an empty text or list, or `nil`.
fn is_empty(history: &History, id: Id) -> bool {
    let values = &history.values;
    id == Id::NIL || values.as_text(id).is_some_and(str::is_empty) || values.as_list(id).is_some_and(<[Id]>::is_empty)
}

/// What is wrong, in words.
impl Store<'_> {
    /// The operation that makes a version, or [`NONE`] where that is not known.
    fn maker(&self, version: usize) -> u32 {
        self.versions.list[version].maker
    }

    /// The part at the end of a version.
    fn end(&self, version: usize) -> String {
        match self.ends.get(version).and_then(|part| self.parts.get(*part)) {
            Some(part) => words::value(self.history, part.id),
            None => "nothing".to_owned(),
        }
    }

    /// `process 7's append of "x 7 1 y"`, or only the part where it is not known who wrote it.
    fn write_of(&self, version: usize) -> String {
        match self.maker(version) {
            NONE => self.end(version),
            maker => words::op(self.history, maker),
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
        let part = &self.parts[part];
        let put = |op: &u32| {
            let op = self.history.get(*op);
            op.function == Function::Write && op.argument == part.id && op.key == self.history.get(read).key
        };
        let put = (0..self.history.len() as u32).find(put).unwrap_or(read);
        let sentence = format!(
            "{} read {} {} behind something else, although {} replaces all that was there",
            self.process(read),
            words::value(self.history, part.id),
            words::when(self.history, read),
            words::op(self.history, put)
        );
        self.violation("not-replaced", sentence, vec![read, put])
    }

    /// A part stands behind different parts in two reads, or twice in one.
    fn two_orders(&self, read: u32, version: usize, parts: &[usize]) -> Violation {
        let other = self.shown[version];
        let name = self.end(version);
        if parts.iter().filter(|part| self.parts[**part].version == version).count() > 1 {
            let sentence = format!(
                "{} read {name} twice in one result {}, but it was appended once",
                self.process(read),
                words::when(self.history, read),
            );
            return self.violation("duplicate-append", sentence, vec![read, self.maker(version)]);
        }
        let sentence = format!(
            "{} read {name} right behind {} {}, but {} read it elsewhere {}: there is no one order of the appends",
            self.process(other),
            self.end(self.versions.list[version].after as usize),
            words::when(self.history, other),
            self.process(read),
            words::when(self.history, read),
        );
        self.violation("incompatible-order", sentence, vec![other, read, self.maker(version)])
    }

    fn explain(&self, fault: Fault) -> Violation {
        match fault {
            // There is never a circle: a part's place was taken from a result that shows all that is before it.
            Fault::Early(version) | Fault::Cycle(version) => self.early(version),
            Fault::Fork(a, b) => self.fork(a, b),
            Fault::Backwards(earlier, later) => self.backwards(earlier, later),
            Fault::Apart(a, b) => self.apart(a, b),
        }
    }

    fn early(&self, version: usize) -> Violation {
        let read = self.versions.first(self.history, &[version]);
        if self.maker(version) != NONE {
            return before_write(self.history, read, self.maker(version));
        }
        let part = self.ends.get(version).and_then(|part| self.parts.get(*part));
        let begins = part.map_or(0, |part| part.begins);
        let sentence = format!(
            "{} read {} {}, but that was first appended later, at {}",
            self.process(read),
            self.end(version),
            words::when(self.history, read),
            words::at(self.history, begins)
        );
        self.violation("future-read", sentence, vec![read])
    }

    fn fork(&self, a: usize, b: usize) -> Violation {
        let [first, second] = [self.shown[a], self.shown[b]];
        let before = self.versions.list[a].after as usize;
        let sentence = format!(
            "{} read {} right behind {} {}, but {} read {} there {}: there is no one order of the appends",
            self.process(first),
            self.end(a),
            self.end(before),
            words::when(self.history, first),
            self.process(second),
            self.end(b),
            words::when(self.history, second),
        );
        self.violation("incompatible-order", sentence, vec![first, second, self.maker(a), self.maker(b)])
    }

    fn backwards(&self, earlier: usize, later: usize) -> Violation {
        let (late, over) = self.versions.late(self.history, earlier, later);
        let links = between(&self.versions.list, earlier, later);
        let missing = links.first().copied().unwrap_or(later);
        let shown = self.shown[later];
        let mut witness = vec![late, over, shown];
        witness.extend(links.iter().map(|link| self.maker(*link)));
        let sentence = if self.history.functions()[late as usize] == Function::Read {
            let reason = match self.maker(missing) == over {
                true => format!("which {}", self.was_over(over)),
                false => format!("which was there already, as {}", words::over(self.history, over)),
            };
            format!(
                "{} read {} {}, without {}, {reason}; {} read that right behind it",
                self.process(late),
                self.content(earlier),
                words::when(self.history, late),
                self.write_of(missing),
                self.process(shown),
            )
        } else {
            format!(
                "{}, after {}, but {} read {} in front of {}",
                words::began(self.history, late),
                words::over(self.history, over),
                self.process(shown),
                self.end(earlier),
                self.end(later)
            )
        };
        self.violation("stale-read", sentence, witness)
    }

    fn was_over(&self, op: u32) -> String {
        format!("was over at {}", words::at(self.history, self.history.get(op).ret))
    }

    fn apart(&self, a: [usize; 2], b: [usize; 2]) -> Violation {
        let [around, within] = self.versions.crossing(self.history, a, b);
        let mut sentence = self.misplaced(around[1], a[1], within[0]);
        if a[0] != INITIAL {
            sentence += &format!(
                "; and that came after what it shows, since {} before {}",
                words::over(self.history, around[0]),
                words::began(self.history, within[1]),
            );
        }
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

    /// That an operation shows a version although another operation, which is in no chain with it, was over.
    fn misplaced(&self, late: u32, version: usize, over: u32) -> String {
        let functions = self.history.functions();
        let version_of = |op: u32| self.versions.members.iter().find(|member| member.0 == op).map(|member| member.1);
        let unseen = version_of(over).is_some_and(|version| self.shown[version] == NONE);
        let (name, was_over) = (words::op(self.history, over), self.was_over(over));
        let reason = match functions[over as usize] {
            Function::Append if unseen => format!("without {name}, which {was_over}"),
            Function::Write => format!("although {name} had replaced that: it {was_over}"),
            _ => format!("although something had been put in its place: {name} {was_over}"),
        };
        if functions[late as usize] != Function::Read {
            return format!("{}, {reason}", words::began(self.history, late));
        }
        let (process, when) = (self.process(late), words::when(self.history, late));
        format!("{process} read {} {when}, {reason}", self.content(version))
    }

    /// What a version holds: `nothing`, or `what ends with "x 7 1 y"`.
    fn content(&self, version: usize) -> String {
        if version == INITIAL { "nothing".to_owned() } else { format!("what ends with {}", self.end(version)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        linearizability::{
            monitor::testing::{agrees, assert_both_occur, calls, history, illegal, of},
            testing::Word,
        },
        model::Kv,
    };
    use proptest::prelude::*;

    /// Appends, puts and reads of a text, in which some reads miss the end, or see something else there.
    fn histories(most: usize) -> impl Strategy<Value = History> {
        (calls(most), 0..6i64).prop_map(|(calls, repeats)| {
            let mut held = String::new();
            let mut before = String::new();
            history(
                &calls,
                |index, call| match call.choice {
                    0..10 if call.number == repeats => (Function::Write, Word::Text("r".to_owned())),
                    0..10 => (Function::Write, Word::Text(format!("{index}p"))),
                    10..50 if call.number == repeats => (Function::Append, Word::Text("r".to_owned())),
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

    fn sentence(ops: &[(u32, Function, &str, [u64; 2])]) -> String {
        let ops: Vec<_> = ops
            .iter()
            .map(|(process, function, text, times)| match function {
                Function::Read => (*process, *function, Word::None, *times, Word::Text((*text).to_owned())),
                _ => (*process, *function, Word::Text((*text).to_owned()), *times, Word::None),
            })
            .collect();
        illegal(&KvAppend::default(), &of(&ops)).sentence
    }

    #[test]
    fn sentences_say_what_is_missing() {
        use Function::{Append, Read, Write};
        assert_eq!(
            sentence(&[
                (1, Append, "a", [0, 1]),
                (2, Append, "b", [2, 3]),
                (3, Read, "a", [4, 5]),
                (4, Read, "ab", [4, 6])
            ]),
            "c3 read what ends with \"a\" between event 4 and event 5, without c2's append of \"b\", which was over at event \
             3; c4 read that right behind it"
        );
        assert_eq!(
            sentence(&[(1, Append, "a", [0, 1]), (2, Read, "", [2, 3])]),
            "c2 read nothing between event 2 and event 3, without c1's append of \"a\", which was over at event 1"
        );
        assert_eq!(
            sentence(&[(1, Write, "a", [0, 1]), (2, Write, "b", [2, 3]), (3, Read, "a", [4, 5])]),
            "c3 read what ends with \"a\" between event 4 and event 5, although c2's write of \"b\" had replaced that: it \
             was over at event 3; and that came after what it shows, since c1's write of \"a\" was over at event 1 before \
             c2's write of \"b\" began at event 2"
        );
        assert_eq!(
            sentence(&[
                (1, Append, "a", [0, 9]),
                (2, Append, "b", [0, 9]),
                (3, Read, "ab", [4, 5]),
                (4, Read, "ba", [4, 5])
            ]),
            "c3 read \"b\" right behind \"a\" between event 4 and event 5, but c4 read it elsewhere between event 4 and event \
             5: there is no one order of the appends"
        );
    }

    proptest! {
        #[test]
        fn agrees_with_the_search(history in histories(12)) {
            agrees(&KvAppend::default(), &Kv::new(&history, None), &history)?;
        }
    }
}
