//! Limits that nobody else enforces: CPU time of a whole cell, and, where there are no cgroups, its memory and its
//! processes. Approximate: it looks now and then, and what comes and goes in between is not seen.
//!
//! Without cgroups one thread looks at the processes of all cells together: the machine's process list is read once,
//! and each cell is what descends from its set-up process, or from a program that is in none.

use super::cgroup::CellGroup;
use crate::backend::Limits;
use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::fs::MetadataExt,
    sync::{
        LazyLock, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval},
};

/// How often cells are looked at.
const PERIOD: Duration = Duration::from_millis(200);

/// What the peak of a process may be beyond its limit: there the kernel counts the files that it maps too, such as its
/// executable and libraries.
const MAPPED: u64 = 64 << 20;

/// Whether the peak of one process's resident memory tells that it has gone over its limit, however short that was.
pub(super) fn is_too_much(peak: u64, limits: &Limits) -> bool {
    peak > limits.memory.saturating_add(MAPPED)
}

/// A limit that a cell has gone over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    Memory,
    CpuTime,
    /// All the processes it may have: no reason to end it, but one to say so.
    Processes,
}

/// The watch over one program of a cell, for as long as it lives.
#[derive(Debug)]
pub(super) enum Watch {
    /// Everything is enforced by the kernel.
    Needless,
    /// The cgroup counts, and we compare.
    Group { most: Duration, ticks: Interval },
    /// The thread looks at the processes.
    Tree(TreeWatch),
}

/// The watch of the thread over a program and all below it.
#[derive(Debug)]
pub(crate) struct TreeWatch {
    number: u64,
    excesses: mpsc::UnboundedReceiver<Excess>,
}

impl Watch {
    /// Begins to watch a program in a cell. `group` has used `before` already, and `set_up` is the set-up process.
    pub(super) fn begin(limits: &Limits, group: Option<&CellGroup>, before: Duration, set_up: u32) -> Self {
        match (group, limits.cpu) {
            (Some(group), Some(cpu)) if group.cpu().is_some() => {
                let mut ticks = interval(PERIOD / 2);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                Self::Group { most: before + cpu, ticks }
            }
            (Some(_), None) => Self::Needless,
            // Also with a cgroup that does not count CPU time.
            (group, _) => Self::Tree(TreeWatch::begin(limits, group.is_some(), Root::SetUp(set_up))),
        }
    }

    /// Waits until a limit is exceeded. Loses nothing when it is cancelled.
    pub(super) async fn excess(&mut self, group: Option<&CellGroup>) -> Excess {
        match self {
            Self::Needless => std::future::pending().await,
            Self::Group { most, ticks } => loop {
                ticks.tick().await;
                if group.and_then(CellGroup::cpu).is_some_and(|used| used >= *most) {
                    return Excess::CpuTime;
                }
            },
            Self::Tree(tree) => tree.excess().await,
        }
    }
}

impl TreeWatch {
    /// Begins to watch a program that is in no cell.
    pub(crate) fn program(limits: &Limits, pid: u32) -> Self {
        Self::begin(limits, false, Root::Program(pid))
    }

    fn begin(limits: &Limits, only_cpu: bool, root: Root) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (tell, excesses) = mpsc::unbounded_channel();
        let watched = Watched { root, limits: limits.clone(), only_cpu, before: None, tell };
        let mut all = all();
        all.cells.insert(number, watched);
        if !all.running {
            all.running = std::thread::Builder::new().name("watchdog".into()).spawn(look_at_all).is_ok();
        }
        Self { number, excesses }
    }

    /// Waits until a limit is exceeded. Loses nothing when it is cancelled.
    pub(crate) async fn excess(&mut self) -> Excess {
        match self.excesses.recv().await {
            Some(excess) => excess,
            None => std::future::pending().await,
        }
    }
}

impl Drop for TreeWatch {
    fn drop(&mut self) {
        all().cells.remove(&self.number);
    }
}

/// Where in the process list the programs are that are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// Below a set-up process, whose only child is PID 1 of the cell.
    SetUp(u32),
    /// A program and what is below it.
    Program(u32),
}

/// A cell that the thread looks at.
#[derive(Debug)]
struct Watched {
    root: Root,
    limits: Limits,
    only_cpu: bool,
    /// CPU time of what had ended when the program was started.
    before: Option<Duration>,
    tell: mpsc::UnboundedSender<Excess>,
}

