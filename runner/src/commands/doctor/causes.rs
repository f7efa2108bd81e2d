//! Why namespaces or limits are not to be had, read from the settings that are known to forbid them, and the commands
//! that change that.

use std::path::Path;

/// The command that hands cgroups to an ordinary user.
pub(super) const DELEGATE: &str = "systemd-run --user --scope -p Delegate=yes takehome …";

/// A reason and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    /// What is so, in a sentence.
    pub(super) problem: String,
    /// The commands that change it, one of which is enough unless they say otherwise.
    pub(super) commands: Vec<String>,
}

/// The settings of a machine.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    /// `kernel.unprivileged_userns_clone`, on Debian's kernels.
    pub(super) userns_clone: Option<u64>,
    /// `user.max_user_namespaces`.
    pub(super) user_namespaces: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, on Ubuntu's.
    pub(super) apparmor: Option<u64>,
    /// Whether we are inside a container.
    pub(super) container: bool,
    /// Whether we are root.
    pub(super) root: bool,
    /// Whether systemd runs this machine.
    pub(super) systemd: bool,
    /// Whether bubblewrap is installed.
    pub(super) bubblewrap: bool,
}

impl Settings {
    /// Those of this machine.
    pub(super) fn read() -> Self {
        let number = |name: &str| std::fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?.trim().parse().ok();
        let exists = |path: &str| Path::new(path).exists();
        Self {
            userns_clone: number("kernel/unprivileged_userns_clone"),
            user_namespaces: number("user/max_user_namespaces"),
            apparmor: number("kernel/apparmor_restrict_unprivileged_userns"),
            container: exists("/.dockerenv") || exists("/run/.containerenv"),
            root: nix::unistd::geteuid().is_root(),
            systemd: exists("/run/systemd/system"),
            bubblewrap: super::find("bwrap").is_some(),
        }
    }
}

/// What stands in the way of namespaces, and of limits on whole cells.
pub(super) fn of(settings: &Settings, no_namespaces: bool, no_groups: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    if no_namespaces {
        causes.extend(of_namespaces(settings));
    }
    if no_groups {
        causes.extend(of_groups(settings));
    }
    causes
}

fn of_namespaces(settings: &Settings) -> Vec<Cause> {
    let cause = |problem: &str, commands: &[&str]| Cause {
        problem: problem.into(),
        commands: commands.iter().map(|&command| command.into()).collect(),
    };
    let mut causes = Vec::new();
    if settings.user_namespaces == Some(0) {
        let lasting = "echo user.max_user_namespaces=15000 | sudo tee /etc/sysctl.d/60-takehome.conf";
        causes.push(cause(
            "User namespaces are switched off (user.max_user_namespaces is 0)",
            &["sudo sysctl -w user.max_user_namespaces=15000", lasting],
        ));
    }
    if settings.userns_clone == Some(0) && !settings.root {
        let lasting = "echo kernel.unprivileged_userns_clone=1 | sudo tee /etc/sysctl.d/60-takehome.conf";
        causes.push(cause(
            "Only root may make user namespaces (kernel.unprivileged_userns_clone is 0)",
            &["sudo sysctl -w kernel.unprivileged_userns_clone=1", lasting],
        ));
    }
    if settings.apparmor.is_some_and(|value| value != 0) && !settings.root {
        let mut found = cause(
            "AppArmor lets only known programs make user namespaces (Ubuntu 23.10 and later)",
            &[
                "takehome doctor --apparmor-profile | sudo tee /etc/apparmor.d/takehome && sudo apparmor_parser -r \
                 /etc/apparmor.d/takehome",
                "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0    # instead, and for all programs",
            ],
        );
        if !settings.bubblewrap {
            found.commands.push("sudo apt-get install bubblewrap apparmor-profiles    # instead: bwrap may".into());
        }
        causes.push(found);
    }
    if settings.container {
        causes.push(cause(
            "This is a container, whose own filter forbids namespaces",
            &[
                "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt \
                 systempaths=unconfined …",
                "podman run --security-opt seccomp=unconfined --security-opt unmask=ALL …",
            ],
        ));
    }
    if causes.is_empty() && !settings.bubblewrap {
        causes.push(cause("bubblewrap may be allowed what takehome is not", &["sudo apt-get install bubblewrap"]));
    }
    causes
}

fn of_groups(settings: &Settings) -> Option<Cause> {
    let command = match (settings.root, settings.container, settings.systemd) {
        (true, true, _) => "docker run --cgroupns=private -v /sys/fs/cgroup:/sys/fs/cgroup:rw …",
        (true, false, _) => "mount -t cgroup2 none /sys/fs/cgroup    # with memory and pids in cgroup.controllers",
        (false, _, true) => DELEGATE,
        (false, _, false) => "sudo takehome …    # no systemd here that could delegate cgroups to you",
    };
    let problem = "Limits on memory and processes hold for each process only: no cgroups for this user";
    Some(Cause { problem: problem.into(), commands: vec![command.into()] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(settings: &Settings) -> String {
        of(settings, true, false).into_iter().flat_map(|cause| cause.commands).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_setting_has_its_own_command() {
        let ubuntu = Settings { apparmor: Some(1), ..Settings::default() };
        assert!(commands(&ubuntu).contains("--apparmor-profile"));
        assert!(commands(&ubuntu).contains("apt-get install bubblewrap"));
        let debian = Settings { userns_clone: Some(0), ..Settings::default() };
        assert!(commands(&debian).contains("kernel.unprivileged_userns_clone=1"));
        let off = Settings { user_namespaces: Some(0), ..Settings::default() };
        assert!(commands(&off).contains("user.max_user_namespaces=15000"));
        let docker = Settings { container: true, ..Settings::default() };
        assert!(commands(&docker).contains("seccomp=unconfined"));
    }

    #[test]
    fn settings_that_forbid_nothing_are_not_blamed() {
        let fine =
            Settings { userns_clone: Some(1), user_namespaces: Some(9), apparmor: Some(0), ..Settings::default() };
        assert!(!commands(&fine).contains("sysctl"));
        let root = Settings { userns_clone: Some(0), apparmor: Some(1), root: true, ..Settings::default() };
        assert!(!commands(&root).contains("sysctl"), "root may make them anyway");
        assert_eq!(of(&Settings { apparmor: Some(1), ..Settings::default() }, false, false), []);
    }

    #[test]
    fn an_ordinary_user_is_told_how_to_get_cgroups() {
        let user = Settings { systemd: true, ..Settings::default() };
        assert_eq!(of(&user, false, true)[0].commands, [DELEGATE]);
    }
}
