//! What an append is answered: how long the text was with its piece, which is where the piece ends in every later read.
//!
//! Models take no notice of it: it says nothing of the order that reads do not say already. So it is compared with them
//! here, for keys that are only appended to and read, as far as the longest text that was read falls into the pieces that
//! were appended in one way only.

use super::{
    View,
    evidence::{Figure, finding},
    field_of,
};
use crate::{calls::Call, text::excerpt, verdict::Finding};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A key that is appended to.
#[derive(Default)]
struct Key<'a> {
    appends: Vec<(&'a Call, String)>,
    /// The read that saw the most, and what.
    longest: Option<(&'a Call, String)>,
    /// Something else was done with it.
    other: bool,
}

/// The finding for the first append that was answered with another length than reads show, and how many there are.
pub(super) fn wrong(view: &View<'_>, requirement: &str) -> Option<Finding> {
    let keys = keys(view);
    let mut wrong: Vec<_> = keys.iter().filter(|(_, key)| !key.other).flat_map(|(name, key)| key.wrong(name)).collect();
    wrong.sort_by_key(|wrong| wrong.append.invoked);
    let first = wrong.first()?;
    let (piece, key) = (excerpt(first.piece, 24), excerpt(first.key, 24));
    let expected =
        format!("length {} for the append of `{piece}`, which ends there in what was read of {key}", first.ends);
    let actual = format!("the append of `{piece}` to {key} was answered length {}", first.answered);
    let mut finding = finding("not-linearizable", requirement, expected, actual);
    finding.count = wrong.len() as u64;
    let mut figure = Figure::of(view);
    let answered = format!("→ length {}", first.answered);
    figure.operation(first.append, format!("{key} append {piece}"), Some(answered), true);
    figure.operation(first.read, format!("{key} read"), Some(format!("→ {}", first.seen())), false);
    finding.evidence = figure.finish(super::evidence::share(wrong.len(), view.work().count(), "operation"));
    Some(finding)
}

/// An append with a wrong answer.
struct Wrong<'a> {
    append: &'a Call,
    read: &'a Call,
    key: &'a str,
    piece: &'a str,
    /// What was read, and where in it the piece ends.
    text: &'a str,
    ends: u64,
    answered: u64,
}

impl Wrong<'_> {
    /// What was read, up to the end of the piece.
    fn seen(&self) -> String {
        let text = self.text.get(..self.ends as usize).unwrap_or(self.text);
        let from = text.char_indices().rev().nth(SEEN).map_or(0, |(place, _)| place);
        let before = if from > 0 { "…" } else { "" };
        format!("{before}{} ({} bytes up to there)", excerpt(&text[from..], 2 * SEEN), self.ends)
    }
}

/// How many characters before the end of a piece are shown of what was read.
const SEEN: usize = 24;

fn keys<'a>(view: &View<'a>) -> BTreeMap<String, Key<'a>> {
    let mut keys: BTreeMap<String, Key<'a>> = BTreeMap::new();
    for call in view.work() {
        let text = |json: &str, field| match field_of(json, field) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let Some(name) = text(&call.request, "key") else { continue };
        let key = keys.entry(name).or_default();
        match (&*call.function, text(&call.request, "value")) {
            ("append", Some(piece)) => key.appends.push((call, piece)),
            ("read", _) => {
                let seen = call.reply.as_deref().and_then(|reply| text(reply, "value"));
                let most = key.longest.as_ref().map_or(0, |(_, text)| text.len());
                key.longest = seen.filter(|seen| seen.len() > most).map(|seen| (call, seen)).or(key.longest.take());
            }
            _ => key.other = true,
        }
    }
    keys
}

impl<'a> Key<'a> {
    fn wrong<'k>(&'k self, name: &'k str) -> Vec<Wrong<'k>> {
        let Some((read, text)) = &self.longest else { return Vec::new() };
        let ends = ends(text, self.appends.iter().map(|(_, piece)| &**piece));
        let of = |(append, piece): &'k (&'a Call, String)| {
            let (ends, answered) = (*ends.get(&**piece)?, field_of(append.reply.as_deref()?, "length")?.as_u64()?);
            (append.is_ok() && ends != answered).then_some(Wrong {
                append,
                read,
                key: name,
                piece,
                text,
                ends,
                answered,
            })
        };
        self.appends.iter().filter_map(of).collect()
    }
}

/// Where each piece ends in a text that is made of them, in bytes, up to where that is not certain.
fn ends<'p>(text: &str, pieces: impl Iterator<Item = &'p str>) -> HashMap<&'p str, u64> {
    // How often each was appended: of one that was appended twice it is not known which is which.
    let mut known: HashMap<&str, u32> = HashMap::new();
    pieces.for_each(|piece| *known.entry(piece).or_default() += 1);
    let lengths: BTreeSet<usize> = known.keys().map(|piece| piece.len()).filter(|length| *length > 0).collect();
    let (mut ends, mut place) = (HashMap::new(), 0);
    while place < text.len() {
        let begins = |length: &usize| text.get(place..place + length).and_then(|part| known.get_key_value(part));
        let mut next = lengths.iter().filter_map(begins);
        let (Some((piece, times)), None) = (next.next(), next.next()) else { break };
        place += piece.len();
        if *times == 1 {
            ends.insert(*piece, place as u64);
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_where_the_text_says_as_far_as_that_is_certain() {
        let of = |text, pieces: &[&'static str]| {
            let mut ends: Vec<_> = ends(text, pieces.iter().copied()).into_iter().collect();
            ends.sort_unstable();
            ends
        };
        assert_eq!(of("12;7;é;", &["7;", "é;", "12;", "3;"]), [("12;", 3), ("7;", 5), ("é;", 8)]);
        assert_eq!(of("7;7;3;", &["7;", "7;", "3;"]), [("3;", 6)], "which 7 came first nobody knows");
        assert_eq!(of("aab", &["a", "aa", "b"]), [], "it can be read in two ways");
        assert_eq!(of("7;x3;", &["7;", "3;"]), [("7;", 2)], "what stands behind something strange is not certain");
        assert_eq!(of("", &["", "a"]), []);
    }
}
