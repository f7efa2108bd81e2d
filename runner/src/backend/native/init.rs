//! PID 1 of a cell: starts one program after the other, reaps everything, and tells takehome how each ended.
//!
//! It runs as the candidate's user and without privileges, but the candidate cannot look into it: it is not dumpable,
//! it was executed anew and never held what the set-up knows of the host, and only the kernel's rules for PID 1 let
//! signals through to it (which means: none).

use super::{
    filter,
    foreign::descendants,
    helper::{control, die_with_parent},
    landlock, limits,
    wire::{Bytes, CONTROL, Facts, Failure, LARGEST_PACKET, Report, Request, Start, receive, send},
};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl,
        signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask},
        signalfd::{SfdFlags, SignalFd},
    },
    unistd::{ForkResult, Pid, fork},
};
use std::{
    convert::Infallible,
    ffi::{CStr, CString},
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
};

/// What PID 1 is called. A candidate who gets to see it learns nothing.
pub(super) const NAME: &CStr = c"init";

/// Becomes PID 1's own program, which first joins what arrives at a descriptor, if one is named.
pub(super) fn execute(program: &OwnedFd, join: Option<RawFd>) -> io::Result<Infallible> {
    let join = join.map(|descriptor| CString::new(descriptor.to_string())).transpose()?;
    let argv = [NAME.as_ptr(), join.as_ref().map_or(std::ptr::null(), |text| text.as_ptr()), std::ptr::null()];
    let env = [std::ptr::null::<libc::c_char>()];
    // SAFETY: both lists end in a null pointer and live through the call.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            argv.as_ptr(),
            env.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    Err(io::Error::last_os_error())
}

/// What [`execute`] was told, if it has started this process.
pub(super) fn asked() -> Option<Option<RawFd>> {
    let mut arguments = std::env::args_os();
    let named = arguments.next().is_some_and(|name| name.as_encoded_bytes() == NAME.to_bytes());
    let alone = std::process::id() == 1 && std::env::vars_os().next().is_none();
    match (arguments.next(), arguments.next()) {
        _ if !(named && alone) => None,
        (None, _) => Some(None),
        (Some(descriptor), None) => {
            descriptor.to_str()?.parse().ok().filter(|descriptor| *descriptor > CONTROL).map(Some)
        }
        _ => None,
    }
}

/// The whole life of PID 1; the result is its exit status.
pub(super) fn run() -> i32 {
    match Init::new().and_then(|mut init| init.serve()) {
        Ok(()) => 0,
        Err(error) => {
            let failure = Failure { step: format!("PID 1: {error}"), errno: error as i32 };
            let _ = send(control(), &Report::Failed(failure), &[]);
            1
        }
    }
}

/// PID 1's state.
struct Init {
    /// The program that was started last, while it runs.
    main: Option<Pid>,
    /// CPU time of what had ended before that.
    before: u64,
    /// The most memory of any one process that has ended since.
    peak: u64,
    children: SignalFd,
    buffer: Vec<u8>,
}

