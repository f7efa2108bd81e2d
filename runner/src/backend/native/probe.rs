//! What this machine enforces: a real cell is opened and asked what it sees, and errors are explained with the
//! command that mends them.

use super::{
    Native, Shared,
    cgroup::Hierarchy,
    link::Link,
    locks::Locks,
    wire::{Facts, Failure, Identity, Report, Request},
};
use crate::backend::{Capabilities, CellSpec, Layer, LayerStatus, Limits, OpenError, Root, Usage, Work};

/// Size of the probe's work directory: a number that no default has.
const WORK_BYTES: u64 = 3 << 20;

/// The kernel's names for the namespaces of a cell, and ours.
const NAMESPACES: [(&str, &str); 7] = [
    ("user", "user namespace"),
    ("mnt", "mount namespace"),
    ("pid", "pid namespace"),
    ("net", "network namespace"),
    ("ipc", "ipc namespace"),
    ("uts", "uts namespace"),
    ("cgroup", "cgroup namespace"),
];

/// Opens a cell and reports layer by layer. Blocks; the runtime it needs lives in a thread of its own, so that it may
/// be called from anywhere.
pub(super) fn capabilities(native: &Native) -> Capabilities {
    let (native, shared) = (native.clone(), native.shared.clone());
    let probe = move || -> Result<Facts, OpenError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| OpenError::new("start the probe", &error))?.block_on(ask(&native))
    };
    let facts = std::thread::spawn(probe)
        .join()
        .unwrap_or_else(|_| Err(OpenError::new("start the probe", "the probe's thread panicked")));
    let (facts, usable) = match facts {
        Ok(facts) => (Some(facts), Ok(())),
        Err(error) => (None, Err(format!("{}: {}", error.step, error.reason))),
    };
    let layers = layers(&shared, facts.as_ref());
    let usable = usable.and_then(|()| complete(&layers));
    Capabilities { backend: "native", layers, usable }
}

/// Whether a sandbox that counts as strong has all that makes it so. Landlock comes on top of it.
pub(in crate::backend) fn complete(layers: &[Layer]) -> Result<(), String> {
    let missing = layers.iter().filter(|layer| layer.status == LayerStatus::Missing && layer.name != "landlock");
    let missing: Vec<&str> = missing.map(|layer| layer.name).collect();
    match missing[..] {
        [] => Ok(()),
        _ => Err(format!("a cell opens, but lacks: {}", missing.join(", "))),
    }
}

/// What a real cell sees of itself.
async fn ask(native: &Native) -> Result<Facts, OpenError> {
    let opened = native.set_up(&specification()).await?;
    let ask = async |link: &Link| {
        link.send(&Request::Facts, &[]).await?;
        link.receive().await
    };
    let facts = match ask(&opened.link).await {
        Ok(Some((Report::Facts(facts), _))) => Ok(facts),
        Ok(_) => Err(OpenError::new("ask the probe", "an unexpected answer")),
        Err(error) => Err(OpenError::new("ask the probe", &error)),
    };
    super::dismantle(opened.link, opened.group, Usage::default()).await;
    facts
}

/// A small cell.
pub(super) fn specification() -> CellSpec {
    CellSpec {
        label: "probe".into(),
        // More than compiled programs see: what holds for it holds for them.
        root: Root::System,
        mounts: Vec::new(),
        work: Work::Memory { bytes: WORK_BYTES, inodes: 64 },
        tmp_bytes: 1 << 20,
        limits: Limits {
            memory: 64 << 20,
            processes: 8,
            open_files: 64,
            file_size: 1 << 20,
            cpu: None,
            cpus: Vec::new(),
        },
        egress: false,
        port: None,
    }
}

