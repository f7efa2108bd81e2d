//! The report as one JSON object, for programs.
//!
//! It is complete: what other formats cut or leave out is in here. Characters that could act on a terminal, reorder the
//! text in an editor or command a CI system are written as `\u` escapes, so a parser reads back exactly what the candidate
//! wrote, and whoever prints the text is not harmed.

use super::Format;
use harness::{report::Report, text};

/// The JSON format.
pub struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn render(&self, report: &Report) -> Vec<u8> {
        let json = serde_json::to_string_pretty(report);
        debug_assert!(json.is_ok(), "a report has string keys only");
        format!("{}\n", text::json(&json.unwrap_or_default())).into_bytes()
    }
}
