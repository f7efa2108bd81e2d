//! Small pieces that several sections share.

use harness::{report::LayerStatus, verdict::Verdict};
use maud::{Markup, html};

/// Text from outside, made inert by the caller, that cannot change the direction of what stands around it.
pub fn foreign(text: &str) -> Markup {
    html! { bdi { (text) } }
}

/// The class, the symbol and the word of a verdict.
pub fn signs(verdict: Verdict) -> (&'static str, &'static str, &'static str) {
    match verdict {
        Verdict::Pass => ("pass", "✓", "pass"),
        Verdict::Fail => ("fail", "✗", "fail"),
        Verdict::Unknown => ("unknown", "?", "unknown"),
        Verdict::NotRun => ("notrun", "–", "not run"),
    }
}

/// A verdict as symbol and word.
pub fn badge(verdict: Verdict) -> Markup {
    let (class, symbol, word) = signs(verdict);
    html! { span class={ "badge " (class) } { span.sign aria-hidden="true" { (symbol) } " " (word) } }
}

/// A verdict as a symbol, its word for those who cannot see it.
pub fn mark(verdict: Verdict) -> Markup {
    let (class, symbol, word) = signs(verdict);
    html! { span class={ "mark " (class) } role="img" aria-label=(word) title=(word) { (symbol) } }
}

/// How far a layer was enforced, as symbol and word.
pub fn layer(status: LayerStatus) -> Markup {
    let (class, symbol, word) = match status {
        LayerStatus::Enforced => ("pass", "✓", "enforced"),
        LayerStatus::Approximate => ("unknown", "~", "approximate"),
        LayerStatus::Missing => ("fail", "✗", "missing"),
    };
    html! { span class={ "badge " (class) } { span.sign aria-hidden="true" { (symbol) } " " (word) } }
}

/// A command that one click selects.
pub fn command(text: &str) -> Markup {
    html! { code.command { (crate::text::prose(text)) } }
}

/// The anchor of the finding at that place in the report, counted from 0.
pub fn finding_anchor(index: usize) -> String {
    format!("finding-{}", index + 1)
}

/// The anchor of a stage.
pub fn stage_anchor(id: &str) -> String {
    format!("stage-{}", crate::text::slug(id))
}

/// A section with its heading and anchor.
pub fn section(id: &str, title: &str, body: Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-title" } {
            h2 id={ (id) "-title" } { (title) }
            (body)
        }
    }
}
