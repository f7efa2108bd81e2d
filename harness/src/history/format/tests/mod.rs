//! What files mean, format by format, and what is said where they are damaged.

mod robust;
mod round_trip;

use super::*;
use crate::{
    history::{Clock, Outcome, PENDING},
    transaction::Transactions,
};

/// The operations of a file, in words.
fn history(text: &str, shape: Shape) -> History {
    match read(text.as_bytes(), None, shape).unwrap_or_else(|error| panic!("{error}: {text}")) {
        Recorded::Operations(history) => history,
        Recorded::Transactions(_) => panic!("transactions: {text}"),
    }
}

fn transactions(text: &str, shape: Shape) -> Transactions {
    match read(text.as_bytes(), None, shape).unwrap_or_else(|error| panic!("{error}: {text}")) {
        Recorded::Transactions(transactions) => transactions,
        Recorded::Operations(_) => panic!("operations: {text}"),
    }
}

/// Each operation as `process name, call, return, words`.
fn shown(history: &History) -> Vec<String> {
    let line = |index: u32| {
        let op = history.get(index);
        let ret = if op.ret == PENDING { "-".to_owned() } else { op.ret.to_string() };
        format!("{} {}..{ret} {}", history.process_name(op.process), op.call, history.show(index))
    };
    (0..history.len() as u32).map(line).collect()
}

/// Each transaction as `process, call, return, outcome: steps`.
fn shown_transactions(transactions: &Transactions) -> Vec<String> {
    let line = |index: u32| {
        let at = index as usize;
        let steps: Vec<String> = transactions
            .steps(index)
            .iter()
            .map(|step| {
                let show = |id| transactions.values.show(id).to_string();
                let value = match transactions.list(step) {
                    Some(list) => format!("{:?}", list.iter().map(|id| show(*id)).collect::<Vec<_>>()).replace('"', ""),
                    None if step.action == crate::transaction::Action::ReadList => "?".to_owned(),
                    None if !step.value.is_some() => "?".to_owned(),
                    None => show(step.value),
                };
                format!("{:?} {} {value}", step.action, show(step.key))
            })
            .collect();
        let process = &transactions.process_names[transactions.process[at] as usize];
        format!("{process} {:?}: {}", transactions.outcome[at], steps.join(", "))
    };
    (0..transactions.len() as u32).map(line).collect()
}

fn error(text: &str) -> String {
    read(text.as_bytes(), None, Shape::default()).map(|_| text.to_owned()).unwrap_err().to_string()
}

#[test]
fn jepsen_events_become_operations_by_the_positions_of_their_events() {
    let text = "
        ; reads and writes
        {:process 3, :type :invoke, :f :write, :value 1, :time 50}
        {:process :nemesis, :type :info, :f :start}
        {:process 8, :type :invoke, :f :read, :value nil}
        {:process 3, :type :ok, :f :write, :value 1}
        {:process 8, :type :ok, :f :read, :value nil}
        {:process 3, :type :invoke, :f :cas, :value [1 2]}
        {:process 3, :type :fail, :f :cas, :value [1 2], :error :no}
        {:process 3, :type :invoke, :f :write, :value 4}
        {:process 3, :type :info, :f :write, :value 4, :error [:timeout {:a 1}]}
        {:process 3, :type :invoke, :f :read, :value 9}";
    let history = history(text, Shape::default());
    assert_eq!(
        shown(&history),
        [
            "process 3 0..3 write 1 → ok",
            "process 8 2..4 read → nil",
            "process 3 5..6 cas [1 2] → failed",
            "process 3 7..- write 4 → no answer",
            "process 3 (2) 9..- read → no answer",
        ]
    );
    assert_eq!(history.clock, Clock::Order);
}

