//! Locks of takehome's own on what all cells share, which make the locks of all others say nothing.
//!
//! Whoever may open a file may lock it, so that one node could signal to another past the network that is played to them.
//! Files of a cell are its own, but three things are everybody's: devices where nobody but root can make nodes of them,
//! the one inode behind all event descriptors (`eventfd`, `epoll`, `timerfd`), and the namespace of clocks. A shared lock
//! on all of one takes that away: as long as it is there nobody gets an exclusive lock, everybody gets a shared one, and
//! whoever asks what is in the way is told of the lock that has been there longest (fcntl(2), flock(2)). Ours is there
//! before the first cell is.
//!
//! What remains is that the kernel wakes who waits for a lock when another who waits gives up, as a counter shows.

use nix::{
    fcntl::{FcntlArg, fcntl},
    sys::eventfd::EventFd,
};
use std::{
    fs::{File, TryLockError},
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

/// The namespace of clocks, of which a cell has none of its own.
const CLOCKS: &str = "/proc/self/ns/time";
/// Somebody else's lock may be there for a moment.
const ATTEMPTS: usize = 20;
const BETWEEN: Duration = Duration::from_millis(5);

/// What is locked; the locks end with this.
#[derive(Debug)]
pub(super) struct Locks {
    _held: Vec<File>,
}

impl Locks {
    /// Takes locks on what all cells share, and on these devices, as far as they exist. Blocks, for a moment.
    ///
    /// # Errors
    /// What cannot be locked, and why: it may not be opened, or somebody has an exclusive lock on it.
    pub(super) fn take(devices: impl IntoIterator<Item: AsRef<Path>>) -> Result<Self, String> {
        let events = EventFd::new().map_err(io::Error::from).and_then(|events| patiently(OwnedFd::from(events).into()));
        let mut held = vec![events.map_err(|error| format!("event descriptors: {error}"))?];
        let devices = devices.into_iter().map(|device| device.as_ref().to_owned());
        for place in std::iter::once(PathBuf::from(CLOCKS)).chain(devices).filter(|place| place.exists()) {
            held.push(lock(&place)?);
        }
        Ok(Self { _held: held })
    }
}

fn lock(path: &Path) -> Result<File, String> {
    File::open(path).and_then(patiently).map_err(|error| format!("{}: {error}", path.display()))
}

fn patiently(file: File) -> io::Result<File> {
    let mut attempts = 1;
    loop {
        match share(&file) {
            Err(_) if attempts < ATTEMPTS => attempts += 1,
            locked => return locked.map(|()| file),
        }
        std::thread::sleep(BETWEEN);
    }
}

/// Both kinds of locks, which do not know of each other: of a whole file, and of parts of it.
fn share(file: &File) -> io::Result<()> {
    file.try_lock_shared().map_err(|error| match error {
        TryLockError::Error(error) => error,
        TryLockError::WouldBlock => io::ErrorKind::ResourceBusy.into(),
    })?;
    fcntl(file, FcntlArg::F_OFD_SETLK(&part(libc::F_RDLCK, 0, 0)))?;
    Ok(())
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
    fn learned(file: &File) -> (bool, Result<i32, Errno>, Option<(i64, i64)>) {
        let whole = file.try_lock().is_ok();
        let mut found = part(libc::F_WRLCK, 0, 0);
        fcntl(file, FcntlArg::F_OFD_GETLK(&mut found)).unwrap();
        let in_the_way = (i32::from(found.l_type) != libc::F_UNLCK).then_some((found.l_start, found.l_len));
        (whole, fcntl(file, FcntlArg::F_OFD_SETLK(&part(libc::F_WRLCK, 0, 0))), in_the_way)
    }

    /// What it learns while nobody tells anything.
    const SILENT: (bool, Result<i32, Errno>, Option<(i64, i64)>) = (false, Err(Errno::EAGAIN), Some((0, 0)));

    /// Leaves locks of all kinds, as far as it gets them.
    fn leave(open: impl Fn() -> File, start: i64) -> [File; 2] {
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
        let open = || File::options().read(true).write(true).open(file.path()).unwrap();
        assert_eq!(learned(&open()), (true, Ok(0), None));
        let events = || File::from(OwnedFd::from(EventFd::new().unwrap()));
        let telling = tempfile::NamedTempFile::new().unwrap();
        let _theirs = leave(|| File::options().read(true).write(true).open(telling.path()).unwrap(), 7);
        let told = learned(&File::options().write(true).open(telling.path()).unwrap());
        assert_eq!(told, (false, Err(Errno::EAGAIN), Some((7, 1))), "it tells without locks of ours");
        let ours = Locks::take([file.path()]).unwrap();
        for start in [0, 7, 1 << 40] {
            let _theirs = (leave(open, start), leave(events, start));
            assert_eq!(learned(&open()), SILENT, "a lock at {start}");
            assert_eq!(learned(&events()), SILENT, "a lock at {start} of an event descriptor");
        }
        let _more = Locks::take([file.path()]).unwrap();
        drop(ours);
        assert_eq!(learned(&open()), SILENT, "another takehome's do as well");
    }

    #[test]
    fn the_clocks_of_all_cells_are_locked() {
        let _ours = Locks::take([""; 0]).unwrap();
        if Path::new(CLOCKS).exists() {
            let clocks = File::open(CLOCKS).unwrap();
            assert!(clocks.try_lock().is_err() && clocks.try_lock_shared().is_ok());
        }
    }

    #[test]
    fn a_lock_that_is_not_to_be_had_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let [_flock, _parts] = leave(|| File::options().read(true).write(true).open(file.path()).unwrap(), 0);
        let why = Locks::take([Path::new("/missing/device"), file.path()]).unwrap_err();
        assert!(why.contains(&file.path().display().to_string()), "{why}");
    }

    #[test]
    fn the_devices_of_a_cell_can_be_locked() {
        Locks::take(["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"]).unwrap();
    }
}
