//! Values of a history, interned: equal values have equal ids, so that a checker compares four bytes.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

/// A value's id in its [`Values`]. Ids are equal exactly when the values are.
///
/// Integers from 0 to 2³¹−3 are their own ids and need no table: a million distinct written numbers cost nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u32);

const INTERNED: u32 = 1 << 31;
const LARGEST_INLINE: u32 = INTERNED - 3;

impl Id {
    /// No value: a column that does not apply, or a result that never came.
    pub const NONE: Self = Self(INTERNED - 1);
    /// The value `nil`, as in a read of what was never written.
    pub const NIL: Self = Self(INTERNED - 2);

    /// The id of a small number, if it has one without a table.
    pub const fn small(number: u32) -> Option<Self> {
        if number <= LARGEST_INLINE { Some(Self(number)) } else { None }
    }

    /// Whether there is a value.
    pub const fn is_some(self) -> bool {
        self.0 != Self::NONE.0
    }

    /// The id as a number below 2³², for tables that are indexed by it.
    pub const fn raw(self) -> u32 {
        self.0
    }

    fn index(self) -> Option<usize> {
        (self.0 >= INTERNED).then(|| (self.0 - INTERNED) as usize)
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// Nothing, as `nil` or `null`.
    Nil,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number that is no `i64`, by its digits.
    Number(Box<str>),
    /// A text, keyword or symbol, without its quotes or colon.
    Text(Box<str>),
    /// A list, vector or set, in the order that it was written in.
    List(Box<[Id]>),
    /// A map, by pairs; its id does not depend on the order that they were written in.
    Map(Box<[(Id, Id)]>),
}

/// A value that is only looked at: what is hashed and compared, so that a lookup copies nothing.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
enum View<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Number(&'a str),
    Text(&'a str),
    List(&'a [Id]),
    Map(&'a [(Id, Id)]),
}

impl Value {
    fn view(&self) -> View<'_> {
        match self {
            Self::Nil => View::Nil,
            Self::Bool(value) => View::Bool(*value),
            Self::Int(number) => View::Int(*number),
            Self::Number(digits) => View::Number(digits),
            Self::Text(text) => View::Text(text),
            Self::List(list) => View::List(list),
            Self::Map(pairs) => View::Map(pairs),
        }
    }

    /// Bytes on the heap.
    fn heap(&self) -> usize {
        match self {
            Self::Nil | Self::Bool(_) | Self::Int(_) => 0,
            Self::Number(text) | Self::Text(text) => text.len(),
            Self::List(list) => size_of_val(&**list),
            Self::Map(pairs) => size_of_val(&**pairs),
        }
    }
}

/// The values of one history. A copy shares them until either gets a new one, so parts of a history cost little.
#[derive(Debug, Clone, Default)]
pub struct Values {
    table: Arc<Vec<Value>>,
    /// Open addressing: one more than an index in `table`, or zero where a slot is free. A power of two of slots, of
    /// which at most half are taken.
    slots: Arc<Vec<u32>>,
    /// Seeded at random, so that no recording can be made whose values all meet in one slot. Ids do not depend on it.
    hasher: RandomState,
}

impl Values {
    /// The id of a value. The pairs of a map are put into the order of their keys.
    pub fn intern(&mut self, mut value: Value) -> Id {
        if let Value::Map(pairs) = &mut value {
            pairs.sort_by(|a, b| self.view(a.0).cmp(&self.view(b.0)).then(a.cmp(b)));
        }
        match self.find(&value) {
            Some(id) => id,
            None => self.insert(value),
        }
    }

    /// The id of an integer.
    pub fn int(&mut self, number: i64) -> Id {
        self.intern(Value::Int(number))
    }

    /// The id of a text.
    pub fn text(&mut self, text: &str) -> Id {
        match self.look_up(&View::Text(text)) {
            Some(id) => id,
            None => self.insert(Value::Text(text.into())),
        }
    }

    /// The id of a list.
    pub fn list(&mut self, list: &[Id]) -> Id {
        match self.look_up(&View::List(list)) {
            Some(id) => id,
            None => self.insert(Value::List(list.into())),
        }
    }

    /// The id that a value has, if it occurs in the history; the pairs of a map have to be in the order of their keys.
    pub fn find(&self, value: &Value) -> Option<Id> {
        match value {
            Value::Nil => Some(Id::NIL),
            Value::Int(number) => match u32::try_from(*number).ok().and_then(Id::small) {
                Some(id) => Some(id),
                None => self.look_up(&View::Int(*number)),
            },
            _ => self.look_up(&value.view()),
        }
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        self.table.capacity() * size_of::<Value>()
            + self.slots.capacity() * size_of::<u32>()
            + self.table.iter().map(Value::heap).sum::<usize>()
    }

    /// The value of an id; that of no value is like `nil`.
    fn view(&self, id: Id) -> View<'_> {
        match (id, id.index()) {
            (Id(number), None) if number <= LARGEST_INLINE => View::Int(i64::from(number)),
            (_, None) => View::Nil,
            (_, Some(index)) => self.table.get(index).map_or(View::Nil, Value::view),
        }
    }

    fn look_up(&self, value: &View<'_>) -> Option<Id> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(value) as usize & mask;
        loop {
            match self.slots[slot] {
                0 => return None,
                entry if self.table[entry as usize - 1].view() == *value => return Some(Id(INTERNED + entry - 1)),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// Adds a value that is not there.
    fn insert(&mut self, value: Value) -> Id {
        let id = Id(INTERNED + self.table.len() as u32);
        Arc::make_mut(&mut self.table).push(value);
        if self.table.len() * 2 > self.slots.len() {
            self.slots = Arc::new(vec![0; (self.slots.len() * 2).max(16)]);
            for entry in 1..=self.table.len() {
                self.take_slot(entry as u32);
            }
        } else {
            self.take_slot(self.table.len() as u32);
        }
        id
    }

    fn take_slot(&mut self, entry: u32) {
        let mask = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(self.table[entry as usize - 1].view()) as usize & mask;
        while self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        Arc::make_mut(&mut self.slots)[slot] = entry;
    }

    /// The value of an id; none for [`Id::NONE`].
    pub fn get(&self, id: Id) -> Option<Value> {
        match (id, id.index()) {
            (Id::NONE, _) => None,
            (Id::NIL, _) => Some(Value::Nil),
            (Id(number), None) => Some(Value::Int(i64::from(number))),
            (_, Some(index)) => self.table.get(index).cloned(),
        }
    }

    /// The integer of an id, if it is one.
    pub fn as_int(&self, id: Id) -> Option<i64> {
        match id.index() {
            None if id.0 <= LARGEST_INLINE => Some(i64::from(id.0)),
            None => None,
            Some(index) => match self.table.get(index) {
                Some(Value::Int(number)) => Some(*number),
                _ => None,
            },
        }
    }

    /// Whether an id is the truth value `false`: how an operation is refused that may be, such as a compare-and-set.
    pub fn is_false(&self, id: Id) -> bool {
        id.index().and_then(|index| self.table.get(index)) == Some(&Value::Bool(false))
    }

    /// The text of an id, if it is one.
    pub fn as_text(&self, id: Id) -> Option<&str> {
        match self.table.get(id.index()?)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an id, if it is a list.
    pub fn as_list(&self, id: Id) -> Option<&[Id]> {
        match self.table.get(id.index()?)? {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The pairs of an id, if it is a map.
    pub fn as_map(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.table.get(id.index()?)? {
            Value::Map(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// A value as a person reads it: `7`, `"a"`, `[1 2]`, `nil`; empty for [`Id::NONE`].
    pub fn show(&self, id: Id) -> impl fmt::Display + '_ {
        Shown(self, id)
    }
}

struct Shown<'v>(&'v Values, Id);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(values, id) = *self;
        match values.get(id) {
            None => Ok(()),
            Some(Value::Nil) => f.write_str("nil"),
            Some(Value::Bool(value)) => write!(f, "{value}"),
            Some(Value::Int(number)) => write!(f, "{number}"),
            Some(Value::Number(digits)) => f.write_str(&digits),
            Some(Value::Text(text)) => write!(f, "{text:?}"),
            Some(Value::List(list)) => {
                f.write_str("[")?;
                for (index, id) in list.iter().enumerate() {
                    write!(f, "{}{}", if index == 0 { "" } else { " " }, Shown(values, *id))?;
                }
                f.write_str("]")
            }
            Some(Value::Map(pairs)) => {
                f.write_str("{")?;
                for (index, (key, value)) in pairs.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{}: {}", Shown(values, *key), Shown(values, *value))?;
                }
                f.write_str("}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scalars() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Nil),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-3i64..3).prop_map(Value::Int),
            (i64::from(LARGEST_INLINE) - 2..i64::from(LARGEST_INLINE) + 6).prop_map(Value::Int),
            "[0-9]{20,30}".prop_map(|digits| Value::Number(digits.into())),
            "[a-c]{0,2}".prop_map(|text| Value::Text(text.into())),
        ]
    }

    #[test]
    fn a_map_is_the_same_in_any_order() {
        let mut values = Values::default();
        let (a, b) = (values.text("a"), values.text("b"));
        let map = |pairs: [(Id, Id); 2]| Value::Map(pairs.into());
        let id = values.intern(map([(b, a), (a, b)]));
        assert_eq!(values.intern(map([(a, b), (b, a)])), id);
        assert_ne!(values.intern(map([(a, a), (b, a)])), id);
        assert_eq!(values.show(id).to_string(), r#"{"a": "b", "b": "a"}"#);
    }

    proptest! {
        #[test]
        fn ids_are_equal_exactly_when_values_are(values in prop::collection::vec(scalars(), 0..20)) {
            let mut table = Values::default();
            let ids: Vec<Id> = values.iter().map(|value| table.intern(value.clone())).collect();
            for (id, value) in ids.iter().zip(&values) {
                prop_assert_eq!(table.get(*id), Some(value.clone()));
                prop_assert_eq!(table.find(value), Some(*id));
                prop_assert!(id.is_some());
                for (other, known) in ids.iter().zip(&values) {
                    prop_assert_eq!(id == other, value == known);
                }
            }
        }
    }
}
