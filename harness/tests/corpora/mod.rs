//! Where tests find the corpora: recorded histories of other projects with the verdicts that are expected of them.

#![allow(clippy::disallowed_methods, reason = "a test reads its files itself")]
#![allow(dead_code, reason = "not every test needs all columns")]

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
};

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

/// Their folder; none where there are no corpora, which is said, and which `CI` does not accept.
pub fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let folder = env::var_os("TAKEHOME_CORPORA").map_or(beside, PathBuf::from);
    if folder.join("README.tsv").is_file() {
        return Some(folder);
    }
    let missing = format!("no corpora at {}; TAKEHOME_CORPORA names their folder", folder.display());
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "{missing}");
    // What a test prints is seen only when it fails; this has to be seen.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {missing}");
    None
}

/// The content of a file.
pub fn bytes(folder: &Path, path: &str) -> Vec<u8> {
    fs::read(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files; none where there are no corpora.
pub fn files() -> Option<Vec<Recording>> {
    let folder = folder()?;
    let table = String::from_utf8(bytes(&folder, "README.tsv")).expect("a table in UTF-8");
    let row = |row: &str| {
        let mut columns = row.split('\t').map(str::to_owned);
        let mut column = || columns.next().unwrap_or_else(|| panic!("a column is missing: {row}"));
        let (path, model, verdict) = (column(), column(), column());
        let bytes = bytes(&folder, &path);
        Recording { path, model, verdict, bytes }
    };
    Some(table.lines().skip(1).map(row).collect())
}
