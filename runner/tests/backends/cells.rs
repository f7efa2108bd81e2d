//! What the tests of back ends share: the back ends that work here, cells of them, and programs in those.

use crate::skip::{leave_out, skip};
use runner::backend::{
    Backend, Capabilities, Cell, CellEvent, CellSpec, Command, Control, Entry, Exit, LayerStatus, Limits, Mount,
    REGISTRY, Root, Stdio, Strength, Usage, Work,
};
use std::{
    ffi::OsString,
    io::Read,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

/// Names the helper executable when the tests run as another user, who cannot read the build directory.
pub const HELPER: &str = "TAKEHOME_TEST_HELPER";
/// Names the compiled probe in that case.
pub const PROBE: &str = "TAKEHOME_TEST_PROBE";
/// How long anything may take before the test is declared stuck; no verdict hangs on it otherwise.
pub const STUCK: Duration = Duration::from_secs(120);

/// Back ends that every machine of ours has to have in CI; podman is one that some cannot run.
const IN_CI: [&str; 4] = ["native", "bubblewrap", "degraded", "none"];

/// A back end that works here.
pub struct Subject {
    pub entry: &'static Entry,
    pub backend: Arc<dyn Backend>,
    pub capabilities: Capabilities,
}

impl Subject {
    /// How far a layer is enforced.
    pub fn status(&self, layer: &str) -> LayerStatus {
        self.capabilities.layers.iter().find(|it| it.name == layer).map_or(LayerStatus::Missing, |it| it.status)
    }

    pub fn enforces(&self, layer: &str) -> bool {
        self.status(layer) == LayerStatus::Enforced
    }

    pub async fn open(&self, spec: CellSpec) -> Session {
        let cell = self.backend.open(spec).await;
        Session { cell: cell.unwrap_or_else(|error| panic!("{}: {error}", self.entry.name)) }
    }

    /// One command in a fresh cell.
    pub async fn shell(&self, script: &str) -> (Exit, String) {
        let mut session = self.open(spec("t")).await;
        let result = session.sh(script).await;
        session.close().await;
        result
    }

    /// One run of the probe in a fresh cell.
    pub async fn probe(&self, arguments: &[&str]) -> String {
        let mut session = self.open(spec_with_probe("t")).await;
        let (_, output) = session.run(&[&["/probe"], arguments].concat()).await;
        session.close().await;
        output.trim().to_owned()
    }
}

/// All back ends that work here and are at least so strong; says which are left out, and why.
pub fn subjects(least: Strength) -> impl Iterator<Item = &'static Subject> {
    static ALL: OnceLock<Vec<Subject>> = OnceLock::new();
    let all = ALL.get_or_init(|| REGISTRY.iter().filter_map(subject).collect());
    all.iter().filter(move |subject| subject.entry.strength >= least)
}

/// The executable that sets cells up.
pub fn helper() -> PathBuf {
    std::env::var_os(HELPER).unwrap_or_else(|| env!("CARGO_BIN_EXE_takehome").into()).into()
}

fn subject(entry: &'static Entry) -> Option<Subject> {
    let backend = (entry.make)(helper());
    let capabilities = backend.capabilities();
    if let Err(why) = &capabilities.usable {
        let why = format!("the back end {} does not work here: {why}", entry.name);
        if IN_CI.contains(&entry.name) {
            skip(&why)
        } else {
            leave_out(&why)
        }
        return None;
    }
    Some(Subject { entry, backend, capabilities })
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
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("backends-probe");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox_probe.c");
        let built = std::process::Command::new("cc").arg("-O1").arg("-o").arg(&program).arg(source).status();
        assert!(built.expect("a C compiler, cc").success(), "the probe does not compile");
        program
    })
}

/// A cell and the output of its programs.
pub struct Session {
    pub cell: Cell,
}

impl Session {
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

    /// A connection to a port, once somebody listens there.
    pub async fn connected(&self, port: u16) -> std::net::TcpStream {
        let began = Instant::now();
        loop {
            let (connected, connection) = tokio::sync::oneshot::channel();
            self.ask(Control::Connect(port, connected));
            let stream = connection.await.expect("an answer").and_then(tokio::net::TcpStream::from_std);
            // It may have been handed over before it was made.
            if let Ok(stream) = stream
                && stream.writable().await.is_ok()
                && stream.take_error().is_ok_and(|error| error.is_none())
            {
                let stream = stream.into_std().expect("a stream");
                stream.set_nonblocking(false).expect("a stream");
                return stream;
            }
            assert!(began.elapsed() < STUCK, "nobody listens at {port}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
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

fn read_all(mut reader: std::io::PipeReader) -> String {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).expect("output");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until the program has said a word.
pub async fn hear(mut reader: std::io::PipeReader) -> std::io::PipeReader {
    let heard = tokio::task::spawn_blocking(move || {
        assert_ne!(reader.read(&mut [0; 64]).expect("output"), 0, "it ended without a word");
        reader
    });
    heard.await.expect("output")
}

/// The processes of this machine that have the marker in their command line.
pub fn running(marker: &str) -> Vec<PathBuf> {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten().map(|process| process.path());
    let has = |path: &PathBuf| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        line.split(|&byte| byte == 0).any(|argument| argument == marker.as_bytes())
    };
    processes.filter(has).collect()
}

/// Waits until something is so.
pub async fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < STUCK, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The state of the process with this marker, as the host sees it.
pub fn state_of(marker: &str) -> Option<char> {
    let stat = std::fs::read_to_string(running(marker).last()?.join("stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// A number of seconds to sleep that no other process on this machine sleeps.
pub fn marker() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}", 3_000_000_000 + u64::from(std::process::id()) * 100 + number)
}

/// The cgroups of this machine with this in their names.
pub fn leftovers(name: &str) -> Vec<String> {
    let found = crate::processes::cgroups_named(|group| group.contains(name));
    found.iter().map(|group| group.display().to_string()).collect()
}

/// The containers that a process of ours has left.
pub fn containers(pid: u32) -> String {
    let filter = format!("name=takehome-{pid}-");
    let listed = std::process::Command::new("podman").args(["ps", "--all", "--quiet", "--filter", &filter]).output();
    listed.map(|listed| String::from_utf8_lossy(&listed.stdout).trim().to_owned()).unwrap_or_default()
}
