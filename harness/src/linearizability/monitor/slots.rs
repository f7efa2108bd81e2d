//! Equal steps of a counter: when each of them may happen, and whether the increments can happen then.
//!
//! The k-th step leads from k−1 to k. Whoever saw a value below k was called before the k-th step, so the step is not
//! earlier than that call; whoever saw k or more returned after it. So each step has a window, and windows grow with k. The
//! increments have to be put into the steps, each at a time when it runs: increments are taken as late as possible, when
//! one of them or the next step can wait no longer, and always the one that returns first. Taking others, or earlier,
//! only makes more steps at each time, and leaves fewer increments for later.

use std::{cmp::Reverse, collections::BinaryHeap};

/// When a step may happen; both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Not before this.
    pub(super) from: u64,
    /// Not after this; [`u64::MAX`] for any time, or never.
    pub(super) to: u64,
}

/// Whether increments, given as times of call and return in order of calls, can be put into steps.
///
/// Every increment has to be put somewhere, but for those that return at [`u64::MAX`]; every step that has an end has to
/// be filled. There are as many steps behind the last as are needed, with `beyond` as their window's beginning.
/// O(n log n).
pub(super) fn fit(increments: &[(u64, u64)], steps: &[Window], beyond: u64) -> bool {
    let mut by_return: Vec<usize> = (0..increments.len()).filter(|job| increments[*job].1 != u64::MAX).collect();
    by_return.sort_by_key(|job| increments[*job].1);
    let mut by_return = by_return.into_iter().peekable();
    let mut steps = steps.iter();
    let mut called = 0;
    let mut running = BinaryHeap::new();
    let mut taken = vec![false; increments.len()];
    loop {
        while by_return.next_if(|job| taken[*job]).is_some() {}
        let step = steps.next().copied().unwrap_or(Window { from: beyond, to: u64::MAX });
        let leaves = by_return.peek().map_or(u64::MAX, |job| increments[*job].1);
        let now = leaves.min(step.to);
        if now == u64::MAX {
            return true;
        }
        if now < step.from {
            return false;
        }
        while called < increments.len() && increments[called].0 <= now {
            running.push(Reverse((increments[called].1, called)));
            called += 1;
        }
        match running.pop() {
            Some(Reverse((_, job))) => taken[job] = true,
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn window(from: u64, to: u64) -> Window {
        Window { from, to }
    }

    #[test]
    fn short_increments_do_not_wait_for_long_ones() {
        let [long, short] = [(0, 10), (4, 5)];
        assert!(!fit(&[long, short], &[window(0, 1), window(9, 10)], 0));
        assert!(fit(&[long, short], &[window(0, 4), window(9, 10)], 0));
        assert!(fit(&[long, short], &[window(0, 1), window(2, 10)], 0));
    }

    #[test]
    fn what_never_returned_may_be_left_out() {
        let crashed = (3, u64::MAX);
        assert!(fit(&[crashed], &[], 0));
        assert!(fit(&[crashed], &[window(0, 3)], 0));
        assert!(!fit(&[crashed], &[window(0, 2)], 0));
        assert!(!fit(&[(1, 2)], &[], 3));
    }
}
