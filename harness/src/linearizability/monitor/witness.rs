//! The smallest part of a history that is still illegal.

/// Drops operations as long as the rest is illegal.
///
/// `units` gives, for what is left, the sets of operations that may be dropped together without making an illegal
/// history out of a legal one. No unit can be dropped from the answer.
pub(super) fn minimal(
    mut witness: Vec<u32>,
    units: impl Fn(&[u32]) -> Vec<Vec<u32>>,
    illegal: impl Fn(&[u32]) -> bool,
) -> Vec<u32> {
    witness.sort_unstable();
    witness.dedup();
    'smaller: loop {
        for unit in units(&witness) {
            let rest: Vec<u32> = witness.iter().copied().filter(|op| !unit.contains(op)).collect();
            if illegal(&rest) {
                witness = rest;
                continue 'smaller;
            }
        }
        return witness;
    }
}
