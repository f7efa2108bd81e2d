//! Where the threads of a compiled program stand, for the report on one that hangs: each thread is stopped for a moment,
//! its registers are read, and its stack is walked by the call frame information of the executable (DWARF 5, section 6.4,
//! as `.eh_frame` has it).
//!
//! Executables are a candidate's bytes, and so are stacks. They are read by this executable, run again for that, with
//! bounds on memory and time; nothing of the program is executed, and what cannot be read is left out. Whoever may not
//! look into the program (no right to trace it) learns nothing.

mod calls;
pub(crate) mod fuzzing;
mod image;
mod threads;

use crate::apart;
use image::{Files, Image};
use std::{
    fs::File,
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{fs::FileExt, net::UnixStream},
    },
    path::Path,
    process::Stdio,
    time::Duration,
};
use tokio::io::AsyncReadExt;

/// The argument by which this executable knows that it is to look at stacks.
const ASK: &str = "__stacks";
/// Most memory that it may take: a few executables, and tables made of them.
const MEMORY: u64 = 1 << 30;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes that it may answer.
const MOST_ANSWER: u64 = 1 << 20;

/// Where each thread of these processes stands, by `helper`, an executable that calls [`main_if_asked`]: what it waits in,
/// and the calls of the candidate's code, the innermost first. Threads without any are left out, and so are processes
/// whose executable was not built of the submission. Hostile.
pub(crate) async fn of(helper: &Path, processes: &[i32]) -> Vec<String> {
    let mut command = apart::command(helper, ASK, MEMORY);
    command.args(processes.iter().map(ToString::to_string));
    let mut answer = Vec::new();
    let asked = async {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
        let mut command = tokio::process::Command::from(command);
        let _child = command.kill_on_drop(true).spawn()?;
        // So that the end of the process is the end of what it says.
        drop(command);
        tokio::net::UnixStream::from_std(ours)?.take(MOST_ANSWER).read_to_end(&mut answer).await
    };
    // What was not told by then is not known.
    let _late = tokio::time::timeout(PATIENCE, asked).await;
    String::from_utf8_lossy(&answer).lines().map(str::to_owned).collect()
}

/// Looks at the stacks and ends, if this process was started for that.
pub fn main_if_asked() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().is_some_and(|argument| argument == ASK) {
        // Whoever makes it take much memory is not to cost anybody else theirs.
        let _by_others = std::fs::write("/proc/self/oom_score_adj", "1000");
        std::process::exit(i32::from(answer(arguments.filter_map(|number| number.parse().ok())).is_err()));
    }
}

/// Tells who has asked, through the socket that is the standard input, of one process after the other.
fn answer(processes: impl Iterator<Item = i32>) -> io::Result<()> {
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    for line in processes.flat_map(told) {
        socket.write_all((line + "\n").as_bytes())?;
    }
    Ok(())
}

/// A line for each thread of a process.
fn told(process: i32) -> Vec<String> {
    let (Some(files), Ok(memory)) = (Files::of(process), File::open(format!("/proc/{process}/mem"))) else {
        return Vec::new();
    };
    let image = Image::new(&files);
    let word = |address| {
        let mut word = [0; 8];
        memory.read_exact_at(&mut word, address).ok().map(|()| u64::from_le_bytes(word))
    };
    let threads = threads::stopped(process);
    threads.iter().filter_map(|thread| calls::told(thread.waits_in, &image.calls(thread, word))).collect()
}
