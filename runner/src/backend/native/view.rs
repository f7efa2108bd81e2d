//! A cell's own views of the host's files: folders through an overlay that has nothing of its own, small files as copies,
//! devices as nodes of its own.
//!
//! A bind would show the host's inodes. Whoever may read a file may lock it and watch it being opened, so the nodes of one
//! case could signal to each other past the network that is played to them; and the mount table names the folder behind a
//! bind. An overlay has inodes of its own, over the same pages of memory, and is told its folder as `.`.
//!
//! Where the kernel refuses one (an overlay of overlays of overlays, a folder with further mounts below it), there is the
//! bind. What a cell has got it sees in its own mount table, see [`shared`].

use super::mounts::{
    Access, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, Node, behind_links, bind, file_system, move_mount,
};
use super::wire::{Bytes, Failure, Step};
use std::{
    ffi::OsString,
    fs::{File, Permissions},
    io::{self, Read},
    os::{
        fd::OwnedFd,
        unix::{
            ffi::OsStringExt,
            fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
        },
    },
    path::{Path, PathBuf},
};

/// Memory of our own covers this while the private root is made: the one folder that certainly exists.
const OURS: &str = "/proc";
/// An overlay needs two folders. This is the other one, in that memory.
const EMPTY: &str = "empty";
/// Largest file that is copied, in bytes; the private root has room for a dozen of them.
const LARGEST_COPY: u64 = 512 << 10;
/// What our file systems are called in a mount table.
const NAME: &str = "view";

/// What is needed to make views. From then on `/proc` is covered.
pub(super) struct Views {
    /// Where something is mounted: an overlay would show what is below.
    mounted: Vec<PathBuf>,
    /// Devices of our own, by their place on the host.
    devices: Vec<(PathBuf, OwnedFd)>,
    /// Places in the cell at which a copy would be written into something else.
    taken: Vec<PathBuf>,
    /// Links in the cell and where they lead.
    links: Vec<(PathBuf, PathBuf)>,
}

/// How a part of the host is seen.
pub(super) enum View {
    /// By its detached mount.
    Mount(OwnedFd),
    /// A file's content and mode.
    Copy(Vec<u8>, u32),
}

impl Views {
    /// For the parts of a cell, in a mount namespace of our own.
    pub(super) fn new(nodes: &[Node]) -> Result<Self, Failure> {
        let table = std::fs::read("/proc/self/mountinfo").step("read the mount table")?;
        let mut views = Self::around(nodes);
        views.mounted = lines(&table).map(|line| line.at).collect();
        let options = [("source", NAME), ("size", "4096"), ("mode", "755")].map(|(key, value)| (key, value.to_owned()));
        let ours = file_system(c"tmpfs", &options, MOUNT_ATTR_NOSUID).step("create memory for views")?;
        move_mount(&ours, c"/proc").step("attach memory for views")?;
        std::fs::create_dir(Path::new(OURS).join(EMPTY)).step("create an empty folder")?;
        // Only the host's root may make some; for others they are the host's.
        views.devices = own_devices(nodes).unwrap_or_default();
        Ok(views)
    }

    fn around(nodes: &[Node]) -> Self {
        let (mut taken, mut links) = (Vec::new(), Vec::new());
        for node in nodes {
            match node {
                Node::Link { at, to } => links.push((at.path(), to.path())),
                Node::Bind { at, .. } | Node::Memory { at, .. } | Node::Processes { at } => taken.push(at.path()),
                Node::File { .. } | Node::Directory { .. } => {}
            }
        }
        Self { mounted: Vec::new(), devices: Vec::new(), taken, links }
    }

    /// A view of a part of the host for a place in the cell; none where only a bind can show it.
    pub(super) fn of(&self, host: &Bytes, access: Access, at: &Path) -> Option<View> {
        match access {
            Access::ReadOnly => self.file(&host.path().canonicalize().ok()?, at),
            Access::Device => self.device(&host.path()),
            Access::Writable => None,
        }
    }

    fn file(&self, path: &Path, at: &Path) -> Option<View> {
        let found = path.metadata().ok()?;
        if found.is_dir() {
            return self.folder(path).map(View::Mount);
        }
        let at = behind_links(&self.links, at.to_owned());
        let free = !self.taken.iter().any(|place| at != *place && at.starts_with(place));
        (found.is_file() && found.len() <= LARGEST_COPY && free).then(|| copy(path).ok()).flatten()
    }

    fn folder(&self, path: &Path) -> Option<OwnedFd> {
        if self.mounted.iter().any(|place| place != path && place.starts_with(path)) {
            return None;
        }
        std::env::set_current_dir(path).ok()?;
        let options = [("source", NAME.to_owned()), ("lowerdir", format!(".:{OURS}/{EMPTY}"))];
        file_system(c"overlay", &options, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV).ok()
    }

