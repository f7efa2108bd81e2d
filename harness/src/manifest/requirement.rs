//! A stage's requirements: a named check, or a bound on a metric such as `availability >= 0.99`.

use super::error::{ManifestError, nearest};
use crate::{checker, metric, units::Span};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// One requirement of a stage.
#[derive(Debug, Clone, PartialEq)]
pub enum Requirement {
    /// A check of the registry must pass.
    Check(String),
    /// A metric must stay within a bound; times are compared in milliseconds.
    Bound {
        /// Name of the metric.
        metric: String,
        /// Direction.
        comparison: Comparison,
        /// The bound.
        value: f64,
        /// As it was written.
        text: String,
    },
}

/// Direction of a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// Whether `value` keeps to the bound.
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::AtMost => value <= bound,
            Self::AtLeast => value >= bound,
        }
    }
}

/// A plain number, or a time in milliseconds.
pub fn quantity(text: &str) -> Result<f64, String> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return if number.is_finite() { Ok(number) } else { Err(format!("`{text}` is no finite number")) };
    }
    Ok(text.parse::<Span>()?.0.as_secs_f64() * 1e3)
}

impl FromStr for Requirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bound = [("<=", Comparison::AtMost), (">=", Comparison::AtLeast)]
            .into_iter()
            .find_map(|(sign, comparison)| text.split_once(sign).map(|(metric, value)| (metric, comparison, value)));
        match bound {
            Some((metric, comparison, value)) => Ok(Self::Bound {
                metric: metric.trim().to_owned(),
                comparison,
                value: quantity(value)?,
                text: text.to_owned(),
            }),
            None => Ok(Self::Check(text.trim().to_owned())),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check(name) => f.write_str(name),
            Self::Bound { text, .. } => f.write_str(text),
        }
    }
}

impl Serialize for Requirement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Requirement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Requirement {
    pub(super) fn validate(&self, stage: &str, text: &str) -> Result<(), ManifestError> {
        match self {
            Self::Check(name) if checker::find(name).is_none() => {
                let message = format!("stage `{stage}` requires a check that does not exist: `{name}`");
                let known = checker::REGISTRY.iter().map(|checker| checker.name());
                Err(unknown(message, name, known, text))
            }
            Self::Check(_) => Ok(()),
            Self::Bound { metric, .. } => known_metric(metric, stage, text),
        }
    }
}

/// An error unless the metric exists.
pub(super) fn known_metric(name: &str, stage: &str, text: &str) -> Result<(), ManifestError> {
    if metric::find(name).is_some() {
        return Ok(());
    }
    let message = format!("stage `{stage}` names a metric that does not exist: `{name}`");
    Err(unknown(message, name, metric::REGISTRY.iter().map(|metric| metric.name), text))
}

fn unknown<'a>(message: String, name: &str, known: impl Iterator<Item = &'a str>, text: &str) -> ManifestError {
    let list = "`takehome show --checks` lists them all";
    let hint = nearest(name, known).map_or(list.to_owned(), |guess| format!("{guess} {list}"));
    ManifestError::near(message, text, name).hint(hint)
}
