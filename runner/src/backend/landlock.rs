//! Landlock: rights to files, ports, signals and sockets that a process takes from itself, and from all it starts, for
//! good. Read and changed by `native` and `degraded`; what they allow is theirs to say.

use nix::errno::Errno;
use std::{
    io,
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::Path,
};

// Rights of <linux/landlock.h>.
const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const MAKE_CHAR: u64 = 1 << 6;
const MAKE_BLOCK: u64 = 1 << 11;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// Rights that a file can have; the others are about what is in a folder.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
const BIND_TCP: u64 = 1;
const CONNECT_TCP: u64 = 1 << 1;
/// Abstract sockets and signals.
const SCOPES: u64 = 0b11;

/// The version of the running kernel; 0 if it has none, or it is switched off.
pub(super) fn version() -> u32 {
    const ASK_VERSION: u32 = 1;
    // SAFETY: with this flag the call takes neither structure nor size.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0, ASK_VERSION) };
    u32::try_from(version).unwrap_or(0)
}

/// What may be done below a path.
#[derive(Clone, Copy)]
pub(super) enum Right {
    /// Read and execute.
    Read,
    /// Everything but making devices.
    Write,
    /// Read and write what is there.
    Device,
}

impl Right {
    fn bits(self) -> u64 {
        match self {
            Self::Read => EXECUTE | READ_FILE | READ_DIR,
            Self::Write => !(MAKE_CHAR | MAKE_BLOCK),
            Self::Device => READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV,
        }
    }
}

/// All rights to files that a version knows; what it does not know it cannot withhold.
fn known(version: u32) -> u64 {
    let count = match version {
        0 | 1 => 13,
        2 => 14,
        3 | 4 => 15,
        _ => 16,
    };
    (1 << count) - 1
}

/// `struct landlock_ruleset_attr`; older kernels know only its beginning.
#[repr(C)]
struct Attributes {
    files: u64,
    ports: u64,
    scopes: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct Beneath {
    rights: u64,
    folder: i32,
}

/// `struct landlock_net_port_attr`.
#[repr(C)]
struct Port {
    rights: u64,
    port: u64,
}

/// Whether TCP is among what the rules forbid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ports {
    /// It is none of their business.
    Free,
    /// It is forbidden, as far as the kernel can, but for what is allowed.
    Closed,
}

/// Rules in the making.
pub(super) struct Ruleset {
    descriptor: OwnedFd,
    version: u32,
}

impl Ruleset {
    /// Rules of a version that so far allow nothing.
    pub(super) fn new(version: u32, ports: Ports) -> io::Result<Self> {
        let ports = if version >= 4 && ports == Ports::Closed { BIND_TCP | CONNECT_TCP } else { 0 };
        let scopes = if version >= 6 { SCOPES } else { 0 };
        let attributes = Attributes { files: known(version), ports, scopes };
        let size = match version {
            0..=3 => 8,
            4 | 5 => 16,
            _ => size_of::<Attributes>(),
        };
        // SAFETY: the structure is at least as long as the call is told.
        let result = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0) };
        Errno::result(result)?;
        // SAFETY: a new descriptor that nobody else owns.
        Ok(Self { descriptor: unsafe { OwnedFd::from_raw_fd(result as i32) }, version })
    }

    /// Allows something below a path; what is not there, or out of our own reach, needs no rule.
    pub(super) fn allow(&self, path: &Path, right: Right) -> io::Result<()> {
        const PATH_BENEATH: u32 = 1;
        let opened = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_CLOEXEC).open(path);
        let opened = match opened {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
                return Ok(());
            }
            other => other?,
        };
        let possible = if opened.metadata()?.is_dir() { known(self.version) } else { OF_FILES & known(self.version) };
        self.add(PATH_BENEATH, &Beneath { rights: right.bits() & possible, folder: opened.as_raw_fd() })
    }

    /// Allows TCP connections to a port, where they are forbidden at all.
    pub(super) fn allow_connect(&self, port: u16) -> io::Result<()> {
        self.allow_port(CONNECT_TCP, port)
    }

    /// Allows TCP sockets to have a port, where that is forbidden at all.
    pub(super) fn allow_bind(&self, port: u16) -> io::Result<()> {
        self.allow_port(BIND_TCP, port)
    }

    fn allow_port(&self, rights: u64, port: u16) -> io::Result<()> {
        const NET_PORT: u32 = 2;
        match self.version {
            0..=3 => Ok(()),
            _ => self.add(NET_PORT, &Port { rights, port: port.into() }),
        }
    }

    /// The kind says which structure the rule is.
    fn add<T>(&self, kind: u32, rule: &T) -> io::Result<()> {
        let descriptor = self.descriptor.as_raw_fd();
        // SAFETY: callers hand over the structure of this kind of rule.
        let added =
            unsafe { libc::syscall(libc::SYS_landlock_add_rule, descriptor, kind, std::ptr::from_ref(rule), 0) };
        Ok(Errno::result(added).map(drop)?)
    }

    /// The finished rules, for [`restrict`].
    pub(super) fn finish(self) -> OwnedFd {
        self.descriptor
    }
}

/// Puts this process and all it will become under the rules, for good. Needs `no_new_privs`. Safe between `fork` and
/// `exec`.
pub(super) fn restrict(rules: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: numbers only.
    Errno::result(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_versions_know_more_rights() {
        assert_eq!((known(2), known(3), known(5), known(7)), (0x3fff, 0x7fff, 0xffff, 0xffff));
    }
}
