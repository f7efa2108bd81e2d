//! The report as one self-contained page: no script, no request, light and dark, for screen and paper.

mod card;
mod cases;
mod environment;
mod findings;
mod first;
mod measures;
mod page;
pub(crate) mod parts;
mod score;
mod stages;

use super::Format;
use harness::report::Report;

/// Nothing is loaded from anywhere and nothing runs; style stands in the page itself.
pub(crate) const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
/// The style of all pages.
pub(crate) const STYLE: &str = include_str!("style.css");

/// The HTML format.
pub struct Html;

impl Format for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn render(&self, report: &Report) -> Vec<u8> {
        // Whoever prints the page into a CI log instead of opening it is not harmed either: `##[` is a command there.
        page::page(report).into_string().replace("##", "#&#35;").into_bytes()
    }
}
