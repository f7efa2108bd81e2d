//! Builds that watch themselves: Go's race detector, and for C and C++ ThreadSanitizer, AddressSanitizer and
//! UndefinedBehaviorSanitizer.

use super::recipe::{Recipe, Step, Tool};
use crate::backend::{Mount, Program};
use harness::sanitizer::STATUS;
use std::path::{Path, PathBuf};

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
        // Whether a build of one's own can be told, its steps say.
        "c" | "c++" | "custom" => Ok(&[Sanitizer::Threads, Sanitizer::Memory]),
        "rust" => Err("Rust's stable toolchain has no race detector, and safe Rust has no data races".into()),
        other => Err(format!("there is no race detector for {other} here")),
    }
}

/// The same recipe, for a build that looks for this.
pub fn recipe(mut recipe: Recipe, sanitizer: Sanitizer) -> Result<Recipe, String> {
    let flags = match sanitizer {
        Sanitizer::Threads => "-fsanitize=thread -g -fno-omit-frame-pointer",
        Sanitizer::Memory => "-fsanitize=address,undefined -fno-sanitize-recover=undefined -g -fno-omit-frame-pointer",
    };
    // Only commands of the submission's own run in its folder.
    match recipe.start.cwd_in_app {
        true => tell_anybody(&mut recipe, sanitizer, flags)?,
        false => tell_each(&mut recipe, sanitizer, flags)?,
    }
    // Programs that a build makes and runs are not what is looked at.
    let quiet = ("ASAN_OPTIONS".to_owned(), "detect_leaks=0".to_owned());
    recipe.build.iter_mut().for_each(|step| step.env.push(quiet.clone()));
    if recipe.tools.contains(&Tool::Go) {
        recipe.tools.push(Tool::C);
        recipe.tools.sort();
        recipe.tools.dedup();
    }
    Ok(recipe)
}

/// Tells the steps of a build of ours.
fn tell_each(recipe: &mut Recipe, sanitizer: Sanitizer, flags: &str) -> Result<(), String> {
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
    match changed {
        true => Ok(()),
        false => Err("its build has no step that a sanitizer could be told to".into()),
    }
}

/// Where the compilers lie that a build of one's own finds first.
const COMPILERS: &str = "/out/sanitized";

/// A command that makes the compilers, with the folder in `$0`.
fn compilers(flags: &str) -> String {
    format!(
        "mkdir -p \"$0\" && for name in cc gcc clang c++ g++ clang++; do \
         real=$(command -v $name) || continue; \
         printf '#!/bin/sh\\nexec %s {flags} \"$@\"\\n' \"$real\" > \"$0/$name\" && chmod +x \"$0/$name\"; done"
    )
}

/// Tells a build of one's own, whatever its commands are: Go by a variable, and C and C++ by compilers that are found before
/// the real ones and call those with more options. Go calls compilers too, for a detector that it brings along: they are not
/// to bring theirs.
fn tell_anybody(recipe: &mut Recipe, sanitizer: Sanitizer, flags: &str) -> Result<(), String> {
    let has = |some: &[Tool]| some.iter().any(|tool| recipe.tools.contains(tool));
    if has(&[Tool::Go]) && sanitizer == Sanitizer::Threads {
        let known = |env: &[(String, String)]| env.iter().rev().find(|(name, _)| name == "GOFLAGS").cloned();
        for step in &mut recipe.build {
            let flags = known(&step.env).or_else(|| known(&recipe.env)).map_or(String::new(), |(_, flags)| flags + " ");
            step.env.extend([("GOFLAGS".into(), flags + "-race"), ("CGO_ENABLED".into(), "1".into())]);
        }
        Ok(())
    } else if !has(&[Tool::Go]) && has(&[Tool::C, Tool::Cpp, Tool::Cmake, Tool::Make]) {
        // The folder is a word of its own: what a cell calls it is not its name everywhere.
        for step in &mut recipe.build {
            let first = ["/bin/sh", "-c", "PATH=$0:$PATH exec \"$@\"", COMPILERS];
            step.argv.splice(0..0, first.map(str::to_owned));
        }
        recipe.build.insert(0, Step::new(["/bin/sh", "-c", &compilers(flags), COMPILERS]));
        Ok(())
    } else {
        let (languages, what) = match sanitizer {
            Sanitizer::Threads => ("Go, C or C++", "data races"),
            Sanitizer::Memory => ("C or C++ alone", "errors of memory"),
        };
        Err(format!("its build names no compiler of {languages} that could be told to look for {what}"))
    }
}

