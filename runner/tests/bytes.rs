//! Whatever bytes a candidate sends, every reader of them survives. A moment of what `tests/fuzz` does for hours.

use proptest::prelude::*;
use runner::fuzzing;

/// Anything, and what gets past the first check of a reader: its own seeds with a few bytes changed.
fn bytes(seeds: &'static [(&'static str, &'static [u8])]) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 0..6);
    let changed = (prop::sample::select(seeds), changes).prop_map(|((_, seed), changes)| {
        let mut bytes = seed.to_vec();
        for (at, byte, what) in changes {
            let at = at.index(bytes.len() + 1);
            match what {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                _ => bytes.get_mut(at).into_iter().for_each(|old| *old = byte),
            }
        }
        bytes
    });
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..300), 4 => changed]
}

/// The committed seeds of a target.
macro_rules! seeds {
    ($target:literal: $($name:literal),+) => {
        &[$(($name, include_bytes!(concat!("../../tests/fuzz/corpus/", $target, "/", $name)))),+]
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn node_lines(bytes in bytes(seeds!("node_lines": "messages", "mixed", "surrogates"))) {
        fuzzing::node_lines(&bytes);
    }

    #[test]
    fn takehome_toml(bytes in bytes(seeds!("takehome_toml": "commands", "lists", "newline"))) {
        fuzzing::takehome_toml(&bytes);
    }

    #[test]
    fn languages(bytes in bytes(seeds!("languages": "cargo", "go", "java", "mixed"))) {
        fuzzing::languages(&bytes);
    }

    #[test]
    fn record(bytes in bytes(seeds!("record": "echo", "broadcast", "events", "returns"))) {
        fuzzing::record(&bytes);
    }

    #[test]
    fn source(bytes in bytes(seeds!("source": "modules", "address", "tree", "refs", "date", "command"))) {
        fuzzing::source(&bytes);
    }

    #[test]
    fn proxy_request(bytes in bytes(seeds!("proxy_request": "connect", "plain"))) {
        fuzzing::proxy_request(&bytes);
    }

    #[test]
    fn server_answers(bytes in bytes(seeds!("server_answers": "resp", "beanstalk", "go-race", "asan"))) {
        fuzzing::server_answers(&bytes);
    }

    #[test]
    fn executable(bytes in bytes(seeds!("executable": "c", "no-lines"))) {
        fuzzing::executable(&bytes);
    }

    #[test]
    fn build_log(bytes in bytes(seeds!("build_log": "cargo", "colours"))) {
        fuzzing::build_log(&bytes);
    }
}
