//! EDN, as Jepsen, Knossos, Elle and Porcupine's key-value histories write it: one event a line, or all in one vector.
//!
//! <https://github.com/edn-format/edn>. Tags are dropped and what they tag is kept; keywords, symbols, strings and
//! characters are all texts. The reader is a loop with a stack of its own, linear in the text.

use super::{
    Fault, Format, FormatError, Shape,
    event::{self, Source},
    tape::{DEEPEST, Node, Tape},
};
use crate::{history::format, text::excerpt, verify::Recorded};
use std::borrow::Cow;

pub(super) const FORMAT: Format = Format {
    name: "edn",
    about: "Jepsen's, Knossos's and Elle's events in EDN, and Porcupine's key-value histories",
    recognises,
    read,
};

fn recognises(head: &[u8]) -> bool {
    let Some(start) = head.iter().find(|byte| !byte.is_ascii_whitespace() && **byte != b',') else { return true };
    matches!(start, b'{' | b'(' | b'[' | b';') || head.trim_ascii_start().starts_with(b"#") && !is_heading(head)
}

/// `# queue`: the first line of a log of intervals, where EDN has a tag, a set or a discarded value.
fn is_heading(head: &[u8]) -> bool {
    head.trim_ascii_start().get(1).is_none_or(|byte| byte.is_ascii_whitespace())
}

fn read(bytes: &[u8], shape: Shape) -> Result<Recorded, FormatError> {
    let text = format::utf8(bytes)?;
    event::read(|| Reader::new(text), shape).map_err(|fault| fault.at_line_of(bytes))
}

/// What is open around the value that is read next.
enum Frame {
    /// A list, vector, set or map.
    Container { at: u32, close: u8, children: u32 },
    /// A tag, which the next value belongs to.
    Tag,
    /// `#_`: the next value does not count. What was on the tape before.
    Discard { keep: u32 },
}

/// Reads one value after the other.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    stack: Vec<Frame>,
    /// Whether a list at the outermost level is only a wrapping of the events in it.
    unwrap: bool,
    /// What closes the wrapping that is open.
    wrapping: Option<u8>,
}

