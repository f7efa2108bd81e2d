//! Bounds on text from outside: made inert, and cut to the room it may take.

use harness::text::excerpt;

/// A name that stands in a table or figure: a lane, a metric, a unit.
pub fn name(text: &str) -> String {
    excerpt(text, 48)
}

/// One line: a title, a path, a commit's summary.
pub fn line(text: &str) -> String {
    excerpt(text, 240)
}

/// A sentence or a few: what was expected, a reason, a command.
pub fn prose(text: &str) -> String {
    excerpt(text, 1200)
}

/// Cut to `limit` characters with an ellipsis alone, for places where the full text stands elsewhere.
pub fn cut(text: &str, limit: usize) -> String {
    // Escapes grow: bound the input first, then the result.
    let head: String = text.chars().take(limit.saturating_add(1)).collect();
    let safe = harness::text::inert(&head).into_owned();
    if safe.chars().count() <= limit {
        return safe;
    }
    let mut short: String = safe.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// How many columns of a terminal an inert text takes: characters of East Asian scripts and pictures take two.
pub fn columns(text: &str) -> usize {
    let wide = |c: char| {
        matches!(c as u32, 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f900..=0x1f9ff | 0x20000..=0x3fffd)
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

/// A commit id as people quote it.
pub fn commit(id: &str) -> String {
    harness::text::inert(&id.chars().take(12).collect::<String>()).into_owned()
}

/// A string as part of an anchor: lower case letters, digits and dashes.
pub fn slug(text: &str) -> String {
    text.chars().take(48).map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// `2026-03-01T10:00:07Z` as `2026-03-01 10:00 UTC`; anything else as it is.
pub fn date(text: &str) -> String {
    let shaped = text.is_ascii() && text.len() >= 20 && text.as_bytes()[4] == b'-' && text.as_bytes()[10] == b'T';
    if !shaped || text.len() > 40 {
        return name(text);
    }
    let zone = match text.as_bytes()[text.len() - 1] {
        b'Z' => "UTC",
        _ => &text[text.len() - 6..],
    };
    name(&format!("{} {} {zone}", &text[..10], &text[11..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_shortened_only_when_they_are_dates() {
        assert_eq!(date("2026-03-01T10:00:07.123Z"), "2026-03-01 10:00 UTC");
        assert_eq!(date("2026-03-01T10:00:07+02:00"), "2026-03-01 10:00 +02:00");
        assert_eq!(date("yesterday"), "yesterday");
    }

    #[test]
    fn cutting_keeps_the_limit_even_when_escapes_grow() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
        assert_eq!(cut("\u{202e}\u{202e}", 4).chars().count(), 4);
    }
}
