//! One key of a key-value store: read, write, compare-and-set, delete, and append to texts and lists.

use super::prefixes::{Prefix, Prefixes};
use super::register::{self, Register, RegisterOp};
use super::{Decoded, Model, Refusal};
use crate::history::{Function, History, Id, Outcome, Value};
use crate::linearizability::words;
use std::collections::HashMap;

/// A key of the key-value store that a history is about.
///
/// Contents that were appended are known by what they can still become: one that begins no content that was ever read or
/// expected differs from all of these for good, whatever is appended, so all such are one. An absent key and
/// one that holds an empty text or list are not told apart: `nil`, `""` and `[]` read from it are the same.
#[derive(Debug)]
pub struct Kv {
    initial: Content,
    /// Whether texts too are put behind each other in lists.
    lists: bool,
    texts: Prefixes<u8>,
    sequences: Prefixes<Id>,
    /// Contents that a prefix stands for; all others stand for themselves.
    contents: HashMap<Id, Content>,
    /// The bytes of appended texts.
    pieces: HashMap<Id, Box<[u8]>>,
}

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// Nothing.
    Absent,
    /// A value.
    Value(Id),
    /// A text, in a history with appends.
    Text(Prefix),
    /// A list, in a history with appends.
    List(Prefix),
    /// Something that never was seen, nor anything that begins so.
    Unseen,
}

/// An operation on a key with what it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KvOp {
    /// What a register can do as well.
    Plain(RegisterOp<Content>),
    /// Puts this value behind what is there.
    Append(Id),
    /// Takes away what is there, and finds something.
    Remove,
}

impl Kv {
    /// The store that `history` is about: its contents are known to the model beforehand.
    ///
    /// `initial` is what a key holds at first, if it is not absent.
    pub fn new(history: &History, initial: Option<Id>) -> Self {
        let values = &history.values;
        let nothing = [Value::Nil, Value::Text("".into()), Value::List([].into())];
        let nothing = nothing.iter().filter_map(|value| values.find(value));
        let mut kv = Self {
            initial: Content::Absent,
            lists: false,
            texts: Prefixes::new(Vec::new()),
            sequences: Prefixes::new(Vec::new()),
            contents: nothing.map(|id| (id, Content::Absent)).collect(),
            pieces: HashMap::new(),
        };
        if history.functions().contains(&Function::Append) {
            kv.learn(history, initial);
        }
        kv.initial = initial.map_or(Content::Absent, |initial| kv.content(initial));
        kv
    }

    /// Takes in all contents that were seen, those that were written as far as they begin one of these, and all pieces.
    fn learn(&mut self, history: &History, initial: Option<Id>) {
        let values = &history.values;
        let (mut seen, mut left): (Vec<Id>, Vec<Id>) = (Vec::new(), initial.into_iter().collect());
        for op in history.iter() {
            match (op.function, values.as_text(op.argument), register::cas(values, op.argument)) {
                (Function::Append, Some(piece), _) => {
                    self.pieces.entry(op.argument).or_insert_with(|| piece.as_bytes().into());
                }
                (Function::Append, None, _) => {}
                (Function::Cas, _, Some((expected, new))) => {
                    seen.push(expected);
                    left.push(new);
                }
                _ => {
                    seen.push(op.result);
                    left.push(op.argument);
                }
            }
        }
        let texts = seen.iter().filter_map(|id| values.as_text(*id));
        self.texts = Prefixes::new(texts.map(|text| text.as_bytes().into()).collect());
        let lists = seen.iter().filter_map(|id| values.as_list(*id));
        self.sequences = Prefixes::new(lists.map(Into::into).collect());
        self.lists = seen.iter().chain(&left).any(|id| values.as_list(*id).is_some());
        for id in seen.into_iter().chain(left) {
            let content = match (values.as_text(id), values.as_list(id)) {
                (Some(text), _) => text_content(self.texts.extend(Prefix::EMPTY, text.as_bytes())),
                (None, Some(list)) => list_content(self.sequences.extend(Prefix::EMPTY, list)),
                (None, None) => continue,
            };
            self.contents.insert(id, content);
        }
    }

    fn content(&self, id: Id) -> Content {
        self.contents.get(&id).copied().unwrap_or(Content::Value(id))
    }

    /// A content with a value behind it; none where it is nothing that can be appended to.
    fn append(&self, content: Content, value: Id) -> Option<Content> {
        let piece = self.pieces.get(&value).filter(|_| !self.lists);
        match (content, piece) {
            (Content::Absent, Some(piece)) => Some(text_content(self.texts.extend(Prefix::EMPTY, piece))),
            (Content::Text(text), Some(piece)) => Some(text_content(self.texts.extend(text, piece))),
            (Content::Absent, None) => Some(list_content(self.sequences.extend(Prefix::EMPTY, &[value]))),
            (Content::List(list), _) => Some(list_content(self.sequences.extend(list, &[value]))),
            (Content::Unseen, _) => Some(Content::Unseen),
            (Content::Text(_), None) | (Content::Value(_), _) => None,
        }
    }

