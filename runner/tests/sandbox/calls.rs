//! System calls that are refused, and what PID 1 keeps to itself.

use crate::cell::*;

/// Names and outcomes of the calls that the probe has tried.
fn outcomes(output: &str) -> Vec<(&str, &str)> {
    output.lines().map(|line| line.split_once(' ').unwrap_or_else(|| panic!("{line}"))).collect()
}

/// How a call is refused in a cell.
fn refusal(name: &str) -> &'static str {
    match name {
        "clone3" | "io_uring_setup" | "io_uring_enter" | "io_uring_register" => "ENOSYS",
        "socket-packet" | "socket-vsock" | "socket-netfilter" => "EAFNOSUPPORT",
        _ => "EPERM",
    }
}

#[tokio::test]
async fn dangerous_calls_are_refused_by_the_filter() {
    let inside = probe_says(&["calls"]).await;
    let inside = outcomes(&inside);
    assert!(inside.len() > 70, "{inside:?}");
    for (name, outcome) in &inside {
        assert_eq!(*outcome, refusal(name), "{name}");
    }
    if is_root() {
        // Each of them is one that is let through, or fails otherwise, where there is no filter.
        let outside = Host::new(probe()).arg("calls").output().expect("the probe outside").stdout;
        for (name, outcome) in outcomes(&String::from_utf8_lossy(&outside)) {
            assert_ne!(outcome, refusal(name), "{name} proves nothing");
        }
    }
}

#[tokio::test]
async fn honest_programs_miss_nothing() {
    assert_eq!(probe_says(&["needs"]).await, "connected");
}

#[tokio::test]
async fn further_namespaces_are_refused() {
    assert_eq!(probe_says(&["nest"]).await, "EPERM");
}

#[tokio::test]
async fn limits_cannot_be_raised() {
    for limit in [libc::RLIMIT_NPROC, libc::RLIMIT_NOFILE, libc::RLIMIT_FSIZE, libc::RLIMIT_CORE] {
        assert_eq!(probe_says(&["raise", &limit.to_string()]).await, "EPERM", "{limit}");
    }
}

#[tokio::test]
async fn a_crash_feeds_nobody() {
    let (_, limits) = shell("cat /proc/self/limits").await;
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("the line");
    // One byte is too little for a file; and at this value alone, no handler of the host's is started.
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["1", "1"], "{core}");
    let (_, output) = shell("ulimit -c 0 && echo lowered").await;
    assert!(!output.contains("lowered"), "at zero, the handler would be started again: {output}");
}

#[tokio::test]
async fn walls_of_landlock_hold_where_a_mount_would_not() {
    let landlock =
        native().capabilities().layers.into_iter().find(|layer| layer.name == "landlock").expect("the layer");
    if landlock.status != LayerStatus::Enforced {
        return skip(&landlock.detail);
    }
    // The one writable thing in the root that is not scratch space.
    assert_eq!(probe_says(&["write", "/proc/self/comm"]).await, "EACCES");
    for place in ["/work/x", "/tmp/x", "/dev/shm/x", "/dev/null"] {
        assert_eq!(probe_says(&["write", place]).await, "connected", "{place}");
    }
}

#[tokio::test]
async fn pid_1_keeps_its_secrets() {
    for file in ["environ", "mem", "maps", "fd", "root", "cwd", "exe", "cmdline"] {
        let (exit, output) = shell(&format!("cat /proc/1/{file} || ls /proc/1/{file}/")).await;
        assert_ne!(exit.code, Some(0), "{file}: {output}");
    }
    assert_eq!(probe_says(&["trace", "1"]).await, "EPERM");
}

#[tokio::test]
async fn pid_1_cannot_be_killed_from_inside() {
    let mut session = Session::open(spec("t")).await;
    let (exit, _) = session.sh("for s in KILL STOP TERM INT HUP SEGV CHLD; do kill -$s 1; done; exit 4").await;
    assert_eq!(exit.code, Some(4));
    assert_eq!(session.sh("exit 5").await.0.code, Some(5));
    session.close().await;
}

#[tokio::test]
async fn pid_1_cannot_be_crippled_from_inside() {
    assert_eq!(probe_says(&["limit", "1"]).await, "EPERM");
    assert_eq!(probe_says(&["limit", "0"]).await, "connected", "its own limits are a program's own");
    assert_eq!(probe_says(&["keyring"]).await, "EPERM");
}
