//! Where tests find the corpora: recorded histories of other projects with the verdicts that are expected of them.

#![allow(clippy::disallowed_methods, reason = "a test reads its files itself")]
#![allow(dead_code, reason = "not every test needs all columns")]

use std::{env, fs, path::PathBuf};

/// A file of the corpora, as their `README.tsv` describes it.
pub struct Recording {
    /// Its path below the folder.
    pub path: String,
    /// What recorded what, in words.
    pub model: String,
    /// The expected verdict, in words.
    pub verdict: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// All files; none where there are no corpora, which is said, and which `CI` does not accept.
pub fn files() -> Option<Vec<Recording>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let folder = env::var_os("TAKEHOME_CORPORA").map_or(beside, PathBuf::from);
    let Ok(table) = fs::read_to_string(folder.join("README.tsv")) else {
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "no corpora at {}", folder.display());
        println!("SKIPPED: no corpora at {}; TAKEHOME_CORPORA names their folder", folder.display());
        return None;
    };
    let row = |row: &str| {
        let mut columns = row.split('\t').map(str::to_owned);
        let mut column = || columns.next().unwrap_or_else(|| panic!("a column is missing: {row}"));
        let (path, model, verdict) = (column(), column(), column());
        let bytes = fs::read(folder.join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Recording { path, model, verdict, bytes }
    };
    Some(table.lines().skip(1).map(row).collect())
}
