//! The report as one self-contained page: no script, no request, light and dark, for screen and paper.

mod card;
mod cases;
mod environment;
mod findings;
mod first;
mod measures;
mod page;
mod parts;
mod score;
mod stages;

use super::Format;
use harness::report::Report;

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
