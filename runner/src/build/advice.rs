//! What to do about a failed build, by what its tools say.
//!
//! A candidate's program could print the same words and shift the blame to the machine. It would gain nothing: what is
//! not built is not graded either way.

/// What this machine lacks.
pub(super) fn of_machine(log: &str) -> Option<String> {
    let said = |words: &str| log.contains(words);
    let rust = ["requires rustc ", "is not supported by the following package", "this version of Cargo is older than"];
    if rust.iter().any(|words| said(words)) {
        return Some("the submission needs a newer Rust: update this machine's with rustup".to_owned());
    }
    if said("requires go >= ") || said("module requires Go ") {
        return Some("the submission needs a newer Go: update this machine's".to_owned());
    }
    if said("linker `cc` not found") {
        return Some("Rust needs a C compiler for linking: install gcc".to_owned());
    }
    if said("No module named pip") {
        return Some("install the system's package `python3-pip`".to_owned());
    }
    let header = missing_header(log)?;
    Some(format!("this machine has no `{header}`: install the library's development package, or have it vendored"))
}

/// What the candidate can do.
pub(super) fn of_submission(log: &str) -> Option<&'static str> {
    let said = |words: &[&str]| words.iter().any(|words| log.contains(words));
    if said(&["needs to be updated but --locked was passed", "cannot update the lock file"]) {
        return Some("Cargo.lock does not fit Cargo.toml: run `cargo build` and commit it");
    }
    if said(&["missing go.sum entry", "updates to go.mod needed"]) {
        return Some("go.mod or go.sum is not up to date: run `go mod tidy` and commit them");
    }
    if said(&["can only install packages when your package.json and package-lock.json"]) {
        return Some("package-lock.json does not fit package.json: run `npm install` and commit it");
    }
    lacks_network(log).then_some(
        "a build has no network: what it needs must be a dependency that the package manager fetches, or part of the \
         repository",
    )
}

/// Whether a command tried to reach the network and could not.
pub(super) fn lacks_network(log: &str) -> bool {
    let words = [
        "etwork is unreachable",
        "Could not resolve host",
        "name resolution",
        "ENETUNREACH",
        "EAI_AGAIN",
        "Could not transfer artifact",
    ];
    words.iter().any(|words| log.contains(words))
}

/// What the person who grades can do when a command of theirs needs a network.
pub(super) fn of_command() -> String {
    let names: Vec<_> = crate::language::names().collect();
    format!("--build has no network: --language ({}) fetches that language's dependencies before it", names.join(", "))
}

/// A header that is included as one of the system, and is not there.
fn missing_header(log: &str) -> Option<&str> {
    let errors = log.lines().filter_map(|line| line.split_once("fatal error: ")?.1.split_once(": No such file"));
    let mut headers = errors.map(|(header, _)| header);
    headers.find(|header| log.contains(&format!("#include <{header}>")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_is_told_from_a_missing_file() {
        let log = |include: &str| {
            format!("a.h:3:10: fatal error: b/c.hpp: No such file or directory\n 3 | #include {include}")
        };
        assert!(of_machine(&log("<b/c.hpp>")).unwrap().contains("`b/c.hpp`"));
        assert_eq!(of_machine(&log("\"b/c.hpp\"")), None);
    }

    #[test]
    fn words_of_tools_lead_to_advice() {
        assert!(of_machine("error: package `x` requires rustc 1.99").unwrap().contains("newer Rust"));
        assert!(of_submission("the lock file /work/Cargo.lock needs to be updated but --locked was passed").is_some());
        assert_eq!(of_submission("error: expected `;`"), None);
    }
}