impl<'a> Reader<'a> {
    /// Of a text of events, which may be wrapped in one list.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, stack: Vec::new(), unwrap: true, wrapping: None }
    }

    /// Of plain values.
    pub fn of_values(text: &'a str) -> Self {
        Self { unwrap: false, ..Self::new(text) }
    }

    /// Puts the next value behind what is on the tape, and gives where it begins in the text; none at the end.
    pub fn value(&mut self, tape: &mut Tape<'a>) -> Result<Option<usize>, Fault> {
        let mut start = None;
        loop {
            self.skip_blank();
            let Some(byte) = self.peek() else { return self.end() };
            let at = self.at;
            if self.stack.is_empty() && self.unwrap && self.wraps(byte)? {
                continue;
            }
            let start = *start.get_or_insert(at);
            if self.token(byte, tape)? && self.completed(tape)? {
                return Ok(Some(start));
            }
            if self.stack.len() > DEEPEST {
                return Err(Fault::new(at, format!("values are nested deeper than {DEEPEST}")));
            }
        }
    }

    fn end(&self) -> Result<Option<usize>, Fault> {
        match (self.stack.last(), self.wrapping) {
            (None, None) => Ok(None),
            (Some(&Frame::Container { close, .. }), _) | (None, Some(close)) => {
                Err(Fault::new(self.text.len(), format!("the text ends before `{}`", char::from(close))))
            }
            (Some(_), _) => Err(Fault::new(self.text.len(), "the text ends where a value is expected")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blank(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b',' | 0x0b | 0x0c => self.at += 1,
                b';' => {
                    let rest = &bytes[self.at..];
                    self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                }
                _ => break,
            }
        }
    }

    /// Steps over the beginning or the end of a wrapping of all events.
    fn wraps(&mut self, byte: u8) -> Result<bool, Fault> {
        match (byte, self.wrapping) {
            (b'[', None) => self.wrapping = Some(b']'),
            (b'(', None) => self.wrapping = Some(b')'),
            (byte, Some(close)) if byte == close => self.wrapping = None,
            _ => return Ok(false),
        }
        self.at += 1;
        Ok(true)
    }

    /// Reads one token; whether a value is complete with it.
    fn token(&mut self, byte: u8, tape: &mut Tape<'a>) -> Result<bool, Fault> {
        match byte {
            b'[' => self.open(1, b']', Node::List { end: 0 }, tape),
            b'(' => self.open(1, b')', Node::List { end: 0 }, tape),
            b'{' => self.open(1, b'}', Node::Map { end: 0 }, tape),
            b']' | b')' | b'}' => return self.close(byte, tape),
            b'#' => return self.dispatch(tape),
            b'"' => {
                let text = self.string()?;
                tape.nodes.push(Node::Text(text));
                return Ok(true);
            }
            b'\\' => {
                let character = self.character()?;
                tape.nodes.push(Node::Text(character));
                return Ok(true);
            }
            _ => {
                let at = self.at;
                let word = self.word();
                tape.nodes.push(atom(word).map_err(|what| Fault::new(at, what))?);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn open(&mut self, width: usize, close: u8, node: Node<'a>, tape: &mut Tape<'a>) {
        self.stack.push(Frame::Container { at: tape.nodes.len() as u32, close, children: 0 });
        tape.nodes.push(node);
        self.at += width;
    }

    fn close(&mut self, byte: u8, tape: &mut Tape<'a>) -> Result<bool, Fault> {
        let found = char::from(byte);
        match self.stack.pop() {
            Some(Frame::Container { at, close, children }) if close == byte => {
                let end = tape.nodes.len() as u32;
                let node = &mut tape.nodes[at as usize];
                if matches!(node, Node::Map { .. }) && children % 2 == 1 {
                    return Err(Fault::new(self.at, "the last key of a map has no value"));
                }
                match node {
                    Node::List { end: last } | Node::Map { end: last } => *last = end,
                    _ => {}
                }
                self.at += 1;
                Ok(true)
            }
            Some(Frame::Container { close, .. }) => {
                Err(Fault::new(self.at, format!("expected `{}`, found `{found}`", char::from(close))))
            }
            _ => Err(Fault::new(self.at, format!("expected a value, found `{found}`"))),
        }
    }

    /// What begins with `#`.
    fn dispatch(&mut self, tape: &mut Tape<'a>) -> Result<bool, Fault> {
        match self.text.as_bytes().get(self.at + 1) {
            Some(b'{') => self.open(2, b'}', Node::List { end: 0 }, tape),
            Some(b'_') => {
                self.at += 2;
                self.stack.push(Frame::Discard { keep: tape.nodes.len() as u32 });
            }
            Some(b'#') => {
                self.at += 2;
                let word = self.word();
                tape.nodes.push(Node::Text(word.into()));
                return Ok(true);
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                self.at += 1;
                self.word();
                self.stack.push(Frame::Tag);
            }
            _ => return Err(Fault::new(self.at, "expected a tag, a set or `#_` at `#`")),
        }
        Ok(false)
    }

    /// Tells what is open that a value is complete; whether it is the whole that was asked for.
    fn completed(&mut self, tape: &mut Tape<'a>) -> Result<bool, Fault> {
        loop {
            match self.stack.last_mut() {
                None => return Ok(true),
                Some(Frame::Container { children, .. }) => {
                    *children += 1;
                    return Ok(false);
                }
                Some(Frame::Tag) => {
                    self.stack.pop();
                }
                Some(Frame::Discard { keep }) => {
                    tape.nodes.truncate(*keep as usize);
                    self.stack.pop();
                    return Ok(false);
                }
            }
        }
    }

    /// A keyword, symbol or number: all up to what ends one.
    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let ends = |byte: &u8| {
            matches!(
                byte,
                b' ' | b'\t'
                    | b'\n'
                    | b'\r'
                    | b','
                    | 0x0b
                    | 0x0c
                    | b'('
                    | b')'
                    | b'['
                    | b']'
                    | b'{'
                    | b'}'
                    | b'"'
                    | b';'
            )
        };
        let length = rest.as_bytes().iter().position(ends).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.at + 1;
        let unclosed = || Fault::new(start - 1, "a string is not closed");
        let rest = &self.text[start..];
        let length = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\')).ok_or_else(unclosed)?;
        if rest.as_bytes()[length] == b'"' {
            self.at = start + length + 1;
            return Ok(Cow::Borrowed(&rest[..length]));
        }
        let mut text = rest[..length].to_owned();
        let mut characters = rest[length..].char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at = start + length + at + 1;
                    return Ok(Cow::Owned(text));
                }
                '\\' => {
                    let (_, escape) = characters.next().ok_or_else(unclosed)?;
                    text.push(match escape {
                        't' => '\t',
                        'r' => '\r',
                        'n' => '\n',
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'u' => {
                            let digits = characters.as_str().get(..4).unwrap_or_default();
                            characters.nth(3);
                            code(digits)
                                .ok_or_else(|| Fault::new(start + length + at, "expected four digits at `\\u`"))?
                        }
                        other => other,
                    });
                }
                other => text.push(other),
            }
        }
        Err(unclosed())
    }

    fn character(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.at;
        self.at += 1;
        let Some(first) = self.text[self.at..].chars().next() else {
            return Err(Fault::new(start, "expected a character at `\\`"));
        };
        let begin = self.at;
        self.at += first.len_utf8();
        if first.is_alphanumeric() {
            self.word();
        }
        let word = &self.text[begin..self.at];
        let named = match word {
            "newline" => '\n',
            "return" => '\r',
            "space" => ' ',
            "tab" => '\t',
            _ if word.chars().count() == 1 => first,
            _ => match word.strip_prefix('u').and_then(code) {
                Some(character) => character,
                None => return Err(Fault::new(start, format!("`\\{}` is no character", excerpt(word, 40)))),
            },
        };
        Ok(Cow::Owned(named.to_string()))
    }
}

