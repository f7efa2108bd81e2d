//! No content of a file makes a reader panic, and every error names a place.

use super::*;
use proptest::prelude::*;

/// A file of each format.
pub(super) fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let events = "[{:type :invoke, :f :cas, :process 0, :value [1 [2 {:a #{\"b\\n\" \\c 1.5M}}]]} #_ {} ; none\n #tag{:type :info, :f :cas, :process 0}]";
    let list = "{:type :invoke, :f :txn, :process 0, :value [[:append 1 5] [:r 1 nil]]}\n{:type :ok, :f :txn, :process 0, :value [[:append 1 5] [:r 1 [5 6]]]}\n";
    let json = "[{\"type\":\"invoke\",\"f\":\"add\",\"value\":{\"1\":[1e9,null]}},\n{\"type\":\"ok\",\"f\":\"add\"}]";
    let register = "{\"type\":\"invoke\",\"value\":[[\"w\",\"x\",2]]}\n{\"type\":\"ok\",\"value\":[[\"w\",\"x\",2]]}\n";
    let calls =
        CALLS.to_owned() + "work\t4\t0\tpoll\t28\t29\tok\t{\"offsets\":{\"a\":0}}\t{\"msgs\":{\"a\":[[0,9]]}}\n";
    let txn = CALLS.to_owned() + "work\t1\t0\ttxn\t20\t30\tok\t{\"txn\":[[\"r\",1,null]]}\t{\"txn\":[[\"r\",1,[2]]]}\n";
    let own = OWN.to_owned() + "a\t1\t2\tok\tinsert\t-\t{\"b\":[1]}\ttrue\n";
    let own_txn = OWN.to_owned() + "a\t5\t6\tok\ttxn\t-\t[[\"r\",1,null]]\t[[\"r\",1,[2]]]\n";
    let log = "INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]\nINFO  jepsen.util - 0\t:fail\t:cas\t[1 2]\n";
    let texts = [
        ("edn", events),
        ("edn", list),
        ("json", json),
        ("json", register),
        ("calls", &calls),
        ("calls", &txn),
        ("history", &own),
        ("history", &own_txn),
        ("jepsen-log", log),
        ("txn-text", "w(1,4,0,0)\nr(2,0,0,0)\nr(1,4,1,1)\n"),
        ("polylin", "# set\nremove 1 0 1 2\ninsert 1 1 5 7"),
        ("polylin", "# deque\npush_front 6 3 25\npop_back -1 4 26"),
        ("fptlin", "# rmw\n7 1 10 READ_MODIFY_WRITE 0 2\n"),
        ("dbcop-yaml", YAML),
    ];
    let mut samples: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_bytes().to_vec())).collect();
    samples.push(("dbcop-bincode", bincode()));
    samples
}

/// Reads in every way; whatever comes out is looked at.
fn read_in_every_way(bytes: &[u8]) {
    let keyed = Shape { keyed: Some(true), ..Shape::of_model("counter") };
    for format in FORMATS.iter().map(|format| Some(format.name)).chain([None]) {
        for shape in [Shape::default(), Shape::of_model("list-append"), keyed] {
            match read(bytes, format, shape) {
                Ok(Recorded::Operations(history)) => {
                    assert!(history.calls().is_sorted());
                    let text = text::write(&history);
                    assert_eq!(shown(&history).len(), text.lines().count() - 1);
                    for op in history.iter() {
                        assert_eq!(op.ret == PENDING, op.outcome == Outcome::Unknown);
                        assert!(op.ret >= op.call && op.call < PENDING);
                    }
                }
                Ok(Recorded::Transactions(transactions)) => {
                    assert!(transactions.call.is_sorted());
                    assert_eq!(shown_transactions(&transactions).len(), transactions.len());
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.starts_with("line ") || text.starts_with("byte "), "{text}");
                    assert!(!text.contains(char::is_control), "{text:?}");
                    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
                    assert!(!matches!(error.place, Place::Line(line) if line == 0 || line > lines), "{text}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_in_every_way(&bytes);
    }

    #[test]
    fn arbitrary_tokens_do_no_harm(tokens in prop::collection::vec(prop::sample::select(vec![
        "{", "}", "[", "]", "(", ")", "#{", "#_", "#t ", ":type ", ":invoke ", ":ok ", ":f ", ":txn ", ":value ", ":process ",
        "[:r 1 nil]", "[:append 1 2]", "nil ", "7 ", "\"", "\\", ";", "\n", ",", ":", "{\"type\":\"invoke\",\"f\":\"read\"}",
        "{:type :invoke, :f :read, :process 1}", "{:type :ok, :f :read, :process 1, :value [2 3]}",
        "{:type :invoke, :f :txn, :value [[:r 1 nil]]}", "{:type :ok, :f :txn, :value [[:r 1 [2]]]}",
    ]), 0..30)) {
        read_in_every_way(tokens.concat().as_bytes());
    }

    #[test]
    fn damaged_files_do_no_harm(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, any::<u8>()), 1..6),
    ) {
        let samples = samples();
        let mut bytes = samples[which.index(samples.len())].1.clone();
        for (at, edit, byte) in edits {
            let at = at.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            match edit {
                0 if !bytes.is_empty() => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        read_in_every_way(&bytes);
    }
}

#[test]
fn nesting_without_end_is_refused_and_not_followed() {
    for open in ["[", "{", "(", "#{", "#_", "#t ", "{:type ", "{\"a\":", "[{\"a\":[", "{\"type\":[[[[[[[["] {
        read_in_every_way(open.repeat(5_000).as_bytes());
    }
    let cell = OWN.to_owned() + "a\t1\t2\tok\tinsert\t-\t" + &"[".repeat(5_000) + "\t-\n";
    read_in_every_way(cell.as_bytes());
}
