//! What a program in a cell can see, reach and change: next to nothing.

use crate::cell::*;

#[tokio::test]
async fn the_network_is_the_cell_s_own() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("its address").port().to_string();
    let outside = Host::new(probe()).args(["connect", &port]).output().expect("the probe outside").stdout;
    assert_eq!(String::from_utf8_lossy(&outside).trim(), "connected", "the probe itself works");
    assert_eq!(probe_says(&["connect", &port]).await, "ECONNREFUSED");
    assert_eq!(probe_says(&["route"]).await, "ENETUNREACH");
    assert_eq!(probe_says(&["loopback"]).await, "connected");
}

#[tokio::test]
async fn abstract_sockets_of_the_host_are_out_of_reach() {
    use std::os::{linux::net::SocketAddrExt, unix::net};
    let name = format!("takehome-test-{}", std::process::id());
    let address = net::SocketAddr::from_abstract_name(&name).expect("a name");
    let _listener = net::UnixListener::bind_addr(&address).expect("a listener");
    let outside = Host::new(probe()).args(["abstract", &name]).output().expect("the probe outside").stdout;
    assert_eq!(String::from_utf8_lossy(&outside).trim(), "connected", "the probe itself works");
    assert_eq!(probe_says(&["abstract", &name]).await, "ECONNREFUSED");
}

#[tokio::test]
async fn egress_is_one_socket() {
    let mut session = Session::open(CellSpec { egress: true, ..spec_with_probe("t") }).await;
    let listener = session.cell.egress.take().expect("the listening socket");
    let serving = tokio::task::spawn_blocking(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.write_all(b"hello from outside").expect("an answer");
    });
    let (_, output) = session.run(&["/probe", "connect", "3128"]).await;
    assert_eq!(output.trim(), "connected: hello from outside");
    serving.await.expect("served");
    session.close().await;
}

#[tokio::test]
async fn programs_have_no_privileges() {
    let (_, output) = shell("id -u; id -g; grep -E '^(Cap|NoNewPrivs|Groups)' /proc/self/status").await;
    let mut lines = output.lines();
    assert_eq!((lines.next(), lines.next()), (Some("1000"), Some("1000")));
    let rest: Vec<(&str, &str)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim())).collect();
    assert_eq!(rest.iter().filter(|(name, value)| name.starts_with("Cap") && *value == "0000000000000000").count(), 5);
    assert!(rest.contains(&("NoNewPrivs", "1")), "{rest:?}");
    if is_root() {
        assert!(rest.contains(&("Groups", "")), "{rest:?}");
    }
}

#[tokio::test]
async fn no_inside_user_is_root_outside() {
    let (_, output) = shell("cat /proc/self/uid_map /proc/self/gid_map").await;
    for line in output.lines() {
        let numbers: Vec<u32> = line.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        assert_eq!((numbers[0], numbers[2]), (1000, 1));
        assert!(numbers[1] != 0 && (!is_root() || numbers[1] != 65_534), "{output}");
    }
}

#[tokio::test]
async fn secrets_of_the_host_are_invisible() {
    let secret = tempfile::Builder::new().prefix("secret").tempfile_in("/tmp").expect("a file in /tmp");
    let paths = [
        "/etc/shadow",
        "/root",
        "/home",
        "/etc/ssh",
        "/sys/kernel",
        "/var/log",
        "/dev/kmsg",
        "/dev/mem",
        "/etc/machine-id",
    ];
    for path in paths.iter().map(Path::new).chain([secret.path()]) {
        let (exit, output) = shell(&format!("test -e {} || test -L {0}", path.display())).await;
        assert_eq!(exit.code, Some(1), "{} is visible: {output}", path.display());
    }
    let (_, output) = shell("ls -A /tmp /work /").await;
    assert!(!output.contains("proc_old") && !output.contains(".old"), "{output}");
}

#[tokio::test]
async fn the_system_is_read_only() {
    for path in ["/x", "/usr/x", "/etc/x", "/usr/bin/x", "/dev/x", "/etc/ssl/certs/x", "/proc/x"] {
        let (exit, output) = shell(&format!(": > {path}")).await;
        assert_ne!(exit.code, Some(0), "{path} was written: {output}");
    }
    let (_, output) = shell("cat /proc/self/mountinfo").await;
    for line in output.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let scratch = ["/work", "/tmp", "/dev/shm", "/proc"].contains(&fields[4]);
        assert!(scratch || fields[5].split(',').any(|option| option == "ro"), "writable: {line}");
        assert!(fields[5].contains("nosuid"), "{line}");
        assert!(fields[5].contains("nodev") || fields[4].starts_with("/dev/"), "{line}");
    }
}

