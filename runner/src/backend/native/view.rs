//! A cell's own views of the host's files: folders through an overlay that has nothing of its own, small files as copies,
//! devices as nodes of its own.
//!
//! A bind would show the host's inodes. Whoever may read a file may lock it and watch it being opened, so the nodes of one
//! case could signal to each other past the network that is played to them; and the mount table names the folder behind a
//! bind. An overlay has inodes of its own, over the same pages of memory, and is told its folder as `.`.
//!
//! Where the kernel refuses one (an overlay of overlays of overlays, a folder with further mounts below it), there is the
//! bind. What a cell has got it sees in its own mount table, see [`shared`].

use super::mounts::{MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, file_system, move_mount, tmpfs};
use super::wire::{Bytes, Failure, Step};
use std::{
    fs::{File, Permissions},
    io::{self, Read},
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

/// An overlay needs two folders. This is the other one: empty while the private root is made, and of no host.
const EMPTY: &str = "/proc";
/// Largest file that is copied, in bytes; the private root has room for dozens of them.
const LARGEST_COPY: u64 = 128 << 10;
/// What our overlays are called in a mount table.
const NAME: &str = "view";

/// What is needed to make views. While it exists `/proc` is empty.
pub(super) struct Views {
    /// Where something is mounted: an overlay would show what is below.
    mounted: Vec<PathBuf>,
    /// Where folders have been placed: nothing can be written there.
    placed: Vec<PathBuf>,
}

/// How a part of the host is seen.
pub(super) enum View {
    /// A folder's detached mount.
    Folder(OwnedFd),
    /// A file's content and mode.
    Copy(Vec<u8>, u32),
}

impl Views {
    /// In a mount namespace of our own. From now on `/dev` holds devices of our own, where we may make them.
    pub(super) fn new(devices: impl Iterator<Item = PathBuf>) -> Result<Self, Failure> {
        let table = std::fs::read_to_string("/proc/self/mountinfo").step("read the mount table")?;
        // Only the host's root may; for others they are the host's.
        let _ = own_devices(devices);
        let empty = tmpfs(4096, 1, 0o555, None).step("create an empty folder")?;
        move_mount(&empty, c"/proc").step("attach an empty folder")?;
        Ok(Self { mounted: lines(&table).map(|line| PathBuf::from(line.at)).collect(), placed: Vec::new() })
    }

    /// A view of a file or folder of the host for a place in the cell; none where only a bind can show it.
    pub(super) fn of(&mut self, host: &Bytes, at: &Path) -> Option<View> {
        let path = host.path().canonicalize().ok()?;
        let found = path.metadata().ok()?;
        if found.is_dir() {
            self.placed.push(at.to_owned());
            return self.folder(&path).map(View::Folder);
        }
        let free = !self.placed.iter().any(|place| at.starts_with(place));
        (found.is_file() && found.len() <= LARGEST_COPY && free).then(|| copy(&path).ok()).flatten()
    }

    fn folder(&self, path: &Path) -> Option<OwnedFd> {
        if self.mounted.iter().any(|place| place != path && place.starts_with(path)) {
            return None;
        }
        std::env::set_current_dir(path).ok()?;
        let options = [("source", NAME.to_owned()), ("lowerdir", format!(".:{EMPTY}"))];
        file_system(c"overlay", &options, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV).ok()
    }
}

/// The content of a file that is not larger than it was said to be.
fn copy(path: &Path) -> io::Result<View> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let mode = file.metadata()?.mode() & 0o755;
    let mut content = Vec::new();
    file.take(LARGEST_COPY + 1).read_to_end(&mut content)?;
    match content.len() as u64 {
        0..=LARGEST_COPY => Ok(View::Copy(content, mode)),
        _ => Err(io::ErrorKind::FileTooLarge.into()),
    }
}

/// Writes a copy into the private root.
pub(super) fn write(at: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    std::fs::write(at, content)?;
    std::fs::set_permissions(at, Permissions::from_mode(mode))
}

