//! What a sanitizer says when it has found something: of Go's race detector, of ThreadSanitizer, AddressSanitizer and
//! UndefinedBehaviorSanitizer.
//!
//! Formats: <https://go.dev/doc/articles/race_detector>, <https://clang.llvm.org/docs/ThreadSanitizer.html>,
//! <https://github.com/google/sanitizers/wiki/AddressSanitizer>.

use crate::text::excerpt;

/// The exit status that a program is told to end with when its sanitizer has found something.
pub const STATUS: i32 = 66;

/// The most lines of a report that are read, and how much of a line is kept.
const MOST: usize = 300;
const LINE: usize = 160;

/// How a report begins, and what it is then.
const BEGINS: [(&str, Kind); 5] = [
    ("WARNING: DATA RACE", Kind::Race),
    ("WARNING: ThreadSanitizer: data race", Kind::Race),
    ("WARNING: ThreadSanitizer: ", Kind::Memory),
    ("ERROR: AddressSanitizer: ", Kind::Memory),
    (RUNTIME_ERROR, Kind::Memory),
];
const RUNTIME_ERROR: &str = ": runtime error: ";

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Two threads used the same memory, one of them to write, and nothing says which came first.
    Race,
    /// Memory that is not there any more, or never was, or a value that the language does not define.
    Memory,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub kind: Kind,
    /// In a sentence, with the places in the submission's own source: `data race: write at queue.go:12, previous read at
    /// main.go:40`.
    pub sentence: String,
    /// The report's lines, with its stacks.
    pub report: String,
}

/// The first report in the output of a program whose sources lie in `folder`.
pub fn find(output: &str, folder: &str) -> Option<Finding> {
    let lines: Vec<&str> = output.lines().collect();
    let (start, kind, title) = lines.iter().enumerate().find_map(|(index, line)| {
        let (begin, kind) = BEGINS.into_iter().find(|(begin, _)| begins(line, begin))?;
        let title = line.split_once(begin).map_or("", |(_, rest)| rest);
        Some((index, kind, if kind == Kind::Race { "data race" } else { title }))
    })?;
    let rest = &lines[start..];
    let end = rest.iter().skip(1).position(|line| line.starts_with("=====") || line.starts_with("SUMMARY: "));
    let report = &rest[..end.map_or(rest.len(), |end| end + 1).min(MOST)];
    // What kind of error it is comes before the address.
    let title = title.split(" on address").next().unwrap_or(title).split(" (pid=").next().unwrap_or(title);
    let places = places(report, folder);
    let sentence = match places.is_empty() {
        true => excerpt(title, 120),
        false => format!("{}: {}", excerpt(title, 120), places.join(", ")),
    };
    Some(Finding { kind, sentence, report: condensed(report, folder) })
}

/// A report without the frames that are neither the first of their stack nor in the submission's own source: those of a
/// template library are many, and long.
fn condensed(report: &[&str], folder: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut left_out = 0;
    let told = |count: usize| format!("    … {count} other frame{}", if count == 1 { "" } else { "s" });
    for line in report.iter().filter(|line| !line.trim().is_empty()) {
        let frame = line.trim_start();
        let is_other = frame.starts_with('#') && !frame.starts_with("#0 ") && own_place(line, folder).is_none();
        if is_other {
            left_out += 1;
            continue;
        }
        if left_out > 0 {
            lines.push(told(left_out));
            left_out = 0;
        }
        lines.push(shortened(line));
    }
    if left_out > 0 {
        lines.push(told(left_out));
    }
    lines.join("\n")
}

/// A line of bounded length: of a name that is longer, as templates make them, its middle is left out and not the place
/// behind it.
fn shortened(line: &str) -> String {
    let all: Vec<char> = line.chars().collect();
    if all.len() <= LINE {
        return line.to_owned();
    }
    let (begin, end) = (all[..LINE / 2].iter(), all[all.len() - LINE / 2..].iter());
    begin.chain(&['…']).chain(end).collect()
}

