//! The whole way: a repository is brought here, built, run, judged and reported, in every form.

use serde_json::Value;
use std::fs;
use tests::{TestEnv, has, has_sandbox, project, schema, workspace};

fn fits_the_schema(report: &Value) {
    let text = fs::read_to_string(workspace().join("reports/schema/report.schema.json")).unwrap();
    let found = schema::violations(&serde_json::from_str(&text).unwrap(), report);
    assert!(found.is_empty(), "{found:#?}");
}

/// What programs that read the report rely on.
fn has_what_was_promised(report: &Value) {
    let text = |path: &str| report.pointer(path).and_then(Value::as_str).unwrap_or_default();
    for path in ["/run/id", "/run/directory", "/submission/language", "/challenge/name", "/verdict", "/run/command"] {
        assert!(!text(path).is_empty(), "{path} is empty: {report}");
    }
    assert_eq!(report["schema_version"], 1);
    for path in ["/scorecard/total", "/scorecard/of"] {
        assert!(report.pointer(path).is_some_and(Value::is_number), "{path}: {report}");
    }
    let lines = report["scorecard"]["lines"].as_array().unwrap();
    assert!(!lines.is_empty());
    for line in lines {
        assert!(line["stage"].is_string() && line["points"].is_number() && line["reasons"].is_array(), "{line}");
    }
    assert!(report["findings"].is_array() && report["metrics"].is_array());
    assert!(report["environment"]["layers"].as_array().is_some_and(|layers| !layers.is_empty()));
}

