//! Files that a build has unlinked and still holds open: they take up disk, and no folder shows them.
//!
//! Looked for among the descriptors of all that descends from this process, so what a program of a container's runtime
//! holds is not seen, nor what is only mapped.

use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
};

/// Bytes of disk behind unlinked files on the file systems of these folders.
pub(super) fn held<'p>(folders: impl Iterator<Item = &'p Path>) -> u64 {
    let devices: HashSet<u64> = folders.filter_map(|path| fs::metadata(path).ok()).map(|data| data.dev()).collect();
    let mut counted = HashSet::new();
    let mut bytes = 0;
    for pid in descendants() {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let Ok(data) = fs::metadata(entry.path()) else { continue };
            let unlinked = data.is_file() && data.nlink() == 0 && devices.contains(&data.dev());
            if unlinked && counted.insert((data.dev(), data.ino())) {
                bytes += data.blocks() * 512;
            }
        }
    }
    bytes
}

/// All processes below this one.
fn descendants() -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some((pid, parent)) = pid.and_then(|pid| Some((pid, parent_of(pid)?))) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut waiting = vec![std::process::id()];
    while let Some(pid) = waiting.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        waiting.extend(&below);
        found.extend(below);
    }
    found
}

fn parent_of(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the last parenthesis may hold anything.
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
