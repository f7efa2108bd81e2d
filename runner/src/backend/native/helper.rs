//! The set-up process of a cell: makes the namespaces, the private root and PID 1, and then waits for that to end.
//!
//! It is forked by the zygote and not by takehome, because a fork of a multi-threaded process may do next to nothing
//! safely, and because a copy of takehome's memory (hidden seeds, tokens) has no place near a candidate's code.

use super::{
    init, limits, mounts,
    wire::{CONTROL, Failure, Identity, LARGEST_PACKET, Report, Request, Setup, Step, receive, send},
};
use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        signal::{Signal, kill},
        socket::{AddressFamily, SockFlag, SockType, socketpair},
        wait::waitpid,
    },
    unistd::{ForkResult, Gid, Pid, Uid, fork, setgroups, setresgid, setresuid},
};
use std::{
    fs, io,
    net::TcpListener,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

/// The user and group that a cell's programs are, as they see it.
pub(super) const INSIDE: u32 = 1000;

/// The control socket of this process.
pub(super) fn control() -> BorrowedFd<'static> {
    // SAFETY: `isolate_descriptors` has put it there, and nothing closes it.
    unsafe { BorrowedFd::borrow_raw(CONTROL) }
}

/// The whole life of a helper; the result is its exit status.
pub(super) fn run() -> i32 {
    match set_up() {
        Ok(child) => supervise(child),
        Err(failure) => give_up(failure),
    }
}

/// Tells takehome what went wrong.
pub(super) fn give_up(failure: Failure) -> i32 {
    let _ = send(control(), &Report::Failed(failure), &[]);
    1
}

/// Makes PID 1 of the cell.
fn set_up() -> Result<Pid, Failure> {
    isolate_descriptors().step("sort descriptors")?;
    let mut buffer = vec![0; LARGEST_PACKET];
    let setup = match receive(control(), &mut buffer).step("receive the specification")? {
        Some((Request::Setup(setup), _)) => setup,
        _ => return Err(Failure::new("receive the specification", Errno::EPROTO)),
    };
    let flags = SockFlag::SOCK_CLOEXEC;
    let (ours, theirs) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).step("create a socket pair")?;
    leave_host_pids(&setup)?;
    // SAFETY: this process has one thread, so the child may do anything.
    match unsafe { fork() }.step("fork PID 1")? {
        ForkResult::Parent { child } => {
            drop(theirs);
            map_child(&setup, child, &ours)?;
            Ok(child)
        }
        ForkResult::Child => {
            drop(ours);
            let Err(failure) = become_init(&setup, &theirs);
            std::process::exit(give_up(failure));
        }
    }
}

/// Leaves nothing open but the control socket, which was handed over as standard input.
pub(super) fn isolate_descriptors() -> io::Result<()> {
    // SAFETY: no Rust object owns one of these descriptors; the standard streams are never closed by the library.
    unsafe {
        check(libc::dup2(0, CONTROL))?;
        check(libc::syscall(libc::SYS_close_range, CONTROL + 1, u32::MAX, 0) as i32)?;
        let null = check(libc::open(c"/dev/null".as_ptr(), libc::O_RDWR))?;
        (0..3).try_for_each(|fd| check(libc::dup2(null, fd)).map(drop))?;
        check(libc::close(null)).map(drop)
    }
}

/// The result of a C call.
pub(super) fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A pid namespace for the child that is forked next; an ordinary user needs a user namespace first.
fn leave_host_pids(setup: &Setup) -> Result<(), Failure> {
    if let Identity::Own { uid, gid } = setup.identity {
        unshare(CloneFlags::CLONE_NEWUSER).step("create a user namespace")?;
        write_maps("self", uid, gid).step("write the user namespace's maps")?;
    }
    unshare(CloneFlags::CLONE_NEWPID).step("create a pid namespace")
}

/// Maps the inside user to one of the host, and nothing else.
fn write_maps(process: &str, uid: u32, gid: u32) -> io::Result<()> {
    let folder = std::path::Path::new("/proc").join(process);
    fs::write(folder.join("setgroups"), "deny")?;
    fs::write(folder.join("uid_map"), format!("{INSIDE} {uid} 1"))?;
    fs::write(folder.join("gid_map"), format!("{INSIDE} {gid} 1"))
}

/// As root: writes the maps of PID 1 once it has made its user namespace. Only a process outside may map a user that
/// it is not.
fn map_child(setup: &Setup, child: Pid, sync: &OwnedFd) -> Result<(), Failure> {
    let Identity::Dedicated(id) = setup.identity else { return Ok(()) };
    if !hear(sync) {
        // It has failed and told takehome why.
        return Ok(());
    }
    write_maps(&child.to_string(), id, id).step("write the user namespace's maps")?;
    say(sync).step("wake PID 1")
}

/// Waits for one word from the other side; false when it is gone.
fn hear(sync: &OwnedFd) -> bool {
    let mut word = [0];
    matches!(nix::unistd::read(sync, &mut word), Ok(1))
}

/// One word to the other side.
fn say(sync: &OwnedFd) -> nix::Result<()> {
    nix::unistd::write(sync, &[1]).map(drop)
}

