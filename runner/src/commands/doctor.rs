//! `takehome doctor`: what this machine can enforce and build, probed and not assumed.

use super::Outcome;
use crate::{
    backend::{self, Backend, Capabilities, LayerStatus},
    cli::{Doctor, Format},
    ui,
};
use serde_json::json;

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
pub async fn run(options: &Doctor) -> Outcome {
    let probe = tokio::task::spawn_blocking(|| {
        use backend::Backend;
        backend::native::Native::default().capabilities()
    });
    let capabilities =
        probe.await.map_err(|error| crate::error::CommandError::new(crate::error::Kind::Bug, error.to_string()))?;
    let tools: Vec<(&str, &str, Option<String>)> =
        TOOLS.iter().map(|(name, what)| (*name, *what, find(name))).collect();
    if options.format == Format::Human {
        ui::product(&human(&capabilities, &tools));
    } else {
        let layer = |layer: &backend::Layer| json!({ "name": layer.name, "status": word(layer.status), "detail": layer.detail });
        let tool =
            |(name, what, path): &(&str, &str, Option<String>)| json!({ "name": name, "for": what, "path": path });
        let object = json!({
            "backend": capabilities.backend,
            "usable": capabilities.usable.is_ok(),
            "reason": capabilities.usable.as_ref().err(),
            "layers": capabilities.layers.iter().map(layer).collect::<Vec<_>>(),
            "tools": tools.iter().map(tool).collect::<Vec<_>>(),
        });
        ui::product(&format!("{object}\n"));
    }
    Ok(if capabilities.usable.is_ok() { 0 } else { 6 })
}

fn human(capabilities: &Capabilities, tools: &[(&str, &str, Option<String>)]) -> String {
    let mut text = format!("Sandbox: {}\n", capabilities.backend);
    for layer in &capabilities.layers {
        let sign = match layer.status {
            LayerStatus::Enforced => "✓",
            LayerStatus::Approximate => "~",
            LayerStatus::Missing => "✗",
        };
        text.push_str(&format!("  {sign} {:24} {:12} {}\n", layer.name, word(layer.status), layer.detail));
    }
    match &capabilities.usable {
        Ok(()) => text.push_str("This machine can grade.\n"),
        Err(why) => text.push_str(&format!("This machine cannot grade: {why}\n")),
    }
    text.push_str("\nTools for submissions:\n");
    for (name, what, path) in tools {
        let (sign, place) = path.as_ref().map_or(("-", "not found"), |path| ("✓", path.as_str()));
        text.push_str(&format!("  {sign} {name:10} {what:16} {place}\n"));
    }
    text
}

/// A layer's status in a word.
pub fn word(status: LayerStatus) -> &'static str {
    match status {
        LayerStatus::Enforced => "enforced",
        LayerStatus::Approximate => "approximate",
        LayerStatus::Missing => "missing",
    }
}

fn find(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())?;
    Some(found.display().to_string())
}
