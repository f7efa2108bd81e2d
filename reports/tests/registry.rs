//! Rules about the crate's own files.
#![allow(clippy::disallowed_methods, reason = "a test may look at the crate's files")]

use std::{fs, path::Path};

#[test]
fn every_format_is_registered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/format");
    for entry in fs::read_dir(folder).expect("the folder of the formats exists") {
        let path = entry.expect("it can be read").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name in UTF-8");
        assert!(name == "mod" || reports::find(name).is_some(), "add `{name}` to FORMATS in src/format/mod.rs");
    }
}

/// Pairs of colours that stand on each other, and the contrast they need (WCAG 2.1 AA: text 4.5, graphics 3).
const PAIRS: [(&str, &str, f64); 18] = [
    ("ink", "page", 4.5),
    ("ink", "card", 4.5),
    ("ink", "raised", 4.5),
    ("muted", "page", 4.5),
    ("muted", "card", 4.5),
    ("muted", "raised", 4.5),
    ("faint", "card", 4.0),
    ("accent", "card", 4.5),
    ("second", "card", 4.5),
    ("pass", "card", 4.5),
    ("fail", "card", 4.5),
    ("warn", "card", 4.5),
    ("pass", "pass-soft", 4.5),
    ("fail", "fail-soft", 4.5),
    ("warn", "warn-soft", 4.5),
    ("muted", "none-soft", 4.5),
    ("pass-bar", "track", 3.0),
    ("pass-bar", "card", 3.0),
];

#[test]
fn colours_have_contrast_in_both_themes() {
    let style = include_str!("../src/format/html/style.css");
    let dark = style.find("prefers-color-scheme: dark").expect("there is a dark theme");
    for (theme, rules) in [("light", &style[..dark]), ("dark", &style[dark..])] {
        for (text, ground, least) in PAIRS {
            let contrast = contrast(colour(rules, text), colour(rules, ground));
            assert!(contrast >= least, "{theme}: --{text} on --{ground} has {contrast:.2}, needs {least}");
        }
    }
}

fn colour(rules: &str, name: &str) -> [f64; 3] {
    let rule = format!("--{name}: #");
    let start = rules.find(&rule).unwrap_or_else(|| panic!("--{name} is not defined")) + rule.len();
    [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&rules[start + at..start + at + 2], 16).expect("a colour")) / 255.0)
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let linear = |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
    let light = |[red, green, blue]: [f64; 3]| 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    let (a, b) = (light(a) + 0.05, light(b) + 0.05);
    (a / b).max(b / a)
}
