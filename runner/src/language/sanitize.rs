//! Builds that watch themselves: Go's race detector, and for C and C++ ThreadSanitizer, AddressSanitizer and
//! UndefinedBehaviorSanitizer.

use super::recipe::{Recipe, Tool};
use crate::backend::{Mount, Program};
use harness::sanitizer::STATUS;
use std::path::Path;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sanitizer {
    /// Data races.
    Threads,
    /// Errors of memory, and undefined behaviour.
    Memory,
}

/// What can be looked for in programs of a language here; an error says why nothing can.
pub fn kinds(language: &str) -> Result<&'static [Sanitizer], String> {
    match language {
        "go" => Ok(&[Sanitizer::Threads]),
        "c" | "c++" => Ok(&[Sanitizer::Threads, Sanitizer::Memory]),
        "rust" => Err("Rust's stable toolchain has no race detector, and safe Rust has no data races".into()),
        "custom" => Err("how the submission is built is its own affair, so nothing can be built into it".into()),
        other => Err(format!("there is no race detector for {other} here")),
    }
}

/// The same recipe, for a build that looks for this.
pub fn recipe(mut recipe: Recipe, sanitizer: Sanitizer) -> Result<Recipe, String> {
    let flags = match sanitizer {
        Sanitizer::Threads => "-fsanitize=thread -g -fno-omit-frame-pointer",
        Sanitizer::Memory => "-fsanitize=address,undefined -fno-sanitize-recover=undefined -g -fno-omit-frame-pointer",
    };
    let mut changed = false;
    for step in &mut recipe.build {
        let words: Vec<&str> = step.argv.iter().map(String::as_str).collect();
        match (&words[..], sanitizer) {
            (["go", "build", ..], Sanitizer::Threads) => {
                step.argv.insert(2, "-race".into());
                step.env.push(("CGO_ENABLED".into(), "1".into()));
            }
            (["cmake", "-S", ..], _) => {
                let options = ["C_FLAGS", "CXX_FLAGS", "EXE_LINKER_FLAGS", "SHARED_LINKER_FLAGS"];
                step.argv.extend(options.map(|option| format!("-DCMAKE_{option}={flags}")));
            }
            (["make", ..], _) => {
                step.argv.extend([("CC", "cc"), ("CXX", "c++")].map(|(name, tool)| format!("{name}={tool} {flags}")))
            }
            (["cc" | "c++", ..], _) => drop(step.argv.splice(1..1, flags.split(' ').map(str::to_owned))),
            _ => continue,
        }
        changed = true;
    }
    if !changed {
        return Err("its build has no step that a sanitizer could be told to".into());
    }
    if recipe.language == "go" {
        recipe.tools.push(Tool::C);
        recipe.tools.sort();
        recipe.tools.dedup();
    }
    Ok(recipe)
}

/// What the files of programs that watch themselves have in them: Go's build information, and what C and C++ call.
const MARKS: [&[u8]; 3] = [b"-race=true", b"__tsan_init", b"__asan_init"];

/// Whether a program watches itself: a build file may say by itself how it is compiled.
pub fn is_in(program: &Program) -> bool {
    let Some(path) = program.command.argv.first().map(Path::new) else { return false };
    let on_host = |mount: &Mount| Some(mount.host.join(path.strip_prefix(&mount.at).ok()?));
    let file = program.mounts.iter().find_map(on_host).and_then(|path| std::fs::read(path).ok());
    file.is_some_and(|bytes| MARKS.iter().any(|mark| memchr::memmem::find(&bytes, mark).is_some()))
}

/// What such a program is told: to end with the first that it finds.
pub fn environment() -> Vec<(String, String)> {
    let go = format!("halt_on_error=1 exitcode={STATUS}");
    // A cell has its own way to have no core files, and lets no program change it.
    let common = format!("halt_on_error=1:exitcode={STATUS}:disable_coredump=0");
    vec![
        ("GORACE".into(), go),
        ("TSAN_OPTIONS".into(), format!("{common}:detect_deadlocks=0:report_thread_leaks=0:report_signal_unsafe=0")),
        ("ASAN_OPTIONS".into(), format!("{common}:detect_leaks=0")),
        ("UBSAN_OPTIONS".into(), format!("{common}:print_stacktrace=1")),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::{line, recipe as detected};
    use super::*;

    #[test]
    fn each_build_is_told_in_its_own_way() {
        let go = detected(&[("go.mod", "module x"), ("main.go", "package main\nfunc main() {}")], None, None).unwrap();
        assert!(line(&recipe(go.clone(), Sanitizer::Threads).unwrap().build[0]).starts_with("go build -race -o "));
        assert!(recipe(go, Sanitizer::Memory).is_err());
        let main = "int main(){}";
        let cmake = [("CMakeLists.txt", "add_executable(a a.cpp)"), ("a.cpp", main)];
        let cmake = recipe(detected(&cmake, None, None).unwrap(), Sanitizer::Memory).unwrap();
        assert!(cmake.build[0].argv.iter().any(|word| word.starts_with("-DCMAKE_CXX_FLAGS=-fsanitize=address,")));
        let make = [("Makefile", "all:\n\tc++ a.cpp"), ("a.cpp", main)];
        let make = recipe(detected(&make, None, None).unwrap(), Sanitizer::Threads).unwrap();
        assert!(make.build[0].argv[1].starts_with("CC=cc -fsanitize=thread"));
        let bare = recipe(detected(&[("a.cpp", main)], None, None).unwrap(), Sanitizer::Threads).unwrap();
        assert_eq!(bare.build[1].argv[..2], ["c++", "-fsanitize=thread"]);
        let rust =
            detected(&[("Cargo.toml", "[package]\nname = 'x'"), ("src/main.rs", "fn main() {}")], None, None).unwrap();
        assert!(recipe(rust, Sanitizer::Threads).is_err());
    }

    #[test]
    fn who_has_none_says_why() {
        assert!(kinds("rust").unwrap_err().contains("safe Rust"));
        assert!(kinds("python").unwrap_err().contains("no race detector for python"));
        assert_eq!(kinds("c++").unwrap().len(), 2);
    }
}
