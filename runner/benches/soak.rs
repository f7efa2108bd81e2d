//! Many cells, and nothing left of them: so many at once and so many in a row, each with programs and files that outlive
//! the program that was started; what the machine has of processes, mounts, cgroups, descriptors and files is counted
//! before and after. Whole gradings follow, for the folders that takehome itself writes to.
//!
//! ```text
//!   cargo bench -p runner --bench soak [-- [at once [in a row [gradings]]]]        50, 2000 and 3 if nothing is said
//! ```

#[path = "../tests/support/cell.rs"]
mod cell;

use cell::{Session, helper, native, spec};
use runner::backend::{
    Backend, LayerStatus,
    native::{DEDICATED_USER, Native},
};
use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

/// How long what is on its way out may take to be gone. The kernel ends the last things of a cell behind its back.
const PATIENCE: Duration = Duration::from_secs(10);
/// What every cell runs: it leaves files everywhere it may write, and processes in sessions of their own.
const MESS: &str = ": > /work/f; : > /tmp/f; : > /dev/shm/f; sleep 1000 & setsid sleep 1000 & exit 42";

fn main() -> ExitCode {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let [at_once, in_a_row, gradings] = [50, 2000, 3].map(|default: usize| numbers.next().unwrap_or(default));
    runner::backend::raise_open_files().expect("more open files");
    adopt_orphans();
    let place = Place::new();
    if let Some(blind) = controls(&place) {
        eprintln!("this machine's leaks cannot be counted: {blind} went unnoticed");
        return ExitCode::FAILURE;
    }
    let mut clean = cells(&place, at_once, in_a_row);
    if gradings > 0 {
        clean &= whole(&place, gradings);
    }
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whoever loses its parent becomes our child, so that nothing that was started here can get out of sight.
fn adopt_orphans() {
    nix::sys::prctl::set_child_subreaper(true).expect("orphans");
}

/// Where takehome writes in this measurement, and nobody else.
struct Place {
    folder: tempfile::TempDir,
    /// The processes whose cgroups are ours: this one, and every takehome it has started.
    takehomes: RefCell<Vec<u32>>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("soak-").tempdir().expect("a scratch folder");
        for name in ["tmp", "state", "cache"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Self { folder, takehomes: RefCell::new(vec![std::process::id()]) }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// What there is of each kind, by name.
struct Count([(&'static str, BTreeSet<String>); 7]);

impl Count {
    fn take(place: &Place) -> Self {
        Self([
            ("processes", descendants()),
            ("mounts", lines("/proc/self/mountinfo")),
            ("cgroups", groups(&place.takehomes.borrow())),
            ("descriptors", descriptors()),
            (
                "files in temp folders",
                ["/tmp", "/var/tmp", "/dev/shm"].iter().flat_map(ours_in).chain(below(&place.folder("tmp"))).collect(),
            ),
            ("runs in the state", entries(&place.folder("state").join("runs"))),
            ("files in the cache", below(&place.folder("cache")).collect()),
        ])
    }

    /// What is there now and was not before, of each kind.
    fn since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = (&'static str, usize, Vec<&'a String>)> {
        let pairs = self.0.iter().zip(&before.0);
        pairs.map(|((kind, after), (_, before))| (*kind, before.len(), after.difference(before).collect()))
    }

    fn is_more_than(&self, before: &Self) -> bool {
        self.since(before).any(|(_, _, new)| !new.is_empty())
    }
}

/// Counts until nothing is more than before, or for as long as patience lasts.
fn settle(place: &Place, before: &Count) -> Count {
    let start = Instant::now();
    loop {
        let after = Count::take(place);
        if !after.is_more_than(before) || start.elapsed() > PATIENCE {
            return after;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Prints the comparison; whether nothing was added but what is `expected` of a kind.
fn compare(before: &Count, after: &Count, expected: Option<(&str, usize)>) -> bool {
    println!("  {:24} {:>7} {:>7} {:>7}", "", "before", "after", "leaked");
    let mut clean = true;
    for ((kind, was, new), (_, is)) in after.since(before).zip(&after.0) {
        let kept = expected.filter(|(name, _)| *name == kind).map_or(0, |(_, number)| number);
        let leaked = new.len().saturating_sub(kept);
        let note = if kept > 0 {
            format!("   ({} records kept, as they should be)", new.len().min(kept))
        } else {
            String::new()
        };
        println!("  {kind:24} {was:>7} {:>7} {leaked:>7}{note}", is.len());
        new.iter().take(if leaked > 0 { 5 } else { 0 }).for_each(|name| println!("      {name}"));
        clean &= leaked == 0;
    }
    println!();
    clean
}

/// Leaks something of each kind on purpose; the first kind that is not noticed.
fn controls(place: &Place) -> Option<&'static str> {
    let before = Count::take(place);
    let noticed = |kind: &str| Count::take(place).since(&before).any(|(name, _, new)| name == kind && !new.is_empty());
    // Its parent ends at once.
    Command::new("sh").args(["-c", "setsid sleep 1000 <&- >&- 2>&- &"]).status().expect("a shell");
    let file = fs::File::create(place.folder("tmp").join("leaked")).expect("a file");
    fs::create_dir_all(place.folder("state/runs/leaked")).expect("a folder");
    fs::write(place.folder("cache").join("leaked"), "").expect("a file");
    let blind = ["processes", "descriptors", "files in temp folders", "runs in the state", "files in the cache"]
        .into_iter()
        .find(|kind| !noticed(kind))
        .or_else(|| mount_noticed(place, &noticed))
        .or_else(|| cgroup_noticed(&noticed));
    drop(file);
    fs::remove_file(place.folder("tmp").join("leaked")).expect("removed");
    fs::remove_dir_all(place.folder("state/runs")).expect("removed");
    fs::remove_file(place.folder("cache").join("leaked")).expect("removed");
    descendants().iter().filter_map(|name| name.split(' ').next()?.parse().ok()).for_each(end);
    blind
}

/// Only root can make a mount that stays.
fn mount_noticed(place: &Place, noticed: &impl Fn(&str) -> bool) -> Option<&'static str> {
    use nix::mount::{MsFlags, mount, umount};
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let at = place.folder("tmp");
    mount(Some("leaked"), &at, Some("tmpfs"), MsFlags::empty(), None::<&str>).expect("a mount");
    let seen = noticed("mounts");
    umount(&at).expect("unmounted");
    (!seen).then_some("mounts")
}

/// A cell that is open has cgroups, where there are any.
fn cgroup_noticed(noticed: &impl Fn(&str) -> bool) -> Option<&'static str> {
    let native = native();
    let layers = native.capabilities().layers;
    let limited = layers.iter().any(|layer| layer.name == "memory limit" && layer.status == LayerStatus::Enforced);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let seen = runtime.block_on(async {
        let session = Session::open(&native, spec("control")).await;
        let seen = noticed("cgroups");
        session.close().await;
        seen
    });
    (limited && !seen).then_some("cgroups")
}

/// Ends a child that was leaked on purpose.
fn end(pid: i32) {
    let pid = nix::unistd::Pid::from_raw(pid);
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    let _ = nix::sys::wait::waitpid(pid, None);
}

/// The processes below this one, whatever they call themselves, zombies too.
fn descendants() -> BTreeSet<String> {
    let processes: Vec<(u32, u32, String)> =
        entries(Path::new("/proc")).iter().filter_map(|pid| process(pid)).collect();
    let mut family = BTreeSet::from([std::process::id()]);
    while let Some((pid, ..)) =
        processes.iter().find(|(pid, parent, _)| family.contains(parent) && !family.contains(pid))
    {
        family.insert(*pid);
    }
    family.remove(&std::process::id());
    processes
        .into_iter()
        .filter(|(pid, ..)| family.contains(pid))
        .map(|(pid, _, name)| format!("{pid} {name}"))
        .collect()
}

/// A process's id, its parent's, and its name.
fn process(pid: &str) -> Option<(u32, u32, String)> {
    let pid = pid.parse().ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (name, rest) = stat.rsplit_once(") ")?;
    Some((pid, rest.split(' ').nth(1)?.parse().ok()?, name.split_once('(')?.1.into()))
}

/// Cgroups of the cells of these takehomes.
fn groups(takehomes: &[u32]) -> BTreeSet<String> {
    let mut find = Command::new("find");
    find.args(["/sys/fs/cgroup", "-type", "d", "-name", "takehome-*"]).stderr(Stdio::null());
    let text = find.output().expect("find").stdout;
    let owner = |line: &str| line.rsplit_once("/takehome-")?.1.split('-').next()?.parse::<u32>().ok();
    let is_ours = |line: &&str| owner(line).is_some_and(|pid| takehomes.contains(&pid));
    String::from_utf8_lossy(&text).lines().filter(is_ours).map(Into::into).collect()
}

/// Open descriptors, but for the one that lists them.
fn descriptors() -> BTreeSet<String> {
    let all = entries(Path::new("/proc/self/fd"));
    let open = |fd: &String| fs::read_link(format!("/proc/self/fd/{fd}")).is_ok();
    all.into_iter().filter(open).collect()
}

/// What the user of root's cells owns in a folder that everyone may write to.
fn ours_in(folder: &&str) -> BTreeSet<String> {
    let owner = |name: &String| fs::symlink_metadata(Path::new(folder).join(name)).map(|file| file.uid());
    let is_ours = |name: &String| owner(name).is_ok_and(|owner| owner == DEDICATED_USER);
    entries(Path::new(folder)).into_iter().filter(is_ours).map(|name| format!("{folder}/{name}")).collect()
}

/// Everything below a folder.
fn below(folder: &Path) -> impl Iterator<Item = String> + use<> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() && !path.is_symlink() {
                folders.push(path.clone());
            }
            found.push(path.display().to_string());
        }
    }
    found.into_iter()
}

/// The names in a folder; none if there is no such folder.
fn entries(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn lines(path: &str) -> BTreeSet<String> {
    fs::read_to_string(path).expect("a list").lines().map(Into::into).collect()
}

/// Cells alone: many at once, then many in a row.
fn cells(place: &Place, at_once: usize, in_a_row: usize) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let native = native();
    // The first cell also finds out what there is on this machine, and keeps some of it open.
    runtime.block_on(one(&native));
    let before = Count::take(place);
    let start = Instant::now();
    runtime.block_on(together(&native, at_once));
    println!("{at_once} cells at once: {:.2} s", start.elapsed().as_secs_f64());
    let middle = settle(place, &before);
    let mut clean = compare(&before, &middle, None);

    let start = Instant::now();
    runtime.block_on(async {
        for _ in 0..in_a_row {
            one(&native).await;
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    println!("{in_a_row} cells in a row: {seconds:.2} s, {:.2} ms each", seconds * 1e3 / in_a_row.max(1) as f64);
    clean &= compare(&before, &settle(place, &before), None);
    clean
}

/// One cell from beginning to end.
async fn one(native: &Native) {
    let mut session = Session::open(native, spec("soak")).await;
    assert_eq!(session.run(&["sh", "-c", MESS]).await.code, Some(42));
    session.close().await;
}

/// Cells that are all open before the first is closed.
async fn together(native: &Native, number: usize) {
    let opening = (0..number).map(|_| {
        let native = native.clone();
        tokio::spawn(async move { Session::open(&native, spec("soak")).await })
    });
    let mut sessions = Vec::new();
    for session in opening.collect::<Vec<_>>() {
        sessions.push(session.await.expect("opened"));
    }
    for session in &mut sessions {
        assert_eq!(session.run(&["sh", "-c", MESS]).await.code, Some(42));
    }
    for session in sessions {
        session.close().await;
    }
}

/// Whole gradings of a sample: only their records may stay.
fn whole(place: &Place, number: usize) -> bool {
    // The first fills the cache, which is meant to stay.
    if !grade(place) {
        println!("whole gradings: SKIPPED, the sample could not be graded here (a Rust toolchain is needed)");
        return std::env::var_os("CI").is_none();
    }
    let before = Count::take(place);
    let start = Instant::now();
    for _ in 0..number {
        assert!(grade(place), "a later grading fails");
    }
    println!("{number} whole gradings: {:.2} s", start.elapsed().as_secs_f64());
    // The records never go, so there is nothing to wait for there.
    std::thread::sleep(Duration::from_millis(200));
    compare(&before, &Count::take(place), Some(("runs in the state", number)))
}

/// Runs takehome with folders of its own; whether all stages pass.
fn grade(place: &Place) -> bool {
    let mut takehome = Command::new(helper())
        .args(["grade", "sample:echo/reference/rust", "--challenge", "echo"])
        .env("TMPDIR", place.folder("tmp"))
        .env("TAKEHOME_STATE", place.folder("state"))
        .env("TAKEHOME_CACHE", place.folder("cache"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("takehome");
    place.takehomes.borrow_mut().push(takehome.id());
    takehome.wait().expect("its end").success()
}
