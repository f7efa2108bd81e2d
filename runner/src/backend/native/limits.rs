//! Resource limits of single processes: the second net behind cgroups, and the only one where there are none.

// The type of a limit's number differs between C libraries.
#![allow(clippy::unnecessary_cast)]

use crate::backend::Limits;
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use std::{io, time::Duration};

/// One limit, as `setrlimit` takes it: number, soft and hard value.
type Limit = (u32, u64, u64);

/// What a program is started under.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bounds {
    limits: Vec<Limit>,
    cpus: Vec<u32>,
}

impl Bounds {
    /// The bounds of a program. `whole_cell` tells whether a cgroup bounds memory and processes of the cell.
    pub(crate) fn new(limits: &Limits, whole_cell: bool) -> Self {
        Self { limits: of(limits, whole_cell), cpus: limits.cpus.clone() }
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
    let mut list = vec![
        // No core files, and no core pattern of the host that a pipe handler would be fed by.
        (libc::RLIMIT_CORE, 0, 0),
        (libc::RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (libc::RLIMIT_FSIZE, limits.file_size, limits.file_size),
        // Counted in the cell's user namespace, where PID 1 is one more.
        (libc::RLIMIT_NPROC, limits.processes + 1, limits.processes + 1),
        (libc::RLIMIT_MEMLOCK, LOCKED_MEMORY, LOCKED_MEMORY),
        (libc::RLIMIT_RTPRIO, 0, 0),
        (libc::RLIMIT_NICE, 0, 0),
    ];
    if !whole_cell {
        // Not RLIMIT_AS: Go and Java reserve far more than they use.
        list.push((libc::RLIMIT_DATA, limits.memory, limits.memory));
    }
    if let Some(cpu) = limits.cpu {
        let seconds = whole_seconds(cpu);
        // SIGXCPU first, SIGKILL for a program that ignores it.
        list.push((libc::RLIMIT_CPU, seconds, seconds + 1));
    }
    list.into_iter().map(|(number, soft, hard)| (number as u32, soft, hard)).collect()
}

/// What io_uring and similar may pin: the usual default.
const LOCKED_MEMORY: u64 = 8 << 20;

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

fn apply(limits: &[Limit]) -> io::Result<()> {
    for &(number, soft, hard) in limits {
        let most = current(number)?.rlim_max;
        // An ordinary user cannot raise a hard limit; then the lower one that is in force holds.
        let value = libc::rlimit { rlim_cur: soft.min(most), rlim_max: hard.min(most) };
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