#[tokio::test]
async fn a_mount_is_read_only_with_what_is_mounted_below() {
    if !is_root() {
        return leave_out("only root can make the submount");
    }
    let outer = tempfile::tempdir().expect("a folder");
    let inner = outer.path().join("inner");
    std::fs::create_dir(&inner).expect("a folder");
    let (none, flags) = (None::<&str>, nix::mount::MsFlags::empty());
    nix::mount::mount(none, &inner, Some("tmpfs"), flags, Some("mode=777")).expect("a mount");
    std::fs::set_permissions(outer.path(), std::fs::Permissions::from_mode(0o777)).expect("permissions");
    let mounts = vec![Mount { host: outer.path().into(), at: "/deep/in/there".into(), writable: false }];
    let mut session = Session::open(CellSpec { mounts, ..spec("t") }).await;
    let (exit, output) = session.sh("ls /deep/in/there; : > /deep/in/there/inner/x").await;
    session.close().await;
    nix::mount::umount(&inner).expect("no mount any more");
    assert!(exit.code != Some(0) && output.contains("inner") && output.contains("Read-only"), "{output}");
}

#[tokio::test]
async fn the_environment_is_exactly_the_given_one() {
    let mut session = Session::open(spec("t")).await;
    let env = vec![("A".into(), "1".into()), ("PATH".into(), "/usr/bin".into())];
    let reader = session.start_with(Command { env, ..command(&["env"]) });
    let (_, output) = session.finish(reader).await;
    assert_eq!(output, "A=1\nPATH=/usr/bin\n");
    session.close().await;
}

#[tokio::test]
async fn only_three_descriptors_are_open() {
    // One of ours that is inheritable, as a careless library would leave it.
    let leaked = std::fs::File::open("/dev/null").expect("/dev/null");
    // SAFETY: numbers only.
    unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(&leaked), libc::F_SETFD, 0) };
    assert_eq!(probe_says(&["descriptors"]).await, "0 1 2");
}

#[tokio::test]
async fn an_empty_input_is_the_cell_s_own() {
    assert_eq!(probe_says(&["touch-input"]).await, "EROFS", "all cells would see its time");
    let (_, output) = shell("test -c /dev/stdin && wc -c </dev/stdin").await;
    assert_eq!(output.trim(), "0");
}

#[tokio::test]
async fn a_cell_does_not_use_up_what_is_counted_for_its_user() {
    assert_eq!(probe_says(&["queues"]).await, "8");
}

#[tokio::test]
async fn only_the_cell_s_processes_are_visible() {
    let (_, output) = shell("cd /proc; echo [0-9]*").await;
    let pids: Vec<u32> = output.split_whitespace().map(|pid| pid.parse().expect("a pid")).collect();
    assert!(!pids.is_empty() && !pids.contains(&1), "PID 1 is hidden, and nobody else is there: {output}");
    assert!(pids.iter().all(|&pid| pid < 100) && pids.len() <= 2, "{output}");
}

#[tokio::test]
async fn a_work_folder_is_writable_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("sub")).expect("a folder");
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link")).expect("a link");
    let native = native();
    let before = std::fs::metadata("/etc/hostname").map(|file| std::os::unix::fs::MetadataExt::uid(&file)).ok();
    native.adopt(folder.path()).expect("adopted");
    let after = std::fs::metadata("/etc/hostname").map(|file| std::os::unix::fs::MetadataExt::uid(&file)).ok();
    assert_eq!(before, after, "a link was followed");
    let mut session = Session::open(CellSpec { work: Work::Folder(folder.path().into()), ..spec("t") }).await;
    let (exit, output) = session.sh("echo made > /work/sub/file").await;
    assert_eq!(exit.code, Some(0), "{output}");
    session.close().await;
    assert_eq!(std::fs::read_to_string(folder.path().join("sub/file")).expect("the file"), "made\n");
}

