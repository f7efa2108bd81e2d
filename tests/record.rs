//! Records: rendered from any state of the disk, damaged, older, newer or not there.

use std::{
    fs,
    path::{Path, PathBuf},
};
use tests::{TestEnv, has, has_sandbox, project};

/// A world with one run of the echo reference, in the folder that is returned.
fn graded() -> Option<(TestEnv, PathBuf)> {
    if !(has_sandbox() && has(&["rustc"])) {
        return None;
    }
    let env = TestEnv::new();
    env.repository("ref", &project("echo", "reference/rust"));
    env.run(["grade", "ref", "--challenge", "echo", "--stage", "basic", "--seed", "1"]).code(0);
    let run = env.recorded().pop().expect("a run");
    Some((env, run))
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() { copied(&entry.path(), &to) } else { fs::copy(entry.path(), to).map(drop).unwrap() }
    }
}

fn edited(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

/// What is done to a copy of the record, the exit code, and what is said.
type Damage = (&'static str, fn(&Path), i32, &'static [&'static str]);

const DAMAGES: &[Damage] = &[
    ("garbage", |run| fs::write(run.join("plan.json"), "{garbage").unwrap(), 2, &["plan.json is damaged", "line 1"]),
    (
        "truncated",
        |run| {
            let file = run.join("cases/basic-1/history.tsv.gz");
            let bytes = fs::read(&file).unwrap();
            fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        },
        2,
        &["history.tsv.gz is damaged", "a damaged record cannot be rendered"],
    ),
    (
        "no-gzip",
        |run| fs::write(run.join("cases/basic-1/journal.tsv.gz"), "text").unwrap(),
        2,
        &["journal.tsv.gz is damaged"],
    ),
    (
        "summary",
        |run| fs::write(run.join("cases/basic-1/summary.json"), "[]").unwrap(),
        2,
        &["summary.json is damaged"],
    ),
    (
        "newer",
        |run| edited(&run.join("plan.json"), "\"version\": 1,", "\"version\": 99,"),
        2,
        &["in form 99", "reads forms up to 1", "update takehome"],
    ),
    (
        "other-challenge",
        |run| edited(&run.join("plan.json"), "\"challenge\": \"echo\"", "\"challenge\": \"gone\""),
        2,
        &["a challenge that this takehome does not have: `gone`", "`takehome list`"],
    ),
    ("planless", |run| fs::remove_file(run.join("plan.json")).unwrap(), 2, &["holds no run", "plan.json"]),
    ("caseless", |run| fs::remove_file(run.join("cases/basic-1/summary.json")).unwrap(), 3, &[]),
    ("eventless", |run| fs::remove_file(run.join("events.ndjson")).unwrap(), 0, &[]),
    (
        "torn",
        |run| {
            let file = run.join("events.ndjson");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(file, &text[..text.len() - 20]).unwrap();
        },
        0,
        &[],
    ),
];

#[test]
fn whatever_has_happened_to_a_record_is_said() {
    let Some((env, run)) = graded() else { return };
    for (name, damage, code, says) in DAMAGES {
        let copy = env.path(name);
        copied(&run, &copy);
        damage(&copy);
        let ran = env.run(["report", &format!("./{name}"), "--format", "json"]).code(*code).says(says);
        if *code == 2 {
            let ran = ran.prints_nothing().says(&["error[E0200]", "hint: "]);
            assert!(ran.stderr.contains(&copy.display().to_string()), "where? {}", ran.stderr);
        } else {
            assert_eq!(ran.json()["run"]["complete"], *code == 0, "{name}");
        }
    }
    let copy = env.path("sourceless");
    copied(&run, &copy);
    fs::remove_file(copy.join("submission.json")).unwrap();
    env.run(["replay", "./sourceless"]).code(2).prints_nothing().says(&["submission.json", "hint: "]);
    env.run(["replay", "last", "basik"]).code(4).prints_nothing().says(&["no stage `basik`", "did you mean `basic`?"]);
}

#[test]
fn rendering_is_a_function_of_the_record() {
    let Some((env, run)) = graded() else { return };
    let render = |name: &str, page: &str| {
        let json = env.run(["report", name, "--format", "json", "--html", page]).code(0).stdout;
        (json, fs::read(env.path(page)).unwrap())
    };
    let id = run.file_name().unwrap().to_str().unwrap().to_owned();
    let first = render("last", "first.html");
    assert_eq!(first.0, fs::read_to_string(run.join("scorecard.json")).unwrap(), "as `grade` wrote it");
    assert!(first == render(&id, "second.html"));
    assert!(first == render(&id[..3], "third.html"), "by the beginning of its id");
    assert!(first == render(&format!("state/runs/{id}"), "fourth.html"), "by its path");
}
