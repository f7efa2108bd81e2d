//! Numbers as people read them, the same on every machine.

use crate::text;

/// What stands where a number is not finite.
const NONE: &str = "—";

/// `1984` as `1 984`.
pub fn count(number: u64) -> String {
    group(&number.to_string())
}

/// Spaces between groups of three digits; numbers of four digits and more.
fn group(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// `1 value`, `2 values`.
pub fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Points: at most one decimal.
pub fn points(number: f64) -> String {
    if !number.is_finite() {
        return NONE.into();
    }
    trim(format!("{number:.1}"))
}

/// A measured value, to about three significant digits.
pub fn value(number: f64) -> String {
    let size = number.abs();
    match size {
        _ if !number.is_finite() => NONE.into(),
        0.0 => "0".into(),
        s if !(1e-4..1e9).contains(&s) => format!("{number:.2e}"),
        s if s >= 999.5 => format!("{}{}", if number < 0.0 { "−" } else { "" }, group(&format!("{size:.0}"))),
        s if s >= 100.0 => trim(format!("{number:.0}")),
        s if s >= 10.0 => trim(format!("{number:.1}")),
        s if s >= 1.0 => trim(format!("{number:.2}")),
        _ => trim(format!("{number:.4}")),
    }
}

/// A value with its unit; the unit `1` is not shown, bytes become KiB and so on.
pub fn quantity(number: f64, unit: &str) -> String {
    match unit {
        "" | "1" => value(number),
        "bytes" | "B" if number >= 0.0 => bytes(number),
        unit => format!("{} {}", value(number), text::cut(unit, 16)),
    }
}

/// Bytes in binary units.
pub fn bytes(number: f64) -> String {
    const UNITS: [(&str, f64); 3] = [("GiB", 1073741824.0), ("MiB", 1048576.0), ("KiB", 1024.0)];
    match UNITS.iter().find(|(_, size)| number >= *size) {
        Some((unit, size)) => format!("{} {unit}", value(number / size)),
        None => format!("{} B", value(number)),
    }
}

/// A length of time in seconds: `312 ms`, `21.3 s`, `3 min 12 s`, `1 h 02 min`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() || s < 0.0 => NONE.into(),
        s if s >= 1e7 => format!("{} s", value(s)),
        s if s < 0.9995 => format!("{} ms", value(s * 1e3)),
        s if s < 59.95 => format!("{s:.1} s"),
        s if s < 3599.5 => {
            let whole = s.round() as u64;
            format!("{} min {:02} s", whole / 60, whole % 60)
        }
        s => {
            let minutes = (s / 60.0).round() as u64;
            format!("{} h {:02} min", minutes / 60, minutes % 60)
        }
    }
}

/// A coordinate of a figure: one decimal at most, so that the same figure has the same bytes everywhere.
pub fn coordinate(number: f64) -> String {
    if !number.is_finite() {
        return "0".into();
    }
    trim(format!("{:.1}", number.clamp(-1e6, 1e6)))
}

/// Without the zeros at the end of a decimal fraction.
fn trim(text: String) -> String {
    let trimmed = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    if trimmed == "-0" { "0".into() } else { trimmed.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_people_write_them() {
        assert_eq!(count(1984), "1 984");
        assert_eq!(count(12), "12");
        assert_eq!(points(12.0), "12");
        assert_eq!(points(12.5), "12.5");
        assert_eq!(value(1204.4), "1 204");
        assert_eq!(value(312.0), "312");
        assert_eq!(value(0.9987), "0.9987");
        assert_eq!(value(f64::NAN), "—");
        assert_eq!(quantity(1536.0, "bytes"), "1.5 KiB");
        assert_eq!(quantity(20.4, "1"), "20.4");
        assert_eq!(coordinate(-0.04), "0");
    }

    #[test]
    fn lengths_of_time() {
        assert_eq!(duration(0.312), "312 ms");
        assert_eq!(duration(21.34), "21.3 s");
        assert_eq!(duration(192.0), "3 min 12 s");
        assert_eq!(duration(59.99), "1 min 00 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
        assert_eq!(duration(f64::INFINITY), "—");
    }
}
