//! Writing a record: each file is complete or absent, and events are appended as they happen.

use super::{EVENTS, HISTORY, JOURNAL, PLAN, SUMMARY};
use flate2::{Compression, write::GzEncoder};
use harness::{case::CaseRecord, event::Event, plan::Plan, text};
use serde::Serialize;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Writes the record of one run.
#[derive(Debug)]
pub struct RecordWriter {
    folder: PathBuf,
    events: File,
}

impl RecordWriter {
    /// Begins a record in a folder that it makes.
    pub fn create(folder: PathBuf, plan: &Plan) -> io::Result<Self> {
        fs::create_dir_all(folder.join("cases"))?;
        write_file(&folder.join(PLAN), &pretty(plan)?)?;
        let events = File::options().create(true).append(true).open(folder.join(EVENTS))?;
        Ok(Self { folder, events })
    }

    /// Appends an event.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let line = serde_json::to_string(event).map_err(io::Error::other)?;
        self.events.write_all(format!("{}\n", text::json(&line)).as_bytes())
    }

    /// The record's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file of the record at once.
    pub fn file(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        write_file(&self.folder.join(name), bytes)
    }
}

/// Writes a case's record into its folder.
pub fn write_case(folder: &Path, record: &CaseRecord) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    write_file(&folder.join(HISTORY), &compressed(&record.history.to_text())?)?;
    write_file(&folder.join(JOURNAL), &compressed(&record.journal.to_text())?)?;
    // Last, as its presence says that the case is complete.
    write_file(&folder.join(SUMMARY), &pretty(&record.summary)?)
}

/// A value as JSON for people, who may print it: what candidates wrote does nothing there.
pub fn pretty(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
    Ok(text::json(&json).into_owned().into_bytes())
}

fn compressed(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

/// Writes a file at once: a reader never sees half of a file, also when the disk is full or the machine stops.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
