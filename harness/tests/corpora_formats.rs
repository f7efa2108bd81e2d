//! Every recorded history of the corpora is read, and has as many operations as its text says.
//!
//! The corpora are data of other projects and no part of this one: a folder with a `README.tsv`, found through
//! `TAKEHOME_CORPORA` or beside the checkout. Without it nothing is tested here, unless `CI` demands it.

mod corpora;

use harness::{
    history::format::{self, Shape},
    verify::Recorded,
};

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
    let Some(files) = corpora::files() else { return };
    assert!(files.len() > 200, "{} files", files.len());
    for corpora::Recording { path, model, bytes, .. } in &files {
        let recorded = format::read(bytes, None, Shape::default()).unwrap_or_else(|error| panic!("{path}: {error}"));
        if let Some(expected) = expected(path, bytes) {
            assert_eq!(count(&recorded), expected, "{path}");
        }
        let transactions = ["txn", "list-append", "rw-register", "long-fork"].iter().any(|word| model.contains(word));
        assert_eq!(matches!(recorded, Recorded::Transactions(_)), transactions, "{path}: {model}");
    }
}
