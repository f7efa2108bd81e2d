//! Landlock: rights to files and ports that a process takes from itself, and from all it starts, for good.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The version of the kernel's interface; none where there is no Landlock, or it is switched off.
pub(super) fn abi() -> Option<u32> {
    let version = 1;
    // SAFETY: this flag takes neither structure nor size.
    let found = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0, version) };
    u32::try_from(found).ok().filter(|abi| *abi > 0)
}

// Rights of <linux/landlock.h>.
const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const MAKE_CHAR: u64 = 1 << 6;
const MAKE_BLOCK: u64 = 1 << 11;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// Rights that a file can have; others are for folders.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
const BIND_TCP: u64 = 1;
const CONNECT_TCP: u64 = 1 << 1;
/// Abstract sockets and signals.
const SCOPES: u64 = 0b11;

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
            Self::Device => READ_FILE | WRITE_FILE | IOCTL_DEV,
        }
    }
}

/// All rights to files that a version knows.
fn known(abi: u32) -> u64 {
    let count = match abi {
        0 | 1 => 13,
        2 => 14,
        3 | 4 => 15,
        _ => 16,
    };
    (1 << count) - 1
}

/// Rules in the making.
pub(super) struct Ruleset {
    descriptor: OwnedFd,
    abi: u32,
}

#[repr(C)]
struct Attributes {
    files: u64,
    ports: u64,
    scopes: u64,
}

#[repr(C, packed)]
struct Beneath {
    rights: u64,
    folder: i32,
}

#[repr(C)]
struct Port {
    rights: u64,
    port: u64,
}

impl Ruleset {
    /// Forbids everything that this kernel can forbid.
    pub(super) fn new(abi: u32) -> io::Result<Self> {
        let ports = if abi >= 4 { BIND_TCP | CONNECT_TCP } else { 0 };
        let scopes = if abi >= 6 { SCOPES } else { 0 };
        let attributes = Attributes { files: known(abi), ports, scopes };
        // An older kernel takes a shorter structure.
        let size = match abi {
            0..=3 => 8,
            4 | 5 => 16,
            _ => size_of::<Attributes>(),
        };
        // SAFETY: the structure is at least as long as the call is told.
        let result = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0) };
        check(result)?;
        // SAFETY: a new descriptor that nobody else owns.
        Ok(Self { descriptor: unsafe { OwnedFd::from_raw_fd(result as i32) }, abi })
    }

    /// Allows something below a path; what is not there needs no rule.
    pub(super) fn allow(&self, path: &Path, right: Right) -> io::Result<()> {
        let opened = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_CLOEXEC).open(path);
        let opened = match opened {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
                return Ok(());
            }
            other => other?,
        };
        let possible = if opened.metadata()?.is_dir() { known(self.abi) } else { OF_FILES & known(self.abi) };
        let rule = Beneath { rights: right.bits() & possible, folder: opened.as_raw_fd() };
        let kind = 1;
        let descriptor = self.descriptor.as_raw_fd();
        // SAFETY: the structure is the one of this kind of rule.
        check(unsafe { libc::syscall(libc::SYS_landlock_add_rule, descriptor, kind, &raw const rule, 0) })
    }

    /// Allows TCP connections to a port, where they are forbidden at all.
    pub(super) fn allow_connect(&self, port: u16) -> io::Result<()> {
        if self.abi < 4 {
            return Ok(());
        }
        let rule = Port { rights: CONNECT_TCP, port: port.into() };
        let kind = 2;
        let descriptor = self.descriptor.as_raw_fd();
        // SAFETY: the structure is the one of this kind of rule.
        check(unsafe { libc::syscall(libc::SYS_landlock_add_rule, descriptor, kind, &raw const rule, 0) })
    }

    /// From here on the rules hold. Needs `no_new_privs`.
    pub(super) fn enforce(self) -> io::Result<()> {
        // SAFETY: numbers only.
        check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.descriptor.as_raw_fd(), 0) })
    }
}

/// The result of a call.
fn check(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
