//! Conversations: what is said to a server byte by byte, and what it may answer.
//!
//! Where a workload asks what a program does under many clients, a conversation asks what it makes of one connection, or of
//! a few that follow each other: requests in pieces or many at once, large ones, and such that are none. What was expected
//! is recorded beside what was heard, so that the record can be judged without the challenge.
//!
//! Numbers that only the server knows, such as the id of a job, get names: the first answer that holds one tells it.

use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap, fmt::Write, time::Duration};

/// What is said from the beginning to the end of one connection, or of a few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// What it is about, as the end of "the server …": `takes commands in pieces`.
    pub about: String,
    /// In their order; the first that is not as expected ends the conversation.
    pub exchanges: Vec<Exchange>,
}

/// Something that is said, and what may be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// On which of the conversation's connections, counted from 0; each is made when it is first used.
    pub connection: usize,
    /// Whether the connection is ended, instead of anything being said.
    pub hangs_up: bool,
    /// How long is waited before.
    pub pause: Duration,
    /// What is said.
    pub say: Vec<u8>,
    /// In which pieces.
    pub pieces: Pieces,
    /// What may be heard.
    pub expect: Expected<Vec<u8>>,
    /// From when on something else is right.
    pub expires: Option<Expiry<Vec<u8>>>,
    /// The name of a number that the answer tells. It stands for it in what may be heard, and from then on in all that is
    /// said and expected.
    pub learns: Option<String>,
}

/// In which pieces something is sent, each on its own and a moment after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pieces {
    /// All of it at once.
    One,
    /// In two, the first of which has so many bytes.
    Two(usize),
    /// Each byte for itself.
    Bytes,
}

/// What may be heard: one of these texts, something that begins in a certain way, or that the connection ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Expected<T> {
    /// Exactly one of these.
    pub one_of: Vec<T>,
    /// One line that begins like this, such as an error.
    pub line: Option<T>,
    /// A line that begins like this, and whatever comes behind it: after what was no request nobody knows where the next one
    /// begins.
    pub begin: Option<T>,
    /// What such a line, and what comes behind it, has somewhere in it.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<T>,
    /// Or the connection ends, whatever was heard before it did.
    pub end: bool,
}

/// When what an earlier exchange has set is gone again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Expiry<T> {
    /// The exchange of this conversation that has set it, counted from 0.
    pub set_by: usize,
    /// How long it stays, in nanoseconds.
    pub after: u64,
    /// What may be heard from then on.
    pub then: Expected<T>,
}

/// What the record holds of an exchange's first half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Said {
    /// Always [`FUNCTION`].
    #[serde(rename = "type")]
    pub function: String,
    /// [`Conversation::about`].
    pub about: String,
    /// The number of the exchange in its conversation, counted from 0.
    pub number: usize,
    /// How long was waited before, in nanoseconds.
    #[serde(default)]
    pub pause: u64,
    /// On which connection of the conversation.
    #[serde(default)]
    pub connection: usize,
    /// Whether the connection was ended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hangs_up: bool,
    /// What was said, as by [`shown`].
    pub say: String,
    /// The same with names instead of numbers, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_names: Option<String>,
    /// In which pieces.
    pub pieces: Pieces,
    /// What may be heard.
    pub expect: Expected<String>,
    /// From when on something else is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry<String>>,
    /// The name of the number that the answer tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learns: Option<String>,
}

/// What the record holds of its second half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Heard {
    /// Always [`FUNCTION`] with `_ok`.
    #[serde(rename = "type")]
    pub function: String,
    /// What was heard, as by [`shown`].
    pub heard: String,
    /// Whether the server ended the connection.
    pub ended: bool,
}

/// Conversations without an answer after which no further one is led: nothing more is to be learnt.
pub const SILENT: usize = 8;

/// What a history calls an exchange.
pub const FUNCTION: &str = "exchange";

/// An answer that is longer is looked at when it may be complete.
const LOOK: usize = 64 << 10;
/// Runs of one byte that are at least this long are shown as one.
const RUN: usize = 64;

