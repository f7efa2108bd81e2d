//! Control groups as cells use them: what they count is exact, their limits hold for the whole cell, and what a dead
//! takehome has left of them is removed. Version 1 and 2 alike; where this user may not make any, the tests say so and are left out, but not in CI.

#[path = "support/cell.rs"]
mod cell;
#[path = "support/skip.rs"]
mod skip;

use cell::{STUCK, Session, native, spec};
use runner::backend::{Backend, CellSpec, LayerStatus, Work, native::Native};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

const MEBI: u64 = 1 << 20;

/// A back end whose cells are limited by cgroups; none where there are none for this user.
fn limited() -> Option<Native> {
    let native = native();
    let capabilities = native.capabilities();
    let limit = capabilities.layers.iter().find(|layer| layer.name == "memory limit").expect("the layer");
    if limit.status == LayerStatus::Enforced {
        return Some(native);
    }
    assert!(!nix::unistd::geteuid().is_root(), "root must be able to make cgroups: {}", limit.detail);
    skip::skip(&limit.detail);
    None
}

/// A cell with room for files.
fn roomy(label: &str) -> CellSpec {
    CellSpec { work: Work::Memory { bytes: 128 * MEBI, inodes: 100 }, ..spec(label) }
}

/// The groups of a cell of this process, found by their label; one for each hierarchy.
fn groups(label: &str) -> Vec<PathBuf> {
    let (prefix, suffix) = (format!("takehome-{}-", std::process::id()), format!("-{label}"));
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&prefix) && name.ends_with(&suffix)
    };
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        // Groups of others come and go meanwhile.
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let below: Vec<PathBuf> = entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        let (own, rest): (Vec<PathBuf>, Vec<PathBuf>) = below.into_iter().partition(is_it);
        found.extend(own);
        folders.extend(rest);
    }
    // Several version 1 controllers may share a directory under two names.
    found.sort();
    found
}

/// A number in a file of a cell's groups.
fn number(label: &str, file: &str) -> Option<u64> {
    groups(label).iter().find_map(|group| fs::read_to_string(group.join(file)).ok()?.trim().parse().ok())
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < STUCK, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn peak_memory_is_that_of_the_whole_cell_with_its_files() {
    let Some(native) = limited() else { return };
    let mut session = Session::open(&native, roomy("peak")).await;
    // 40 MiB in a file, and while that is there 40 MiB in the memory of a program.
    let filled = session.run(&["dd", "if=/dev/zero", "of=/work/f", "bs=1M", "count=40"]).await;
    let held = session.run(&["dd", "if=/dev/zero", "of=/dev/null", "bs=40M", "count=1"]).await;
    assert_eq!((filled.code, held.code), (Some(0), Some(0)));
    let peak = session.close().await.peak_memory;
    // The rest is the programs themselves, and what of the system's files was read for the first time.
    assert!((80 * MEBI..104 * MEBI).contains(&peak), "{} KiB", peak / 1024);
}

#[tokio::test]
async fn files_in_memory_count_against_the_limit() {
    let Some(native) = limited() else { return };
    let mut tight = roomy("files");
    tight.limits.memory = 48 * MEBI;
    let mut session = Session::open(&native, tight).await;
    let exit = session.run(&["dd", "if=/dev/zero", "of=/work/f", "bs=1M", "count=100"]).await;
    assert!(exit.out_of_memory && exit.code != Some(0), "{exit:?}");
    let peak = session.close().await.peak_memory;
    assert!((40 * MEBI..=48 * MEBI).contains(&peak), "{} KiB", peak / 1024);
}

#[tokio::test]
async fn the_limit_on_processes_is_the_whole_cell_s() {
    let Some(native) = limited() else { return };
    let mut few = spec("crowd");
    few.limits.processes = 20;
    let mut session = Session::open(&native, few).await;
    session.start(&["sh", "-c", "sleep 1000 & sleep 1000 & (sleep 1000 & sleep 1000 &) ; wait"]).await;
    // PID 1, the shell and four that sleep.
    until("six processes", || number("crowd", "pids.current") == Some(6)).await;
    assert_eq!(number("crowd", "pids.max"), Some(21));
    session.close().await;
    assert_eq!(groups("crowd"), Vec::<PathBuf>::new(), "its groups are gone with it");
}

#[tokio::test]
async fn cells_of_several_back_ends_lie_side_by_side() {
    let mut sessions = Vec::new();
    for _ in 0..4 {
        let Some(native) = limited() else { return };
        sessions.push(Session::open(&native, spec("side")).await);
    }
    let mut parents: Vec<PathBuf> = groups("side").iter().filter_map(|group| group.parent()).map(Into::into).collect();
    let all = parents.len();
    parents.dedup();
    assert_eq!(all, parents.len() * sessions.len(), "in different places: {parents:?}");
    for session in sessions {
        session.close().await;
    }
}

/// A process in the group, deaf to requests to end.
fn member(group: &Path) -> Child {
    let script = "trap '' TERM INT HUP; echo 0 > \"$1/cgroup.procs\" && exec sleep 1000";
    Command::new("sh").args(["-c", script, "sh"]).arg(group).spawn().expect("a shell")
}

#[tokio::test]
async fn what_a_dead_takehome_has_left_is_killed_and_removed() {
    let Some(native) = limited() else { return };
    let session = Session::open(&native, spec("model")).await;
    let mut dead = Command::new("true").spawn().expect("a process");
    dead.wait().expect("its end");
    let named_after_the_dead = |group: PathBuf| group.with_file_name(format!("takehome-{}-1-0-orphan", dead.id()));
    let orphans: Vec<PathBuf> = groups("model").into_iter().map(named_after_the_dead).collect();
    let mut members = Vec::new();
    for orphan in &orphans {
        fs::create_dir(orphan).expect("a group");
        members.push(member(orphan));
    }
    for (orphan, member) in orphans.iter().zip(&members) {
        let id = member.id().to_string();
        let lists_it =
            || fs::read_to_string(orphan.join("cgroup.procs")).is_ok_and(|list| list.lines().any(|line| line == id));
        until("its member", lists_it).await;
    }
    assert!(cell::native().sweep() >= orphans.len());
    for mut member in members {
        assert!(!member.wait().expect("its end").success());
    }
    assert!(orphans.iter().all(|orphan| !orphan.exists()), "{orphans:?}");
    assert!(!groups("model").is_empty(), "those of the living stay");
    session.close().await;
}
