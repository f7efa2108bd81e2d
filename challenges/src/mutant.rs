//! Mutants: known-bad submissions, each a reference with a small change and the finding that it must get.

use crate::{
    Challenge, files_below,
    tree::{Tree, TreeError},
};
use serde::Deserialize;

/// A known-bad submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// Name of its folder.
    pub name: String,
    /// What is wrong with it, and how that must show.
    pub expect: Expectation,
    /// Its files.
    pub tree: Tree,
}

/// `expect.toml` of a mutant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What is wrong with it, in a sentence.
    pub about: String,
    /// The variant that it changes, such as `reference/rust`.
    pub base: String,
    /// The stage that must fail.
    pub stage: String,
    /// The code of the finding that must be reported there.
    pub code: String,
    /// The changes.
    #[serde(default)]
    pub edit: Vec<Edit>,
}

/// One change of a mutant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// File of the base.
    pub file: String,
    /// Text that occurs in it exactly once.
    pub find: String,
    /// What to put there.
    pub replace: String,
}

impl Mutant {
    pub(crate) fn read(challenge: &Challenge, name: String) -> Result<Self, TreeError> {
        let folder = format!("mutants/{name}");
        let path = format!("{}/{folder}/expect.toml", challenge.name);
        let text = challenge.text(&format!("{folder}/expect.toml"));
        let expect: Expectation =
            toml::from_str(&text).map_err(|error| TreeError::Invalid(path.clone(), error.to_string()))?;
        let mut tree = challenge.project(&expect.base)?;
        for edit in &expect.edit {
            let changed = tree.replace(&edit.file, &edit.find, &edit.replace);
            changed.map_err(|error| TreeError::Invalid(path.clone(), error.to_string()))?;
        }
        let own = format!("{}/{folder}", challenge.name);
        tree.overlay(files_below(&own).filter(|(path, _)| path != "expect.toml"));
        if tree == challenge.project(&expect.base)? {
            return Err(TreeError::Invalid(path, "changes nothing in its base".into()));
        }
        Ok(Self { name, expect, tree })
    }
}
