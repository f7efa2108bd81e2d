//! The way in for fuzz targets: what a build printed.

pub use super::proxy::fuzzing::request;

use super::{advice, excerpt};

/// Most lines, and most characters of a line, that an error shows of a build.
const BOUNDS: (usize, usize) = (40, 401);

/// Cuts a log to what says why the build failed: bounded, and inert once it is shown.
pub fn log(bytes: &[u8]) {
    let log = String::from_utf8_lossy(bytes);
    let shown = excerpt::excerpt(&log);
    assert!(shown.len() <= BOUNDS.0, "{} lines", shown.len());
    for line in &shown {
        assert!(line.chars().count() <= BOUNDS.1 && !line.chars().any(char::is_control), "{line:?}");
    }
    let _ = (advice::of_machine(&log), advice::of_submission(&log), advice::lacks_network(&log));
}
