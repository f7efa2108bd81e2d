//! What a program sees and reaches behind the walls of each back end.

use crate::{cells::*, skip::leave_out};
use runner::backend::{CellSpec, Command, LayerStatus, Mount, Strength};
use std::{
    io::{Read, Write},
    path::Path,
    process::Command as Host,
};

/// Ways of the probe to open a connection.
const WAYS_OUT: [&str; 3] = ["connect", "send", "multipath"];

/// What the probe answers out here, so that it is seen to work.
fn outside(arguments: &[&str]) -> String {
    let said = Host::new(probe()).args(arguments).output().expect("the probe outside").stdout;
    String::from_utf8_lossy(&said).trim().to_owned()
}

#[tokio::test]
async fn the_host_s_network_is_out_of_reach() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("its address").port().to_string();
    assert_eq!(outside(&["connect", &port]), "connected", "the probe itself works");
    for subject in subjects(Strength::Degraded) {
        let refused = ["ECONNREFUSED", "ENETUNREACH", "EPERM", "EACCES", "EBADF"];
        for arguments in [&["connect", &port][..], &["route"]] {
            let said = subject.probe(arguments).await;
            assert!(refused.contains(&said.as_str()), "{}: {arguments:?}: {said}", subject.entry.name);
        }
        if subject.entry.strength >= Strength::Weaker {
            assert_eq!(subject.probe(&["loopback"]).await, "connected", "{}: its own", subject.entry.name);
        }
    }
}

#[tokio::test]
async fn abstract_sockets_of_the_host_are_out_of_reach() {
    use std::os::{linux::net::SocketAddrExt, unix::net};
    let name = format!("takehome-backends-{}", std::process::id());
    let address = net::SocketAddr::from_abstract_name(&name).expect("a name");
    let _listener = net::UnixListener::bind_addr(&address).expect("a listener");
    assert_eq!(outside(&["abstract", &name]), "connected", "the probe itself works");
    for subject in subjects(Strength::Degraded) {
        assert_ne!(subject.probe(&["abstract", &name]).await, "connected", "{}", subject.entry.name);
    }
}

#[tokio::test]
async fn egress_is_one_socket() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let other = other.local_addr().expect("its address").port();
    for subject in subjects(Strength::Degraded) {
        let mut session = subject.open(CellSpec { egress: true, ..spec_with_probe("t") }).await;
        let listener = session.cell.egress.take().expect("the listening socket");
        let serving = tokio::task::spawn_blocking(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            stream.write_all(b"hello from outside").expect("an answer");
        });
        let mut command = command(&["/bin/sh", "-c", "\"$0\" connect ${PROXY##*:}", "/probe"]);
        command.env.push(("PROXY".into(), format!("http://{}", runner::backend::EGRESS).into()));
        let reader = session.start_with(command);
        let (_, output) = session.finish(reader).await;
        assert!(output.starts_with("connected"), "{}: {output}", subject.entry.name);
        serving.await.expect("served");
        if subject.enforces("no network") {
            for way in WAYS_OUT {
                let (_, output) = session.run(&["/probe", way, &other.to_string()]).await;
                assert!(!output.contains("connected"), "{}: past the proxy by {way}: {output}", subject.entry.name);
            }
        }
        session.close().await;
    }
}

#[tokio::test]
async fn a_server_listens_at_its_port_and_connects_to_nothing() {
    let host = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let host = host.local_addr().expect("its address").port().to_string();
    let free = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        listener.local_addr().expect("its address").port()
    };
    assert_eq!(outside(&["connect", &host]), "connected", "the probe itself works");
    for way in WAYS_OUT {
        match &*outside(&[way, &host]) {
            "connected" => {}
            why => leave_out(&format!("this machine opens no connections by {way}: {why}")),
        }
    }
    for subject in subjects(Strength::Degraded) {
        let name = subject.entry.name;
        if !subject.enforces("no network") {
            leave_out(&format!("{name} cannot keep a server to its port here"));
            continue;
        }
        let (port, other) = (free(), free().to_string());
        let mut session = subject.open(CellSpec { port: Some(port), ..spec_with_probe("t") }).await;
        let reader = session.start(&["/probe", "listen", &port.to_string()]);
        let mut stream = session.connected(port).await;
        let mut said = String::new();
        stream.read_to_string(&mut said).expect("an answer");
        assert_eq!(said, "served", "{name}");
        session.finish(reader).await;
        for way in WAYS_OUT {
            let (_, output) = session.run(&["/probe", way, &host]).await;
            assert!(!output.contains("connected"), "{name}: {way}: {output}");
        }
        if !subject.enforces("network namespace") {
            let (_, output) = session.run(&["/probe", "listen", &other]).await;
            assert_eq!(output.trim(), "EACCES", "{name}: at another port");
        }
        session.close().await;
    }
}