/// Bytes as text: as in a string of C, and a long run of one byte as `x⟨67108864 times⟩`. Different bytes make different
/// texts.
pub fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for run in bytes.chunk_by(|one, next| one == next) {
        let byte = run[0].escape_ascii();
        // A string takes whatever is written.
        let _always = match run.len() {
            RUN.. => write!(text, "{byte}⟨{} times⟩", run.len()),
            times => (0..times).try_for_each(|_| write!(text, "{byte}")),
        };
    }
    text
}

impl Exchange {
    /// Something that is said at once and in one piece.
    pub fn new(say: impl Into<Vec<u8>>, expect: Expected<Vec<u8>>) -> Self {
        Self {
            connection: 0,
            hangs_up: false,
            pause: Duration::ZERO,
            say: say.into(),
            pieces: Pieces::One,
            expect,
            expires: None,
            learns: None,
        }
    }

    /// The end of the connection, from the client's side.
    pub fn hang_up() -> Self {
        Self { hangs_up: true, ..Self::new(Vec::new(), Expected::exactly(Vec::new())) }
    }

    /// The same, but on this connection.
    pub fn on(self, connection: usize) -> Self {
        Self { connection, ..self }
    }

    /// The same, but the answer tells the number of this name.
    pub fn learning(self, name: &str) -> Self {
        Self { learns: Some(name.into()), ..self }
    }

    /// The same, but in these pieces.
    pub fn in_pieces(self, pieces: Pieces) -> Self {
        Self { pieces, ..self }
    }

    /// The same, but so much later.
    pub fn after(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// The same, but what an earlier exchange of its conversation has set is gone some time after that.
    pub fn expiring(self, set_by: usize, after: Duration, then: Expected<Vec<u8>>) -> Self {
        Self { expires: Some(Expiry { set_by, after: after.as_nanos() as u64, then }), ..self }
    }

    /// What the record holds of it.
    pub fn said(&self, about: &str, number: usize) -> Said {
        let expiry =
            |expiry: &Expiry<Vec<u8>>| Expiry { set_by: expiry.set_by, after: expiry.after, then: expiry.then.shown() };
        Said {
            function: FUNCTION.into(),
            about: about.into(),
            number,
            pause: self.pause.as_nanos() as u64,
            connection: self.connection,
            hangs_up: self.hangs_up,
            say: shown(&self.say),
            with_names: None,
            pieces: self.pieces,
            expect: self.expect.shown(),
            expires: self.expires.as_ref().map(expiry),
            learns: self.learns.clone(),
        }
    }

    /// Whether the server is to say nothing.
    pub fn is_silence(&self) -> bool {
        self.expect.one_of.iter().any(Vec::is_empty)
    }

    /// The same with numbers instead of their names, but for the one that it tells itself.
    pub fn knowing(&self, numbers: &BTreeMap<String, Vec<u8>>) -> Self {
        let known = numbers.iter().filter(|(name, _)| self.learns.as_ref() != Some(*name));
        known.fold(self.clone(), |exchange, (name, number)| {
            let put = |text: &Vec<u8>| replaced(text, name.as_bytes(), number);
            exchange.map(put)
        })
    }

    /// The same with the number that is heard, if one is told here.
    fn with_heard(&self, heard: &[u8]) -> Cow<'_, Self> {
        let Some(name) = &self.learns else { return Cow::Borrowed(self) };
        let texts = self.expected().flat_map(Expected::texts).map(Vec::as_slice);
        let number = number(name.as_bytes(), texts, heard).unwrap_or(b"0");
        Cow::Owned(self.map(|text| replaced(text, name.as_bytes(), number)))
    }

    fn map(&self, change: impl Fn(&Vec<u8>) -> Vec<u8>) -> Self {
        let expiry = |expiry: &Expiry<Vec<u8>>| Expiry { then: expiry.then.map(&change), ..expiry.clone() };
        Self {
            say: change(&self.say),
            expect: self.expect.map(&change),
            expires: self.expires.as_ref().map(expiry),
            ..self.clone()
        }
    }

    fn expected(&self) -> impl Iterator<Item = &Expected<Vec<u8>>> {
        [Some(&self.expect), self.expires.as_ref().map(|expiry| &expiry.then)].into_iter().flatten()
    }