/// All layers, in a fixed order.
pub(super) fn layers(shared: &Shared, facts: Option<&Facts>) -> Vec<Layer> {
    let Some(facts) = facts else {
        return names().map(|name| layer(name, false, "no cell could be opened")).collect();
    };
    let mut list: Vec<Layer> = NAMESPACES.iter().map(|(kind, name)| namespace(facts, kind, name)).collect();
    let dedicated = match shared.identity {
        Identity::Dedicated(id) => format!("host user {id}, seen as 1000"),
        Identity::Own { uid, .. } => format!("host user {uid}, the one who started takehome, seen as 1000"),
    };
    list.push(layer("private root", facts.read_only_root, "a read-only tmpfs with chosen parts of the host"));
    let (files, devices) = facts.shared.as_ref().map(|(files, devices)| (&files[..], &devices[..])).unzip();
    list.push(own_files(files));
    list.push(silent_devices(devices, facts.no_device_times));
    list.push(silent_locks(facts.no_lock_table, shared.locks.get()));
    list.push(layer("no network", facts.interfaces == ["lo"], &format!("interfaces: {}", facts.interfaces.join(" "))));
    list.push(layer("other user", status(facts, "Uid:").starts_with("1000\t1000\t1000"), &dedicated));
    list.push(layer("no capabilities", has_no_capabilities(facts), "all five sets are empty"));
    list.push(layer("no new privileges", status(facts, "NoNewPrivs:") == "1", "no_new_privs is set"));
    list.push(layer("no nested namespaces", facts.no_nesting, "a further user namespace is refused"));
    list.push(layer(
        "system call filter",
        facts.filter,
        "seccomp: a list of refusals, and nothing newer than the list",
    ));
    list.push(landlock(facts.landlock));
    list.extend(group_layers(shared.groups()));
    list.push(layer("work size limit", facts.work_bytes == WORK_BYTES, "a tmpfs of fixed size, for work in memory"));
    list
}

/// Whether a cell sees no file that others see as well.
fn own_files(shared: Option<&[String]>) -> Layer {
    let name = "own files";
    let detail = match shared {
        Some([]) => return layer(name, true, "overlays and copies: inodes that no other cell has"),
        Some([only]) => format!("read-only, but the host's own: {only}"),
        Some([first, rest @ ..]) => format!("read-only, but the host's own: {first} and {} more", rest.len()),
        None => "no mount table can be read".into(),
    };
    Layer { name, status: LayerStatus::Approximate, detail }
}

/// Whether nobody learns anything from what others do with the devices of a cell.
fn silent_devices(shared: Option<&[String]>, no_times: bool) -> Layer {
    let (status, detail) = match shared {
        Some([]) => (LayerStatus::Enforced, "nodes of its own, which cannot be watched"),
        _ if no_times => (LayerStatus::Enforced, "the host's own, read-only; they cannot be watched"),
        _ => (LayerStatus::Approximate, "the host's own, and their times can be set"),
    };
    Layer { name: "silent devices", status, detail: detail.into() }
}

/// Whether nobody learns anything from the locks of others.
fn silent_locks(no_table: bool, locks: Option<&Result<Locks, String>>) -> Layer {
    let (status, detail) = match locks {
        Some(Ok(_)) if no_table => {
            let detail = "takehome's own hide those of cells on what all share; /proc/locks is covered";
            (LayerStatus::Enforced, detail.into())
        }
        Some(Ok(_)) => (LayerStatus::Approximate, "/proc/locks shows those of all".into()),
        Some(Err(why)) => (LayerStatus::Approximate, format!("takehome has none on what all share: {why}")),
        None => (LayerStatus::Approximate, "takehome has none on what all share".into()),
    };
    Layer { name: "silent locks", status, detail }
}

/// Landlock, which a kernel may lack.
fn landlock(version: u32) -> Layer {
    match version {
        0 => layer("landlock", false, "this kernel has none, or an old one: needs Linux 5.19 with lsm=…,landlock"),
        6.. => layer("landlock", true, &format!("version {version}: files, signals and abstract sockets")),
        _ => layer("landlock", true, &format!("version {version}: files")),
    }
}

