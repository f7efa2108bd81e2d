//! Figures as SVG, to stand inside an HTML page.
//!
//! Each has a role, a title and a description; its colours are custom properties of the page (`figure.css` names them
//! all), so it is dark where the page is dark; its numbers are written the same on every machine.

pub mod bars;
pub mod cycle;
pub mod distribution;
pub mod lanes;
pub mod sequence;
pub mod timeline;

use crate::number::coordinate;
use maud::{Markup, html};

/// Style rules for the classes that the figures use.
pub const STYLE: &str = include_str!("figure.css");

/// What every figure has around its body.
struct Frame<'a> {
    /// Unique in the page.
    id: &'a str,
    /// Short title.
    title: &'a str,
    /// What it shows, for those who cannot see it.
    desc: &'a str,
    width: f64,
    height: f64,
}

impl Frame<'_> {
    /// The whole figure.
    fn draw(&self, class: &str, body: Markup) -> Markup {
        let (title, desc) = (format!("{}-title", self.id), format!("{}-desc", self.id));
        let size = (coordinate(self.width), coordinate(self.height));
        html! {
            svg id=(self.id) class={ "figure " (class) } role="img" aria-labelledby={ (title) " " (desc) }
                viewBox={ "0 0 " (size.0) " " (size.1) } width=(size.0) height=(size.1) {
                title id=(title) { (self.title) }
                desc id=(desc) { (self.desc) }
                (body)
            }
        }
    }
}

/// A line from one point to another.
fn line(class: &str, from: (f64, f64), to: (f64, f64)) -> Markup {
    html! {
        line class=(class) x1=(coordinate(from.0)) y1=(coordinate(from.1)) x2=(coordinate(to.0)) y2=(coordinate(to.1)) {}
    }
}

/// A rectangle.
fn rect(class: &str, at: (f64, f64), width: f64, height: f64) -> Markup {
    html! {
        rect class=(class) x=(coordinate(at.0)) y=(coordinate(at.1))
            width=(coordinate(width.max(0.0))) height=(coordinate(height.max(0.0))) {}
    }
}

/// Where a text stands relative to its point.
#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

/// A line of text, made inert by the caller.
fn label(class: &str, anchor: Anchor, at: (f64, f64), text: &str) -> Markup {
    let anchor = match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    html! { text class=(class) text-anchor=(anchor) x=(coordinate(at.0)) y=(coordinate(at.1)) { (text) } }
}

/// About how wide a text is in the figures' font of `size` pixels; nobody can measure it here, so rather too wide.
fn text_width(text: &str, size: f64) -> f64 {
    let em = |character: char| match character {
        'i' | 'l' | 'j' | '.' | ',' | ':' | ';' | '|' | '\'' | ' ' | '(' | ')' | '{' | '}' => 0.36,
        'r' | 't' | 'f' | '-' => 0.43,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.92,
        c if c.is_ascii_uppercase() => 0.7,
        c if c.is_ascii() => 0.6,
        c if (c as u32) < 0x2e80 => 0.66,
        _ => 1.05,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// The text cut so that it takes at most about `room` pixels.
fn fit(text: &str, size: f64, room: f64) -> String {
    let mut limit = 96;
    loop {
        let cut = crate::text::cut(text, limit);
        if limit <= 3 || cut.is_empty() || text_width(&cut, size) <= room {
            return cut;
        }
        limit = limit.min(cut.chars().count()).saturating_sub(1);
    }
}

/// Round steps for an axis from 0 or `low` to `high`: at most `most` ticks, inside the range.
fn ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || most == 0 {
        return vec![];
    }
    let rough = span / most as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).take(most + 2).map(|index| index as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 1020.0, 6), [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]);
        assert_eq!(ticks(0.0, 21.3, 6), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert!(ticks(3.0, 3.0, 6).is_empty());
        assert!(ticks(0.0, f64::INFINITY, 6).is_empty());
    }

    #[test]
    fn long_labels_are_cut_to_their_room() {
        assert_eq!(fit("read", 12.0, 100.0), "read");
        assert_eq!(fit("", 12.0, -1.0), "");
        assert!(text_width(&fit(&"w".repeat(500), 12.0, 100.0), 12.0) <= 100.0);
        assert!(text_width(&fit(&"日".repeat(500), 12.0, 100.0), 12.0) <= 100.0);
    }
}
