//! `takehome doctor`: what this machine can enforce and build, probed to the end and not assumed, what it means for
//! grading, and the commands that mend what is missing.
//!
//! takehome needs Linux; there is no sandbox of it on other systems, where a virtual machine is the way.

mod apparmor;
mod causes;
mod diagnosis;
mod meaning;

use super::Outcome;
use crate::{
    backend::{Layer, LayerStatus},
    cli::{self, Format},
    error::{CommandError, Kind},
    ui,
};
use diagnosis::{Diagnosis, Finding, word};

/// Tools that submissions may need: name and what for.
const TOOLS: &[(&str, &str)] = &[
    ("cargo", "Rust"),
    ("go", "Go"),
    ("cc", "C"),
    ("c++", "C++"),
    ("cmake", "CMake projects"),
    ("make", "Makefiles"),
    ("python3", "Python"),
    ("node", "JavaScript"),
    ("mvn", "Java"),
    ("ssh", "ssh URLs"),
];

/// Runs the command.
pub async fn run(options: &cli::Doctor) -> Outcome {
    if options.apparmor_profile {
        let program = std::env::current_exe().map_err(|error| CommandError::io("this program's path", &error))?;
        ui::product(&apparmor::profile(&program));
        return Ok(0);
    }
    let diagnosis = tokio::task::spawn_blocking(diagnosis::diagnose).await;
    let diagnosis = diagnosis.map_err(|error| CommandError::new(Kind::Bug, error.to_string()))?;
    let tools: Vec<Tool> = TOOLS.iter().map(|(name, what)| (*name, *what, find(name))).collect();
    match options.format {
        Format::Human => ui::product(&human(&diagnosis, &tools)),
        Format::Json | Format::Ndjson => ui::product(&format!("{}\n", diagnosis::json(&diagnosis, &tools))),
    }
    Ok(if diagnosis.for_others().is_some() { 0 } else { 6 })
}

/// A tool, what it is for, and where it is.
type Tool = (&'static str, &'static str, Option<String>);

fn human(diagnosis: &Diagnosis, tools: &[Tool]) -> String {
    let mut text = String::from("Sandboxes, the best first:\n");
    for finding in &diagnosis.findings {
        let sign = if finding.usable() { "✓" } else { "✗" };
        let (name, strength) = (finding.entry.name, finding.entry.strength.word());
        text.push_str(&format!("  {sign} {name:11} {strength:9} {}\n", finding.entry.about));
        if let Err(why) = &finding.capabilities.usable {
            text.push_str(&format!("    does not work here: {why}\n"));
        }
    }
    let first = diagnosis.first();
    text.push_str(&format!("\nLayers of {}:\n", first.entry.name));
    first.capabilities.layers.iter().for_each(|layer| text.push_str(&layer_lines(diagnosis, first, layer)));
    for finding in diagnosis.findings.iter().filter(|other| other.usable() && other.entry.name != first.entry.name) {
        text.push_str(&format!("\nLayers of {} that are not enforced:\n", finding.entry.name));
        let weak = finding.capabilities.layers.iter().filter(|layer| layer.status != LayerStatus::Enforced);
        weak.for_each(|layer| text.push_str(&layer_lines(diagnosis, finding, layer)));
    }
    text.push_str(&conclusion(diagnosis));
    text.push_str(&fixes(diagnosis));
    text.push_str("\nTools for submissions:\n");
    for (name, what, path) in tools {
        let (sign, place) = path.as_ref().map_or(("-", "not found"), |path| ("✓", path.as_str()));
        text.push_str(&format!("  {sign} {name:10} {what:16} {place}\n"));
    }
    text
}

/// A layer, and for one that is not enforced what that means and what mends it.
fn layer_lines(diagnosis: &Diagnosis, finding: &Finding, layer: &Layer) -> String {
    let sign = match layer.status {
        LayerStatus::Enforced => "✓",
        LayerStatus::Approximate => "~",
        LayerStatus::Missing => "✗",
    };
    let mut text = format!("  {sign} {:24} {:12} {}\n", layer.name, word(layer.status), layer.detail);
    if layer.status != LayerStatus::Enforced {
        text.push_str(&format!("      means  {}\n", meaning::of(layer.name)));
        if let Some(fix) = diagnosis.fix(finding, layer) {
            text.push_str(&format!("      fix    {fix}\n"));
        }
    }
    text
}

fn conclusion(diagnosis: &Diagnosis) -> String {
    let others = match diagnosis.for_others() {
        Some(finding) => format!("This machine can grade other people's submissions, with {}.", finding.entry.name),
        None => "This machine cannot grade other people's submissions: no strong sandbox works.".into(),
    };
    let own = match diagnosis.for_own() {
        Some(finding) => format!("A candidate's `takehome check` runs with {}.", finding.entry.name),
        None => "A candidate's `takehome check` runs only with --unsafe-no-sandbox, which isolates nothing.".into(),
    };
    format!("\n{others}\n{own}\n")
}

fn fixes(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    for cause in &diagnosis.causes {
        text.push_str(&format!("\n{}:\n", cause.problem));
        cause.commands.iter().for_each(|command| text.push_str(&format!("  {command}\n")));
    }
    text
}

fn find(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())?;
    Some(found.display().to_string())
}