/// Memory, processes and CPU time.
fn group_layers(groups: &Result<Hierarchy, String>) -> [Layer; 3] {
    let names = ["memory limit", "process limit", "cpu accounting"];
    match groups {
        Ok(hierarchy) => names.map(|name| {
            let enforced = name != "cpu accounting" || hierarchy.counts_cpu();
            let status = if enforced { LayerStatus::Enforced } else { LayerStatus::Approximate };
            Layer { name, status, detail: hierarchy.describe().into() }
        }),
        Err(why) => names.map(|name| {
            let instead = match name {
                "memory limit" => "what all processes use, summed up several times a second, and RLIMIT_DATA of each, with room for stacks",
                "process limit" => "RLIMIT_NPROC in the cell's user namespace",
                _ => "what ended children report",
            };
            let hint = group_hint(nix::unistd::geteuid().as_raw(), |path| std::path::Path::new(path).exists());
            Layer {
                name,
                status: LayerStatus::Approximate,
                detail: format!("{instead}; no cgroup: {why}; hint: {hint}"),
            }
        }),
    }
}

/// How to get cgroups: takehome does not move itself into another scope, because whoever started it, and what it was
/// started with, would then no longer be its own.
fn group_hint(user: u32, exists: impl Fn(&str) -> bool) -> String {
    let manager = format!("/run/user/{user}/systemd/private");
    if user == 0 {
        "in a container, start it with --privileged or --cgroupns=private and a writable /sys/fs/cgroup".into()
    } else if exists(&manager) {
        "systemd-run --user --scope -p Delegate=yes takehome …".into()
    } else if exists("/run/systemd/system") {
        format!("sudo loginctl enable-linger {user}, then systemd-run --user --scope -p Delegate=yes takehome …")
    } else {
        "run takehome as root; its cells still have a user of their own".into()
    }
}

/// The names of all layers.
fn names() -> impl Iterator<Item = &'static str> {
    let rest = [
        "private root",
        "own files",
        "silent devices",
        "silent locks",
        "no network",
        "other user",
        "no capabilities",
        "no new privileges",
        "no nested namespaces",
        "system call filter",
        "landlock",
        "memory limit",
        "process limit",
        "cpu accounting",
        "work size limit",
    ];
    NAMESPACES.iter().map(|(_, name)| *name).chain(rest)
}

/// A layer that is there or not.
fn layer(name: &'static str, enforced: bool, detail: &str) -> Layer {
    let status = if enforced { LayerStatus::Enforced } else { LayerStatus::Missing };
    Layer { name, status, detail: detail.into() }
}

/// Whether the cell is in another namespace than we are.
fn namespace(facts: &Facts, kind: &str, name: &'static str) -> Layer {
    let ours = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap_or_default().display().to_string();
    let theirs = facts.namespaces.iter().find(|(other, _)| other == kind).map(|(_, identity)| identity.as_str());
    let apart = theirs.is_some_and(|theirs| !theirs.is_empty() && theirs != ours);
    layer(name, apart, theirs.unwrap_or("unknown"))
}

/// The value of a line of `/proc/self/status`.
fn status<'a>(facts: &'a Facts, name: &str) -> &'a str {
    facts.status.lines().find_map(|line| line.strip_prefix(name)).map_or("", str::trim)
}

/// Whether all capability sets are empty.
fn has_no_capabilities(facts: &Facts) -> bool {
    let empty = |name: &str| !status(facts, name).is_empty() && status(facts, name).bytes().all(|digit| digit == b'0');
    ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"].iter().all(|name| empty(name))
}

/// What went wrong and, where it is known, what to do about it.
pub(super) fn explain(failure: &Failure) -> OpenError {
    if let (0, Some((program, words))) = (failure.errno, failure.step.split_once(": ")) {
        // Another program's own explanation, to which no errno belongs.
        return OpenError::new(format!("start {program}"), words);
    }
    let error = std::io::Error::from_raw_os_error(failure.errno);
    let reason = match advice(failure) {
        Some(advice) => format!("{error}; {advice}"),
        None => error.to_string(),
    };
    OpenError { step: failure.step.clone(), reason }
}