/// Covers `/dev` by a memory file system with nodes for these devices below it, or leaves it as it is.
fn own_devices(devices: impl Iterator<Item = PathBuf>) -> io::Result<()> {
    use nix::sys::stat::{Mode, SFlag, mknodat};
    let options = [("source", NAME.to_owned()), ("size", "4096".into()), ("mode", "755".into())];
    let folder = file_system(c"tmpfs", &options, MOUNT_ATTR_NOSUID)?;
    for device in devices {
        let name = device.strip_prefix("/dev").map_err(io::Error::other)?;
        mknodat(&folder, name, SFlag::S_IFCHR, Mode::empty(), device.metadata()?.rdev())?;
    }
    move_mount(&folder, c"/dev")?;
    for entry in std::fs::read_dir("/dev")? {
        // Not by mknod: the mask would take from it.
        std::fs::set_permissions(entry?.path(), Permissions::from_mode(0o666))?;
    }
    Ok(())
}

/// What a cell shares with the host and so with every other cell, by its own mount table: files and folders, and devices.
pub(super) fn shared(table: &str) -> (Vec<String>, Vec<String>) {
    let own = |line: &Line| matches!(line.kind, "tmpfs" | "proc") && line.root == "/" || line.source == NAME;
    // What is covered by a device that cannot be opened tells nothing and takes nothing.
    let covered = |line: &Line| line.root.ends_with("/null") && !line.at.starts_with("/dev/");
    let shared = lines(table).filter(|line| !own(line) && !covered(line)).map(|line| line.at.to_owned());
    shared.partition(|at| !at.starts_with("/dev/"))
}

/// A line of a mount table.
struct Line<'a> {
    /// What of the file system is mounted.
    root: &'a str,
    at: &'a str,
    kind: &'a str,
    source: &'a str,
}

/// The lines of a table as proc(5) describes it: six fields, optional ones, a dash, three more.
fn lines(table: &str) -> impl Iterator<Item = Line<'_>> {
    table.lines().filter_map(|line| {
        let (first, last) = line.split_once(" - ")?;
        let (mut first, mut last) = (first.split(' '), last.split(' '));
        Some(Line { root: first.nth(3)?, at: first.next()?, kind: last.next()?, source: last.next()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
126 123 0:58 / / ro,nosuid shared:1 master:2 - tmpfs none ro
127 126 0:59 / /usr ro,nosuid - overlay view ro,lowerdir=.:/proc
128 126 254:0 /home/me/tools /tools ro - ext4 /dev/vda rw
129 126 0:6 /null /dev/null ro - devtmpfs devtmpfs rw
134 126 0:63 /zero /dev/zero ro - tmpfs view rw
130 126 0:60 / /proc rw - proc proc rw
131 126 0:61 /deep /work ro - tmpfs tmpfs rw
132 126 0:62 / /lib ro - overlay overlay ro,lowerdir=/a:/b
133 126 0:6 /null /usr/bin/takehome ro,nodev - devtmpfs devtmpfs rw
";

    #[test]
    fn what_is_shared_is_what_is_a_part_of_something_or_not_ours() {
        let (files, devices) = shared(TABLE);
        assert_eq!(files, ["/tools", "/work", "/lib"]);
        assert_eq!(devices, ["/dev/null"]);
        assert_eq!(shared(""), (Vec::new(), Vec::new()));
    }

    #[test]
    fn small_files_are_copied_and_large_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut views = Views { mounted: vec![], placed: vec!["/given".into()] };
        let mut of = |length: u64, at: &str| {
            let file = folder.path().join("file");
            std::fs::write(&file, vec![7; length as usize]).unwrap();
            std::fs::set_permissions(&file, Permissions::from_mode(0o4750)).unwrap();
            views.of(&file.as_path().into(), Path::new(at))
        };
        let Some(View::Copy(content, mode)) = of(LARGEST_COPY, "/file") else { panic!("no copy") };
        assert_eq!((content.len() as u64, mode), (LARGEST_COPY, 0o750));
        assert!(of(LARGEST_COPY + 1, "/file").is_none());
        assert!(of(1, "/given/below/file").is_none(), "there it could not be written");
        let mut of = |host: &Path| views.of(&host.into(), Path::new("/file"));
        assert!(of(&folder.path().join("missing")).is_none());
        assert!(of(Path::new("/dev/null")).is_none(), "a device is no file");
    }

    #[test]
    fn a_folder_with_mounts_below_it_is_not_shown_without_them() {
        let views = Views { mounted: vec!["/usr/local".into(), "/".into()], placed: vec![] };
        assert!(views.folder(Path::new("/usr")).is_none());
    }
}
