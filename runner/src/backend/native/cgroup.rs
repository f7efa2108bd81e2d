//! Control groups: limits on a whole cell and what it used, by version 2 where it is delegated to us, by version 1 as
//! root, or not at all.
//!
//! A cell's groups are named `takehome-<pid>-<start time>-<number>-<label>`, so that a later takehome can tell which
//! belong to one that has died and remove them.

use crate::{
    backend::{Limits, Usage},
    leftovers,
};
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Beginning of the names of our groups.
const PREFIX: &str = "takehome-";
/// The group of version 2 into which we move, so that our own may have others below it.
const LEAF: &str = "supervisor";
/// How often a removal is tried again while the last process is on its way out: about a second in all.
const REMOVALS: u32 = 200;

/// Where new groups are made.
#[derive(Debug, Clone)]
pub(super) enum Hierarchy {
    /// One directory with all controllers.
    Unified(PathBuf),
    /// A directory for each controller; CPU accounting may be missing.
    Separate { memory: PathBuf, pids: PathBuf, cpu: Option<PathBuf> },
}

impl Hierarchy {
    /// Finds where groups can be made here, by making one; the error says why it cannot be done.
    ///
    /// Once for the whole process: looking may move it into another group, so that a second look would start from
    /// there, and one at the same time would see it half way.
    pub(super) fn find() -> Result<Self, String> {
        static FOUND: OnceLock<Result<Hierarchy, String>> = OnceLock::new();
        FOUND.get_or_init(Self::look).clone()
    }

    fn look() -> Result<Self, String> {
        let places = Places::read().map_err(|error| format!("/proc/self/cgroup or mountinfo: {error}"))?;
        let unified = places.unified.as_deref().map_or(Err("version 2 is not mounted".to_owned()), unified_base);
        let v2 = match unified {
            Ok(base) => return Ok(Self::Unified(base)),
            Err(reason) => reason,
        };
        let found = match (places.controllers.get("memory"), places.controllers.get("pids")) {
            (Some(memory), Some(pids)) => Self::Separate {
                memory: memory.clone(),
                pids: pids.clone(),
                cpu: places.controllers.get("cpuacct").cloned(),
            },
            _ => return Err(format!("cgroup {v2}; version 1 has no memory and pids controllers")),
        };
        match CellGroup::create_in(&found, "probe", None) {
            Ok(group) => group.remove().map(|()| found).map_err(|error| error.to_string()),
            Err(error) => Err(format!("cgroup {v2}; version 1: {error}")),
        }
    }

    /// In words, for a report.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Unified(_) => "cgroup v2",
            Self::Separate { .. } => "cgroup v1",
        }
    }

    /// Whether CPU time is counted.
    pub(super) fn counts_cpu(&self) -> bool {
        !matches!(self, Self::Separate { cpu: None, .. })
    }

    /// All directories in which groups are made.
    fn bases(&self) -> Vec<&Path> {
        match self {
            Self::Unified(base) => vec![base],
            Self::Separate { memory, pids, cpu } => {
                [Some(memory), Some(pids), cpu.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect()
            }
        }
    }

    /// Removes what dead takehomes have left here, processes first.
    pub(super) fn sweep(&self) -> usize {
        let entries = self.bases().into_iter().flat_map(|base| fs::read_dir(base).into_iter().flatten().flatten());
        let orphans = entries.map(|entry| entry.path()).filter(|path| is_orphan(path));
        orphans.filter(|path| kill_members(path).and_then(|()| remove(path)).is_ok()).count()
    }
}

/// The groups of one cell.
#[derive(Debug)]
pub(super) struct CellGroup {
    hierarchy: Hierarchy,
    name: String,
    /// CPU time used before the first program, by the set-up itself.
    baseline: Duration,
    removed: bool,
}

