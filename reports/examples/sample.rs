//! Writes a sample report, to look at: `cargo run -p reports --example sample -- html failing > sample.html`.
#![allow(clippy::disallowed_methods, reason = "an example is a program, not a part of the pure crate")]

use std::io::Write;

#[path = "../tests/common/mod.rs"]
mod common;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let format = arguments.next().unwrap_or_else(|| "html".into());
    let report = match arguments.next().as_deref() {
        None | Some("failing") => common::failing(),
        Some("passing") => common::passing(),
        Some("incomplete") => common::incomplete(),
        Some("unsandboxed") => common::unsandboxed(),
        Some("crowded") => common::crowded(),
        Some(text) => common::hostile(text),
    };
    let format = reports::find(&format).ok_or_else(|| std::io::Error::other("no such format"))?;
    std::io::stdout().write_all(&format.render(&report))
}
