//! [`acquire`] in a process of its own, with a bound on its memory.
//!
//! A pack of a few megabytes can hold an object of many gigabytes, which libgit2 unfolds in memory as soon as another
//! object is a change to it; and libgit2 is C, which reads a stranger's bytes. So that happens in this executable, run
//! again: when it is out of memory or worse, a repository is refused, and takehome goes on.

use super::{Exceeded, Host, Limits, Progress, Request, Snapshot, SourceError, acquire};
use crate::apart;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    sync::{Arc, atomic::Ordering},
};

/// The argument by which this executable knows that it is to bring a repository here.
const ASK: &str = "__acquire";
/// How often the caller's wish to stop is looked at, in milliseconds.
const LOOK: u16 = 50;
/// Most bytes of an answer; the texts in it are bounded, and so is their number.
const MOST_ANSWER: u64 = 64 << 20;

/// The most memory that bringing a repository here may take: three objects of the largest size, and room to work.
pub const MEMORY: u64 = 2 << 30;

/// What is asked of the process.
#[derive(Serialize, Deserialize)]
struct Question {
    location: String,
    rev: Option<String>,
    files: bool,
    submodules: bool,
    limits: Limits,
    into: PathBuf,
}

/// A line of what it answers.
#[derive(Serialize, Deserialize)]
enum Line {
    Progress(Progress),
    Done(Box<Result<Snapshot, SourceError>>),
}

/// As [`acquire`], by `helper`, an executable that calls [`main_if_asked`]; within so many bytes of
/// memory. It takes settings and secrets from the environment, which it shares with the caller.
pub fn acquire_apart(
    helper: &Path,
    memory: u64,
    request: &Request,
    into: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Snapshot, SourceError> {
    let failed = |error: &io::Error| SourceError::Io {
        doing: "start".into(),
        path: "the process that brings a repository here".into(),
        why: error.to_string(),
    };
    let (mut child, socket) = start(helper, memory).map_err(|error| failed(&error))?;
    let answer = converse(socket, request, into, progress);
    if !matches!(answer, Ok(Some(_))) {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| failed(&error))?;
    let answer = match answer {
        Ok(Some(answer)) => answer,
        Ok(None) if request.cancel.load(Ordering::Relaxed) => Err(SourceError::Cancelled),
        Ok(None) => Err(ended(status, memory, request)),
        Err(error) => Err(failed(&error)),
    };
    if answer.is_err() {
        let _ = std::fs::remove_dir_all(into.join("tree"));
    }
    answer
}

/// Starts the process; the socket that it is spoken to through is its standard input.
fn start(helper: &Path, memory: u64) -> io::Result<(Child, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = apart::command(helper, ASK, memory);
    command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null());
    Ok((command.spawn()?, ours))
}

/// Asks, and passes on what is told until the answer; none when the process ends or is to be ended before that.
fn converse(
    mut socket: UnixStream,
    request: &Request,
    into: &Path,
    progress: &mut dyn FnMut(Progress),
) -> io::Result<Option<Result<Snapshot, SourceError>>> {
    let question = Question {
        location: request.location.clone(),
        rev: request.rev.clone(),
        files: request.files,
        submodules: request.submodules,
        limits: request.limits.clone(),
        into: into.to_owned(),
    };
    match write(&mut socket, &question) {
        // How it ended says more.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
        _ => {}
    }
    let mut lines = BufReader::new(socket.take(MOST_ANSWER));
    loop {
        if lines.buffer().is_empty() && !waited(lines.get_ref().get_ref().as_fd(), request)? {
            return Ok(None);
        }
        let mut line = String::new();
        match lines.read_line(&mut line) {
            Ok(0) => return Ok(None),
            // It ended without having read all that it was asked.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            read => drop(read?),
        }
        match serde_json::from_str(&line)? {
            Line::Progress(told) => progress(told),
            Line::Done(answer) => return Ok(Some(*answer)),
        }
    }
}

/// Waits until there is something to read; whether the caller still wants it.
fn waited(from: std::os::fd::BorrowedFd<'_>, request: &Request) -> io::Result<bool> {
    loop {
        if request.cancel.load(Ordering::Relaxed) {
            return Ok(false);
        }
        if poll(&mut [PollFd::new(from, PollFlags::POLLIN)], PollTimeout::from(LOOK))? > 0 {
            return Ok(true);
        }
    }
}

/// Why there is no answer.
fn ended(status: ExitStatus, memory: u64, request: &Request) -> SourceError {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        // Rust ends so when an allocation fails.
        Some(libc::SIGABRT) => exceeded(memory),
        _ => SourceError::Damaged {
            location: harness::text::excerpt(&request.location, 300),
            why: format!("reading it ended the process that did so ({status})"),
        },
    }
}

fn exceeded(memory: u64) -> SourceError {
    SourceError::Limit(Exceeded::Memory(memory))
}

/// Brings a repository here and ends, if this process was started for that.
pub fn main_if_asked() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == ASK) {
        std::process::exit(i32::from(answer().is_err()));
    }
}

fn answer() -> io::Result<()> {
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut line = String::new();
    BufReader::new(&socket).read_line(&mut line)?;
    let question: Question = serde_json::from_str(&line)?;
    let request = Request {
        location: question.location,
        rev: question.rev,
        files: question.files,
        submodules: question.submodules,
        limits: question.limits,
        host: Arc::new(Host::from_env()),
        cancel: Arc::default(),
    };
    // The caller gone, or unable to listen, is noticed at the end at the latest.
    let mut teller = socket.try_clone()?;
    let mut tell = |progress| drop(write(&mut teller, &Line::Progress(progress)));
    let answer = acquire(&request, &question.into, &mut tell);
    write(&mut socket, &Line::Done(Box::new(answer)))
}

fn write(socket: &mut UnixStream, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    socket.write_all(&line)
}
