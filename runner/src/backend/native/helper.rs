//! The set-up process of a cell: starts PID 1 and the builder of what that moves into, and then waits for it to end.
//!
//! It is forked by the zygote and not by takehome, because a fork of a multi-threaded process may do next to nothing
//! safely, and because a copy of takehome's memory (hidden seeds, tokens) has no place near a candidate's code.

use super::{
    builder, join,
    wire::{CONTROL, Failure, Identity, LARGEST_PACKET, Report, Request, Setup, Step, receive, send},
};
use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        signal::{Signal, kill},
        socket::{AddressFamily, MsgFlags, SockFlag, SockType, socketpair},
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, fork},
};
use std::{
    fs, io,
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
        Ok(child) => i32::from(supervise(child).is_err()),
        Err(failure) => give_up(failure),
    }
}

/// Tells takehome what went wrong.
pub(super) fn give_up(failure: Failure) -> i32 {
    let _ = send(control(), &Report::Failed(failure), &[]);
    1
}

/// Makes PID 1 of the cell, and has its root built.
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
    // The first is PID 1.
    let child = in_a_child("fork PID 1", || join::execute(&setup, &theirs).map(|never| match never {}))?;
    let builder = in_a_child("fork the builder", || builder::build(&setup, &ours));
    drop(theirs);
    let admitted = builder.and_then(|builder| match supervise(builder) {
        Ok(WaitStatus::Exited(_, 0)) => admit(&setup, child, &ours),
        // It has told takehome why.
        Ok(WaitStatus::Exited(..)) => Ok(()),
        _ => Err(Failure::new("wait for the builder: something has killed it, or PID 1", Errno::ECANCELED)),
    });
    if let Err(failure) = admitted {
        give_up(failure);
    }
    // If it was not admitted, it sees our end of the socket close.
    Ok(child)
}

/// Forks a child that does one thing.
fn in_a_child(step: &str, work: impl FnOnce() -> Result<(), Failure>) -> Result<Pid, Failure> {
    // SAFETY: this process has one thread, so the child may do anything.
    match unsafe { fork() }.step(step)? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => std::process::exit(work().map_or_else(give_up, |()| 0)),
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

/// A pid namespace for the children that are forked next; an ordinary user needs a user namespace first.
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

/// Lets PID 1 go on in the cell that has been built. As root it first gets the maps of the user namespace that it has made
/// by then: only a process outside may map a user that it is not.
fn admit(setup: &Setup, child: Pid, init: &OwnedFd) -> Result<(), Failure> {
    if let Some(id) = setup.identity.dedicated() {
        wait_for_either(init.as_fd());
        if !hear(init, MsgFlags::MSG_DONTWAIT) {
            // It has failed and tells takehome why, or takehome is gone.
            return Ok(());
        }
        write_maps(&child.to_string(), id, id).step("write the user namespace's maps")?;
        say(init);
    }
    say(init);
    Ok(())
}

/// One word from the other side; false when it is gone, or if there is none and `flags` say not to wait.
pub(super) fn hear(sync: &OwnedFd, flags: MsgFlags) -> bool {
    let mut word = [0];
    matches!(nix::sys::socket::recv(sync.as_raw_fd(), &mut word, flags), Ok(1))
}

/// One word to the other side. Who has failed does not hear it, and tells takehome why.
pub(super) fn say(sync: &OwnedFd) {
    let _ = nix::unistd::write(sync, &[1]);
}

/// Waits for a child, or for takehome to go away: then kills the child, and if that is PID 1, the whole cell with it.
fn supervise(child: Pid) -> nix::Result<WaitStatus> {
    // SAFETY: numbers only.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) } as i32;
    if pidfd >= 0 {
        // SAFETY: a new descriptor that nobody else owns.
        wait_for_either(unsafe { OwnedFd::from_raw_fd(pidfd) }.as_fd());
    }
    // Harmless when it has ended by itself: it is still unreaped, so the pid is its own.
    let _ = kill(child, Signal::SIGKILL);
    waitpid(child, None)
}

/// Returns when the process has ended, or the socket has something to read, or the control socket has no other end.
pub(super) fn wait_for_either(process: BorrowedFd<'_>) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    // No flags: requests are for PID 1, and a hang-up is always told.
    let mut both = [PollFd::new(process, PollFlags::POLLIN), PollFd::new(control(), PollFlags::empty())];
    while poll(&mut both, PollTimeout::NONE) == Err(Errno::EINTR) {}
}

/// The kernel kills this process when its parent ends.
pub(super) fn die_with_parent() -> nix::Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)
}
