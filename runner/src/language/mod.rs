//! Languages: what a submission is written in, which programs it has, and how each is built and run.
//!
//! Detection reads files and starts nothing. A new language is one file here and one line in `LANGUAGES`.

mod choose;
mod cmake;
mod compilers;
mod custom;
mod go;
mod java;
mod make;
pub mod manifest;
mod node;
mod python;
pub mod recipe;
mod rust;
pub mod sanitize;
pub mod tree;

use std::path::Path;

pub use choose::{Alternative, Choice, ChoiceError};
pub use manifest::Manifest;
pub use recipe::Recipe;
use tree::{Folder, Tree};

/// Every language, the one that decides first: a Cargo project with a Makefile is a Cargo project.
static LANGUAGES: [&dyn Language; 9] = [
    &rust::Rust,
    &go::Go,
    &java::Maven,
    &cmake::Cmake,
    &make::Make,
    &node::Node,
    &python::Python,
    &compilers::CPP,
    &compilers::C,
];

/// A language, or rather a way of building one.
pub trait Language: Sync {
    /// Its name, as in `takehome.toml`.
    fn name(&self) -> &'static str;
    /// What there is in a folder; nothing when it is not this language.
    fn detect(&self, folder: &Folder<'_>) -> Option<Detected>;
    /// How one of its programs is built and run.
    fn recipe(&self, folder: &Folder<'_>, program: &Program) -> Recipe;
}

/// What a language finds in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// The file that says so, such as `go.mod`; nothing when there are only sources.
    pub file: Option<String>,
    /// The programs, in the order in which they are listed.
    pub programs: Vec<Program>,
}

/// A program of a submission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// What `--bin` calls it; empty when that is known only once it is built.
    pub name: String,
    /// Its file or folder, relative to the folder of detection.
    pub path: String,
    /// A word only its language understands, such as the package that it is in.
    pub detail: String,
    /// Whether it is the one that is meant when none is named.
    pub default: bool,
}

impl Program {
    /// A program of that name at that path.
    pub fn new(name: impl Into<String>, path: impl Into<String>) -> Self {
        Self { name: name.into(), path: path.into(), ..Self::default() }
    }

    /// The same, with a detail.
    pub fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// Decides how the submission in a folder is built and run.
pub fn detect(tree: &Path, choice: &Choice) -> Result<Recipe, ChoiceError> {
    let tree = Tree::open(tree).map_err(|error| ChoiceError::Unreadable(error.to_string()))?;
    choose::choose(&tree, choice, &LANGUAGES)
}

/// The names of all languages.
pub fn names() -> impl Iterator<Item = &'static str> {
    LANGUAGES.iter().map(|language| language.name())
}

#[cfg(test)]
pub(crate) mod testing {
    //! Trees of files for tests.

    /// A temporary folder with these files.
    pub fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    /// The recipe of these files for `--dir` and `--bin`, or the error as text.
    pub fn recipe(files: &[(&str, &str)], dir: Option<&str>, bin: Option<&str>) -> Result<super::Recipe, String> {
        let choice =
            super::Choice { dir: dir.map(str::to_owned), bin: bin.map(str::to_owned), ..super::Choice::default() };
        super::detect(tree(files).path(), &choice).map_err(|error| error.to_string())
    }

    /// A command as one line.
    pub fn line(step: &super::recipe::Step) -> String {
        step.argv.join(" ")
    }
}