impl Watched {
    /// Compares what was counted with the limits.
    fn judge(&mut self, tally: &Tally) {
        let before = *self.before.get_or_insert(tally.ended);
        if self.limits.cpu.is_some_and(|most| (tally.ended + tally.running).saturating_sub(before) >= most) {
            let _ = self.tell.send(Excess::CpuTime);
        }
        if self.only_cpu {
            return;
        }
        if tally.memory > self.limits.memory || is_too_much(tally.peak, &self.limits) {
            let _ = self.tell.send(Excess::Memory);
        }
        if tally.tasks >= self.limits.processes {
            let _ = self.tell.send(Excess::Processes);
        }
    }
}

#[derive(Debug, Default)]
struct All {
    cells: HashMap<u64, Watched>,
    running: bool,
}

fn all() -> MutexGuard<'static, All> {
    static ALL: LazyLock<Mutex<All>> = LazyLock::new(Mutex::default);
    // A map of plain values is whole again as soon as the lock is free.
    ALL.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The life of the thread: it ends when there is nothing left to look at.
fn look_at_all() {
    loop {
        std::thread::sleep(PERIOD);
        let processes = Processes::read();
        let mut all = all();
        if all.cells.is_empty() {
            all.running = false;
            return;
        }
        for cell in all.cells.values_mut() {
            cell.judge(&processes.tally(cell.root, !cell.only_cpu));
        }
    }
}

/// What the programs of a cell use.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    /// Bytes of memory that belong to no file.
    memory: u64,
    /// The most resident memory that any one process has had.
    peak: u64,
    /// Processes and threads.
    tasks: u64,
    /// CPU time of those that live, and of their children that do not.
    running: Duration,
    /// CPU time of those that were reaped by PID 1.
    ended: Duration,
}

/// The machine's processes at one time.
#[derive(Debug, Default)]
struct Processes {
    children: HashMap<u32, Vec<Process>>,
}

/// One line of the process list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: u32,
    parent: u32,
    own: Duration,
    children: Duration,
    threads: u64,
}

impl Processes {
    fn read() -> Self {
        let mut processes = Self::default();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let text = pid.and_then(|pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).ok());
            if let Some(process) = text.and_then(|text| Process::parse(&text)) {
                processes.children.entry(process.parent).or_default().push(process);
            }
        }
        processes
    }

    /// Sums up what programs use.
    fn tally(&self, root: Root, with_memory: bool) -> Tally {
        let mut tally = Tally::default();
        let below = |pid: u32| self.children.get(&pid).into_iter().flatten();
        let mut waiting: Vec<&Process> = Vec::new();
        match root {
            Root::SetUp(pid) => {
                for init in below(pid) {
                    tally.ended += init.children;
                    waiting.extend(below(init.pid));
                }
            }
            Root::Program(pid) => waiting.extend(self.children.values().flatten().filter(|one| one.pid == pid)),
        }
        let mut files = HashSet::new();
        while let Some(process) = waiting.pop() {
            tally.tasks += process.threads;
            tally.running += process.own + process.children;
            if with_memory {
                let (memory, peak) = memory(process.pid);
                tally.memory += memory + files_in_memory(process.pid, &mut files);
                tally.peak = tally.peak.max(peak);
            }
            waiting.extend(below(process.pid));
        }
        tally
    }
}

impl Process {
    /// From a line of `/proc/<pid>/stat`.
    fn parse(text: &str) -> Option<Self> {
        let pid = text.split(' ').next()?.parse().ok()?;
        // The name before the last parenthesis may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
        let time = |first: usize| Some(ticks(number(first)? + number(first + 1)?));
        Some(Self {
            pid,
            parent: u32::try_from(number(1)?).ok()?,
            own: time(11)?,
            children: time(13)?,
            threads: number(17)?,
        })
    }
}

/// A time in the kernel's ticks.
pub(super) fn ticks(count: u64) -> Duration {
    // SAFETY: numbers only.
    let per_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap_or(100).max(1);
    Duration::from_nanos(count.saturating_mul(1_000_000_000 / per_second))
}

/// Memory of a process that belongs to no file, where what processes share after a fork is counted for each of them; and
/// the most that it has had, without the files that it maps now.
fn memory(pid: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        value.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0)
    };
    let peak = field("VmHWM:").saturating_sub(field("RssFile:"));
    ((field("RssAnon:") + field("RssShmem:")) << 10, peak << 10)
}

