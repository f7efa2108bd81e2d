//! PolyLin's logs: `# queue`, and then a line `METHOD VALUE START END` an operation; for sets `METHOD VALUE RESULT START
//! END`. -1 is what comes from an empty object.
//!
//! <https://github.com/solarrabbit99/PolyLin>

use super::{
    Format, FormatError, Shape,
    interval::{self, Interval, number},
};
use crate::{history::format, verify::Recorded};

pub(super) const FORMAT: Format =
    Format { name: "polylin", about: "PolyLin's logs, `METHOD VALUE START END` a line", recognises, read };

fn recognises(head: &[u8]) -> bool {
    first_word(head).is_some_and(|word| word.first().is_none_or(|byte| byte.is_ascii_alphabetic()))
}

/// Of a file that begins with `# …`, the first word below, or an empty one.
pub(super) fn first_word(head: &[u8]) -> Option<&[u8]> {
    let rest = head.strip_prefix(b"#")?;
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let kind = str::from_utf8(&rest[..end]).ok()?;
    interval::kind(&format!("#{kind}")).ok()?;
    let below = rest[end..].trim_ascii_start();
    Some(&below[..below.iter().position(|byte| byte.is_ascii_whitespace()).unwrap_or(below.len())])
}

fn read(bytes: &[u8], _: Shape) -> Result<Recorded, FormatError> {
    let text = format::utf8(bytes)?;
    let kind = interval::kind(text.lines().next().unwrap_or_default())?;
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let intervals: Result<Vec<_>, _> = lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| operation(kind, line).map_err(|what| FormatError::line(number, what)))
        .collect();
    Ok(Recorded::Operations(interval::history(&intervals?)))
}

fn operation<'a>(kind: &str, line: &'a str) -> Result<Interval<'a>, String> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let width = interval::width(kind);
    if columns.len() != width + 3 {
        return Err(format!("expected {} columns, found {}", width + 3, columns.len()));
    }
    let values: Vec<i64> = columns[1..=width].iter().map(|text| number(text)).collect::<Result<_, _>>()?;
    Ok(Interval {
        process: None,
        start: number(columns[width + 1])?,
        end: number(columns[width + 2])?,
        call: interval::method(kind, columns[0], &values)?,
    })
}
