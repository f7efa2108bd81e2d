//! Builds the private root of a cell: every mount is made detached while the host is still visible, then its builder
//! moves into an empty tmpfs, loses the host, and attaches them there.
//!
//! In this order no path of the cell is ever looked up in the host's tree, so that neither symlinks of the host nor
//! of a submission can lead a mount astray, and a read-only mount is read-only before anything can reach it.

use super::{
    view::{self, View, Views},
    wire::{Bytes, Failure, Step},
};
use serde::{Deserialize, Serialize};
use std::{
    ffi::{CStr, CString},
    io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::fs::{DirBuilderExt, FileTypeExt},
    },
    path::{Path, PathBuf},
};

/// One thing in the private root.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::backend) enum Node {
    /// A symbolic link.
    Link { at: Bytes, to: Bytes },
    /// A file of ours, read-only like all of the root.
    File { at: Bytes, content: String },
    /// An empty directory.
    Directory { at: Bytes },
    /// A file or folder of the host, submounts included. What is read-only is a view of the cell's own where the kernel
    /// makes one.
    Bind { at: Bytes, host: Bytes, access: Access },
    /// Fresh memory.
    Memory { at: Bytes, bytes: u64, inodes: u64, mode: u32 },
    /// The process list of the cell's own pid namespace.
    Processes { at: Bytes },
}

/// What may be done below a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::backend) enum Access {
    ReadOnly,
    Writable,
    /// A device node: read-only as an inode, but it works.
    Device,
}

impl Node {
    /// The device of the host that it is.
    pub(super) fn device(&self) -> Option<PathBuf> {
        match self {
            Self::Bind { host, access: Access::Device, .. } => Some(host.path()),
            _ => None,
        }
    }

    /// Where it is seen.
    fn at(&self) -> &Bytes {
        match self {
            Self::Link { at, .. }
            | Self::File { at, .. }
            | Self::Directory { at }
            | Self::Bind { at, .. }
            | Self::Memory { at, .. }
            | Self::Processes { at } => at,
        }
    }
}

/// The place itself in the private root, where a directory above it is a link of ours to another: for programs that would
/// follow the link in the host's tree.
pub(in crate::backend) fn behind_links(links: &[(PathBuf, PathBuf)], at: PathBuf) -> PathBuf {
    let led = links.iter().find_map(|(link, to)| {
        let below = at.strip_prefix(link).ok().filter(|below| !below.as_os_str().is_empty())?;
        to.is_absolute().then(|| to.join(below))
    });
    led.unwrap_or(at)
}

/// Replaces the host's tree by one made of `nodes`; files of the cell's user belong to `owner`.
pub(super) fn enter(nodes: &[Node], owner: u32) -> Result<(), Failure> {
    forget_propagation()?;
    let root = tmpfs(8 << 20, 4096, 0o755, None).step("create the private root")?;
    let views = Views::new(nodes)?;
    let parts = nodes.iter().map(|node| prepare(node, owner, &views)).collect::<Result<Vec<_>, _>>()?;
    swap_root(&root)?;
    for (node, part) in nodes.iter().zip(&parts) {
        attach(node, part.as_ref()).map_err(|error| Failure::new(format!("place {}", show(node.at())), error))?;
    }
    let only_the_root = 0;
    restrict(&root, MOUNT_ATTR_RDONLY, only_the_root).step("make the private root read-only")
}

/// Mounts made from here on stay in this namespace, and none of the host's come in.
pub(super) fn forget_propagation() -> Result<(), Failure> {
    use nix::mount::MsFlags;
    nix::mount::mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .step("make mounts private")
}

/// Makes the part of a node that needs the host, if it has one.
fn prepare(node: &Node, owner: u32, views: &Views) -> Result<Option<View>, Failure> {
    let named = |what: &str, path: &Bytes| format!("{what} {}", show(path));
    match node {
        Node::Link { .. } | Node::File { .. } | Node::Directory { .. } => Ok(None),
        Node::Bind { at, host, access } => {
            let seen = views.of(host, *access, &at.path());
            let bound = || bind(host, *access).step(&named("bind", host)).map(View::Mount);
            seen.map_or_else(bound, Ok).map(Some)
        }
        Node::Memory { at, bytes, inodes, mode } => {
            let made = tmpfs(*bytes, *inodes, *mode, Some(owner)).step(&named("create the tmpfs for", at))?;
            Ok(Some(View::Mount(made)))
        }
        Node::Processes { .. } => Ok(Some(View::Mount(procfs().step("mount /proc")?))),
    }
}

/// A detached copy of a tree of the host, restricted with all its submounts.
pub(super) fn bind(host: &Bytes, access: Access) -> io::Result<OwnedFd> {
    let path = host.c_string()?;
    let flags = libc::OPEN_TREE_CLONE | libc::O_CLOEXEC as u32 | libc::AT_RECURSIVE as u32;
    // SAFETY: the path is a C string that lives through the call.
    let tree = owned(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) })?;
    let attributes = match access {
        Access::ReadOnly => MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
        Access::Writable => MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
        Access::Device => MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
    };
    restrict(&tree, attributes, libc::AT_RECURSIVE)?;
    Ok(tree)
}

