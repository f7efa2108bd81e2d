//! Time inside a case: nanoseconds since the case began, under either clock.

use serde::{Deserialize, Serialize};
use std::{fmt, ops, time::Duration};

/// A point in time of one case, in nanoseconds since its start.
///
/// Pure code is told the time in this unit and never asks a clock for it, so the same code runs under the wall clock
/// and under a virtual one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// The start of the case.
    pub const ZERO: Self = Self(0);

    /// The point `millis` milliseconds after the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// Seconds since the start.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Milliseconds since the start.
    pub fn millis(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for Offset {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl ops::Add<Duration> for Offset {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(Self::from(duration).0))
    }
}

impl fmt::Display for Offset {
    /// Seconds with three decimals: `8.214 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.seconds())
    }
}