impl CellGroup {
    /// Makes the groups of a cell and sets its limits.
    pub(super) fn create(hierarchy: &Hierarchy, label: &str, limits: &Limits) -> io::Result<Self> {
        Self::create_in(hierarchy, label, Some(limits))
    }

    fn create_in(hierarchy: &Hierarchy, label: &str, limits: Option<&Limits>) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}-{label}", leftovers::owner());
        // From here on dropping it removes what has been made so far.
        let group = Self { hierarchy: hierarchy.clone(), name, baseline: Duration::ZERO, removed: false };
        for base in hierarchy.bases() {
            fs::create_dir(base.join(&group.name))?;
        }
        limits.map_or(Ok(()), |limits| group.limit(limits))?;
        Ok(group)
    }

    fn limit(&self, limits: &Limits) -> io::Result<()> {
        // PID 1 of the cell is a member as well.
        let processes = (limits.processes + 1).to_string();
        let memory = limits.memory.to_string();
        match &self.hierarchy {
            Hierarchy::Unified(base) => limit_unified(&base.join(&self.name), &memory, &processes),
            Hierarchy::Separate { memory: base, pids, .. } => {
                let folder = base.join(&self.name);
                put(&folder, "memory.limit_in_bytes", &memory)?;
                // Only there when swap is accounted.
                let _ = put(&folder, "memory.memsw.limit_in_bytes", &memory);
                put(&pids.join(&self.name), "pids.max", &processes)
            }
        }
    }

    /// The files into which a process of one thread writes itself to become a member.
    pub(super) fn member_files(&self) -> Vec<PathBuf> {
        // A thread that moves only itself need not stop the world: version 1 lets it in through a file of its own,
        // which spares several milliseconds for each cell.
        let file = match self.hierarchy {
            Hierarchy::Unified(_) => "cgroup.procs",
            Hierarchy::Separate { .. } => "tasks",
        };
        self.folders().map(|folder| folder.join(file)).collect()
    }

    /// Counts from here on; what was used before was not the candidate's.
    pub(super) fn set_baseline(&mut self) {
        self.baseline = self.cpu().unwrap_or_default();
    }

    /// How many processes the kernel has killed because of the memory limit.
    pub(super) fn out_of_memory_kills(&self) -> u64 {
        let (base, file) = match &self.hierarchy {
            Hierarchy::Unified(base) => (base, "memory.events"),
            Hierarchy::Separate { memory, .. } => (memory, "memory.oom_control"),
        };
        let text = fs::read_to_string(base.join(&self.name).join(file)).unwrap_or_default();
        field(&text, "oom_kill").unwrap_or(0)
    }

    /// How often a process or thread was refused.
    pub(super) fn refused_processes(&self) -> u64 {
        let base = match &self.hierarchy {
            Hierarchy::Unified(base) => base,
            Hierarchy::Separate { pids, .. } => pids,
        };
        let text = fs::read_to_string(base.join(&self.name).join("pids.events")).unwrap_or_default();
        field(&text, "max").unwrap_or(0)
    }

    /// What the members have used; figures that are not counted here are taken from `fallback`.
    pub(super) fn usage(&self, fallback: Usage) -> Usage {
        let cpu = self.cpu().map(|cpu| cpu.saturating_sub(self.baseline));
        Usage { cpu: cpu.unwrap_or(fallback.cpu), peak_memory: self.peak_memory().unwrap_or(fallback.peak_memory) }
    }

    /// CPU time of the members, also of those that have gone.
    pub(super) fn cpu(&self) -> Option<Duration> {
        match &self.hierarchy {
            Hierarchy::Unified(base) => {
                let text = fs::read_to_string(base.join(&self.name).join("cpu.stat")).ok()?;
                field(&text, "usage_usec").map(Duration::from_micros)
            }
            Hierarchy::Separate { cpu, .. } => {
                number(&cpu.as_ref()?.join(&self.name).join("cpuacct.usage")).map(Duration::from_nanos)
            }
        }
    }

    fn peak_memory(&self) -> Option<u64> {
        match &self.hierarchy {
            Hierarchy::Unified(base) => number(&base.join(&self.name).join("memory.peak")),
            Hierarchy::Separate { memory, .. } => number(&memory.join(&self.name).join("memory.max_usage_in_bytes")),
        }
    }

    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        self.hierarchy.bases().into_iter().map(|base| base.join(&self.name))
    }

    /// Removes the groups, whose members must be dead or dying. Blocks until they are.
    pub(super) fn remove(mut self) -> io::Result<()> {
        self.removed = true;
        self.folders().try_for_each(|folder| remove(&folder))
    }
}

