//! takehome's end of a cell: the helper process and the socket, without ever blocking a thread of the runtime.

use super::{
    PATIENCE, probe,
    wire::{self, LARGEST_PACKET, Report, Request},
    zygote::{Role, Zygote},
};
use crate::backend::OpenError;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt};
use std::{
    io,
    os::fd::{AsFd, OwnedFd, RawFd},
    path::PathBuf,
    sync::Arc,
};
use tokio::io::{Interest, unix::AsyncFd};

/// Packets from a cell are small; only the set-up's error texts come near this.
const LARGEST_REPORT: usize = 16 << 10;
/// The step in which a set-up process is started.
const START: &str = "start the set-up process";

/// A set-up process and the socket to it and to PID 1.
///
/// It is not killed when it is dropped: it ends when we hang up, after all of the cell. Killed before that, it would
/// leave programs behind where no pid namespace ends with it.
#[derive(Debug)]
pub(super) struct Link {
    socket: Socket,
    helper: Helper,
    /// The parent of the set-up process: while it lives, all of the cell descends from takehome.
    zygote: Arc<Zygote>,
}

/// A set-up process.
#[derive(Debug)]
struct Helper {
    id: u32,
    /// Readable once it has ended.
    process: AsyncFd<OwnedFd>,
}

impl Link {
    /// Starts a set-up process that plays a role.
    pub(super) async fn start(zygote: &Arc<Zygote>, role: Role) -> Result<Self, OpenError> {
        let failed = |error: io::Error| OpenError::new(START, &describe(&error));
        let (ours, theirs) = pair().map_err(failed)?;
        zygote.fork(role, &theirs).map_err(failed)?;
        // Only the other side holds it now, so that we hear when that is gone.
        drop(theirs);
        let socket = Socket(register(ours).map_err(failed)?);
        let helper = tokio::time::timeout(PATIENCE, introduced(&socket)).await;
        let late = |_| Err(OpenError::new(START, &format!("it has not come up after {PATIENCE:?}")));
        helper.unwrap_or_else(late).map(|helper| Self { socket, helper, zygote: Arc::clone(zygote) })
    }

    /// The process id of the set-up process.
    pub(super) fn helper_id(&self) -> u32 {
        self.helper.id
    }

    /// The executable that it runs.
    pub(super) fn program(&self) -> PathBuf {
        self.zygote.program().clone()
    }

    /// Sends a request with descriptors.
    pub(super) async fn send(&self, request: &Request, descriptors: &[RawFd]) -> io::Result<()> {
        let bytes = serde_json::to_vec(request)?;
        let send = |socket: &OwnedFd| wire::send_bytes(socket.as_fd(), &bytes, descriptors);
        self.socket.0.async_io(Interest::WRITABLE, send).await
    }

    /// Receives a report; `None` when nobody holds the other end any more. Loses nothing when it is cancelled.
    pub(super) async fn receive(&self) -> io::Result<Option<(Report, Vec<OwnedFd>)>> {
        self.socket.receive().await
    }

    /// How the set-up process ended, for a cell that vanished.
    pub(super) async fn fate(&self) -> String {
        match self.helper.ended().await {
            Ok(()) => "the set-up process ended without a word: something has killed it".into(),
            Err(error) => format!("the set-up process cannot be waited for: {error}"),
        }
    }

    /// Hangs up and waits until nothing of the cell runs.
    pub(super) async fn end(self) {
        let Self { socket, helper, zygote } = self;
        drop(socket);
        // It ends by itself, after PID 1. It is not killed: waiting for it is waiting for the whole cell.
        let _ = helper.ended().await;
        drop(zygote);
    }
}

impl Helper {
    async fn ended(&self) -> io::Result<()> {
        self.process.readable().await.map(drop)
    }
}

/// Our end of a cell's socket.
#[derive(Debug)]
struct Socket(AsyncFd<OwnedFd>);

impl Socket {
    async fn receive(&self) -> io::Result<Option<(Report, Vec<OwnedFd>)>> {
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
        self.0.async_io(Interest::READABLE, receive).await
    }
}

/// Waits for a set-up process's first words.
async fn introduced(socket: &Socket) -> Result<Helper, OpenError> {
    let failed = |error: io::Error| OpenError::new(START, &describe(&error));
    match socket.receive().await.map_err(failed)? {
        Some((Report::Born { id }, descriptors)) => {
            let process = descriptors.into_iter().next().ok_or_else(|| OpenError::new(START, "no pidfd came"))?;
            Ok(Helper { id, process: register(process).map_err(failed)? })
        }
        Some((Report::Failed(failure), _)) => Err(probe::explain(&failure)),
        Some(_) => Err(OpenError::new(START, "an unexpected answer")),
        None => Err(OpenError::new(START, "the program that starts it has ended")),
    }
}

fn register(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` stays open, and the same, for as long as it lives.
    unsafe { AsyncFd::register(descriptor) }.map_err(io::Error::from)
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
