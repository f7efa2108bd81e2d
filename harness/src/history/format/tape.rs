//! One event of a recording as a flat list of nodes, whatever its syntax: no box a value, and used again for the next.

use crate::{
    history::{Id, Value, Values},
    text::excerpt,
};
use std::borrow::Cow;

/// How deep values may be nested; more is no recording that anyone made.
pub(super) const DEEPEST: usize = 64;

/// A value, or the head of those that lie in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    /// A number that is no `i64`, by its digits as JSON allows them.
    Number(Cow<'a, str>),
    /// A string, keyword or symbol, without quotes or colon.
    Text(Cow<'a, str>),
    /// A list, vector or set: its elements follow, up to `end`.
    List {
        end: u32,
    },
    /// A map: keys and values in turns, up to `end`.
    Map {
        end: u32,
    },
}

/// Values in the order in which they were written, each list before its elements.
#[derive(Debug, Default)]
pub(super) struct Tape<'a> {
    pub nodes: Vec<Node<'a>>,
}

impl<'a> Tape<'a> {
    /// Where what stands behind a value begins.
    pub fn end(&self, at: usize) -> usize {
        match self.nodes[at] {
            Node::List { end } | Node::Map { end } => end as usize,
            _ => at + 1,
        }
    }

    /// Where the elements of a list, or the keys and values of a map, begin; nothing for other values.
    pub fn children(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let (mut next, end) = (at + 1, self.end(at));
        std::iter::from_fn(move || {
            let child = next;
            (child < end).then(|| {
                next = self.end(child);
                child
            })
        })
    }

    /// The pairs of a map, by where key and value begin.
    pub fn pairs(&self, at: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let mut children = self.children(at);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// The two elements of a list that has two.
    pub fn pair(&self, at: usize) -> Option<(usize, usize)> {
        let mut children = self.elements(at)?;
        match (children.next(), children.next(), children.next()) {
            (Some(first), Some(second), None) => Some((first, second)),
            _ => None,
        }
    }

    /// The elements of a list, if it is one.
    pub fn elements(&self, at: usize) -> Option<impl Iterator<Item = usize> + '_> {
        self.is_list(at).then(|| self.children(at))
    }

    pub fn is_list(&self, at: usize) -> bool {
        matches!(self.nodes[at], Node::List { .. })
    }

    pub fn is_map(&self, at: usize) -> bool {
        matches!(self.nodes[at], Node::Map { .. })
    }

    pub fn is_nil(&self, at: usize) -> bool {
        self.nodes[at] == Node::Nil
    }

    pub fn bool(&self, at: usize) -> Option<bool> {
        match self.nodes[at] {
            Node::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub fn text(&self, at: usize) -> Option<&str> {
        match &self.nodes[at] {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key of a map.
    pub fn field(&self, at: usize, name: &str) -> Option<usize> {
        let mut pairs = self.is_map(at).then(|| self.pairs(at))?;
        pairs.find_map(|(key, value)| (self.text(key) == Some(name)).then_some(value))
    }

    /// The value's id. Values are nested at most [`DEEPEST`] deep.
    pub fn intern(&self, values: &mut Values, at: usize) -> Id {
        match &self.nodes[at] {
            Node::Nil => Id::NIL,
            Node::Bool(value) => values.intern(Value::Bool(*value)),
            Node::Int(number) => values.int(*number),
            Node::Number(digits) => values.intern(Value::Number(digits.as_ref().into())),
            Node::Text(text) => values.text(text),
            Node::List { .. } => {
                let list: Vec<Id> = self.children(at).map(|child| self.intern(values, child)).collect();
                values.list(&list)
            }
            Node::Map { .. } => {
                let pairs = self.pairs(at).map(|(key, value)| (self.intern(values, key), self.intern(values, value)));
                let pairs = pairs.collect();
                values.intern(Value::Map(pairs))
            }
        }
    }

    /// The value as errors show it.
    pub fn show(&self, at: usize) -> String {
        let mut values = Values::default();
        let id = self.intern(&mut values, at);
        excerpt(&values.show(id).to_string(), 60)
    }

    /// Adds a JSON value and gives its place. It comes from `serde_json`, which bounds its depth.
    pub fn push_json(&mut self, value: &serde_json::Value) -> usize {
        let at = self.nodes.len();
        match value {
            serde_json::Value::Null => self.nodes.push(Node::Nil),
            serde_json::Value::Bool(value) => self.nodes.push(Node::Bool(*value)),
            serde_json::Value::Number(number) => self.nodes.push(match number.as_i64() {
                Some(number) => Node::Int(number),
                None => Node::Number(number.to_string().into()),
            }),
            serde_json::Value::String(text) => self.nodes.push(Node::Text(text.clone().into())),
            serde_json::Value::Array(list) => {
                self.nodes.push(Node::List { end: 0 });
                for element in list {
                    self.push_json(element);
                }
                self.nodes[at] = Node::List { end: self.nodes.len() as u32 };
            }
            serde_json::Value::Object(pairs) => {
                self.nodes.push(Node::Map { end: 0 });
                for (key, value) in pairs {
                    self.nodes.push(json_key(key));
                    self.push_json(value);
                }
                self.nodes[at] = Node::Map { end: self.nodes.len() as u32 };
            }
        }
        at
    }
}

/// A key of a JSON object, which can only be written as a string: the number, truth value, `null` or quoted string whose
/// JSON it is, and else the text itself.
fn json_key(key: &str) -> Node<'static> {
    let text = || Node::Text(key.to_owned().into());
    match serde_json::from_str(key) {
        Err(_) | Ok(serde_json::Value::Array(_) | serde_json::Value::Object(_)) => text(),
        Ok(scalar) => {
            let mut tape = Tape::default();
            tape.push_json(&scalar);
            tape.nodes.pop().unwrap_or_else(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_lies_flat_on_the_tape_and_is_interned_as_it_was_written() {
        let json =
            serde_json::from_str(r#"{"7": [1, [], null], "a": 18446744073709551616, "b": {"07": 1.50}}"#).unwrap();
        let mut tape = Tape::default();
        let at = tape.push_json(&json);
        let mut values = Values::default();
        let id = tape.intern(&mut values, at);
        assert_eq!(values.show(id).to_string(), r#"{7: [1 [] nil], "a": 18446744073709551616, "b": {"07": 1.50}}"#);
        assert_eq!(tape.end(at), tape.nodes.len());
        let list = tape.pairs(at).next().unwrap().1;
        assert_eq!(tape.children(list).count(), 3);
        assert_eq!(tape.pair(list), None);
        assert_eq!(tape.field(at, "a").map(|at| tape.show(at)).as_deref(), Some("18446744073709551616"));
        assert_eq!(tape.field(at, "c"), None);
    }
}