/// The usual causes, by step and errno.
fn advice(failure: &Failure) -> Option<&'static str> {
    let namespace = failure.step.contains("namespace");
    let set_up =
        ["maps", "mount", "private root", "loopback", "host name"].iter().any(|word| failure.step.contains(word));
    match failure.errno {
        libc::ENOSPC if namespace => {
            Some("user namespaces are switched off here: sudo sysctl -w user.max_user_namespaces=15000")
        }
        libc::EPERM if failure.step == "create a user namespace" => Some(
            "user namespaces need permission here: sudo sysctl -w kernel.unprivileged_userns_clone=1; in a container, \
             start it with --security-opt seccomp=unconfined, or grade outside of it",
        ),
        libc::EPERM if namespace => {
            Some("in a container, start it with --privileged, or grade outside of it as an ordinary user")
        }
        libc::EACCES | libc::EPERM if namespace || set_up => Some(
            "AppArmor restricts user namespaces here (Ubuntu 24.04 and later): \
             sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        libc::EXDEV => Some("takehome runs in a chroot, or a mount lies over the root: start it outside"),
        libc::ENOSYS => Some("this kernel is too old: Linux 5.12 or later is needed"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_that_look_alike_get_different_advice() {
        let advice = |step: &str, errno| explain(&Failure { step: step.into(), errno }).to_string();
        assert!(advice("create a user namespace", libc::ENOSPC).contains("max_user_namespaces"));
        assert!(advice("create a user namespace", libc::EPERM).contains("unprivileged_userns_clone"));
        assert!(advice("write the user namespace's maps", libc::EACCES).contains("apparmor"));
        assert!(advice("create a mount namespace", libc::ENOSPC).contains("max_user_namespaces"));
    }

    #[test]
    fn without_a_cell_no_layer_is_claimed() {
        let shared = &Native::default().shared;
        assert!(layers(shared, None).iter().all(|layer| layer.status == LayerStatus::Missing));
    }

    #[test]
    fn devices_and_locks_are_silent_if_nothing_is_told_by_them() {
        let devices = ["/dev/null".to_owned()];
        let devices = [(Some(&[][..]), false), (Some(&devices[..]), true), (None, true), (Some(&devices[..]), false)];
        let found = devices.map(|(shared, no_times)| silent_devices(shared, no_times).status);
        assert_eq!(
            found,
            [LayerStatus::Enforced, LayerStatus::Enforced, LayerStatus::Enforced, LayerStatus::Approximate]
        );
        let (held, refused) = (Locks::take([""; 0]), Err("/dev/null: somebody's".to_owned()));
        for (no_table, locks, enforced, detail) in [
            (true, Some(&held), true, "covered"),
            (false, Some(&held), false, "shows those of all"),
            (true, Some(&refused), false, "/dev/null: somebody's"),
            (true, None, false, "none on what all share"),
        ] {
            let layer = silent_locks(no_table, locks);
            assert_eq!(layer.status == LayerStatus::Enforced, enforced, "{layer:?}");
            assert!(layer.detail.ends_with(detail), "{layer:?}");
        }
    }

    #[test]
    fn the_way_to_cgroups_depends_on_the_machine() {
        let hint = |user, there: &[&str]| group_hint(user, |path| there.contains(&path));
        let manager = "/run/user/1000/systemd/private";
        assert!(hint(1000, &[manager, "/run/systemd/system"]).starts_with("systemd-run --user --scope"));
        assert!(hint(1000, &["/run/systemd/system"]).contains("enable-linger 1000"));
        assert!(hint(1000, &[]).contains("as root"));
        assert!(hint(0, &[]).contains("container"));
    }
}
