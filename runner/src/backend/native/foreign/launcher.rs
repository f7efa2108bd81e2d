//! The process that starts the program that puts up a cell's walls, and waits for it: a fork of the zygote, for the
//! reasons that the native helper is one.
//!
//! It holds a cell together from outside: when takehome goes away it kills what it has started, and it ends after the
//! last process of the cell, because orphans come to it.

use super::{
    super::{
        helper::{control, die_with_parent, give_up, isolate_descriptors, wait_for_either},
        join::open_ourselves,
        mounts,
        wire::{Bytes, Failure, LARGEST_PACKET, Report, Request, Step, receive, send},
    },
    Launch, PROGRAM, REACH, Reach, descendants, entrance,
};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    sched::{CloneFlags, unshare},
    sys::{
        memfd::{MFdFlags, memfd_create},
        prctl,
        signal::Signal,
    },
    unistd::{ForkResult, Gid, Pid, Uid, fork, setgroups, setresgid, setresuid},
};
use std::{
    ffi::CString,
    io::{Read, Seek, Write},
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    path::Path,
};

/// How often a look is taken at what tidies up: five seconds in all.
const TIDYING: u32 = 1000;
/// Most of what another program says that is passed on.
const MOST_WORDS: u64 = 2000;

/// The whole life of a launcher; the result is its exit status.
pub(in crate::backend::native) fn run() -> i32 {
    match launch() {
        Ok(started) => supervise(started),
        Err(failure) => give_up(failure),
    }
}

/// A program that runs.
struct Started {
    name: String,
    child: Pid,
    /// What it says about its errors.
    errors: OwnedFd,
    /// What tidies up after it.
    tidy: Vec<Bytes>,
    env: Vec<String>,
}

fn launch() -> Result<Started, Failure> {
    isolate_descriptors().step("sort descriptors")?;
    let mut buffer = vec![0; LARGEST_PACKET];
    let launch: Launch = match receive(control(), &mut buffer).step("receive the specification")? {
        Some((Request::Launch(launch), _)) => *launch,
        _ => return Err(Failure::new("receive the specification", Errno::EPROTO)),
    };
    bring_within_reach(&launch.reach)?;
    let files = hold_open(&launch.files)?;
    prctl::set_child_subreaper(true).step("become a subreaper")?;
    let (errors, writing) = nix::unistd::pipe2(OFlag::O_CLOEXEC).step("make a pipe")?;
    let program = launch.argv.first().map(Bytes::path).unwrap_or_default();
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // SAFETY: this process has one thread, so the child may do anything.
    match unsafe { fork() }.step("fork")? {
        ForkResult::Parent { child } => {
            drop(files);
            Ok(Started { name, child, errors, tidy: launch.tidy, env: launch.env })
        }
        ForkResult::Child => std::process::exit(match become_it(&launch, &writing) {
            Ok(()) => entrance::run(),
            Err(failure) => give_up(failure),
        }),
    }
}

/// As root: mounts what the cell's user has no way to where it can be reached, in a mount namespace of our own, so that
/// the host never sees it. What is read-only is so with everything mounted below it.
fn bring_within_reach(trees: &[Reach]) -> Result<(), Failure> {
    if trees.is_empty() {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWNS).step("create a mount namespace")?;
    mounts::forget_propagation()?;
    let mut detached = Vec::new();
    for tree in trees {
        let step = format!("bind {}", tree.host.path().display());
        detached.push(mounts::bind(&tree.host, tree.access).step(&step)?);
    }
    let place = mounts::tmpfs(4 << 20, 4096, 0o755, None).step("create a tmpfs")?;
    mounts::move_mount(&place, c"/tmp").step("mount a tmpfs")?;
    for (index, tree) in detached.iter().enumerate() {
        let at = Path::new(REACH).join(index.to_string());
        mounts::make_target(&at, tree).step("bring a mount within reach")?;
        let at = Bytes::from(at.as_path()).c_string().step("bring a mount within reach")?;
        mounts::move_mount(tree, &at).step("bring a mount within reach")?;
    }
    Ok(())
}

/// Opens our own program and the files at the descriptors where the other program shall find them, which are the lowest
/// free ones.
fn hold_open(files: &[String]) -> Result<Vec<OwnedFd>, Failure> {
    let program = open_ourselves().step("open the program of PID 1")?;
    let mut held = vec![program];
    for content in files {
        let memory = memfd_create(c"file", MFdFlags::empty()).step("make a file")?;
        let mut file = std::fs::File::from(memory);
        file.write_all(content.as_bytes()).and_then(|()| file.rewind()).step("make a file")?;
        held.push(file.into());
    }
    for (index, descriptor) in held.iter().enumerate() {
        if descriptor.as_raw_fd() != PROGRAM + index as i32 {
            return Err(Failure::new("sort descriptors", Errno::EBADF));
        }
        fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty())).step("sort descriptors")?;
    }
    Ok(held)
}

