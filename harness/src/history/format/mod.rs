//! Reading recorded histories, of takehome and of other tools, from the bytes of a file. One file a format.
//!
//! A format is found by the beginning of the content, or named. Files come from anywhere: none can make a reader panic,
//! nest without bound or take more than time linear in its size.

pub mod calls;
mod clients;
mod dbcop_bincode;
mod dbcop_yaml;
mod edn;
mod event;
mod fptlin;
mod interval;
mod jepsen_log;
mod json;
mod operations;
mod polylin;
mod sessions;
mod shape;
mod tape;
pub mod text;
mod transactions;
mod txn_text;
mod words;
pub mod write;

#[cfg(test)]
mod tests;

pub use shape::{Add, Events, Shape};

use crate::{history::History, text::excerpt, verify::Recorded};
use std::fmt;

/// A format of files with recorded histories.
pub struct Format {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Whether a file that begins so is one.
    recognises: fn(&[u8]) -> bool,
    read: fn(&[u8], Shape) -> Result<Recorded, FormatError>,
}

/// All formats, the most telling beginnings first.
pub const FORMATS: &[Format] = &[
    text::FORMAT,
    calls::FORMAT,
    jepsen_log::FORMAT,
    txn_text::FORMAT,
    polylin::FORMAT,
    fptlin::FORMAT,
    dbcop_yaml::FORMAT,
    dbcop_bincode::FORMAT,
    json::FORMAT,
    edn::FORMAT,
];

/// How large a file may be: places in it are told by 31 bits.
pub const LARGEST: usize = 1 << 31;

/// How much of a file's beginning tells its format.
const HEAD: usize = 4096;

/// Where a file is not what its format demands, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct FormatError {
    /// Where.
    pub place: Place,
    /// What is wrong, in one line that is safe to show.
    pub what: String,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line of a text, from 1.
    Line(usize),
    /// A byte of a file that is no text, from 0.
    Byte(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Byte(byte) => write!(f, "byte {byte}"),
        }
    }
}

impl FormatError {
    fn line(line: usize, what: impl Into<String>) -> Self {
        Self { place: Place::Line(line), what: what.into() }
    }
}

/// What is wrong at an offset of a text, before its line is counted.
#[derive(Debug)]
struct Fault {
    at: usize,
    what: String,
}

impl Fault {
    fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }

    fn at_line_of(self, bytes: &[u8]) -> FormatError {
        let before = &bytes[..self.at.min(bytes.len())];
        FormatError::line(before.iter().filter(|byte| **byte == b'\n').count() + 1, self.what)
    }
}

/// Reads a recorded history.
///
/// `format` is the name of one of [`FORMATS`]; without one the content tells. `shape` says how what the file leaves
/// open is to be taken. A file without any content is a history without operations. Compressed files have to be
/// unpacked before.
///
/// # Errors
/// Where the file is in no known format, or not what its format demands: the line, and what was expected there.
pub fn read(bytes: &[u8], format: Option<&str>, shape: Shape) -> Result<Recorded, FormatError> {
    let known = || FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
    if bytes.len() >= LARGEST {
        return Err(FormatError::line(
            1,
            format!("a file of {} bytes is too large; the limit is {LARGEST}", bytes.len()),
        ));
    }
    let format = match format {
        Some(name) => FORMATS.iter().find(|format| format.name == name).ok_or_else(|| {
            FormatError::line(1, format!("no format is called `{}`; known are {}", excerpt(name, 40), known()))
        })?,
        None if bytes.trim_ascii().is_empty() => return Ok(Recorded::Operations(History::default())),
        None => detect(bytes)
            .ok_or_else(|| FormatError::line(1, format!("this begins like no known format; known are {}", known())))?,
    };
    (format.read)(bytes, shape)
}

/// The format that a file begins like.
pub fn detect(bytes: &[u8]) -> Option<&'static Format> {
    let head = &bytes[..bytes.len().min(HEAD)];
    FORMATS.iter().find(|format| (format.recognises)(head))
}

/// The bytes as text.
fn utf8(bytes: &[u8]) -> Result<&str, FormatError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| Fault::new(error.valid_up_to(), "expected UTF-8 text").at_line_of(bytes))
}

/// An error that begins with `line 3: `, as readers outside of this folder give it.
fn text_error(error: &str) -> FormatError {
    let parts = error.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
    match parts.and_then(|(line, what)| Some((line.parse().ok()?, what))) {
        Some((line, what)) => FormatError::line(line, excerpt(what, 200)),
        None => FormatError::line(1, excerpt(error, 200)),
    }
}

/// What a JSON reader found, without its own words for the place.
fn json_error(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    format!("expected JSON: {}", excerpt(what, 100))
}

/// Whether a text is a number as JSON has them.
fn is_json_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        None => (text, None),
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        None => (mantissa, None),
        Some((whole, fraction)) => (whole, Some(fraction)),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole_part = digits(whole) && (whole == "0" || !whole.starts_with('0'));
    whole_part && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}
