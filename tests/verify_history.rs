//! `takehome verify-history` from outside: verdicts and exit codes, text, JSON and HTML, and what is wrong with a file.

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::{
    fs,
    io::Write,
    process::{Output, Stdio},
};
use tests::{Ran, TestEnv, schema};

const HEAD: &str = "process\tcall_ns\treturn_ns\toutcome\tfunction\tkey\targument\tresult\n";

/// A history in takehome's own format; spaces between columns become tabs.
fn history(lines: &[&str]) -> String {
    let rows = lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join("\t") + "\n");
    HEAD.to_owned() + &rows.collect::<String>()
}

/// A write that is overwritten, then read. One value is written twice, so that no monitor of distinct values decides.
fn stale() -> String {
    history(&[
        "b 400000 600000 ok write \"x\" 4 -",
        "a 1000000 2000000 ok write \"x\" 3 -",
        "b 3000000 4000000 ok write \"x\" 4 -",
        "c 3500000 - unknown write \"x\" 5 -",
        "a 5000000 6000000 ok read \"x\" - 3",
        "a 7000000 8000000 failed write \"x\" 9 -",
    ])
}

fn fresh() -> String {
    stale().replace("\t3\n", "\t4\n")
}

/// Many writes and a read of none of them, all at the same time: nothing but trying tells.
fn hard() -> String {
    let write = |value: u32| format!("w{value} {value} {} ok write \"x\" {} -", 1_000 + value, value % 5);
    let mut lines: Vec<String> = (1..40).map(write).collect();
    lines.extend((1..40).map(|index| {
        format!("r{index} {index} {} ok cas \"x\" [{},{}] true", 1_000 + index, index % 5, (index + 1) % 5)
    }));
    lines.push("z 5000 6000 ok read \"x\" - 7".into());
    history(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Two transactions of which each misses what the other appended.
fn skewed() -> String {
    let first = r#"a 1000 2000 ok txn - [["r","x",null],["append","y",1]] [["r","x",[]],["append","y",1]]"#;
    let second = r#"b 1000 2000 ok txn - [["r","y",null],["append","x",2]] [["r","y",[]],["append","x",2]]"#;
    let read = r#"a 3000 4000 ok txn - [["r","x",null],["r","y",null]] [["r","x",[2]],["r","y",[1]]]"#;
    history(&[first, second, read])
}

fn verify(env: &TestEnv, file: &str, arguments: &[&str]) -> Ran {
    env.run(["verify-history", file].iter().chain(arguments))
}

#[test]
fn a_job_may_be_handed_on_once_its_lease_is_over() {
    let env = TestEnv::new();
    let jobs =
        ["a 0 1000000 ok enqueue - 1 -", "b 2000000 3000000 ok reserve - - 1", "c 40000000 41000000 ok reserve - - 1"];
    env.write("jobs.tsv", &history(&jobs));
    let judged = |lease: &[&str]| verify(&env, "jobs.tsv", &[&["--model", "job-queue"], lease].concat());
    judged(&[]).code(1).prints(&["job-queue"]);
    judged(&["--lease", "50ms"]).code(1);
    judged(&["--lease", "10ms"]).code(0);
}

#[test]
fn a_violation_is_told_and_shown() {
    let env = TestEnv::new();
    env.write("h.tsv", &stale());
    let ran = verify(&env, "h.tsv", &["--model", "register"]).code(1).says(&[]);
    assert_eq!(ran.stderr, "");
    ran.prints(&["FAIL  register  h.tsv", "5 operations", "a read 3", "> a  ", "├", "╞═", "read → 3", "time  "])
        .prints(&["no order works", "then ④ read → 3 fails", "the register holds 4"]);
}

#[test]
fn verdicts_are_exit_codes() {
    let env = TestEnv::new();
    env.write("good.tsv", &fresh());
    env.write("hard.tsv", &hard());
    env.write("empty.tsv", HEAD);
    verify(&env, "good.tsv", &["--model", "register"]).code(0).prints(&["PASS  register", "not recorded"]);
    verify(&env, "empty.tsv", &["--model", "register"]).code(0).prints(&["0 operations"]);
    let gap = verify(&env, "hard.tsv", &["--model", "register", "--budget", "50"]).code(3);
    gap.prints(&["UNKNOWN  register", "undecided", "50 configurations", "This is no pass"]);
    // The initial value is one that nobody has to write.
    let read = history(&["a 1 2 ok read - - 7"]);
    env.write("read.tsv", &read);
    verify(&env, "read.tsv", &["--model", "register"]).code(1);
    verify(&env, "read.tsv", &["--model", "register", "--initial", "7"]).code(0);
}

#[test]
fn json_holds_everything() {
    let env = TestEnv::new();
    env.write("h.tsv", &stale());
    let answer = verify(&env, "h.tsv", &["--model", "register", "--format", "json"]).code(1).json();
    let schema = verify(&env, "--schema", &[]).code(0).json();
    assert_eq!(schema::violations(&schema, &answer), Vec::<String>::new());
    assert_eq!(
        (&answer["schema_version"], &answer["verdict"], &answer["model"]),
        (&1.into(), &"fail".into(), &"register".into())
    );
    assert_eq!((&answer["undecided"], &answer["levels"]), (&Value::Array(vec![]), &Value::Null));
    let violation = &answer["violations"][0];
    assert!(violation["sentence"].as_str().is_some_and(|sentence| sentence.contains("a read 3")), "{violation}");
    let bars = violation["diagram"]["bars"].as_array().expect("bars");
    assert!(bars.iter().any(|bar| bar["label"] == "read → 3" && bar["highlight"] == true && bar["ret"] == 6_000_000));
    assert!(!violation["attempts"].as_array().expect("attempts").is_empty());
    // However many threads there are.
    let one = verify(&env, "h.tsv", &["--model", "register", "--format", "json", "--threads", "1"]).stdout;
    assert_eq!(one, verify(&env, "h.tsv", &["--model", "register", "--format", "json", "--threads", "5"]).stdout);
}

#[test]
fn a_page_is_written_beside_the_answer() {
    let env = TestEnv::new();
    env.write("h.tsv", &stale());
    verify(&env, "h.tsv", &["--model", "register", "--html", "out.html"])
        .code(1)
        .says(&["report: out.html"])
        .prints(&["FAIL"]);
    let page = fs::read_to_string(env.path("out.html")).unwrap();
    for words in ["<!DOCTYPE html>", "a read 3", "<svg", "read → 3", "Why no order of them works", "default-src 'none'"]
    {
        assert!(page.contains(words), "{words}");
    }
    assert!(!["<script", "http:", "https:", "url("].iter().any(|load| page.contains(load)));
}

#[test]
fn transactions_are_judged_at_a_level() {
    let env = TestEnv::new();
    env.write("t.tsv", &skewed());
    let ran = verify(&env, "t.tsv", &["--model", "list-append", "--html", "t.html"]).code(1);
    ran.prints(&["G2-item", "T0 → T1 (rw)", "T1 → T0 (rw)", "serializable", "read x → []"]);
    assert!(fs::read_to_string(env.path("t.html")).unwrap().contains("class=\"figure cycle\""));
    verify(&env, "t.tsv", &["--model", "list-append", "--level", "snapshot-isolation"]).code(0).prints(&["PASS"]);
    let unknown = verify(&env, "t.tsv", &["--model", "list-append", "--level", "snapshot"]).code(2);
    unknown.says(&["no level called `snapshot`", "snapshot-isolation"]).prints_nothing();
    env.write("h.tsv", &stale());
    let ran = verify(&env, "h.tsv", &["--model", "register", "--level", "serializable"]).code(2);
    ran.says(&["`--level` is for transactions"]).prints_nothing();
    let ran = verify(&env, "t.tsv", &["--model", "long-fork", "--level", "serializable"]).code(2);
    ran.says(&["`long-fork` has one requirement, and no levels of it"]).prints_nothing();
}

/// The history of a run lies beside the summary of its case.
#[test]
fn faults_and_incidents_of_a_run_stand_beside_its_history() {
    let env = TestEnv::new();
    env.write("alone/history.tsv", &stale());
    env.write("run/history.tsv", &stale());
    let at = |millis: u64| harness::time::Offset(millis * 1_000_000);
    let fault = harness::verdict::FaultWindow {
        kind: "kill".into(),
        description: "n0 killed".into(),
        nodes: vec!["n0".into()],
        from: at(2),
        to: at(3),
    };
    let incident = harness::case::Incident {
        at: at(3),
        node: 1,
        kind: harness::case::IncidentKind::Crashed,
        detail: "exited with status 7".into(),
        line: "\u{1b}[31mout of luck\n".into(),
        count: 1,
    };
    let summary = harness::case::CaseSummary { faults: vec![fault], incidents: vec![incident], ..Default::default() };
    env.write("run/summary.json", &serde_json::to_string(&summary).unwrap());
    let shown = verify(&env, "run/history.tsv", &["--model", "register", "--html", "run.html"]).code(1);
    shown.prints(&["n0 killed", "exited with status 7", "out of luck"]);
    let page = fs::read_to_string(env.path("run.html")).unwrap();
    assert!(page.contains("n0 killed") && page.contains("out of luck") && !page.contains('\u{1b}'));
    let alone = verify(&env, "alone/history.tsv", &["--model", "register"]).code(1);
    assert!(!alone.stdout.contains("killed"), "{}", alone.stdout);
    // A file that is called so and is something else is no reason to judge nothing.
    env.write("run/summary.json", "{}");
    verify(&env, "run/history.tsv", &["--model", "register"]).code(1);
}

#[test]
fn standard_input_and_compressed_files_are_read() {
    let env = TestEnv::new();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(stale().as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    fs::write(env.path("h.tsv.gz"), &packed).unwrap();
    verify(&env, "h.tsv.gz", &["--model", "register"]).code(1).prints(&["a read 3"]);
    for bytes in [stale().as_bytes(), &packed] {
        let ran = piped(&env, bytes, &["verify-history", "-", "--model", "register"]);
        ran.code(1).prints(&["FAIL  register  standard input"]);
    }
    fs::write(env.path("cut.gz"), &packed[..packed.len() - 12]).unwrap();
    let cut = verify(&env, "cut.gz", &["--model", "register"]).code(2).prints_nothing();
    cut.says(&["error[E0200]", "cannot be read", "--> cut.gz", "hint: "]);
}

fn piped(env: &TestEnv, bytes: &[u8], arguments: &[&str]) -> Ran {
    let mut command = env.takehome(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output: Output = child.wait_with_output().unwrap();
    output.into()
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let env = TestEnv::new();
    env.write("h.tsv", &stale());
    env.write("bad.tsv", &(stale() + "a\tsoon\t9\tok\tread\t\"x\"\t-\t3\n"));
    env.write("prose.txt", "I would have used Raft.\n");
    env.write("odd.tsv", &history(&["a 1 2 ok enqueue - 7 -"]));
    env.write("t.tsv", &skewed());
    fs::create_dir(env.path("folder")).unwrap();
    let table: &[(&[&str], &[&str])] = &[
        (&["h.tsv"], &["which model?", "register", "--models"]),
        (&["h.tsv", "--model", "regster"], &["no model called `regster`", "did you mean `register`?", "list-append"]),
        (&["nowhere", "--model", "register"], &["cannot be read", "--> nowhere", "standard input"]),
        (&["folder", "--model", "register"], &["cannot be read", "--> folder"]),
        (&["bad.tsv", "--model", "register"], &["--> bad.tsv, line 8", "cannot be read"]),
        (&["prose.txt", "--model", "register"], &["no known format", "--input-format"]),
        (
            &["h.tsv", "--model", "register", "--input-format", "ednn"],
            &["no format called `ednn`", "did you mean `edn`?"],
        ),
        (&["odd.tsv", "--model", "register"], &["enqueue", "--> odd.tsv", "hint: "]),
        (&["t.tsv", "--model", "register"], &["transactions", "--> t.tsv"]),
        (&["h.tsv", "--model", "register", "--initial", "{"], &["initial value is not JSON"]),
        (&["h.tsv", "--model", "counter", "--initial", "ten"], &["`counter` is an integer, and `ten` is none"]),
        (&["h.tsv", "--model", "semaphore", "--initial", "-1"], &["`semaphore`", "not negative", "`-1`"]),
        (&["h.tsv", "--model", "queue", "--lease", "1s"], &["`queue` has no leases", "leave `--lease` out"]),
        (&["h.tsv", "--model", "job-queue", "--lease", "1"], &["`1` is not a length of time"]),
        (&["h.tsv", "--model", "queue", "--initial", "1"], &["`queue` takes no initial value", "--models"]),
        (&["h.tsv", "--model", "register", "--html", "missing/x.html"], &["no such folder", "--html"]),
        (&["h.tsv", "--model", "register", "--threads", "0"], &["'0'", "--threads"]),
    ];
    for (arguments, says) in table {
        eprintln!("takehome verify-history {}", arguments.join(" "));
        verify(&env, arguments[0], &arguments[1..]).code(2).says(says).prints_nothing();
    }
    assert!(!env.path("missing").exists());
    env.run(["verify-history"]).code(2).says(&["<FILE>"]);
}

#[test]
fn models_and_formats_are_listed() {
    let ran = TestEnv::new().run(["verify-history", "--models"]).code(0);
    for judge in harness::verify::registry() {
        assert!(
            ran.stdout.contains(&format!("  {} ", judge.name())) && ran.stdout.contains(judge.about()),
            "{}",
            judge.name()
        );
    }
    for format in harness::history::format::FORMATS {
        assert!(ran.stdout.contains(&format!("  {} ", format.name)), "{}", format.name);
    }
}

/// Names, keys and values of a history are anybody's: nothing in them acts, wherever they are printed.
#[test]
fn what_was_recorded_is_inert() {
    let env = TestEnv::new();
    let attack = r#""\u001b[2J<b>x</b>\u202e##[error]\n::error::y""#;
    let lines = [
        format!("<i>\u{1b}]0;t\u{7} 1 2 ok write {attack} {attack} -"),
        format!("##[x] 3 4 ok read {attack} - \"::z\""),
    ];
    env.write("h.tsv", &history(&lines.iter().map(String::as_str).collect::<Vec<_>>()));
    for format in ["human", "json"] {
        let ran = verify(&env, "h.tsv", &["--model", "register", "--format", format, "--html", "x.html"]).code(1);
        let page = fs::read_to_string(env.path("x.html")).unwrap();
        for text in [&ran.stdout, &ran.stderr, &page] {
            let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(acts) && !text.contains("##["), "{text:?}");
            assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{text:?}");
        }
        assert!(!page.contains("<b>x") && !page.contains("<i>") && page.contains("&lt;b&gt;x"));
    }
}
