//! Fields of JSON objects, found without building the values around them: a history holds millions of values that
//! are only compared.

use crate::calls::Call;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, fmt};

/// The JSON text of fields of an object; nothing where it is no object. Of a field that stands twice the last counts.
pub fn raw_fields<'a, const N: usize>(json: &'a str, names: [&str; N]) -> [Option<&'a str>; N] {
    let mut source = serde_json::Deserializer::from_str(json);
    let found = source.deserialize_map(Fields(names)).ok().filter(|_| source.end().is_ok());
    found.unwrap_or([None; N])
}

/// A field of a JSON object.
pub fn field_of(json: &str, field: &str) -> Option<Value> {
    let [value] = raw_fields(json, [field]);
    serde_json::from_str(value?).ok()
}

/// The texts of a JSON list's elements; none when it is no list.
pub fn elements(json: &str) -> Option<Vec<&str>> {
    let list: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    Some(list.into_iter().map(RawValue::get).collect())
}

/// The one text of a JSON value, however it was written: without white space, needless escapes and order of fields.
/// Numbers keep all their digits.
pub fn canonical(json: &str) -> Cow<'_, str> {
    let plain = match json.as_bytes() {
        [b'"', ..] => !json.contains('\\'),
        [b'-' | b'0'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if plain {
        return json.into();
    }
    serde_json::from_str::<Value>(json).map_or(json.into(), |value| value.to_string().into())
}

/// Whether an operation's reply has this type.
pub fn has_type(op: &Call, expected: &str) -> bool {
    let [kind] = raw_fields(op.reply.as_deref().unwrap_or(""), ["type"]);
    is_text(kind, expected)
}

/// Whether the JSON text of a value is this string.
pub fn is_text(json: Option<&str>, expected: &str) -> bool {
    json.and_then(|json| serde_json::from_str::<Value>(json).ok()).as_ref().and_then(Value::as_str) == Some(expected)
}

struct Fields<'n, const N: usize>([&'n str; N]);

impl<'de, const N: usize> Visitor<'de> for Fields<'_, N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(which) = map.next_key_seed(Which(&self.0))? {
            match which {
                Some(index) => found[index] = Some(map.next_value::<&RawValue>()?.get()),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// Reads a key: which of the names it is.
struct Which<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for Which<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Which<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?",
            "\"([ -!#-\\[\\]-~é\u{7f}]|\\\\n|\\\\u0041|\\\\/){0,6}\"",
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            let spaced = prop::collection::vec(inner, 0..4);
            prop_oneof![
                spaced.clone().prop_map(|list| format!("[ {}]", list.join(" ,"))),
                spaced.prop_map(|list| {
                    let fields: Vec<_> = list
                        .iter()
                        .enumerate()
                        .map(|(i, v)| format!("\"{}\": {v}", (b'z' - i as u8) as char))
                        .collect();
                    format!("{{{}}}", fields.join(", "))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn texts_are_those_of_the_values(json in json()) {
            let value: Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(canonical(&json), value.to_string());
            let list = value.as_array().map(|list| list.iter().map(Value::to_string).collect::<Vec<_>>());
            let raw = elements(&json).map(|list| list.into_iter().map(|e| canonical(e).into_owned()).collect());
            prop_assert_eq!(raw, list);
            prop_assert_eq!(field_of(&json, "z"), value.get("z").cloned());
        }
    }

    #[test]
    fn fields_are_found_as_a_parser_finds_them() {
        let fields = |json| raw_fields(json, ["a", "b"]);
        assert_eq!(fields(r#"{"b": [1, 2], "c":{"a":3}}"#), [None, Some("[1, 2]")]);
        assert_eq!(fields(r#"{"a":1,"\u0061":2}"#), [Some("2"), None]);
        for wrong in ["", "[1]", r#"{"a":1"#, r#"{"a":1} x"#, r#"{"a":01}"#, "7"] {
            assert_eq!(fields(wrong), [None, None], "{wrong}");
        }
    }
}
