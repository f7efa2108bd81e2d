//! Order statistics of samples.

/// Samples in ascending order, ready for quantiles.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sorted(Vec<f64>);

impl Sorted {
    /// Sorts samples; what is no number is left out.
    pub fn new(mut samples: Vec<f64>) -> Self {
        samples.retain(|sample| sample.is_finite());
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }

    /// The value at quantile `q` between 0 and 1 by the nearest-rank rule; none without samples.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        let rank = (q.clamp(0.0, 1.0) * self.0.len() as f64).ceil() as usize;
        Some(self.0[rank.saturating_sub(1).min(last)])
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nearest_rank() {
        let sorted = Sorted::new(vec![3.0, 1.0, 2.0, 4.0]);
        assert_eq!([0.0, 0.5, 0.75, 1.0].map(|q| sorted.quantile(q).unwrap()), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Sorted::new(vec![]).quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn quantiles_are_samples_and_rise(samples in prop::collection::vec(0.0..1e9f64, 1..50), a in 0.0..1.0f64, b in 0.0..1.0f64) {
            let sorted = Sorted::new(samples.clone());
            let (low, high) = (sorted.quantile(a.min(b)).unwrap(), sorted.quantile(a.max(b)).unwrap());
            prop_assert!(low <= high && samples.contains(&low) && samples.contains(&high));
        }
    }
}
