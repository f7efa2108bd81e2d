//! The first of our code inside walls that another program has put up: enters the cgroups, opens the proxy's socket, and
//! executes PID 1 with nothing left that it could lose.

use super::{
    super::{
        helper::{check, control, give_up},
        init,
        join::{clear_capabilities, fresh_session_keyring, listen, open_ourselves},
        wire::{CONTROL, Failure, LARGEST_PACKET, Report, Request, Step, receive, send},
    },
    Enter,
};
use nix::{errno::Errno, sys::prctl};
use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsRawFd,
};

/// The whole life of an entrance that fails; one that succeeds has become PID 1. The result is its exit status.
pub(super) fn run() -> i32 {
    let Err(failure) = enter();
    give_up(failure)
}

fn enter() -> Result<std::convert::Infallible, Failure> {
    let program = open_ourselves().step("open the program of PID 1")?;
    close_the_rest(program.as_raw_fd()).step("sort descriptors")?;
    let mut buffer = vec![0; LARGEST_PACKET];
    let (enter, groups): (Enter, _) = match receive(control(), &mut buffer).step("receive the specification")? {
        Some((Request::Enter(enter), groups)) => (enter, groups),
        _ => return Err(Failure::new("receive the specification", Errno::EPROTO)),
    };
    for group in groups {
        File::from(group).write_all(b"0").step("enter the cgroup")?;
    }
    fresh_session_keyring();
    let egress = enter.egress.then(listen).transpose()?;
    own_session().step("setsid")?;
    drop_bounding_set()?;
    clear_capabilities().step("drop capabilities")?;
    prctl::set_no_new_privs().step("set no_new_privs")?;
    if let Some(walls) = &enter.walls {
        prctl::set_child_subreaper(true).step("become a subreaper")?;
        walls.put_up()?;
    }
    if let Some(listener) = egress {
        send(control(), &Report::Listening, &[listener.as_raw_fd()]).step("hand over the egress socket")?;
    }
    if enter.walls.is_some() {
        // Not executed anew: behind these walls our program cannot be reached, and this process holds nothing but what
        // the launcher was told about this cell.
        drop(program);
        std::process::exit(init::run());
    }
    init::execute(&program, None).step("execute PID 1")
}

/// Leaves nothing open but the control socket and our own program, which closes itself.
fn close_the_rest(program: i32) -> io::Result<()> {
    // SAFETY: numbers only; no Rust object owns one of these descriptors but the program's, which stays.
    unsafe {
        let (low, high) = (CONTROL + 1, program - 1);
        if low <= high {
            check(libc::syscall(libc::SYS_close_range, low, high, 0) as i32)?;
        }
        check(libc::syscall(libc::SYS_close_range, program + 1, u32::MAX, 0) as i32)?;
        let null = check(libc::open(c"/dev/null".as_ptr(), libc::O_RDWR))?;
        (0..3).try_for_each(|fd| check(libc::dup2(null, fd)).map(drop))?;
        check(libc::close(null)).map(drop)
    }
}

/// A session of its own, unless it has one.
fn own_session() -> nix::Result<()> {
    match nix::unistd::setsid() {
        Err(Errno::EPERM) if nix::unistd::getsid(None) == Ok(nix::unistd::Pid::this()) => Ok(()),
        other => other.map(drop),
    }
}

/// Empties the bounding set. Who has no right to do so has no capabilities that could be regained either: with
/// `no_new_privs` no program gives any.
pub(super) fn drop_bounding_set() -> Result<(), Failure> {
    for capability in 0..64 {
        // SAFETY: numbers only. Numbers above the kernel's last capability are refused.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } != 0 {
            match Errno::last() {
                Errno::EINVAL | Errno::EPERM => break,
                error => return Err(Failure::new("drop the bounding set", error)),
            }
        }
    }
    Ok(())
}
