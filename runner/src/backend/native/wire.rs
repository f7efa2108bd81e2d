//! The messages between takehome and a cell: one JSON document a packet, on a `SOCK_SEQPACKET` socket pair that also
//! carries descriptors.
//!
//! Only set-up code and PID 1 of a cell hold the cell's end; the programs of a candidate never do.

use super::{cgroup, limits::Bounds, mounts::Node};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    ffi::{CString, NulError, OsStr, OsString},
    io::{self, IoSlice, IoSliceMut},
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
};

/// The descriptor at which set-up code and PID 1 find their end of the socket.
pub(super) const CONTROL: RawFd = 3;

/// Size of the socket's buffer that is asked for, and so the largest packet: arguments and environment of a program.
pub(super) const LARGEST_PACKET: usize = 1 << 20;

/// What takehome asks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Always the first, and only the helper gets it.
    Setup(Box<Setup>),
    /// Always the first, and only a launcher gets it.
    Launch(Box<super::foreign::Launch>),
    /// What follows it, for the entrance of a cell; with descriptors of the cgroups' `cgroup.procs`.
    Enter(super::foreign::Enter),
    /// With three descriptors.
    Start(Start),
    /// To a port of the cell's loopback.
    Connect(u16),
    Terminate,
    Quit,
    /// What the programs do.
    Look,
    Kill,
    Pause,
    Resume,
    /// What is true inside, for the probe.
    Facts,
    Close,
}

/// How to build a cell.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) identity: Identity,
    /// The `cgroup.procs` files in which PID 1 enters itself.
    pub(super) join: Vec<Bytes>,
    /// What is mounted where, in this order.
    pub(super) nodes: Vec<Node>,
    pub(super) egress: bool,
}

/// What the builder of a cell tells PID 1, with the mount namespace that it has made.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Built {
    pub(super) identity: Identity,
    /// The device number of the private root.
    pub(super) root: u64,
}

/// Who the programs of a cell are, seen from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Identity {
    /// We are root: mounts are made with root's rights, then the cell becomes this user.
    Dedicated(u32),
    /// We are an ordinary user: the cell is we, in a user namespace.
    Own { uid: u32, gid: u32 },
}

impl Identity {
    /// The user of the host that cells are where we are root.
    pub(super) fn dedicated(self) -> Option<u32> {
        match self {
            Self::Dedicated(id) => Some(id),
            Self::Own { .. } => None,
        }
    }
}

/// A program to start.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) argv: Vec<Bytes>,
    pub(super) env: Vec<Bytes>,
    /// Candidates for the executable, in the order of `PATH`.
    pub(super) executables: Vec<Bytes>,
    pub(super) cwd: Bytes,
    pub(super) bounds: Bounds,
}

/// What a cell tells.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// Always the first. With a pidfd of the set-up process, whose number this is.
    Born {
        id: u32,
    },
    /// With the listening socket, when `egress` was asked for.
    Listening,
    /// PID 1 waits for requests.
    Ready,
    Failed(Failure),
    Started,
    StartFailed {
        call: String,
        errno: i32,
    },
    Exited {
        code: Option<i32>,
        signal: Option<i32>,
        /// CPU time of all that ended since the program was started.
        #[serde(default)]
        cpu_micros: u64,
        /// The most resident memory of any one of those.
        #[serde(default)]
        peak_bytes: u64,
        /// Scratch places without room for bytes, or for files (then true).
        #[serde(default)]
        full: Vec<(String, bool)>,
    },
    /// With the connected socket.
    Connected,
    NotConnected {
        errno: i32,
    },
    Facts(Facts),
    Looked {
        threads: u32,
        running: u32,
        cpu_micros: u64,
        memory: u64,
        open_files: u64,
        most_open_files: u64,
    },
    Closed {
        cpu_micros: u64,
        peak_bytes: u64,
    },
}

/// A step of the set-up that failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::backend) struct Failure {
    pub(super) step: String,
    pub(super) errno: i32,
}

impl Failure {
    /// A failure of `step`, with the errno of `error`.
    pub(in crate::backend) fn new(step: impl Into<String>, error: impl Into<io::Error>) -> Self {
        Self { step: step.into(), errno: error.into().raw_os_error().unwrap_or(libc::EIO) }
    }
}

