//! `takehome list`: the challenges there are.

use super::Outcome;
use crate::{
    catalogue::manifest,
    cli::{Format, List},
    ui,
};
use serde_json::json;

/// Runs the command.
pub fn run(options: &List) -> Outcome {
    let mut rows = Vec::new();
    for challenge in challenges::CATALOGUE {
        rows.push((challenge.name, manifest(challenge)?));
    }
    if options.format != Format::Human {
        let entry = |(name, manifest): &(&str, harness::manifest::Manifest)| {
            let stages: Vec<&str> = manifest.stages.iter().map(|stage| &*stage.id).collect();
            json!({ "name": name, "title": manifest.title, "minutes": manifest.minutes, "skills": manifest.skills,
                    "languages": manifest.languages, "stages": stages })
        };
        let list: Vec<_> = rows.iter().map(entry).collect();
        ui::product(&format!("{}\n", serde_json::Value::from(list)));
        return Ok(0);
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, manifest) in rows {
        let stages: Vec<String> =
            manifest.stages.iter().map(|stage| format!("{} {}", stage.id, stage.points)).collect();
        ui::product(&format!(
            "{name:width$}  {} ({} min; {})\n{:width$}  stages and points: {}\n",
            manifest.title,
            manifest.minutes,
            manifest.skills.join(", "),
            "",
            stages.join(", ")
        ));
    }
    Ok(0)
}
