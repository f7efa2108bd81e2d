//! Landlock, on top of the private root: what a program may write is named once more, by a mechanism that shares
//! nothing with mounts and users. A mount that were writable by mistake would still not be.
//!
//! Programs may read and execute all that their root shows, which is chosen already, and write in the places they are
//! given. Where the kernel knows how, signals and abstract sockets also stay among themselves.

use nix::errno::Errno;
use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

/// The oldest version of use: the first one has no way to allow a file to be moved between folders.
const OLDEST: u32 = 2;

/// Devices that may be written to.
const DEVICES: [&CStr; 5] = [c"/dev/null", c"/dev/zero", c"/dev/full", c"/dev/random", c"/dev/urandom"];

// Rights on files and folders, of <linux/landlock.h>.
const EXECUTE: u64 = 1 << 0;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// Rights that mean something for a file; the others are about what is in a folder.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
/// Abstract sockets and signals.
const SCOPES: u64 = 0b11;

/// `struct landlock_ruleset_attr`; older kernels know only its beginning.
#[repr(C)]
struct Ruleset {
    files: u64,
    network: u64,
    scoped: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    parent: RawFd,
}

/// The version of the running kernel; 0 if it has none, or it is switched off.
pub(super) fn version() -> u32 {
    const ASK_VERSION: u32 = 1;
    // SAFETY: no structure is handed over.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0, ASK_VERSION) };
    u32::try_from(version).unwrap_or(0)
}

/// Makes the rules for a program that may write below these paths; none where the kernel has nothing to offer.
pub(super) fn prepare(writable: impl Iterator<Item = impl AsRef<CStr>>) -> io::Result<Option<OwnedFd>> {
    let version = version();
    if version < OLDEST {
        return Ok(None);
    }
    let all = rights(version);
    let rules = create(all, version)?;
    allow(&rules, c"/", EXECUTE | READ_FILE | READ_DIR)?;
    for path in writable {
        allow(&rules, path.as_ref(), all)?;
    }
    DEVICES.iter().try_for_each(|path| allow(&rules, path, all & OF_FILES))?;
    Ok(Some(rules))
}

/// Puts this process and all it will become under the rules, for good. Safe between `fork` and `exec`.
pub(super) fn restrict(rules: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: numbers only.
    Errno::result(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) }).map(drop)
}

/// All rights that a version knows; what it does not know it cannot withhold.
fn rights(version: u32) -> u64 {
    let known = match version {
        0 | 1 => 13,
        2 => 14,
        3 | 4 => 15,
        _ => 16,
    };
    (1 << known) - 1
}

fn create(files: u64, version: u32) -> io::Result<OwnedFd> {
    let attributes = Ruleset { files, network: 0, scoped: if version >= 6 { SCOPES } else { 0 } };
    let size = match version {
        ..4 => 8,
        4 | 5 => 16,
        _ => size_of::<Ruleset>(),
    };
    // SAFETY: the structure is at least as long as the size that the call is told.
    let made = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0) };
    owned(made)
}

/// Allows something below a path; a path that is not there needs no rule.
fn allow(rules: &OwnedFd, path: &CStr, allowed: u64) -> io::Result<()> {
    const PATH_BENEATH: u32 = 1;
    // SAFETY: a C string and flags.
    let opened = unsafe { libc::open(path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
    let parent = match owned(opened.into()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let allowed =
        if std::fs::File::from(parent.try_clone()?).metadata()?.is_dir() { allowed } else { allowed & OF_FILES };
    let rule = Beneath { allowed, parent: parent.as_raw_fd() };
    // SAFETY: the structure has the layout that the call expects.
    let added =
        unsafe { libc::syscall(libc::SYS_landlock_add_rule, rules.as_raw_fd(), PATH_BENEATH, &raw const rule, 0) };
    if added < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The result of a call that returns a descriptor.
fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(result as RawFd) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn only_the_named_places_can_be_written() {
        if version() < OLDEST {
            eprintln!("skipped: this kernel has no landlock");
            return;
        }
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = std::ffi::CString::new(inside.path().to_str().unwrap()).unwrap();
        let rules = prepare([path].iter()).unwrap().unwrap();
        // In a thread of its own: rules hold for the thread that takes them.
        let (kept, refused, device) = std::thread::scope(|scope| {
            let restricted = scope.spawn(|| {
                nix::sys::prctl::set_no_new_privs().unwrap();
                restrict(rules.as_fd()).unwrap();
                let write = |path: &std::path::Path| std::fs::write(path, "x").map_err(|error| error.kind());
                std::fs::create_dir(inside.path().join("folder")).unwrap();
                write(&inside.path().join("folder/file")).unwrap();
                let moved = std::fs::rename(inside.path().join("folder/file"), inside.path().join("file"));
                (moved.is_ok(), write(&outside.path().join("file")), write("/dev/null".as_ref()))
            });
            restricted.join().unwrap()
        });
        assert!(kept && device.is_ok(), "{device:?}");
        assert_eq!(refused, Err(io::ErrorKind::PermissionDenied));
        std::fs::write(outside.path().join("file"), "x").expect("nothing is wrong with the folder itself");
    }

    #[test]
    fn newer_versions_know_more_rights() {
        assert_eq!((rights(2), rights(3), rights(5), rights(7)), (0x3fff, 0x7fff, 0xffff, 0xffff));
    }
}
