//! Resource limits of single processes: the second net behind cgroups, and the only one where there are none.

// The type of a limit's number differs between C libraries.
#![allow(clippy::unnecessary_cast)]

use super::{landlock, wire::Bytes};
use crate::backend::{CellSpec, Limits, SCRATCH};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use std::{io, os::fd::OwnedFd, time::Duration};

/// One limit, as `setrlimit` takes it: number, soft and hard value.
type Limit = (u32, u64, u64);

/// What a program is started under.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bounds {
    limits: Vec<Limit>,
    cpus: Vec<u32>,
    /// Where it may write; no walls are drawn when nothing is said.
    #[serde(default)]
    writable: Vec<Bytes>,
}

impl Bounds {
    /// The bounds of a program. `whole_cell` tells whether a cgroup bounds memory and processes of the cell.
    pub(crate) fn new(limits: &Limits, whole_cell: bool) -> Self {
        Self { limits: of(limits, whole_cell), cpus: limits.cpus.clone(), writable: Vec::new() }
    }

    /// With walls around all but the places of a cell that may be written to.
    pub(crate) fn within(mut self, cell: &CellSpec) -> Self {
        let mounts = cell.mounts.iter().filter(|mount| mount.writable).map(|mount| mount.at.as_path().into());
        self.writable = SCRATCH.map(Bytes::from).into_iter().chain(mounts).collect();
        self
    }

    /// The rules of landlock for these walls; none where there are no walls, or nothing to build them with.
    pub(super) fn walls(&self) -> io::Result<Option<OwnedFd>> {
        if self.writable.is_empty() {
            return Ok(None);
        }
        let paths: Vec<_> = self.writable.iter().map(Bytes::c_string).collect::<Result<_, _>>()?;
        landlock::prepare(paths.iter())
    }

    /// Without the limit on processes, which would count all that the user runs where there is no user namespace.
    pub(crate) fn without_processes(mut self) -> Self {
        self.limits.retain(|(number, _, _)| *number != libc::RLIMIT_NPROC as u32);
        self
    }

    /// Bounds this process. Safe between `fork` and `exec`: no allocation.
    pub(crate) fn apply(&self) -> io::Result<()> {
        keep_to(&self.cpus)?;
        apply(&self.limits)
    }
}

fn of(limits: &Limits, whole_cell: bool) -> Vec<Limit> {
    // Counted in the cell's user namespace, where PID 1 is one more. Behind a cgroup it leaves the refusals to that,
    // which counts them.
    let processes = limits.processes + 1 + if whole_cell { 16 } else { 0 };
    let mut list = vec![
        (libc::RLIMIT_CORE, CORE_FILES, CORE_FILES),
        (libc::RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (libc::RLIMIT_FSIZE, limits.file_size, limits.file_size),
        (libc::RLIMIT_NPROC, processes, processes),
        (libc::RLIMIT_MEMLOCK, LOCKED_MEMORY, LOCKED_MEMORY),
        (libc::RLIMIT_RTPRIO, 0, 0),
        (libc::RLIMIT_NICE, 0, 0),
    ];
    if !whole_cell {
        // Not RLIMIT_AS: Go and Java reserve far more than they use. The stacks of threads are counted as a whole, of which
        // hardly anything is used; what is used altogether, the watchdog sums up.
        let data = limits.memory.saturating_add(limits.processes.saturating_mul(STACK));
        list.push((libc::RLIMIT_DATA, data, data));
    }
    if let Some(cpu) = limits.cpu {
        // Far enough behind the watch over the whole cell, which counts exactly: this limit counts ticks of the clock.
        let seconds = whole_seconds(cpu) * 3 / 2 + 2;
        // SIGXCPU first, SIGKILL for a program that ignores it.
        list.push((libc::RLIMIT_CPU, seconds, seconds + 1));
    }
    list.into_iter().map(|(number, soft, hard)| (number as u32, soft, hard)).collect()
}

/// One byte is too little for a core file, and the value at which the kernel does not start the host's handler of
/// crashes either; at zero it would feed that handler all the same.
const CORE_FILES: u64 = 1;
/// What io_uring and similar may pin: the usual default.
const LOCKED_MEMORY: u64 = 8 << 20;

/// What C libraries reserve for the stack of a thread.
const STACK: u64 = 8 << 20;

/// Rounded up, and at least one: zero would mean "at once".
fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// Keeps this process to some processors; an empty list leaves it where it is.
fn keep_to(cpus: &[u32]) -> io::Result<()> {
    if cpus.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    cpus.iter().try_for_each(|cpu| set.set(*cpu as usize))?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Sets the limit on core files alone. Where it is zero already, only root can raise it.
pub(super) fn no_core_files() -> io::Result<()> {
    let value = libc::rlimit { rlim_cur: CORE_FILES, rlim_max: CORE_FILES };
    // SAFETY: a valid structure for the length of the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const value) } == 0 {
        return Ok(());
    }
    apply(&[(libc::RLIMIT_CORE as u32, CORE_FILES, CORE_FILES)])
}

fn apply(limits: &[Limit]) -> io::Result<()> {
    for &(number, soft, hard) in limits {
        let now = current(number)?;
        // An ordinary user cannot raise a hard limit; then the lower one that is in force holds.
        let value = libc::rlimit { rlim_cur: soft.min(now.rlim_max), rlim_max: hard.min(now.rlim_max) };
        if (value.rlim_cur, value.rlim_max) == (now.rlim_cur, now.rlim_max) {
            continue;
        }
        // SAFETY: a valid structure for the length of the call.
        if unsafe { libc::setrlimit(number as _, &raw const value) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// A limit of this process.
fn current(number: u32) -> io::Result<libc::rlimit> {
    let mut value = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is ours and of the right type.
    match unsafe { libc::getrlimit(number as _, &raw mut value) } {
        0 => Ok(value),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Allows this process as many open files as the system lets it, so that hundreds of cells can be open at once.
pub(crate) fn raise_open_files() -> io::Result<u64> {
    let mut value = current(libc::RLIMIT_NOFILE as u32)?;
    value.rlim_cur = value.rlim_max;
    // SAFETY: a valid structure for the length of the call.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const value) } {
        0 => Ok(value.rlim_cur),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_seconds_count_as_whole_ones() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_seconds(Duration::ZERO), 1);
    }
}
