//! Attacks on the native back end: real cells, real programs, each test red when the protection it is about is off.
//!
//! As root, the last test runs all others once more as an ordinary user.

use runner::backend::{
    Backend, Cell, CellEvent, CellSpec, Command, Control, Exit, LayerStatus, Limits, Mount, Root, Stdio, Usage, Work,
    native::Native,
};
use std::{
    ffi::OsString,
    io::{Read, Write},
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    process::Command as Host,
    sync::OnceLock,
    time::Duration,
};

/// Names the helper executable when the tests run as another user, who cannot read the build directory.
const HELPER: &str = "TAKEHOME_TEST_HELPER";
/// Names the compiled probe in that case.
const PROBE: &str = "TAKEHOME_TEST_PROBE";
/// How long anything may take before the test is declared stuck; no verdict hangs on it otherwise.
const STUCK: Duration = Duration::from_secs(60);

fn native() -> Native {
    let helper = std::env::var_os(HELPER).unwrap_or_else(|| env!("CARGO_BIN_EXE_takehome").into());
    Native::new(helper.into())
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A cell with a shell in it.
fn spec(label: &str) -> CellSpec {
    CellSpec {
        label: label.into(),
        root: Root::System,
        mounts: Vec::new(),
        work: Work::Memory { bytes: 1 << 20, inodes: 100 },
        tmp_bytes: 1 << 20,
        limits: Limits {
            memory: 256 << 20,
            processes: 64,
            open_files: 256,
            file_size: 1 << 30,
            cpu: None,
            cpus: Vec::new(),
        },
        egress: false,
    }
}

/// The same with the compiled probe at `/probe`.
fn spec_with_probe(label: &str) -> CellSpec {
    let mounts = vec![Mount { host: probe().to_owned(), at: "/probe".into(), writable: false }];
    CellSpec { mounts, ..spec(label) }
}

/// A small program that makes the system calls no shell can make.
fn probe() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(path) = std::env::var_os(PROBE) {
            return path.into();
        }
        let folder = tempfile::Builder::new().prefix("sandbox-probe").tempdir().expect("a scratch folder").keep();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("a readable folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox_probe.c");
        let program = folder.join("probe");
        let status = Host::new("cc").arg("-O1").arg("-o").arg(&program).arg(source).status().expect("a C compiler, cc");
        assert!(status.success(), "the probe does not compile");
        program
    })
}

/// A cell and the output of its programs.
struct Session {
    cell: Cell,
}

impl Session {
    async fn open(spec: CellSpec) -> Self {
        Self { cell: native().open(spec).await.expect("a cell") }
    }

    /// Starts a program; its standard output and error.
    fn start(&self, argv: &[&str]) -> std::io::PipeReader {
        self.start_with(command(argv))
    }

    fn start_with(&self, command: Command) -> std::io::PipeReader {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let stdin: OwnedFd = std::fs::File::open("/dev/null").expect("/dev/null").into();
        let stderr = writer.try_clone().expect("a descriptor");
        let stdio = Stdio { stdin, stdout: writer.into(), stderr: stderr.into() };
        self.cell.control.send(Control::Start(command, stdio)).expect("a live cell");
        reader
    }

    async fn event(&mut self) -> CellEvent {
        let event = tokio::time::timeout(STUCK, self.cell.events.recv()).await;
        event.expect("an event in time").expect("an event")
    }

    async fn started(&mut self) {
        let event = self.event().await;
        assert!(matches!(event, CellEvent::Started), "{event:?}");
    }

    async fn exited(&mut self) -> Exit {
        match self.event().await {
            CellEvent::Exited(exit) => exit,
            other => panic!("expected an exit, got {other:?}"),
        }
    }

    fn ask(&self, control: Control) {
        self.cell.control.send(control).expect("a live cell");
    }

    /// Runs a program to its end.
    async fn run(&mut self, argv: &[&str]) -> (Exit, String) {
        let reader = self.start(argv);
        self.finish(reader).await
    }

    async fn finish(&mut self, reader: std::io::PipeReader) -> (Exit, String) {
        let output = tokio::task::spawn_blocking(|| read_all(reader));
        self.started().await;
        let exit = self.exited().await;
        let output = tokio::time::timeout(STUCK, output).await.expect("the output's end: does something hold it open?");
        (exit, output.expect("output"))
    }

