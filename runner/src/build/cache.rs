//! Built submissions, kept by the hash of everything that went into them.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BuildError, evict::evict};

/// What is remembered of a build.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// Name of the program, where the build decided it.
    pub binary: Option<String>,
    /// What the person who grades should know.
    pub notices: Vec<String>,
    /// How long it took.
    pub seconds: f64,
    /// Path and size of every file, to notice an entry that lost some.
    pub files: Vec<(String, u64)>,
}

/// The place of one build in the cache, held by one process at a time.
pub(super) struct Slot {
    folder: PathBuf,
    _lock: File,
}

/// The hash of several texts, each with its length, so that no two lists are alike.
pub(super) fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Slot {
    /// Waits for the slot of a key.
    pub async fn of(cache: &Path, key: &str) -> Result<Self, BuildError> {
        let builds = cache.join("builds");
        fs::create_dir_all(&builds).map_err(BuildError::io("making the build cache"))?;
        let lock =
            lock(&builds.join(format!("{key}.lock"))).await.map_err(BuildError::io("locking the build cache"))?;
        // Says when it was last used; a cache on a read-only disk only looks older than it is.
        let _ = lock.set_modified(SystemTime::now());
        Ok(Self { folder: builds.join(key), _lock: lock })
    }

    /// The build that is there, when it is whole. What is not is removed.
    pub fn read(&self) -> Option<Record> {
        let text = fs::read_to_string(self.folder.join("build.json")).ok()?;
        let record: Option<Record> = serde_json::from_str(&text).ok();
        let whole = record.filter(|record| files(&self.artefact()).is_ok_and(|files| files == record.files));
        if whole.is_none() {
            let _rebuilt_over = fs::remove_dir_all(&self.folder);
        }
        whole
    }

    /// The folder of its artefact.
    pub fn artefact(&self) -> PathBuf {
        self.folder.join("artefact")
    }

    /// The file of its log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// An empty folder beside the slot, into which a build is put before it takes the slot in one step.
    pub fn prepare(&self) -> io::Result<PathBuf> {
        let folder = self.folder.with_extension("new");
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(folder.join("artefact"))?;
        Ok(folder)
    }

    /// Puts what was prepared into the slot.
    pub fn store(&self, prepared: &Path, record: &mut Record, log: &str) -> io::Result<()> {
        record.files = files(&prepared.join("artefact"))?;
        fs::write(prepared.join("log"), log)?;
        fs::write(prepared.join("build.json"), serde_json::to_string_pretty(record)?)?;
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(prepared, &self.folder)?;
        // Old builds that cannot be removed now are only in the way of the disk, not of this build.
        if let Some(builds) = self.folder.parent() {
            let _ = evict(builds);
        }
        Ok(())
    }
}

/// Locks a file without blocking a thread, so that a wait can be given up.
pub(super) async fn lock(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Path and size of every file of a folder.
pub(super) fn files(root: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let (entry, data) = entry.and_then(|entry| entry.metadata().map(|data| (entry, data)))?;
            if data.is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path();
                all.push((path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned(), data.len()));
            }
        }
    }
    all.sort();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_entry_that_lost_a_file_is_not_used() {
        let cache = tempfile::tempdir().unwrap();
        let slot = Slot::of(cache.path(), "key").await.unwrap();
        assert!(slot.read().is_none());
        let fill = || {
            let prepared = slot.prepare().unwrap();
            fs::write(prepared.join("artefact/x"), "abc").unwrap();
            slot.store(&prepared, &mut Record::default(), "log").unwrap();
        };
        fill();
        assert_eq!(slot.read().unwrap().files, [("x".to_owned(), 3)]);
        fs::write(slot.artefact().join("x"), "ab").unwrap();
        assert!(slot.read().is_none());
        fill();
        assert!(slot.read().is_some());
        let waiting = tokio::time::timeout(Duration::from_millis(120), Slot::of(cache.path(), "key"));
        assert!(waiting.await.is_err(), "two builds of one key at a time");
        drop(slot);
        assert!(Slot::of(cache.path(), "key").await.unwrap().read().is_some());
    }

    #[test]
    fn lists_of_texts_do_not_collide() {
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
        assert_eq!(hash(["a"]).len(), 32);
    }
}
