//! Locks of takehome's own on the devices that cells share, which make the locks of all others say nothing.
//!
//! Only root can make device nodes. Where a cell has none of its own, `/dev/null` is everybody's, and whoever may open a
//! file may lock it, so that one node could signal to another past the network that is played to them. A shared lock on
//! all of a file takes that away: as long as it is there nobody gets an exclusive lock, everybody gets a shared one, and
//! whoever asks what is in the way is told of the lock that has been there longest (fcntl(2), flock(2)). Ours is there
//! before the first cell is.

use nix::fcntl::{FcntlArg, fcntl};
use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

/// Locked devices; the locks end with this.
#[derive(Debug)]
pub(super) struct Locks {
    _held: Vec<File>,
}

impl Locks {
    /// Takes a lock on each of these, as far as they exist.
    ///
    /// # Errors
    /// Which device cannot be locked, and why: it may not be opened, or somebody has an exclusive lock on it.
    pub(super) fn take(devices: impl IntoIterator<Item: AsRef<Path>>) -> Result<Self, String> {
        let devices = devices.into_iter().filter(|device| device.as_ref().exists());
        let lock = |device: &Path| shared(device).map_err(|error| format!("{}: {error}", device.display()));
        Ok(Self { _held: devices.map(|device| lock(device.as_ref())).collect::<Result<_, _>>()? })
    }
}

/// Both kinds of locks, which do not know of each other: of a whole file, and of parts of it.
fn shared(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    file.try_lock_shared().map_err(|error| match error {
        TryLockError::Error(error) => error,
        TryLockError::WouldBlock => io::ErrorKind::ResourceBusy.into(),
    })?;
    fcntl(&file, FcntlArg::F_OFD_SETLK(&part(libc::F_RDLCK, 0, 0)))?;
    Ok(file)
}

/// A part of a file, to be locked; a length of zero means to its end.
#[allow(clippy::unnecessary_cast)] // The types differ between C libraries.
fn part(kind: i32, start: i64, length: i64) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: length,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    /// What another program learns of the locks on a file: whether it gets one of each kind, and which one is in its way.
    fn learned(path: &Path) -> (bool, Result<i32, Errno>, Option<(i64, i64)>) {
        let file = File::options().read(true).write(true).open(path).unwrap();
        let whole = file.try_lock().is_ok();
        let mut found = part(libc::F_WRLCK, 0, 0);
        fcntl(&file, FcntlArg::F_OFD_GETLK(&mut found)).unwrap();
        let in_the_way = (i32::from(found.l_type) != libc::F_UNLCK).then_some((found.l_start, found.l_len));
        (whole, fcntl(&file, FcntlArg::F_OFD_SETLK(&part(libc::F_WRLCK, 0, 0))), in_the_way)
    }

    /// Leaves locks of all kinds, as far as it gets them.
    fn leave(path: &Path, start: i64) -> [File; 2] {
        let open = || File::options().read(true).write(true).open(path).unwrap();
        let files = [open(), open()];
        let _exclusive = files[0].try_lock();
        let _shared = files[1].try_lock_shared();
        for (file, kind) in files.iter().zip([libc::F_WRLCK, libc::F_RDLCK]) {
            let _if_free = fcntl(file, FcntlArg::F_OFD_SETLK(&part(kind, start, 1)));
        }
        files
    }

    #[test]
    fn whatever_others_lock_nobody_learns_of_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path();
        let nothing = learned(path);
        assert_eq!(nothing, (true, Ok(0), None));
        {
            let _theirs = leave(path, 7);
            assert_eq!(learned(path), (false, Err(Errno::EAGAIN), Some((7, 1))), "it tells without locks of ours");
        }
        assert_eq!(learned(path), nothing);
        let ours = Locks::take([path]).unwrap();
        let silent = learned(path);
        assert_eq!(silent, (false, Err(Errno::EAGAIN), Some((0, 0))));
        for start in [0, 7, 1 << 40] {
            let _theirs = leave(path, start);
            assert_eq!(learned(path), silent, "a lock at {start}");
        }
        let more = Locks::take([path]).unwrap();
        drop(ours);
        assert_eq!(learned(path), silent, "another takehome's do as well");
        drop(more);
        assert_eq!(learned(path), nothing);
    }

    #[test]
    fn a_lock_that_is_not_to_be_had_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let [_flock, _parts] = leave(file.path(), 0);
        let why = Locks::take([Path::new("/missing/device"), file.path()]).unwrap_err();
        assert!(why.contains(&file.path().display().to_string()), "{why}");
    }

    #[test]
    fn the_devices_of_a_cell_can_be_locked() {
        Locks::take(["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"]).unwrap();
    }
}
