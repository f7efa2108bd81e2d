//! Whether a text could do anything but be read: to a terminal, a browser, a renderer of Markdown, a CI service.

use pulldown_cmark::{Event, Options, Parser, Tag};

/// Everything in a text that acts. `kind` is `text`, `json`, `html` or `markdown`.
pub fn problems(kind: &str, text: &str, payload: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(character) = text.chars().find(|character| acts(*character)) {
        found.push(format!("{kind}: U+{:04X} stands in it as it is", character as u32));
    }
    let commands = text.lines().map(str::trim_start).find(|line| line.starts_with("::") || line.starts_with("##["));
    if let Some(line) = commands {
        found.push(format!("{kind}: a line is a command to a CI service: {}", line.escape_debug()));
    }
    if let Some(line) = text.lines().find(|line| is_formula(line) && payload.contains(line.trim())) {
        found.push(format!("{kind}: a line is a formula: {line}"));
    }
    match kind {
        "html" => found.extend(html(text, payload)),
        "markdown" => found.extend(markdown(text)),
        "json" if serde_json::from_str::<serde_json::Value>(text).is_err() => found.push("json: it is none".into()),
        _ => {}
    }
    // A line that looks like one of the report's own.
    for line in payload.lines().filter(|line| line.starts_with("PASS") || line.starts_with("FAIL")) {
        if text.lines().any(|own| own.trim() == line.trim()) {
            found.push(format!("{kind}: a forged line: {line}"));
        }
    }
    found
}

fn is_formula(line: &str) -> bool {
    line.starts_with(['=', '+', '@', '-']) && line.contains('(')
}

/// Controls, and what reorders, hides or joins text.
fn acts(character: char) -> bool {
    character.is_control() && character != '\n'
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Tags, or ends of attributes, that came from the payload; and scripts from wherever.
fn html(text: &str, payload: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let mut found: Vec<String> = ["<script", "<iframe", "<img", "<object", "<embed", "<meta http-equiv=\"refresh"]
        .iter()
        .filter(|tag| lower.contains(*tag))
        .map(|tag| format!("html: {tag}"))
        .collect();
    // With what follows it, because the page has tags of its own.
    let mut tags = payload.match_indices('<').map(|(at, _)| payload[at..].chars().take(20).collect::<String>());
    if let Some(tag) = tags.find(|tag| tag.chars().count() > 8 && tag.contains('>') && text.contains(tag.as_str())) {
        found.push(format!("html: the payload's own {tag}"));
    }
    found
}

/// Links, images and HTML that a renderer would make of it. The format itself only uses a break.
fn markdown(text: &str) -> Vec<String> {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let of = |event: Event<'_>| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(format!("markdown: a link to {dest_url}")),
        Event::Start(Tag::Image { dest_url, .. }) => Some(format!("markdown: an image from {dest_url}")),
        Event::Html(html) | Event::InlineHtml(html) if html.trim() != "<br>" => Some(format!("markdown: {html}")),
        _ => None,
    };
    events.filter_map(of).collect()
}

/// The check finds what it is there for, and nothing else.
pub fn check() {
    for (kind, bad) in [
        ("text", "a\u{1b}[31m"),
        ("text", "a\rPASS"),
        ("text", "x\u{202e}y"),
        ("text", "  ::error::x"),
        ("text", "##[group]x"),
        ("html", "<p><script>alert(1)</script>"),
        ("html", "<b onclick=x>y</b>"),
        ("markdown", "![x](http://evil.example/x)"),
        ("markdown", "<details>"),
        ("json", "{"),
        ("text", "PASS 40 of 40 points"),
        ("text", "=HYPERLINK(\"http://evil.example\")"),
    ] {
        assert!(!problems(kind, bad, bad).is_empty(), "{kind} {bad:?} is taken for inert");
    }
    for (kind, good) in [("text", "a :: b\nFAIL x"), ("html", "<p>&lt;script&gt;</p>"), ("markdown", "`<b>` a<br>b")] {
        assert_eq!(problems(kind, good, "<b onclick=x>"), [""; 0]);
    }
}
