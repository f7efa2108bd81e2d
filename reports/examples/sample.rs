//! Writes a sample report, to look at: `cargo run -p reports --example sample -- html failing > sample.html`,
//! or `verification-failing`.
#![allow(clippy::disallowed_methods, reason = "an example is a program, not a part of the pure crate")]

use reports::format::human::Style;
use std::io::Write;

#[path = "../tests/common/mod.rs"]
mod common;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let format = arguments.next().unwrap_or_else(|| "html".into());
    let what = arguments.next();
    let bytes = match what.as_deref().and_then(|what| what.strip_prefix("verification-")) {
        Some(name) => verification(&format, name)?,
        None => report(&format, what.as_deref())?,
    };
    std::io::stdout().write_all(&bytes)
}

fn report(format: &str, name: Option<&str>) -> std::io::Result<Vec<u8>> {
    let report = match name {
        None | Some("failing") => common::failing(),
        Some("passing") => common::passing(),
        Some("incomplete") => common::incomplete(),
        Some("unsandboxed") => common::unsandboxed(),
        Some("crowded") => common::crowded(),
        Some(text) => common::hostile(text),
    };
    let format = reports::find(format).ok_or_else(|| std::io::Error::other("no such format"))?;
    Ok(format.render(&report))
}

/// An answer about a history: `verification-failing`, `-cycle`, `-long-cycle`, `-passing`, `-open` or hostile text.
fn verification(format: &str, name: &str) -> std::io::Result<Vec<u8>> {
    let answer = match name {
        "failing" => common::verification::failing(),
        "cycle" => common::verification::cyclic(3),
        "pair" => common::verification::cyclic(2),
        "long-cycle" => common::verification::cyclic(11),
        "passing" => common::verification::passing(),
        "open" => common::verification::open(),
        text => common::verification::hostile(text)[0].clone(),
    };
    match format {
        "html" => Ok(reports::verification::html(&answer)),
        "json" => Ok(reports::verification::json(&answer).into_bytes()),
        "human" => Ok(reports::verification::human(Style::Plain, &answer).into_bytes()),
        _ => Err(std::io::Error::other("no such format")),
    }
}
