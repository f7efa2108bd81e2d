//! One element of a set or multiset, where it can be judged in polynomial time.

use super::{contents::NEVER, minimal::minimal, sentence::Words};
use crate::{
    history::History,
    model::set::Change,
    verify::{Judged, Violation},
};

/// An operation on the element.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Index of the operation.
    pub op: u32,
    /// What it does.
    pub change: Change,
    /// Whether the element was there before; none where nobody was told.
    pub there: Option<bool>,
    /// When it was called.
    pub call: u64,
    /// When it returned.
    pub ret: u64,
    /// Whether it was answered at all.
    pub answered: bool,
}

impl Entry {
    /// Whether it may change whether the element is there.
    fn is_effect(&self, counts: bool) -> bool {
        match self.change {
            Change::Insert => counts || self.there != Some(true),
            Change::Remove => self.there != Some(false),
            Change::Look => false,
        }
    }

    /// Whether it shows that the element was there.
    fn shows(&self) -> bool {
        self.there == Some(true)
    }

    /// Whether it shows that the element was not there, and changes nothing.
    fn misses(&self) -> bool {
        self.there == Some(false) && self.change != Change::Insert
    }
}

/// The operations on one element, in order of calls.
#[derive(Debug, Clone, Copy)]
pub struct Element<'h> {
    /// Where they are from.
    pub history: &'h History,
    /// The operations.
    pub entries: &'h [Entry],
    /// Whether the element can be there more than once.
    pub counts: bool,
}

impl Element<'_> {
    /// Judges the element, if one of the two fast ways covers it.
    pub fn judge(&self) -> Option<Judged> {
        if let Some(once) = Once::new(self.entries.iter(), self.counts) {
            return Some(if once.is_legal(self.entries.iter()) { Judged::Legal } else { self.violated() });
        }
        let never_missed = |entry: &Entry| {
            let silent = entry.change == Change::Remove && entry.there.is_none() && entry.answered;
            entry.there != Some(false) && !silent && (entry.change != Change::Insert || entry.there.is_none())
        };
        let covered = self.counts && self.entries.iter().all(never_missed);
        covered.then(|| self.overdrawn().map_or(Judged::Legal, Judged::illegal))
    }

    /// The violation of an element that is put in and taken out at most once: these two, and as few others as possible.
    fn violated(&self) -> Judged {
        let (effects, others): (Vec<Entry>, Vec<Entry>) =
            self.entries.iter().partition(|entry| entry.is_effect(self.counts));
        let illegal = |others: &[Entry]| {
            let entries = || effects.iter().chain(others);
            Once::new(entries(), self.counts).is_some_and(|once| !once.is_legal(entries()))
        };
        let few = if illegal(&[]) { Vec::new() } else { minimal(&others, illegal) };
        let mut entries: Vec<Entry> = effects.into_iter().chain(few).collect();
        entries.sort_unstable_by_key(|entry| entry.op);
        // One that was taken out without being told may say nothing.
        let witness: Vec<u32> = entries.iter().map(|entry| entry.op).collect();
        let (rule, sentence) = explain(self.history, &entries, &Words::new(self.history, &witness));
        Judged::illegal(Violation { rule, sentence, witness, ..Violation::default() })
    }

    /// A removal or a look that came when all copies had been taken out, where nobody ever found none.
    fn overdrawn(&self) -> Option<Violation> {
        let times = |wanted: &dyn Fn(&Entry) -> Option<u64>| {
            let mut times: Vec<u64> = self.entries.iter().filter_map(wanted).collect();
            times.sort_unstable();
            times
        };
        let inserted = times(&|entry| (entry.change == Change::Insert).then_some(entry.call));
        let removal = |entry: &Entry| entry.change == Change::Remove && entry.answered;
        let removed = times(&|entry| removal(entry).then_some(entry.ret));
        let until = |times: &[u64], end: u64| times.partition_point(|time| *time <= end);
        let before = |times: &[u64], end: u64| times.partition_point(|time| *time < end);
        let missing = removed.iter().zip(1..).find(|(ret, count)| until(&inserted, **ret) < *count);
        let (end, look) = match missing {
            Some((ret, _)) => (*ret, None),
            None => {
                let look = self.entries.iter().find(|entry| {
                    entry.change == Change::Look
                        && entry.shows()
                        && until(&inserted, entry.call) == before(&removed, entry.call)
                        && until(&inserted, entry.ret) == until(&inserted, entry.call)
                })?;
                (look.ret, Some(look))
            }
        };
        let matters = |entry: &&Entry| match (entry.change, look) {
            (Change::Insert, _) => entry.call <= end,
            (Change::Remove, None) => removal(entry) && entry.ret <= end,
            (Change::Remove, Some(look)) => removal(entry) && entry.ret < look.call,
            (Change::Look, look) => look.is_some_and(|look| look.op == entry.op),
        };
        let witness: Vec<u32> = self.entries.iter().filter(matters).map(|entry| entry.op).collect();
        let words = Words::new(self.history, &witness);
        let last = match look {
            Some(look) => look,
            None => self.entries.iter().find(|entry| removal(entry) && entry.ret == end)?,
        };
        let element = words.value(self.history.get(last.op).argument);
        let came = match look {
            Some(_) => format!("{} found {element} there {}", words.who(last.op), words.during(last.op)),
            None => format!("{} took {element} out {}", words.who(last.op), words.during(last.op)),
        };
        let often = |count: usize| if count == 1 { "once".into() } else { format!("{count} times") };
        let taken = if look.is_some() { before(&removed, last.call) } else { until(&removed, end) };
        let sentence = format!(
            "{came}, but by then it had been put in {} at most and taken out {}",
            often(until(&inserted, end)),
            often(taken),
        );
        Some(Violation { rule: "removed-too-often", sentence, witness, ..Violation::default() })
    }
}

