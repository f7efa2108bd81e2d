//! `takehome init`: a starter project that builds, answers `init`, and fails.

use super::Outcome;
use crate::{
    catalogue::{challenge, write},
    cli::Init,
    error::{CommandError, Kind},
    ui,
};
use harness::manifest::nearest;
use std::fs;

/// Runs the command.
pub fn run(options: &Init) -> Outcome {
    let challenge = challenge(&options.challenge)?;
    let languages = challenge.variants("starter");
    if !languages.contains(&options.lang) {
        let message = format!("`{}` has no starter in `{}`", challenge.name, options.lang);
        let guess = nearest(&options.lang, languages.iter().map(String::as_str));
        let hint = guess.unwrap_or_else(|| format!("there are: {}", languages.join(", ")));
        return Err(CommandError::new(Kind::Usage, message)
            .hint(hint)
            .hint("any language may be submitted; the starters only save typing"));
    }
    let folder = options.folder.clone().unwrap_or_else(|| challenge.name.into());
    if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let message = format!("{} is not empty", folder.display());
        return Err(CommandError::new(Kind::Usage, message).hint("name a new folder, so that nothing is overwritten"));
    }
    let mut project = challenge
        .project(&format!("starter/{}", options.lang))
        .map_err(|error| CommandError::new(Kind::Bug, error.to_string()))?;
    project.overlay([
        ("takehome.toml".to_owned(), format!("challenge = \"{}\"\n", challenge.name).into_bytes().into()),
        ("STATEMENT.md".to_owned(), challenge.text("statement.md").into_bytes().into()),
    ]);
    write(&project, &folder)?;
    let shown = folder.display();
    ui::message(&format!("{shown}: a {} starter for `{}`", options.lang, challenge.name));
    ui::message(&format!("next: read {shown}/STATEMENT.md, then `cd {shown} && takehome check`"));
    Ok(0)
}
