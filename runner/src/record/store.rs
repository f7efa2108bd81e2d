//! Where records lie: one folder a run below the user's state directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The folder of all runs.
#[derive(Debug, Clone)]
pub struct Store {
    /// Its path.
    pub folder: PathBuf,
}

/// Letters of a run's id: no vowels, so that no words come out, and none that look alike.
const LETTERS: &[u8] = b"23456789bcdfghjkmnpqrstvwxz";

impl Store {
    /// The user's store: `$TAKEHOME_STATE`, or `takehome` below the state directory.
    pub fn of_user() -> io::Result<Self> {
        Ok(Self { folder: state_folder()?.join("runs") })
    }

    /// A free id, made from `random`; longer when short ones are taken.
    pub fn fresh_id(&self, mut random: u64) -> String {
        let mut id = String::new();
        loop {
            id.push(LETTERS[(random % LETTERS.len() as u64) as usize] as char);
            random = (random / LETTERS.len() as u64) ^ (random << 7);
            if id.len() >= 4 && !self.folder.join(&id).exists() {
                return id;
            }
        }
    }

    /// The folder of a run: a path to one, `last`, or an id or the beginning of one.
    pub fn find(&self, name: &str) -> Result<PathBuf, String> {
        let path = Path::new(name);
        if path.join("plan.json").is_file() {
            return Ok(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        }
        if name.contains('/') && path.is_dir() {
            let folder = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            return Err(format!("the folder {} holds no run: it has no plan.json", folder.display()));
        }
        if name == "last" {
            return self.newest().ok_or_else(|| format!("there is no run yet in {}", self.folder.display()));
        }
        let runs = self.runs();
        let exact = runs.iter().find(|run| run.file_name().is_some_and(|id| id == name));
        let begins = |run: &&PathBuf| run.file_name().is_some_and(|id| id.to_string_lossy().starts_with(name));
        let mut candidates: Vec<&PathBuf> = runs.iter().filter(begins).collect();
        match (exact, candidates.len()) {
            (Some(run), _) => Ok(run.clone()),
            (None, 1) => Ok(candidates.remove(0).clone()),
            (None, 0) => Err(format!("no run is called `{name}` in {}", self.folder.display())),
            (None, count) => Err(format!("{count} runs begin with `{name}`")),
        }
    }

    fn runs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.join("plan.json").is_file()).collect()
    }

    fn newest(&self) -> Option<PathBuf> {
        let written = |run: &PathBuf| fs::metadata(run.join("plan.json")).and_then(|meta| meta.modified()).ok();
        self.runs().into_iter().max_by_key(written)
    }
}

/// Where records and other state lie.
pub fn state_folder() -> io::Result<PathBuf> {
    use etcetera::BaseStrategy;
    if let Some(folder) = std::env::var_os("TAKEHOME_STATE") {
        return std::path::absolute(folder);
    }
    let base = etcetera::choose_base_strategy().map_err(io::Error::other)?;
    Ok(base.state_dir().unwrap_or_else(|| base.data_dir()).join("takehome"))
}

/// Where builds are kept.
pub fn cache_folder() -> io::Result<PathBuf> {
    use etcetera::BaseStrategy;
    if let Some(folder) = std::env::var_os("TAKEHOME_CACHE") {
        return std::path::absolute(folder);
    }
    Ok(etcetera::choose_base_strategy().map_err(io::Error::other)?.cache_dir().join("takehome"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(store: &Store, id: &str) {
        fs::create_dir_all(store.folder.join(id)).unwrap();
        fs::write(store.folder.join(id).join("plan.json"), "{}").unwrap();
    }

    #[test]
    fn runs_are_found_by_id_prefix_path_and_last() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store { folder: folder.path().to_owned() };
        assert!(store.find("last").unwrap_err().contains("no run yet"));
        run(&store, "k7bb");
        run(&store, "k7cc");
        assert_eq!(store.find("k7b").unwrap(), store.folder.join("k7bb"));
        assert_eq!(store.find(&store.folder.join("k7cc").to_string_lossy()).unwrap(), store.folder.join("k7cc"));
        assert!(store.find("k7").unwrap_err().contains("2 runs"));
        assert!(store.find("zz").unwrap_err().contains("no run is called"));
    }

    #[test]
    fn ids_are_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store { folder: folder.path().to_owned() };
        let first = store.fresh_id(42);
        run(&store, &first);
        assert_ne!(store.fresh_id(42), first);
    }
}
