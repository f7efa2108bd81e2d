//! Taking the files of a folder as they lie there, without following or opening anything that is no plain file.

use super::{
    error::SourceError,
    export::{Export, io_error, open_folder},
    limits::Exceeded,
    local::Ignored,
    progress::{Phase, Reporter},
};
use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{AT_FDCWD, AtFlags, OFlag, openat, readlinkat},
    sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, stat},
};
use std::{fs::File, io::Read, os::fd::OwnedFd, os::unix::ffi::OsStringExt, path::Path};

/// The first bytes of a `CACHEDIR.TAG` file: whoever wrote it says that its folder can be made again.
const CACHE_TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// A copy of a folder in the making.
pub(super) struct Copy<'a, 'r> {
    export: &'a mut Export,
    ignored: Option<Ignored>,
    reporter: &'a Reporter<'r>,
}

/// Copies a folder into the export.
pub(super) fn copy(folder: &Path, export: &mut Export, reporter: &Reporter<'_>) -> Result<(), SourceError> {
    // The folder itself may be named through a link: the user chose it.
    let real = folder
        .canonicalize()
        .map_err(|error| SourceError::NoFolder { path: folder.display().to_string(), why: error.to_string() })?;
    let fd = open_folder(AT_FDCWD, &real).map_err(|errno| io_error("open", folder.display().to_string(), errno))?;
    let mut copy = Copy { ignored: Ignored::of(&real), export, reporter };
    copy.folder(fd)
}

impl Copy<'_, '_> {
    /// Copies the entries of an open folder, in the order of their names.
    fn folder(&mut self, fd: OwnedFd) -> Result<(), SourceError> {
        let names = match self.names(&fd) {
            Ok(names) => names?,
            Err(errno) => return self.unreadable(b"", errno),
        };
        for name in names {
            self.entry(&fd, &name)?;
            let (files, bytes) = self.export.so_far();
            self.reporter.exported(Phase::Exporting, files, bytes);
        }
        Ok(())
    }

    /// The names in a folder; more than may be copied are an error, so that none is left out in silence.
    fn names(&self, fd: &OwnedFd) -> Result<Result<Vec<Vec<u8>>, SourceError>, Errno> {
        let most = self.export.meter.limits().files;
        // Opened again: reading moves the position that a duplicated descriptor would share.
        let mut dir = Dir::from_fd(open_folder(fd, ".")?)?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            let name = entry?.file_name().to_bytes().to_vec();
            if matches!(name.as_slice(), b"." | b".." | b".git") {
                continue;
            }
            if names.len() as u64 >= most {
                return Ok(Err(SourceError::Limit(Exceeded::Files(most))));
            }
            names.push(name);
        }
        names.sort();
        Ok(Ok(names))
    }

    /// Copies one entry by its kind.
    fn entry(&mut self, parent: &OwnedFd, name: &[u8]) -> Result<(), SourceError> {
        let stat = match fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(errno) => return self.unreadable(name, errno),
        };
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        if self.skips(name, kind == SFlag::S_IFDIR) {
            return Ok(());
        }
        match kind {
            SFlag::S_IFDIR => self.subfolder(parent, name),
            SFlag::S_IFREG => self.file(parent, name),
            SFlag::S_IFLNK => match readlinkat(parent, name) {
                Ok(target) => self.export.link(name, target.into_vec()),
                Err(errno) => self.unreadable(name, errno),
            },
            _ => {
                let message = format!("`{}` is left out: it is {}", self.export.shown(name), special(kind));
                self.export.notices.add("special-file", message);
                self.export.pass()
            }
        }
    }

    /// Whether git ignores the entry; said in a notice.
    fn skips(&mut self, name: &[u8], is_folder: bool) -> bool {
        let path = self.export.path(name);
        let skips = self.ignored.as_ref().is_some_and(|ignored| ignored.skips(&path, is_folder));
        if skips {
            let message = format!("`{}` is left out: git ignores it", self.export.shown(name));
            self.export.notices.add("ignored", message);
        }
        skips
    }

    fn subfolder(&mut self, parent: &OwnedFd, name: &[u8]) -> Result<(), SourceError> {
        let fd = match open_folder(parent, name) {
            Ok(fd) => fd,
            Err(errno) => return self.unreadable(name, errno),
        };
        if self.is_export(&fd) {
            return Ok(());
        }
        if is_cache(&fd) {
            let message = format!("`{}` is left out: it is tagged as a cache", self.export.shown(name));
            self.export.notices.add("ignored", message);
            return Ok(());
        }
        if self.export.enter(name)? {
            self.folder(fd)?;
            self.export.leave();
        }
        Ok(())
    }

    /// Whether the folder is the one being written.
    fn is_export(&self, fd: &OwnedFd) -> bool {
        // An export that only looks has no folder, and nothing is at the empty path.
        let own = stat(self.export.folder());
        matches!((own, fstat(fd)), (Ok(own), Ok(this)) if (own.st_dev, own.st_ino) == (this.st_dev, this.st_ino))
    }

    fn file(&mut self, parent: &OwnedFd, name: &[u8]) -> Result<(), SourceError> {
        let (mut file, stat) = match open_file(parent, name) {
            Ok(opened) => opened,
            Err(errno) => return self.unreadable(name, errno),
        };
        self.export.fits(name, u64::try_from(stat.st_size).unwrap_or(0))?;
        self.export.file(name, stat.st_mode & 0o100 != 0, &mut file)
    }

    /// An entry that cannot be read is left out, also when it has gone or become something else meanwhile.
    fn unreadable(&mut self, name: &[u8], errno: Errno) -> Result<(), SourceError> {
        let why = match errno {
            Errno::ENOENT => "it is gone",
            Errno::ELOOP | Errno::ENOTDIR | Errno::ENXIO => "it has become something else",
            errno => errno.desc(),
        };
        let message = format!("`{}` is left out: {why}", self.export.shown(name));
        self.export.notices.add("unreadable", message);
        self.export.pass()
    }
}

/// Opens a plain file. Should a pipe have taken its place since it was looked at, opening does not wait for a writer.
fn open_file(parent: &OwnedFd, name: &[u8]) -> Result<(File, FileStat), Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let fd = openat(parent, name, flags, Mode::empty())?;
    let stat = fstat(&fd)?;
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Ok((File::from(fd), stat)),
        _ => Err(Errno::ENXIO),
    }
}

/// Whether the folder is tagged as a cache, as `target` folders are.
fn is_cache(fd: &OwnedFd) -> bool {
    let Ok((file, _)) = open_file(fd, b"CACHEDIR.TAG") else { return false };
    let mut start = Vec::new();
    file.take(CACHE_TAG.len() as u64).read_to_end(&mut start).is_ok() && start == CACHE_TAG
}

/// What a file that is no file is.
fn special(kind: SFlag) -> &'static str {
    match kind {
        SFlag::S_IFIFO => "a pipe",
        SFlag::S_IFSOCK => "a socket",
        SFlag::S_IFCHR | SFlag::S_IFBLK => "a device",
        _ => "no file",
    }
}