impl Drop for CellGroup {
    /// The last resort, when the runtime ends and nobody can wait for the members to go in an orderly way.
    fn drop(&mut self) {
        if !self.removed {
            self.folders().for_each(|folder| drop(kill_members(&folder).and_then(|()| remove(&folder))));
        }
    }
}

/// Limits by version 2. Without `memory.oom.group`, because PID 1 is a member too: it has to live on to tell how the
/// program ended, and to start another.
fn limit_unified(folder: &Path, memory: &str, processes: &str) -> io::Result<()> {
    put(folder, "memory.max", memory)?;
    // Only there when the kernel can swap at all.
    match put(folder, "memory.swap.max", "0") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    put(folder, "pids.max", processes)
}

/// Our own groups, as directories.
#[derive(Debug, Default)]
struct Places {
    unified: Option<PathBuf>,
    controllers: HashMap<String, PathBuf>,
}

impl Places {
    fn read() -> io::Result<Self> {
        Ok(Self::parse(&fs::read_to_string("/proc/self/cgroup")?, &fs::read_to_string("/proc/self/mountinfo")?))
    }

    /// From the texts of `/proc/self/cgroup` and `/proc/self/mountinfo`.
    fn parse(groups: &str, mounts: &str) -> Self {
        let mut places = Self::default();
        for line in groups.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            if controllers.is_empty() {
                places.unified = mounted(mounts, None, path);
            }
            for controller in controllers.split(',').filter(|name| !name.is_empty()) {
                places.controllers.extend(mounted(mounts, Some(controller), path).map(|at| (controller.into(), at)));
            }
        }
        places
    }
}

/// The directory of a group below the mount of its hierarchy.
fn mounted(mounts: &str, controller: Option<&str>, path: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut kind = kind.split(' ');
        let wanted = if controller.is_some() { "cgroup" } else { "cgroup2" };
        let options = (kind.next()? == wanted).then(|| kind.nth(1)).flatten()?;
        if controller.is_some_and(|name| !options.split(',').any(|option| option == name)) {
            return None;
        }
        let mut place = place.split(' ').skip(3);
        let (root, at) = (place.next()?, place.next()?);
        let below = Path::new(path).strip_prefix(root).ok()?;
        Some(Path::new(at).join(below))
    })
}

/// A directory of version 2 in which new groups have memory and pids: our own, or else the one above.
fn unified_base(own: &Path) -> Result<PathBuf, String> {
    let above = own.parent().filter(|above| above.join("cgroup.procs").exists());
    // Whoever is in the leaf already has been handed down, by an earlier look or by the takehome that started this one.
    let is_leaf = own.file_name().is_some_and(|name| name == LEAF);
    let order = if is_leaf { [above, Some(own)] } else { [Some(own), above] };
    let mut reason = String::new();
    for base in order.into_iter().flatten() {
        match delegated(base, base == own) {
            Ok(()) => return Ok(base.to_owned()),
            Err(why) => reason = format!("version 2 at {}: {why}", base.display()),
        }
    }
    Err(reason)
}

