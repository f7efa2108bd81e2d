//! The log of a program: its beginning on disk, its end in memory.

use harness::text;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::unix::pipe,
};

/// How much of a log is kept on disk.
const MOST: usize = 1 << 20;
/// How much of its end is kept for findings.
const TAIL: usize = 4 << 10;
/// How much is kept of the line in which a runtime says why it ends its program. What follows it, such as the stacks of all
/// threads, may be longer than the end that is kept.
const ALARM: usize = 500;

/// What is known of a log, also while it is written.
#[derive(Debug, Clone)]
pub struct Log(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    path: Option<PathBuf>,
    /// More than so many bytes are a flood.
    most: usize,
    written: usize,
    tail: Vec<u8>,
    /// The beginning of the line that is being written.
    line: Vec<u8>,
    /// The last line that begins with an alarm, and how much had been written before it.
    alarm: Option<(usize, Vec<u8>)>,
    /// What was written since more of it was asked for.
    more: Option<Vec<u8>>,
}

impl Log {
    /// An empty log that is kept at a path, if there is one.
    pub fn new(path: Option<PathBuf>, most: u64) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self(Arc::new(Mutex::new(Kept {
            path,
            most,
            written: 0,
            tail: Vec::new(),
            line: Vec::new(),
            alarm: None,
            more: None,
        })))
    }

    /// Its last lines; where it is not among them, also the one with which a runtime has said why it ends the program.
    pub fn end(&self) -> String {
        let log = self.kept();
        let tail = String::from_utf8_lossy(&log.tail);
        // A tail that was cut begins in the middle of a line.
        let end = match log.written > TAIL {
            true => tail.split_once('\n').map_or("", |(_, rest)| rest).to_owned(),
            false => tail.into_owned(),
        };
        match &log.alarm {
            Some((at, line)) if at + TAIL < log.written => format!("{end}\n{}", String::from_utf8_lossy(line)),
            _ => end,
        }
    }

    /// Keeps what is written from here on, up to a bound.
    pub fn keep_more(&self) {
        self.kept().more = Some(Vec::new());
    }

    /// What was written since [`Self::keep_more`].
    pub fn more(&self) -> String {
        String::from_utf8_lossy(self.kept().more.as_deref().unwrap_or_default()).into_owned()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes a piece; how much of it goes to disk, and the end of the log if it has just become a flood.
    fn take(&self, piece: &[u8]) -> (usize, Option<String>) {
        let mut log = self.kept();
        let room = MOST.saturating_sub(log.written).min(piece.len());
        let flood = log.written <= log.most && log.written + piece.len() > log.most;
        log.listen(piece);
        if let Some(more) = &mut log.more {
            more.extend_from_slice(&piece[..piece.len().min(MOST.saturating_sub(more.len()))]);
        }
        log.written += piece.len();
        log.tail.extend_from_slice(piece);
        let excess = log.tail.len().saturating_sub(TAIL);
        log.tail.drain(..excess);
        (room, flood.then(|| String::from_utf8_lossy(&log.tail).into_owned()))
    }
}

impl Kept {
    /// Looks for an alarm in a piece that is about to be written.
    fn listen(&mut self, piece: &[u8]) {
        let mut at = self.written;
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let room = ALARM.saturating_sub(self.line.len()).min(part.len());
            self.line.extend_from_slice(&part[..room]);
            at += part.len();
            if text::is_alarm(&self.line) {
                self.alarm = Some((at, self.line.trim_ascii_end().to_vec()));
            }
            if part.ends_with(b"\n") {
                self.line.clear();
            }
        }
    }
}

/// Reads a log to its end. `flood` is told its end once it has become longer than may be.
pub async fn read(mut pipe: pipe::Receiver, log: Log, mut flood: impl AsyncFnMut(String)) {
    let path = log.kept().path.clone();
    let mut file = match path {
        Some(path) => tokio::fs::OpenOptions::new().create(true).append(true).open(path).await.ok(),
        None => None,
    };
    let mut buffer = vec![0; 16 << 10];
    // The beginning of a character whose end has not been read yet.
    let mut begun = Vec::new();
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let (room, flooded) = log.take(&buffer[..count]);
        if let Some(tail) = flooded {
            flood(tail).await;
        }
        if let Some(file) = &mut file {
            // A full disk must not stop the program; the record says less then.
            begun.extend_from_slice(&buffer[..room]);
            let rest = begun.split_off(whole(&begun));
            let _ = file.write_all(text::log(&begun).as_bytes()).await;
            begun = rest;
        }
    }
    if let Some(mut file) = file {
        let _ = file.write_all(text::log(&begun).as_bytes()).await;
        let _ = file.flush().await;
    }
}

/// How many of the bytes end with a whole character, or with what will never be one.
fn whole(bytes: &[u8]) -> usize {
    let unfinished = |back: &usize| {
        let tail = &bytes[bytes.len() - back..];
        std::str::from_utf8(tail).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    bytes.len() - (1..=bytes.len().min(3)).find(unfinished).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_says_why_is_kept_with_the_end() {
        let log = Log::new(None, 1 << 20);
        for piece in ["listening\npan", "ic: index out of range\n\n", "goroutine 1 [running]:\n"] {
            log.take(piece.as_bytes());
        }
        assert_eq!(
            log.end(),
            "listening\npanic: index out of range\n\ngoroutine 1 [running]:\n",
            "all of it is the end"
        );
        (0..500).for_each(|_| drop(log.take(b"goroutine 2 [IO wait]:\n")));
        let end = log.end();
        assert!(end.ends_with("goroutine 2 [IO wait]:\n\npanic: index out of range"), "{end}");
        let quiet = Log::new(None, 1 << 20);
        (0..500).for_each(|_| drop(quiet.take(b"no panic: at all\n")));
        assert!(quiet.end().ends_with("no panic: at all\n"));
    }

    #[test]
    fn a_character_in_two_pieces_is_kept_until_it_is_whole() {
        let bytes = "naïve 日本".as_bytes();
        for end in 0..=bytes.len() {
            let valid = std::str::from_utf8(&bytes[..end]).map_or_else(|error| error.valid_up_to(), str::len);
            assert_eq!(whole(&bytes[..end]), valid);
        }
        assert_eq!((whole(b"a\xff"), whole(b"\xf0\x9f\xa6"), whole(b"a\x80\x80\x80\x80")), (2, 0, 5));
    }
}