    fn show(&self, history: &History, content: Content) -> String {
        match content {
            Content::Absent => "nothing".to_owned(),
            Content::Value(id) => words::value(history, id),
            Content::Text(text) => {
                let text = String::from_utf8_lossy(self.texts.elements(text)).into_owned();
                let over = text.chars().count().saturating_sub(40);
                let end: String = text.chars().skip(over).collect();
                let begin = if over > 0 { "…" } else { "" };
                format!("\"{begin}{}\"", crate::text::inert(&end))
            }
            Content::List(list) => {
                let list = self.sequences.elements(list);
                let shown = &list[list.len().saturating_sub(8)..];
                let begin = if shown.len() < list.len() { "… " } else { "" };
                let shown: Vec<String> = shown.iter().map(|id| words::value(history, *id)).collect();
                format!("[{begin}{}]", shown.join(" "))
            }
            Content::Unseen => "something that nobody ever saw".to_owned(),
        }
    }
}

/// The operations, if they are all such as a register has.
fn plain(ops: &[KvOp]) -> Option<Vec<RegisterOp<Content>>> {
    let plain = ops.iter().map(|op| match op {
        KvOp::Plain(op) => Some(*op),
        KvOp::Append(_) | KvOp::Remove => None,
    });
    plain.collect()
}

fn text_content(text: Option<Prefix>) -> Content {
    match text {
        Some(Prefix::EMPTY) => Content::Absent,
        text => text.map_or(Content::Unseen, Content::Text),
    }
}

fn list_content(list: Option<Prefix>) -> Content {
    match list {
        Some(Prefix::EMPTY) => Content::Absent,
        list => list.map_or(Content::Unseen, Content::List),
    }
}

impl Model for Kv {
    type Op = KvOp;
    type State = Content;

    fn initial(&self) -> Content {
        self.initial
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<KvOp>, String> {
        let op = history.get(operation);
        let effect = |op| Decoded::Effect(KvOp::Plain(op));
        let pure = |op| Decoded::Pure(KvOp::Plain(op));
        let replace = |seen: Id, new: Id| match (self.content(seen), self.content(new)) {
            (seen, new) if seen == new => pure(RegisterOp::Read(seen)),
            (seen, new) => effect(RegisterOp::Replace(seen, new)),
        };
        Ok(match (op.function, op.outcome) {
            (Function::Read, Outcome::Ok) => pure(RegisterOp::Read(self.content(op.result))),
            (Function::Read, _) => Decoded::Nothing,
            (Function::Write, _) => effect(RegisterOp::Write(self.content(op.argument))),
            (Function::ReadModifyWrite, Outcome::Ok) if op.result.is_some() => replace(op.result, op.argument),
            (Function::ReadModifyWrite, _) => effect(RegisterOp::Write(self.content(op.argument))),
            (Function::Append, _) => Decoded::Effect(KvOp::Append(op.argument)),
            (Function::Delete, _) => match history.values.get(op.result) {
                Some(Value::Bool(true)) => Decoded::Effect(KvOp::Remove),
                Some(Value::Bool(false)) => pure(RegisterOp::Read(Content::Absent)),
                _ => effect(RegisterOp::Write(Content::Absent)),
            },
            (Function::Cas, _) => {
                let (expected, new) = register::cas(&history.values, op.argument)
                    .ok_or_else(|| format!("cas needs the expected and the new value: {}", history.show(operation)))?;
                match history.values.is_false(op.result) {
                    true => pure(RegisterOp::Differs(self.content(expected))),
                    false => replace(expected, new),
                }
            }
            _ => return Err(format!("a key-value store has no such operation: {}", history.show(operation))),
        })
    }

    fn step(&self, state: &Content, op: KvOp) -> Option<Content> {
        match op {
            KvOp::Plain(op) => op.step(*state),
            KvOp::Append(value) => self.append(*state, value),
            KvOp::Remove => (*state != Content::Absent).then_some(Content::Absent),
        }
    }

    /// As for a register; nothing where something is appended, for that depends on what was there.
    fn simplify(&self, ops: &mut [KvOp]) {
        if let Some(mut plain) = plain(ops) {
            register::simplify(&mut plain, Content::Unseen);
            for (op, plain) in ops.iter_mut().zip(plain) {
                *op = KvOp::Plain(plain);
            }
        }
    }

    fn groups(&self, ops: &[KvOp]) -> Vec<Option<u32>> {
        plain(ops).map_or_else(|| vec![None; ops.len()], |plain| register::groups(&plain))
    }
}

impl Refusal for Kv {
    fn refusal(&self, history: &History, state: &Content, op: KvOp) -> String {
        let show = |content| self.show(history, content);
        match op {
            KvOp::Plain(op) => op.refusal(*state, "key", &show),
            KvOp::Append(value) => {
                format!("cannot append {}, the key holds {}", words::value(history, value), show(*state))
            }
            KvOp::Remove => "cannot have deleted anything, the key holds nothing".to_owned(),
        }
    }

    fn sentence(&self, history: &History, unexplained: u32) -> Option<String> {
        let initial = match self.initial {
            Content::Absent => Id::NIL,
            Content::Value(initial) => initial,
            _ => return None,
        };
        let of_registers = [Function::Read, Function::Write, Function::Cas, Function::ReadModifyWrite];
        let plain = history.functions().iter().all(|function| of_registers.contains(function));
        let register = Register { initial, nil_is_wildcard: false };
        plain.then(|| register.sentence(history, unexplained)).flatten()
    }
}
