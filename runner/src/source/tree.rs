//! Walking a commit's tree, object by object, and handing its files to the [`Export`].
//!
//! Tree objects are read here rather than by libgit2, so that a name it would refuse is reported and left out alone
//! instead of hiding the whole folder. A size is known from an object's header before its content is read.

use super::{
    error::SourceError,
    export::Export,
    limits::Exceeded,
    names::{self, show},
    progress::{Phase, Reporter},
    submodule::{self, Submodules},
};
use git2::{ObjectType, Odb, Oid, Repository};
use std::ops::ControlFlow;

/// The most bytes of a tree object: about half a million entries, more than any limit on files that makes sense.
const MOST_FOLDER: u64 = 16 << 20;

/// One line of a tree object.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    mode: u32,
    name: &'a [u8],
    id: Oid,
}

/// The kinds of entries, in the high bits of the mode.
mod kind {
    pub(super) const MASK: u32 = 0o170_000;
    pub(super) const FOLDER: u32 = 0o040_000;
    pub(super) const FILE: u32 = 0o100_000;
    pub(super) const LINK: u32 = 0o120_000;
    pub(super) const SUBMODULE: u32 = 0o160_000;
}

/// A walk over the tree of one repository.
pub(super) struct Walk<'a, 'r> {
    pub(super) repo: &'a Repository,
    pub(super) export: &'a mut Export,
    pub(super) submodules: &'a mut Submodules,
    pub(super) reporter: &'a Reporter<'r>,
    /// How many repositories this one is inside.
    pub(super) nesting: usize,
}

impl Walk<'_, '_> {
    /// Exports a whole tree; fails when its root cannot be read.
    pub(super) fn root(&mut self, location: &str, tree: Oid) -> Result<(), SourceError> {
        let odb = self.repo.odb().map_err(|e| damaged(location, &e))?;
        let data = match read(&odb, tree, ObjectType::Tree, MOST_FOLDER) {
            Read::Whole(data) => data,
            Read::TooLarge => return Err(self.too_large(ObjectType::Tree, b"")),
            Read::NoMemory => return Err(no_memory()),
            Read::Unreadable(why) => {
                return Err(SourceError::Damaged {
                    location: location.into(),
                    why: format!("its root folder, tree {tree}, cannot be read: {why}"),
                });
            }
        };
        let modules = self.modules(&odb, &data);
        self.entries(&odb, &data, &modules)
    }

    /// The submodules that the `.gitmodules` file of a root folder names.
    fn modules(&self, odb: &Odb<'_>, root: &[u8]) -> Vec<submodule::Module> {
        let file = entries(root).flatten().find(|e| e.name == b".gitmodules" && e.mode & kind::MASK == kind::FILE);
        match file.map(|e| read(odb, e.id, ObjectType::Blob, submodule::MOST_BYTES)) {
            Some(Read::Whole(text)) => submodule::parse(&text),
            _ => Vec::new(),
        }
    }

    /// Exports the entries of one tree object.
    fn entries(&mut self, odb: &Odb<'_>, data: &[u8], modules: &[submodule::Module]) -> Result<(), SourceError> {
        for entry in entries(data) {
            match entry {
                Ok(entry) => self.entry(odb, &entry, modules)?,
                Err(()) => {
                    let message = format!("the rest of the folder `{}` cannot be read", self.export.shown(b""));
                    self.export.notices.add("missing-object", message);
                }
            }
            self.report();
        }
        Ok(())
    }

    /// Exports one entry by its kind.
    fn entry(&mut self, odb: &Odb<'_>, entry: &Entry<'_>, modules: &[submodule::Module]) -> Result<(), SourceError> {
        match entry.mode & kind::MASK {
            kind::FOLDER => self.folder(odb, entry, modules),
            kind::FILE => self.file(odb, entry),
            kind::LINK => self.link(odb, entry),
            kind::SUBMODULE => self.submodule(entry, modules),
            _ => {
                let message = format!("`{}` is of an unknown kind ({:o})", self.export.shown(entry.name), entry.mode);
                self.export.notices.add("special-file", message);
                self.export.pass()
            }
        }
    }