impl Init {
    fn new() -> nix::Result<Self> {
        prctl::set_dumpable(false)?;
        // Not only a start: the change of user has cleared it.
        die_with_parent()?;
        prctl::set_name(NAME)?;
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGCHLD);
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None)?;
        let children = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        nix::fcntl::fcntl(control(), nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
        Ok(Self { main: None, before: 0, peak: 0, children, buffer: vec![0; LARGEST_PACKET] })
    }

    /// Obeys until told to close, or until takehome is gone.
    fn serve(&mut self) -> nix::Result<()> {
        tell(&Report::Ready)?;
        // While takehome hears that: what is done here once holds for every program, and delays none.
        harden()?;
        loop {
            let (request, child) = self.wait()?;
            if child {
                while matches!(self.children.read_signal(), Ok(Some(_))) {}
                self.reap()?;
            }
            if request && !self.obey()? {
                return Ok(());
            }
        }
    }

    /// Sleeps until there is a request, or a child has ended.
    fn wait(&self) -> nix::Result<(bool, bool)> {
        let mut both =
            [PollFd::new(control(), PollFlags::POLLIN), PollFd::new(self.children.as_fd(), PollFlags::POLLIN)];
        match poll(&mut both, PollTimeout::NONE) {
            Err(Errno::EINTR) => Ok((false, false)),
            Err(error) => Err(error),
            Ok(_) => Ok((both[0].any() != Some(false), both[1].any() != Some(false))),
        }
    }

    /// Takes one request; false when it was the last.
    fn obey(&mut self) -> nix::Result<bool> {
        let received = receive(control(), &mut self.buffer).map_err(errno)?;
        let Some((request, descriptors)) = received else {
            self.kill_all();
            return Ok(false);
        };
        match request {
            Request::Start(start) => self.start(&start, descriptors)?,
            Request::Connect(port) => match connect(port) {
                Ok(socket) => send(control(), &Report::Connected, &[socket.as_raw_fd()]).map_err(errno)?,
                Err(error) => tell(&Report::NotConnected { errno: error as i32 })?,
            },
            Request::Terminate => self.signal(Signal::SIGTERM),
            Request::Quit => self.signal(Signal::SIGQUIT),
            Request::Look => tell(&descendants::look())?,
            Request::Kill => self.kill_and_report()?,
            Request::Pause => everyone(Signal::SIGSTOP),
            Request::Resume => everyone(Signal::SIGCONT),
            Request::Facts => tell(&Report::Facts(facts()))?,
            Request::Setup(_) | Request::Launch(_) | Request::Enter(_) => return Err(Errno::EPROTO),
            Request::Close => {
                self.kill_and_report()?;
                tell(&usage())?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn start(&mut self, start: &Start, descriptors: Vec<OwnedFd>) -> nix::Result<()> {
        let outcome = match self.main {
            Some(_) => Err(("start", Errno::EBUSY)),
            None => spawn(start, &descriptors),
        };
        match outcome {
            Ok(pid) => {
                (self.main, self.before, self.peak) = (Some(pid), used().0, 0);
                tell(&Report::Started)
            }
            Err((call, error)) => tell(&Report::StartFailed { call: call.into(), errno: error as i32 }),
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(main) = self.main {
            // It is our child and not yet reaped, so the pid is its own.
            let _ = kill(main, signal);
        }
    }

    /// Collects ended children. When the program itself is among them, what it has left behind goes too.
    fn reap(&mut self) -> nix::Result<()> {
        while let Some(ended) = self.wait_for_any(libc::WNOHANG) {
            if Some(ended.pid) == self.main {
                self.main = None;
                // Before the rest is killed, which may hold files that have no name any more.
                let full = full_places();
                self.kill_all();
                tell(&self.report(&ended, full))?;
            }
        }
        Ok(())
    }

    /// Kills everything; the program's end is reported if one ran.
    fn kill_and_report(&mut self) -> nix::Result<()> {
        let full = full_places();
        match self.kill_all() {
            Some(ended) => tell(&self.report(&ended, full)),
            None => Ok(()),
        }
    }

    /// How the program ended, once all it has started is gone too.
    fn report(&self, ended: &Ended, full: Vec<(String, bool)>) -> Report {
        let (code, signal) = ended.how();
        let cpu_micros = used().0.saturating_sub(self.before);
        Report::Exited { code, signal, cpu_micros, peak_bytes: self.peak, full }
    }

    /// Reaps one child; none if there is none, or none that has ended and `flags` say not to wait. By hand, because a
    /// wrapper that knows only the named signals fails on the real-time ones.
    fn wait_for_any(&mut self, flags: i32) -> Option<Ended> {
        loop {
            let mut status = 0;
            // SAFETY: all zeroes is a valid value of this structure of numbers.
            let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
            // SAFETY: both are ours.
            match unsafe { libc::wait4(-1, &raw mut status, flags, &raw mut usage) } {
                -1 if Errno::last() == Errno::EINTR => {}
                pid if pid > 0 => {
                    self.peak = self.peak.max(u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024);
                    return Some(Ended { pid: Pid::from_raw(pid), status });
                }
                _ => return None,
            }
        }
    }

    /// Kills every process of the cell but this one and waits until none is left; how the program ended.
    fn kill_all(&mut self) -> Option<Ended> {
        let mut main = None;
        loop {
            everyone(Signal::SIGKILL);
            match self.wait_for_any(0) {
                Some(ended) if Some(ended.pid) == self.main => {
                    self.main = None;
                    main = Some(ended);
                }
                Some(_) => {}
                None => return main,
            }
        }
    }
}

/// A connection to a port of the loopback. It is not waited for: a server may be slow to accept.
pub(in crate::backend) fn connect(port: u16) -> nix::Result<OwnedFd> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, socket};
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    match connect(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// Takes from this process, and so from every program, the calls that none of them needs.
fn harden() -> nix::Result<()> {
    // The filter lets nobody change this limit any more.
    limits::no_core_files().map_err(errno)?;
    filter::install(&filter::program())
}

/// A process that has ended and been reaped.
struct Ended {
    pid: Pid,
    status: i32,
}

impl Ended {
    /// Its status or its signal: the kernel's word for it, never guessed from a status above 128.
    fn how(&self) -> (Option<i32>, Option<i32>) {
        match libc::WIFSIGNALED(self.status) {
            true => (None, Some(libc::WTERMSIG(self.status))),
            false => (Some(libc::WEXITSTATUS(self.status)), None),
        }
    }
}

/// Waits for one certain child; its wait status.
fn wait_for(pid: Pid) -> i32 {
    let mut status = 0;
    loop {
        // SAFETY: the status is ours.
        let result = unsafe { libc::waitpid(pid.as_raw(), &raw mut status, 0) };
        if result >= 0 || Errno::last() != Errno::EINTR {
            return status;
        }
    }
}

/// Signals every process of the cell but this one: that is what -1 means to a PID 1.
fn everyone(signal: Signal) {
    match std::process::id() {
        1 => drop(kill(Pid::from_raw(-1), signal)),
        _ => descendants::signal(signal),
    }
}

/// Tells takehome.
fn tell(report: &Report) -> nix::Result<()> {
    send(control(), report, &[]).map_err(errno)
}

/// The number of an error; of one that has none, that the other side broke the protocol.
fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EPROTO, Errno::from_raw)
}

/// What all programs used that have been reaped.
fn usage() -> Report {
    let (cpu_micros, peak_bytes) = used();
    Report::Closed { cpu_micros, peak_bytes }
}

/// CPU time in microseconds and peak memory in bytes of all that has been reaped.
fn used() -> (u64, u64) {
    let micros = |time: nix::sys::time::TimeVal| (time.tv_sec() * 1_000_000 + time.tv_usec()) as u64;
    match nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN) {
        Ok(usage) => (micros(usage.user_time()) + micros(usage.system_time()), usage.max_rss() as u64 * 1024),
        Err(_) => (0, 0),
    }
}

