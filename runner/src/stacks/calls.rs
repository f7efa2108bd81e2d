//! Calls in words: which of them are the candidate's code, and what they are called in its source.

use cpp_demangle::{DemangleOptions, Symbol};
use harness::text::excerpt;
use std::fmt::{self, Write};

/// Most calls of a thread that are told.
const MOST: usize = 4;
/// The longest symbol that is read, the longest name that is made of one, and the longest that is told, in bytes: names
/// may say the same part again and again.
const LONGEST_SYMBOL: usize = 4 << 10;
const LONGEST_NAME: usize = 1 << 10;
const LONGEST_TOLD: usize = 120;
/// Where files lie that came with a compiler or a package.
const FOREIGN_FILES: [&str; 5] = ["/rustc/", "/registry/src/", "/git/checkouts/", "/go/src/", "/library/std/"];
/// What functions of a language's own libraries begin with, and of Rust's alone.
const FOREIGN_FUNCTIONS: [&str; 6] = ["std::", "void std::", "__", "_Unwind", "runtime.", "<std::"];
const FOREIGN_TO_RUST: [&str; 5] = ["core::", "alloc::", "<core::", "<alloc::", "<&std::"];
/// What they are called.
const FOREIGN_NAMES: [&str; 4] = ["_start", "start_thread", "clone", "clone3"];

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// The function, as the linker knows it.
    pub(super) function: String,
    /// The file and the line, where the executable has them.
    pub(super) place: Option<(String, u32)>,
}

/// `[a lock or a condition]: kv::Store::get (main.rs:88) ← kv::serve (main.rs:40)`, of calls from the innermost on; none
/// without code of the candidate.
pub(super) fn told(waits_in: Option<&str>, calls: &[Call]) -> Option<String> {
    // What Rust calls its own `main` from has the same name in C.
    let before_main = calls.iter().take_while(|call| call.function != "main");
    let is_rust = before_main.clone().any(|call| demangled(&call.function).ends_with("::main"));
    let calls = if is_rust { before_main.collect() } else { calls.iter().collect::<Vec<_>>() };
    let own: Vec<String> = calls.into_iter().filter_map(own).take(MOST).collect();
    let state = waits_in.unwrap_or("running");
    (!own.is_empty()).then(|| format!("[{state}]: {}", own.join(" ← ")))
}

/// Whether a symbol is that of a function whose name DWARF has: as the linker knows it, or only the last part of it.
pub(super) fn same_function(symbol: &str, name: &str) -> bool {
    let demangled = demangled(symbol);
    let plain = name.split('<').next().unwrap_or(name);
    let is_closure = |name: &str| name.contains("{closure") || name.contains("{{closure");
    !name.is_empty() && symbol.starts_with(name)
        || is_closure(name) && is_closure(&demangled)
        || !plain.is_empty() && demangled.split('<').any(|part| part.trim_end_matches("::").ends_with(plain))
}

/// A call in words, if it is to the candidate's code.
fn own(call: &Call) -> Option<String> {
    let function = demangled(&call.function);
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| function.starts_with(prefix));
    let is_rust = rustc_demangle::try_demangle(&call.function).is_ok();
    if begins(&FOREIGN_FUNCTIONS) || is_rust && begins(&FOREIGN_TO_RUST) || FOREIGN_NAMES.contains(&&*function) {
        return None;
    }
    let function = excerpt(&function, LONGEST_TOLD);
    let Some((file, line)) = &call.place else { return Some(function) };
    if file.starts_with("/usr/") || FOREIGN_FILES.iter().any(|part| file.contains(part)) {
        return None;
    }
    let file = excerpt(file.rsplit('/').next().unwrap_or(file), LONGEST_TOLD);
    Some(format!("{function} ({file}:{line})"))
}

/// A name as the source has it, without what a compiler adds to it: hashes, parameters, types of results.
fn demangled(name: &str) -> String {
    let mut short = Short::default();
    if name.len() > LONGEST_SYMBOL {
        return name.to_owned();
    }
    if let Ok(name) = rustc_demangle::try_demangle(name) {
        // Too long a name is told up to there.
        let _cut = write!(short, "{name:#}");
        return short.0;
    }
    let options = DemangleOptions::new().no_params().no_return_type();
    match Symbol::new(name).map(|symbol| symbol.structured_demangle(&mut short, &options)) {
        Ok(Ok(())) => short.0,
        _ => name.to_owned(),
    }
}