/// Whether a line begins a report. Of undefined behaviour it does so with a place; Go's `panic: runtime error: …` is another
/// thing.
fn begins(line: &str, begin: &str) -> bool {
    let Some((before, _)) = line.split_once(begin) else { return false };
    let is_number = |text: Option<&str>| {
        text.is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut parts = before.rsplit(':');
    begin != RUNTIME_ERROR || (is_number(parts.next()) && is_number(parts.next()))
}

/// What was done at the first place of the submission's own in each of the first two stacks.
fn places(report: &[&str], folder: &str) -> Vec<String> {
    let mut places = Vec::new();
    let mut what: Option<String> = None;
    for line in report {
        let line = line.trim();
        if let Some(header) = header(line) {
            what = Some(header);
        } else if let (Some(did), Some(place)) = (&what, own_place(line, folder)) {
            places.push(format!("{did} at {place}"));
            what = None;
        }
    }
    if places.is_empty() {
        places.extend(report.first().and_then(|line| own_place(line, folder)).map(|place| format!("at {place}")));
    }
    places.truncate(2);
    places
}

/// What a stack is of: `previous write`. None of lines that begin no stack, or one that tells where a thread comes from.
fn header(line: &str) -> Option<String> {
    let is_access = ["READ of", "WRITE of"].iter().any(|begin| line.starts_with(begin));
    let is_header = is_access || (line.ends_with(':') && !line.starts_with('#'));
    if !is_header || line.contains("created ") {
        return None;
    }
    let words = [" of ", " at ", " by "].iter().filter_map(|cut| line.find(cut)).min();
    let what = words.map_or(line.trim_end_matches(':'), |end| &line[..end]);
    Some(excerpt(what, 60).to_lowercase())
}

/// `queue.go:12` of a line that names `/work/queue.go:12`, or as the compiler was told of it: `queue.cpp:12`.
fn own_place(line: &str, folder: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let is_place = line.trim_start().starts_with('#') || line.contains(RUNTIME_ERROR);
    let place = words.find_map(|word| {
        let within = word.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        within.or_else(|| relative(word).filter(|_| is_place))
    })?;
    let place = place.trim_end_matches(':');
    let mut parts = place.split(':');
    let file = parts.next()?;
    let number =
        parts.next().filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(format!("{}:{number}", excerpt(file, 100)))
}

/// What files of C and C++ end with.
const EXTENSIONS: [&str; 11] = ["c", "cc", "cpp", "cxx", "c++", "h", "hh", "hpp", "hxx", "inl", "ipp"];
/// Where the C library's own files lie, whose names are relative too: `./nptl/pthread_create.c`.
const OF_GLIBC: [&str; 13] = [
    "csu/", "elf/", "io/", "libio/", "malloc/", "misc/", "nptl/", "posix/", "signal/", "socket/", "stdlib/", "string/",
    "time/",
];
/// What the names of the sanitizers' own files begin with: `asan_new_delete.cpp`, `tsan.cpp`.
const OF_SANITIZERS: [&str; 5] = ["asan", "tsan", "ubsan", "lsan", "sanitizer"];

/// `src/queue.cpp:12` or `./queue.cpp:12:3`, of a source that was compiled by a name relative to the submission's folder.
fn relative(word: &str) -> Option<&str> {
    let plain = word.strip_prefix("./").unwrap_or(word);
    let (file, _) = plain.split_once(':').filter(|(file, _)| !file.starts_with(['/', '.']))?;
    let name = file.rsplit('/').next()?;
    let extension = name.rsplit_once('.').map(|(_, extension)| extension)?;
    let is_library = word != plain && extension == "c" && OF_GLIBC.iter().any(|folder| file.starts_with(folder));
    let is_sanitizer = name.split(['_', '.']).next().is_some_and(|word| OF_SANITIZERS.contains(&word));
    (EXTENSIONS.contains(&extension) && !is_library && !is_sanitizer).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn go_s_race_detector() {
        let output = "listening\n==================\nWARNING: DATA RACE\nWrite at 0x00c0 by goroutine 7:\n  \
                      internal/x.f()\n      /usr/local/go/src/x/x.go:9 +0x24\n  main.bump()\n      /work/sub/r.go:4 \
                      +0x24\n\nPrevious read at 0x00c0 by goroutine 8:\n  main.look()\n      /work/main.go:40 \
                      +0x3c\n\nGoroutine 7 (running) created at:\n  main.main()\n      /work/main.go:5 \
                      +0x24\n==================\nexit status 66\n";
        let found = find(output, "/work").unwrap();
        assert_eq!(found.kind, Kind::Race);
        assert_eq!(found.sentence, "data race: write at sub/r.go:4, previous read at main.go:40");
        assert!(found.report.starts_with("WARNING: DATA RACE") && found.report.ends_with("main.go:5 +0x24"));
    }

    #[test]
    fn thread_sanitizer() {
        let output = "==================\nWARNING: ThreadSanitizer: data race (pid=3)\n  Read of size 4 at 0x55 by \
                      thread T2:\n    #0 bump /work/r.cpp:4 (rt+0x1)\n    #1 x /usr/include/c++/12/bits/invoke.h:61 \
                      (rt+0x2)\n\n  Previous write of size 4 at 0x55 by thread T1:\n    #0 std::x \
                      /usr/include/c++/12/x.h:1 (rt+0x1)\n    #1 main /work/s.cpp:8:3 (rt+0x3)\n\n  Thread T2 (tid=3, \
                      running) created by main thread at:\n    #0 main /work/r.cpp:5 (rt)\nSUMMARY: ThreadSanitizer: data \
                      race /work/r.cpp:4 in bump\n";
        let found = find(output, "/work").unwrap();
        assert_eq!(found.kind, Kind::Race);
        assert_eq!(found.sentence, "data race: read at r.cpp:4, previous write at s.cpp:8");
        // The first frame of a stack, and those of the submission.
        let of_the_library: Vec<&str> = found.report.lines().filter(|line| line.contains("/usr/include")).collect();
        assert!(of_the_library.len() == 1 && of_the_library[0].contains("#0 "), "{}", found.report);
        assert!(found.report.contains("… 1 other frame") && found.report.contains("s.cpp:8:3"), "{}", found.report);
    }

    #[test]
    fn address_and_undefined_behaviour_sanitizer() {
        let freed = "==3==ERROR: AddressSanitizer: heap-use-after-free on address 0x60 at pc 0x5\nREAD of size 4 at 0x60 \
                     thread T0\n    #0 0x55 in main /work/r.cpp:5\n    #1 0x7f in x ../sysdeps/x.h:58\n\n0x60 is located \
                     4 bytes inside of 12-byte region\nfreed by thread T0 here:\n    #0 0x7f in operator \
                     delete[](void*) ../../../../src/libsanitizer/asan/asan_new_delete.cpp:155\n    #1 0x7f in free \
                     asan.cpp:155\n    #2 0x55 in gone /work/q.cpp:7\nSUMMARY: AddressSanitizer: x\n";
        let found = find(freed, "/work").unwrap();
        assert_eq!(found.kind, Kind::Memory);
        assert_eq!(found.sentence, "heap-use-after-free: read at r.cpp:5, freed at q.cpp:7");
        let undefined =
            "/work/a.cpp:12:9: runtime error: signed integer overflow: 1 + 2\n    #0 0x5 in f /work/a.cpp:12\n";
        let found = find(undefined, "/work").unwrap();
        assert_eq!(found.sentence, "signed integer overflow: 1 + 2: at a.cpp:12");
    }

    #[test]
    fn sources_that_were_compiled_by_a_relative_name() {
        let race = "WARNING: ThreadSanitizer: data race (pid=2)\n  Read of size 8 at 0x7b by thread T3:\n    #0 \
                    std::less<std::map<int, int> >::operator()(int) /usr/include/c++/12/compare:59 (server+0xe0)\n    #1 \
                    Dict::exist(std::string const&) src/dict.cpp:16 (server+0xe0)\n\n  Previous write of size 8 at 0x7b \
                    by thread T7:\n    #0 operator new(unsigned long) ../../../../src/libsanitizer/tsan/tsan_new.cpp:64 \
                    (libtsan.so.2+0x87)\n    #1 free tsan_interceptors.cpp:4 (server+0x1)\n    #2 Dict::set() \
                    ./dict.h:4:7 (server+0xe7)\n    #3 start_thread ./nptl/pthread_create.c:442 (libc.so.6+0x8)\n";
        let found = find(race, "/work").unwrap();
        assert_eq!(found.sentence, "data race: read at src/dict.cpp:16, previous write at dict.h:4");
        assert!(!found.report.contains("nptl"), "{}", found.report);
        let long =
            race.replace("exist(std::string const&)", &format!("exist({})", "std::basic_string<char>, ".repeat(20)));
        let line =
            find(&long, "/work").unwrap().report.lines().find(|line| line.contains("#1 Dict")).unwrap().to_owned();
        assert!(line.chars().count() < 170 && line.ends_with(" src/dict.cpp:16 (server+0xe0)"), "{line}");
        let undefined = find("a.cc:12:9: runtime error: shift exponent 40 is too large\n", "/work").unwrap();
        assert_eq!(undefined.sentence, "shift exponent 40 is too large: at a.cc:12");
        let elsewhere = "WARNING: ThreadSanitizer: data race (pid=2)\n  Read of size 8 at 0x7b by thread T3:\n    #0 f \
                         <null> (server+0x1)\n    #1 g a.txt:4 (server+0x1)\n";
        assert_eq!(find(elsewhere, "/work").unwrap().sentence, "data race");
    }

    #[test]
    fn what_is_no_report_is_none() {
        assert_eq!(find("WARNING: races ahead\npanic: DATA RACE\n", "/work"), None);
        assert_eq!(
            find("panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 [running]:", "/work"),
            None
        );
        assert_eq!(find("", "/work"), None);
    }

    proptest! {
        #[test]
        fn any_output_is_taken(lines in prop::collection::vec("(WARNING: DATA RACE|READ of|WRITE ofé|é:|/work/|:1:2: runtime error: |:|[a-zé :#]{0,9}){1,4}", 0..9)) {
            let _any = find(&lines.join("\n"), "/work");
        }
    }
}
