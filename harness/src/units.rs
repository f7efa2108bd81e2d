//! Quantities as people write them in a manifest: `512 MiB`, `100ms`, `20s`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr, time::Duration};

/// A number of bytes, written `512 MiB`, `64 KiB`, `2 GiB` or `100 B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bytes(pub u64);

/// A length of time, written `100ms`, `1.5s`, `2m` or `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(pub Duration);

const BYTE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const TIME_UNITS: [(&str, f64); 5] = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split(text);
        let factor = BYTE_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let count: Option<f64> = number.parse().ok().filter(|count: &f64| *count >= 0.0 && count.is_finite());
        match (count, factor) {
            (Some(count), Some(factor)) => Ok(Self((count * factor as f64) as u64)),
            _ => Err(format!("`{text}` is not a size; write it as `512 MiB` (units: B, KiB, MiB, GiB)")),
        }
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split(text);
        let factor = TIME_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let count: Option<f64> = number.parse().ok().filter(|count: &f64| *count >= 0.0);
        let seconds = count.zip(factor).map(|(count, factor)| count * factor);
        match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            Some(duration) => Ok(Self(duration)),
            None => {
                Err(format!("`{text}` is not a length of time; write it as `100ms` or `20s` (units: us, ms, s, m, h)"))
            }
        }
    }
}

/// The number and the unit of a quantity, spaces between them allowed.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = BYTE_UNITS.iter().find(|(_, factor)| self.0 >= *factor).unwrap_or(&("B", 1));
        let count = self.0 as f64 / *factor as f64;
        if count.fract() == 0.0 { write!(f, "{count:.0} {unit}") } else { write!(f, "{count:.1} {unit}") }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let (count, unit) = match seconds {
            s if s < 1e-3 => (s * 1e6, "us"),
            s if s < 1.0 => (s * 1e3, "ms"),
            s => (s, "s"),
        };
        let rounded = (count * 1e3).round() / 1e3;
        write!(f, "{rounded}{unit}")
    }
}

macro_rules! as_text {
    ($($kind:ty),*) => {$(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}
as_text!(Bytes, Span);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn written_as_people_do() {
        assert_eq!("512 MiB".parse(), Ok(Bytes(512 << 20)));
        assert_eq!("1.5s".parse(), Ok(Span(Duration::from_millis(1500))));
        assert_eq!("100ms".parse(), Ok(Span(Duration::from_millis(100))));
        for bad in ["", "12", "5 MB", "-1 B", "ms", "1e999s", "NaN s"] {
            assert!(bad.parse::<Bytes>().is_err() && bad.parse::<Span>().is_err(), "{bad} was taken");
        }
    }

    proptest! {
        #[test]
        fn whole_units_round_trip(count in 1u64..1000, unit in 0usize..4) {
            let bytes = Bytes(count * BYTE_UNITS[unit].1);
            prop_assert_eq!(bytes.to_string().parse(), Ok(bytes));
            let span = Span(Duration::from_millis(count));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
