//! The run record on disk: the only truth that reports are made from.
//!
//! ```text
//! <run>/plan.json                  what was decided before anything happened
//!      /events.ndjson              what happened, one event a line
//!      /build.log                  what the build said, cut to a bounded length
//!      /cases/<stage>-<seed>/      summary.json, history.tsv.gz, journal.tsv.gz, n<k>.log
//!      /scorecard.json             the report as JSON, for others to read
//! ```
//!
//! What candidates wrote is made visible in the JSON files and the logs, so that they can be printed. Histories and
//! journals hold the messages byte for byte: look at them with `zless`, which shows control characters.

mod read;
mod store;
mod write;

pub use read::{Record, RecordError, case_of, events, plan_of, run_seconds};
pub use store::{Store, cache_folder, state_folder};
pub use write::{RecordWriter, pretty, write_case, write_file};

use std::path::{Path, PathBuf};

const PLAN: &str = "plan.json";
const EVENTS: &str = "events.ndjson";
pub(crate) const SUMMARY: &str = "summary.json";
const HISTORY: &str = "history.tsv.gz";
const JOURNAL: &str = "journal.tsv.gz";
/// The report as JSON.
pub const SCORECARD: &str = "scorecard.json";
/// The build's log.
pub const BUILD_LOG: &str = "build.log";

/// The folder of a case.
pub fn case_folder(run: &Path, case: &harness::plan::PlannedCase) -> PathBuf {
    run.join("cases").join(case.name())
}
