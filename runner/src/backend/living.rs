//! How many cells of this process there are, so that it does not end before they do: one that was dropped is taken down
//! behind its owner's back.

use std::{sync::LazyLock, time::Duration};
use tokio::sync::watch;

static COUNT: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::Sender::new(0));

/// Counts as a cell for as long as it is held: by whoever takes the cell down, until nothing is left of it.
#[derive(Debug)]
pub(super) struct Living(());

impl Living {
    pub(super) fn new() -> Self {
        COUNT.send_modify(|count| *count += 1);
        Self(())
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        COUNT.send_modify(|count| *count -= 1);
    }
}

/// Waits until nothing is left of any cell of this process, but no longer than this: then the kernel ends them, and the
/// next takehome removes what remains.
pub async fn all_gone(patience: Duration) {
    let mut count = COUNT.subscribe();
    let _late = tokio::time::timeout(patience, count.wait_for(|count| *count == 0)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_cell_is_waited_for() {
        let (one, other) = (Living::new(), Living::new());
        let waiting = tokio::spawn(all_gone(Duration::from_secs(60)));
        drop(one);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(other);
        waiting.await.unwrap();
    }
}