/// Whether groups with limits can be made in `base` by us, tried out.
fn delegated(base: &Path, own: bool) -> Result<(), String> {
    let controllers = fs::read_to_string(base.join("cgroup.controllers")).map_err(|error| error.to_string())?;
    if ["memory", "pids"].iter().any(|needed| !controllers.split_whitespace().any(|name| name == *needed)) {
        return Err("it has no memory and pids controllers".into());
    }
    let enabled = fs::read_to_string(base.join("cgroup.subtree_control")).unwrap_or_default();
    if own && !enabled.contains("memory") {
        hand_down(base).map_err(|error| format!("the controllers cannot be handed down: {error}"))?;
    }
    let hierarchy = Hierarchy::Unified(base.to_owned());
    let limits = Limits { memory: 1 << 24, processes: 8, open_files: 0, file_size: 0, cpu: None, cpus: Vec::new() };
    let group = CellGroup::create(&hierarchy, "probe", &limits).map_err(|error| error.to_string())?;
    group.remove().map_err(|error| error.to_string())?;
    // Entering a group also needs rights on the closest one that is above both it and us.
    let members = base.join("cgroup.procs");
    nix::unistd::access(&members, nix::unistd::AccessFlags::W_OK)
        .map_err(|error| format!("no process can be moved: {}: {error}", members.display()))
}

/// Enables the controllers for the children of our own group. It may have no processes of its own then, so we move
/// into a leaf below it; should anyone else live here, the kernel refuses and we move back.
fn hand_down(base: &Path) -> io::Result<()> {
    let leaf = base.join(LEAF);
    match fs::create_dir(&leaf) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let moved = put(&leaf, "cgroup.procs", "0");
    moved.and_then(|()| put(base, "cgroup.subtree_control", "+memory +pids")).inspect_err(|_| {
        let _ = put(base, "cgroup.procs", "0");
        let _ = fs::remove_dir(&leaf);
    })
}

/// Whether a directory is a group of ours whose takehome no longer runs.
fn is_orphan(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| leftovers::is_orphan(name, PREFIX))
}

/// Kills the members of a group: by one word where the kernel knows it, which no fork can outrun.
fn kill_members(folder: &Path) -> io::Result<()> {
    if put(folder, "cgroup.kill", "1").is_ok() {
        return Ok(());
    }
    for pid in fs::read_to_string(folder.join("cgroup.procs"))?.lines().filter_map(|line| line.parse().ok()) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
    Ok(())
}

/// Removes a group, waiting a moment for its last member.
fn remove(folder: &Path) -> io::Result<()> {
    for _ in 0..REMOVALS {
        match fs::remove_dir(folder) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => return other,
        }
    }
    fs::remove_dir(folder)
}

