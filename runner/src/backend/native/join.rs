//! How PID 1 comes into its cell: it is executed first, while the builder works, then joins what that has made, and gives
//! up all rights.

use super::{
    helper::{INSIDE, check, control, die_with_parent, hear, say},
    init, limits,
    wire::{Built, Failure, Report, Setup, Step, receive, send},
};
use nix::{
    errno::Errno,
    fcntl::{self, FcntlArg, FdFlag, OFlag},
    sched::{CloneFlags, setns, unshare},
    sys::{
        prctl,
        socket::{AddressFamily, MsgFlags, SockFlag, SockType, socket},
        stat::Mode,
    },
    unistd::{Gid, Uid, setgroups, setresgid, setresuid},
};
use std::{
    convert::Infallible,
    fs, io,
    net::TcpListener,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::fs::MetadataExt,
    },
};

/// The descriptor at which PID 1 finds the socket to helper and builder, and waits for what it has to join.
const HANDOVER: RawFd = 4;
/// Largest word of the builder, in bytes.
const LARGEST_WORD: usize = 256;

/// What an ordinary user's PID 1 needs to join namespaces, to forbid further ones and to empty its bounding set:
/// CAP_SETPCAP, CAP_SYS_CHROOT, CAP_SYS_ADMIN and CAP_SYS_RESOURCE. Root's has it all when it is executed.
const NEEDED: [libc::c_ulong; 4] = [8, 18, 21, 24];

/// The first child's part of the set-up: ends in `exec`, or in an error.
pub(super) fn execute(setup: &Setup, helper: &OwnedFd) -> Result<Infallible, Failure> {
    die_with_parent().step("PR_SET_PDEATHSIG")?;
    limits::no_core_files().step("set the limit on core files")?;
    for file in &setup.join {
        let path = file.path();
        fs::write(&path, "0").step(&format!("enter the cgroup {}", path.display()))?;
    }
    let own = [
        (CloneFlags::CLONE_NEWNET, "create a network namespace"),
        (CloneFlags::CLONE_NEWIPC, "create an ipc namespace"),
        (CloneFlags::CLONE_NEWUTS, "create a uts namespace"),
        // Its root is the cgroup that was entered.
        (CloneFlags::CLONE_NEWCGROUP, "create a cgroup namespace"),
    ];
    own.into_iter().try_for_each(|(flag, step)| unshare(flag).step(step))?;
    fresh_session_keyring();
    nix::unistd::sethostname("cell").step("set the host name")?;
    loopback_up().step("bring the loopback interface up")?;
    if setup.egress {
        let listener = listen()?;
        send(control(), &Report::Listening, &[listener.as_raw_fd()]).step("hand over the egress socket")?;
    }
    place(helper).step("sort descriptors")?;
    let program = open_ourselves().step("open the program of PID 1")?;
    if setup.identity.dedicated().is_none() {
        keep_needed().step("keep capabilities")?;
    }
    init::execute(&program, Some(HANDOVER)).step("execute PID 1")
}

/// Puts the socket where [`join`] looks for it, open across `exec`.
fn place(helper: &OwnedFd) -> io::Result<()> {
    // SAFETY: what this process may have there it uses no more: it ends by `exec`, or at once.
    check(unsafe { libc::dup2(helper.as_raw_fd(), HANDOVER) })?;
    // SAFETY: it was put there the moment before.
    let placed = unsafe { BorrowedFd::borrow_raw(HANDOVER) };
    fcntl::fcntl(placed, FcntlArg::F_SETFD(FdFlag::empty())).map(drop).map_err(Into::into)
}

/// Joins what helper and builder make, and tell of at a descriptor.
pub(super) fn join(helper: RawFd) -> Result<(), Failure> {
    const RECEIVE: &str = "receive the mount namespace";
    prctl::set_dumpable(false).step("hide from the cell's programs")?;
    // SAFETY: `place` has put it there, and nobody else knows of it.
    let helper = unsafe { OwnedFd::from_raw_fd(helper) };
    let built: Option<(Built, _)> = receive(helper.as_fd(), &mut [0; LARGEST_WORD]).step(RECEIVE)?;
    let (Built { identity, root }, namespace) = built.ok_or(Errno::EPIPE).step(RECEIVE)?;
    let namespace = namespace.first().ok_or(Errno::EBADF).step(RECEIVE)?;
    setns(namespace, CloneFlags::CLONE_NEWNS).step("join the mount namespace")?;
    // Who joins gets the namespace's own root. That is another than the builder's if takehome runs in a `chroot`.
    if root != root_device().step("look at the private root")? {
        return Err(Failure::new("find the private root in the mount namespace", Errno::EXDEV));
    }
    if identity.dedicated().is_some() {
        become_dedicated(&helper)?;
    }
    forbid_nesting().step("forbid further namespaces")?;
    limit_queues().step("limit event queues")?;
    drop_privileges()?;
    wait(&helper)
}