    /// Whether nothing more has to be heard to know what to make of it: it is right, or cannot become so any more.
    pub fn is_decided(&self, heard: &[u8]) -> bool {
        match heard.len().checked_sub(self.longest()) {
            // Much is compared once, when it is all there.
            None if heard.len() > LOOK => return false,
            Some(surplus) if surplus > LOOK => return true,
            _ => {}
        }
        let this = self.with_heard(heard);
        let expected = || this.expected();
        expected().any(|expected| expected.is_complete(heard))
            || !expected().any(|expected| expected.is_possible(heard))
    }

    /// Length of the longest text that may be heard.
    fn longest(&self) -> usize {
        let texts = self.expect.one_of.iter().chain(self.expires.iter().flat_map(|expiry| &expiry.then.one_of));
        texts.map(Vec::len).max().unwrap_or(0)
    }

    /// Whether this is right, at whatever time it was heard.
    pub fn may_be(&self, heard: &Heard) -> bool {
        let said = self.said("", 0);
        [Some(&said.expect), said.expires.as_ref().map(|expiry| &expiry.then)]
            .into_iter()
            .flatten()
            .any(|expected| said.is_met(expected, heard))
    }
}

impl Said {
    /// The number that this answer tells, with its name.
    pub fn learnt(&self, heard: &Heard) -> Option<(String, Vec<u8>)> {
        let name = self.learns.as_ref()?;
        let then = self.expires.as_ref().map(|expiry| &expiry.then);
        let texts = std::iter::once(&self.expect).chain(then).flat_map(Expected::texts).map(String::as_bytes);
        let number = number(name.as_bytes(), texts, heard.heard.as_bytes())?;
        Some((name.clone(), number.to_vec()))
    }

    /// Whether something that may be heard is what was heard, whatever number that tells.
    pub fn is_met(&self, expected: &Expected<String>, heard: &Heard) -> bool {
        let Some(name) = &self.learns else { return expected.is_met(heard) };
        let texts = expected.texts().map(String::as_bytes);
        let Some(number) = number(name.as_bytes(), texts, heard.heard.as_bytes()) else { return false };
        let number = String::from_utf8_lossy(number);
        expected.map(|text| text.replace(name.as_str(), &number)).is_met(heard)
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// The most digits of a number: as many as 64 bits have.
const DIGITS: usize = 20;

/// The number that stands in `heard` where one of the texts has this name.
fn number<'h, 't>(name: &[u8], texts: impl Iterator<Item = &'t [u8]>, heard: &'h [u8]) -> Option<&'h [u8]> {
    texts.filter_map(|text| heard.strip_prefix(&text[..position(text, name)?])).find_map(|rest| {
        let digits = rest.iter().take(DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
        (digits > 0).then(|| &rest[..digits])
    })
}

fn position(text: &[u8], name: &[u8]) -> Option<usize> {
    text.windows(name.len().max(1)).position(|window| window == name)
}

fn replaced(text: &[u8], name: &[u8], number: &[u8]) -> Vec<u8> {
    let mut rest = text;
    let mut all = Vec::with_capacity(text.len());
    while let Some(at) = position(rest, name) {
        all.extend_from_slice(&rest[..at]);
        all.extend_from_slice(number);
        rest = &rest[at + name.len()..];
    }
    all.extend_from_slice(rest);
    all
}

impl Heard {
    /// These bytes, and whether the connection ended behind them.
    pub fn new(bytes: &[u8], ended: bool) -> Self {
        Self { function: format!("{FUNCTION}_ok"), heard: shown(bytes), ended }
    }
}

/// A client that is a burden to the server: says something over and over, reads no answer, and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nuisance {
    /// What it says first.
    pub first: Vec<u8>,
    /// What it says then. Without an end it makes the server wait for it.
    pub say: Vec<u8>,
    /// How often, unless the server takes no more before.
    pub times: u32,
    /// How many such clients there are.
    pub clients: u32,
}

impl<T> Expected<T> {
    /// Exactly this.
    pub fn exactly(text: impl Into<T>) -> Self {
        Self::one_of([text.into()])
    }

    /// Nothing, for a moment: whoever asks is to wait.
    pub fn silence() -> Self
    where
        T: Default,
    {
        Self::exactly(T::default())
    }

