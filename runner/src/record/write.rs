//! Writing a record: each file is complete or absent, and events are appended as they happen.

use super::{EVENTS, HISTORY, JOURNAL, PLAN, SUMMARY};
use flate2::{Compression, write::GzEncoder};
use harness::{case::CaseRecord, event::Event, plan::Plan};
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
        let plan = serde_json::to_vec_pretty(plan).map_err(io::Error::other)?;
        write_file(&folder.join(PLAN), &plan)?;
        let events = File::options().create(true).append(true).open(folder.join(EVENTS))?;
        Ok(Self { folder, events })
    }

    /// Appends an event.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event).map_err(io::Error::other)?;
        line.push(b'\n');
        self.events.write_all(&line)
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
    let summary = serde_json::to_vec_pretty(&record.summary).map_err(io::Error::other)?;
    write_file(&folder.join(SUMMARY), &summary)
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
