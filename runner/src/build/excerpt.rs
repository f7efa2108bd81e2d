//! The part of a build's output that says why it failed.

/// Most lines of an excerpt.
const LINES: usize = 40;
/// Lines kept of its end when it is cut.
const TAIL: usize = 10;
/// Most letters of a line.
const WIDTH: usize = 400;

/// Cuts a log to its errors, or to its end when no line looks like one.
pub(super) fn excerpt(log: &str) -> Vec<String> {
    let lines: Vec<String> = log.lines().map(clean).collect();
    let mut kept = Vec::new();
    let mut keep = false;
    for line in &lines {
        match kind(line) {
            Kind::Error => keep = true,
            Kind::Warning | Kind::Progress => keep = false,
            Kind::Other => {}
        }
        if keep && !(line.is_empty() && kept.last().is_none_or(String::is_empty)) {
            kept.push(line.clone());
        }
    }
    while kept.last().is_some_and(String::is_empty) {
        kept.pop();
    }
    if kept.is_empty() {
        let full: Vec<&String> = lines.iter().filter(|line| !line.is_empty()).collect();
        let skipped = full.len().saturating_sub(LINES - 1);
        let marker = (skipped > 0).then(|| format!("… {skipped} lines before this"));
        return marker.into_iter().chain(full[skipped..].iter().map(|line| (*line).clone())).collect();
    }
    if kept.len() > LINES {
        let cut = kept.len() - LINES + 1;
        kept.splice(LINES - TAIL - 1..kept.len() - TAIL, [format!("… {cut} lines left out …")]);
    }
    kept
}

enum Kind {
    Error,
    Warning,
    Progress,
    Other,
}

fn kind(line: &str) -> Kind {
    let lower = line.to_ascii_lowercase();
    let starts = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
    let holds = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if starts(&["warning", "[warning]", "npm warn", "[info]", "note: "]) || holds(&[": warning:"]) {
        return Kind::Warning;
    }
    let progress = [
        "   compiling",
        "    checking",
        " downloading",
        "  downloaded",
        "    finished",
        "    updating",
        "   fresh",
        "collecting ",
        "downloading ",
        "go: downloading",
        "-- ",
        "[",
    ];
    let known = starts(&["error", "[error]", "npm err", "traceback", "cmake error", "fatal:", "go: ", "panic:", "make: ***"])
            || holds(&[
                ": error:",
                ": error ",
                ": fatal error:",
                "undefined reference",
                "syntaxerror",
                "command not found",
                "no such file or directory",
                "cannot find",
                "no space left",
                "killed",
            ])
            // Some, such as pip, set in what they pass on.
            || lower.trim_start().starts_with("error:")
            || of_go(line);
    if starts(&progress) && !holds(&[" error"]) && !starts(&["[error]"]) {
        Kind::Progress
    } else if known {
        Kind::Error
    } else {
        Kind::Other
    }
}

/// `./main.go:12:3: undefined: x`.
fn of_go(line: &str) -> bool {
    line.split_once(".go:").is_some_and(|(_, rest)| rest.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// A line without control characters and escape sequences, at most so long.
pub(super) fn clean(line: &str) -> String {
    let mut letters = line.chars();
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => {
                // A sequence ends with a letter; what is unknown is dropped up to there.
                if letters.next() == Some('[') {
                    let _end = letters.by_ref().find(|letter| ('\u{40}'..='\u{7e}').contains(letter));
                }
            }
            '\t' => text.push_str("    "),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => text.push('?'),
            letter if letter.is_control() => {}
            letter => text.push(letter),
        }
    }
    if text.chars().count() > WIDTH {
        text = text.chars().take(WIDTH).chain(['…']).collect();
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_and_warnings_go() {
        let log = "   Compiling a v1\nwarning: unused\n --> x.rs:1\n\nerror[E0425]: no `x`\n --> y.rs:2:3\n  |\n\nwarning: b\n \
                   --> z\n\nerror: could not compile `a`\n";
        let text = excerpt(log);
        assert_eq!(text, ["error[E0425]: no `x`", " --> y.rs:2:3", "  |", "", "error: could not compile `a`"]);
        let text = excerpt("a.c: In function 'main':\na.c:1:2: warning: w\n  1 | w\na.c:2:3: error: e\n  2 | e\n");
        assert_eq!(text, ["a.c:2:3: error: e", "  2 | e"]);
        let pip = "Processing ./x\n  Getting: started\n  error: subprocess\n\n  output:\n      no module y\nnote: of a subprocess\n";
        assert_eq!(excerpt(pip), ["  error: subprocess", "", "  output:", "      no module y"]);
        let text = excerpt("# x\n./main.go:3:2: undefined: y\n");
        assert_eq!(text, ["./main.go:3:2: undefined: y"]);
    }

    #[test]
    fn long_output_is_cut_in_the_middle() {
        let log: String = (0..500).map(|n| format!("error: number {n}\n")).collect();
        let text = excerpt(&log);
        assert_eq!(text.len(), LINES);
        assert_eq!((text[0].as_str(), text[LINES - 1].as_str()), ("error: number 0", "error: number 499"));
        assert!(text.iter().any(|line| line == "… 461 lines left out …"), "{text:?}");
        let plain: String = (0..500).map(|n| format!("line {n}\n")).collect();
        let text = excerpt(&plain);
        assert_eq!((text.len(), text[LINES - 1].as_str()), (LINES, "line 499"));
    }

    #[test]
    fn nothing_reaches_a_terminal() {
        assert_eq!(clean("\u{1b}[31mred\u{1b}[0m\u{7}\r\u{202e}x"), "red?x");
        assert_eq!(clean(&"x".repeat(9999)).chars().count(), WIDTH + 1);
    }
}
