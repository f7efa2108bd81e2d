//! The catalogue as commands see it: a challenge by its name, its manifest, its files, with errors that say what to do.

use crate::error::{CommandError, Kind};
use challenges::{Challenge, Tree};
use harness::{
    manifest::{Manifest, nearest},
    text::excerpt,
    verdict::Blame,
};
use std::{fs, path::Path};

/// The challenge with this name, or an error that suggests one.
pub fn challenge(name: &str) -> Result<&'static Challenge, CommandError> {
    challenges::find(name).ok_or_else(|| {
        let error = CommandError::new(Kind::Usage, format!("there is no challenge called `{}`", excerpt(name, 60)));
        let guess = nearest(name, challenges::CATALOGUE.iter().map(|challenge| challenge.name));
        error.hint(guess.unwrap_or_else(|| "`takehome list` shows them all".into()))
    })
}

/// A challenge's manifest, or an error that blames its author.
pub fn manifest(challenge: &Challenge) -> Result<Manifest, CommandError> {
    challenge.manifest().map_err(|error| {
        let place = error.place.map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
        let wrapped = CommandError::new(Kind::Usage, error.message.clone())
            .at(format!("challenges/{}/challenge.toml{place}", challenge.name))
            .blame(Blame::Challenge);
        match error.hint {
            Some(hint) => wrapped.hint(hint),
            None => wrapped,
        }
    })
}

/// Writes a tree into a folder.
pub fn write(tree: &Tree, folder: &Path) -> Result<(), CommandError> {
    for (path, bytes) in &tree.files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|error| CommandError::io(path.display(), &error))?;
    }
    Ok(())
}
