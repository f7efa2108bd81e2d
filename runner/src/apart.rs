//! This executable, run again as a process of its own, where a stranger's bytes are read in ways that could take all
//! memory or worse: whatever becomes of it there, takehome goes on.

use nix::sys::{
    prctl::set_pdeathsig,
    resource::{Resource, setrlimit},
    signal::{SigHandler, Signal, signal},
};
use std::{os::unix::process::CommandExt, path::Path, process::Command};

/// How `helper`, an executable that knows what `ask` means as its first argument, is run within so many bytes of memory;
/// it does not outlive the thread that starts it.
pub(crate) fn command(helper: &Path, ask: &str, memory: u64) -> Command {
    let mut command = Command::new(helper);
    command.arg(ask);
    let bound = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        // Ctrl-C reaches all of the terminal's processes; the caller decides what it means.
        // SAFETY: it is ignored, so no handler runs.
        unsafe { signal(Signal::SIGINT, SigHandler::SigIgn) }?;
        // Not 0, at which the kernel would still feed a handler of crashes.
        setrlimit(Resource::RLIMIT_CORE, 1, 1)?;
        Ok(setrlimit(Resource::RLIMIT_DATA, memory, memory)?)
    };
    // SAFETY: only system calls between fork and exec, and no handler is set.
    unsafe { command.pre_exec(bound) };
    command
}