    fn device(&self, host: &Path) -> Option<View> {
        let (_, device) = self.devices.iter().find(|(place, _)| place == host)?;
        device.try_clone().ok().map(View::Mount)
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

/// Nodes for all devices of the cell.
fn own_devices(nodes: &[Node]) -> io::Result<Vec<(PathBuf, OwnedFd)>> {
    use nix::sys::stat::{Mode, SFlag, mknod};
    let device = |host: PathBuf| {
        let own = Path::new(OURS).join(host.file_name().ok_or(io::ErrorKind::InvalidInput)?);
        mknod(&own, SFlag::S_IFCHR, Mode::empty(), host.metadata()?.rdev())?;
        // Not by mknod: the mask would take from it.
        std::fs::set_permissions(&own, Permissions::from_mode(0o666))?;
        Ok((host, bind(&own.as_path().into(), Access::Device)?))
    };
    nodes.iter().filter_map(Node::device).map(device).collect()
}

/// What a cell shares with the host and so with every other cell, by its own mount table: files and folders, and devices.
pub(super) fn shared(table: &[u8]) -> (Vec<String>, Vec<String>) {
    let own = |line: &Line| {
        let own_root = matches!(line.kind, b"tmpfs" | b"proc") && line.root == b"/";
        own_root || line.source == NAME.as_bytes()
    };
    // What is covered by a device that cannot be opened tells nothing and takes nothing.
    let covered = |line: &Line| line.root.ends_with(b"/null") && !line.at.starts_with("/dev");
    let shared = lines(table).filter(|line| !own(line) && !covered(line)).map(|line| line.at);
    let (devices, files): (Vec<PathBuf>, Vec<PathBuf>) = shared.partition(|at| at.starts_with("/dev"));
    [files, devices].map(|places| places.iter().map(|at| at.display().to_string()).collect()).into()
}

/// A line of a mount table.
struct Line<'a> {
    /// What of the file system is mounted.
    root: &'a [u8],
    at: PathBuf,
    kind: &'a [u8],
    source: &'a [u8],
}

/// The lines of a table as proc(5) describes it: six fields, optional ones, a dash, three more.
fn lines(table: &[u8]) -> impl Iterator<Item = Line<'_>> {
    table.split(|&byte| byte == b'\n').filter_map(|line| {
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        let dash = fields.iter().skip(6).position(|field| *field == b"-")? + 6;
        let (kind, source) = (fields.get(dash + 1)?, fields.get(dash + 2)?);
        Some(Line { root: fields[3], at: unescaped(fields[4]), kind, source })
    })
}

/// A path of a table, in which blanks and backslashes are told by three octal digits.
fn unescaped(path: &[u8]) -> PathBuf {
    let mut plain = Vec::new();
    let mut rest = path;
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let (byte, left) = match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => (byte, &behind[3..]),
            None => (*first, behind),
        };
        plain.push(byte);
        rest = left;
    }
    PathBuf::from(OsString::from_vec(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
126 123 0:58 / / ro,nosuid shared:1 master:2 - tmpfs none ro
127 126 0:59 / /usr ro,nosuid - overlay view ro,lowerdir=.:/proc
128 126 254:0 /home/me/tools /my\\040tools ro - ext4 /dev/vda rw
129 126 0:6 /null /dev/null ro - devtmpfs devtmpfs rw
130 126 0:60 / /proc rw - proc proc rw
131 126 0:61 /deep /work ro - tmpfs tmpfs rw
132 126 0:62 / /lib ro - overlay overlay ro,lowerdir=/a:/b
133 126 0:6 /null /usr/bin/takehome ro,nodev - devtmpfs devtmpfs rw
134 126 0:63 /zero /dev/zero ro - tmpfs view rw
";

    #[test]
    fn what_is_shared_is_what_is_a_part_of_something_or_not_ours() {
        let (files, devices) = shared(TABLE);
        assert_eq!(files, ["/my tools", "/work", "/lib"]);
        assert_eq!(devices, ["/dev/null"]);
    }

    #[test]
    fn places_are_told_as_they_are() {
        for (told, plain) in [("/a\\040b", "/a b"), ("/a\\134", "/a\\"), ("/a\\9", "/a\\9"), ("/a\\999", "/a\\999")] {
            assert_eq!(unescaped(told.as_bytes()), Path::new(plain));
        }
    }

    #[test]
    fn small_files_are_copied_and_large_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let taken = Node::Memory { at: "/usr/memory".into(), bytes: 1, inodes: 1, mode: 0o755 };
        let views = Views::around(&[Node::Link { at: "/bin".into(), to: "/usr/memory".into() }, taken]);
        let of = |length: u64, at: &str| {
            let file = folder.path().join("file");
            std::fs::write(&file, vec![7; length as usize]).unwrap();
            std::fs::set_permissions(&file, Permissions::from_mode(0o4750)).unwrap();
            views.of(&file.as_path().into(), Access::ReadOnly, Path::new(at))
        };
        let Some(View::Copy(content, mode)) = of(LARGEST_COPY, "/file") else { panic!("no copy") };
        assert_eq!((content.len() as u64, mode), (LARGEST_COPY, 0o750));
        assert!(of(LARGEST_COPY + 1, "/file").is_none());
        for place in ["/usr/memory/file", "/bin/file"] {
            assert!(of(1, place).is_none(), "{place} would be written into what is mounted there");
        }
        let of = |host: &Path, access| views.of(&host.into(), access, Path::new("/file"));
        assert!(of(&folder.path().join("missing"), Access::ReadOnly).is_none());
        assert!(of(Path::new("/dev/null"), Access::ReadOnly).is_none(), "a device is no file");
        assert!(of(folder.path(), Access::Writable).is_none(), "what is written has to arrive");
    }

    #[test]
    fn a_folder_with_mounts_below_it_is_not_shown_without_them() {
        let mut views = Views::around(&[]);
        views.mounted = vec!["/usr/local".into(), "/".into()];
        assert!(views.folder(Path::new("/usr")).is_none());
    }
}