/// An element that is put in and taken out at most once.
struct Once {
    insert: Option<Entry>,
    remove: Option<Entry>,
    /// When the first operation that shows the element returned.
    seen: u64,
    /// When the last one was called.
    seen_last: u64,
}

impl Once {
    fn new<'e>(entries: impl Iterator<Item = &'e Entry>, counts: bool) -> Option<Self> {
        let mut once = Self { insert: None, remove: None, seen: NEVER, seen_last: 0 };
        for entry in entries {
            if entry.shows() && entry.change != Change::Remove {
                once.seen = once.seen.min(entry.ret);
                once.seen_last = once.seen_last.max(entry.call);
            }
            if !entry.is_effect(counts) {
                continue;
            }
            let place = if entry.change == Change::Insert { &mut once.insert } else { &mut once.remove };
            if place.replace(*entry).is_some() || (entry.change == Change::Insert && entry.shows()) {
                return None;
            }
        }
        Some(once)
    }

    fn is_legal<'e>(&self, entries: impl Iterator<Item = &'e Entry> + Clone) -> bool {
        let told = self.remove.filter(|remove| remove.shows());
        let Some(insert) = self.insert else { return self.seen == NEVER && told.is_none() };
        match self.remove {
            Some(remove) if remove.there.is_none() && remove.answered => {
                let in_vain = remove.call <= insert.ret.min(self.seen) && self.stays(insert, None, entries.clone());
                in_vain || self.stays(insert, Some(remove), entries)
            }
            remove => self.stays(insert, remove, entries),
        }
    }

    /// Whether all is explained by this insertion and this removal, in this order.
    fn stays<'e>(&self, insert: Entry, remove: Option<Entry>, mut entries: impl Iterator<Item = &'e Entry>) -> bool {
        let told = remove.filter(|remove| remove.answered);
        let (gone, removed) = remove.map_or((NEVER, NEVER), |remove| (remove.call, remove.ret));
        let from = insert.ret.min(self.seen).min(told.map_or(NEVER, |remove| remove.ret));
        let to = gone.max(self.seen_last).max(insert.call);
        from >= insert.call
            && removed >= self.seen_last
            && !entries.any(|entry| entry.misses() && from < entry.call && entry.ret < to)
    }
}

/// The rule that an element breaks which is put in and taken out at most once, and a sentence about it.
fn explain(history: &History, entries: &[Entry], words: &Words<'_>) -> (&'static str, String) {
    let change = |change: Change| entries.iter().find(|entry| entry.change == change && entry.is_effect(false));
    let (insert, remove) = (change(Change::Insert), change(Change::Remove));
    let element = entries.first().map(|entry| words.value(history.get(entry.op).argument)).unwrap_or_default();
    let saw = |entry: &Entry| {
        let how = match entry.change {
            Change::Look => "found",
            Change::Insert => "was told that there was already",
            Change::Remove => "took out",
        };
        format!("{} {how} {element} {}", words.who(entry.op), words.during(entry.op))
    };
    let mut shown = entries.iter().filter(|entry| entry.shows());
    let Some(insert) = insert else {
        let shown = shown.next().map(saw).unwrap_or_default();
        return ("element-invented", format!("{shown}, but nobody ever inserted it"));
    };
    if let Some(early) = shown.clone().find(|entry| entry.ret < insert.call) {
        let (who, when) = (words.who(insert.op), words.called(insert.op));
        return ("seen-before-insert", format!("{}, before {who} began to insert it at {when}", saw(early)));
    }
    let late = remove.and_then(|remove| Some((remove, shown.find(|entry| entry.call > remove.ret)?)));
    if let Some((remove, late)) = late {
        let (who, when) = (words.who(remove.op), words.returned(remove.op));
        return ("seen-after-remove", format!("{}, after {who} had removed it by {when}", saw(late)));
    }
    let missed = entries.iter().find(|entry| entry.misses());
    let when = missed.map(|entry| format!("{} did not find {element} {}", words.who(entry.op), words.during(entry.op)));
    let mut evidence = Vec::new();
    if insert.answered {
        evidence.push(format!("{} had inserted it by {}", words.who(insert.op), words.returned(insert.op)));
    }
    evidence.extend(entries.iter().filter(|entry| entry.shows() && entry.change != Change::Remove).map(saw));
    evidence.push(match remove {
        None => "nobody removed it".to_owned(),
        Some(remove) => format!("only {} removed it, {}", words.who(remove.op), words.during(remove.op)),
    });
    let when = when.unwrap_or_else(|| format!("what was said of {element} cannot all be true"));
    ("element-missed", format!("{when}, but it was there: {}", words.list(&evidence)))
}