#[tokio::test]
async fn compiled_programs_run_without_a_system() {
    let mut session = Session::open(CellSpec { root: Root::Libraries, ..spec_with_probe("t") }).await;
    let (_, output) = session.run(&["/probe", "loopback"]).await;
    assert_eq!(output.trim(), "connected");
    for program in ["/bin/sh", "/usr/bin/sh", "/usr/bin/cc", "/usr/bin/env"] {
        session.start(&[program]);
        let event = session.event().await;
        assert!(matches!(event, CellEvent::StartFailed { errno: libc::ENOENT, .. }), "{program}: {event:?}");
    }
    session.close().await;
}

#[tokio::test]
async fn a_toolchain_below_a_closed_home_can_be_used_and_not_changed() {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).expect("permissions");
    let tools = home.path().join("tools");
    std::fs::create_dir(&tools).expect("a folder");
    std::fs::write(tools.join("tool"), "#!/bin/sh\necho at work\n").expect("a tool");
    for path in [&tools, &tools.join("tool")] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    }
    let mounts = vec![Mount { host: tools.clone(), at: "/opt/tools".into(), writable: false }];
    let mut session = Session::open(CellSpec { mounts, ..spec("t") }).await;
    assert_eq!(session.run(&["/opt/tools/tool"]).await.1, "at work\n");
    let (exit, output) = session.sh("echo echo evil > /opt/tools/tool").await;
    assert_ne!(exit.code, Some(0), "{output}");
    let (exit, output) = session.sh("rm -f /opt/tools/tool").await;
    assert_ne!(exit.code, Some(0), "{output}");
    session.close().await;
    assert!(tools.join("tool").exists());
}

#[tokio::test]
async fn a_writable_mount_can_be_written_and_nothing_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (open, closed) = (folder.path().join("open"), folder.path().join("closed"));
    for path in [&open, &closed] {
        std::fs::create_dir(path).expect("a folder");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("permissions");
    }
    let mount = |host: &Path, at: &str, writable| Mount { host: host.into(), at: at.into(), writable };
    let mounts = vec![mount(&open, "/deps", true), mount(&closed, "/out", false)];
    let mut session = Session::open(CellSpec { mounts, ..spec("t") }).await;
    let (exit, output) = session.sh("mkdir /deps/a /deps/b && : > /deps/a/x && mv /deps/a/x /deps/b/y").await;
    assert_eq!(exit.code, Some(0), "{output}");
    assert_ne!(session.sh(": > /out/x").await.0.code, Some(0));
    session.close().await;
    assert!(open.join("b/y").exists() && !closed.join("x").exists());
}

#[tokio::test]
async fn another_cell_s_ipc_and_scratch_are_not_there() {
    let mut one = Session::open(spec("one")).await;
    let mut other = Session::open(spec("other")).await;
    let (exit, output) = one.sh("echo secret | tee /tmp/x /dev/shm/x /work/x; ipcmk -M 4096 || true").await;
    assert_eq!(exit.code, Some(0), "{output}");
    let (_, output) = other.sh("cat /tmp/x /dev/shm/x /work/x; ipcs -m").await;
    assert!(!output.contains("secret") && !output.contains("4096"), "{output}");
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn no_two_cells_have_the_same_inode() {
    let layers = native().capabilities().layers;
    if layers.iter().any(|layer| layer.name == "own files" && layer.status != LayerStatus::Enforced) {
        return leave_out("no overlay of every folder here");
    }
    // Two cells at once, since numbers are given again. Of a folder, and files alone.
    let places = ["/usr/bin/env", "/etc/ld.so.cache", "/probe"];
    let seen = async |label| {
        let mut session = Session::open(spec_with_probe(label)).await;
        let script = "stat -L -c '%d %i' \"$@\"";
        let (_, output) = session.run(&[&["sh", "-c", script, "sh"], &places[..]].concat()).await;
        (session, output.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    let (first, second) = (seen("one").await, seen("two").await);
    assert_eq!((first.1.len(), second.1.len()), (3, 3), "{:?} {:?}", first.1, second.1);
    for (place, (one, two)) in places.iter().zip(first.1.iter().zip(&second.1)) {
        assert_ne!(one, two, "{place}");
    }
    first.0.close().await;
    second.0.close().await;
}