    /// One of these.
    pub fn one_of(texts: impl IntoIterator<Item = T>) -> Self {
        Self { one_of: texts.into_iter().collect(), line: None, begin: None, words: Vec::new(), end: false }
    }

    /// A line that begins like this.
    pub fn line(begin: impl Into<T>) -> Self {
        Self { line: Some(begin.into()), ..Self::one_of([]) }
    }

    /// A line that begins like this, and whatever comes behind it.
    pub fn beginning(begin: impl Into<T>) -> Self {
        Self { begin: Some(begin.into()), ..Self::one_of([]) }
    }

    /// The same, but with these somewhere in the line, or in what comes behind it.
    #[must_use]
    pub fn with_words(mut self, words: impl IntoIterator<Item = T>) -> Self {
        self.words.extend(words);
        self
    }

    /// This too.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.one_of.extend(other.one_of);
        self.words.extend(other.words);
        let (line, begin) = (self.line.or(other.line), self.begin.or(other.begin));
        Self { line, begin, end: self.end || other.end, ..self }
    }

    /// The end of the connection too.
    #[must_use]
    pub fn or_end(self) -> Self {
        Self { end: true, ..self }
    }

    fn texts(&self) -> impl Iterator<Item = &T> {
        self.one_of.iter().chain(&self.line).chain(&self.begin)
    }

    fn map<U>(&self, change: impl Fn(&T) -> U) -> Expected<U> {
        let [line, begin] = [&self.line, &self.begin].map(|text| text.as_ref().map(&change));
        let [one_of, words] = [&self.one_of, &self.words].map(|texts| texts.iter().map(&change).collect());
        Expected { one_of, line, begin, words, end: self.end }
    }
}

impl Expected<Vec<u8>> {
    fn shown(&self) -> Expected<String> {
        self.map(|text| shown(text))
    }

    fn is_complete(&self, heard: &[u8]) -> bool {
        let is_line = |begin: &Vec<u8>| heard.starts_with(begin) && heard.contains(&b'\n') && self.has_words(heard);
        self.one_of.iter().any(|text| text == heard) || self.lines().any(is_line)
    }

    /// Whether more may make it complete. That the connection ends is listened for a while longer in any case.
    fn is_possible(&self, heard: &[u8]) -> bool {
        let begins = |text: &[u8]| text.starts_with(heard) || heard.starts_with(text);
        heard.is_empty()
            || self.one_of.iter().any(|text| text.starts_with(heard))
            || self.lines().any(|line| begins(line) && !heard.contains(&b'\n'))
            || self.begin.as_ref().is_some_and(|begin| begins(begin) && !self.has_words(heard))
    }

    fn has_words(&self, heard: &[u8]) -> bool {
        self.words.iter().all(|word| position(heard, word).is_some())
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.line.iter().chain(&self.begin)
    }
}

impl Expected<String> {
    /// Whether what was heard is right.
    pub fn is_met(&self, heard: &Heard) -> bool {
        let has_words = self.words.iter().all(|word| heard.heard.contains(word.as_str()));
        let begins = |begin: &String| heard.heard.starts_with(begin.as_str()) && has_words;
        let is_line = |line: &String| begins(line) && is_one_line(&heard.heard);
        let has_line = |line: &String| begins(line) && end_of_line(&heard.heard).is_some();
        let silence_of_the_dead = heard.ended && heard.heard.is_empty();
        (self.one_of.contains(&heard.heard) && !silence_of_the_dead)
            || self.line.as_ref().is_some_and(is_line)
            || self.begin.as_ref().is_some_and(has_line)
            || (self.end && heard.ended)
    }

    /// In words.
    pub fn describe(&self) -> String {
        let text = |text: &String| if text.is_empty() { "nothing yet".into() } else { format!("`{text}`") };
        let mut ways: Vec<String> = self.one_of.iter().map(text).collect();
        let words: Vec<String> = self.words.iter().map(|word| format!("`{word}`")).collect();
        let words = if words.is_empty() { String::new() } else { format!(", with {} in it", words.join(", ")) };
        let which = |line: &String, words: &str| match line.is_empty() {
            true => words.to_owned(),
            false => format!(", which begins with `{line}`{words}"),
        };
        ways.extend(self.line.as_ref().map(|line| format!("exactly one line{}", which(line, &words))));
        let follows = |line| format!("a line that begins with `{line}`, whatever follows{words}");
        ways.extend(self.begin.as_ref().map(follows));
        ways.extend(self.end.then(|| "the end of the connection".to_owned()));
        if ways.is_empty() { "nothing yet".into() } else { ways.join(" or ") }
    }
}

