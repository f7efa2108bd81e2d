//! The smallest part of something wrong that is still wrong, where taking things away never makes a good thing bad.

/// A part of `units` that is illegal and becomes legal when any one unit is taken away.
///
/// `illegal` has to be monotone: what contains an illegal part is illegal. Asks it O(k log n) times for a result of k of n
/// units, at first about small prefixes; so the result lies early in the order of the units. Deletion-based with binary
/// search, as in Junker's QuickXplain (AAAI 2004).
pub fn minimal<T: Copy>(units: &[T], mut illegal: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    let mut rest = units;
    let mut trial: Vec<T> = Vec::new();
    let mut with = |kept: &[T], prefix: &[T]| {
        trial.clear();
        trial.extend_from_slice(prefix);
        trial.extend_from_slice(kept);
        illegal(&trial)
    };
    while !rest.is_empty() && (kept.is_empty() || !with(&kept, &[])) {
        let (mut legal, mut end) = (0, 1);
        while end < rest.len() && !with(&kept, &rest[..end]) {
            (legal, end) = (end, end * 2);
        }
        end = end.min(rest.len());
        while end - legal > 1 {
            let middle = legal.midpoint(end);
            if with(&kept, &rest[..middle]) { end = middle } else { legal = middle }
        }
        kept.push(rest[end - 1]);
        rest = &rest[..end - 1];
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_can_be_taken_away(bad in prop::collection::vec(prop::collection::btree_set(0u8..40, 1..5), 1..4)) {
            let illegal = |units: &[u8]| bad.iter().any(|set| set.iter().all(|unit| units.contains(unit)));
            let all: Vec<u8> = (0..40).collect();
            let small = minimal(&all, illegal);
            prop_assert!(illegal(&small));
            for left_out in 0..small.len() {
                let mut rest = small.clone();
                rest.remove(left_out);
                prop_assert!(!illegal(&rest));
            }
        }
    }
}
