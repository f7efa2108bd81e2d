//! Colour for terminals; a word or a symbol always says the same.

use harness::verdict::Verdict;

/// Whether escape sequences for colour are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// No escape sequence at all: for files, pipes and `NO_COLOR`.
    #[default]
    Plain,
    /// The sixteen colours of the terminal's own theme.
    Ansi,
}

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Passed.
    Good,
    /// Failed.
    Bad,
    /// Undecided, advice.
    Warn,
    /// Less important.
    Faint,
    /// More important.
    Bold,
}

impl Style {
    /// The text in that ink. The text must be inert already.
    pub fn paint(self, ink: Ink, text: &str) -> String {
        let code = match (self, ink) {
            (Self::Plain, _) => return text.to_owned(),
            (_, Ink::Good) => "1;32",
            (_, Ink::Bad) => "1;31",
            (_, Ink::Warn) => "1;33",
            (_, Ink::Faint) => "2",
            (_, Ink::Bold) => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// The verdict's word in its ink, padded to `width` before it is painted.
    pub fn verdict(self, verdict: Verdict, width: usize) -> String {
        let ink = match verdict {
            Verdict::Pass => Ink::Good,
            Verdict::Fail => Ink::Bad,
            Verdict::Unknown => Ink::Warn,
            Verdict::NotRun => Ink::Faint,
        };
        self.paint(ink, &format!("{:<width$}", verdict.word()))
    }
}