    fn folder(&mut self, odb: &Odb<'_>, entry: &Entry<'_>, modules: &[submodule::Module]) -> Result<(), SourceError> {
        let Some(data) = self.object(odb, entry, ObjectType::Tree)? else { return self.export.pass() };
        if self.export.enter(entry.name)? {
            self.entries(odb, &data, modules)?;
            self.export.leave();
        }
        Ok(())
    }

    fn file(&mut self, odb: &Odb<'_>, entry: &Entry<'_>) -> Result<(), SourceError> {
        if let Ok((size, ObjectType::Blob)) = odb.read_header(entry.id) {
            self.export.fits(entry.name, size as u64)?;
        }
        let Some(data) = self.object(odb, entry, ObjectType::Blob)? else { return self.export.pass() };
        if is_lfs_pointer(&data) {
            let message =
                format!("`{}` is a pointer to a file in Git LFS, which is not fetched", self.export.shown(entry.name));
            self.export.notices.add("lfs-pointer", message);
            self.export.opaque(entry.name);
        }
        self.export.file(entry.name, entry.mode & 0o100 != 0, &mut data.as_slice())
    }

    fn link(&mut self, odb: &Odb<'_>, entry: &Entry<'_>) -> Result<(), SourceError> {
        // Targets are kept in memory until all are known; one longer than a path is none.
        if odb.read_header(entry.id).is_ok_and(|(size, _)| size > names::MOST_TARGET) {
            let message = format!("the link `{}` is left out: its target is no path", self.export.shown(entry.name));
            self.export.notices.add("symlink-refused", message);
            return self.export.pass();
        }
        match self.object(odb, entry, ObjectType::Blob)? {
            Some(target) => self.export.link(entry.name, target),
            None => self.export.pass(),
        }
    }

    /// Fetches and exports a submodule, or says that it is left out.
    fn submodule(&mut self, entry: &Entry<'_>, modules: &[submodule::Module]) -> Result<(), SourceError> {
        let path = self.export.path(entry.name);
        self.export.opaque(entry.name);
        let found = self.submodules.fetch(&path, entry.id, modules, self.nesting, self.reporter)?;
        let fetched = match found {
            ControlFlow::Break(why) => {
                self.export.notices.add("submodule", format!("the submodule `{}` is left out: {why}", show(&path)));
                return self.export.pass();
            }
            ControlFlow::Continue(fetched) => fetched,
        };
        if self.export.enter(entry.name)? {
            let parent = self.submodules.enter(&fetched);
            let tree = fetched.tree()?;
            let mut walk = Walk {
                repo: &fetched.repo,
                export: self.export,
                submodules: self.submodules,
                reporter: self.reporter,
                nesting: self.nesting + 1,
            };
            walk.root(&fetched.location, tree)?;
            self.submodules.leave(parent);
            self.export.leave();
        }
        Ok(())
    }

    /// Reads an entry's object; a missing one is reported by the entry's name.
    fn object(&mut self, odb: &Odb<'_>, entry: &Entry<'_>, kind: ObjectType) -> Result<Option<Vec<u8>>, SourceError> {
        let most = if kind == ObjectType::Tree { MOST_FOLDER } else { self.most() };
        match read(odb, entry.id, kind, most) {
            Read::Whole(data) => Ok(Some(data)),
            Read::TooLarge => Err(self.too_large(kind, entry.name)),
            Read::NoMemory => Err(no_memory()),
            Read::Unreadable(why) => {
                let message = format!("`{}` is left out: its object {} {why}", self.export.shown(entry.name), entry.id);
                self.export.notices.add("missing-object", message);
                Ok(None)
            }
        }
    }

    /// The error for an object that is not even read.
    fn too_large(&self, kind: ObjectType, name: &[u8]) -> SourceError {
        let limits = self.export.meter.limits();
        SourceError::Limit(match kind {
            ObjectType::Tree => Exceeded::Files(limits.files),
            _ => Exceeded::FileSize(limits.file_size, self.export.shown(name)),
        })
    }

