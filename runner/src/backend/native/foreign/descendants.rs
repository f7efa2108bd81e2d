//! The processes below this one, found by walking the process list: for a PID 1 that is none, where there is no pid
//! namespace.
//!
//! Everything below comes to a process that is a "subreaper" when its own parent ends, so nothing gets lost; but between
//! looking and signalling a process may have made another. So the walk is repeated until it finds nobody new.

use super::super::{watchdog::ticks, wire::Report};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::collections::{BTreeMap, BTreeSet};

/// Walks of one signal at most; a program that outruns them all is caught by its ending parents, one after the other.
const WALKS: u32 = 50;

/// Signals all processes below this one.
pub(in super::super) fn signal(signal: Signal) {
    let mut told = BTreeSet::new();
    for _ in 0..WALKS {
        let fresh: Vec<i32> = below(std::process::id() as i32, &parents()).difference(&told).copied().collect();
        if fresh.is_empty() {
            return;
        }
        for pid in fresh {
            let _ = kill(Pid::from_raw(pid), signal);
            told.insert(pid);
        }
    }
}

/// All processes below one.
pub(in super::super) fn of(top: i32) -> Vec<i32> {
    below(top, &parents()).into_iter().collect()
}

/// What the threads of all processes below this one do.
pub(in super::super) fn look() -> Report {
    let (mut threads, mut running, mut used, mut memory) = (0, 0, 0, 0);
    let mut fullest = (0, 0);
    let this = std::process::id() as i32;
    for pid in below(this, &parents()).into_iter().filter(|pid| *pid != this) {
        memory += own_memory(&std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default());
        fullest = fuller(fullest, open_files(pid));
        used += all_ticks(&std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default());
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next());
            threads += u32::from(state.is_some());
            running += u32::from(state == Some("R"));
        }
    }
    let (open_files, most_open_files) = fullest;
    Report::Looked { threads, running, cpu_micros: ticks(used).as_micros() as u64, memory, open_files, most_open_files }
}

/// How many files a process has open, and how many it may have; 0 of 0 where that cannot be told. The first is the size of
/// the folder since Linux 6.2, and of a process of another user nothing else tells it.
fn open_files(pid: i32) -> (u64, u64) {
    let open = std::fs::metadata(format!("/proc/{pid}/fd")).map_or(0, |folder| folder.len());
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    most_open_files(&limits).filter(|_| open > 0).map_or((0, 0), |most| (open, most))
}

/// The soft limit of open files in `/proc/<pid>/limits`.
fn most_open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Which of two has fewer files left.
fn fuller(one: (u64, u64), other: (u64, u64)) -> (u64, u64) {
    let left = |(open, most): (u64, u64)| if most == 0 { u64::MAX } else { most.saturating_sub(open) };
    if left(other) < left(one) { other } else { one }
}

/// Bytes of a process's resident memory that are neither files nor shared, from `/proc/<pid>/statm` (proc(5)).
fn own_memory(statm: &str) -> u64 {
    let mut pages = statm.split_whitespace().skip(1).map_while(|field| field.parse::<u64>().ok());
    let (resident, shared) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
    // SAFETY: it only reads a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    resident.saturating_sub(shared) * u64::try_from(page).unwrap_or(4096)
}

/// CPU time in a line of `/proc/<pid>/stat`, user and system: also of threads that have ended, and of children that were
/// waited for.
fn all_ticks(stat: &str) -> u64 {
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// Every process and its parent.
fn parents() -> BTreeMap<i32, i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, parent(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// The parent in a line of `/proc/<pid>/stat`; the name before the last parenthesis may hold anything.
fn parent(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The processes below one.
fn below(top: i32, parents: &BTreeMap<i32, i32>) -> BTreeSet<i32> {
    let mut found = BTreeSet::from([top]);
    loop {
        let more: Vec<i32> = parents
            .iter()
            .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            found.remove(&top);
            return found;
        }
        found.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_generations_are_found_and_nobody_else() {
        let parents = BTreeMap::from([(1, 0), (5, 1), (9, 5), (3, 9), (4, 1), (8, 4)]);
        assert_eq!(below(5, &parents), BTreeSet::from([9, 3]));
        assert_eq!(below(8, &parents), BTreeSet::new());
        assert_eq!(parent("7 (a) b) c) S 42 7 7"), Some(42));
        assert_eq!(own_memory("900 300 100 5 0 80 0") / own_memory("9 2 1 0 0 8 0"), 200);
        assert_eq!((own_memory(""), own_memory("900 1 2")), (0, 0));
        assert_eq!(all_ticks("7 (a) b) S 4 5 6 7 8 9 10 11 12 13 1 20 300 4000 20 0"), 4321);
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            64        128       files\n";
        assert_eq!((most_open_files(limits), most_open_files("")), (Some(64), None));
        assert_eq!((fuller((60, 64), (0, 0)), fuller((60, 64), (100, 101))), ((60, 64), (100, 101)));
    }
}
