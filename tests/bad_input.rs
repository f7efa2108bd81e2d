//! Whatever is wrong with what somebody typed, or with a repository: the message says what, where, why, whose fault it
//! is and what to do next; the exit code says of which kind it is.

use challenges::Tree;
use std::{fs, net::TcpListener, os::unix::fs::symlink};
use tests::{Ran, TestEnv, has, has_sandbox, project};

/// Something wrong, and what is said about it.
struct Bad {
    /// The arguments.
    arguments: Vec<String>,
    /// The exit code.
    code: i32,
    /// Words of the message, the advice among them.
    says: &'static [&'static str],
}

fn bad(arguments: &str, code: i32, says: &'static [&'static str]) -> Bad {
    Bad { arguments: arguments.split(' ').map(|word| word.replace('_', " ")).collect(), code, says }
}

fn check(env: &TestEnv, table: Vec<Bad>) {
    for Bad { arguments, code, says } in table {
        eprintln!("takehome {}", arguments.join(" "));
        let ran = env.run(&arguments).code(code).says(says).prints_nothing();
        let place = format!("takehome {}\n{}", arguments.join(" "), ran.stderr);
        // Whichever takehome is the next after one that was killed says what it has removed, before all else.
        let first = ran.stderr.lines().find(|line| !line.starts_with("removed what an earlier takehome had left"));
        assert!(first.is_some_and(|line| line.starts_with("error")), "no error at the beginning: {place}");
        let advice = ["hint: ", "try '--help'", "name one:", "say how with", "there are:", "it has:"];
        assert!(advice.iter().any(|words| ran.stderr.contains(words)), "nothing to do next: {place}");
    }
}

fn reference() -> Tree {
    project("echo", "reference/rust")
}

