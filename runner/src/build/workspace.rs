//! The folder in which one build happens, and its removal whatever the build has left there.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use tempfile::TempDir;

use super::room::Folders;
use crate::backend::Backend;

/// A work folder that is removed when dropped; one that a killed takehome left is removed by the next.
#[derive(Debug)]
pub(super) struct Scratch {
    pub folders: Folders,
    root: Option<TempDir>,
    _lock: File,
}

impl Scratch {
    /// Makes one below the cache.
    pub fn new(cache: &Path) -> io::Result<Self> {
        let all = cache.join("work");
        fs::create_dir_all(&all)?;
        sweep(&all);
        let root = tempfile::Builder::new().prefix("build-").tempdir_in(&all)?;
        // Renamed once it is held, so that no other process finds it free.
        let lock = File::create(root.path().join("lock.new"))?;
        lock.lock()?;
        fs::rename(root.path().join("lock.new"), root.path().join("lock"))?;
        let folder = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir(&path).map(|()| path)
        };
        let folders = Folders { tree: folder("tree")?, deps: folder("deps")?, out: folder("out")? };
        Ok(Self { folders, root: Some(root), _lock: lock })
    }

    /// Gives the folders to the cell's user.
    pub fn adopt(&self, backend: &dyn Backend) -> io::Result<()> {
        [&self.folders.tree, &self.folders.deps, &self.folders.out].into_iter().try_for_each(|path| backend.adopt(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(root) = self.root.take() {
            let path = root.keep();
            // The next start tries again.
            let _left = remove(&path);
        }
    }
}

/// Removes what builds of dead processes have left: nobody holds their locks. How many folders.
pub(super) fn sweep(all: &Path) -> usize {
    let mut removed = 0;
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let abandoned = match File::open(entry.path().join("lock")) {
            Ok(lock) => lock.try_lock().is_ok(),
            // One that is being made has no lock yet; one that is being removed has none any more.
            Err(_) => entry
                .metadata()
                .and_then(|data| data.modified())
                .is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() > 600)),
        };
        if abandoned && remove(&entry.path()).is_ok() {
            removed += 1;
        }
    }
    removed
}

/// Removes a folder without following links, whatever a build has made of it: also when it took its own permissions
/// away, or nested folders deeper than paths or open files reach.
fn remove(path: &Path) -> io::Result<()> {
    if fs::remove_dir_all(path).is_ok() {
        return Ok(());
    }
    flatten(path)?;
    fs::remove_dir_all(path)
}

/// Moves the folders in a folder's folders up into it, until none of its folders holds another.
///
/// Nothing runs in there any more, so what is a folder now stays one.
fn flatten(root: &Path) -> io::Result<()> {
    let mut moved = 0;
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
            } else if folder == root {
                pending.push(entry.path());
            } else {
                moved += 1;
                let up = root.join(format!("flattened-{moved}"));
                // Moving a folder changes its `..`, which needs the permission to write to it.
                fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700))?;
                fs::rename(entry.path(), &up)?;
                pending.push(up);
            }
        }
    }
    Ok(())
}

/// Copies a submission: regular files, folders, and links as they are, which lead nowhere outside once in a cell.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if entry.file_name() != ".git" {
                fs::create_dir_all(&target)?;
                copy(&source, &target)?;
            }
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abandoned_folders_are_swept_and_live_ones_stay() {
        let cache = tempfile::tempdir().unwrap();
        let live = Scratch::new(cache.path()).unwrap();
        let dead = cache.path().join("work/build-dead");
        fs::create_dir_all(dead.join("tree/closed")).unwrap();
        fs::write(dead.join("lock"), "").unwrap();
        symlink("/etc", dead.join("tree/link")).unwrap();
        fs::set_permissions(dead.join("tree/closed"), fs::Permissions::from_mode(0o000)).unwrap();
        let other = Scratch::new(cache.path()).unwrap();
        assert!(!dead.exists() && live.folders.tree.exists());
        let path = other.folders.tree.clone();
        drop(other);
        assert!(!path.exists() && Path::new("/etc/passwd").exists());
    }

    #[test]
    fn a_bottomless_folder_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("top");
        fs::create_dir(&top).unwrap();
        // Built from the inside out: no path is ever long.
        for _ in 0..3000 {
            let outer = dir.path().join("outer");
            fs::create_dir(&outer).unwrap();
            fs::rename(&top, outer.join("d")).unwrap();
            fs::rename(&outer, &top).unwrap();
        }
        symlink("/etc", top.join("link")).unwrap();
        remove(&top).unwrap();
        assert!(!top.exists() && Path::new("/etc/passwd").exists());
    }
}