/// What the files of programs in C and C++ that watch themselves call.
const MARKS: [&[u8]; 2] = [b"__tsan_init", b"__asan_init"];
/// What every program of Go has in its file, and one that watches itself.
const GO: &[u8] = b"Go buildinf:";
const GO_MARK: &[u8] = b"-race=true";

/// Whether a program watches itself: a build file may say by itself how it is compiled. It may be started through a shell, so
/// whichever file of the submission its command names is looked into.
pub fn is_in(program: &Program) -> bool {
    let words = program.command.argv.iter().filter_map(|word| word.to_str()).flat_map(str::split_whitespace);
    let files = words.filter_map(|word| on_host(program, &program.command.cwd.join(word)));
    files.filter_map(|path| std::fs::read(path).ok()).any(|bytes| {
        let has = |mark: &[u8]| memchr::memmem::find(&bytes, mark).is_some();
        if has(GO) { has(GO_MARK) } else { MARKS.into_iter().any(has) }
    })
}

/// Where a file of the submission's lies on this machine; no other file is one.
fn on_host(program: &Program, path: &Path) -> Option<PathBuf> {
    let below = |mount: &Mount| Some(mount.host.join(path.strip_prefix(&mount.at).ok()?));
    program.mounts.iter().find_map(below)
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
    use crate::backend::{Command, Root};

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
    fn builds_of_one_s_own_are_told_whatever_their_commands_are() {
        let told = |build: &str, sanitizer| {
            let manifest = format!("build = {build:?}\nrun = './x'");
            recipe(detected(&[("takehome.toml", &manifest)], None, None).unwrap(), sanitizer)
        };
        let c = told("cd src && g++ main.cpp -o ../x", Sanitizer::Memory).unwrap();
        assert!(line(&c.build[0]).contains("exec %s -fsanitize=address,undefined "), "{}", line(&c.build[0]));
        let first = "/bin/sh -c PATH=$0:$PATH exec \"$@\" /out/sanitized ";
        assert_eq!(line(&c.build[1]), format!("{first}/bin/sh -c cd src && g++ main.cpp -o ../x"));
        let make = told("make", Sanitizer::Threads).unwrap();
        assert_eq!(
            line(&make.build[1]),
            format!("{first}/bin/sh -c make"),
            "also where it calls compilers by other names"
        );
        let go = told("cd src && go build -o ../x", Sanitizer::Threads).unwrap();
        assert!(go.build[0].env.contains(&("GOFLAGS".into(), "-buildvcs=false -race".into())), "{:?}", go.build[0].env);
        assert!(go.build.len() == 1 && go.tools.contains(&Tool::C), "the race detector is linked by a C compiler");
        let both = told("CC=gcc go build -o ./x", Sanitizer::Threads).unwrap();
        assert_eq!(both.build.len(), 1, "which has no detector of its own");
        let told = |build, sanitizer| told(build, sanitizer).unwrap_err();
        assert!(told("cd src && go build -o ../x", Sanitizer::Memory).contains("errors of memory"));
        assert!(told("true | true", Sanitizer::Threads).contains("data races"));
    }

    #[test]
    fn a_program_that_watches_itself_is_known_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let is_in = |bytes: &str| {
            std::fs::write(folder.path().join("x"), bytes).unwrap();
            let mounts = vec![Mount { host: folder.path().into(), at: "/app".into(), writable: false }];
            let command = Command { argv: vec!["./x".into()], env: Vec::new(), cwd: "/app".into() };
            super::is_in(&Program { command, root: Root::System, mounts, port: None })
        };
        assert!(is_in("…__tsan_init…") && is_in("…__asan_init…") && !is_in("…main…"));
        assert!(is_in("…Go buildinf:…-race=true…"));
        assert!(!is_in("…Go buildinf:…__tsan_init…"), "a C compiler's runtime in a program that Go does not watch");
    }

    #[test]
    fn who_has_none_says_why() {
        assert!(kinds("rust").unwrap_err().contains("safe Rust"));
        assert!(kinds("python").unwrap_err().contains("no race detector for python"));
        assert_eq!((kinds("c++").unwrap().len(), kinds("custom").unwrap().len()), (2, 2));
    }
}
