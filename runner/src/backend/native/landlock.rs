//! Landlock, on top of the private root: what a program may write is named once more, by a mechanism that shares
//! nothing with mounts and users. A mount that were writable by mistake would still not be.
//!
//! Programs may read and execute all that their root shows, which is chosen already, and write in the places they are
//! given. Where the kernel knows how, signals and abstract sockets also stay among themselves.

use crate::backend::landlock::{Ports, Right, Ruleset, version};
use std::{ffi::OsStr, io, os::fd::OwnedFd, os::unix::ffi::OsStrExt, path::Path};

pub(super) use crate::backend::landlock::restrict;

/// The oldest version of use: the first one has no way to allow a file to be moved between folders.
const OLDEST: u32 = 2;

/// Devices that may be written to.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Makes the rules for a program that may write below these paths; none where the kernel has nothing to offer.
pub(super) fn prepare(writable: impl Iterator<Item = impl AsRef<std::ffi::CStr>>) -> io::Result<Option<OwnedFd>> {
    let version = version();
    if version < OLDEST {
        return Ok(None);
    }
    let rules = Ruleset::new(version, Ports::Free)?;
    rules.allow(Path::new("/"), Right::Read)?;
    for path in writable {
        rules.allow(Path::new(OsStr::from_bytes(path.as_ref().to_bytes())), Right::Write)?;
    }
    DEVICES.iter().try_for_each(|path| rules.allow(Path::new(path), Right::Device))?;
    Ok(Some(rules.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skip;
    use std::os::fd::AsFd;

    #[test]
    fn only_the_named_places_can_be_written() {
        if version() < OLDEST {
            return skip::skip("this kernel has no Landlock");
        }
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = std::ffi::CString::new(inside.path().to_str().unwrap()).unwrap();
        let rules = prepare([path].iter()).unwrap().unwrap();
        // In a thread of its own: rules hold for the thread that takes them.
        let (kept, refused, device) = std::thread::scope(|scope| {
            let restricted = scope.spawn(|| {
                nix::sys::prctl::set_no_new_privs().unwrap();
                restrict(rules.as_fd()).unwrap();
                let write = |path: &std::path::Path| std::fs::write(path, "x").map_err(|error| error.kind());
                std::fs::create_dir(inside.path().join("folder")).unwrap();
                write(&inside.path().join("folder/file")).unwrap();
                let moved = std::fs::rename(inside.path().join("folder/file"), inside.path().join("file"));
                (moved.is_ok(), write(&outside.path().join("file")), write("/dev/null".as_ref()))
            });
            restricted.join().unwrap()
        });
        assert!(kept && device.is_ok(), "{device:?}");
        assert_eq!(refused, Err(io::ErrorKind::PermissionDenied));
        std::fs::write(outside.path().join("file"), "x").expect("nothing is wrong with the folder itself");
    }
}