    /// The most bytes of a file or link.
    fn most(&self) -> u64 {
        self.export.meter.limits().file_size
    }

    fn report(&self) {
        let (files, bytes) = self.export.so_far();
        self.reporter.exported(Phase::Exporting, files, bytes);
    }
}

/// What came of reading an object.
enum Read {
    Whole(Vec<u8>),
    TooLarge,
    /// What it is a change to does not fit in memory.
    NoMemory,
    Unreadable(&'static str),
}

/// Reads an object whose header says that it is of the kind and not too large. libgit2 checks its hash.
fn read(odb: &Odb<'_>, id: Oid, kind: ObjectType, most: u64) -> Read {
    match odb.read_header(id) {
        Ok((size, _)) if size as u64 > most => return Read::TooLarge,
        Ok((_, found)) if found != kind => return Read::Unreadable("is of another kind"),
        Ok(_) => {}
        Err(error) if error.code() == git2::ErrorCode::NotFound => {
            return Read::Unreadable("is missing from the repository");
        }
        Err(error) => return unread(&error),
    }
    match odb.read(id) {
        Ok(object) => Read::Whole(object.data().to_vec()),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Read::Unreadable("is missing from the repository"),
        Err(error) => unread(&error),
    }
}

/// Why an object that is there could not be read.
fn unread(error: &git2::Error) -> Read {
    match error.class() {
        git2::ErrorClass::NoMemory => Read::NoMemory,
        _ => Read::Unreadable("is damaged"),
    }
}

/// Takes a tree object apart: `mode SP name NUL id`, again and again. Ends with an error where that is not so.
fn entries(data: &[u8]) -> impl Iterator<Item = Result<Entry<'_>, ()>> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let data = rest.take().filter(|data| !data.is_empty())?;
        let Some((entry, tail)) = first_entry(data) else { return Some(Err(())) };
        rest = Some(tail);
        Some(Ok(entry))
    })
}

/// The first entry of a tree object and what follows it.
fn first_entry(data: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let space = data.iter().take(8).position(|b| *b == b' ')?;
    let mode = u32::from_str_radix(str::from_utf8(&data[..space]).ok()?, 8).ok()?;
    let data = &data[space + 1..];
    let nul = data.iter().position(|b| *b == 0)?;
    let (name, data) = (&data[..nul], &data[nul + 1..]);
    let (id, tail) = data.split_at_checked(20)?;
    Some((Entry { mode, name, id: Oid::from_bytes(id).ok()? }, tail))
}

/// Whether a file's content is only a pointer to the real content in Git LFS.
fn is_lfs_pointer(data: &[u8]) -> bool {
    data.len() < 1024 && data.starts_with(b"version https://git-lfs.github.com/spec/v1\n")
}

/// An object that does not fit in the memory that this process may have.
fn no_memory() -> SourceError {
    let memory = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_DATA);
    SourceError::Limit(Exceeded::Memory(memory.map_or(0, |(soft, _)| soft)))
}

/// A repository that libgit2 cannot read.
pub(super) fn damaged(location: &str, error: &git2::Error) -> SourceError {
    if error.class() == git2::ErrorClass::NoMemory {
        return no_memory();
    }
    SourceError::Damaged { location: location.into(), why: harness::text::excerpt(error.message(), 200) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn trees_are_taken_apart_up_to_where_they_are_broken() {
        let mut data = b"100644 a\0".to_vec();
        data.extend([1; 20]);
        data.extend(b"40000 ..\0");
        data.extend([2; 20]);
        data.extend(b"100644 cut\0abc");
        let found: Vec<_> = entries(&data).collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].as_ref().unwrap().name, b"a");
        assert_eq!((found[1].as_ref().unwrap().mode, found[1].as_ref().unwrap().name), (0o40000, &b".."[..]));
        assert_eq!(found[2], Err(()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_apart_without_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(entries(&data).count() <= data.len());
        }
    }
}