#[test]
fn the_reference_is_graded_and_every_form_tells_the_same() {
    if !(has_sandbox() && has(&["rustc"])) {
        return;
    }
    let env = TestEnv::cold();
    let commit = env.repository("ref", &project("echo", "reference/rust"));
    let grade = ["grade", "ref", "--challenge", "echo", "--stage", "basic", "--seed", "7"];
    let run = |more: &[&str]| env.run(grade.iter().chain(more)).code(0);

    let first = run(&["--format", "json", "--html", "graded.html"]);
    let report = first.json();
    fits_the_schema(&report);
    has_what_was_promised(&report);
    assert_eq!(report["verdict"], "pass");
    assert_eq!(report["scorecard"]["total"], report["scorecard"]["of"]);
    assert_eq!(report["submission"]["commit"], commit);
    assert_eq!(report["submission"]["author"], "Ada Candidate <ada@example.org>");
    assert_eq!(report["submission"]["build_cached"], false);
    assert_eq!(report["run"]["seed"], 7);
    let place = env.path("ref");
    let again = format!("takehome grade {} --challenge echo --rev {commit} --stage basic --seed 7", place.display());
    assert_eq!(report["run"]["command"], again, "valid from everywhere");

    // The record alone gives the same bytes, every time.
    let written = fs::read_to_string(env.recorded()[0].join("scorecard.json")).unwrap();
    assert_eq!(first.stdout, written);
    for page in ["rendered.html", "rendered-again.html"] {
        let rendered = env.run(["report", "last", "--format", "json", "--html", page]).code(0);
        assert_eq!(rendered.stdout, written);
        assert!(fs::read(env.path(page)).unwrap() == fs::read(env.path("graded.html")).unwrap(), "{page}");
    }
    let page = fs::read_to_string(env.path("graded.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && !page.contains("<script") && page.contains("Ada Candidate"));

    let human = run(&[]).prints(&["PASS", "echo/basic  seed 7", "basic  PASS         40 / 40", "(from the cache)"]);
    assert!(!human.stdout.contains('\x1b'), "no colours outside of a terminal");
    let rest = human.stdout.split_once("\nEcho (echo)").expect("a report").1;
    env.run(["report", "last"]).code(0).prints(&[rest]);

    let events = run(&["--format", "ndjson"]).stdout;
    assert_eq!(env.run(["report", "last", "--format", "ndjson"]).code(0).stdout, events);
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    for kind in ["run-started", "case-started", "case-finished", "run-finished"] {
        assert!(events.iter().any(|event| event["kind"].to_string().contains(kind)), "no {kind}");
    }
    assert_eq!(env.recorded().len(), 3);
}

#[test]
fn a_starter_fails_its_check_and_the_failed_case_is_replayed_with_its_seed() {
    if !(has_sandbox() && has(&["rustc"])) {
        return;
    }
    let env = TestEnv::new();
    env.run(["init", "echo", "--lang", "rust", "mine"]).code(0);
    let in_it = |arguments: &[&str]| tests::Ran::of(env.takehome(arguments).current_dir(env.path("mine")));
    let check = in_it(&["check", "basic", "--seed", "5"]).code(1);
    let check = check.prints(&["FAIL", "error-reply", "expected", "actual", "evidence", "0 / 40", "takehome replay"]);
    assert!(!env.path("mine/target").exists(), "nothing is written into the submission");
    let replay = check.stdout.lines().find_map(|line| line.trim().strip_prefix("replay ")).expect("a replay command");
    let words: Vec<&str> = replay.split_whitespace().skip(1).collect();
    assert_eq!(words[2..], ["echo/basic", "--seed", "5"]);

    let report = env.run(["report", "last", "--format", "json"]).code(1).json();
    fits_the_schema(&report);
    has_what_was_promised(&report);
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(finding["code"], "error-reply", "every request is refused, which is all there is to say: {finding}");
        assert!(finding["evidence"]["arrows"].as_array().is_some_and(|arrows| !arrows.is_empty()), "{finding}");
        assert_eq!(finding["seed"], 5);
    }
    // The command of the report, and the one that looks for the first failed case itself.
    for arguments in [&words[..], &["replay", "last"]] {
        let replayed = env.run(arguments.iter().chain(&["--format", "json"])).code(1).json();
        assert_eq!(replayed["stages"][0]["id"], "basic");
        assert_eq!(replayed["stages"][0]["cases"][0]["seed"], 5);
        assert_eq!(replayed["findings"][0]["code"], "error-reply");
        assert_eq!(replayed["submission"]["content"], report["submission"]["content"]);
    }
    // A replay of other files says that it is one.
    env.write("mine/notes.txt", "changed");
    env.run(["replay", "last"]).code(1).says(&["the files have changed since that run"]);
}

#[test]
fn references_in_other_languages_are_graded_the_same() {
    for (language, tools) in [("go", &["go"][..]), ("cpp", &["c++", "cmake", "make"])] {
        if !(has_sandbox() && has(tools)) {
            continue;
        }
        let env = TestEnv::new();
        env.repository("ref", &project("echo", &format!("reference/{language}")));
        let grade = ["grade", "ref", "--challenge", "echo", "--stage", "several", "--offline", "--format", "json"];
        let report = env.run(grade).code(0).json();
        fits_the_schema(&report);
        assert_eq!(report["scorecard"]["total"], report["scorecard"]["of"], "{language}");
        assert_eq!(report["submission"]["language"], if language == "cpp" { "c++" } else { language });
    }
}

#[test]
fn a_submission_can_be_graded_by_a_command_of_its_own() {
    if !(has_sandbox() && has(&["python3"])) {
        return;
    }
    let env = TestEnv::new();
    let node = "import json, sys\nfor line in sys.stdin:\n    m = json.loads(line)\n    b = m['body']\n    \
                b.update(type=b['type'] + '_ok', in_reply_to=b.pop('msg_id'))\n    \
                print(json.dumps(dict(src=m['dest'], dest=m['src'], body=b)), flush=True)\n";
    env.write("mine/node.py", node);
    let grade = ["grade", "mine", "--challenge", "echo", "--stage", "basic", "--run", "python3 node.py"];
    env.run(grade).code(0).prints(&["PASS 40 of 40 points", "--run 'python3 node.py'"]);
}

/// Whether a text could act on a terminal or in an editor: escapes, other controls, reordered text.
fn acts(text: &str) -> bool {
    let is_active =
        |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().any(is_active)
}

#[test]
fn what_a_hostile_submission_writes_acts_nowhere() {
    if !(has_sandbox() && has(&["python3"])) {
        return;
    }
    let env = TestEnv::new();
    let hostile = "\\x1b]0;owned\\x07\\u202egnp.exe\\u009b31m<script>alert(1)</script>]]>|`";
    env.write(
        "mine/node.py",
        &format!(
            "import sys\nsys.stdout.reconfigure(encoding='utf-8')\nsys.stderr.reconfigure(encoding='utf-8')\n\
             for line in sys.stdin:\n    print('{hostile}', flush=True)\n    print('{hostile}', file=sys.stderr)\n"
        ),
    );
    let grade = ["check", "basic", "--path", "mine", "--challenge", "echo", "--run", "python3 node.py"];
    let live = env.run(grade.iter().chain(&["--format", "ndjson", "--html", "page.html"])).code(1);
    let page = fs::read_to_string(env.path("page.html")).unwrap();
    assert!(!page.contains("<script") && !acts(&page));
    assert!(page.contains("&lt;script&gt;"), "the evidence is shown as text");
    assert!(!acts(&live.stdout) && !acts(&live.stderr));
    for format in ["human", "json", "ndjson"] {
        let shown = env.run(["report", "last", "--format", format]).code(1);
        assert!(!acts(&shown.stdout), "{format}: {}", shown.stdout.escape_debug());
        assert!(shown.stdout.contains("gnp.exe"), "{format} shows the evidence");
    }
    env.write("named/takehome.toml", "challenge = \"\\u001b[31m\\u202eecko\"\nrun = \"true\"\n");
    let error = env.run(["grade", "named"]).code(2).prints_nothing();
    assert!(!acts(&error.stderr), "{}", error.stderr.escape_debug());
    env.write("named/takehome.toml", "\"\\u001b[31m\\u202e\" = 1\n");
    let error = env.run(["grade", "named"]).code(2).prints_nothing();
    assert!(!acts(&error.stderr), "{}", error.stderr.escape_debug());
}
