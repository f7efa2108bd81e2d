//! Every recorded history of the corpora is read, and has as many operations as its text says.
//!
//! The corpora are data of other projects and no part of this one: a folder with a `README.tsv`, found through
//! `TAKEHOME_CORPORA` or beside the checkout. Without it nothing is tested here, unless `CI` demands it.

use harness::{
    history::format::{self, Shape},
    verify::Recorded,
};
use std::{env, fs, path::PathBuf};

/// The folder, if there is one.
fn corpora() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let folder = env::var_os("TAKEHOME_CORPORA").map_or(beside, PathBuf::from);
    if folder.join("README.tsv").is_file() {
        return Some(folder);
    }
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "no corpora at {}", folder.display());
    println!("SKIPPED: no corpora at {}; TAKEHOME_CORPORA names their folder", folder.display());
    None
}

/// The files by path, with their models.
fn files(folder: &PathBuf) -> Vec<(String, String)> {
    let table = fs::read_to_string(folder.join("README.tsv")).unwrap();
    let rows = table.lines().skip(1).map(|row| row.split('\t').collect::<Vec<_>>());
    rows.map(|row| (row[0].to_owned(), row[1].to_owned())).collect()
}

fn count(recorded: &Recorded) -> usize {
    match recorded {
        Recorded::Operations(history) => history.len(),
        Recorded::Transactions(transactions) => transactions.len(),
    }
}

/// How many operations or transactions a file has, counted by its text; none where that cannot be told so.
fn expected(path: &str, bytes: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(bytes);
    let top = path.split('/').next().unwrap();
    Some(match top {
        "knossos" | "elle" | "elle-cli" | "porcupine" if path.ends_with(".json") => {
            text.matches(r#""type":"invoke""#).count()
        }
        "porcupine" if path.ends_with(".log") => text.matches(":invoke").count(),
        "knossos" | "elle" | "elle-cli" | "porcupine" => text.matches(":type :invoke").count(),
        "polylin" | "fptlin" => text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count(),
        "dbcop" => text.matches("- events:").count(),
        _ if path.ends_with(".bincode") => return None,
        _ => {
            let ids = text
                .lines()
                .filter_map(|line| line.trim_end_matches(')').split_once(',')?.1.split_once(',').map(|(_, id)| id));
            ids.collect::<std::collections::HashSet<_>>().len()
        }
    })
}

#[test]
fn every_file_is_read_and_nothing_is_lost() {
    let Some(folder) = corpora() else { return };
    let files = files(&folder);
    assert!(files.len() > 200, "{} files", files.len());
    for (path, model) in &files {
        let bytes = fs::read(folder.join(path)).unwrap();
        let recorded = format::read(&bytes, None, Shape::default()).unwrap_or_else(|error| panic!("{path}: {error}"));
        if let Some(expected) = expected(path, &bytes) {
            assert_eq!(count(&recorded), expected, "{path}");
        }
        let transactions = ["txn", "list-append", "rw-register", "long-fork"].iter().any(|word| model.contains(word));
        assert_eq!(matches!(recorded, Recorded::Transactions(_)), transactions, "{path}: {model}");
    }
}
