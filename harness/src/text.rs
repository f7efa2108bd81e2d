//! Candidate text made safe to show: nothing in it can move a cursor, hide, reorder or rewrite what stands around it, or
//! give orders to the CI system whose log it ends up in.
//!
//! | function | for |
//! |---|---|
//! | [`inert`], [`excerpt`] | one line of a report, a table, a figure |
//! | [`lines`] | a message, whose lines stay lines |
//! | [`quiet`] | a whole text that is printed where a CI system may read along |
//! | [`json`] | JSON text: the same data, written so that it can be printed |
//! | [`log`] | a log as it is kept on disk |

use std::borrow::Cow;

/// Replaces control characters, bidirectional overrides and invisible characters by their visible `\u{…}` form.
///
/// Newlines and tabs go too: the result is always one line. Each format escapes the result further in its own way.
pub fn inert(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_active(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// How the line begins with which a runtime says why it ends its program.
const ALARMS: [&[u8]; 7] = [
    b"panic: ",
    b"fatal error: ",
    b"runtime: ",
    b"thread '",
    b"terminate called ",
    b"Traceback (most recent call last):",
    b"Exception in thread ",
];

/// Whether a runtime says in this line of a log why it ends its program.
pub fn is_alarm(line: &[u8]) -> bool {
    ALARMS.iter().any(|alarm| line.starts_with(alarm))
}

/// [`inert`], cut to at most `limit` characters with a mark that says how much is missing.
pub fn excerpt(text: &str, limit: usize) -> String {
    let total = text.chars().count();
    if total <= limit {
        return inert(text).into_owned();
    }
    let head: String = text.chars().take(limit).collect();
    format!("{}… ({} more characters)", inert(&head), total - limit)
}

/// Most lines of a message, and most characters of one of them.
const MOST_LINES: usize = 200;
const WIDEST: usize = 2_000;

/// A message of which a part may come from a candidate: its lines stay lines, bounded, and nothing in them acts.
pub fn lines(text: &str) -> String {
    let mut shown: Vec<String> = text.lines().take(MOST_LINES).map(|line| excerpt(line, WIDEST)).collect();
    let more = text.lines().count() - shown.len();
    if more > 0 {
        shown.push(format!("… ({more} more lines)"));
    }
    quiet(&shown.join("\n")).into_owned()
}

/// Takes away what a CI system's log would take for a command: `::error …` at the beginning of a line, and `##[…`,
/// `##vso[…`, `##teamcity[…` wherever they stand. Lines, and colours of our own, stay.
pub fn quiet(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split_inclusive('\n').map(quiet_line).collect())
}

fn quiet_line(line: &str) -> String {
    let start = line.len() - unpainted(line).len();
    let mut quiet = line[..start].to_owned();
    if line[start..].starts_with("::") {
        quiet.push('\\');
    }
    for (at, character) in line[start..].char_indices() {
        quiet.push(character);
        if character == '#' && commands(&line[start + at..]) {
            quiet.push('\\');
        }
    }
    quiet
}

/// A line from its first visible character on: a log's reader skips white space, and may take colours out first.
fn unpainted(line: &str) -> &str {
    let line = line.trim_start();
    match line.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m')) {
        Some((code, rest)) if code.bytes().all(|byte| byte.is_ascii_digit() || byte == b';') => unpainted(rest),
        _ => line,
    }
}

/// Whether a text begins with `##[` or `##word[`.
fn commands(text: &str) -> bool {
    let word = |rest: &str| rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).starts_with('[');
    text.strip_prefix("##").is_some_and(word)
}

/// JSON text with everything in it that could act written as a `\u` escape. Any parser reads the same from it.
///
/// So JSON stays exact, and can still be printed to a terminal or a CI log: active characters occur in strings only, a
/// string never begins a line, and of `##[` the second character is escaped.
pub fn json(json: &str) -> Cow<'_, str> {
    if !json.contains("##") && (is_plain(json) || !json.chars().any(|c| is_active(c) && c != '\n')) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 64);
    let mut last = ' ';
    for character in json.chars() {
        let command = character == '#' && last == '#';
        last = character;
        // A line end is white space between tokens: inside a string it would be no JSON.
        if character != '\n' && (command || is_active(character)) {
            let units =
                character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            safe.push_str(&units);
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// A log as text that can be shown: lines and tabs stay, what could act becomes visible, and bytes that are not UTF-8
/// are written as `\xNN`.
pub fn log(bytes: &[u8]) -> String {
    let mut safe = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        for piece in valid.split_inclusive(['\n', '\t']) {
            let end = piece.len() - piece.ends_with(['\n', '\t']) as usize;
            safe.push_str(&inert(&piece[..end]));
            safe.push_str(&piece[end..]);
        }
        for byte in chunk.invalid() {
            safe.push_str(&format!("\\x{byte:02x}"));
        }
    }
    safe
}

/// Most texts are printable ASCII, of which nothing acts.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..0x7f).contains(&byte))
}

