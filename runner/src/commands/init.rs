//! `takehome init`: a starter project that builds, answers `init`, and fails.

use super::{Outcome, challenge};
use crate::{
    cli::Init,
    error::{CommandError, Kind},
    ui,
};
use harness::manifest::nearest;
use std::{fs, path::Path};

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

/// Writes a tree into a folder.
pub fn write(tree: &challenges::Tree, folder: &Path) -> Result<(), CommandError> {
    for (path, bytes) in &tree.files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|error| CommandError::io(path.display(), &error))?;
    }
    Ok(())
}