/// The character of four hexadecimal digits; a half of a surrogate pair is not one, and is replaced.
fn code(digits: &str) -> Option<char> {
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok().map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// A keyword, symbol or number.
fn atom(word: &str) -> Result<Node<'_>, String> {
    let bytes = word.as_bytes();
    match bytes {
        [] => Err("expected a value".to_owned()),
        [b':', _, ..] => Ok(Node::Text(word[1..].into())),
        [b'0'..=b'9', ..] | [b'-' | b'+', b'0'..=b'9', ..] => number(word),
        b"nil" => Ok(Node::Nil),
        b"true" => Ok(Node::Bool(true)),
        b"false" => Ok(Node::Bool(false)),
        _ => Ok(Node::Text(word.into())),
    }
}

/// An integer, also of any size (`5N`), a decimal (`1.5`, `1.5M`), or a ratio (`1/2`), which is kept as a text.
fn number(word: &str) -> Result<Node<'_>, String> {
    let wrong = || format!("`{}` is no number", excerpt(word, 40));
    if let Ok(number) = word.parse::<i64>() {
        return Ok(Node::Int(number));
    }
    let plain = word.strip_prefix('+').unwrap_or(word);
    if let Some(whole) = plain.strip_suffix('N') {
        if let Ok(number) = whole.parse::<i64>() {
            return Ok(Node::Int(number));
        }
        return super::is_json_number(whole).then(|| Node::Number(whole.into())).ok_or_else(wrong);
    }
    let plain = plain.strip_suffix('M').unwrap_or(plain);
    if super::is_json_number(plain) {
        return Ok(Node::Number(plain.into()));
    }
    match word.split_once('/') {
        Some((over, under)) if over.parse::<i64>().is_ok() && under.parse::<u64>().is_ok() => {
            Ok(Node::Text(word.into()))
        }
        _ => Err(wrong()),
    }
}

