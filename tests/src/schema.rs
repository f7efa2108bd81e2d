//! A validator for the part of JSON Schema that the report's schema uses. A keyword that it does not know is an error,
//! so that nothing goes unchecked unnoticed.

use serde_json::Value;

/// Everything in which a document differs from its schema.
pub fn violations(schema: &Value, document: &Value) -> Vec<String> {
    let mut validator = Validator { root: schema, found: Vec::new() };
    validator.check(schema, document, "$");
    validator.found
}

struct Validator<'s> {
    root: &'s Value,
    found: Vec<String>,
}

impl Validator<'_> {
    fn check(&mut self, schema: &Value, value: &Value, at: &str) {
        let Some(keywords) = schema.as_object() else { return };
        for (keyword, argument) in keywords {
            self.keyword(keyword, argument, schema, value, at);
        }
    }

    fn keyword(&mut self, keyword: &str, argument: &Value, schema: &Value, value: &Value, at: &str) {
        match keyword {
            "$schema" | "$defs" | "title" | "description" | "format" => {}
            "$ref" => match argument.as_str().and_then(|path| self.root.pointer(path.strip_prefix('#')?)) {
                Some(target) => self.check(&target.clone(), value, at),
                None => self.found.push(format!("{at}: {argument} leads nowhere")),
            },
            "type" => {
                let named = |name: &Value| name.as_str().is_some_and(|name| is_a(value, name));
                let fits = argument.as_array().map_or_else(|| named(argument), |names| names.iter().any(named));
                self.expect(fits, at, || format!("{value} is no {argument}"));
            }
            "const" => self.expect(value == argument, at, || format!("{value} is not {argument}")),
            "minimum" => {
                let fits = value.as_f64().is_none_or(|number| Some(number) >= argument.as_f64());
                self.expect(fits, at, || format!("{value} is below {argument}"));
            }
            "minItems" | "maxItems" => {
                let length = value.as_array().map(|items| items.len() as u64);
                let fits = length.is_none_or(|length| match keyword {
                    "minItems" => Some(length) >= argument.as_u64(),
                    _ => Some(length) <= argument.as_u64(),
                });
                self.expect(fits, at, || format!("{length:?} items, {keyword} {argument}"));
            }
            "anyOf" | "oneOf" => self.choice(keyword == "oneOf", argument, value, at),
            "required" => {
                for name in argument.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    self.expect(value.get(name).is_some() || !value.is_object(), at, || format!("no field `{name}`"));
                }
            }
            "properties" => self.properties(argument, value, at),
            "prefixItems" => {
                for (index, (item, schema)) in pairs(value, argument).enumerate() {
                    self.check(schema, item, &format!("{at}[{index}]"));
                }
            }
            "items" => {
                let before = schema["prefixItems"].as_array().map_or(0, Vec::len);
                for (index, item) in value.as_array().into_iter().flatten().enumerate().skip(before) {
                    self.check(argument, item, &format!("{at}[{index}]"));
                }
            }
            _ => self.found.push(format!("{at}: the validator does not know `{keyword}`")),
        }
    }

    /// Fields that the schema does not name are found too: a report holds nothing that is not published.
    fn properties(&mut self, argument: &Value, value: &Value, at: &str) {
        for (name, field) in value.as_object().into_iter().flatten() {
            match argument.get(name) {
                Some(schema) => self.check(schema, field, &format!("{at}.{name}")),
                None => self.found.push(format!("{at}: the field `{name}` is not in the schema")),
            }
        }
    }

    fn choice(&mut self, exactly_one: bool, schemas: &Value, value: &Value, at: &str) {
        let fits = |schema: &&Value| {
            let mut inner = Validator { root: self.root, found: Vec::new() };
            inner.check(schema, value, at);
            inner.found.is_empty()
        };
        let fitting = schemas.as_array().into_iter().flatten().filter(fits).count();
        self.expect(fitting == 1 || fitting > 1 && !exactly_one, at, || {
            format!("{value} fits {fitting} of the choices")
        });
    }

    fn expect(&mut self, holds: bool, at: &str, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.found.push(format!("{at}: {}", otherwise()));
        }
    }
}

fn pairs<'a>(value: &'a Value, schemas: &'a Value) -> impl Iterator<Item = (&'a Value, &'a Value)> {
    value.as_array().into_iter().flatten().zip(schemas.as_array().into_iter().flatten())
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_that_do_not_fit_are_found() {
        let schema = json!({
            "type": "object", "required": ["a"],
            "properties": { "a": { "$ref": "#/$defs/a" }, "b": { "type": ["integer", "null"], "minimum": 0 } },
            "$defs": { "a": { "oneOf": [{ "const": "x" }, { "const": "y" }] } }
        });
        assert_eq!(violations(&schema, &json!({ "a": "x", "b": null })), [""; 0]);
        for wrong in
            [json!({}), json!({ "a": "z" }), json!({ "a": "x", "b": -1 }), json!({ "a": "x", "c": 1 }), json!(3)]
        {
            assert_eq!(violations(&schema, &wrong).len(), 1, "{wrong}");
        }
        assert_eq!(violations(&json!({ "pattern": "x" }), &json!("x")).len(), 1);
    }
}