/// Memory of the files without a name that a process holds open and that `counted` does not have yet: what is written to
/// them is in no page table. Files of a file system of its own are counted by that.
fn files_in_memory(pid: u32, counted: &mut HashSet<(u64, u64)>) -> u64 {
    let nameless = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str().as_encoded_bytes().starts_with(b"/memfd:"))
    };
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().filter(nameless);
    let data = open.filter_map(|entry| fs::metadata(entry.path()).ok());
    data.filter(|data| counted.insert((data.dev(), data.ino()))).map(|data| data.blocks() * 512).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_a_name_are_counted_once() {
        let name = std::ffi::CString::new("x").unwrap();
        let before = files_in_memory(std::process::id(), &mut HashSet::new());
        let file = nix::sys::memfd::memfd_create(name.as_c_str(), nix::sys::memfd::MFdFlags::empty()).unwrap();
        let again = file.try_clone().unwrap();
        nix::unistd::write(&file, &[1; 1 << 20]).unwrap();
        // Other tests of this process hold none.
        assert_eq!(files_in_memory(std::process::id(), &mut HashSet::new()), before + (1 << 20));
        drop((file, again));
    }

    const LINE: &str = "42 (a (b) c) S 7 42 42 0 -1 4194560 100 0 0 0 250 50 30 20 20 0 3 0 5 1 1";

    #[test]
    fn a_line_of_the_process_list_is_read_whatever_the_name() {
        let expected = Process { pid: 42, parent: 7, own: ticks(300), children: ticks(50), threads: 3 };
        assert_eq!(Process::parse(LINE), Some(expected));
        assert_eq!(Process::parse("42 (cut"), None);
    }

    #[test]
    fn a_cell_is_what_descends_from_its_set_up_process() {
        let process = |pid, parent| Process { pid, parent, own: ticks(10), children: ticks(1), threads: 2 };
        let mut processes = Processes::default();
        for one in [process(2, 1), process(3, 2), process(4, 3), process(5, 4), process(6, 1)] {
            processes.children.entry(one.parent).or_default().push(one);
        }
        // 2 is the set-up process, 3 PID 1, 4 and 5 are programs, and 6 is another's.
        let expected = Tally { memory: 0, peak: 0, tasks: 4, running: ticks(22), ended: ticks(1) };
        assert_eq!(processes.tally(Root::SetUp(2), false), expected);
        assert_eq!(processes.tally(Root::Program(4), false), Tally { ended: Duration::ZERO, ..expected });
        assert_eq!(processes.tally(Root::Program(7), false), Tally::default(), "it has ended");
    }

    #[test]
    fn limits_are_judged_one_by_one() {
        let limits = Limits {
            memory: 100,
            processes: 5,
            open_files: 0,
            file_size: 0,
            cpu: Some(Duration::from_secs(2)),
            cpus: Vec::new(),
        };
        let told = |tally: Tally| {
            let (tell, mut excesses) = mpsc::unbounded_channel();
            let before = Some(Duration::from_secs(1));
            Watched { root: Root::SetUp(1), limits: limits.clone(), only_cpu: false, before, tell }.judge(&tally);
            std::iter::from_fn(move || excesses.try_recv().ok()).collect::<Vec<_>>()
        };
        let seconds = Duration::from_secs;
        let within = Tally { memory: 100, peak: 100 + MAPPED, tasks: 4, running: seconds(1), ended: seconds(1) };
        assert_eq!(told(within), []);
        assert_eq!(told(Tally { memory: 101, ..Tally::default() }), [Excess::Memory]);
        assert_eq!(told(Tally { peak: 101 + MAPPED, ..Tally::default() }), [Excess::Memory], "it was too much once");
        assert_eq!(told(Tally { tasks: 5, ..Tally::default() }), [Excess::Processes]);
        assert_eq!(told(Tally { running: seconds(2), ended: seconds(1), ..Tally::default() }), [Excess::CpuTime]);
    }

    #[test]
    fn our_own_memory_is_seen() {
        let (memory, peak) = memory(std::process::id());
        assert!(memory > 100 << 10 && peak >= memory, "{memory} of {peak}");
        assert!(Processes::read().children.len() > 1);
    }
}