/// Waits for PID 1, or for takehome to go away: then kills PID 1, and with it the whole cell.
fn supervise(child: Pid) -> i32 {
    // SAFETY: numbers only.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) } as i32;
    if pidfd >= 0 {
        // SAFETY: a new descriptor that nobody else owns.
        wait_for_either(unsafe { OwnedFd::from_raw_fd(pidfd) }.as_fd());
    }
    // Harmless when it has ended by itself: it is still unreaped, so the pid is its own.
    let _ = kill(child, Signal::SIGKILL);
    let _ = waitpid(child, None);
    0
}

/// Returns when the process has ended or the control socket has no other end.
pub(super) fn wait_for_either(process: BorrowedFd<'_>) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    // No flags: requests are for PID 1, and a hang-up is always told.
    let mut both = [PollFd::new(process, PollFlags::POLLIN), PollFd::new(control(), PollFlags::empty())];
    while poll(&mut both, PollTimeout::NONE) == Err(Errno::EINTR) {}
}

/// The child's part of the set-up: ends in `exec`, or in an error.
fn become_init(setup: &Setup, sync: &OwnedFd) -> Result<std::convert::Infallible, Failure> {
    die_with_parent().step("PR_SET_PDEATHSIG")?;
    limits::no_core_files().step("set the limit on core files")?;
    for file in &setup.join {
        let path = file.path();
        fs::write(&path, "0").step(&format!("enter the cgroup {}", path.display()))?;
    }
    let rest = [
        (CloneFlags::CLONE_NEWNS, "create a mount namespace"),
        (CloneFlags::CLONE_NEWNET, "create a network namespace"),
        (CloneFlags::CLONE_NEWIPC, "create an ipc namespace"),
        (CloneFlags::CLONE_NEWUTS, "create a uts namespace"),
        (CloneFlags::CLONE_NEWCGROUP, "create a cgroup namespace"),
    ];
    rest.into_iter().try_for_each(|(flag, step)| unshare(flag).step(step))?;
    fresh_session_keyring();
    nix::unistd::sethostname("cell").step("set the host name")?;
    loopback_up().step("bring the loopback interface up")?;
    let egress = setup.egress.then(listen).transpose()?;
    let program = open_ourselves().step("open the program of PID 1")?;
    let owner = match setup.identity {
        Identity::Dedicated(id) => id,
        Identity::Own { .. } => INSIDE,
    };
    mounts::enter(&setup.nodes, owner)?;
    if matches!(setup.identity, Identity::Dedicated(_)) {
        become_dedicated(sync)?;
    }
    forbid_nesting().step("forbid further namespaces")?;
    if let Some(listener) = egress {
        send(control(), &Report::Listening, &[listener.as_raw_fd()]).step("hand over the egress socket")?;
    }
    drop_privileges()?;
    init::execute(&program).step("execute PID 1")
}

/// The kernel kills this process when its parent ends.
pub(super) fn die_with_parent() -> nix::Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)
}

/// Leaves the session keyring of whoever started takehome, which may hold tickets and disk keys. An ordinary user can
/// run out of the small number of keyrings the kernel grants; then a later seccomp filter is what keeps `keyctl` away.
pub(super) fn fresh_session_keyring() {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: no name means a new anonymous keyring.
    unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, std::ptr::null::<u8>()) };
}

/// Brings up `lo`, which a new network namespace has but down.
fn loopback_up() -> io::Result<()> {
    let socket = nix::sys::socket::socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
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

/// This executable, by descriptor: its path will be gone.
pub(super) fn open_ourselves() -> nix::Result<OwnedFd> {
    use nix::{fcntl, sys::stat::Mode};
    fcntl::open("/proc/self/exe", fcntl::OFlag::O_PATH | fcntl::OFlag::O_CLOEXEC, Mode::empty())
}

/// From root to the user of the cell, in a user namespace of its own. All namespaces made so far stay the host's
/// root's, so that not even a way to capabilities inside would give any rights over them.
fn become_dedicated(sync: &OwnedFd) -> Result<(), Failure> {
    setgroups(&[]).step("drop groups")?;
    unshare(CloneFlags::CLONE_NEWUSER).step("create a user namespace")?;
    say(sync).step("ask for the user namespace's maps")?;
    if !hear(sync) {
        return Err(Failure::new("write the user namespace's maps", Errno::EPERM));
    }
    let (user, group) = (Uid::from_raw(INSIDE), Gid::from_raw(INSIDE));
    setresgid(group, group, group).step("change the group")?;
    setresuid(user, user, user).step("change the user")
}

/// The kinds of namespaces of which a cell can make no further ones.
const NOT_NESTED: [&str; 4] = ["user", "mnt", "net", "pid"];

/// Takes from the cell the right to make namespaces in which it would have all capabilities, and with them a large
/// part of the kernel to attack.
fn forbid_nesting() -> io::Result<()> {
    NOT_NESTED.iter().try_for_each(|kind| fs::write(format!("/proc/sys/user/max_{kind}_namespaces"), "0"))
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

/// Empties the effective, permitted and inheritable sets; the ambient set follows.
pub(super) fn clear_capabilities() -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION_3, 0];
    let sets = [0u32; 6];
    // SAFETY: the structures have the layout of version 3: two header words and two times three words.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) } as i32).map(drop)
}