/// Whether a text of [`shown`] has one line end, at its end.
fn is_one_line(shown: &str) -> bool {
    end_of_line(shown) == Some("")
}

/// What is behind the first line end in a text of [`shown`].
fn end_of_line(shown: &str) -> Option<&str> {
    let mut rest = shown.chars();
    while let Some(character) = rest.next() {
        if character == '\\' && rest.next() == Some('n') {
            return Some(rest.as_str());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn met(expected: &Expected<Vec<u8>>, text: &[u8], ended: bool) -> bool {
        expected.shown().is_met(&Heard::new(text, ended))
    }

    #[test]
    fn bytes_are_shown_short_and_in_full() {
        assert_eq!(shown(b"$2\r\n\xff\"\r\n"), "$2\\r\\n\\xff\\\"\\r\\n");
        assert_eq!(shown(&[vec![b'x'; 100], b"yy".to_vec()].concat()), "x⟨100 times⟩yy");
        assert_eq!(shown(&[0; 64]), "\\x00⟨64 times⟩");
    }

    #[test]
    fn one_of_several_answers_is_right() {
        let ok = Expected::exactly(*b"+OK\r\n").or(Expected::line(*b"-")).or_end();
        for (text, ended, right) in [
            (&b"+OK\r\n"[..], false, true),
            (b"-ERR too large\r\n", false, true),
            (b"-ERR c:\\new\r\n", false, true),
            (b"-ERR too large\r\n+OK\r\n", false, false),
            (b"+OK\r\n+OK\r\n", false, false),
            (b"+O", false, false),
            (b"-ERR", false, false),
            (b"", false, false),
            (b"", true, true),
        ] {
            assert_eq!(met(&ok, text, ended), right, "{}", shown(text));
        }
        let words = "`+OK\\r\\n` or exactly one line, which begins with `-` or the end of the connection";
        assert_eq!(ok.shown().describe(), words);
        let refused = Expected::beginning(*b"-");
        assert!(met(&refused, b"-ERR\r\n-ERR\r\n", false) && met(&refused, b"-ERR\r\n+P", true));
        assert!(!met(&refused, b"+PONG\r\n-ERR\r\n", false) && !met(&refused, b"-ERR", false));
        assert!(!met(&Expected::exactly(*b"+OK\r\n"), b"", true));
    }

    #[test]
    fn what_decides_is_known_with_its_last_byte() {
        let ask = |expect| Exchange::new(*b"x", expect);
        let value = ask(Expected::exactly(*b"$1\r\nv\r\n"));
        assert!(!value.is_decided(b"") && !value.is_decided(b"$1\r\nv\r"));
        assert!(value.is_decided(b"$1\r\nv\r\n") && value.is_decided(b"$-"));
        let expiring = value.expiring(0, Duration::from_millis(9), Expected::exactly(*b"$-1\r\n"));
        assert!(!expiring.is_decided(b"$-") && expiring.is_decided(b"$-1\r\n") && expiring.is_decided(b"+"));
        let error = ask(Expected::line(*b"-ERR"));
        assert!(!error.is_decided(b"-E") && !error.is_decided(b"-ERR no"));
        assert!(error.is_decided(b"-ERR no\r\n") && error.is_decided(b"-WRONG") && error.is_decided(b":1\r\n"));
        let large = ask(Expected::exactly(vec![b'x'; 1 << 20]));
        assert!(!large.is_decided(&[b'y'; 1 << 19]) && large.is_decided(&[b'y'; 1 << 20]));
        let closed = ask(Expected::line(*b"-").or_end());
        assert!(!closed.is_decided(b"") && closed.is_decided(b":1\r\n"), "its end is listened for a moment longer");
        assert!(closed.is_decided(&[b':'; 1 << 20]), "nobody listens for ever");
    }

    #[test]
    fn a_number_that_only_the_server_knows_is_learnt_and_used() {
        let put = Exchange::new(*b"put", Expected::exactly(*b"INSERTED <a> now\r\n")).learning("<a>");
        for undecided in [&b""[..], b"INS", b"INSERTED ", b"INSERTED 1", b"INSERTED 17 now"] {
            assert!(!put.is_decided(undecided), "{}", shown(undecided));
        }
        for (heard, right) in
            [(&b"INSERTED 17 now\r\n"[..], true), (b"INSERTED x now\r\n", false), (b"BURIED\r\n", false)]
        {
            assert!(put.is_decided(heard), "{}", shown(heard));
            assert_eq!(put.may_be(&Heard::new(heard, false)), right, "{}", shown(heard));
        }
        let learnt = |heard: &[u8]| put.said("", 0).learnt(&Heard::new(heard, false));
        assert_eq!(learnt(b"INSERTED "), None);
        let learnt = learnt(b"INSERTED 17 now\r\n").unwrap();
        assert_eq!(learnt, ("<a>".to_owned(), b"17".to_vec()));
        let learnt = BTreeMap::from([learnt]);
        assert_eq!(put.knowing(&learnt), put, "it tells a number anew");
        let get = Exchange::new(*b"peek <a>", Expected::exactly(*b"FOUND <a>/<a>")).knowing(&learnt);
        assert_eq!((&get.say[..], &get.expect.one_of[0][..]), (&b"peek 17"[..], &b"FOUND 17/17"[..]));
        assert_eq!(get.said("", 0).learnt(&Heard::new(b"FOUND 17/17", false)), None);
    }

    #[test]
    fn a_line_may_have_to_have_some_words() {
        let list = Exchange::new(*b"me\n", Expected::line(*b"*").with_words([b"ann".to_vec(), b"bob".to_vec()]));
        for (heard, right) in [(&b"* ann, bob\n"[..], true), (b"* bob\n", false), (b"ann bob\n", false)] {
            assert!(list.is_decided(heard), "{}", shown(heard));
            assert_eq!(list.may_be(&Heard::new(heard, false)), right, "{}", shown(heard));
        }
        let then = Exchange::new(*b"", Expected::beginning(*b"*").with_words([b"[ann] hi\n".to_vec()]));
        assert!(!then.is_decided(b"* ann\n") && !then.may_be(&Heard::new(b"* ann\n", false)));
        assert!(then.is_decided(b"* ann\n[ann] hi\n") && then.is_decided(b"[ann] hi\n"));
        // With line ends in its words it is told from what is shown too.
        assert!(then.may_be(&Heard::new(b"* ann\n[ann] hi\n", false)));
        let words = list.said("", 0).expect.describe();
        assert_eq!(words, "exactly one line, which begins with `*`, with `ann`, `bob` in it");
        assert_eq!(Expected::<String>::line("").describe(), "exactly one line");
    }

    #[test]
    fn silence_is_one_answer_of_its_own() {
        let waits = Exchange::new(*b"reserve\r\n", Expected::silence());
        assert!(waits.is_silence() && waits.may_be(&Heard::new(b"", false)) && !waits.may_be(&Heard::new(b"", true)));
        assert!(waits.is_decided(b"T") && !waits.may_be(&Heard::new(b"T", false)));
        assert!(!Exchange::new(*b"x", Expected::exactly(*b"y")).is_silence());
    }

    proptest! {
        #[test]
        fn different_bytes_make_different_texts(
            one in prop::collection::vec(prop::sample::select(vec![0u8, b'x', b'\\', b'n', 0xe2, b'1']), 0..200),
            long in 60usize..70,
            other in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let two = [vec![b'x'; long], other].concat();
            prop_assert_eq!(shown(&one) == shown(&two), one == two);
        }

        /// What is heard in pieces is decided when, and only when, its judgement will not change any more.
        #[test]
        fn a_right_answer_is_waited_for(text in "[a-c\r\n]{1,12}", cut in 0usize..12) {
            let exchange = Exchange::new(*b"x", Expected::exactly(text.as_bytes()));
            let part = &text.as_bytes()[..cut.min(text.len())];
            prop_assert_eq!(exchange.is_decided(part), part.len() == text.len());
        }
    }
}