/// Names the step that a result belongs to.
pub(in crate::backend) trait Step<T> {
    /// Turns an error into a [`Failure`] of this step.
    fn step(self, step: &str) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, step: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(step, error))
    }
}

/// What PID 1 sees of itself, so that the probe need not believe its own code.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::backend) struct Facts {
    /// Name and identity of each namespace.
    pub(super) namespaces: Vec<(String, String)>,
    /// `/proc/self/status`.
    pub(super) status: String,
    /// Whether writing to `/` was refused for being read-only.
    pub(super) read_only_root: bool,
    /// Whether a further user namespace was refused.
    pub(super) no_nesting: bool,
    /// The version of landlock that was seen to hold; 0 for none.
    #[serde(default)]
    pub(super) landlock: u32,
    /// Whether the system call filter was seen to hold.
    #[serde(default)]
    pub(super) filter: bool,
    /// Bytes that fit into `/work`.
    pub(super) work_bytes: u64,
    /// Whether setting the time of a device was seen to be refused.
    #[serde(default)]
    pub(super) no_device_times: bool,
    /// Whether the table of the machine's locks was seen to be covered.
    #[serde(default)]
    pub(super) no_lock_table: bool,
    /// Names of the network interfaces.
    pub(super) interfaces: Vec<String>,
    /// Where files of the host itself are seen, and not views of the cell's own, and where its devices; none where that
    /// cannot be told.
    pub(super) shared: Option<(Vec<String>, Vec<String>)>,
}

/// A byte string that stays legible in JSON: every byte is the character of that number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::backend) struct Bytes(pub(super) Vec<u8>);

impl Bytes {
    /// As a C string.
    pub(super) fn c_string(&self) -> Result<CString, NulError> {
        CString::new(self.0.clone())
    }

    /// Several, one behind the other.
    pub(in crate::backend) fn joined(parts: &[&Self]) -> Self {
        Self(parts.iter().flat_map(|part| part.0.iter().copied()).collect())
    }

    /// As a path.
    pub(in crate::backend) fn path(&self) -> PathBuf {
        PathBuf::from(OsString::from_vec(self.0.clone()))
    }
}

impl From<&OsStr> for Bytes {
    fn from(text: &OsStr) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<&Path> for Bytes {
    fn from(path: &Path) -> Self {
        path.as_os_str().into()
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.iter().map(|&byte| char::from(byte)).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = text.chars().map(u8::try_from).collect::<Result<_, _>>();
        bytes.map(Self).map_err(serde::de::Error::custom)
    }
}

/// Sends one packet with descriptors; fails with `EMSGSIZE` when it is too large.
pub(super) fn send(socket: BorrowedFd<'_>, message: &impl Serialize, descriptors: &[RawFd]) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    send_bytes(socket, &bytes, descriptors)
}

/// Sends one packet that is already serialised.
pub(super) fn send_bytes(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[RawFd]) -> io::Result<()> {
    let rights = [ControlMessage::ScmRights(descriptors)];
    let rights = if descriptors.is_empty() { &[][..] } else { &rights[..] };
    let slices = [IoSlice::new(bytes)];
    sendmsg::<()>(socket.as_raw_fd(), &slices, rights, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// Receives one packet; `None` when the other end is closed.
pub(super) fn receive<T: DeserializeOwned>(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut control = nix::cmsg_space!([RawFd; 3]);
    let (length, flags, descriptors) = {
        let mut slices = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut control), flags)?;
        (message.bytes, message.flags, received_descriptors(&message)?)
    };
    if length == 0 {
        return Ok(None);
    }
    if flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a truncated packet"));
    }
    Ok(Some((serde_json::from_slice(&buffer[..length])?, descriptors)))
}

/// Takes possession of the descriptors that came with a packet.
fn received_descriptors(message: &nix::sys::socket::RecvMsg<'_, '_, ()>) -> io::Result<Vec<OwnedFd>> {
    let mut owned = Vec::new();
    if message.bytes == 0 {
        return Ok(owned);
    }
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = control {
            // SAFETY: the kernel has just installed these descriptors for us; nobody else knows them.
            owned.extend(descriptors.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    Ok(owned)
}

/// The files that PID 1 writes itself into.
pub(super) fn joins(cell: Option<&cgroup::CellGroup>) -> Vec<Bytes> {
    let files = cell.map(cgroup::CellGroup::member_files).unwrap_or_default();
    files.iter().map(|file| file.as_path().into()).collect()
}