/// A text that grows no longer than a name may be.
#[derive(Default)]
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.0.len() + more.len() > LONGEST_NAME {
            return Err(fmt::Error);
        }
        self.0.push_str(more);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(function: &str, place: Option<(&str, u32)>) -> Call {
        Call { function: function.into(), place: place.map(|(file, line)| (file.to_owned(), line)) }
    }

    #[test]
    fn a_symbol_and_a_name_are_of_the_same_function_or_not() {
        for (symbol, name) in [
            ("_ZN8solution5serve17h2c43098646771e0bE", "serve"),
            ("_ZN8solution5serve17h2c43098646771e0bE", "_ZN8solution5serve17h2c43098646771e0bE"),
            ("_ZN2kv4main28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE", "{closure#0}"),
            (
                "_ZN3std10sys_common9backtrace28__rust_begin_short_backtrace17h0123456789abcdefE",
                "__rust_begin_short_backtrace<fn(), ()>",
            ),
            ("_ZN5store3getIiEEiRKSs", "get<int>"),
            ("serve.part.0", "serve"),
        ] {
            assert!(same_function(symbol, name), "{symbol}: {name}");
        }
        for name in ["parse", "_ZN5gimli4read5parse17h2c43098646771e0bE", "{closure#0}", ""] {
            assert!(!same_function("_ZN8solution5serve17h2c43098646771e0bE", name), "{name}");
        }
    }

    /// Each part of the name says the one before it twice, so that all of it would fill any memory.
    #[test]
    fn a_name_that_grows_without_end_is_told_up_to_a_bound() {
        let parts: String = (0..60).map(|part| format!("S_IS{0}_S{0}_E", base_36(part))).collect();
        let name = format!("_Z1fI1pIiiE{parts}Eiv");
        assert!(Symbol::new(&name).is_ok(), "it is a name");
        let line = told(None, &[call(&name, None)]).unwrap();
        assert!(line.len() < 300, "{} bytes", line.len());
    }

    /// A number as the names of C++ count what they repeat.
    fn base_36(number: u32) -> String {
        let digit = |digit| char::from_digit(digit, 36).unwrap().to_ascii_uppercase();
        if number < 36 { digit(number).to_string() } else { base_36(number / 36) + &digit(number % 36).to_string() }
    }

    #[test]
    fn calls_of_the_candidate_are_told_by_their_names_in_the_source() {
        let std = ("/rustc/0123/library/std/src/sys/sync/mutex/futex.rs", 12);
        let calls = [
            call("syscall", Some(("/usr/src/glibc/sysdeps/unix/syscall.S", 38))),
            call("_ZN3std3sys4sync5mutex5futex5Mutex14lock_contended17h0123456789abcdefE", Some(std)),
            call("_ZN2kv5Store3get17h0123456789abcdefE", Some(("/work/src/main.rs", 88))),
            call("_ZN5store3getIiEEiRKSs", None),
            call("serve", Some(("kv.c", 7))),
            call("_ZSt13__invoke_implIvPFviEJiEET_St14__invoke_otherOT0_DpOT1_", None),
            call("_ZN5tokio7runtime5enterE", Some(("/deps/cargo/registry/src/x/tokio-1.0/src/lib.rs", 5))),
            call("main", None),
            call("one_too_many", None),
        ];
        let hostile = call("name\n[running]: \u{1b}[31mforged", Some(("/work/a\nb.c", 1)));
        let line = told(None, &[hostile]).unwrap();
        assert!(!line.contains(['\n', '\u{1b}']), "{line:?}");
        assert!(told(None, &[call(&"n".repeat(1 << 20), None)]).unwrap().len() < 300, "names are cut");
        assert_eq!(
            told(Some("a lock or a condition"), &calls).unwrap(),
            "[a lock or a condition]: kv::Store::get (main.rs:88) ← store::get<int> ← serve (kv.c:7) ← main"
        );
        assert_eq!(told(None, &calls[4..5]).unwrap(), "[running]: serve (kv.c:7)");
        let rust = [call("_ZN2kv4main17h0123456789abcdefE", None), call("main", None)];
        assert_eq!(told(None, &rust).unwrap(), "[running]: kv::main");
        assert_eq!(told(None, &calls[..2]), None, "nothing of the candidate");
        assert_eq!(told(None, &[]), None);
    }
}
