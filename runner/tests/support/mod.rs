//! Running one case of the node program `nodes/node.rs` in the real sandbox.

#![allow(dead_code)] // Each test binary uses its part.

pub mod skip;

use harness::{
    case::CaseRecord,
    judge::{JudgedCase, case as judge},
    manifest::{Manifest, Protocol},
    oracle::Oracle,
    plan::{Figures, Plan, RECORD_VERSION, cases},
    report::{Environment, Submission},
};
use runner::{
    backend::{Backend, Command, Mount, Program, Root, native::Native},
    node::{self, CaseSetup},
    server,
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};
use tokio::sync::{mpsc, watch};

/// The folder of the node program, compiled once.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compiled("node-program", "tests/nodes/node.rs"))
}

/// Compiles a program of one source file; the folder that holds it as `node`.
pub fn compiled(name: &str, source: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let rustc = std::env::var("RUSTC").unwrap_or("rustc".into());
    let built = std::process::Command::new(rustc)
        .args(["--edition", "2021", "-O", "-o"])
        .arg(folder.join("node"))
        .arg(source)
        .status()
        .unwrap();
    assert!(built.success());
    folder
}

pub fn backend() -> Option<Arc<dyn Backend>> {
    static RAISED: OnceLock<()> = OnceLock::new();
    RAISED.get_or_init(|| drop(runner::backend::raise_open_files()));
    let native = Native::new(PathBuf::from(env!("CARGO_BIN_EXE_takehome")));
    match native.capabilities().usable {
        Ok(()) => Some(Arc::new(native)),
        Err(why) => {
            skip::skip(&format!("no sandbox on this machine: {why}"));
            None
        }
    }
}

pub fn plan(challenge: &str, stage: &str) -> Plan {
    plan_of(challenge, "kind = \"node\"", stage)
}

pub fn plan_of(challenge: &str, kind: &str, stage: &str) -> Plan {
    let text = format!("title = \"T\"\n{kind}\nminutes = 1\n[[stage]]\nid = \"s\"\ntitle = \"S\"\npoints = 1\n{stage}");
    let mut manifest = Manifest::parse(&text).unwrap();
    manifest.limits.output = harness::units::Bytes(16 << 20);
    Plan {
        version: RECORD_VERSION,
        run: "test".into(),
        takehome: "0".into(),
        started: String::new(),
        command: String::new(),
        seed: 1,
        challenge: challenge.into(),
        cases: cases(&manifest, 1, |_| true),
        manifest,
        submission: Submission::default(),
        environment: Environment::default(),
        reference: Figures::default(),
    }
}

/// Runs one case of a node program's mode; none where there is no sandbox.
pub fn run(challenge: &str, mode: &str, seed: u64, stage: &str) -> Option<(CaseRecord, JudgedCase)> {
    let oracle = challenges::find(challenge).unwrap().oracle;
    run_program(&plan(challenge, stage), oracle, program(), mode, seed)
}

/// Runs one case of the plan's stage with the program in a folder.
pub fn run_program(
    plan: &Plan,
    oracle: &'static dyn Oracle,
    folder: &Path,
    mode: &str,
    seed: u64,
) -> Option<(CaseRecord, JudgedCase)> {
    run_beside(plan, oracle, folder, mode, None, seed)
}

/// [`run_program`], with the same program in another mode as the reference.
pub fn run_beside(
    plan: &Plan,
    oracle: &'static dyn Oracle,
    folder: &Path,
    mode: &str,
    reference: Option<&str>,
    seed: u64,
) -> Option<(CaseRecord, JudgedCase)> {
    let program = |mode: &str| Program {
        command: Command {
            argv: vec!["/app/node".into(), mode.into()],
            env: Vec::new(),
            cwd: runner::backend::WORK.into(),
        },
        root: Root::Libraries,
        mounts: vec![Mount { host: folder.into(), at: "/app".into(), writable: false }],
        port: None,
    };
    let backend = backend()?;
    let (_stop, stop) = watch::channel(false);
    let (notices, _) = mpsc::unbounded_channel();
    let setup = CaseSetup {
        stage: plan.manifest.stages[0].clone(),
        seed,
        limits: plan.manifest.limits.clone(),
        oracle,
        backend,
        program: program(mode),
        reference: reference.map(program),
        logs: None,
        stop,
        notices,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let record = match plan.manifest.protocol {
        Some(protocol) => runtime.block_on(server::run(setup, protocol)),
        None => runtime.block_on(node::run(setup)),
    };
    let judged = judge(plan, &record, oracle).unwrap();
    Some((record, judged))
}

/// Runs one case of a server's mode; none where there is no sandbox.
pub fn serve(challenge: &str, protocol: Protocol, folder: &Path, mode: &str, stage: &str) -> Option<JudgedCase> {
    serve_beside(challenge, protocol, folder, mode, None, stage).map(|(_, judged)| judged)
}

/// [`serve`], with the same program in another mode as the reference; also the record.
pub fn serve_beside(
    challenge: &str,
    protocol: Protocol,
    folder: &Path,
    mode: &str,
    reference: Option<&str>,
    stage: &str,
) -> Option<(CaseRecord, JudgedCase)> {
    let oracle = challenges::find(challenge).unwrap().oracle;
    let plan = plan_of(challenge, &format!("kind = \"server\"\nprotocol = {}", serde_json::json!(protocol)), stage);
    run_beside(&plan, oracle, folder, mode, reference, 1)
}