    async fn sh(&mut self, script: &str) -> (Exit, String) {
        self.run(&["/bin/sh", "-c", script]).await
    }

    async fn close(mut self) -> Usage {
        self.ask(Control::Close);
        loop {
            match self.event().await {
                CellEvent::Closed(usage) => return usage,
                CellEvent::Exited(_) => {}
                other => panic!("expected the end, got {other:?}"),
            }
        }
    }
}

fn command(argv: &[&str]) -> Command {
    let env = vec![(OsString::from("PATH"), OsString::from("/usr/bin:/bin"))];
    Command { argv: argv.iter().map(OsString::from).collect(), env, cwd: "/work".into() }
}

fn read_all(mut reader: std::io::PipeReader) -> String {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).expect("output");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until the program has said a word; what it said.
async fn hear(mut reader: std::io::PipeReader) -> (std::io::PipeReader, String) {
    let heard = tokio::task::spawn_blocking(move || {
        let mut bytes = [0; 64];
        let length = reader.read(&mut bytes).expect("output");
        (reader, String::from_utf8_lossy(&bytes[..length]).into_owned())
    });
    heard.await.expect("output")
}

/// One command in a fresh cell.
async fn shell(script: &str) -> (Exit, String) {
    let mut session = Session::open(spec("t")).await;
    let result = session.sh(script).await;
    session.close().await;
    result
}

/// One run of the probe in a fresh cell.
async fn probe_says(arguments: &[&str]) -> String {
    let mut session = Session::open(spec_with_probe("t")).await;
    let (_, output) = session.run(&[&["/probe"], arguments].concat()).await;
    session.close().await;
    output.trim().to_owned()
}

/// Whether a process of this machine has the marker in its command line.
fn is_running(marker: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| String::from_utf8_lossy(&line).split('\0').any(|argument| argument == marker))
}