/// The file system at the root: a private one is a device of its own.
pub(super) fn root_device() -> io::Result<u64> {
    fs::metadata("/").map(|root| root.dev())
}

/// Waits for a word of the helper: that the maps are written, and at last that the builder is gone.
fn wait(helper: &OwnedFd) -> Result<(), Failure> {
    if hear(helper, MsgFlags::empty()) { Ok(()) } else { Err(Failure::new("wait for the helper", Errno::EPIPE)) }
}

/// Brings up `lo`, which a new network namespace has but down.
fn loopback_up() -> io::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: all zeroes is a valid `ifreq`; the call reads and writes no more than one.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        check(libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &raw mut request))?;
        request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short;
        check(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw mut request)).map(drop)
    }
}

/// The socket of the proxy, bound in the cell's network but served by takehome.
pub(super) fn listen() -> Result<TcpListener, Failure> {
    TcpListener::bind(crate::backend::EGRESS).step("listen for the proxy")
}

/// Leaves the session keyring of whoever started takehome, which may hold tickets and disk keys. An ordinary user can
/// run out of the small number of keyrings the kernel grants; then a later seccomp filter is what keeps `keyctl` away.
pub(super) fn fresh_session_keyring() {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: no name means a new anonymous keyring.
    unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, std::ptr::null::<u8>()) };
}

/// This executable, by descriptor: its path may be gone by then.
pub(super) fn open_ourselves() -> nix::Result<OwnedFd> {
    fcntl::open("/proc/self/exe", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
}

/// From root to the user of the cell, in a user namespace of its own. All namespaces made so far stay the host's
/// root's, so that not even a way to capabilities inside would give any rights over them.
fn become_dedicated(helper: &OwnedFd) -> Result<(), Failure> {
    setgroups(&[]).step("drop groups")?;
    unshare(CloneFlags::CLONE_NEWUSER).step("create a user namespace")?;
    say(helper);
    wait(helper)?;
    let (user, group) = (Uid::from_raw(INSIDE), Gid::from_raw(INSIDE));
    setresgid(group, group, group).step("change the group")?;
    setresuid(user, user, user).step("change the user")
}

/// As many event queues for files as a cell may have.
const QUEUES: &str = "8";
/// The kinds of namespaces of which a cell can make no further ones.
const NOT_NESTED: [&str; 4] = ["user", "mnt", "net", "pid"];

/// Takes from the cell the right to make namespaces in which it would have all capabilities, and with them a large
/// part of the kernel to attack.
fn forbid_nesting() -> io::Result<()> {
    NOT_NESTED.iter().try_for_each(|kind| fs::write(format!("/proc/sys/user/max_{kind}_namespaces"), "0"))
}

/// Leaves the cell a few event queues for files. All that it has count as the user's who has started takehome, and could
/// be all that user may have.
fn limit_queues() -> io::Result<()> {
    match fs::write("/proc/sys/user/max_inotify_instances", QUEUES) {
        // A kernel without them.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        written => written,
    }
}

/// Leaves this process, and all it will ever start, without capabilities or a way to regain any.
fn drop_privileges() -> Result<(), Failure> {
    nix::unistd::setsid().step("setsid")?;
    for capability in 0..64 {
        // SAFETY: numbers only. Numbers above the kernel's last capability are refused.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } != 0 {
            match Errno::last() {
                Errno::EINVAL => break,
                error => return Err(Failure::new("drop the bounding set", error)),
            }
        }
    }
    clear_capabilities().step("drop capabilities")?;
    prctl::set_no_new_privs().step("set no_new_privs")
}

/// Keeps across `exec` what is needed after it, and nothing else.
fn keep_needed() -> io::Result<()> {
    set_capabilities(NEEDED.iter().fold(0, |sum, number| sum | 1 << number))?;
    // SAFETY: numbers only.
    let raise =
        |number: libc::c_ulong| unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, number, 0, 0) };
    NEEDED.into_iter().try_for_each(|number| check(raise(number)).map(drop))
}

/// Empties the effective, permitted and inheritable sets; the ambient set follows.
pub(super) fn clear_capabilities() -> io::Result<()> {
    set_capabilities(0)
}

/// Makes the effective, permitted and inheritable sets these of the first 32 capabilities.
fn set_capabilities(set: u32) -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION_3, 0];
    let sets = [set, set, set, 0, 0, 0];
    // SAFETY: the structures have the layout of version 3: two header words and two times three words.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) } as i32).map(drop)
}