#[tokio::test]
async fn programs_have_no_privileges() {
    for subject in subjects(Strength::Degraded) {
        let (_, output) = subject.shell("grep -E '^(Cap|NoNewPrivs|Groups|Seccomp:)' /proc/self/status").await;
        let lines: Vec<(&str, &str)> =
            output.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim())).collect();
        let name = subject.entry.name;
        // The bounding set of an unprivileged process is its parent's; without privileges it is of no use.
        let sets = ["CapInh", "CapPrm", "CapEff", "CapAmb"];
        assert!(sets.iter().all(|set| lines.contains(&(set, "0000000000000000"))), "{name}: {output}");
        if is_root() || subject.entry.strength == Strength::Strong {
            assert!(lines.contains(&("CapBnd", "0000000000000000")), "{name}: {output}");
        }
        assert!(lines.contains(&("NoNewPrivs", "1")) && lines.contains(&("Seccomp", "2")), "{name}: {output}");
        if is_root() {
            // podman adds the user's own group.
            assert!(lines.contains(&("Groups", "")) || lines.contains(&("Groups", "1000")), "{name}: {output}");
        }
    }
}

#[tokio::test]
async fn no_program_is_root_outside() {
    for subject in subjects(Strength::Degraded) {
        let marker = marker();
        let mut session = subject.open(spec("t")).await;
        let _reader = session.start(&["sleep", &marker]);
        session.started().await;
        wait_until("the program runs", || !running(&marker).is_empty()).await;
        let status = std::fs::read_to_string(running(&marker)[0].join("status")).expect("its status");
        let users = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("its users");
        let users: Vec<u32> = users.split_whitespace().map(|user| user.parse().expect("a number")).collect();
        assert!(users.iter().all(|&user| user != 0), "{}: {users:?}", subject.entry.name);
        assert!(!is_root() || users.iter().all(|&user| user != 65_534), "{}: {users:?}", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn further_namespaces_are_refused() {
    for subject in subjects(Strength::Weaker) {
        if !subject.enforces("no nested namespaces") {
            assert!(subject.entry.strength < Strength::Strong, "{}", subject.entry.name);
            continue;
        }
        assert_ne!(subject.probe(&["nest"]).await, "connected", "{}", subject.entry.name);
    }
}

#[tokio::test]
async fn files_of_the_host_are_out_of_reach() {
    let mut secret = tempfile::Builder::new().prefix("secret").tempfile_in("/tmp").expect("a file in /tmp");
    secret.write_all(b"canary").expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(secret.path(), mode).expect("readable by everyone");
    for subject in subjects(Strength::Degraded) {
        let secret = secret.path().to_str().expect("a path");
        for path in [secret, "/etc/shadow", "/etc/ssh", "/root", "/home", "/var/log", "/dev/kmsg", "/proc/1/environ"] {
            let script = format!("cat {path} 2>/dev/null || ls -A {path}/ 2>/dev/null");
            let (exit, output) = subject.shell(&script).await;
            let nothing = exit.code != Some(0) || output.trim().is_empty();
            assert!(nothing && !output.contains("canary"), "{}: {path}: {output}", subject.entry.name);
        }
    }
}

#[tokio::test]
async fn the_system_is_read_only() {
    for subject in subjects(Strength::Degraded) {
        for path in ["/x", "/usr/x", "/etc/x", "/usr/bin/x", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"] {
            let (exit, output) = subject.shell(&format!(": > {path}")).await;
            assert_ne!(exit.code, Some(0), "{}: {path} was written: {output}", subject.entry.name);
        }
    }
}

#[tokio::test]
async fn the_environment_is_exactly_the_given_one() {
    for subject in subjects(Strength::None) {
        let mut session = subject.open(spec("t")).await;
        let env = vec![("A".into(), "1".into()), ("PATH".into(), "/usr/bin".into())];
        let reader = session.start_with(Command { env, ..command(&["env"]) });
        let (_, output) = session.finish(reader).await;
        // Where there is no `/tmp` of its own, a program is told of another place.
        let told = |line: &&str| !line.starts_with("TMPDIR=") || subject.entry.name != "degraded";
        let lines: Vec<&str> = output.lines().filter(told).collect();
        assert_eq!(lines, ["A=1", "PATH=/usr/bin"], "{}", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn only_three_descriptors_are_open() {
    // One of ours that is inheritable, as a careless library would leave it.
    let leaked = std::fs::File::open("/dev/null").expect("/dev/null");
    // SAFETY: numbers only.
    unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(&leaked), libc::F_SETFD, 0) };
    for subject in subjects(Strength::Degraded) {
        assert_eq!(subject.probe(&["descriptors"]).await, "0 1 2", "{}", subject.entry.name);
    }
}

#[tokio::test]
async fn the_layers_say_what_locks_and_devices_tell() {
    for subject in subjects(Strength::Degraded) {
        let layers = subject.backend.capabilities().layers;
        let enforced = |name| layers.iter().any(|it| it.name == name && it.status == LayerStatus::Enforced);
        let (_, table) = subject.shell("cat /proc/locks || true").await;
        let seen = table.lines().any(|line| line.contains("LCK"));
        assert_eq!(enforced("silent locks"), !seen, "{}: {table}", subject.entry.name);
        let (set, output) = subject.shell("touch -c /dev/null").await;
        assert_eq!(enforced("silent devices"), set.code != Some(0), "{}: {output}", subject.entry.name);
    }
}

#[tokio::test]
async fn pid_1_keeps_its_secrets() {
    for subject in subjects(Strength::Weaker) {
        for file in ["environ", "mem", "maps", "fd", "root", "cwd", "exe"] {
            let (exit, output) = subject.shell(&format!("cat /proc/1/{file} || ls /proc/1/{file}/")).await;
            assert_ne!(exit.code, Some(0), "{}: {file}: {output}", subject.entry.name);
        }
        let (_, line) = subject.shell("tr '\\0' ' ' < /proc/1/cmdline").await;
        assert!(!line.contains("takehome") && !line.contains("fd"), "{}: {line}", subject.entry.name);
        assert_eq!(subject.probe(&["trace", "1"]).await, "EPERM", "{}", subject.entry.name);
        assert_eq!(subject.probe(&["limit", "1"]).await, "EPERM", "{}", subject.entry.name);
    }
}

#[tokio::test]
async fn only_the_cell_s_processes_are_visible() {
    for subject in subjects(Strength::Weaker) {
        let (_, output) = subject.shell("cd /proc; echo [0-9]*").await;
        let pids: Vec<u32> = output.split_whitespace().map(|pid| pid.parse().expect("a pid")).collect();
        assert!(pids.iter().all(|&pid| pid < 100) && pids.len() <= 3, "{}: {output}", subject.entry.name);
    }
}

/// As it is installed: below a folder that cells see.
#[tokio::test]
async fn takehome_itself_cannot_be_read_in_a_cell() {
    let mode = || std::os::unix::fs::PermissionsExt::from_mode(0o755);
    let folder = tempfile::Builder::new().permissions(mode()).tempdir().expect("a folder");
    let tools = folder.path().join("tools");
    std::fs::create_dir(&tools).expect("a folder");
    let installed = tools.join("takehome");
    std::fs::copy(helper(), &installed).expect("a copy");
    std::fs::write(tools.join("beside"), "seen").expect("a file");
    // Every path of it, and whatever else is as long; not what the kernel shows of the machine.
    let length = std::fs::metadata(&installed).expect("the copy").len();
    let search = format!(
        "cat /opt/tools/beside; head -c 4 /opt/tools/takehome /mnt/it 2>/dev/null;
         find / -path /proc -prune -o -type f -size {length}c -print 2>/dev/null; echo; echo searched"
    );
    let mount = |host: &Path, at: &str| Mount { host: host.into(), at: at.into(), writable: false };
    for subject in subjects(Strength::Weaker) {
        let backend = (subject.entry.make)(installed.clone());
        let mounts = vec![mount(&tools, "/opt/tools"), mount(&installed, "/mnt/it")];
        let cell = backend.open(CellSpec { mounts, ..spec("t") }).await;
        let mut session = Session { cell: cell.unwrap_or_else(|error| panic!("{}: {error}", subject.entry.name)) };
        let (_, output) = session.sh(&search).await;
        assert!(output.starts_with("seen") && output.ends_with("searched\n"), "{}: {output}", subject.entry.name);
        let found = output.contains("ELF") || output.lines().any(|line| line.starts_with('/'));
        assert!(!found, "{}: {output}", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn the_helper_is_mounted_nowhere() {
    for subject in subjects(Strength::Weaker) {
        let (_, output) = subject.shell("cat /proc/self/mountinfo").await;
        let program = format!("/{}", helper().file_name().expect("a name").display());
        let is_there = output.split_whitespace().any(|field| field.ends_with(&program));
        assert!(output.contains(" /work ") && !is_there, "{}: {output}", subject.entry.name);
    }
}

#[tokio::test]
async fn every_layer_of_a_strong_one_is_enforced_or_said_to_be_approximate() {
    for subject in subjects(Strength::Strong) {
        let missing = subject.capabilities.layers.iter().find(|layer| layer.status == LayerStatus::Missing);
        assert!(missing.is_none(), "{}: {missing:?}", subject.entry.name);
    }
    for subject in subjects(Strength::None).filter(|subject| subject.entry.strength < Strength::Weaker) {
        let missing = subject.capabilities.layers.iter().any(|layer| layer.status == LayerStatus::Missing);
        assert!(missing, "{} claims to be complete", subject.entry.name);
    }
}
