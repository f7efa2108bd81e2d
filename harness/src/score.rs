//! The scorecard: points by stage, each lost point with its reason.

use crate::verdict::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Points by stage and in all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scorecard {
    /// Points reached, rounded to tenths.
    pub total: f64,
    /// Points that could be reached.
    pub of: f64,
    /// One line for each stage, in the order of the challenge.
    pub lines: Vec<ScoreLine>,
}

/// One stage's points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScoreLine {
    /// Stage id.
    pub stage: String,
    /// Stage title.
    pub title: String,
    /// What the stage concluded.
    pub verdict: Verdict,
    /// Points reached, rounded to tenths.
    pub points: f64,
    /// Points that could be reached.
    pub of: f64,
    /// Why points were lost, one reason a line; empty when none was.
    pub reasons: Vec<String>,
}

impl Scorecard {
    /// Adds the lines up.
    pub fn new(lines: Vec<ScoreLine>) -> Self {
        let total = tenths(lines.iter().map(|line| line.points).sum());
        let of = lines.iter().map(|line| line.of).sum();
        Self { total, of, lines }
    }
}

/// Points as shown and added: rounded to tenths, so that the lines add up to the total.
pub fn tenths(points: f64) -> f64 {
    (points * 10.0).round() / 10.0
}

/// The share of the points that a measured value earns: 1 at `full` or better, 0 at `zero` or worse, linear between.
///
/// Works in both directions: `full < zero` means that less is better.
pub fn interpolate(value: f64, full: f64, zero: f64) -> f64 {
    if full == zero {
        return if value <= full { 1.0 } else { 0.0 };
    }
    ((value - zero) / (full - zero)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends_and_middle() {
        assert_eq!(interpolate(20.0, 20.0, 60.0), 1.0);
        assert_eq!(interpolate(60.0, 20.0, 60.0), 0.0);
        assert_eq!(interpolate(40.0, 20.0, 60.0), 0.5);
        assert_eq!(interpolate(90.0, 100.0, 80.0), 0.5);
    }

    proptest! {
        #[test]
        fn share_is_monotonic_and_bounded(a in 0.0..1e6f64, b in 0.0..1e6f64, full in 0.0..1e3f64, span in 1.0..1e3f64) {
            let (low, high) = if a <= b { (a, b) } else { (b, a) };
            let (better, worse) = (interpolate(low, full, full + span), interpolate(high, full, full + span));
            prop_assert!((0.0..=1.0).contains(&better) && (0.0..=1.0).contains(&worse));
            prop_assert!(better >= worse);
        }
    }
}
