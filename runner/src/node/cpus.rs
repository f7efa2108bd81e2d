//! Which of this machine's processors a node is kept to.

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// So many of the processors that takehome itself may use; another choice for each node, so that they share the load.
/// Empty, which stands for all, where the machine does not tell.
pub fn some(cores: u32, node: u32) -> Vec<u32> {
    let allowed = allowed();
    let first = (node as usize * cores as usize) % allowed.len().max(1);
    allowed.iter().cycle().skip(first).take(allowed.len().min(cores as usize)).copied().collect()
}

/// Those that takehome may use beside these; all where there are no others.
pub fn others(these: &[u32]) -> Vec<u32> {
    let others: Vec<u32> = allowed().into_iter().filter(|cpu| !these.contains(cpu)).collect();
    if others.is_empty() || these.is_empty() { allowed() } else { others }
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