/// A detached tmpfs; it belongs to `owner`, or to us.
pub(super) fn tmpfs(bytes: u64, inodes: u64, mode: u32, owner: Option<u32>) -> io::Result<OwnedFd> {
    let mut options =
        vec![("size", bytes.to_string()), ("nr_inodes", inodes.to_string()), ("mode", format!("{mode:o}"))];
    if let Some(owner) = owner {
        options.extend([("uid", owner.to_string()), ("gid", owner.to_string())]);
    }
    file_system(c"tmpfs", &options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
}

/// A detached procfs of our pid namespace that hides what may not be traced: PID 1 above all.
fn procfs() -> io::Result<OwnedFd> {
    let options = [("hidepid", "invisible".to_owned())];
    file_system(c"proc", &options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
}

/// A detached mount of a new file system.
pub(super) fn file_system(kind: &CStr, options: &[(&str, String)], attributes: u64) -> io::Result<OwnedFd> {
    let context = open_context(kind)?;
    for (key, value) in options {
        configure(&context, &CString::new(*key)?, &CString::new(value.as_str())?)?;
    }
    finish_context(&context, attributes)
}

/// Moves into `root` and drops the old tree.
fn swap_root(root: &OwnedFd) -> Result<(), Failure> {
    // Everything of the host that is needed is already held as a descriptor, so it does not matter what is covered;
    // /proc is the one directory that certainly exists.
    move_mount(root, c"/proc").step("attach the private root")?;
    nix::unistd::fchdir(root).step("enter the private root")?;
    nix::unistd::pivot_root(".", ".").step("pivot_root")?;
    // The old root now lies on top of the new one, at the same place.
    nix::mount::umount2(".", nix::mount::MntFlags::MNT_DETACH).step("detach the host's tree")?;
    nix::unistd::chdir("/").step("enter the private root")
}

/// Puts a node in its place in the tree that is now ours.
fn attach(node: &Node, part: Option<&View>) -> io::Result<()> {
    let at = node.at().path();
    make_parents(&at)?;
    match (node, part) {
        (Node::Link { to, .. }, _) => std::os::unix::fs::symlink(to.path(), &at),
        (Node::File { content, .. }, _) => std::fs::write(&at, content),
        (Node::Directory { .. }, _) => make_directories(&at),
        (_, Some(View::Copy(content, mode))) => view::write(&at, content, *mode),
        (_, Some(View::Mount(mount))) => {
            make_target(&at, mount)?;
            move_mount(mount, &node.at().c_string()?)
        }
        (_, None) => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Something of the right type to mount on.
pub(super) fn make_target(at: &Path, mount: &OwnedFd) -> io::Result<()> {
    // A descriptor from `open_tree` is an O_PATH one, which can be asked what it is but not read.
    let kind = std::fs::File::from(mount.try_clone()?).metadata()?.file_type();
    if kind.is_dir() {
        return make_directories(at);
    }
    if at.symlink_metadata().is_ok_and(|there| there.is_file() || there.file_type().is_char_device()) {
        return Ok(());
    }
    std::fs::File::create(at).map(drop)
}

/// The directories above a path.
fn make_parents(at: &Path) -> io::Result<()> {
    at.parent().map_or(Ok(()), make_directories)
}

/// A directory and those above it.
fn make_directories(at: &Path) -> io::Result<()> {
    if at.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(at)
}

/// Attaches a detached mount at an absolute path.
pub(super) fn move_mount(mount: &OwnedFd, at: &CStr) -> io::Result<()> {
    // SAFETY: both paths are C strings that live through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            at.as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    check(result)
}

/// Adds attributes to a mount, and with `AT_RECURSIVE` to all mounts below it.
fn restrict(mount: &OwnedFd, attributes: u64, flags: i32) -> io::Result<()> {
    let change = MountAttributes { set: attributes, clear: 0, propagation: 0, user_namespace: 0 };
    // SAFETY: the structure has the layout and the size that the call is told.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | flags,
            &raw const change,
            size_of::<MountAttributes>(),
        )
    };
    check(result)
}

/// Starts the configuration of a new file system.
fn open_context(kind: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: a C string and flags.
    owned(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) })
}

/// Sets one option of a new file system.
fn configure(context: &OwnedFd, key: &CStr, value: &CStr) -> io::Result<()> {
    let fd = context.as_raw_fd();
    // SAFETY: both strings live through the call.
    check(unsafe { libc::syscall(libc::SYS_fsconfig, fd, FSCONFIG_SET_STRING, key.as_ptr(), value.as_ptr(), 0) })
}

/// Creates the file system and a detached mount of it.
fn finish_context(context: &OwnedFd, attributes: u64) -> io::Result<OwnedFd> {
    let fd = context.as_raw_fd();
    let nothing = std::ptr::null::<u8>();
    // SAFETY: this command takes neither key nor value.
    check(unsafe { libc::syscall(libc::SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, nothing, nothing, 0) })?;
    // SAFETY: numbers only.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, fd, FSMOUNT_CLOEXEC, attributes) })
}

/// The result of a call that returns a descriptor.
fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    check(result)?;
    // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(result as RawFd) })
}

/// The result of a call that returns nothing of interest.
fn check(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A path in a message.
fn show(path: &Bytes) -> String {
    path.path().display().to_string()
}

/// `struct mount_attr` of the kernel.
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

// Numbers of <linux/mount.h> that not every libc names.
pub(super) const MOUNT_ATTR_RDONLY: u64 = 0x1;
pub(super) const MOUNT_ATTR_NOSUID: u64 = 0x2;
pub(super) const MOUNT_ATTR_NODEV: u64 = 0x4;
const MOUNT_ATTR_NOEXEC: u64 = 0x8;
const MOVE_MOUNT_F_EMPTY_PATH: u32 = 0x4;
const FSOPEN_CLOEXEC: u32 = 0x1;
const FSMOUNT_CLOEXEC: u32 = 0x1;
const FSCONFIG_SET_STRING: u32 = 1;
const FSCONFIG_CMD_CREATE: u32 = 6;
