//! The process that the set-up processes of cells are forked from: executed once, where each set-up process would have
//! to be, which costs more than all that it then does for a small program.
//!
//! It is a fresh, single-threaded takehome, so that a fork of it may do anything, and it never learns what cells are
//! made of: a set-up process hears that over its own socket. So nothing of one candidate, and nothing of takehome's
//! memory, comes near another's cell.

use super::{
    foreign,
    helper::{self, check, control, isolate_descriptors},
    wire::{Failure, Report, Step, receive, send},
};
use nix::{
    sys::{
        signal::{SigHandler, Signal, signal},
        socket::{AddressFamily, Shutdown, SockFlag, SockType, shutdown, socketpair},
    },
    unistd::{ForkResult, fork},
};
use serde::{Deserialize, Serialize};
use std::{
    io,
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// The hidden first argument of a zygote.
pub(super) const ASK: &str = "__cells";

/// What a forked process becomes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Role {
    /// The helper of a native cell.
    Helper,
    /// The launcher of another program's cell.
    Launcher,
}

/// takehome's end: starts the zygote when it is first needed, and again should it be gone.
#[derive(Debug)]
pub(super) struct Zygote {
    program: PathBuf,
    running: Mutex<Option<Running>>,
}

impl Zygote {
    /// One that executes `program`, which calls [`super::helper_main_if_asked`].
    pub(super) fn new(program: PathBuf) -> Self {
        Self { program, running: Mutex::new(None) }
    }

    /// The executable.
    pub(super) fn program(&self) -> &PathBuf {
        &self.program
    }

    /// Has a process forked that finds `control` at its standard input.
    pub(super) fn fork(&self, role: Role, control: &OwnedFd) -> io::Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(zygote) = &*running
            && zygote.ask(role, control).is_ok()
        {
            return Ok(());
        }
        match running.insert(Running::start(&self.program)?).ask(role, control) {
            // A program that ends at once is no zygote. Whoever waits for words from the other end of `control` hears it.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// A zygote that runs.
#[derive(Debug)]
struct Running {
    socket: OwnedFd,
    process: Child,
}

impl Running {
    fn start(program: &PathBuf) -> io::Result<Self> {
        let (socket, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let mut command = Command::new(program);
        command.arg0("cell").arg(ASK).env_clear();
        command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { socket, process: command.spawn()? })
    }

    fn ask(&self, role: Role, control: &OwnedFd) -> io::Result<()> {
        send(self.socket.as_fd(), &role, &[control.as_raw_fd()])
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Both);
        // It has nothing else to do than to hear that. What it has forked lives on by itself.
        let _ = self.process.wait();
    }
}

/// The whole life of a zygote; the result is its exit status.
pub(super) fn run() -> i32 {
    // SAFETY: no handler is installed. The kernel reaps its children: each of them is waited for by takehome.
    let ready = isolate_descriptors().is_ok() && unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }.is_ok();
    if !ready {
        return 1;
    }
    let mut buffer = [0; 64];
    while let Ok(Some((role, descriptors))) = receive(control(), &mut buffer) {
        let [socket] = &descriptors[..] else { continue };
        // SAFETY: this process has one thread, so the child may do anything.
        match unsafe { fork() } {
            Ok(ForkResult::Parent { .. }) => {}
            Ok(ForkResult::Child) => std::process::exit(become_role(role, socket)),
            Err(error) => {
                let failure = Failure::new("fork the set-up process", error);
                let _ = send(socket.as_fd(), &Report::Failed(failure), &[]);
            }
        }
    }
    0
}

/// The life of a forked process; the result is its exit status.
fn become_role(role: Role, socket: &OwnedFd) -> i32 {
    if let Err(failure) = introduce(socket) {
        let _ = send(socket.as_fd(), &Report::Failed(failure), &[]);
        return 1;
    }
    match role {
        Role::Helper => helper::run(),
        Role::Launcher => foreign::launcher::run(),
    }
}

/// Takes the socket's place, and gives takehome what it can wait for us by: it is not our parent.
fn introduce(socket: &OwnedFd) -> Result<(), Failure> {
    // SAFETY: no handler is installed; from here on there are children to be waited for.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }.step("heed ended children")?;
    let id = std::process::id();
    // SAFETY: numbers only.
    let process = check(unsafe { libc::syscall(libc::SYS_pidfd_open, id, 0) } as i32).step("open a pidfd")?;
    // SAFETY: a new descriptor that nobody else owns.
    let process = unsafe { OwnedFd::from_raw_fd(process) };
    send(socket.as_fd(), &Report::Born { id }, &[process.as_raw_fd()]).step("introduce the set-up process")?;
    // SAFETY: numbers only; nothing in this process owns its standard input.
    check(unsafe { libc::dup2(socket.as_raw_fd(), 0) }).step("sort descriptors").map(drop)
}