/// The reference with further files.
fn with(files: &[(&str, &'static str)]) -> Tree {
    let mut tree = reference();
    tree.overlay(files.iter().map(|(path, text)| (path.to_string(), text.as_bytes().into())));
    tree
}

#[test]
fn wrong_words_on_the_command_line() {
    let env = TestEnv::new();
    check(
        &env,
        vec![
            bad("frobnicate", 2, &["unrecognized subcommand 'frobnicate'"]),
            bad("grade", 2, &["<SOURCE>"]),
            bad("grade x --seed many", 2, &["'many'", "--seed"]),
            bad("grade x --format xml", 2, &["'xml'", "human, json, ndjson"]),
            bad("grade x --build-timeout 5parsecs", 2, &["`5parsecs` is not a length of time", "100ms"]),
            bad("grade x --build-memory lots", 2, &["`lots`", "--build-memory"]),
            bad("show ecko", 2, &["there is no challenge called `ecko`", "did you mean `echo`?"]),
            bad("grade x --challenge ecko", 2, &["there is no challenge called `ecko`", "did you mean `echo`?"]),
            bad("grade x --challenge zzzzzzzz", 2, &["there is no challenge called `zzzzzzzz`", "`takehome list`"]),
            bad("grade x --challenge echo --stage basik", 4, &["no stage called `basik`", "did you mean `basic`?"]),
            bad("grade x --challenge echo --html missing/x.html", 2, &["missing/x.html", "no such folder", "`--html`"]),
            bad("init echo --lang ruby", 2, &["`echo` has no starter in `ruby`", "any language may be submitted"]),
            bad("init echo --lang rusty", 2, &["did you mean `rust`?"]),
            bad("report nowhere", 2, &["no run is called `nowhere`", "state/runs", "`last`"]),
            bad("report last", 2, &["there is no run yet", "state/runs"]),
            bad("report ", 2, &["no run is called ``"]),
            bad("replay last", 2, &["there is no run yet", "hint: "]),
        ],
    );
    assert_eq!(env.recorded(), Vec::<std::path::PathBuf>::new(), "nothing is recorded for a mistyped command");
}

#[test]
fn a_starter_never_overwrites_anything() {
    let env = TestEnv::new();
    let file = env.write("mine/src/main.rs", "precious");
    check(&env, vec![bad("init echo --lang rust mine", 2, &["mine is not empty", "name a new folder"])]);
    assert_eq!(fs::read_to_string(file).unwrap(), "precious");
    assert_eq!(fs::read_dir(env.path("mine")).unwrap().count(), 1);
}

#[test]
fn sources_that_cannot_be_brought_here() {
    if !has_sandbox() {
        return;
    }
    let env = TestEnv::new();
    fs::create_dir(env.path("empty")).unwrap();
    git2::Repository::init(env.path("unborn")).unwrap();
    env.repository("ref", &reference());
    env.write("file.txt", "no folder");
    // A port that was free a moment ago, and on which nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let unreachable = format!("grade http://candidate:hunter2@127.0.0.1:{port}/x.git --challenge echo");
    let last = env.run(unreachable.split(' '));
    assert!(!last.stderr.contains("hunter2"), "a password is never shown: {}", last.stderr);
    check(
        &env,
        vec![
            bad("grade nowhere --challenge echo", 5, &["`nowhere`", "nothing of that name", "https"]),
            bad("grade file.txt --challenge echo", 5, &["file.txt", "it is no folder"]),
            bad("grade github.com/a/b --challenge echo", 5, &["did you mean `https://github.com/a/b`?"]),
            bad(
                "grade gopher://host/x --challenge echo",
                2,
                &["`gopher://host/x`", "scheme is not supported", "https"],
            ),
            bad(&unreachable, 5, &["could not be fetched", "refused", "fault of this machine or its network"]),
            bad("grade empty --challenge echo", 5, &["is empty", "no files", "fault of the submission", "pushed?"]),
            bad("grade unborn --challenge echo", 5, &["is empty", "no commits", "fault of the submission", "pushed?"]),
            bad("grade ref --challenge echo --rev v9", 5, &["no branch, tag or commit `v9`", "it has `", "`--rev`"]),
            bad(
                "grade ref --challenge echo --max-file-size 10B",
                5,
                &["is larger than 10 bytes", "fault of the submission", "`--max-file-size`"],
            ),
            bad("grade ref --challenge echo --max-files 2", 5, &["more than 2 files", "`--max-files`"]),
            bad("grade ref --challenge echo --max-total-size 1KiB", 5, &["`--max-total-size`"]),
            bad(
                "check --path nowhere --challenge echo basik",
                4,
                &["no stage called `basik`", "did you mean `basic`?"],
            ),
            bad("check --path nowhere --challenge echo", 5, &["`nowhere`", "nothing of that name"]),
        ],
    );
    assert_eq!(env.recorded(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn submissions_of_which_it_is_not_clear_what_to_build() {
    if !(has_sandbox() && has(&["rustc"])) {
        return;
    }
    let env = TestEnv::new();
    env.write("prose/README.md", "I would have used Raft.");
    env.repository("ref", &reference());
    env.folder("several/first", &reference());
    env.folder("several/second", &reference());
    env.folder("two", &with(&[("src/bin/other.rs", "fn main() {}")]));
    env.folder("field", &with(&[("takehome.toml", "# mine\nchalenge = \"echo\"\n")]));
    env.folder("toml", &with(&[("takehome.toml", "challenge = \"echo\"\nrun = \n")]));
    env.folder("type", &with(&[("takehome.toml", "challenge = 7\n")]));
    env.folder("unknown", &with(&[("takehome.toml", "challenge = \"ecko\"\n")]));
    check(
        &env,
        vec![
            bad("grade prose --challenge echo", 5, &["no build file", "fault of the submission", "--run '<command>'"]),
            bad("grade several --challenge echo", 2, &["2 programs", "\n  --dir first", "\n  --dir second"]),
            bad("grade two --challenge echo", 2, &["2 programs", "\n  --bin other", "\n  --bin solution"]),
            bad("grade two --challenge echo --bin othr", 2, &["no program `othr`", "did you mean `other`?"]),
            bad("grade ref --challenge echo --dir src/bin", 2, &["no folder `src/bin`", "it has:", "without --dir"]),
            bad("grade ref --challenge echo --dir ../ref", 2, &["`../ref` is not inside the submission"]),
            bad("grade ref --challenge echo --run 'never_closed", 2, &["not a command: 'never closed"]),
            bad("grade ref --challenge echo --language rsut", 2, &["unknown language `rsut`", "did you mean `rust`?"]),
            bad("grade ref --challenge echo --language java --run x", 2, &["no program that is written in java"]),
            bad("grade field", 2, &["takehome.toml", "unknown field `chalenge`", "did you mean `challenge`?"]),
            bad("grade toml", 2, &["takehome.toml", "line 2, column 7", "fault of the submission"]),
            bad("grade type", 2, &["takehome.toml", "`challenge` must be a string"]),
            bad("grade unknown", 2, &["called `ecko`", "--> takehome.toml", "did you mean `echo`?", "--challenge"]),
            bad("grade ref", 2, &["which challenge?", "--challenge with one of: echo"]),
            bad("check --path ref --challenge echo basik", 4, &["no stage called `basik`", "did you mean `basic`?"]),
        ],
    );
    assert_eq!(env.recorded(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn builds_that_fail() {
    if !(has_sandbox() && has(&["rustc"])) {
        return;
    }
    let env = TestEnv::new();
    env.repository("ref", &reference());
    env.folder("broken", &with(&[("src/main.rs", "fn main() { let x: u32 = \"text\"; }\n")]));
    check(
        &env,
        vec![
            bad(
                "grade broken --challenge echo",
                5,
                &[
                    "building failed with exit status 101",
                    "--> cargo build",
                    "| error[E0308]: mismatched types",
                    "src/main.rs:1:26",
                    "fault of the submission",
                    "fresh clone",
                ],
            ),
            bad(
                "grade ref --challenge echo --build sleep_1000 --run ./x --build-timeout 1s",
                5,
                &["building took longer than 1 s", "--> /bin/sh -c", "fault of the submission", "`--build-timeout`"],
            ),
            bad(
                "grade ref --challenge echo --build echo_Could_not_resolve_host;exit_1 --run ./x",
                2,
                &["exit status 1", "| Could not resolve host", "--build has no network", "--language"],
            ),
        ],
    );
    let broken = env.run(["grade", "broken", "--challenge", "echo"]);
    assert_eq!(broken.stderr.matches("mismatched types").count(), 1, "said once:\n{}", broken.stderr);
    assert_eq!(env.recorded(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_missing_toolchain_is_the_machines_fault() {
    if !has_sandbox() {
        return;
    }
    let env = TestEnv::cold();
    env.repository("ref", &reference());
    fs::create_dir(env.path("no-tools")).unwrap();
    let mut command = env.takehome(["grade", "ref", "--challenge", "echo"]);
    Ran::of(command.env("PATH", env.path("no-tools"))).code(5).prints_nothing().says(&[
        "Rust is not installed on this machine",
        "fault of this machine",
        "hint: ",
        "rustup",
    ]);
}

#[test]
fn a_link_that_leaves_the_tree_is_left_out_and_said() {
    if !(has_sandbox() && has(&["rustc"])) {
        return;
    }
    let env = TestEnv::new();
    env.folder("linked", &reference());
    symlink("/etc/passwd", env.path("linked/leak")).unwrap();
    symlink("../../../outside", env.path("linked/up")).unwrap();
    let arguments = ["check", "basic", "--path", "linked", "--challenge", "echo", "--format", "json"];
    let report = env.run(arguments).code(0).json();
    let notices = report["submission"]["notices"].to_string();
    assert!(notices.contains("`leak` to `/etc/passwd` is left out"), "{notices}");
    assert!(notices.contains("`up`"), "{notices}");
}