/// Characters that do something other than show themselves.
fn is_active(character: char) -> bool {
    character.is_control()
        || is_invisible(character)
        // Ends of lines and paragraphs, and marks around annotations.
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
        || is_no_character(character)
}

/// Unicode's Default_Ignorable_Code_Point: bidirectional controls, joiners, selectors, tags, fillers.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Code points that are never characters; some are illegal in XML.
fn is_no_character(character: char) -> bool {
    matches!(character, '\u{fdd0}'..='\u{fdef}') || character as u32 & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminal_and_bidi_attacks_become_visible() {
        assert_eq!(inert("\u{1b}]52;c;eA==\u{7}"), "\\u{1b}]52;c;eA==\\u{7}");
        assert_eq!(inert("ok\rFAIL"), "ok\\rFAIL");
        assert_eq!(inert("a\u{202e}b\u{3164}\u{9b}\u{1fffe}"), "a\\u{202e}b\\u{3164}\\u{9b}\\u{1fffe}");
        assert_eq!(inert("naïve 日本"), "naïve 日本");
    }

    #[test]
    fn excerpts_say_what_is_missing() {
        assert_eq!(excerpt("abcdef", 4), "abcd… (2 more characters)");
        assert_eq!(excerpt("abcd", 4), "abcd");
    }

    #[test]
    fn commands_for_a_ci_log_are_quietened() {
        assert_eq!(quiet("a::b\n  ::error::x\n##[error]y"), "a::b\n  \\::error::x\n#\\#[error]y");
        assert_eq!(quiet("x ##vso[task.y] ###[z] ## a [b]"), "x #\\#vso[task.y] ##\\#[z] ## a [b]");
        assert_eq!(quiet("\u{1b}[1;31m \u{1b}[2m::error::x"), "\u{1b}[1;31m \u{1b}[2m\\::error::x");
        assert_eq!(quiet("std::fmt"), "std::fmt");
    }

    #[test]
    fn a_message_keeps_its_lines_and_is_bounded() {
        assert_eq!(
            lines("error: a\n::set-output name=x::y\n\u{1b}[2J"),
            "error: a\n\\::set-output name=x::y\n\\u{1b}[2J"
        );
        assert!(lines(&"x".repeat(1 << 20)).len() < 3_000);
        let long = lines(&"x\n".repeat(1_000));
        assert!(long.ends_with("\n… (800 more lines)"), "{long}");
    }

    #[test]
    fn logs_keep_lines_and_tabs_only() {
        assert_eq!(log(b"a\tb\r\n\x1b[31m\xffc\xe6\x97\n\x00"), "a\tb\\r\n\\u{1b}[31m\\xffc\\xe6\\x97\n\\u{0}");
    }

    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "\\PC*",
            "[\\x00-\\x1f\\x7f-\\u{9f}\\u{202a}-\\u{202e}\\u{2066}-\\u{2069}a-z]*",
            any::<String>(),
            prop::sample::select(vec!["::error::x", "##[x]", "###vso[x]", "\n", "\n \t::x", "#", "##", "\u{85}::x"])
                .prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..6).prop_map(|all| all.concat())
    }

    proptest! {
        #[test]
        fn nothing_active_is_left(text in hostile()) {
            prop_assert!(!inert(&text).chars().any(is_active));
        }

        #[test]
        fn messages_are_quiet(text in hostile()) {
            let shown = lines(&text);
            prop_assert!(!shown.chars().any(|c| c != '\n' && is_active(c)));
            prop_assert!(shown.lines().all(|line| !line.trim_start().starts_with("::")));
            prop_assert!(!shown.contains("##[") && !shown.contains("##vso["));
        }

        #[test]
        fn json_means_the_same_and_does_nothing(texts in prop::collection::vec(hostile(), 0..4), pretty: bool) {
            let write = if pretty { serde_json::to_string_pretty::<Vec<String>> } else { serde_json::to_string };
            let written = write(&texts).unwrap();
            let safe = json(&written);
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&safe).unwrap(), texts);
            prop_assert!(!safe.chars().any(|c| c != '\n' && is_active(c)));
            prop_assert!(!safe.contains("##") && safe.lines().all(|line| !line.trim_start().starts_with("::")));
            prop_assert_eq!(safe.lines().count(), written.lines().count());
        }

        #[test]
        fn logs_do_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!log(&bytes).chars().any(|c| !"\n\t".contains(c) && is_active(c)));
        }
    }
}