/// Turns this process, a fresh child of the launcher, into the other program. Returns without an error only when there
/// is none, and we are to be the entrance ourselves.
fn become_it(launch: &Launch, errors: &OwnedFd) -> Result<(), Failure> {
    die_with_parent().step("PR_SET_PDEATHSIG")?;
    // SAFETY: numbers only; nothing in this process owns 2.
    Errno::result(unsafe { libc::dup2(errors.as_raw_fd(), 2) }).step("sort descriptors")?;
    if let Some(id) = launch.user {
        let (user, group) = (Uid::from_raw(id), Gid::from_raw(id));
        entrance::drop_bounding_set()?;
        setgroups(&[]).step("drop groups")?;
        setresgid(group, group, group).step("change the group")?;
        setresuid(user, user, user).step("change the user")?;
        die_with_parent().step("PR_SET_PDEATHSIG")?;
    }
    let argv: Result<Vec<CString>, _> = launch.argv.iter().map(Bytes::c_string).collect();
    let env: Result<Vec<CString>, _> = launch.env.iter().map(|text| CString::new(text.as_str())).collect();
    let (argv, env) = (argv.step("read the arguments")?, env.step("read the environment")?);
    let Some(program) = argv.first() else { return Ok(()) };
    nix::unistd::chdir("/").step("chdir")?;
    nix::unistd::execve(program, &argv, &env).step(&format!("execute {}", launch.argv[0].path().display())).map(|_| ())
}

/// Waits for the program, or for takehome to go away, and then for the last process of the cell.
fn supervise(started: Started) -> i32 {
    // SAFETY: numbers only.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, started.child.as_raw(), 0) } as i32;
    if pidfd >= 0 {
        // SAFETY: a new descriptor that nobody else owns.
        wait_for_either(unsafe { OwnedFd::from_raw_fd(pidfd) }.as_fd());
    }
    let failed = reap(started.child);
    if failed {
        complain(&started);
    }
    tidy_up(&started);
    0
}

/// Runs what tidies up; an error of it has nobody left to hear it.
fn tidy_up(started: &Started) {
    let Some((program, arguments)) = started.tidy.split_first() else { return };
    let mut command = std::process::Command::new(program.path());
    command.args(arguments.iter().map(Bytes::path)).env_clear();
    command.envs(started.env.iter().filter_map(|variable| variable.split_once('=')));
    let _ = command.status();
}

/// Reaps the program and everything below; whether the program itself had ended with an error before.
///
/// Where it has ended well, others have a moment to tidy up after it, as container runtimes do; then all are killed.
fn reap(child: Pid) -> bool {
    let mut status = 0;
    // SAFETY: the status is ours.
    let ended = unsafe { libc::waitpid(child.as_raw(), &raw mut status, libc::WNOHANG) } == child.as_raw();
    let well = ended && libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
    for _ in 0..if well { TIDYING } else { 0 } {
        if !any_left(libc::WNOHANG) {
            return false;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    loop {
        descendants::signal(Signal::SIGKILL);
        if !any_left(0) {
            return ended && libc::WIFEXITED(status) && !well;
        }
    }
}

/// Reaps one process that has ended, if any; whether there may be more.
fn any_left(flags: i32) -> bool {
    // SAFETY: no status is asked for.
    unsafe { libc::waitpid(-1, std::ptr::null_mut(), flags) >= 0 || Errno::last() == Errno::EINTR }
}

/// Passes on what the program has said.
fn complain(started: &Started) {
    let mut words = Vec::new();
    let _ = fcntl(&started.errors, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    if let Ok(errors) = started.errors.try_clone() {
        let _ = std::fs::File::from(errors).take(MOST_WORDS).read_to_end(&mut words);
    }
    let words = String::from_utf8_lossy(&words);
    let words: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let Some(last) = words.last() {
        let step = format!("{}: {}", started.name, last.trim_start_matches(&format!("{}: ", started.name)));
        let _ = send(control(), &Report::Failed(Failure { errno: errno_in(&started.name, &step), step }), &[]);
    }
}

/// The number of an error that is known only by its words; 0 where they are about more than system calls.
fn errno_in(program: &str, text: &str) -> i32 {
    if program != "bwrap" {
        return 0;
    }
    let known = [
        ("No space left", libc::ENOSPC),
        ("Permission denied", libc::EACCES),
        ("permission denied", libc::EACCES),
        ("not permitted", libc::EPERM),
        ("does not allow", libc::EPERM),
        ("No such file", libc::ENOENT),
        ("no such file", libc::ENOENT),
    ];
    known.iter().find(|(words, _)| text.contains(words)).map_or(0, |(_, errno)| *errno)
}
