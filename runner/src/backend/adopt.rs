//! Gives a folder of the host, with everything below it, to another user: never through a symbolic link, and step by
//! step from one open directory to the next, so that nobody can move a part of it away underneath us.

use nix::{
    fcntl::{AtFlags, OFlag, openat},
    sys::stat::Mode,
    unistd::{Gid, Uid, fchown, fchownat},
};
use std::{ffi::OsStr, io, os::fd::OwnedFd, path::Path};

/// Makes `id` the owner and the group of everything at and below `folder`.
pub(super) fn give_all(folder: &Path, id: u32) -> io::Result<()> {
    let root = open(nix::fcntl::AT_FDCWD, folder.as_os_str())?;
    let mut waiting = vec![root];
    while let Some(directory) = waiting.pop() {
        fchown(&directory, Some(Uid::from_raw(id)), Some(Gid::from_raw(id)))?;
        // Through the descriptor, not through a path.
        let listing = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&directory));
        for entry in std::fs::read_dir(listing)? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_dir() {
                waiting.push(open(&directory, &name)?);
            } else {
                give(&directory, &name, id)?;
            }
        }
    }
    Ok(())
}

/// Opens a directory that is not a link.
fn open<D: std::os::fd::AsFd>(at: D, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(openat(at, name, flags, Mode::empty())?)
}

/// Gives one entry that is not a directory; of a link, the link itself.
fn give(directory: &OwnedFd, name: &OsStr, id: u32) -> io::Result<()> {
    let (user, group) = (Some(Uid::from_raw(id)), Some(Gid::from_raw(id)));
    Ok(fchownat(directory, name, user, group, AtFlags::AT_SYMLINK_NOFOLLOW)?)
}
