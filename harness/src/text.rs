//! Candidate text made safe to show: nothing in it can move a cursor, hide, reorder or rewrite what stands around it.

use std::borrow::Cow;

/// Replaces control characters, bidirectional overrides and invisible characters by their visible `\u{…}` form.
///
/// Newlines and tabs go too: the result is always one line. Each format escapes the result further in its own way.
pub fn inert(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
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

/// [`inert`], cut to at most `limit` characters with a mark that says how much is missing.
pub fn excerpt(text: &str, limit: usize) -> String {
    let total = text.chars().count();
    if total <= limit {
        return inert(text).into_owned();
    }
    let head: String = text.chars().take(limit).collect();
    format!("{}… ({} more characters)", inert(&head), total - limit)
}

/// Characters that do something other than show themselves.
fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminal_and_bidi_attacks_become_visible() {
        assert_eq!(inert("\u{1b}]52;c;eA==\u{7}"), "\\u{1b}]52;c;eA==\\u{7}");
        assert_eq!(inert("ok\rFAIL"), "ok\\rFAIL");
        assert_eq!(inert("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(inert("naïve 日本"), "naïve 日本");
    }

    #[test]
    fn excerpts_say_what_is_missing() {
        assert_eq!(excerpt("abcdef", 4), "abcd… (2 more characters)");
        assert_eq!(excerpt("abcd", 4), "abcd");
    }

    proptest! {
        #[test]
        fn nothing_active_is_left(text in "\\PC*|[\\x00-\\x1f\\u{202a}-\\u{202e}a-z]*") {
            prop_assert!(!inert(&text).chars().any(is_active));
        }
    }
}