/// Writes a control file.
fn put(folder: &Path, file: &str, value: &str) -> io::Result<()> {
    let path = folder.join(file);
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|mut opened| io::Write::write_all(&mut opened, value.as_bytes()))
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// A file that holds one number.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number behind a name, in a file of such lines.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_groups_are_found_below_the_mounts() {
        let groups = "4:memory:/a/b\n3:cpu,cpuacct:/\n0::/user.slice\n";
        let mounts = "1 0 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      2 0 0:2 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n\
                      3 0 0:3 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let places = Places::parse(groups, mounts);
        assert_eq!(places.unified, Some("/sys/fs/cgroup/unified/user.slice".into()));
        assert_eq!(places.controllers["memory"], PathBuf::from("/sys/fs/cgroup/memory/a/b"));
        assert_eq!(places.controllers["cpuacct"], PathBuf::from("/sys/fs/cgroup/cpu,cpuacct/"));
    }

    #[test]
    fn a_container_s_group_is_relative_to_the_mounted_root() {
        let mounts = "1 0 0:1 /docker/x /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        assert_eq!(mounted(mounts, Some("memory"), "/docker/x/y"), Some("/sys/fs/cgroup/memory/y".into()));
        assert_eq!(mounted(mounts, Some("memory"), "/elsewhere"), None);
    }

    /// A directory with empty control files, as the kernel makes them.
    fn fake(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|file| fs::write(folder.path().join(file), "").unwrap());
        folder
    }

    fn content(folder: &Path, file: &str) -> String {
        fs::read_to_string(folder.join(file)).unwrap()
    }

    #[test]
    fn limits_of_version_2_go_where_they_belong() {
        let folder = fake(&["memory.max", "memory.swap.max", "pids.max", "memory.oom.group"]);
        limit_unified(folder.path(), "1048576", "9").unwrap();
        assert_eq!(content(folder.path(), "memory.max"), "1048576");
        assert_eq!(content(folder.path(), "memory.swap.max"), "0");
        assert_eq!(content(folder.path(), "pids.max"), "9");
        assert_eq!(content(folder.path(), "memory.oom.group"), "", "PID 1 has to survive its programs");
        let without_swap = fake(&["memory.max", "pids.max"]);
        limit_unified(without_swap.path(), "1", "9").unwrap();
        let without_pids = fake(&["memory.max", "memory.swap.max"]);
        let error = limit_unified(without_pids.path(), "1", "9").unwrap_err();
        assert!(error.to_string().contains("pids.max"), "{error}");
    }

    #[test]
    fn what_a_cell_did_is_read_from_version_2() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("cell");
        fs::create_dir(&folder).unwrap();
        for (file, text) in [
            ("memory.events", "low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n"),
            ("pids.events", "max 7\n"),
            ("cpu.stat", "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n"),
            ("memory.peak", "4096\n"),
        ] {
            fs::write(folder.join(file), text).unwrap();
        }
        let hierarchy = Hierarchy::Unified(base.path().into());
        let group = CellGroup { hierarchy, name: "cell".into(), baseline: Duration::from_secs(1), removed: true };
        assert_eq!((group.out_of_memory_kills(), group.refused_processes()), (1, 7));
        let usage = group.usage(Usage::default());
        assert_eq!((usage.cpu, usage.peak_memory), (Duration::from_millis(1500), 4096));
        assert_eq!(group.member_files(), [folder.join("cgroup.procs")]);
    }

    #[test]
    fn members_are_killed_by_one_word_where_there_is_one() {
        let folder = fake(&["cgroup.kill", "cgroup.procs"]);
        kill_members(folder.path()).unwrap();
        assert_eq!(content(folder.path(), "cgroup.kill"), "1");
        assert!(kill_members(fake(&[]).path()).is_err(), "neither way");
    }

    #[test]
    fn controllers_are_handed_down_from_a_leaf_or_not_at_all() {
        let base = fake(&["cgroup.procs", "cgroup.subtree_control"]);
        // A plain directory gets no control files when it is made, so that moving into it fails: nothing may be left.
        assert!(hand_down(base.path()).is_err());
        assert!(!base.path().join(LEAF).exists());
        assert_eq!(content(base.path(), "cgroup.procs"), "0", "we are back");
        assert_eq!(content(base.path(), "cgroup.subtree_control"), "", "not before we are out of the way");
        let leaf = base.path().join(LEAF);
        fs::create_dir(&leaf).unwrap();
        fs::write(leaf.join("cgroup.procs"), "").unwrap();
        hand_down(base.path()).unwrap();
        assert_eq!(content(&leaf, "cgroup.procs"), "0");
        assert_eq!(content(base.path(), "cgroup.subtree_control"), "+memory +pids");
    }

    #[test]
    fn a_group_without_controllers_is_refused_with_the_reason() {
        let base = fake(&["cgroup.procs", "cgroup.subtree_control"]);
        fs::write(base.path().join("cgroup.controllers"), "cpuset io\n").unwrap();
        let why = unified_base(base.path()).unwrap_err();
        assert!(why.contains("no memory and pids controllers"), "{why}");
        let why = unified_base(Path::new("/no/such/group")).unwrap_err();
        assert!(why.contains("/no/such/group"), "{why}");
    }
}
