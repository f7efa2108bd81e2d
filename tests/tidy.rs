//! The map of the code is true: every file says what it is, is short, and is where the map and the registries have it.

use std::{
    fs,
    path::{Path, PathBuf},
};
use tests::workspace;

const CRATES: [&str; 5] = ["harness", "challenges", "runner", "reports", "tests"];
/// Most lines of a file.
const MOST_LINES: usize = 700;
/// Files that were longer when the rule was made; they may not grow.
const LONGER: [(&str, usize); 0] = [];

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below a folder with an extension, as paths from the top of the project.
fn files(below: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().join(below)];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == extension) {
                found.push(path.strip_prefix(workspace()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.flatten().map(|entry| entry.path()).collect()
}

/// The source files of the workspace itself; what is below `challenges/` beside oracles belongs to submissions.
fn sources() -> Vec<String> {
    let own = |path: &String| !path.starts_with("challenges/") || is_of_the_catalogue(path);
    CRATES.iter().flat_map(|name| files(name, "rs")).filter(own).collect()
}

fn is_of_the_catalogue(path: &str) -> bool {
    path.starts_with("challenges/src/") || path.ends_with("/oracle.rs")
}

/// The names in a folder of modules: its files and folders without `mod.rs` and tests.
fn modules(folder: &str) -> Vec<String> {
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = entries(&workspace().join(folder)).into_iter().filter_map(stem).collect();
    names.sort();
    names.dedup();
    names.retain(|name| name != "mod" && name != "tests");
    names
}

/// Fails with all of these lines.
#[track_caller]
fn nothing_of(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let silent = sources().into_iter().filter(|path| !read(path).starts_with("//!"));
    nothing_of(silent.map(|path| format!("{path}: begin it with `//!` and a sentence")).collect());
}

#[test]
fn no_file_is_too_long_to_be_read_at_once() {
    let limit = |path: &str| LONGER.iter().find(|(long, _)| *long == path).map_or(MOST_LINES, |(_, lines)| *lines);
    let long = sources().into_iter().map(|path| (read(&path).lines().count(), path));
    let long = long.filter(|(lines, path)| *lines > limit(path));
    nothing_of(long.map(|(lines, path)| format!("{path}: {lines} lines; split it by subject")).collect());
}

#[test]
fn nothing_unfinished_is_left() {
    // Written in two parts, so that this file does not find itself.
    let unfinished = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let mut problems = Vec::new();
    for path in sources() {
        let text = read(&path);
        problems.extend(unfinished.iter().filter(|word| text.contains(*word)).map(|word| format!("{path}: {word}…)")));
    }
    nothing_of(problems);
}

#[test]
fn every_module_is_reachable() {
    let mut problems = Vec::new();
    for path in sources().iter().filter(|path| path.contains("/src/") && !is_root(path)) {
        let file = Path::new(path);
        let (folder, stem) = (file.parent().unwrap(), file.file_stem().unwrap().to_string_lossy().into_owned());
        let (name, above) = match stem.as_str() {
            "mod" => (folder.file_name().unwrap().to_string_lossy().into_owned(), folder.parent().unwrap()),
            _ => (stem, folder),
        };
        // The module above is `mod.rs`, `lib.rs`, or the file that is called like the folder.
        let parents = [above.join("mod.rs"), above.join("lib.rs"), above.with_extension("rs")];
        let parents = parents.iter().filter_map(|parent| fs::read_to_string(workspace().join(parent)).ok());
        let declared = parents.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
        let is_it = |line: String| line.trim().trim_end_matches(" {").ends_with(&format!("mod {name};"));
        if !declared.into_iter().any(is_it) {
            problems.push(format!("{path} is in no module: add `mod {name};` above it"));
        }
    }
    nothing_of(problems);
}

fn is_root(path: &str) -> bool {
    path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs") || path.contains("/bin/")
}

/// Every module of a folder that holds one kind of thing is in the registry of that thing.
fn registered(folder: &str, kind: &str, registry: &str, entry: impl Fn(&str) -> String) {
    let code: String = read(registry).lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let listed = code.replace(' ', "");
    let mut problems = Vec::new();
    for name in modules(folder) {
        let paths = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
        let text: String = paths.iter().filter_map(|path| fs::read_to_string(workspace().join(path)).ok()).collect();
        let is_one = text.lines().any(|line| line.starts_with(&format!("impl {kind} for ")));
        if is_one && !listed.contains(&entry(&name).replace(' ', "")) {
            problems.push(format!("{registry}: add a line with `{}…` for {folder}/{name}", entry(&name)));
        }
    }
    nothing_of(problems);
}

#[test]
fn every_registry_is_complete() {
    registered("harness/src/checker", "Checker", "harness/src/checker/mod.rs", |name| format!("&{name}::"));
    registered("reports/src/format", "Format", "reports/src/format/mod.rs", |name| format!("&{name}::"));
    registered("runner/src/language", "Language", "runner/src/language/mod.rs", |name| format!("&{name}::"));
    registered("runner/src/backend", "Backend", "runner/src/backend/registry.rs", |name| format!("{name}::"));
}

/// The compiler finds a condition or a format that no list names, but not a monitor.
#[test]
fn every_monitor_is_asked() {
    let objects = read("harness/src/linearizability/object.rs");
    let monitors = files("harness/src/linearizability/monitor", "rs").into_iter().flat_map(|path| {
        let text = read(&path);
        let names = text.lines().filter_map(|line| line.strip_prefix("impl Monitor for ")?.split_whitespace().next());
        names.map(|name| (path.clone(), name.to_owned())).collect::<Vec<_>>()
    });
    let missing = monitors.filter(|(_, name)| {
        !objects.contains(&format!("Box::new(monitor::{name}")) && !objects.contains(&format!("Box::new({name} "))
    });
    nothing_of(missing.map(|(path, name)| format!("{path}: no object of object.rs asks `{name}`")).collect());
}

#[test]
fn every_command_is_dispatched() {
    let dispatcher = read("runner/src/commands/mod.rs");
    let commands = modules("runner/src/commands").into_iter().filter(|name| {
        let path = workspace().join(format!("runner/src/commands/{name}.rs"));
        fs::read_to_string(path).is_ok_and(|text| text.contains("pub fn run(") || text.contains("pub async fn run("))
    });
    let missing = commands.filter(|name| !dispatcher.contains(&format!("=> {name}::run(")));
    nothing_of(missing.map(|name| format!("runner/src/commands/mod.rs: add an arm `… => {name}::run(…)`")).collect());
}

#[test]
fn every_challenge_is_in_the_catalogue() {
    let folders = entries(&workspace().join("challenges")).into_iter();
    let folders = folders.filter(|folder| folder.join("challenge.toml").is_file());
    let names = folders.map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned());
    let missing = names.filter(|name| challenges::find(name).is_none());
    nothing_of(missing.map(|name| format!("challenges/src/lib.rs: add `{name}` to CATALOGUE")).collect());
}

/// The lines of code of a file: no comments, and nothing after its unit tests begin.
fn code(path: &str) -> String {
    let text = read(path);
    let tests = ["#[cfg(test)]\nmod ", "#[cfg(test)]\npub(crate) mod "];
    let end = tests.iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    let lines = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| format!("{line}\n")).collect()
}

