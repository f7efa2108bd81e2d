//! takehome's end of a cell: the helper process and the socket, without ever blocking a thread of the runtime.

use super::wire::{self, LARGEST_PACKET, Report, Request};
use crate::backend::OpenError;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt};
use std::{
    io,
    os::fd::{AsFd, OwnedFd, RawFd},
    path::Path,
    process::Stdio,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    process::{Child, Command},
};

/// Packets from a cell are small; only the set-up's error texts come near this.
const LARGEST_REPORT: usize = 16 << 10;

/// A helper process and the socket to it and to PID 1.
#[derive(Debug)]
pub(super) struct Link {
    socket: AsyncFd<OwnedFd>,
    helper: Child,
}

impl Link {
    /// Starts a helper that plays a role.
    pub(super) fn spawn(program: &Path, role: &str) -> Result<Self, OpenError> {
        let failed = |error: io::Error| OpenError::new("start the set-up process", &describe(&error));
        let (ours, theirs) = pair().map_err(failed)?;
        let mut command = Command::new(program);
        // Not killed when it is dropped: it ends when we hang up, after all of the cell. Killed before that, it would
        // leave programs behind where no pid namespace ends with it.
        command.arg0("cell").arg(role).env_clear();
        command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null());
        let helper = command.spawn().map_err(failed)?;
        // SAFETY: an `OwnedFd` stays open, and the same, for as long as it lives.
        let socket = unsafe { AsyncFd::register(ours) }.map_err(|error| failed(error.into()))?;
        Ok(Self { socket, helper })
    }

    /// The process id of the helper, while it runs.
    pub(super) fn helper_id(&self) -> Option<u32> {
        self.helper.id()
    }

    /// Sends a request with descriptors.
    pub(super) async fn send(&self, request: &Request, descriptors: &[RawFd]) -> io::Result<()> {
        let bytes = serde_json::to_vec(request)?;
        let send = |socket: &OwnedFd| wire::send_bytes(socket.as_fd(), &bytes, descriptors);
        self.socket.async_io(Interest::WRITABLE, send).await
    }

    /// Receives a report; `None` when nobody holds the other end any more. Loses nothing when it is cancelled.
    pub(super) async fn receive(&self) -> io::Result<Option<(Report, Vec<OwnedFd>)>> {
        let receive = |socket: &OwnedFd| {
            let mut buffer = [0; LARGEST_REPORT];
            match wire::receive(socket.as_fd(), &mut buffer) {
                // The other end closed without reading all: told once, before what it had sent and the end itself.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    wire::receive(socket.as_fd(), &mut buffer)
                }
                other => other,
            }
        };
        self.socket.async_io(Interest::READABLE, receive).await
    }

    /// How the helper ended, for a cell that vanished.
    pub(super) async fn fate(&mut self) -> String {
        match self.helper.wait().await {
            Ok(status) => format!("the set-up process ended ({status}) without a word"),
            Err(error) => format!("the set-up process cannot be waited for: {error}"),
        }
    }

    /// Hangs up and waits until nothing of the cell runs.
    pub(super) async fn end(self) {
        let Self { socket, mut helper } = self;
        drop(socket);
        // It ends by itself, after PID 1. It is not killed: waiting for it is waiting for the whole cell.
        let _ = helper.wait().await;
    }
}

/// A socket pair that keeps packets apart; ours does not block.
fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    nix::fcntl::fcntl(&ours, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
    // Root may exceed the system's bound; for others it is cut to that bound, which is no error.
    if setsockopt(&ours, sockopt::SndBufForce, &LARGEST_PACKET).is_err() {
        setsockopt(&ours, sockopt::SndBuf, &LARGEST_PACKET)?;
    }
    Ok((ours, theirs))
}

/// Names what this machine has run out of.
fn describe(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EMFILE) => format!("takehome has no free file descriptors: raise `ulimit -n` ({error})"),
        Some(libc::ENFILE) => format!("this machine has no free file descriptors: raise fs.file-max ({error})"),
        Some(libc::EAGAIN) => format!("no further processes are allowed: raise `ulimit -u` or pids.max ({error})"),
        Some(libc::ENOMEM) => format!("not enough memory for a process ({error})"),
        _ => error.to_string(),
    }
}
