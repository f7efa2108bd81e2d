//! The catalogue of challenges: everything that ships inside takehome.
//!
//! A challenge is a folder beside this crate's `src`, with its oracle registered in [`CATALOGUE`]. The folders are
//! embedded in the binary, so that a takehome that was copied somewhere still has all of them.

mod mutant;
mod tree;

#[path = "../broadcast/oracle.rs"]
pub mod broadcast;
#[path = "../chat/oracle.rs"]
pub mod chat;
#[path = "../echo/oracle.rs"]
pub mod echo;
#[path = "../job-queue/oracle.rs"]
pub mod job_queue;
#[path = "../kv-store/oracle.rs"]
pub mod kv_store;
#[path = "../unique-ids/oracle.rs"]
pub mod unique_ids;

pub use mutant::{Edit, Expectation, Mutant};
pub use tree::{Tree, TreeError};

use harness::{
    manifest::{Manifest, ManifestError},
    oracle::Oracle,
    plan::Figures,
};
use rust_embed::Embed;
use std::borrow::Cow;

/// The challenges' folders.
#[derive(Embed)]
#[folder = "."]
#[exclude = "src/*"]
#[exclude = "Cargo.toml"]
#[exclude = "*/target/*"]
#[exclude = "*.rs.bk"]
struct Files;

/// One challenge.
#[derive(Clone, Copy)]
pub struct Challenge {
    /// Name of its folder, and on the command line.
    pub name: &'static str,
    /// Its oracle.
    pub oracle: &'static dyn Oracle,
}

/// All challenges, easiest first.
pub const CATALOGUE: &[Challenge] = &[
    Challenge { name: "echo", oracle: &echo::Echo },
    Challenge { name: "unique-ids", oracle: &unique_ids::UniqueIds },
    Challenge { name: "broadcast", oracle: &broadcast::Broadcast },
    Challenge { name: "chat", oracle: &chat::Chat },
    Challenge { name: "kv-store", oracle: &kv_store::KvStore },
    Challenge { name: "job-queue", oracle: &job_queue::JobQueue },
];

/// The challenge with this name.
pub fn find(name: &str) -> Option<&'static Challenge> {
    CATALOGUE.iter().find(|challenge| challenge.name == name)
}

/// The file at a path below the crate's folder.
fn file(path: &str) -> Option<Cow<'static, [u8]>> {
    Files::get(path).map(|file| file.data)
}

/// All files below a folder, relative to it.
fn files_below(folder: &str) -> impl Iterator<Item = (String, Cow<'static, [u8]>)> {
    let prefix = format!("{folder}/");
    Files::iter().filter_map(move |path| {
        let relative = path.strip_prefix(&prefix)?.to_owned();
        Some((relative, file(&path)?))
    })
}

impl Challenge {
    /// Its manifest.
    pub fn manifest(&self) -> Result<Manifest, ManifestError> {
        Manifest::parse(&self.text("challenge.toml"))
    }

    /// A text file of its folder; empty when there is none.
    pub fn text(&self, name: &str) -> String {
        let bytes = file(&format!("{}/{name}", self.name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The recorded figures of its reference.
    pub fn figures(&self) -> Figures {
        toml::from_str(&self.text("reference/figures.toml")).unwrap_or_default()
    }

    /// The languages of its starters or references: the folders below `starter` or `reference`.
    pub fn variants(&self, kind: &str) -> Vec<String> {
        let mut names: Vec<String> = files_below(&format!("{}/{kind}", self.name))
            .filter_map(|(path, _)| Some(path.split_once('/')?.0.to_owned()))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The complete project of a starter or reference, such as `starter/go`: the language's libraries, and over them the
    /// challenge's own files. Servers have one for their protocol too.
    pub fn project(&self, variant: &str) -> Result<Tree, TreeError> {
        let language = variant.rsplit('/').next().unwrap_or(variant);
        let mut tree = Tree::default();
        let library = |name: &str| files_below(&format!("library/{name}/{language}")).collect::<Vec<_>>();
        match self.manifest().ok().and_then(|manifest| manifest.protocol) {
            Some(protocol) => {
                tree.overlay(library("server"));
                tree.overlay(library(protocol.name()));
            }
            None => tree.overlay(library("node")),
        }
        let own = files_below(&format!("{}/{variant}", self.name)).collect::<Vec<_>>();
        if own.is_empty() {
            return Err(TreeError::Missing(format!("{}/{variant}", self.name)));
        }
        tree.overlay(own);
        Ok(tree)
    }

    /// The complete project of any of its submissions: a starter, a reference or a mutant.
    pub fn sample(&self, variant: &str) -> Result<Tree, TreeError> {
        match variant.strip_prefix("mutants/") {
            Some(name) if self.variants("mutants").iter().any(|known| known == name) => {
                Ok(Mutant::read(self, name.to_owned())?.tree)
            }
            _ => self.project(variant),
        }
    }

    /// The names of all its submissions, for [`Self::sample`].
    pub fn samples(&self) -> Vec<String> {
        let of =
            |kind: &str| self.variants(kind).into_iter().map(move |name| format!("{kind}/{name}")).collect::<Vec<_>>();
        ["starter", "reference", "mutants"].iter().flat_map(|kind| of(kind)).collect()
    }

    /// Its mutants by name.
    pub fn mutants(&self) -> Result<Vec<Mutant>, TreeError> {
        self.variants("mutants").into_iter().map(|name| Mutant::read(self, name)).collect()
    }
}

#[cfg(test)]
mod tests;