/// The scratch places that have no room left.
fn full_places() -> Vec<(String, bool)> {
    let room = |place: &&str| {
        let found = nix::sys::statvfs::statvfs(*place).ok()?;
        let full = found.blocks() > 0 && found.blocks_free() == 0;
        let inodes = found.files() > 0 && found.files_free() == 0;
        (full || inodes).then(|| ((*place).to_owned(), !full))
    };
    crate::backend::SCRATCH.iter().filter_map(room).collect()
}

/// Starts a program, and returns once its `exec` has succeeded or failed.
fn spawn(start: &Start, descriptors: &[OwnedFd]) -> Result<Pid, (&'static str, Errno)> {
    let program = Program::new(start)?;
    let [stdin, stdout, stderr] = descriptors else { return Err(("stdio", Errno::EBADF)) };
    let own = own_null(stdin).map_err(|error| ("open", error))?;
    let stdio = [own.as_ref().unwrap_or(stdin), stdout, stderr].map(AsRawFd::as_raw_fd);
    let (reading, writing) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(|error| ("pipe", error))?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }.map_err(|error| ("fork", error))? {
        ForkResult::Child => {
            let (call, error) = program.become_it(&stdio);
            let _ = nix::unistd::write(&writing, &[call as u8]);
            let _ = nix::unistd::write(&writing, &(error as i32).to_ne_bytes());
            // SAFETY: ends the process without running what belongs to its parent.
            unsafe { libc::_exit(127) }
        }
        ForkResult::Parent { child } => {
            drop(writing);
            started(&reading, child)
        }
    }
}

