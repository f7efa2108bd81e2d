//! Builds that watch themselves: Go's race detector, and for C and C++ ThreadSanitizer, AddressSanitizer and
//! UndefinedBehaviorSanitizer.

use super::recipe::{Recipe, Step, Tool};
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
        tell(&mut recipe, sanitizer, flags)?;
    }
    if recipe.tools.contains(&Tool::Go) {
        recipe.tools.push(Tool::C);
        recipe.tools.sort();
        recipe.tools.dedup();
    }
    Ok(recipe)
}

/// Where the compilers lie that a build of one's own finds first.
const COMPILERS: &str = "/out/sanitized";

/// Tells a build of one's own, whatever its commands are: Go by a variable, and C and C++ by compilers that are found before
/// the real ones and call those with more options.
fn tell(recipe: &mut Recipe, sanitizer: Sanitizer, flags: &str) -> Result<(), String> {
    let has = |some: &[Tool]| some.iter().any(|tool| recipe.tools.contains(tool));
    let go = has(&[Tool::Go]) && sanitizer == Sanitizer::Threads;
    let c = has(&[Tool::C, Tool::Cpp, Tool::Cmake, Tool::Make]);
    if !go && !c {
        let (languages, what) = match sanitizer {
            Sanitizer::Threads => ("Go, C or C++", "data races"),
            Sanitizer::Memory => ("C or C++", "errors of memory"),
        };
        return Err(format!("its build names no compiler of {languages} that could be told to look for {what}"));
    }
    for step in &mut recipe.build {
        if go {
            step.env.extend(
                [("GOFLAGS", "-buildvcs=false -race"), ("CGO_ENABLED", "1")]
                    .map(|(name, value)| (name.into(), value.into())),
            );
        }
        if c {
            let first = format!("PATH={COMPILERS}:$PATH exec \"$0\" \"$@\"");
            step.argv.splice(0..0, ["/bin/sh".into(), "-c".into(), first]);
        }
    }
    if c {
        recipe.build.insert(0, Step::shell(&compilers(flags)));
    }
    Ok(())
}

/// A command that makes the compilers.
fn compilers(flags: &str) -> String {
    format!(
        "mkdir -p {COMPILERS} && for name in cc gcc clang c++ g++ clang++; do \
         real=$(command -v $name) || continue; \
         printf '#!/bin/sh\\nexec %s {flags} \"$@\"\\n' \"$real\" > {COMPILERS}/$name && chmod +x {COMPILERS}/$name; done"
    )
}

/// What the files of programs that watch themselves have in them: Go's build information, and what C and C++ call.
const MARKS: [&[u8]; 3] = [b"-race=true", b"__tsan_init", b"__asan_init"];

/// Whether a program watches itself: a build file may say by itself how it is compiled.
pub fn is_in(program: &Program) -> bool {
    let Some(name) = program.command.argv.first() else { return false };
    let path = program.command.cwd.join(Path::new(name).strip_prefix(".").unwrap_or(Path::new(name)));
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
    }

    #[test]
    fn builds_of_one_s_own_are_told_by_variables() {
        let told = |build: &str, sanitizer| {
            let manifest = format!("build = {build:?}\nrun = './x'");
            recipe(detected(&[("takehome.toml", &manifest)], None, None).unwrap(), sanitizer)
        };
        let c = told("cd src && g++ main.cpp -o ../x", Sanitizer::Memory).unwrap();
        assert!(line(&c.build[0]).contains("exec %s -fsanitize=address,undefined "), "{}", line(&c.build[0]));
        assert!(line(&c.build[1]).contains("PATH=/out/sanitized:$PATH"), "{}", line(&c.build[1]));
        assert!(line(&c.build[1]).ends_with("cd src && g++ main.cpp -o ../x"));
        let go = told("cd src && go build -o ../x", Sanitizer::Threads).unwrap();
        assert!(go.build[0].env.contains(&("GOFLAGS".into(), "-buildvcs=false -race".into())));
        assert!(go.build.len() == 1 && go.tools.contains(&Tool::C), "the race detector is linked by a C compiler");
        let told = |build, sanitizer| told(build, sanitizer).unwrap_err();
        assert!(told("cd src && go build -o ../x", Sanitizer::Memory).contains("errors of memory"));
        assert!(told("true | true", Sanitizer::Threads).contains("data races"));
    }

    #[test]
    fn who_has_none_says_why() {
        assert!(kinds("rust").unwrap_err().contains("safe Rust"));
        assert!(kinds("python").unwrap_err().contains("no race detector for python"));
        assert_eq!((kinds("c++").unwrap().len(), kinds("custom").unwrap().len()), (2, 2));
    }
}
