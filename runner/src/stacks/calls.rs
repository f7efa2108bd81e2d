//! Calls in words: which of them are the candidate's code, and what they are called in its source.

use cpp_demangle::{DemangleOptions, Symbol};

/// Most calls of a thread that are told.
const MOST: usize = 4;
/// Where files lie that came with a compiler or a package.
const FOREIGN_FILES: [&str; 7] =
    ["/rustc/", "/registry/src/", "/git/checkouts/", "/usr/", "/vendor/", "/go/src/", "/library/std/"];
/// What functions of a language's own libraries begin with.
const FOREIGN_FUNCTIONS: [&str; 14] = [
    "std::",
    "core::",
    "alloc::",
    "<std::",
    "<core::",
    "<alloc::",
    "<&std::",
    "__",
    "_start",
    "start_thread",
    "clone",
    "runtime.",
    "void std::",
    "_Unwind",
];

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
    if FOREIGN_FUNCTIONS.iter().any(|prefix| function.starts_with(prefix)) {
        return None;
    }
    let Some((file, line)) = &call.place else { return Some(function) };
    if FOREIGN_FILES.iter().any(|part| file.contains(part)) {
        return None;
    }
    let file = file.rsplit('/').next().unwrap_or(file);
    Some(format!("{function} ({file}:{line})"))
}

/// A name as the source has it, without what a compiler adds to it: hashes, parameters, types of results.
fn demangled(name: &str) -> String {
    if let Ok(name) = rustc_demangle::try_demangle(name) {
        return format!("{name:#}");
    }
    let options = DemangleOptions::new().no_params().no_return_type();
    let symbol = Symbol::new(name).ok().and_then(|symbol| symbol.demangle_with_options(&options).ok());
    symbol.unwrap_or_else(|| name.to_owned())
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