/// In place of the host's null device the cell's own: through the host's mount it would not be read-only, and its times,
/// which others see, could be changed.
fn own_null(stdin: &OwnedFd) -> nix::Result<Option<OwnedFd>> {
    use nix::{fcntl::OFlag, sys::stat};
    let given = stat::fstat(stdin)?;
    let is_device = given.st_mode & libc::S_IFMT == libc::S_IFCHR;
    let is_null = is_device && given.st_rdev == stat::makedev(1, 3);
    let open = || nix::fcntl::open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, stat::Mode::empty());
    is_null.then(open).transpose()
}

/// Reads from the pipe that a successful `exec` closes.
fn started(pipe: &OwnedFd, child: Pid) -> Result<Pid, (&'static str, Errno)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8];
    loop {
        match nix::unistd::read(pipe, &mut chunk) {
            Err(Errno::EINTR) => {}
            Ok(0) | Err(_) => break,
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
        }
    }
    let [call, error @ ..] = bytes.as_slice() else { return Ok(child) };
    wait_for(child);
    let error = error.try_into().map_or(libc::EIO, i32::from_ne_bytes);
    Err((CALLS.get(usize::from(*call)).copied().unwrap_or("exec"), Errno::from_raw(error)))
}

/// Names of the calls between `fork` and `exec` that may fail.
const CALLS: [&str; 6] = ["setsid", "dup2", "chdir", "setrlimit", "landlock", "exec"];

/// A program with all its strings in the form that `exec` needs, so that nothing has to be made after `fork`.
struct Program<'a> {
    executables: Vec<CString>,
    argv: Vec<CString>,
    env: Vec<CString>,
    cwd: CString,
    bounds: &'a limits::Bounds,
    walls: Option<OwnedFd>,
}

impl<'a> Program<'a> {
    fn new(start: &'a Start) -> Result<Self, (&'static str, Errno)> {
        let string = |text: &Bytes| text.c_string().map_err(|_| ("argument", Errno::EINVAL));
        let strings = |list: &[Bytes]| list.iter().map(string).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            executables: strings(&start.executables)?,
            argv: strings(&start.argv)?,
            env: strings(&start.env)?,
            cwd: string(&start.cwd)?,
            bounds: &start.bounds,
            walls: start.bounds.walls().map_err(|error| ("landlock", errno(error)))?,
        })
    }

    /// Turns this process, a fresh child of PID 1, into the program; returns only on failure.
    fn become_it(&self, stdio: &[RawFd; 3]) -> (usize, Errno) {
        let argv = pointers(&self.argv);
        let env = pointers(&self.env);
        if let Err(error) = nix::unistd::setsid() {
            return (0, error);
        }
        if let Err(error) = take_stdio(stdio) {
            return (1, error);
        }
        if let Err(error) = nix::unistd::chdir(self.cwd.as_c_str()) {
            return (2, error);
        }
        prefer_as_victim();
        if let Err(error) = self.bounds.apply() {
            return (3, errno(error));
        }
        ordinary_signals();
        if let Some(Err(error)) = self.walls.as_ref().map(|walls| landlock::restrict(walls.as_fd())) {
            return (4, error);
        }
        (5, self.execute(&argv, &env))
    }

    /// Tries one candidate after the other, as a shell does: the first error that says more than "not here" stays.
    fn execute(&self, argv: &[*const libc::c_char], env: &[*const libc::c_char]) -> Errno {
        let mut worst = Errno::ENOENT;
        for path in &self.executables {
            // SAFETY: the lists end in null pointers, and the strings are alive.
            unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
            match Errno::last() {
                Errno::ENOENT | Errno::ENOTDIR => {}
                Errno::EACCES => worst = Errno::EACCES,
                error => return error,
            }
        }
        worst
    }
}

/// A list as `exec` wants it.
fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Makes the three descriptors 0, 1 and 2, and lets no other through.
fn take_stdio(stdio: &[RawFd; 3]) -> nix::Result<()> {
    for (to, &from) in stdio.iter().enumerate() {
        // All are above 2: descriptors 0 to 2 of PID 1 are taken.
        // SAFETY: numbers only; nothing in this process owns 0 to 2.
        Errno::result(unsafe { libc::dup2(from, to as RawFd) })?;
    }
    // SAFETY: numbers only.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) }).map(drop)
}

