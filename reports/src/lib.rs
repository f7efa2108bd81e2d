//! Renderers of a graded run: one [`harness::report::Report`] in, bytes out.
//!
//! Everything here is pure, so rendering the same report twice gives the same bytes. Text that may come from a
//! candidate is made inert and bounded (module `text`) before a format escapes it in its own way.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, clippy::print_stderr)]

mod digest;
pub mod format;
mod lanes;
mod number;
pub mod svg;
mod text;
pub mod verification;

pub use format::{FORMATS, Format, find};
