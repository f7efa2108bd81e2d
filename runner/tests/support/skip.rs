//! Tests that cannot run here say so, where the capture of test output does not hide it; in CI, which has to have
//! everything, they fail. The one place for it.

#![allow(dead_code)] // Each that includes this uses its part.

use std::io::Write;

/// Leaves a test, or a part of it, out because something is missing that CI has to have: there it fails.
#[track_caller]
pub fn skip(why: &str) {
    assert!(!in_ci(), "cannot be left out in CI: {why}");
    say("SKIPPED", why);
}

/// Leaves a test, or a part of it, out for a reason that nobody has to mend, in CI neither.
pub fn leave_out(why: &str) {
    say("NOTE", why);
}

/// Whether everything has to be there.
pub fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// Whether a program is in one of these folders.
fn is_in(tool: &str, folders: &std::ffi::OsStr) -> bool {
    std::env::split_paths(folders).any(|folder| folder.join(tool).is_file())
}

/// The first of these programs that is not in `PATH`.
pub fn missing<'t>(tools: &[&'t str]) -> Option<&'t str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    tools.iter().copied().find(|tool| !is_in(tool, &path))
}

/// Whether all of these programs are in `PATH`; says which one is not.
#[track_caller]
pub fn has(tools: &[&str]) -> bool {
    missing(tools).inspect(|tool| skip(&format!("`{tool}` is not installed"))).is_none()
}

/// Whether a program is where the programs of a cell look for it; says when it is not.
#[track_caller]
pub fn cells_have(tool: &str) -> bool {
    let there = is_in(tool, "/usr/bin:/bin".as_ref());
    if !there {
        skip(&format!("`{tool}` is not in /usr/bin"));
    }
    there
}

/// Passes on what tests that were run by another test have left out, as a second user for example.
pub fn pass_on(stderr: &[u8]) {
    let said = String::from_utf8_lossy(stderr);
    let lines = said.lines().filter(|line| line.starts_with("SKIPPED") || line.starts_with("NOTE"));
    lines.for_each(write_line);
}

fn say(word: &str, why: &str) {
    // The thread of a test has its name.
    let thread = std::thread::current();
    match thread.name().filter(|name| *name != "main") {
        Some(test) => write_line(&format!("{word}: {test}: {why}")),
        None => write_line(&format!("{word}: {why}")),
    }
}

/// Not by `eprintln!`, whose output is hidden while a test passes. In one piece, because other threads write too.
fn write_line(line: &str) {
    let _closed = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
