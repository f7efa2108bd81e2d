//! The builder of a cell: makes the private root, hands it to PID 1, and ends.
//!
//! It works while PID 1 is executed and linked, which takes about as long; and what it had to know of the host is never in
//! the memory of a process that stays beside a candidate's code. It lives in the pid namespace of the cell, because only
//! from there its process list can be mounted.

use super::{
    helper::{INSIDE, die_with_parent},
    join::{fresh_session_keyring, root_device},
    mounts,
    wire::{Built, Failure, Setup, Step, send},
};
use nix::sched::{CloneFlags, unshare};
use std::{
    fs::File,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

/// Builds, and hands the namespace in which that can be seen to PID 1 behind the socket.
pub(super) fn build(setup: &Setup, init: &OwnedFd) -> Result<(), Failure> {
    die_with_parent().step("PR_SET_PDEATHSIG")?;
    // Overlays keep the credentials of whoever has made them.
    fresh_session_keyring();
    unshare(CloneFlags::CLONE_NEWNS).step("create a mount namespace")?;
    // Now, while there is the host's process list.
    let namespace = File::open("/proc/self/ns/mnt").step("open the mount namespace")?;
    mounts::enter(&setup.nodes, setup.identity.dedicated().unwrap_or(INSIDE))?;
    let root = root_device().step("look at the private root")?;
    let built = Built { identity: setup.identity, root };
    send(init.as_fd(), &built, &[namespace.as_raw_fd()]).step("hand over the mount namespace")
}
