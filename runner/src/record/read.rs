//! Reading a record, also one that was cut short.

use super::{EVENTS, HISTORY, JOURNAL, PLAN, SUMMARY, case_folder};
use flate2::read::GzDecoder;
use harness::{
    calls::Calls,
    case::{CaseRecord, CaseSummary},
    event::Event,
    journal::Journal,
    judge::RunFacts,
    plan::{Plan, RECORD_VERSION},
    text::excerpt,
};
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A record may claim any size; more than this is not unpacked.
const MOST_UNPACKED: u64 = 4 << 30;

/// A run read back from disk.
#[derive(Debug)]
pub struct Record {
    /// Its plan.
    pub plan: Plan,
    /// The cases that are complete.
    pub cases: Vec<CaseRecord>,
    /// What else the judge wants to know.
    pub facts: RunFacts,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file that is missing or cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that does not hold what it should.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A record of a newer takehome.
    #[error(
        "the record was written by takehome {takehome} in form {version}; this takehome reads forms up to {RECORD_VERSION}"
    )]
    Newer {
        /// Version of the writer.
        takehome: String,
        /// Version of its record.
        version: u64,
    },
}

impl Record {
    /// Reads the record in a folder.
    pub fn read(folder: &Path) -> Result<Self, RecordError> {
        let plan = read_plan(folder)?;
        let mut cases = Vec::new();
        for case in &plan.cases {
            let folder = case_folder(folder, case);
            // A case without a summary was cut short: it counts as not run.
            if folder.join(SUMMARY).exists() {
                cases.push(read_case(&folder)?);
            }
        }
        let seconds = run_seconds(folder)?;
        let facts = RunFacts { directory: folder.display().to_string(), seconds };
        Ok(Self { plan, cases, facts })
    }
}

fn read_plan(folder: &Path) -> Result<Plan, RecordError> {
    let path = folder.join(PLAN);
    plan_of(&text(&path)?).map_err(|error| error.of(path))
}

fn read_case(folder: &Path) -> Result<CaseRecord, RecordError> {
    let (history, journal) = (unpacked(&folder.join(HISTORY))?, unpacked(&folder.join(JOURNAL))?);
    let case = case_of(&text(&folder.join(SUMMARY))?, &history, &journal);
    case.map_err(|(name, why)| RecordError::Damaged { path: folder.join(name), why })
}

/// Reads a plan.
///
/// A record may come from anywhere, so what is read decides neither where files are written nor how much memory is
/// taken: see [`Plan::check`].
pub fn plan_of(text: &str) -> Result<Plan, RecordError> {
    let damaged = |why: String| RecordError::Damaged { path: PLAN.into(), why: excerpt(&why, 300) };
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    let version = value["version"].as_u64().unwrap_or(0);
    if version > RECORD_VERSION.into() {
        let takehome = excerpt(value["takehome"].as_str().unwrap_or("?"), 40);
        return Err(RecordError::Newer { takehome, version });
    }
    let plan: Plan = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    plan.check().map_err(damaged)?;
    Ok(plan)
}

/// Reads a case from the texts of its three files; the error names the file.
pub fn case_of(summary: &str, history: &str, journal: &str) -> Result<CaseRecord, (&'static str, String)> {
    let summary: CaseSummary =
        serde_json::from_str(summary).map_err(|error| (SUMMARY, excerpt(&error.to_string(), 300)))?;
    let history = Calls::from_text(history).map_err(|why| (HISTORY, excerpt(&why, 300)))?;
    let journal = Journal::from_text(journal).map_err(|why| (JOURNAL, excerpt(&why, 300)))?;
    Ok(CaseRecord { summary, history, journal })
}

impl RecordError {
    /// The same error, of the file at this path.
    fn of(self, path: PathBuf) -> Self {
        match self {
            Self::Damaged { why, .. } => Self::Damaged { path, why },
            other => other,
        }
    }
}

/// The events of a run; a torn last line is left out.
pub fn events(folder: &Path) -> Result<Vec<Event>, RecordError> {
    let text = text(&folder.join(EVENTS))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Seconds from the beginning of the run to its last event; a torn last line is left out, and a run that was killed
/// before its first event has none.
pub fn run_seconds(folder: &Path) -> Result<f64, RecordError> {
    let text = match text(&folder.join(EVENTS)) {
        Err(RecordError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let last = text.lines().rev().find_map(|line| serde_json::from_str::<Event>(line).ok());
    Ok(last.map_or(0.0, |event| (event.at.seconds() * 1e3).round() / 1e3))
}

fn text(path: &Path) -> Result<String, RecordError> {
    let mut text = String::new();
    let read = open(path)?.take(MOST_UNPACKED).read_to_string(&mut text);
    read.map_err(|source| RecordError::Unreadable { path: path.to_owned(), source })?;
    Ok(text)
}

/// A record may come from anywhere: reading a named pipe would wait for ever.
fn open(path: &Path) -> Result<fs::File, RecordError> {
    let unreadable = |source| RecordError::Unreadable { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unreadable)?.is_file() {
        return fs::File::open(path).map_err(unreadable);
    }
    Err(unreadable(io::Error::other("it is no file")))
}

fn unpacked(path: &Path) -> Result<String, RecordError> {
    let file = open(path)?;
    let mut text = String::new();
    let unpacking = GzDecoder::new(file).take(MOST_UNPACKED).read_to_string(&mut text);
    unpacking.map_err(|error| RecordError::Damaged { path: path.to_owned(), why: error.to_string() })?;
    Ok(text)
}
