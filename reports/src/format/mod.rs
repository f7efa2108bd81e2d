//! The formats: each turns a report into the bytes of one file.

pub mod html;
pub mod human;
pub mod json;
pub mod markdown;

use harness::report::Report;

/// A way to write a report.
pub trait Format: Sync {
    /// How it is called on the command line.
    fn name(&self) -> &'static str;

    /// The whole file. The same report gives the same bytes, always.
    fn render(&self, report: &Report) -> Vec<u8>;
}

/// Every format, in the order in which help texts list them.
pub const FORMATS: &[&dyn Format] =
    &[&human::Human { style: human::Style::Plain }, &json::Json, &html::Html, &markdown::Markdown];

/// The format of that name.
pub fn find(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}
