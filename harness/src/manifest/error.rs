//! What is wrong with a manifest, and where.

use std::fmt;

/// An error in a manifest, with the place and, where there is one, a suggestion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ManifestError {
    /// What is wrong.
    pub message: String,
    /// Line and column, counted from 1.
    pub place: Option<(usize, usize)>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ManifestError {
    /// An error without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, hint: None }
    }

    /// An error at the first place where `needle` stands.
    pub fn near(message: impl Into<String>, text: &str, needle: &str) -> Self {
        Self { place: text.find(needle).map(|at| line_and_column(text, at)), ..Self::new(message) }
    }

    /// Adds advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Takes over an error of the TOML parser, with a suggestion for a misspelt field.
    pub fn from_toml(error: &toml::de::Error, text: &str) -> Self {
        let message = error.message().to_owned();
        let hint = suggestion(&message);
        Self { place: error.span().map(|span| line_and_column(text, span.start)), message, hint }
    }
}

/// A suggestion for `unknown field `x`, expected one of `a`, `b``, which is how serde words it.
fn suggestion(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (wrong, known) = (quoted.next()?, quoted.collect::<Vec<_>>());
    message.starts_with("unknown").then(|| nearest(wrong, known.iter().copied()))?
}

/// `did you mean …?` for the known word nearest to a wrong one, if any is near enough to be meant.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let (distance, word) = known.into_iter().map(|word| (edit_distance(wrong, word), word)).min()?;
    (distance <= 1 + wrong.len().max(word.len()) / 3).then(|| format!("did you mean `{word}`?"))
}

/// Levenshtein's distance: insertions, deletions and substitutions between two words.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
    (line, column)
}