/// Signals as a program expects them: nothing blocked, nothing ignored.
fn ordinary_signals() {
    let default = [0u64; 4];
    for number in 1..=64 {
        // By system call, because C libraries refuse the two signals that they use themselves.
        // SAFETY: all zeroes is the default action; no kernel's structure is larger. SIGKILL and SIGSTOP are refused.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, number, default.as_ptr(), std::ptr::null::<u8>(), 8) };
    }
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
}

/// When memory runs out, this program goes first: not PID 1, and nobody else on the machine.
fn prefer_as_victim() {
    // Only the owner of a dumpable process may write this, and there is nobody here who could use the moment: no
    // program of the candidate runs while one is being started.
    let _ = prctl::set_dumpable(true);
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    let _ = prctl::set_dumpable(false);
}

/// What the probe wants to know.
fn facts() -> Facts {
    let kinds = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];
    let identity = |kind: &str| std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap_or_default();
    let refused = std::fs::write("/.probe", "").err().and_then(|error| error.raw_os_error());
    Facts {
        namespaces: kinds.iter().map(|kind| ((*kind).into(), identity(kind).display().to_string())).collect(),
        status: std::fs::read_to_string("/proc/self/status").unwrap_or_default(),
        read_only_root: refused == Some(libc::EROFS),
        no_nesting: nesting_refused(),
        landlock: if walls_hold() { crate::backend::landlock::version() } else { 0 },
        filter: filter_holds(),
        no_device_times: no_device_times(),
        no_lock_table: no_lock_table(),
        work_bytes: size_of_file_system(crate::backend::WORK),
        interfaces: interfaces(),
        shared: std::fs::read("/proc/self/mountinfo").ok().map(|table| super::view::shared(&table)),
    }
}

/// Whether nobody in the cell can leave a sign in the times of a device.
fn no_device_times() -> bool {
    use nix::sys::{
        stat::{UtimensatFlags, utimensat},
        time::TimeSpec,
    };
    let now = TimeSpec::UTIME_NOW;
    let set = utimensat(nix::fcntl::AT_FDCWD, "/dev/null", &now, &now, UtimensatFlags::FollowSymlink);
    matches!(set, Err(Errno::EROFS | Errno::EPERM | Errno::EACCES))
}

/// Whether nobody in the cell sees the machine's locks. Some cover the table with one that is empty, which it is not by
/// itself: takehome's own are in it.
fn no_lock_table() -> bool {
    match std::fs::read(super::plan::LOCKS) {
        Ok(table) => table.is_empty(),
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// How many bytes a file system holds; 0 if unknown.
#[allow(clippy::unnecessary_cast)] // The types differ between machines.
fn size_of_file_system(path: &str) -> u64 {
    nix::sys::statvfs::statvfs(path).map_or(0, |found| found.blocks() as u64 * found.fragment_size() as u64)
}

/// Whether further namespaces are refused: by the filter when it is tried, and by the kernel's own count as well.
fn nesting_refused() -> bool {
    in_a_child(|| nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER).is_err())
}

/// Tries to write where landlock alone forbids it.
fn walls_hold() -> bool {
    let Ok(Some(walls)) = landlock::prepare([c"/work"].iter()) else { return false };
    in_a_child(|| {
        let before = std::fs::write("/tmp/.probe", "");
        let restricted = landlock::restrict(walls.as_fd());
        let after = std::fs::write("/tmp/.probe", "").err().and_then(|error| error.raw_os_error());
        before.is_ok() && restricted.is_ok() && after == Some(libc::EACCES)
    })
}

/// Makes a call that the filter alone forbids.
fn filter_holds() -> bool {
    // SAFETY: numbers only; the child ends at once, traced or not.
    in_a_child(|| Errno::result(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) }) == Err(Errno::EPERM))
}

/// Tries something out in a child that ends at once; whether it held.
fn in_a_child(attempt: impl FnOnce() -> bool) -> bool {
    // SAFETY: this process has one thread, so the child may do anything.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            let held = attempt();
            // SAFETY: ends the process without running what belongs to its parent.
            unsafe { libc::_exit(i32::from(held)) }
        }
        Ok(ForkResult::Parent { child }) => {
            let status = wait_for(child);
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 1
        }
        Err(_) => false,
    }
}

/// Names of the network interfaces, from the table's lines such as `    lo: 0 0 0`.
fn interfaces() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    table.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}