impl<'a> Source<'a> for Reader<'a> {
    fn next(&mut self, tape: &mut Tape<'a>) -> Result<Option<usize>, Fault> {
        tape.nodes.clear();
        self.value(tape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Values;

    fn show(text: &str) -> Result<Vec<String>, String> {
        let mut reader = Reader::new(text);
        let mut tape = Tape::default();
        let mut values = Values::default();
        let mut shown = Vec::new();
        while reader.next(&mut tape).map_err(|fault| fault.at_line_of(text.as_bytes()).to_string())?.is_some() {
            assert_eq!(tape.end(0), tape.nodes.len());
            let id = tape.intern(&mut values, 0);
            shown.push(values.show(id).to_string());
        }
        Ok(shown)
    }

    #[test]
    fn all_kinds_of_values_are_read() {
        for (text, expected) in [
            (":a/b sym nil true false", r#""a/b" "sym" nil true false"#),
            (
                "-3 +4 5N 0007 9223372036854775808 -99999999999999999999N",
                "-3 4 5 7 9223372036854775808 -99999999999999999999",
            ),
            ("1.5 2.50M -1e9 3/4", r#"1.5 2.50 -1e9 "3/4""#),
            (r#""a\"b\u0041\n" \a \newline \u0042 \( \,"#, r#""a\"bA\n" "a" "\n" "B" "(" ",""#),
            ("#{1 2} {:a (1), \"b\" []}", r#"[1 2] {"a": [1], "b": []}"#),
            ("#jepsen.history.Op{:index 1, :value #inst \"2020\"}", r#"{"index": 1, "value": "2020"}"#),
            ("; a comment ] }\n1 #_ 2 #_#_ [3] 4 5 {:a #_ :b 6} ##NaN", r#"1 5 {"a": 6} "NaN""#),
        ] {
            assert_eq!(show(text).unwrap().join(" "), expected);
        }
    }

    #[test]
    fn one_list_around_the_events_is_only_a_wrapping() {
        assert_eq!(show("[{:a 1}\n {:b 2}]").unwrap(), [r#"{"a": 1}"#, r#"{"b": 2}"#]);
        assert_eq!(show("({:a [1 2]} [3])").unwrap(), [r#"{"a": [1 2]}"#, "[3]"]);
        assert_eq!(show(" ; nothing\n []").unwrap().len(), 0);
    }

    #[test]
    fn damage_is_named_with_its_line() {
        let deep = "{".repeat(100);
        for (text, expected) in [
            ("{:a 1}\n{:a", "line 2: the text ends before `}`"),
            ("{:a\n1)", "line 2: expected `}`, found `)`"),
            ("{:a}", "line 1: the last key of a map has no value"),
            ("[{:a 1}\n", "line 2: the text ends before `]`"),
            ("{:a [1\n\"b", "line 2: a string is not closed"),
            ("\n12a", "line 2: `12a` is no number"),
            ("{:a #_}", "line 1: expected a value, found `}`"),
            ("{:a #tag", "line 1: the text ends where a value is expected"),
            ("{:a # b}", "line 1: expected a tag, a set or `#_` at `#`"),
            ("\"\\u00g0\"", "line 1: expected four digits at `\\u`"),
            ("\\nosuch", "line 1: `\\nosuch` is no character"),
            (&deep, "line 1: values are nested deeper than 64"),
            ("]", "line 1: expected a value, found `]`"),
        ] {
            assert_eq!(show(text).unwrap_err(), expected, "{text}");
        }
    }
}
