//! What the paths inside a cell stand for, where there are no mounts that would make them true.
//!
//! Paths and the proxy's address are replaced by the real ones wherever they begin or fill an argument, a variable or the
//! current directory; a program that has them built in will not find them.

use super::{CellSpec, Command, EGRESS, WORK, Work};
use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

/// What paths inside a cell stand for.
#[derive(Debug)]
pub(super) struct Places {
    /// Longest first, so that a mount inside the work directory is found before that.
    pairs: Vec<(PathBuf, PathBuf)>,
    /// Removed with the cell.
    _scratch: Option<tempfile::TempDir>,
}

impl Places {
    pub(super) fn new(spec: &CellSpec) -> io::Result<Self> {
        let (work, scratch) = match &spec.work {
            Work::Folder(folder) => (folder.clone(), Option::None),
            Work::Memory { .. } => {
                let folder = crate::leftovers::scratch("cell")?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        let mut pairs: Vec<_> = spec.mounts.iter().map(|mount| (mount.at.clone(), mount.host.clone())).collect();
        pairs.push((PathBuf::from(WORK), work));
        pairs.sort_by_key(|(at, _)| std::cmp::Reverse(at.as_os_str().len()));
        Ok(Self { pairs, _scratch: scratch })
    }

    /// The command with real paths.
    pub(super) fn command(&self, command: &Command, proxy: Option<&str>) -> Command {
        let value = |(name, text): &(OsString, OsString)| (name.clone(), self.value(text, proxy));
        Command {
            argv: command.argv.iter().map(|argument| self.path(argument)).collect(),
            env: command.env.iter().map(value).collect(),
            cwd: self.path(command.cwd.as_os_str()).into(),
        }
    }

    /// The real path, if the text is one of or below ours.
    fn path(&self, text: &OsStr) -> OsString {
        let real = |(at, host): &(PathBuf, PathBuf)| match Path::new(text).strip_prefix(at).ok()? {
            // Joined, nothing would become a slash at the end, and a file a folder.
            rest if rest.as_os_str().is_empty() => Some(host.clone()),
            rest => Some(host.join(rest)),
        };
        let found = self.pairs.iter().find_map(real);
        found.map_or_else(|| text.to_owned(), PathBuf::into_os_string)
    }

    /// The same for every part of a list such as `PATH`, and the proxy's real address for the one inside.
    fn value(&self, text: &OsStr, proxy: Option<&str>) -> OsString {
        if let (Some(proxy), Some(text)) = (proxy, text.to_str().filter(|text| text.contains(EGRESS))) {
            return text.replace(EGRESS, proxy).into();
        }
        let parts: Vec<Vec<u8>> = text
            .as_bytes()
            .split(|&byte| byte == b':')
            .map(|part| self.path(OsStr::from_bytes(part)).into_vec())
            .collect();
        OsString::from_vec(parts.join(&b':'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_the_proxy_are_translated() {
        let pairs = vec![("/work/cache".into(), "/var/c".into()), ("/work".into(), "/home/me/w".into())];
        let places = Places { pairs, _scratch: Option::None };
        assert_eq!(places.path(OsStr::new("/work/cache/x")), "/var/c/x");
        assert_eq!(places.path(OsStr::new("/work/cache")), "/var/c");
        assert_eq!(places.path(OsStr::new("/workshop")), "/workshop");
        assert_eq!(places.value(OsStr::new("/bin:/work/bin"), Option::None), "/bin:/home/me/w/bin");
        assert_eq!(places.value(OsStr::new("http://127.0.0.1:3128"), Some("127.0.0.1:9")), "http://127.0.0.1:9");
    }
}
