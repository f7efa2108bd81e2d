//! What the tests have in common: cells with a shell in them, a compiled probe, and ways to wait without guessing.

pub use crate::skip::{cells_have, has, leave_out, pass_on, skip};
pub use runner::backend::{
    Backend, Cell, CellEvent, CellSpec, Command, Control, Exit, Full, LayerStatus, Limits, Mount, Root, Stdio, Usage,
    Work, native::Native,
};
pub use std::{
    ffi::OsString,
    io::{Read, Write},
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    process::Command as Host,
    sync::OnceLock,
    time::Duration,
};

/// Names the helper executable when the tests run as another user, who cannot read the build directory.
pub const HELPER: &str = "TAKEHOME_TEST_HELPER";

/// Names the compiled probe in that case.
pub const PROBE: &str = "TAKEHOME_TEST_PROBE";

/// The places of a cell that are memory of a fixed size.
pub const SCRATCH: [&str; 3] = ["/work", "/tmp", "/dev/shm"];
/// How long anything may take before the test is declared stuck; no verdict hangs on it otherwise.
pub const STUCK: Duration = Duration::from_secs(60);

pub fn native() -> Native {
    let helper = std::env::var_os(HELPER).unwrap_or_else(|| env!("CARGO_BIN_EXE_takehome").into());
    Native::new(helper.into())
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A cell with a shell in it.
pub fn spec(label: &str) -> CellSpec {
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
        port: None,
    }
}

/// The same with the compiled probe at `/probe`.
pub fn spec_with_probe(label: &str) -> CellSpec {
    let mounts = vec![Mount { host: probe().to_owned(), at: "/probe".into(), writable: false }];
    CellSpec { mounts, ..spec(label) }
}

/// A small program that makes the system calls no shell can make.
pub fn probe() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(path) = std::env::var_os(PROBE) {
            return path.into();
        }
        let folder = tempfile::Builder::new().prefix("sandbox-probe").tempdir().expect("a scratch folder").keep();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("a readable folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox_probe.c");
        let program = folder.join("probe");
        let status = Host::new("cc")
            .args(["-O1", "-pthread", "-o"])
            .arg(&program)
            .arg(source)
            .status()
            .expect("a C compiler, cc");
        assert!(status.success(), "the probe does not compile");
        program
    })
}

/// A cell and the output of its programs.
pub struct Session {
    pub cell: Cell,
}

impl Session {
    pub async fn open(spec: CellSpec) -> Self {
        Self { cell: native().open(spec).await.expect("a cell") }
    }

    /// Starts a program; its standard output and error.
    pub fn start(&self, argv: &[&str]) -> std::io::PipeReader {
        self.start_with(command(argv))
    }

    pub fn start_with(&self, command: Command) -> std::io::PipeReader {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let stdin: OwnedFd = std::fs::File::open("/dev/null").expect("/dev/null").into();
        let stderr = writer.try_clone().expect("a descriptor");
        let stdio = Stdio { stdin, stdout: writer.into(), stderr: stderr.into() };
        self.cell.control.send(Control::Start(command, stdio)).expect("a live cell");
        reader
    }

    pub async fn event(&mut self) -> CellEvent {
        let event = tokio::time::timeout(STUCK, self.cell.events.recv()).await;
        event.expect("an event in time").expect("an event")
    }

    pub async fn started(&mut self) {
        let event = self.event().await;
        assert!(matches!(event, CellEvent::Started), "{event:?}");
    }

    pub async fn exited(&mut self) -> Exit {
        match self.event().await {
            CellEvent::Exited(exit) => exit,
            other => panic!("expected an exit, got {other:?}"),
        }
    }

    pub fn ask(&self, control: Control) {
        self.cell.control.send(control).expect("a live cell");
    }

    /// Runs a program to its end.
    pub async fn run(&mut self, argv: &[&str]) -> (Exit, String) {
        let reader = self.start(argv);
        self.finish(reader).await
    }

    pub async fn finish(&mut self, reader: std::io::PipeReader) -> (Exit, String) {
        let output = tokio::task::spawn_blocking(|| read_all(reader));
        self.started().await;
        let exit = self.exited().await;
        let output = tokio::time::timeout(STUCK, output).await.expect("the output's end: does something hold it open?");
        (exit, output.expect("output"))
    }

    pub async fn sh(&mut self, script: &str) -> (Exit, String) {
        self.run(&["/bin/sh", "-c", script]).await
    }

    pub async fn close(mut self) -> Usage {
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

pub fn command(argv: &[&str]) -> Command {
    let env = vec![(OsString::from("PATH"), OsString::from("/usr/bin:/bin"))];
    Command { argv: argv.iter().map(OsString::from).collect(), env, cwd: "/work".into() }
}

pub fn read_all(mut reader: std::io::PipeReader) -> String {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).expect("output");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until the program has said a word; what it said.
pub async fn hear(mut reader: std::io::PipeReader) -> (std::io::PipeReader, String) {
    let heard = tokio::task::spawn_blocking(move || {
        let mut bytes = [0; 64];
        let length = reader.read(&mut bytes).expect("output");
        (reader, String::from_utf8_lossy(&bytes[..length]).into_owned())
    });
    heard.await.expect("output")
}

/// One command in a fresh cell.
pub async fn shell(script: &str) -> (Exit, String) {
    let mut session = Session::open(spec("t")).await;
    let result = session.sh(script).await;
    session.close().await;
    result
}

/// One run of the probe in a fresh cell.
pub async fn probe_says(arguments: &[&str]) -> String {
    let mut session = Session::open(spec_with_probe("t")).await;
    let (_, output) = session.run(&[&["/probe"], arguments].concat()).await;
    session.close().await;
    output.trim().to_owned()
}

/// Whether a process of this machine has the marker in its command line.
pub fn is_running(marker: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| String::from_utf8_lossy(&line).split('\0').any(|argument| argument == marker))
}

/// Waits until a process has the marker.
pub async fn wait_until_running(marker: &str) {
    let start = std::time::Instant::now();
    while !is_running(marker) {
        assert!(start.elapsed() < STUCK, "{marker} does not run");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until no process has the marker.
pub fn wait_until_gone(marker: &str) {
    let start = std::time::Instant::now();
    while is_running(marker) {
        assert!(start.elapsed() < STUCK, "{marker} is still running");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A number of seconds to sleep that no other process on this machine sleeps.
pub fn marker(tag: u32) -> String {
    format!("{}", 1_000_000_000 + u64::from(std::process::id()) * 100 + u64::from(tag))
}

/// Whether memory and processes are limited by cgroups here.
pub fn limits_whole_cells() -> bool {
    let capabilities = native().capabilities();
    let limit = capabilities.layers.iter().find(|layer| layer.name == "memory limit").expect("the layer");
    limit.status == LayerStatus::Enforced
}

/// The same for a test that is about nothing else, and is left out without them.
pub fn needs_whole_cells() -> bool {
    let there = limits_whole_cells();
    let why = "no cgroups for this user: `systemd-run --user --scope -p Delegate=yes` gives some";
    match there {
        true => {}
        // The second run is by a user to whom nobody gives any.
        false if std::env::var_os(HELPER).is_some() => leave_out(why),
        false => skip(why),
    }
    there
}