fn holding(paths: Vec<String>, words: &[&str], why: &str) {
    let mut problems = Vec::new();
    for path in paths.iter().filter(|path| !path.ends_with("/tests.rs") && !path.contains("/tests/")) {
        let code = code(path);
        problems
            .extend(words.iter().filter(|word| code.contains(*word)).map(|word| format!("{path}: `{word}`: {why}")));
    }
    nothing_of(problems);
}

#[test]
fn the_pure_crates_touch_nothing() {
    let effects = ["std::fs", "std::net", "std::process", "std::env", "Instant::now", "SystemTime::now", "tokio"];
    let prints = ["println!", "eprintln!", "print!(", "static mut", "thread_local!"];
    for name in ["harness", "reports"] {
        let words: Vec<&str> = effects.iter().chain(&prints).copied().collect();
        holding(files(&format!("{name}/src"), "rs"), &words, "this crate is pure; the runner does that");
        let root = read(&format!("{name}/src/lib.rs"));
        for lint in ["clippy::disallowed_methods", "clippy::disallowed_types", "clippy::print_stdout"] {
            assert!(root.contains("#![deny(") && root.contains(lint), "{name}/src/lib.rs: deny {lint}");
        }
        let banned = read(&format!("{name}/clippy.toml"));
        assert!(
            banned.contains("std::fs::read") && banned.contains("reason"),
            "{name}/clippy.toml bans IO with reasons"
        );
    }
}

#[test]
fn only_the_ui_prints() {
    let all = files("runner/src", "rs").into_iter().filter(|path| !path.starts_with("runner/src/ui/"));
    holding(all.collect(), &["println!", "eprintln!", "io::stdout()", "io::stderr()"], "print through `crate::ui`");
}

/// `eprintln!` is hidden while a test passes, and a test that is left out passes.
#[test]
fn what_tests_leave_out_is_said_where_it_is_seen() {
    let all = ["runner/src", "runner/tests", "tests"].iter().flat_map(|folder| files(folder, "rs"));
    let says = |line: &str| line.contains("eprintln!(\"") && line.to_lowercase().contains("skip");
    let bad = all.filter(|path| read(path).lines().any(says));
    nothing_of(bad.map(|path| format!("{path}: say it by `skip` of runner/tests/support/skip.rs")).collect());
}

#[test]
fn only_the_dispatcher_writes_events() {
    let all = files("runner/src", "rs").into_iter().filter(|path| path != "runner/src/execute.rs");
    holding(all.collect(), &["record.event("], "events go through the dispatcher of runner/src/execute.rs");
}

#[test]
fn crates_depend_in_one_direction() {
    let forbidden = [
        ("harness", &["challenges", "reports", "runner", "tokio"][..]),
        ("challenges", &["reports", "runner", "tokio"]),
        ("reports", &["challenges", "runner", "tokio"]),
        ("runner", &["tests"]),
    ];
    for (name, others) in forbidden {
        let manifest = read(&format!("{name}/Cargo.toml"));
        for other in others {
            let depends = manifest.lines().any(|line| line.starts_with(other) && line.contains(['=', '.']));
            assert!(!depends, "{name} must not depend on {other}");
        }
    }
}

#[test]
fn the_map_shows_every_folder() {
    let map = read("ARCHITECTURE.md");
    let hidden = |name: &str| name.starts_with('.') || name == "target";
    let folders = |of: &str| {
        let all = entries(&workspace().join(of)).into_iter().filter(|path| path.is_dir());
        all.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let top = folders("").into_iter().filter(|name| !hidden(name)).map(|name| format!("{name}/"));
    let below = ["runner/src", "harness/src"]
        .iter()
        .flat_map(|of| folders(of).into_iter().map(move |name| format!("{of}/{name}")));
    let missing = top.chain(below).filter(|folder| !map.contains(folder.as_str()));
    nothing_of(missing.map(|folder| format!("ARCHITECTURE.md: say what `{folder}` is for")).collect());
}
