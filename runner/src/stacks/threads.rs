//! The threads of a process, stopped until this process ends.

use framehop::UnwindRegsNative;
use nix::{
    sys::{
        ptrace,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Most threads of a process.
const MOST: usize = 512;
/// How often a process is asked for threads that have come since.
const WALKS: u32 = 4;

/// How long all of them may take to stop.
const PATIENCE: Duration = Duration::from_millis(500);

/// A thread that was stopped.
pub(super) struct Thread {
    /// What it waits in, in the words of a report; it runs if nothing.
    pub(super) waits_in: Option<&'static str>,
    /// Where it stands.
    pub(super) program_counter: u64,
    /// What its stack is walked with.
    pub(super) registers: UnwindRegsNative,
}

/// Stops the threads of a process, those that stop soon. They run on when this process ends.
pub(super) fn stopped(process: i32) -> Vec<Thread> {
    let mut asked = BTreeMap::new();
    for _ in 0..WALKS {
        let all = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        let numbers = all.filter_map(|task| task.file_name().to_str()?.parse().ok());
        let fresh: Vec<i32> = numbers.filter(|number| !asked.contains_key(number)).collect();
        if fresh.is_empty() {
            break;
        }
        for number in fresh.into_iter().take(MOST.saturating_sub(asked.len())) {
            let line = std::fs::read_to_string(format!("/proc/{process}/task/{number}/syscall")).unwrap_or_default();
            let stops = ask(Pid::from_raw(number)).is_ok();
            asked.insert(number, stops.then(|| call(&line)));
        }
    }
    let deadline = Instant::now() + PATIENCE;
    let asked = asked.into_iter().filter_map(|(number, waits_in)| Some((Pid::from_raw(number), waits_in?)));
    asked.filter_map(|(number, waits_in)| wait(number, waits_in, deadline)).collect()
}

/// Asks a thread to stop.
fn ask(thread: Pid) -> nix::Result<()> {
    ptrace::seize(thread, ptrace::Options::empty())?;
    ptrace::interrupt(thread)
}

/// Waits until a thread has stopped. One that is deep in the kernel may never do so.
fn wait(number: Pid, waits_in: Option<&'static str>, deadline: Instant) -> Option<Thread> {
    while let Ok(WaitStatus::StillAlive) = waitpid(number, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let (program_counter, registers) = registers(&ptrace::getregs(number).ok()?);
    Some(Thread { waits_in, program_counter, registers })
}

#[cfg(target_arch = "x86_64")]
fn registers(of: &libc::user_regs_struct) -> (u64, UnwindRegsNative) {
    (of.rip, UnwindRegsNative::new(of.rip, of.rsp, of.rbp))
}

#[cfg(target_arch = "aarch64")]
fn registers(of: &libc::user_regs_struct) -> (u64, UnwindRegsNative) {
    (of.pc, UnwindRegsNative::new(of.regs[30], of.sp, of.regs[29]))
}

/// What a thread waits in, by its system call in `/proc/<pid>/task/<tid>/syscall`: `202 0x7f…` (proc(5)).
fn call(line: &str) -> Option<&'static str> {
    let number: libc::c_long = line.split_whitespace().next()?.parse().ok()?;
    Some(match number {
        libc::SYS_futex => "a lock or a condition",
        libc::SYS_read | libc::SYS_readv | libc::SYS_pread64 => "read",
        libc::SYS_recvfrom | libc::SYS_recvmsg => "receive",
        libc::SYS_write | libc::SYS_writev | libc::SYS_pwrite64 => "write",
        libc::SYS_sendto | libc::SYS_sendmsg => "send",
        libc::SYS_accept | libc::SYS_accept4 => "accept",
        libc::SYS_connect => "connect",
        libc::SYS_fsync | libc::SYS_fdatasync => "fsync",
        libc::SYS_flock => "the lock of a file",
        libc::SYS_nanosleep | libc::SYS_clock_nanosleep => "sleep",
        libc::SYS_epoll_pwait | libc::SYS_epoll_pwait2 | libc::SYS_ppoll | libc::SYS_pselect6 => "poll",
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait | libc::SYS_poll | libc::SYS_select => "poll",
        libc::SYS_wait4 | libc::SYS_waitid => "the end of a process",
        0.. => "a system call",
        // -1: stopped or faulting, and in no call.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_that_a_thread_waits_in_has_a_name() {
        let line = |number: libc::c_long| format!("{number} 0x1 0x2 0x0 0x0 0x0 0x0 0x7ffd 0x7f3a\n");
        assert_eq!(call(&line(libc::SYS_futex)), Some("a lock or a condition"));
        assert_eq!(call(&line(libc::SYS_accept4)), Some("accept"));
        assert_eq!(call(&line(libc::SYS_getpid)), Some("a system call"));
        assert_eq!((call("running\n"), call("-1 0x7ffd 0x7f3a\n"), call("")), (None, None, None));
    }
}
