//! Programs in cells, for tests and measurements: open, run to the end, close.

#![allow(dead_code)] // Each that includes this uses its part.

use runner::backend::{
    Backend, Cell, CellEvent, CellSpec, Command, Control, Exit, Limits, Root, Stdio, Usage, Work, native::Native,
};
use std::{ffi::OsString, fs::File, path::PathBuf, time::Duration};

/// Names the helper executable for those that run as another user, who cannot read the build directory.
pub const HELPER: &str = "TAKEHOME_TEST_HELPER";
/// How long anything may take before it is declared stuck; no verdict hangs on it otherwise.
pub const STUCK: Duration = Duration::from_secs(60);

/// The executable that sets cells up.
pub fn helper() -> PathBuf {
    std::env::var_os(HELPER).unwrap_or_else(|| env!("CARGO_BIN_EXE_takehome").into()).into()
}

/// A back end of its own.
pub fn native() -> Native {
    Native::new(helper())
}

/// A small cell that sees the system.
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

/// An open cell.
pub struct Session(pub Cell);

impl Session {
    pub async fn open(native: &Native, spec: CellSpec) -> Self {
        Self(native.open(spec).await.expect("a cell"))
    }

    /// Starts a program that says nothing to anyone, and waits until its `exec` has succeeded.
    pub async fn start(&mut self, argv: &[&str]) {
        let null = || File::options().read(true).write(true).open("/dev/null").expect("/dev/null").into();
        let env = vec![(OsString::from("PATH"), OsString::from("/usr/bin:/bin"))];
        let command = Command { argv: argv.iter().map(OsString::from).collect(), env, cwd: "/work".into() };
        let stdio = Stdio { stdin: null(), stdout: null(), stderr: null() };
        self.0.control.send(Control::Start(command, stdio)).expect("a live cell");
        let event = self.event().await;
        assert!(matches!(event, CellEvent::Started), "{argv:?}: {event:?}");
    }

    /// Runs a program to its end.
    pub async fn run(&mut self, argv: &[&str]) -> Exit {
        self.start(argv).await;
        match self.event().await {
            CellEvent::Exited(exit) => exit,
            other => panic!("expected an exit, got {other:?}"),
        }
    }

    pub async fn close(mut self) -> Usage {
        self.0.control.send(Control::Close).expect("a live cell");
        loop {
            match self.event().await {
                CellEvent::Closed(usage) => return usage,
                CellEvent::Exited(_) => {}
                other => panic!("expected the end, got {other:?}"),
            }
        }
    }

    async fn event(&mut self) -> CellEvent {
        let event = tokio::time::timeout(STUCK, self.0.events.recv()).await;
        event.expect("an event in time").expect("an event")
    }
}