#[test]
fn events_without_a_process_pair_with_the_latest_of_their_kind() {
    let text = "{:type :invoke :f :read} {:type :invoke :f :write :value 1} {:type :ok :f :write :value 1}
                {:type :invoke :f :write :value 2} {:type :ok :f :read :value #{1}}";
    let shown = shown(&history(text, Shape::default()));
    assert_eq!(shown, ["c0 0..4 read → [1]", "c1 1..2 write 1 → ok", "c2 3..- write 2 → no answer"]);
}

#[test]
fn pairs_of_key_and_value_are_found_out_or_said() {
    let keyed = "[{:type :invoke, :process 0, :f :write, :value [:x 1]} {:type :ok, :process 0, :f :write, :value [:x 1]}
                  {:type :invoke, :process 0, :f :cas, :value [:y [0 1]]} {:type :fail, :process 0, :f :cas, :value [:y [0 1]]}
                  {:type :invoke, :process 0, :f :read, :value [:x nil]} {:type :ok, :process 0, :f :read, :value [:x 1]}]";
    let found = shown(&history(keyed, Shape::default()));
    assert_eq!(
        found,
        [
            "process 0 0..1 \"x\": write 1 → ok",
            "process 0 2..3 \"y\": cas [0 1] → failed",
            "process 0 4..5 \"x\": read → 1"
        ]
    );
    let plain = Shape { keyed: Some(false), ..Shape::default() };
    assert_eq!(shown(&history(keyed, plain))[2], "process 0 4..5 read → [\"x\" 1]");

    let only_cas = "{:type :invoke, :process 0, :f :cas, :value [0 1]} {:type :ok, :process 0, :f :cas, :value [0 1]}";
    assert_eq!(shown(&history(only_cas, Shape::default())), ["process 0 0..1 cas [0 1] → ok"]);
    let not_all = format!("{keyed} {{:type :invoke, :process 0, :f :write, :value 3}}");
    assert_eq!(shown(&history(&not_all, Shape::default()))[0], "process 0 0..1 write [\"x\" 1] → ok");
    let said = Shape { keyed: Some(true), ..Shape::default() };
    let error = read(not_all.as_bytes(), None, said).unwrap_err();
    assert_eq!(error.to_string(), "line 3: expected a pair of key and value as `value`, found 3");
}

#[test]
fn what_add_adds_to_is_seen_by_the_reads_or_said() {
    let add = "{:type :invoke, :process 0, :f :add, :value 2} {:type :ok, :process 0, :f :add, :value 2}\n";
    let read = |value: &str| {
        format!("{add} {{:type :invoke, :process 0, :f :read}} {{:type :ok, :process 0, :f :read, :value {value}}}")
    };
    let set = shown(&history(&read("[2]"), Shape::default()));
    assert_eq!(set, ["process 0 0..1 insert 2 → ok", "process 0 2..3 read → [2]"]);
    assert_eq!(shown(&history(&read("2"), Shape::default()))[0], "process 0 0..1 increment 2 → ok");
    assert_eq!(shown(&history(add, Shape::of_model("counter")))[0], "process 0 0..1 increment 2 → ok");
    assert_eq!(shown(&history(&read("2"), Shape::of_model("set")))[0], "process 0 0..1 insert 2 → ok");
}

