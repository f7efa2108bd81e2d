//! One property for each format: whatever a candidate writes, wherever it stands in a report, is data.
//!
//! Each property is a function that finds a fault in an output, so that it can be shown to find one: the last test
//! writes raw text into every format and every fault is found.

mod common;

#[path = "common/attack.rs"]
mod attack;
#[path = "common/dom.rs"]
mod dom;

use attack::{attack, fault};
use common::hostile;
use harness::report::Report;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};
use reports::{find, format::Format, format::human::Human, format::human::Style};

/// Text that no format has to do anything about.
const HARMLESS: &str = "zzplain";

fn written(format: &str, report: &Report) -> String {
    let format = find(format).expect("it is registered");
    String::from_utf8(format.render(report)).expect("every format writes UTF-8")
}

/// The report with harmless text in the place of an attack; what decides by its meaning keeps it.
fn harmless(attack: &str) -> Report {
    let shown = harness::text::inert(attack);
    hostile(if shown.trim().is_empty() || shown == "none" { attack } else { HARMLESS })
}

fn human_fault(text: &str) -> Option<String> {
    let forged = text.lines().find(|line| line.starts_with("FAIL [  0.0s]"));
    fault(text).or_else(|| forged.map(|line| format!("a line of its own: {line}")))
}

/// The text without the colours that takehome itself writes.
fn without_colour(text: &str) -> String {
    ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[1;31m", "\u{1b}[1;32m", "\u{1b}[1;33m"]
        .iter()
        .fold(text.to_owned(), |text, code| text.replace(code, ""))
}

fn json_fault(text: &str, report: &Report) -> Option<String> {
    match serde_json::from_str::<Report>(text) {
        Ok(read) if read == *report => fault(text),
        Ok(_) => Some("it reads back as something else".into()),
        Err(error) => Some(error.to_string()),
    }
}

/// Links, images and HTML, text outside code, a fence that some renderer takes for text, or another structure than that
/// of harmless text.
fn markdown_fault(text: &str, harmless: &str) -> Option<String> {
    for event in events(text) {
        let found = match &event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock | Tag::FootnoteDefinition(_)) => true,
            Event::InlineHtml(html) => &**html != "<br>",
            Event::Html(_) | Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) => true,
            _ => false,
        };
        if found {
            return Some(format!("{event:?}"));
        }
    }
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    if longest > 16 {
        return Some(format!("{longest} backticks"));
    }
    let different = outline(text).into_iter().zip(outline(harmless)).find(|(one, other)| one != other);
    let different = different.map(|(one, other)| format!("{one} instead of {other}"));
    different
        .or_else(|| (outline(text).len() != outline(harmless).len()).then(|| "another length".into()))
        .or_else(|| fault(text))
}

fn events(markdown: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(markdown, Options::all())
}

/// What the renderer sees, without what stands in code. Our own words stay: a candidate's are never among them.
fn outline(markdown: &str) -> Vec<String> {
    let mut code = false;
    let mut outline = Vec::new();
    for event in events(markdown) {
        match &event {
            Event::Start(Tag::CodeBlock(_)) => code = true,
            Event::End(pulldown_cmark::TagEnd::CodeBlock) => code = false,
            _ => {}
        }
        match event {
            Event::Text(_) if code => {}
            Event::Code(_) => outline.push("code".into()),
            event => outline.push(format!("{event:?}")),
        }
    }
    outline
}

/// Something that loads or runs, or another structure than that of harmless text.
fn html_fault(text: &str, harmless: &str) -> Option<String> {
    let (tree, expected) = (dom::tree(text), dom::tree(harmless));
    dom::active(&tree)
        .or_else(|| dom::difference(&dom::page(&tree), &dom::page(&expected)))
        .or_else(|| dom::foreign_figure(&tree))
        .or_else(|| fault(text))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn human(attack in attack()) {
        let report = hostile(&attack);
        let plain = written("human", &report);
        prop_assert_eq!(human_fault(&plain), None);
        let colour = String::from_utf8(Human { style: Style::Ansi }.render(&report)).expect("UTF-8");
        prop_assert_eq!(without_colour(&colour), plain);
    }

    #[test]
    fn json(attack in attack(), seconds in -1e9..1e9f64) {
        let mut report = hostile(&attack);
        report.run.seconds = seconds;
        prop_assert_eq!(json_fault(&written("json", &report), &report), None);
    }

    #[test]
    fn markdown(attack in attack()) {
        let (text, expected) = (written("markdown", &hostile(&attack)), written("markdown", &harmless(&attack)));
        prop_assert_eq!(markdown_fault(&text, &expected), None);
    }

}

proptest! {
    // A page is large, and is read as a browser reads it.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn html(attack in attack()) {
        let (text, expected) = (written("html", &hostile(&attack)), written("html", &harmless(&attack)));
        prop_assert_eq!(html_fault(&text, &expected), None);
    }

    /// Letter by letter: with what HTML gives a meaning to replaced by letters as wide, the same text stands in the same
    /// places of the same page, figures included.
    #[test]
    fn html_quotes_every_letter(attack in attack()) {
        let text = harness::text::inert(&attack);
        let (page, expected) = (written("html", &hostile(&text)), written("html", &hostile(&dom::tame(&text))));
        prop_assert_eq!(dom::difference(&dom::tamed(&dom::tree(&page)), &dom::tamed(&dom::tree(&expected))), None);
    }
}

/// Without its escaping each format is found out.
#[test]
fn raw_text_is_found_in_every_format() {
    let report = hostile(HARMLESS);
    let raw = |format: &str, attack: &str| written(format, &report).replace(HARMLESS, attack);
    for attack in
        ["\u{1b}[2J", "a\u{9b}2J", "\u{202e}x", "x\rPASS", "##[error]x", "##vso[x]", "\n  ::error::x", "\u{200b}"]
    {
        assert!(human_fault(&raw("human", attack)).is_some(), "{attack:?} in human");
        // As the serialiser writes it, without more.
        let plain = serde_json::to_string_pretty(&hostile(attack)).expect("JSON");
        let found = json_fault(&plain, &hostile(attack)).is_some();
        assert_eq!(found, !attack.contains(['\u{1b}', '\n', '\r']), "{attack:?} in JSON");
        assert!(json_fault(&raw("json", attack), &hostile(attack)).is_some(), "{attack:?} in JSON");
    }
    assert!(human_fault(&raw("human", "x\nFAIL [  0.0s] forged")).is_some());
    let long = "`".repeat(20);
    for attack in ["`![x](http://evil.example)`", "` <b> `", "x` @a `", "|", "x\n```\n# y", &long, "\u{7}", "##[x]"] {
        let text = raw("markdown", attack);
        assert!(markdown_fault(&text, &written("markdown", &report)).is_some(), "{attack:?} in markdown");
    }
    for attack in
        ["<b>x</b>", "<script>x</script>", "</title><i>", "\"><i>", "</svg>", "<!--", "\u{9b}", "<a href=//x>"]
    {
        let text = raw("html", attack);
        assert!(html_fault(&text, &written("html", &report)).is_some(), "{attack:?} in HTML");
    }
    // One escape too few is found letter by letter only.
    let shown = |text: &str| dom::tamed(&dom::tree(&raw("html", text)));
    assert!(dom::difference(&shown("&amp;lt;"), &shown("xlt;")).is_none());
    assert!(dom::difference(&shown("&lt;"), &shown("xlt;")).is_some());
}
