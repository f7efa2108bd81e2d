//! What a takehome that was killed has left behind. Everything of a run that outlives its process is named after the
//! process that made it, or locked by it, so that a later takehome can tell what is nobody's and remove it.

use std::{
    fs::{self, File},
    io,
    path::Path,
};
use tempfile::TempDir;

/// The part of a name that says whose it is: process id and start time, which together name a process for good.
#[must_use]
pub fn owner() -> String {
    let pid = std::process::id();
    format!("{pid}-{}", start_time(pid).unwrap_or(0))
}

/// Whether a name that begins with `prefix` and an owner belongs to a process that no longer runs.
#[must_use]
pub fn is_orphan(name: &str, prefix: &str) -> bool {
    let mut parts = name.strip_prefix(prefix).unwrap_or_default().split('-');
    let pid = parts.next().and_then(|pid| pid.parse::<u32>().ok());
    let start = parts.next().and_then(|start| start.parse::<u64>().ok());
    matches!((pid, start), (Some(pid), Some(start)) if start_time(pid) != Some(start))
}

/// When a process started, in ticks since the machine did; none when it has ended, also if nobody has reaped it yet.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the last parenthesis may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    fields.nth(18)?.parse().ok().filter(|_| state != "Z" && state != "X")
}

/// Beginning of the names of folders into which submissions are brought.
const SOURCES: &str = "source-";

/// A new folder in the cache for a submission's files, and the lock that says that it is in use.
pub fn claim(cache: &Path) -> io::Result<(TempDir, File)> {
    // Nobody sweeps between the two steps.
    let door = door(cache)?;
    door.lock_shared()?;
    let folder = tempfile::Builder::new().prefix(SOURCES).tempdir_in(cache)?;
    let held = File::open(folder.path())?;
    held.lock()?;
    Ok((folder, held))
}

/// The file that is locked while folders are claimed or swept.
fn door(cache: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(cache.join("source.lock"))
}

/// Removes all that takehomes which were killed have left behind: cgroups, with what still runs in them, and folders.
/// What that was, in a sentence; none when there was nothing.
pub fn remove_all() -> Option<String> {
    let folders = crate::record::cache_folder().map_or(0, |cache| sweep(&cache)) + sweep_scratch();
    describe(crate::backend::native::Native::default().sweep(), folders)
}

/// Removes what was left in the cache: copies of submissions and folders of builds. How many.
pub fn sweep(cache: &Path) -> usize {
    let builds = crate::build::sweep(cache);
    let Ok(door) = door(cache) else { return builds };
    if door.try_lock().is_err() {
        return builds;
    }
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    let sources = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(SOURCES.as_bytes()));
    let free = |path: &Path| File::open(path).is_ok_and(|folder| folder.try_lock().is_ok());
    let left = sources.map(|entry| entry.path()).filter(|path| path.is_dir() && free(path));
    builds + left.filter(|path| fs::remove_dir_all(path).is_ok()).count()
}

/// Beginning of the names of temporary folders, with the owner behind it.
const SCRATCH: &str = "takehome-";

/// A temporary folder of this process, named after it.
pub fn scratch(kind: &str) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(&format!("{SCRATCH}{}-{kind}-", owner())).tempdir()
}

/// Removes the temporary folders of processes that no longer run, as far as they are ours to remove. How many.
pub fn sweep_scratch() -> usize {
    sweep_scratch_in(&std::env::temp_dir())
}

fn sweep_scratch_in(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let orphans = entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| is_orphan(name, SCRATCH)));
    // Links are neither followed nor counted: anybody may make one of any name here.
    let folders = orphans.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.filter(|entry| fs::remove_dir_all(entry.path()).is_ok()).count()
}

/// In a sentence, for the person at the screen.
#[must_use]
pub fn describe(groups: usize, folders: usize) -> Option<String> {
    let count = |count: usize, one: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        many => Some(format!("{many} {one}s")),
    };
    let found: Vec<String> = [count(groups, "cgroup"), count(folders, "folder")].into_iter().flatten().collect();
    (!found.is_empty()).then(|| format!("removed what an earlier takehome had left: {}", found.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_to_the_dead_is_orphaned() {
        let pid = std::process::id();
        let start = start_time(pid).expect("our own start time");
        assert!(!is_orphan(&format!("takehome-{}-0-n1", owner()), "takehome-"));
        assert!(is_orphan(&format!("takehome-{pid}-{}-0-n1", start + 1), "takehome-"));
        assert!(!is_orphan("takehome-notes", "takehome-"));
    }

    #[test]
    fn a_process_that_nobody_has_reaped_is_dead() {
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let began = std::time::Instant::now();
        while start_time(child.id()).is_some() {
            assert!(began.elapsed().as_secs() < 60);
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }

    #[test]
    fn sources_that_nobody_holds_go_and_others_stay() {
        let cache = tempfile::tempdir().unwrap();
        let (mine, held) = claim(cache.path()).unwrap();
        let (dead, unheld) = claim(cache.path()).unwrap();
        let dead = dead.keep();
        fs::write(dead.join("file"), "").unwrap();
        fs::create_dir(cache.path().join("builds")).unwrap();
        assert_eq!(sweep(cache.path()), 0);
        drop(unheld);
        assert_eq!(sweep(cache.path()), 1);
        assert!(mine.path().exists() && cache.path().join("builds").exists() && !dead.exists());
        drop(held);
    }

    #[test]
    fn temporary_folders_of_the_dead_go_and_others_stay() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: String| {
            fs::create_dir_all(place.path().join(&name).join("inner")).unwrap();
            place.path().join(name)
        };
        let pid = std::process::id();
        let (mine, dead) = (make(format!("takehome-{}-cell-a", owner())), make(format!("takehome-{pid}-1-cell-b")));
        let (other, target) = (make("takehome-notes".into()), make("target".into()));
        std::os::unix::fs::symlink(&target, place.path().join(format!("takehome-{pid}-1-link"))).unwrap();
        assert_eq!(sweep_scratch_in(place.path()), 1);
        assert!(mine.exists() && other.exists() && target.join("inner").exists() && !dead.exists());
        let named = scratch("cell").unwrap();
        let name = named.path().file_name().unwrap().to_str().unwrap().to_owned();
        assert!(name.starts_with(SCRATCH) && !is_orphan(&name, SCRATCH));
    }

    #[test]
    fn nothing_is_said_about_nothing() {
        assert_eq!(describe(0, 0), None);
        assert_eq!(describe(1, 2).unwrap(), "removed what an earlier takehome had left: 1 cgroup and 2 folders");
    }
}
