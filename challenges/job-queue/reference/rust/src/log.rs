//! What has changed, in the order in which it did: enough to have the queue again after the process was killed.
//!
//! An entry is a line of words; behind that of a put come the data and another line end. A log that ends in the middle of an
//! entry was being written when the process was killed: that was told to nobody.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;

/// An entry. `at` is when a job is ready, if that is later: milliseconds since 1970.
pub enum Entry {
    Put { id: u64, priority: u32, at: Option<u64>, ttr: u32, tube: String, data: Vec<u8> },
    Delete(u64),
    Release { id: u64, priority: u32, at: Option<u64> },
    Bury { id: u64, priority: u32 },
    Kick(u64),
}

pub struct Log {
    file: File,
    /// What is not in the file yet; nothing while nobody holds the lock.
    unwritten: Vec<u8>,
}

impl Log {
    /// Opens the log, and gives what is in it.
    pub fn open(folder: PathBuf) -> io::Result<(Self, Vec<Entry>)> {
        let file = OpenOptions::new().create(true).read(true).append(true).open(folder.join("log"))?;
        let mut input = BufReader::new(file.try_clone()?);
        let (mut entries, mut whole) = (Vec::new(), 0);
        while let Ok(Some((entry, length))) = read_entry(&mut input) {
            entries.push(entry);
            whole += length;
        }
        file.set_len(whole)?;
        Ok((Self { file, unwritten: Vec::new() }, entries))
    }

    pub fn put(&mut self, id: u64, priority: u32, at: Option<u64>, ttr: u32, tube: &str, data: &[u8]) {
        self.line(format_args!("put {id} {priority} {} {ttr} {tube} {}", at.unwrap_or(0), data.len()));
        self.unwritten.extend_from_slice(data);
        self.unwritten.push(b'\n');
    }

    pub fn delete(&mut self, id: u64) {
        self.line(format_args!("delete {id}"));
    }

    pub fn release(&mut self, id: u64, priority: u32, at: Option<u64>) {
        self.line(format_args!("release {id} {priority} {}", at.unwrap_or(0)));
    }

    pub fn bury(&mut self, id: u64, priority: u32) {
        self.line(format_args!("bury {id} {priority}"));
    }

    pub fn kick(&mut self, id: u64) {
        self.line(format_args!("kick {id}"));
    }

    fn line(&mut self, words: std::fmt::Arguments<'_>) {
        // A vector takes whatever is written.
        let _ = writeln!(self.unwritten, "{words}");
    }

    /// Writes what has changed, in one call: a process that is killed leaves whole entries, and at most the beginning of one.
    pub fn commit(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        if let Err(error) = self.file.write_all(&self.unwritten) {
            // Nobody can say how much of it is there. Better no queue than one that may be wrong.
            eprintln!("the log cannot be written: {error}");
            std::process::exit(1);
        }
        self.unwritten.clear();
        self.unwritten.shrink_to(1 << 20);
    }
}

/// The next entry and its length; none at the end, and where it is not whole.
fn read_entry(input: &mut impl BufRead) -> io::Result<Option<(Entry, u64)>> {
    let mut line = String::new();
    let mut length = input.read_line(&mut line)?;
    let Some(line) = line.strip_suffix('\n') else { return Ok(None) };
    let words: Vec<&str> = line.split(' ').collect();
    let entry = match words[..] {
        ["put", id, priority, at, ttr, tube, bytes] => {
            let Some(bytes) = number::<usize>(bytes) else { return Ok(None) };
            let mut data = vec![0; bytes + 1];
            input.read_exact(&mut data)?;
            length += data.len();
            data.pop();
            number(id).zip(number(priority)).zip(number(at).zip(number(ttr))).map(|((id, priority), (at, ttr))| Entry::Put {
                id,
                priority,
                at: later(at),
                ttr,
                tube: tube.to_owned(),
                data,
            })
        }
        ["delete", id] => number(id).map(Entry::Delete),
        ["release", id, priority, at] => number(id)
            .zip(number(priority))
            .zip(number(at))
            .map(|((id, priority), at)| Entry::Release { id, priority, at: later(at) }),
        ["bury", id, priority] => number(id).zip(number(priority)).map(|(id, priority)| Entry::Bury { id, priority }),
        ["kick", id] => number(id).map(Entry::Kick),
        _ => None,
    };
    Ok(entry.map(|entry| (entry, length as u64)))
}

fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.parse().ok()
}

fn later(at: u64) -> Option<u64> {
    (at > 0).then_some(at)
}