/// Waits until a process has the marker.
async fn wait_until_running(marker: &str) {
    let start = std::time::Instant::now();
    while !is_running(marker) {
        assert!(start.elapsed() < STUCK, "{marker} does not run");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until no process has the marker.
fn wait_until_gone(marker: &str) {
    let start = std::time::Instant::now();
    while is_running(marker) {
        assert!(start.elapsed() < STUCK, "{marker} is still running");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A number of seconds to sleep that no other process on this machine sleeps.
fn marker(tag: u32) -> String {
    format!("{}", 1_000_000_000 + u64::from(std::process::id()) * 100 + u64::from(tag))
}

#[tokio::test]
async fn exit_codes_and_signals_are_told_apart() {
    let ended = |script: &'static str| async move { shell(script).await.0 };
    let code = |code| Exit { code: Some(code), signal: None, out_of_memory: false };
    let signal = |signal| Exit { code: None, signal: Some(signal), out_of_memory: false };
    assert_eq!(ended("exit 0").await, code(0));
    assert_eq!(ended("exit 137").await, code(137));
    assert_eq!(ended("kill -KILL $$").await, signal(9));
    assert_eq!(ended("kill -TERM $$").await, signal(15));
    assert_eq!(ended("kill -ABRT $$").await, signal(6));
    // A real-time signal, whose number has no name.
    assert_eq!(ended("kill -40 $$").await, signal(40));
}

#[tokio::test]
async fn a_program_that_cannot_be_executed_is_named() {
    let mut session = Session::open(spec("t")).await;
    let expected = [("/no/such", "exec", libc::ENOENT), ("/etc/passwd", "exec", libc::EACCES)];
    for (program, expected_call, expected_errno) in expected {
        session.start(&[program]);
        match session.event().await {
            CellEvent::StartFailed { call, errno } => {
                assert_eq!((call.as_str(), errno), (expected_call, expected_errno))
            }
            other => panic!("{other:?}"),
        }
    }
    session.start_with(Command { cwd: "/nowhere".into(), ..command(&["true"]) });
    assert!(matches!(session.event().await, CellEvent::StartFailed { call, .. } if call == "chdir"));
    assert_eq!(session.run(&["true"]).await.0.code, Some(0), "the cell is still of use, and PATH is searched");
    session.close().await;
}

#[tokio::test]
async fn a_daemon_does_not_survive_its_program() {
    let marker = marker(1);
    let mut session = Session::open(spec_with_probe("t")).await;
    let (exit, output) = session.run(&["/probe", "daemon", &marker]).await;
    assert_eq!(exit.code, Some(0), "{output}");
    assert!(!is_running(&marker), "the daemon is still there when the exit is told");
    session.close().await;
}

#[tokio::test]
async fn closing_and_dropping_leave_nothing() {
    for (tag, drop_it) in [(2, false), (3, true)] {
        let marker = marker(tag);
        let mut session = Session::open(spec("t")).await;
        let _reader = session.start(&["sleep", &marker]);
        session.started().await;
        wait_until_running(&marker).await;
        if drop_it {
            drop(session);
            tokio::task::spawn_blocking(move || wait_until_gone(&marker)).await.expect("gone");
        } else {
            session.close().await;
            assert!(!is_running(&marker));
        }
    }
}

#[tokio::test]
async fn processes_are_limited() {
    let mut spec = spec("t");
    spec.limits.processes = 20;
    let mut session = Session::open(spec).await;
    let (_, output) = session.sh("for i in $(seq 60); do sleep 1000 & done; echo survived").await;
    assert!(!output.contains("survived"), "{output}");
    assert_eq!(session.sh("exit 7").await.0.code, Some(7), "the cell is still of use");
    session.close().await;
}

#[tokio::test]
async fn memory_is_limited() {
    let mut spec = spec_with_probe("t");
    spec.limits.memory = 48 << 20;
    let mut session = Session::open(spec).await;
    let (exit, output) = session.run(&["/probe", "memory", "200"]).await;
    assert!(!output.contains("survived"), "{output}");
    if limits_whole_cells() {
        assert_eq!((exit.signal, exit.out_of_memory), (Some(9), true));
    } else {
        assert_eq!(exit.code, Some(1), "malloc is refused: {output}");
    }
    let (exit, _) = session.sh("exit 3").await;
    assert_eq!((exit.code, exit.out_of_memory), (Some(3), false), "one kill is told of once");
    session.close().await;
}

/// Whether memory and processes are limited by cgroups here.
fn limits_whole_cells() -> bool {
    let capabilities = native().capabilities();
    let limit = capabilities.layers.iter().find(|layer| layer.name == "memory limit").expect("the layer");
    limit.status == LayerStatus::Enforced
}

#[tokio::test]
async fn an_out_of_memory_child_is_told_of() {
    if !limits_whole_cells() {
        eprintln!("skipped: no cgroups for this user");
        return;
    }
    let mut spec = spec_with_probe("t");
    spec.limits.memory = 48 << 20;
    let mut session = Session::open(spec).await;
    let (exit, _) = session.sh("/probe memory 200; exit 5").await;
    assert_eq!(exit, Exit { code: Some(5), signal: None, out_of_memory: true });
    session.close().await;
}

#[tokio::test]
async fn scratch_space_is_limited() {
    for place in ["/work", "/tmp", "/dev/shm"] {
        let (exit, output) = shell(&format!("head -c 4000000 /dev/zero > {place}/big")).await;
        assert!(exit.code != Some(0) && output.contains("No space left"), "{place}: {output}");
    }
    let (_, output) = shell("for i in $(seq 200); do : > /work/$i || exit 1; done; echo survived").await;
    assert!(!output.contains("survived"), "{output}");
}

#[tokio::test]
async fn files_are_limited_in_size() {
    let mut spec = spec("t");
    spec.limits.file_size = 1000;
    let mut session = Session::open(spec).await;
    let (exit, _) = session.run(&["dd", "if=/dev/zero", "of=/work/f", "bs=2000", "count=2"]).await;
    assert_ne!(exit.code, Some(0));
    session.close().await;
}

#[tokio::test]
async fn cpu_time_is_limited() {
    let mut spec = spec("t");
    spec.limits.cpu = Some(Duration::from_secs(1));
    let mut session = Session::open(spec).await;
    assert_eq!(session.sh("while :; do :; done").await.0.signal, Some(libc::SIGXCPU));
    session.close().await;
}

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
async fn further_namespaces_are_refused() {
    assert_eq!(probe_says(&["nest"]).await, "ENOSPC");
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
        eprintln!("skipped: only root can make the submount");
        return;
    }
    let outer = tempfile::tempdir().expect("a folder");
    let inner = outer.path().join("inner");
    std::fs::create_dir(&inner).expect("a folder");
    let mounted = Host::new("mount").args(["-t", "tmpfs", "-o", "mode=777", "x"]).arg(&inner).status().expect("mount");
    assert!(mounted.success());
    std::fs::set_permissions(outer.path(), std::fs::Permissions::from_mode(0o777)).expect("permissions");
    let mounts = vec![Mount { host: outer.path().into(), at: "/deep/in/there".into(), writable: false }];
    let mut session = Session::open(CellSpec { mounts, ..spec("t") }).await;
    let (exit, output) = session.sh("ls /deep/in/there; : > /deep/in/there/inner/x").await;
    session.close().await;
    assert!(Host::new("umount").arg(&inner).status().expect("umount").success());
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
async fn only_the_cell_s_processes_are_visible() {
    let (_, output) = shell("cd /proc; echo [0-9]*").await;
    let pids: Vec<u32> = output.split_whitespace().map(|pid| pid.parse().expect("a pid")).collect();
    assert!(!pids.is_empty() && !pids.contains(&1), "PID 1 is hidden, and nobody else is there: {output}");
    assert!(pids.iter().all(|&pid| pid < 100) && pids.len() <= 2, "{output}");
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

#[tokio::test]
async fn a_killed_node_finds_its_work_again() {
    let mut session = Session::open(spec("t")).await;
    let reader = session.start(&["sh", "-c", "echo kept > /work/f; echo up; sleep 1000"]);
    session.started().await;
    let _reader = hear(reader).await;
    session.ask(Control::Kill);
    assert_eq!(session.exited().await.signal, Some(9));
    assert_eq!(session.sh("cat /work/f").await.1, "kept\n");
    session.close().await;
}

#[tokio::test]
async fn terminate_lets_a_program_end_by_itself() {
    let mut session = Session::open(spec("t")).await;
    let reader = session.start(&["sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done"]);
    session.started().await;
    let _reader = hear(reader).await;
    session.ask(Control::Terminate);
    assert_eq!(session.exited().await.code, Some(9));
    session.close().await;
}

#[tokio::test]
async fn a_paused_cell_stands_still() {
    let mut session = Session::open(spec("t")).await;
    let marker = marker(4);
    let _reader = session.start(&["sleep", &marker]);
    session.started().await;
    wait_until_running(&marker).await;
    session.ask(Control::Pause);
    wait_for_state(&marker, 'T').await;
    session.ask(Control::Resume);
    wait_for_state(&marker, 'S').await;
    session.ask(Control::Pause);
    session.ask(Control::Kill);
    assert_eq!(session.exited().await.signal, Some(9), "a paused cell can be killed");
    session.close().await;
}

/// Waits until the process with this marker is in a state, as the host sees it.
async fn wait_for_state(marker: &str, state: char) {
    let start = std::time::Instant::now();
    while state_of(marker) != Some(state) {
        assert!(start.elapsed() < STUCK, "{marker} is in state {:?}", state_of(marker));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn state_of(marker: &str) -> Option<char> {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten().map(|process| process.path());
    let has = |path: &PathBuf| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        line.split(|&byte| byte == 0).any(|argument| argument == marker.as_bytes())
    };
    let stat = std::fs::read_to_string(processes.filter(has).last()?.join("stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
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
async fn usage_counts_children_too() {
    let mut session = Session::open(spec_with_probe("t")).await;
    // Half a second in a grandchild that nobody waits for.
    let (_, output) =
        session.sh("(/probe burn 500 &) ; sleep 0.1; while pgrep -x probe >/dev/null; do sleep 0.02; done").await;
    let usage = session.close().await;
    assert!(usage.cpu >= Duration::from_millis(450), "{usage:?} {output}");
    assert!(usage.peak_memory > 0);
}

#[tokio::test]
async fn what_is_killed_is_counted() {
    let mut session = Session::open(spec_with_probe("t")).await;
    let reader = session.start(&["/probe", "burn-then-wait", "300"]);
    session.started().await;
    let (_reader, said) = hear(reader).await;
    assert_eq!(said, "burnt\n");
    assert!(session.close().await.cpu >= Duration::from_millis(280));
}

#[tokio::test]
async fn every_layer_is_enforced() {
    let capabilities = native().capabilities();
    assert_eq!(capabilities.usable, Ok(()));
    for layer in &capabilities.layers {
        let approximate = layer.status == LayerStatus::Approximate && !is_root();
        assert!(layer.status == LayerStatus::Enforced || approximate, "{layer:?}");
    }
}

#[tokio::test]
async fn an_unusable_helper_is_an_error_that_names_the_step() {
    let error = Native::new("/no/such/helper".into()).open(spec("t")).await.expect_err("no helper");
    assert_eq!(error.step, "start the set-up process");
    let error = Native::new("/bin/true".into()).open(spec("t")).await.expect_err("no helper");
    assert!(error.reason.contains("ended"), "{error}");
}

#[tokio::test]
async fn a_missing_mount_is_an_error_that_names_it() {
    let mounts = vec![Mount { host: "/no/such/toolchain".into(), at: "/opt/x".into(), writable: false }];
    let error = native().open(CellSpec { mounts, ..spec("t") }).await.expect_err("no such mount");
    assert_eq!(error.step, "bind /no/such/toolchain");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_cells_at_once() {
    runner::backend::raise_open_files().expect("more open files");
    let native = native();
    let opening = (0..500).map(|_| {
        let native = native.clone();
        tokio::spawn(async move { Session { cell: native.open(spec("many")).await.expect("a cell") } })
    });
    let mut sessions = Vec::new();
    for session in opening.collect::<Vec<_>>() {
        sessions.push(session.await.expect("opened"));
    }
    let readers: Vec<_> = sessions.iter().map(|session| session.start(&["sh", "-c", "exit 42"])).collect();
    for session in &mut sessions {
        session.started().await;
        assert_eq!(session.exited().await.code, Some(42));
    }
    drop(readers);
    for session in sessions {
        session.close().await;
    }
}

/// Not a test: the takehome that the next one kills.
#[tokio::test]
#[ignore = "run by another test"]
async fn hold_a_cell_open() {
    let marker = std::env::var("TAKEHOME_TEST_MARKER").expect("a marker");
    let mut session = Session::open(spec("orphan")).await;
    let _reader = session.start(&["sleep", &marker]);
    session.started().await;
    wait_until_running(&marker).await;
    println!("holding");
    std::future::pending::<()>().await;
}

#[test]
fn a_killed_takehome_leaves_nothing() {
    let marker = marker(5);
    let mut child = Host::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "hold_a_cell_open", "--ignored", "--nocapture"])
        .env("TAKEHOME_TEST_MARKER", &marker)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a takehome");
    let mut output = std::io::BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    while !line.contains("holding") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut output, &mut line).expect("its output"), 0, "it ended");
    }
    assert!(is_running(&marker), "the program runs");
    child.kill().expect("killed");
    child.wait().expect("reaped");
    wait_until_gone(&marker);
    let prefix = format!("takehome-{}-", child.id());
    assert_eq!(groups_named(&prefix) > 0, limits_whole_cells(), "nobody was there to remove its cgroups");
    native().sweep();
    assert_eq!(groups_named(&prefix), 0);
}

/// How many cgroups of this machine have such a name.
fn groups_named(prefix: &str) -> usize {
    let pattern = format!("{prefix}*");
    let found = Host::new("find").args(["/sys/fs/cgroup", "-type", "d", "-name", &pattern]).output().expect("find");
    String::from_utf8_lossy(&found.stdout).lines().count()
}

/// Not a test: prints how long opening a cell takes.
#[tokio::test]
#[ignore = "a measurement"]
async fn latency() {
    let native = native();
    let mut times = Vec::new();
    for _ in 0..200 {
        let start = std::time::Instant::now();
        let cell = native.open(spec("latency")).await.expect("a cell");
        times.push(start.elapsed());
        Session { cell }.close().await;
    }
    times.sort();
    println!("open: median {:?}, p10 {:?}, p90 {:?}", times[100], times[20], times[180]);
}

#[test]
fn all_of_it_holds_for_an_ordinary_user() {
    if !is_root() {
        eprintln!("skipped: these tests already run as an ordinary user");
        return;
    }
    let folder =
        tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().expect("a folder");
    let copy = |from: &Path, name: &str| {
        let to = folder.path().join(name);
        std::fs::copy(from, &to).expect("a copy");
        to
    };
    let tests = copy(&std::env::current_exe().expect("this test"), "tests");
    let output = Host::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(tests)
        .args(["--skip", "five_hundred"])
        .env(HELPER, copy(Path::new(env!("CARGO_BIN_EXE_takehome")), "takehome"))
        .env(PROBE, copy(probe(), "probe"))
        .env("TMPDIR", "/tmp")
        .current_dir("/")
        .output()
        .expect("setpriv");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && report.contains(" 0 failed"), "{report}");
}
