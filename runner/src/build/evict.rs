//! Keeps the build cache small: what was not used for long goes, and then what was used longest ago.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How long a build is kept that nobody uses.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// How much all builds together may fill.
const MOST_BYTES: u64 = 8 << 30;

/// One build in the cache.
struct Entry {
    folder: PathBuf,
    used: SystemTime,
    bytes: u64,
}

/// Removes builds that are too old or too many. One that is in use, which its lock shows, stays.
pub(super) fn evict(builds: &Path) -> io::Result<()> {
    evict_beyond(builds, LONGEST, MOST_BYTES)
}

fn evict_beyond(builds: &Path, longest: Duration, most_bytes: u64) -> io::Result<()> {
    let mut entries: Vec<Entry> = fs::read_dir(builds)?.flatten().filter_map(|entry| look(&entry.path())).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.used));
    let now = SystemTime::now();
    let mut kept = 0;
    for entry in entries {
        let age = now.duration_since(entry.used).unwrap_or_default();
        if age <= longest && kept + entry.bytes <= most_bytes {
            kept += entry.bytes;
            continue;
        }
        let lock = File::options().write(true).open(entry.folder.with_extension("lock"))?;
        if lock.try_lock().is_ok() {
            fs::remove_dir_all(&entry.folder)?;
        }
    }
    Ok(())
}

/// A folder of the cache with its lock, whose time of change is that of the last use.
fn look(folder: &Path) -> Option<Entry> {
    if folder.extension().is_some() || !folder.is_dir() {
        return None;
    }
    let used = fs::metadata(folder.with_extension("lock")).and_then(|data| data.modified()).ok()?;
    let files = super::cache::files(folder).ok()?;
    Some(Entry { folder: folder.to_owned(), used, bytes: files.iter().map(|(_, bytes)| bytes).sum() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(builds: &Path, name: &str, days_ago: u64) -> File {
        fs::create_dir_all(builds.join(name)).unwrap();
        fs::write(builds.join(name).join("program"), [0; 1000]).unwrap();
        let lock = File::create(builds.join(name).with_extension("lock")).unwrap();
        lock.set_modified(SystemTime::now() - Duration::from_secs(days_ago * 24 * 3600)).unwrap();
        lock
    }

    #[test]
    fn the_old_and_what_is_too_much_go_and_what_is_in_use_stays() {
        let folder = tempfile::tempdir().unwrap();
        let builds = folder.path();
        let in_use = entry(builds, "held", 50);
        in_use.lock().unwrap();
        for (name, days) in [("new", 0), ("week", 7), ("weeks", 20), ("months", 60)] {
            drop(entry(builds, name, days));
        }
        let there = |name: &str| builds.join(name).exists();
        evict_beyond(builds, LONGEST, u64::MAX).unwrap();
        assert!(there("new") && there("week") && there("weeks") && there("held") && !there("months"));
        evict_beyond(builds, LONGEST, 2500).unwrap();
        assert!(there("new") && there("week") && there("held") && !there("weeks"));
        drop(in_use);
        evict_beyond(builds, LONGEST, 2500).unwrap();
        assert!(!there("held"));
    }
}
