//! `takehome show`: a challenge's statement, or what checks and metrics there are.

use super::Outcome;
use crate::{catalogue::challenge, cli::Show, ui};
use harness::{checker, metric, report::Report};
use schemars::JsonSchema;

/// Runs the command.
pub fn run(options: &Show) -> Outcome {
    if options.schema {
        ui::product(&schema::<Report>());
    }
    if options.checks {
        ui::product(&registry());
    }
    if let Some(name) = &options.challenge {
        let challenge = challenge(name)?;
        ui::product(&challenge.text("statement.md"));
        if options.notes {
            ui::product(&format!("\n---\n\n{}", challenge.text("notes.md")));
        }
    }
    Ok(0)
}

/// The JSON Schema of what a type is written as.
pub(super) fn schema<T: JsonSchema>() -> String {
    let schema = schemars::schema_for!(T);
    format!("{}\n", serde_json::to_string_pretty(&schema).unwrap_or_default())
}

fn registry() -> String {
    let mut text = String::from("Checks (`require = [\"…\"]`):\n");
    for checker in checker::REGISTRY {
        text.push_str(&format!("  {:18} {}\n", checker.name(), checker.about()));
    }
    text.push_str("\nMetrics (`require = [\"… <= …\"]`, `grade = [{ metric = \"…\", … }]`):\n");
    for metric in metric::REGISTRY {
        text.push_str(&format!("  {:24} {} [{}]\n", metric.name, metric.about, metric.unit));
    }
    text.push_str("\nFinding codes:\n");
    for (code, meaning) in checker::CODES {
        text.push_str(&format!("  {code:20} {meaning}\n"));
    }
    text
}