#[test]
fn arguments_and_results_are_where_each_function_tells_them() {
    let operation = |f: &str, given: &str, told: &str| {
        let text = format!(
            "{{:type :invoke, :process 0, :f :{f}, :value {given}}} {{:type :ok, :process 0, :f :{f}, :value {told}}}"
        );
        let history = history(&text, Shape::default());
        (0..history.len() as u32).map(|index| history.show(index)).collect::<Vec<_>>().join("; ")
    };
    for (f, given, told, expected) in [
        ("acquire", "nil", "nil", "acquire → ok"),
        ("acquire", "nil", "7", "acquire → 7"),
        ("acquire", "2", "2", "acquire 2 → ok"),
        ("lock", "nil", "false", "acquire → false"),
        ("cas", "[1 2]", "false", "cas [1 2] → false"),
        ("remove", "5", "true", "remove 5 → true"),
        ("remove", "true", "true", "remove true → ok"),
        ("enqueue", "nil", "4", "enqueue 4 → ok"),
        ("dequeue", "nil", "nil", "dequeue → nil"),
        ("generate", "nil", "\"a\"", "generate → \"a\""),
        ("delete", ":k", ":k", "\"k\": delete → ok"),
        ("drain", "nil", "[1 2]", "dequeue → 1; dequeue → 2"),
        ("drain", "nil", "[]", "dequeue → failed"),
        (
            "transfer",
            "{:from 1, :to 2, :amount 3}",
            "{:from 1, :to 2, :amount 3}",
            "transfer {\"amount\": 3, \"from\": 1, \"to\": 2} → ok",
        ),
        ("rmw", "2", "1", "rmw 2 → 1"),
        ("put", "2", "2", "write 2 → ok"),
    ] {
        assert_eq!(operation(f, given, told), expected, "{f} {given} {told}");
    }
    let text = r#"{:process 1, :type :invoke, :f :append, :key "0", :value "x"} {:process 1, :type :ok, :f :append, :key "0", :value "x"}"#;
    assert_eq!(history(text, Shape::default()).show(0), r#""0": append "x" → ok"#);
}

#[test]
fn micro_operations_make_transactions() {
    let text = "{:type :invoke, :f :txn, :process 0, :value [[:append 1 5] [:r 1 nil]]}
        {:type :invoke, :f :txn, :process 1, :value [[:r 1 nil]]} {:type :fail, :f :txn, :process 1, :value [[:r 1 nil]]}
        {:type :ok, :f :txn, :process 0, :value [[:append 1 5] [:r 1 [5 6]]]}
        {:type :invoke, :f :txn, :process 0, :value [[:r 2 nil]]} {:type :ok, :f :txn, :process 0, :value [[:r 2 nil]]}
        {:type :invoke, :f :txn, :process 0, :value [[:append 2 7] [:r 2 nil]]} {:type :info, :f :txn, :process 0}";
    let found = transactions(text, Shape::default());
    assert_eq!(
        shown_transactions(&found),
        [
            "process 0 Ok: Append 1 5, ReadList 1 [5, 6]",
            "process 1 Failed: ReadList 1 ?",
            "process 0 Ok: ReadList 2 []",
            "process 0 Unknown: Append 2 7, ReadList 2 ?",
        ]
    );
    assert_eq!(
        (found.call.as_slice(), found.ret.as_slice(), found.realtime),
        (&[0, 1, 4, 6][..], &[3, 2, 5, PENDING][..], true)
    );

    let json = r#"[{"type": "invoke", "value": [["r", "x", null], ["w", "x", 1]]}, {"type": "ok", "value": [["r", "x", null], ["w", "x", 1]]}]"#;
    assert_eq!(shown_transactions(&transactions(json, Shape::default())), [r#"c0 Ok: Read "x" nil, Write "x" 1"#]);
    let reads = "{:type :invoke, :f :read, :value [[:r 0 nil]]} {:type :ok, :f :read, :value [[:r 0 [3]]]}";
    assert_eq!(shown_transactions(&transactions(reads, Shape::default())), ["c0 Ok: Read 0 [3]"]);
    assert_eq!(shown_transactions(&transactions(reads, Shape::of_model("list-append"))), ["c0 Ok: ReadList 0 [3]"]);
}

#[test]
fn a_log_of_jepsen_util_is_read_as_porcupine_reads_it() {
    let text = "INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]\nsomething else\nINFO  jepsen.util - 1\t:invoke\t:read\tnil
INFO  jepsen.util - 0\t:fail\t:cas\t[1 2]\nINFO  jepsen.util - 1\t:fail\t:read\t:timed-out
INFO  jepsen.util - :nemesis\t:info\t:start\tnil\nINFO  jepsen.util - 2\t:invoke\t:write\t3\nINFO  jepsen.util - 2\t:info\t:write\t:timed-out\n";
    assert_eq!(
        shown(&history(text, Shape::default())),
        ["process 0 0..2 cas [1 2] → false", "process 1 1..3 read → failed", "process 2 5..- write 3 → no answer"]
    );
    assert_eq!(
        error("INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - 0\t:ok"),
        "line 2: expected process, type, function and value of an event"
    );
}

#[test]
fn in_logs_of_intervals_an_end_comes_before_a_start_at_the_same_time() {
    let polylin = "# queue\nenq 2 0 1\nenq 1 1 2\ndeq -1 2 2";
    let found = history(polylin, Shape::default());
    assert_eq!(shown(&found), ["c0 0..1 enqueue 2 → ok", "c1 2..3 enqueue 1 → ok", "c2 4..5 dequeue → nil"]);
    assert!(found.get(0).precedes(&found.get(1)) && found.get(1).precedes(&found.get(2)));
    let fptlin = "# rmw\n7 1 10 READ_MODIFY_WRITE 0 2\n8 1 1 READ_MODIFY_WRITE 2 3\n";
    let found = history(fptlin, Shape::default());
    assert_eq!(shown(&found), ["process 7 0..3 rmw 2 → 0", "process 8 1..2 rmw 3 → 2"]);
    let set = history("# set\nremove 1 0 1 2\ninsert 1 1 5 7", Shape::default());
    assert_eq!(shown(&set), ["c0 0..1 remove 1 → false", "c1 2..3 insert 1 → true"]);
    let semaphore = history("# semaphore\n0 0 2 INCR 1\n0 3 5 DECR 0\n", Shape::default());
    assert_eq!(shown(&semaphore), ["process 0 0..1 release → ok", "process 0 2..3 acquire → false"]);
    assert_eq!(error("# queue\nenq 2 0 1\npush 1 1 2"), "line 3: `push` is no method of a queue");
    assert_eq!(error("# queue\nenq 2 0"), "line 2: expected 4 columns, found 3");
    assert_eq!(error("# set\n1 1 2 INSERT 1 2"), "line 2: expected `0` or `1`, found `2`");
}

#[test]
fn reads_and_writes_a_line_make_transactions_of_sessions_without_times() {
    let text = "w(1,4,0,0)\nr(2,0,0,0)\nw(3,0,1,1)\n\nr(3,0,0,2)\nr(3,18446744073709551615,0,2)\n";
    let found = transactions(text, Shape::default());
    assert_eq!(
        shown_transactions(&found),
        [
            "session 0 Ok: Write 1 4, Read 2 nil",
            "session 1 Ok: Write 3 0",
            "session 0 Ok: Read 3 0, Read 3 18446744073709551615"
        ]
    );
    assert!(!found.realtime);
    assert_eq!(
        error("w(1,4,0,0)\nw(1,5,1,1)\nw(1,6,0,0)"),
        "line 3: transaction 0 of session 0 goes on behind another"
    );
    assert_eq!(error("w(1,4,0,0)\nw(1,x,0,0)"), "line 2: expected an integer, found `x`");
    assert_eq!(
        error("w(1,4,0,0)\nw(1,4,0)"),
        "line 2: expected `r(key,value,session,transaction)` or `w(…)`, found `w(1,4,0)`"
    );
}

const YAML: &str = "- - events:
    - write:    true
      variable: 0
      value:    1
      success:  true
    - write:    false
      variable: 1
      value:    0
      success:  false
    success:    true
  - events:
    - write:    false
      variable: 0
      value:    0
      success:  true
    success:    false
- - events: []
    success: true
";

#[test]
fn histories_of_dbcop_are_sessions_of_transactions() {
    let expected = ["session 0 Ok: Write 0 1", "session 0 Failed: Read 0 nil", "session 1 Ok: "];
    assert_eq!(shown_transactions(&transactions(YAML, Shape::default())), expected);
    assert_eq!(
        error(&YAML.replace("variable: 1", "value: 1")),
        "line 9: expected `variable` and `value` before, found `success:  false`"
    );

    let binary = bincode();
    let Ok(Recorded::Transactions(found)) = read(&binary, None, Shape::default()) else { panic!("no transactions") };
    assert_eq!(shown_transactions(&found), expected);
    let cut = read(&binary[..binary.len() - 1], None, Shape::default()).unwrap_err();
    assert_eq!(cut.to_string(), format!("byte {}: expected 1 more bytes, the file ends after 0", binary.len() - 1));
}

/// What [`YAML`] is in bincode.
fn bincode() -> Vec<u8> {
    let number = |number: u64| number.to_le_bytes();
    let text = |text: &str| [&number(text.len() as u64)[..], text.as_bytes()].concat();
    let event = |write: bool, variable, value, success: bool| {
        [&[u8::from(write)][..], &number(variable), &number(value), &[u8::from(success)]].concat()
    };
    [
        &[0, 1, 2, 1, 2].map(number).concat()[..],
        &[text("test"), text("2024"), text("2025")].concat(),
        &number(2),
        &number(2),
        &number(2),
        &event(true, 0, 1, true),
        &event(false, 1, 0, false),
        &[1],
        &number(1),
        &event(false, 0, 0, true),
        &[0],
        &number(1),
        &number(0),
        &[1],
    ]
    .concat()
}

const CALLS: &str = "role\tclient\tnode\tfunction\tinvoked_ns\treturned_ns\toutcome\trequest\treply\n";

#[test]
fn the_record_of_a_case_becomes_operations() {
    let text = CALLS.to_owned()
        + "opening\t0\t0\ttopology\t0\t5\tok\t{\"type\":\"topology\"}\t{\"type\":\"topology_ok\"}\n"
        + "work\t4\t0\tbroadcast\t10\t20\tok\t{\"message\":7}\t{\"type\":\"broadcast_ok\"}\n"
        + "work\t2\t0\tcas\t12\t22\tfailed:22\t{\"key\":1,\"from\":2,\"to\":3}\t{\"code\":22}\n"
        + "work\t2\t0\tread\t23\t24\tfailed:20\t{\"key\":1}\t{\"code\":20}\n"
        + "work\t2\t0\twrite\t25\t26\tfailed:11\t{\"key\":1,\"value\":2}\t{\"code\":11}\n"
        + "work\t2\t0\tadd\t27\t-\tunknown\t{\"delta\":2}\t-\n"
        + "work\t4\t0\tpoll\t28\t29\tok\t{\"offsets\":{\"a\":0}}\t{\"msgs\":{\"a\":[[0,9]],\"b\":[]}}\n"
        + "work\t4\t0\tlist_committed_offsets\t30\t31\tok\t{\"keys\":[\"a\",\"b\"]}\t{\"offsets\":{\"a\":3}}\n"
        + "work\t4\t0\tsend\t32\t33\tok\t{\"key\":\"a\",\"msg\":1}\t{\"offset\":4}\n"
        + "closing\t9\t0\tread\t40\t50\tok\t{\"type\":\"read\"}\t{\"messages\":[7]}\n";
    let found = history(&text, Shape::default());
    assert_eq!(
        shown(&found),
        [
            "c4 10..20 insert 7 → ok",
            "c2 12..22 1: cas [2 3] → false",
            "c2 23..24 1: read → nil",
            "c2 25..26 1: write 2 → failed",
            "c2 27..- increment 2 → no answer",
            "c4 28..29 \"a\": poll-log → [[0 9]]",
            "c4 28..29 \"b\": poll-log → []",
            "c4 30..31 \"a\": committed → 3",
            "c4 30..31 \"b\": committed → nil",
            "c4 32..33 \"a\": send 1 → 4",
            "c9 40..50 read → [7]",
        ]
    );
    assert_eq!(found.clock, Clock::Nanoseconds);

    let txn = CALLS.to_owned()
        + "work\t1\t0\ttxn\t20\t30\tok\t{\"txn\":[[\"r\",1,null]]}\t{\"txn\":[[\"r\",1,[2]]]}\n"
        + "work\t0\t0\ttxn\t10\t-\tunknown\t{\"txn\":[[\"append\",1,2],[\"r\",1,null]]}\t-\n";
    let found = transactions(&txn, Shape::default());
    assert_eq!(shown_transactions(&found), ["c0 Unknown: Append 1 2, ReadList 1 ?", "c1 Ok: ReadList 1 [2]"]);
    assert_eq!((&found.call[..], &found.ret[..]), (&[10, 20][..], &[PENDING, 30][..]));
    let mixed = txn + "work\t0\t0\tread\t40\t50\tok\t{}\t{\"value\":1}\n";
    assert_eq!(error(&mixed), "line 4: expected `txn` as everywhere else, found `read`");
    let strange = CALLS.to_owned() + "work\t0\t0\tdance\t40\t50\tok\t{}\t{}\n";
    assert_eq!(error(&strange), "line 2: `dance` is no request that is known as an operation");
    let lacking = CALLS.to_owned() + "work\t0\t0\tread\t40\t50\tok\t{}\t{\"other\":1}\n";
    assert_eq!(error(&lacking), "line 2: expected `value` or `messages` in the reply {\"other\": 1}");
}

const OWN: &str = "process\tcall_ns\treturn_ns\toutcome\tfunction\tkey\targument\tresult\n";

#[test]
fn our_own_format_is_one_operation_a_line() {
    let text = OWN.to_owned()
        + "web\t1500\t-\tunknown\tread\t\"x\"\t-\t-\n\n"
        + "7\t1000\t2000\tok\twrite\t\"x\"\t3\t-\n"
        + "web\t3000\t3000\tfailed\tcas\t\"x\"\t[3,{\"a\":1.5}]\t-\n";
    let found = history(&text, Shape::default());
    assert_eq!(
        shown(&found),
        [
            "7 1000..2000 \"x\": write 3 → ok",
            "web 1500..- \"x\": read → no answer",
            "web 3000..3000 \"x\": cas [3 {\"a\": 1.5}] → failed"
        ]
    );
    assert_eq!(found.get(1).outcome, Outcome::Unknown);
    let txn = OWN.replace("_ns", "")
        + "a\t5\t6\tok\ttxn\t-\t[[\"r\",1,null]]\t[[\"r\",1,[2]]]\n"
        + "a\t1\t2\tfailed\ttxn\t-\t[[\"append\",1,2]]\t-\n";
    let found = transactions(&txn, Shape::default());
    assert_eq!(shown_transactions(&found), ["a Failed: Append 1 2", "a Ok: ReadList 1 [2]"]);
    assert_eq!(found.clock, Clock::Order);
    for (line, expected) in [
        ("a\t5\t4\tok\tread\t-\t-\t-", "the operation returned at 4, before it was called at 5"),
        ("a\t5\t6\tok\tread\t-\t-", "expected 8 columns, found 7"),
        ("a\t5\t-\tok\tread\t-\t-\t-", "expected a time, found `-`"),
        ("a\t5\t6\tunknown\tread\t-\t-\t-", "expected `-` as the time at which an unknown operation returned"),
        ("a\t5\t6\tgood\tread\t-\t-\t-", "expected `ok`, `failed` or `unknown`, found `good`"),
        ("a\t5\t6\tok\trad\t-\t-\t-", "`rad` is no function"),
        ("a\t5\t6\tok\tread\tx\t-\t-", "expected JSON: expected value"),
        ("a\t5\t18446744073709551615\tok\tread\t-\t-\t-", "expected a time, found `18446744073709551615`"),
    ] {
        assert_eq!(error(&(OWN.to_owned() + line)), format!("line 2: {expected}"));
    }
}

#[test]
fn what_is_no_history_is_refused_with_its_line() {
    for (text, expected) in [
        (
            "hello",
            "line 1: this begins like no known format; known are history, calls, jepsen-log, txn-text, polylin, fptlin, dbcop-yaml, dbcop-bincode, json, edn",
        ),
        (
            "{:type :invoke :f :read}\n{:type :done}",
            "line 2: expected `invoke`, `ok`, `fail` or `info` as `type`, found \"done\"",
        ),
        ("{:type :invoke, :value 1}", "line 1: expected `f`, what the operation does; found none"),
        ("\n{:type :ok, :f :read}", "line 2: a completion without an invocation before it"),
        ("{:type :invoke, :f 7}", "line 1: expected a word as `f`, found 7"),
        ("{:type :invoke, :process 1.5}", "line 1: expected a number or a name as `process`, found 1.5"),
        ("[{\"type\":\"invoke\",\n\"f\":}]", "line 2: expected JSON: expected value"),
        (
            "{\"type\":\"invoke\",\"f\":\"read\"}\n{\"type\":5}",
            "line 2: expected `invoke`, `ok`, `fail` or `info` as `type`, found 5",
        ),
        (
            "{:type :invoke, :f :txn, :value [[:r 1 nil]]}\n{:type :ok, :f :txn, :value []}",
            "line 2: a transaction was completed without 1 of the 1 micro-operations announced",
        ),
        (
            "{:type :invoke, :f :txn, :value [[:z 1 nil]]}",
            "line 1: expected `[r key value]`, `[w key value]` or `[append key value]`, found [\"z\" 1 nil]",
        ),
        ("{:type :invoke, :f :txn}", "line 1: expected a list of micro-operations as `value`, found none"),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
    let named = read(b"{}", Some("ed"), Shape::default()).unwrap_err().to_string();
    assert!(named.starts_with("line 1: no format is called `ed`; known are history"), "{named}");
    let unknown = error("{:type :invoke, :f :dance}");
    assert!(
        unknown.starts_with("line 1: `dance` is no operation that is known here; known are read, write"),
        "{unknown}"
    );
    let binary = read(b"{:type\n\xff}", None, Shape::default()).unwrap_err();
    assert_eq!(binary.to_string(), "line 2: expected UTF-8 text");
}

#[test]
fn a_file_without_content_is_a_history_without_operations() {
    assert!(history("", Shape::default()).is_empty());
    assert!(history(" \n", Shape::default()).is_empty());
    assert!(history("[]", Shape::default()).is_empty());
}

#[test]
fn names_are_unique_and_each_format_reads_what_it_recognises() {
    let samples: Vec<(&str, Vec<u8>)> = robust::samples();
    for format in FORMATS {
        assert_eq!(FORMATS.iter().filter(|other| other.name == format.name).count(), 1);
        assert!(samples.iter().any(|(name, _)| *name == format.name), "no sample of {}", format.name);
    }
    for (name, bytes) in samples {
        assert_eq!(detect(&bytes).map(|format| format.name), Some(name));
        assert!(
            read(&bytes, None, Shape::default()).is_ok() && read(&bytes, Some(name), Shape::default()).is_ok(),
            "{name}"
        );
    }
}
