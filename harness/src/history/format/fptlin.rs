//! fptlin's logs: `# queue`, and then a line `PROCESS START END METHOD VALUE` an operation; sets have the element and the
//! result, `rmw` what was read and what was written, semaphores `1` for granted and `0` for refused. -1 is what comes
//! from an empty object.
//!
//! <https://github.com/focs-lab/fptlin>

use super::{
    Format, FormatError, Shape,
    interval::{self, Interval, number},
    polylin::first_word,
};
use crate::{history::format, verify::Recorded};

pub(super) const FORMAT: Format =
    Format { name: "fptlin", about: "fptlin's logs, `PROCESS START END METHOD VALUE` a line", recognises, read };

fn recognises(head: &[u8]) -> bool {
    first_word(head).and_then(|word| word.first()).is_some_and(u8::is_ascii_digit)
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
    let [process, start, end, method, ref values @ ..] = columns[..] else {
        return Err(format!("expected {} columns, found {}", width + 4, columns.len()));
    };
    if values.len() != width {
        return Err(format!("expected {} columns, found {}", width + 4, columns.len()));
    }
    let values: Vec<i64> = values.iter().map(|text| number(text)).collect::<Result<_, _>>()?;
    let call = interval::method(kind, method, &values)?;
    Ok(Interval { process: Some(process), start: number(start)?, end: number(end)?, call })
}
