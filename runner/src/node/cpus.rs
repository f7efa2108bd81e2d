//! Which of this machine's processors a node is kept to.

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use std::{collections::BTreeSet, time::Duration};

/// So many of the processors that takehome itself may use; another choice for each node, so that they share the load.
/// Empty, which stands for all, where the machine does not tell.
pub fn some(cores: u32, node: u32) -> Vec<u32> {
    let allowed = allowed();
    let first = (node as usize * cores as usize) % allowed.len().max(1);
    allowed.iter().cycle().skip(first).take(allowed.len().min(cores as usize)).copied().collect()
}

/// So many that are cores of their own, as far as the machine tells: two threads of a core share what they compute with.
/// None where there are not so many.
pub fn cores(count: u32) -> Option<Vec<u32>> {
    let cores = of_each_core_one(allowed(), siblings, count as usize);
    (cores.len() == count as usize).then_some(cores)
}

/// The threads of a processor's core, as the machine has them: `0,4`; itself where it does not tell.
fn siblings(cpu: u32) -> String {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
    std::fs::read_to_string(path).unwrap_or_else(|_| cpu.to_string())
}

/// The first so many of these of which no two are siblings.
fn of_each_core_one(cpus: Vec<u32>, siblings: impl Fn(u32) -> String, most: usize) -> Vec<u32> {
    let mut taken = BTreeSet::new();
    cpus.into_iter().filter(|cpu| taken.insert(siblings(*cpu))).take(most).collect()
}

/// Those that takehome may use beside these, the best first; all where there are no others.
pub fn others(these: &[u32]) -> Vec<u32> {
    let others: Vec<u32> = allowed().into_iter().filter(|cpu| !these.contains(cpu)).collect();
    if others.is_empty() || these.is_empty() { allowed() } else { best_first(others, these, siblings) }
}

/// First one of each core that is none of these processors', then their siblings, and last the siblings of these.
fn best_first(others: Vec<u32>, these: &[u32], siblings: impl Fn(u32) -> String) -> Vec<u32> {
    let cores: BTreeSet<String> = these.iter().map(|cpu| siblings(*cpu)).collect();
    let (shared, free): (Vec<u32>, Vec<u32>) = others.into_iter().partition(|cpu| cores.contains(&siblings(*cpu)));
    let first = of_each_core_one(free.clone(), &siblings, free.len());
    let second = free.into_iter().filter(|cpu| !first.contains(cpu));
    first.iter().copied().chain(second).chain(shared).collect()
}

/// How long these processors have had nothing to do since the machine was started, together; none where it does not tell.
pub fn idle(processors: &[u32]) -> Option<Duration> {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten()?;
    idle_ticks(&std::fs::read_to_string("/proc/stat").ok()?, processors)
        .map(|found| Duration::from_secs_f64(found as f64 / ticks as f64))
}

/// The same in the units of `/proc/stat`, whose lines are `cpu0 user nice system idle iowait …`.
fn idle_ticks(table: &str, processors: &[u32]) -> Option<u64> {
    let of = |processor: &u32| {
        let name = format!("cpu{processor} ");
        let mut times = table.lines().find_map(|line| line.strip_prefix(&name))?.split_whitespace().skip(3);
        let (idle, waiting) = (times.next()?.parse::<u64>().ok()?, times.next()?.parse::<u64>().ok()?);
        Some(idle + waiting)
    };
    processors.iter().map(of).sum()
}

/// Keeps the calling thread to these processors, as far as the machine lets it.
pub fn keep_to(processors: &[u32]) {
    let mut set = CpuSet::new();
    let known = processors.iter().filter(|cpu| set.set(**cpu as usize).is_ok()).count();
    if known > 0 {
        let _as_it_was = sched_setaffinity(Pid::from_raw(0), &set);
    }
}

fn allowed() -> Vec<u32> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
    (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu) == Ok(true)).map(|cpu| cpu as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_others_are_apart_where_there_are_others() {
        let all = allowed();
        assert_eq!((others(&[]), others(&all)), (all.clone(), all.clone()));
        let apart = others(&all[..1]);
        assert_eq!(apart, if all.len() > 1 { all[1..].to_vec() } else { all });
    }

    #[test]
    fn cores_are_processors_of_which_no_two_are_the_same() {
        let all = allowed();
        assert_eq!(cores(1), Some(all[..1].to_vec()));
        assert_eq!(cores(all.len() as u32 + 1), None);
        if let Some(two) = cores(2) {
            assert!(two[0] != two[1] && two.iter().all(|cpu| all.contains(cpu)));
        }
    }

    #[test]
    fn two_threads_of_a_core_are_one_core() {
        let siblings = |cpu: u32| format!("{},{}", cpu % 4, cpu % 4 + 4);
        assert_eq!(of_each_core_one((0..8).collect(), siblings, 8), [0, 1, 2, 3]);
        assert_eq!(of_each_core_one(vec![1, 5, 6], siblings, 2), [1, 6], "of those that are allowed");
        assert_eq!(of_each_core_one(vec![1, 2, 3], siblings, 2), [1, 2]);
        assert_eq!(best_first(vec![1, 2, 3, 4, 5, 6, 7], &[0], siblings), [1, 2, 3, 5, 6, 7, 4]);
        assert_eq!(best_first(vec![4], &[0], siblings), [4], "rather that than one with the servers");
    }

    #[test]
    fn idle_time_is_that_of_the_processors_asked_for() {
        let table = "cpu  9 9 9 99 9 0\ncpu0 1 2 3 10 5 0\ncpu1 1 2 3 20 7 0\ncpu10 1 2 3 40 0 0\nintr 5\n";
        assert_eq!(idle_ticks(table, &[0]), Some(15));
        assert_eq!(idle_ticks(table, &[1, 10]), Some(67));
        assert_eq!(idle_ticks(table, &[2]), None, "one that is not there");
        assert!(idle(&allowed()).is_some());
    }

    #[test]
    fn a_thread_is_kept_to_what_it_is_told() {
        let first = allowed()[..1].to_vec();
        let kept = first.clone();
        let seen = std::thread::spawn(move || {
            keep_to(&kept);
            allowed()
        });
        assert_eq!(seen.join().unwrap(), first);
    }

    #[test]
    fn as_many_as_asked_for_or_as_there_are_and_none_twice() {
        let all = allowed();
        for cores in 1..4 {
            for node in 0..5 {
                let mut some = some(cores, node);
                assert_eq!(some.len(), all.len().min(cores as usize));
                some.sort_unstable();
                some.dedup();
                assert_eq!(some.len(), all.len().min(cores as usize));
            }
        }
    }
}
