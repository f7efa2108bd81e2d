//! `takehome.toml`: what a submission says about itself.

use harness::text::excerpt;
use serde::Serialize;
use toml::{Table, Value};

use super::recipe::Step;

const FIELDS: [&str; 6] = ["challenge", "dir", "build", "run", "language", "port"];

/// A submission's own words about how it is built and run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// The challenge that it answers.
    pub challenge: Option<String>,
    /// The folder that holds it.
    pub dir: Option<String>,
    /// Commands that build it.
    pub build: Option<Vec<Step>>,
    /// The command that runs it.
    pub run: Option<Vec<String>>,
    /// Its language, when its files leave a doubt.
    pub language: Option<String>,
    /// The port that it listens on, whatever it is told; otherwise it is told one.
    pub port: Option<u16>,
}

impl Manifest {
    /// Reads it; the error says what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| error.to_string().trim_end().to_owned())?;
        if let Some(unknown) = table.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            let hint = nearest(unknown, FIELDS).map(|field| format!("; did you mean `{field}`?")).unwrap_or_default();
            let unknown = excerpt(unknown, 60);
            return Err(format!("unknown field `{unknown}`{hint} (known: {})", FIELDS.join(", ")));
        }
        let text = |field: &str| match table.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("`{field}` must be a string")),
        };
        Ok(Self {
            challenge: text("challenge")?,
            dir: text("dir")?,
            language: text("language")?,
            build: table.get("build").map(steps).transpose()?,
            run: table.get("run").map(run).transpose()?,
            port: table.get("port").map(port).transpose()?,
        })
    }
}

fn port(value: &Value) -> Result<u16, String> {
    let number = value.as_integer().and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0);
    number.ok_or_else(|| "`port` must be a number from 1 to 65535".to_owned())
}

/// A string is for the shell, a list of strings is one command, a list of lists is several.
fn steps(value: &Value) -> Result<Vec<Step>, String> {
    let wrong = || "`build` must be a command, a list of its words, or a list of such lists".to_owned();
    match value {
        Value::String(command) => Ok(vec![Step::shell(command)]),
        Value::Array(words) if words.iter().all(Value::is_array) => {
            let lists = words.iter().filter_map(Value::as_array);
            lists.map(|list| Some(Step { argv: strings(list)?, env: Vec::new() })).collect::<Option<_>>()
        }
        .ok_or_else(wrong),
        Value::Array(words) => Ok(vec![Step { argv: strings(words).ok_or_else(wrong)?, env: Vec::new() }]),
        _ => Err(wrong()),
    }
}

fn run(value: &Value) -> Result<Vec<String>, String> {
    let words = match value {
        Value::String(command) => split(command),
        Value::Array(words) => strings(words),
        _ => None,
    };
    words.ok_or_else(|| "`run` must be a command or a list of its words".to_owned())
}

fn strings(values: &[Value]) -> Option<Vec<String>> {
    let words: Option<Vec<_>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
    words.filter(|words| !words.is_empty())
}

/// Splits a command into words like a shell; one that needs a shell is given to it.
///
/// Nothing when it is empty or a quote is never closed.
pub fn split(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), close) if open == close => quote = None,
            (Some('\''), letter) => word.get_or_insert_default().push(letter),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, '\\') => word.get_or_insert_default().push(letters.next()?),
            (Some(_), '$' | '`') | (None, '$' | '`' | '|' | '&' | ';' | '<' | '>' | '*' | '?' | '(' | ')' | '\n') => {
                return Some(Step::shell(command).argv);
            }
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    (quote.is_none() && !words.is_empty()).then_some(words)
}

/// The name that was probably meant.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.into_iter().map(|name| (distance(word, name), name)).min()?;
    (near.0 <= 1 + word.chars().count() / 3).then_some(near.1)
}

/// How many letters must be added, removed or changed.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, letter) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in right.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_like_a_shell_does() {
        assert_eq!(split("./a 'b c' \"d\\\"e\" f\\ g ''").unwrap(), ["./a", "b c", "d\"e", "f g", ""]);
        assert_eq!(split("a | b").unwrap(), ["/bin/sh", "-c", "a | b"]);
        assert_eq!(split("a 'b"), None);
        assert_eq!(split("  "), None);
    }

    #[test]
    fn commands_come_in_three_shapes() {
        let parse = |text| Manifest::parse(text).unwrap().build.unwrap();
        assert_eq!(parse("build = 'make all'"), [Step::shell("make all")]);
        assert_eq!(parse("build = ['make', 'all']"), [Step::new(["make", "all"])]);
        assert_eq!(parse("build = [['a'], ['b', 'c']]"), [Step::new(["a"]), Step::new(["b", "c"])]);
        assert!(Manifest::parse("build = 3").unwrap_err().contains("`build` must be"));
    }

    #[test]
    fn a_port_is_a_number_that_ports_have() {
        assert_eq!(Manifest::parse("port = 10000").unwrap().port, Some(10_000));
        for wrong in ["port = 0", "port = 65536", "port = '7000'", "port = -1"] {
            assert!(Manifest::parse(wrong).unwrap_err().contains("`port` must be"), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_field_comes_with_a_suggestion() {
        let error = Manifest::parse("chalenge = 'echo'").unwrap_err();
        assert!(error.contains("unknown field `chalenge`; did you mean `challenge`?"), "{error}");
        let forged = Manifest::parse("\"a\\n::error::x\" = 1").unwrap_err();
        assert!(forged.lines().count() == 1 && forged.contains("a\\n::error::x"), "{forged}");
        assert!(!Manifest::parse("zzzzzz = 1").unwrap_err().contains("did you mean"));
        assert!(Manifest::parse("run = ").is_err());
    }
}
