//! `bwrap` called so that it isolates as a cell does, as far as it can: the same namespaces, the same files at the same
//! places, tmpfs of the same sizes, a filter of system calls, no capabilities, a session of its own, no environment, no
//! further user namespaces, and as root another user.
//!
//! What it cannot do is left out, in its favour: limits by cgroup, hidden processes, hidden properties of its PID 1, and
//! usage figures. So are the six small files of ours in `/etc`.

use std::{
    fs,
    io::{Seek, Write},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::Command,
};

/// Steps of the filter: about as many as a filter that allows by need has.
const STEPS: usize = 256;

/// How to call `bwrap`.
pub struct Bubblewrap {
    arguments: Vec<String>,
    filter: fs::File,
}

impl Bubblewrap {
    /// For a program that is seen at a place of its own.
    pub fn new(program: &Path, at: &str) -> Self {
        let filter = filter();
        let number = filter.as_raw_fd().to_string();
        let program = program.to_str().expect("a name in UTF-8");
        let mut line: Vec<&str> = FIXED.split_whitespace().collect();
        line.extend(["--seccomp", &number, "--ro-bind", program, at]);
        let system = system();
        line.extend(system.iter().map(String::as_str));
        line.extend(["--remount-ro", "/", "--chdir", "/work", at]);
        Self { arguments: line.into_iter().map(Into::into).collect(), filter }
    }

    /// A call that has not been made yet.
    pub fn command(&self) -> Command {
        // The last one has read it to its end.
        (&self.filter).rewind().expect("the filter's beginning");
        let mut command = Command::new("/usr/bin/bwrap");
        command.args(&self.arguments).env_clear();
        if nix::unistd::geteuid().is_root() {
            // Dropped before and not by `setpriv` inside: one program less to execute.
            let user = runner::backend::native::DEDICATED_USER;
            command.uid(user).gid(user);
        }
        command
    }
}

/// What does not depend on this machine.
const FIXED: &str = "--unshare-user --unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup \
    --disable-userns --uid 1000 --gid 1000 --hostname cell --new-session \
    --die-with-parent --clearenv --setenv PATH /usr/bin:/bin --cap-drop ALL --proc /proc \
    --perms 1777 --size 1048576 --tmpfs /tmp --perms 1777 --size 1048576 --tmpfs /dev/shm \
    --perms 0755 --size 1048576 --tmpfs /work --symlink /tmp /var/tmp --symlink /proc/self/fd /dev/fd \
    --symlink fd/0 /dev/stdin --symlink fd/1 /dev/stdout --symlink fd/2 /dev/stderr";

/// The same parts of this machine's system that a cell with the whole of it sees, taken from such a cell.
fn system() -> Vec<String> {
    let mut arguments = Vec::new();
    for name in ["null", "zero", "full", "random", "urandom"] {
        let path = format!("/dev/{name}");
        arguments.extend(["--dev-bind".into(), path.clone(), path]);
    }
    for path in ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].map(Path::new) {
        if let Ok(to) = fs::read_link(path) {
            arguments.extend(["--symlink".into(), to.display().to_string(), path.display().to_string()]);
        } else if path.exists() {
            arguments.extend(bind(&path.display().to_string()));
        }
    }
    arguments.extend(["/usr".to_owned()].iter().chain(&seen_in_etc()).flat_map(|path| bind(path)));
    arguments
}

fn bind(path: &str) -> [String; 3] {
    ["--ro-bind".into(), path.into(), path.into()]
}

/// What a cell sees in `/etc`: asked of one.
fn seen_in_etc() -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let native = super::native();
    runner::backend::Backend::adopt(&native, folder.path()).expect("the cell's folder");
    let work = runner::backend::Work::Folder(folder.path().into());
    runtime.block_on(async {
        let mut session =
            super::Session::open(&native, runner::backend::CellSpec { work, ..super::spec("look") }).await;
        assert_eq!(session.run(&["cp", "/proc/self/mountinfo", "/work/mounts"]).await.code, Some(0));
        session.close().await;
    });
    let mounts = fs::read_to_string(folder.path().join("mounts")).expect("the list");
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    places.filter(|place| place.starts_with("/etc/")).map(Into::into).collect()
}

/// A filter that compares the number of every call with so many others, and allows it.
fn filter() -> fs::File {
    let mut program = Vec::new();
    let mut step = |code: u32, jt: u8, jf: u8, k: u32| {
        program.extend((code as u16).to_ne_bytes());
        program.extend([jt, jf]);
        program.extend(k.to_ne_bytes());
    };
    step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0);
    for other in 0..STEPS as u32 / 2 {
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, 10_000 + other);
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    }
    step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW);
    // Without the flag that would close it in children.
    // SAFETY: a C string and a number.
    let fd = unsafe { libc::memfd_create(c"filter".as_ptr(), 0) };
    assert!(fd >= 0, "a file in memory: {}", std::io::Error::last_os_error());
    // SAFETY: a new descriptor that nobody else owns.
    let mut file = fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.write_all(&program).expect("a filter");
    file
}
