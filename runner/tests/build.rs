//! Real builds in real cells: what honest submissions get, and what hostile ones get instead.
//!
//! A test whose compiler is not installed says so and passes, except in CI, where everything must be installed.

#[path = "support/skip.rs"]
mod skip;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::{Duration, Instant},
};

use runner::{
    backend::{
        Backend, CellEvent, CellSpec, Command, Control, Full, LayerStatus, Limits as CellLimits, Program, Stdio, Work,
        native::Native, none,
    },
    build::{Blame, BuildError, Built, End, Host, Limits, Phase, Progress, Request, build},
    language::{
        Choice,
        sanitize::{self, Sanitizer},
    },
};

fn native() -> Native {
    Native::new(env!("CARGO_BIN_EXE_takehome").into())
}

/// One cache for all tests of a run, so that what is prepared once is prepared once.
fn cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("build-cache"))
}

/// A submission in a temporary folder, and how it is built.
struct Submission {
    tree: tempfile::TempDir,
    choice: Choice,
    limits: Limits,
    host: Host,
    offline: bool,
    sanitizer: Option<Sanitizer>,
}

fn submission(files: &[(&str, &str)]) -> Submission {
    let tree = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = tree.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let limits = Limits { time: Duration::from_secs(300), ..Limits::default() };
    Submission { tree, choice: Choice::default(), limits, host: Host::default(), offline: false, sanitizer: None }
}

impl Submission {
    async fn build(&self) -> Result<Built, BuildError> {
        // A temporary folder's name is as good as a hash of its content: no two tests share one.
        self.build_as(&self.tree.path().display().to_string(), &mut |_| {}).await
    }

    async fn build_as(&self, content: &str, tell: &mut (dyn FnMut(Progress) + Send)) -> Result<Built, BuildError> {
        self.build_in(&native(), content, tell).await
    }

    async fn build_in(
        &self,
        backend: &dyn Backend,
        content: &str,
        tell: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Built, BuildError> {
        let request = Request {
            sanitizer: self.sanitizer,
            tree: self.tree.path(),
            content,
            choice: self.choice.clone(),
            limits: self.limits.clone(),
            allow_hosts: &[],
            offline: self.offline,
            cache: cache(),
            no_cache: false,
            host: self.host.clone(),
        };
        build(backend, request, tell).await
    }

    /// Commands for the shell in place of a language.
    fn commands(mut self, build: &str, run: &str) -> Self {
        self.choice.build = Some(build.to_owned());
        self.choice.run = Some(run.to_owned());
        self
    }
}

/// Whether the tools of a test are there.
fn installed(tools: &[&str]) -> bool {
    let missing: Vec<_> = tools.iter().filter(|tool| Host::default().find(tool).is_none()).collect();
    if !missing.is_empty() {
        skip::skip(&format!("{missing:?} not installed"));
    }
    missing.is_empty()
}

/// How the built program is started.
fn start(built: &Built) -> Command {
    Command {
        argv: built.run.argv.iter().map(Into::into).collect(),
        env: built.run.env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        cwd: if built.run.cwd_in_app { "/app".into() } else { "/work".into() },
    }
}

/// What the built program writes when it is run.
async fn output(built: &Built) -> String {
    let limits = CellLimits {
        memory: 1 << 30,
        processes: 128,
        open_files: 256,
        file_size: 1 << 30,
        cpu: None,
        cpus: Vec::new(),
    };
    let spec = CellSpec {
        label: "run".to_owned(),
        root: built.run.root,
        mounts: built.run.mounts.clone(),
        work: Work::Memory { bytes: 16 << 20, inodes: 1000 },
        tmp_bytes: 16 << 20,
        limits,
        egress: false,
        port: None,
    };
    let mut cell = native().open(spec).await.unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let stdin = fs::File::open("/dev/null").unwrap().into();
    let stdio = Stdio { stdin, stdout: writer.try_clone().unwrap().into(), stderr: writer.into() };
    let command = start(built);
    cell.control.send(Control::Start(command, stdio)).unwrap();
    while let Some(event) = cell.events.recv().await {
        match event {
            CellEvent::Started => {}
            CellEvent::Exited(_) => break,
            other => panic!("{other:?} for {:?}", built.run),
        }
    }
    drop(cell);
    std::io::read_to_string(reader).unwrap()
}

fn failure(error: BuildError) -> runner::build::Failure {
    match error {
        BuildError::Failed(failure) => *failure,
        other => panic!("not a failed command: {other:?}"),
    }
}

const RUST: &str = "[package]\nname = \"demo\"\nedition = \"2021\"\n";

#[tokio::test]
async fn rust_is_built_and_found_again() {
    if !installed(&["rustc", "cc"]) {
        return;
    }
    let one = submission(&[("Cargo.toml", RUST), ("src/main.rs", "fn main() { println!(\"hello\"); }")]);
    let first = one.build().await.unwrap();
    assert_eq!((first.language.as_str(), first.cached, first.binary.as_deref()), ("rust", false, Some("demo")));
    assert_eq!(output(&first).await, "hello\n");
    let started = Instant::now();
    let second = one.build().await.unwrap();
    assert!(second.cached, "the second build was not found");
    // Generous: other tests run at the same time. Alone it takes a tenth of a second.
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    fs::remove_file(second.artefact.join("bin/demo")).unwrap();
    let third = one.build().await.unwrap();
    assert!(!third.cached && third.artefact.join("bin/demo").exists(), "a broken entry was used");
}

#[tokio::test]
async fn a_build_script_is_shut_in() {
    if !installed(&["rustc", "cc"]) {
        return;
    }
    let script = r#"
        fn main() {
            let direct = std::net::TcpStream::connect("203.0.113.1:443");
            println!("cargo:warning=direct {}", direct.is_err());
            println!("cargo:warning=proxy {}", std::net::TcpStream::connect("127.0.0.1:3128").is_err());
            let toolchain = std::path::Path::new(&std::env::var("RUSTC").unwrap()).canonicalize();
            let sysroot = std::process::Command::new("rustc").args(["--print", "sysroot"]).output().unwrap().stdout;
            let planted = format!("{}/lib/planted", String::from_utf8(sysroot).unwrap().trim());
            println!("cargo:warning=toolchain {} {}", std::fs::write(planted, "x").is_err(), toolchain.is_err());
            println!("cargo:warning=deps {}", std::fs::write("/deps/cargo/planted", "x").is_err());
            println!("cargo:warning=secret {}", std::env::var("TAKEHOME_TEST_SECRET").is_err());
            println!("cargo:warning=tree {}", std::fs::write("/work/mine", "x").is_ok());
        }"#;
    let hostile = submission(&[("Cargo.toml", RUST), ("src/main.rs", "fn main() {}"), ("build.rs", script)]);
    let built = hostile.build().await.unwrap();
    let log = fs::read_to_string(&built.log).unwrap();
    for line in ["direct true", "proxy true", "toolchain true", "deps true", "secret true", "tree true"] {
        assert!(log.contains(&format!(": {line}")), "{line} in {log}");
    }
    assert!(!hostile.tree.path().join("mine").exists(), "the build wrote into the submission itself");
}

#[tokio::test]
async fn a_wrapper_in_the_submissions_configuration_is_not_called() {
    if !installed(&["rustc", "cc"]) {
        return;
    }
    let files = [
        ("Cargo.toml", RUST),
        ("src/main.rs", "fn main() {}"),
        (".cargo/config.toml", "[build]\nrustc-wrapper = \"/work/wrapper\"\n"),
        ("rust-toolchain.toml", "[toolchain]\npath = \"/work/toolchain\"\n"),
    ];
    let built = submission(&files).build().await.unwrap();
    assert!(built.notices.iter().any(|notice| notice.contains("Rust toolchain")), "{:?}", built.notices);
}

#[tokio::test]
async fn a_compile_error_is_told_in_the_compilers_words() {
    if !installed(&["rustc", "cc"]) {
        return;
    }
    let main = "fn unused() {}\nfn main() { let x: u32 = \"no\"; }";
    let error = submission(&[("Cargo.toml", RUST), ("src/main.rs", main)]).build().await.unwrap_err();
    assert_eq!(error.blame(), Blame::Candidate);
    let failure = failure(error);
    assert_eq!((failure.phase, failure.end), (Phase::Build, End::Status(101)));
    let text = failure.excerpt.join("\n");
    assert!(text.starts_with("error[E0308]: mismatched types\n --> src/main.rs:2:"), "{text}");
    assert!(!text.contains("warning") && !text.contains("Compiling"), "{text}");
}

#[tokio::test]
async fn a_dependency_is_fetched_through_the_proxy() {
    if !installed(&["rustc", "cc"]) {
        return;
    }
    let manifest = format!("{RUST}\n[dependencies]\nitoa = \"1\"\n");
    let main = "fn main() { println!(\"{}\", itoa::Buffer::new().format(7)); }";
    let mut with = submission(&[("Cargo.toml", &manifest), ("src/main.rs", main)]);
    let built = match with.build().await {
        // Only this machine's own lack of a network is an excuse.
        Err(BuildError::Dependency { denied, unreachable, .. }) if denied.is_empty() => {
            return skip::skip(&format!("no registry is in reach: {unreachable:?}"));
        }
        other => other.unwrap(),
    };
    assert_eq!(output(&built).await, "7\n");
    assert!(built.notices.iter().any(|notice| notice.contains("no Cargo.lock")));
    with.offline = true;
    assert!(with.build().await.unwrap().cached, "what is built needs no network");
    with.choice.bin = Some("demo".to_owned());
    let other = submission(&[("Cargo.toml", &manifest), ("src/main.rs", main)]);
    let other = Submission { offline: true, ..other };
    assert!(other.build().await.unwrap_err().to_string().contains("stay offline"));

    let foreign = format!("{RUST}\n[dependencies]\nx = {{ git = \"https://code.example/x\" }}\n");
    let error = submission(&[("Cargo.toml", &foreign), ("src/main.rs", main)]).build().await.unwrap_err();
    assert_eq!(error.blame(), Blame::Environment);
    let text = error.to_string();
    assert!(text.contains("host code.example is not a registry; --allow-host code.example"), "{text}");
}

#[tokio::test]
async fn go_is_built_and_its_errors_are_told() {
    if !installed(&["go"]) {
        return;
    }
    let main = "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello\") }\n";
    let built = submission(&[("go.mod", "module x/demo\n\ngo 1.18\n"), ("main.go", main)]).build().await.unwrap();
    assert_eq!(output(&built).await, "hello\n");
    let wrong = submission(&[("go.mod", "module x/demo\n"), ("main.go", "package main\nfunc main() { x() }\n")]);
    let failure = failure(wrong.build().await.unwrap_err());
    assert!(failure.excerpt.iter().any(|line| line.contains("main.go:2:15: undefined: x")), "{failure}");
    let newer = submission(&[("go.mod", "module x\n\ngo 1.999\n"), ("main.go", main)]).build().await.unwrap_err();
    assert_eq!(newer.blame(), Blame::Environment);
    assert!(newer.to_string().starts_with("go.mod asks for Go 1.999, this machine has 1."), "{newer}");
}

#[tokio::test]
async fn c_and_cpp_are_built_in_three_ways() {
    if !installed(&["cc", "c++", "make", "cmake"]) {
        return;
    }
    let main = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";
    let bare = submission(&[("main.c", main)]).build().await.unwrap();
    assert_eq!(output(&bare).await, "hello\n");
    let make = [("Makefile", "node: a.c\n\tcc -o node a.c\n"), ("a.c", main)];
    let make = submission(&make).build().await.unwrap();
    assert_eq!((output(&make).await.as_str(), make.binary.as_deref()), ("hello\n", Some("node")));
    let lists = "cmake_minimum_required(VERSION 3.10)\nproject(x CXX)\nadd_executable(node a.cpp)\n";
    let cmake = submission(&[("CMakeLists.txt", lists), ("a.cpp", main)]).build().await.unwrap();
    assert_eq!((output(&cmake).await.as_str(), cmake.language.as_str()), ("hello\n", "c++"));
}

#[tokio::test]
async fn what_cmake_downloads_is_fetched_before_the_build() {
    if !installed(&["c++", "make", "cmake", "git"]) {
        return;
    }
    let lists = |how: &str| {
        format!(
            "cmake_minimum_required(VERSION 3.14)\nproject(x CXX)\ninclude(FetchContent)\nFetchContent_Declare(word {how})\n\
             FetchContent_MakeAvailable(word)\nadd_executable(node a.cpp)\ntarget_include_directories(node PRIVATE \
             ${{word_SOURCE_DIR}})\n"
        )
    };
    let main = "#include <cstdio>\n#include <word.h>\nint main() { std::puts(WORD); }\n";
    let copied = lists("DOWNLOAD_COMMAND ${CMAKE_COMMAND} -E copy_directory ${CMAKE_SOURCE_DIR}/there <SOURCE_DIR>");
    let files = [("CMakeLists.txt", copied.as_str()), ("a.cpp", main), ("there/word.h", "#define WORD \"hello\"\n")];
    assert_eq!(output(&submission(&files).build().await.unwrap()).await, "hello\n");

    let foreign = lists("GIT_REPOSITORY https://code.example/word.git GIT_TAG main");
    let error = submission(&[("CMakeLists.txt", &foreign), ("a.cpp", main)]).build().await.unwrap_err();
    assert_eq!(error.blame(), Blame::Environment);
    assert!(error.to_string().contains("--allow-host code.example"), "{error}");
}

#[tokio::test]
async fn scripts_are_checked_and_run() {
    if installed(&["python3"]) {
        let lib = ("lib.py", "WORD = 'hello'\n");
        let built = submission(&[("main.py", "import lib\nprint(lib.WORD)\n"), lib]).build().await.unwrap();
        assert_eq!(output(&built).await, "hello\n");
        let error = submission(&[("main.py", "def x(:\n")]).build().await.unwrap_err();
        assert!(failure(error).excerpt.iter().any(|line| line.starts_with("SyntaxError")));
    }
    if installed(&["node"]) {
        let files = [("main.js", "console.log(require('./lib').word)"), ("lib.js", "exports.word = 'hello'")];
        assert_eq!(output(&submission(&files).build().await.unwrap()).await, "hello\n");
        let error = submission(&[("main.js", "let let = 1")]).build().await.unwrap_err();
        assert_eq!(error.blame(), Blame::Candidate);
    }
}

#[tokio::test]
async fn any_language_can_say_how_it_is_built() {
    let toml = "challenge = 'echo'\nbuild = 'echo \"echo $(cat word)\" > made'\nrun = ['/bin/sh', 'made']\n";
    let built = submission(&[("takehome.toml", toml), ("word", "hello")]).build().await.unwrap();
    assert_eq!(output(&built).await, "hello\n");
    assert_eq!(built.takehome_toml.unwrap().challenge.as_deref(), Some("echo"));
    let run = submission(&[("run.sh", "#!/bin/sh\necho $0 $PWD\n")]).commands("chmod +x run.sh", "./run.sh");
    assert_eq!(output(&run.build().await.unwrap()).await, "./run.sh /app\n");
    if installed(&["go"]) {
        let files = [("go.mod", "module x\n"), ("main.go", "package main\nfunc main() { println(\"hello\") }\n")];
        let own = submission(&files).commands("go build -o made .", "./made").build().await.unwrap();
        assert_eq!((output(&own).await.as_str(), own.language.as_str()), ("hello\n", "custom"));
    }
}

#[tokio::test]
async fn an_artefact_that_is_a_link_is_refused() {
    if !installed(&["cc", "make"]) {
        return;
    }
    let main = ("a.cpp", "int main() {}");
    for plant in ["ln -s /etc/passwd", "ln -s ../../../../../../etc/passwd", "mkfifo"] {
        let lists = format!(
            "cmake_minimum_required(VERSION 3.10)\nproject(x CXX)\nadd_executable(node a.cpp)\nadd_custom_command(TARGET \
             node POST_BUILD COMMAND rm /out/cmake/node COMMAND {plant} /out/cmake/node)\n"
        );
        let error = submission(&[("CMakeLists.txt", &lists), main]).build().await.unwrap_err();
        assert_eq!(error.blame(), Blame::Candidate, "{error}");
        assert!(error.to_string().contains("refused"), "{error}");
    }
    if installed(&["rustc"]) {
        // A link of the build script's to where cargo will put the program, or in the place of its folder.
        let script = "fn main() { std::process::Command::new(\"sh\").args([\"-c\", \"(sleep 2; while :; do ln -sfn \
                      /etc/passwd /out/target/release/demo; done) >/dev/null 2>&1 &\"]).status().unwrap(); }";
        let main = "fn main() { let _x = include_bytes!(\"main.rs\"); }";
        let built = submission(&[("Cargo.toml", RUST), ("src/main.rs", main), ("build.rs", script)]).build().await;
        match built {
            Ok(built) => assert!(fs::read(built.artefact.join("bin/demo")).unwrap().starts_with(b"\x7fELF")),
            Err(error) => assert_eq!(error.blame(), Blame::Candidate, "{error}"),
        }
    }
}

/// Whether a cgroup counts the processes that were refused.
fn is_counted() -> bool {
    let layers = native().capabilities().layers;
    layers.iter().any(|layer| layer.name == "process limit" && layer.status == LayerStatus::Enforced)
}

#[tokio::test]
async fn limits_end_a_build() {
    let endless = submission(&[("x", "")]).commands("while :; do :; done", "./x");
    let endless = Submission { limits: Limits { time: Duration::from_secs(2), ..Limits::default() }, ..endless };
    let started = Instant::now();
    let failed = failure(endless.build().await.unwrap_err());
    assert_eq!(failed.blame, Blame::Candidate);
    assert!(matches!(failed.end, End::Time(limit, cpu) if limit.as_secs() == 2 && cpu.as_millis() > 100), "{failed}");
    let asleep = submission(&[("x", "")]).commands("sleep 1000", "./x");
    let asleep = Submission { limits: Limits { time: Duration::from_secs(2), ..Limits::default() }, ..asleep };
    let failed = failure(asleep.build().await.unwrap_err()).to_string();
    assert!(failed.contains("took longer than 2 s; it used 0.") && failed.contains("it was waiting"), "{failed}");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());

    let fill = "i=0; while :; do head -c 4000000 /dev/zero > f$i; i=$((i+1)); done";
    let disk = submission(&[("x", "")]).commands(fill, "./x");
    let disk = Submission { limits: Limits { disk: 64 << 20, ..disk.limits.clone() }, ..disk };
    assert_eq!(failure(disk.build().await.unwrap_err()).end, End::Disk(64 << 20));

    let unlinked =
        "for i in 3 4 5 6; do eval \"exec $i>f$i\"; rm f$i; eval \"head -c 30000000 /dev/zero >&$i\"; done; sleep 60";
    let unlinked = submission(&[("x", "")]).commands(unlinked, "./x");
    let unlinked = Submission { limits: Limits { disk: 64 << 20, ..unlinked.limits.clone() }, ..unlinked };
    assert_eq!(failure(unlinked.build().await.unwrap_err()).end, End::Disk(64 << 20));

    let bomb = submission(&[("x", "")]).commands("for i in $(seq 60); do sleep 100 & done; exit 0", "./x");
    let bomb = Submission { limits: Limits { processes: 20, ..bomb.limits.clone() }, ..bomb };
    let end = failure(bomb.build().await.unwrap_err()).end;
    assert!(end == End::Processes(20) || !is_counted(), "{end:?}");

    let full = submission(&[("x", "")]).commands("head -c 2000000000 /dev/zero > /tmp/big", "./x");
    let end = failure(full.build().await.unwrap_err()).end;
    assert!(matches!(end, End::Scratch(Full { place: "/tmp", inodes: false }) | End::Memory(_)), "{end:?}");

    let deep = "i=0; while [ $i -lt 3000 ]; do mkdir d && cd d; i=$((i+1)); done; sleep 20";
    let deep = submission(&[("x", "")]).commands(deep, "./x").build().await.unwrap_err();
    assert_eq!(failure(deep).end, End::Hidden);

    let flood = submission(&[("x", "")]).commands("yes hello | head -c 50000000; echo at the end; exit 3", "./x");
    let flood = Submission { limits: Limits { output: 1 << 20, ..flood.limits.clone() }, ..flood };
    let failed = failure(flood.build().await.unwrap_err());
    assert_eq!(failed.end, End::Status(3));
    assert!(failed.log.len() < (1 << 20) + 200 && failed.log.contains("bytes left out"), "{}", failed.log.len());
    assert!(failed.excerpt.last().is_some_and(|line| line.ends_with("at the end")), "{failed}");
    assert!(failed.excerpt.len() <= 40);
}

#[tokio::test]
async fn a_missing_tool_is_this_machines_fault() {
    let nowhere = Host { path: "/nonexistent".to_owned() };
    let cases = [
        (("Cargo.toml", RUST), ("src/main.rs", ""), "Rust is not installed"),
        (("go.mod", "module x"), ("main.go", "package main"), "Go is not installed"),
        (("x.py", ""), ("y", ""), "Python 3 is not installed"),
        (("main.c", "int main(void) {}"), ("y", ""), "a C compiler (`cc`) is not installed"),
    ];
    let gone = submission(&[("x.zig", "")]).commands("true", "no-such-interpreter x.zig").build().await.unwrap_err();
    assert!(gone.to_string().contains("`no-such-interpreter`, which runs the submission, is not installed"), "{gone}");
    for (one, two, expected) in cases {
        let error = Submission { host: nowhere.clone(), ..submission(&[one, two]) }.build().await.unwrap_err();
        assert_eq!(error.blame(), Blame::Environment);
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(error.hints()[0].contains("install"), "{:?}", error.hints());
    }
}

#[tokio::test]
async fn two_builds_of_one_submission_build_once() {
    let one = submission(&[("x", "")]).commands("sleep 1; date +%N > made", "cat made");
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let (mut tell_first, mut tell_second) = (|told| first.push(told), |told| second.push(told));
    let content = one.tree.path().display().to_string();
    let both = tokio::join!(one.build_as(&content, &mut tell_first), one.build_as(&content, &mut tell_second));
    let (left, right) = (both.0.unwrap(), both.1.unwrap());
    assert!(left.cached != right.cached, "exactly one of them builds");
    assert!(first.iter().chain(&second).any(|told| matches!(told, Progress::Cached)));
    assert_eq!(output(&left).await, output(&right).await);
}

#[tokio::test]
async fn a_weaker_sandbox_may_use_what_a_strong_one_has_built_and_not_the_other_way_round() {
    let weaker = (runner::backend::find("degraded").unwrap().make)(env!("CARGO_BIN_EXE_takehome").into());
    if let Err(why) = weaker.capabilities().usable {
        return skip::leave_out(&format!("no weaker sandbox here: {why}"));
    }
    let one = submission(&[("x", "")]).commands("date +%N > made", "cat made");
    let content = |name: &str| format!("{} {name}", one.tree.path().display());
    let strong = one.build_as(&content("strong first"), &mut |_| {}).await.unwrap();
    let then = one.build_in(&*weaker, &content("strong first"), &mut |_| {}).await.unwrap();
    assert!(!strong.cached && then.cached && then.artefact == strong.artefact);
    let weak = one.build_in(&*weaker, &content("weak first"), &mut |_| {}).await.unwrap();
    let then = one.build_as(&content("weak first"), &mut |_| {}).await.unwrap();
    assert!(!weak.cached && !then.cached && then.artefact != weak.artefact, "a weak sandbox may have let more in");
}

/// What a submission with a dependency comes to; none where its registry is out of reach, which is nobody's to mend.
async fn fetched(files: &[(&str, &str)]) -> Option<Built> {
    match submission(files).build().await {
        Err(BuildError::Dependency { denied, unreachable, .. }) if denied.is_empty() => {
            skip::leave_out(&format!("no registry is in reach: {unreachable:?}"));
            None
        }
        other => Some(other.unwrap()),
    }
}

#[tokio::test]
async fn modules_of_go_are_fetched() {
    if !installed(&["go"]) {
        return;
    }
    let files = [
        ("go.mod", "module x/demo\n\ngo 1.19\n\nrequire github.com/google/uuid v1.6.0\n"),
        (
            "go.sum",
            "github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=\n\
             github.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n",
        ),
        (
            "main.go",
            "package main\n\nimport (\n\t\"fmt\"\n\n\t\"github.com/google/uuid\"\n)\n\n\
             func main() { fmt.Println(uuid.Nil) }\n",
        ),
    ];
    let Some(built) = fetched(&files).await else { return };
    assert_eq!(output(&built).await, "00000000-0000-0000-0000-000000000000\n");
}

#[tokio::test]
async fn packages_of_node_are_fetched() {
    if !installed(&["node", "npm"]) {
        return;
    }
    let package = r#"{"name": "demo", "version": "1.0.0", "dependencies": {"is-number": "7.0.0"}}"#;
    let files = [("package.json", package), ("main.js", "console.log(require('is-number')('7'))")];
    let Some(built) = fetched(&files).await else { return };
    assert_eq!(output(&built).await, "true\n");
}

#[tokio::test]
async fn packages_of_python_are_fetched() {
    if !installed(&["python3"]) {
        return;
    }
    let files = [("requirements.txt", "six==1.16.0\n"), ("main.py", "import six\nprint(six.__version__)\n")];
    let Some(built) = fetched(&files).await else { return };
    assert_eq!(output(&built).await, "1.16.0\n");
}

#[tokio::test]
async fn java_is_built_with_what_maven_fetches() {
    if !installed(&["java", "javac", "mvn"]) {
        return;
    }
    let pom = "<project><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>demo</artifactId>\
               <version>1</version><properties><maven.compiler.source>11</maven.compiler.source>\
               <maven.compiler.target>11</maven.compiler.target></properties><dependencies><dependency>\
               <groupId>commons-codec</groupId><artifactId>commons-codec</artifactId><version>1.15</version>\
               </dependency></dependencies></project>\n";
    let main = |line: &str| {
        format!("package x;\npublic class Main {{\n  public static void main(String[] args) {{\n    {line}\n  }}\n}}\n")
    };
    let hello = main("System.out.println(org.apache.commons.codec.binary.Hex.encodeHexString(new byte[] {7}));");
    let Some(built) = fetched(&[("pom.xml", pom), ("src/main/java/x/Main.java", &hello)]).await else { return };
    assert_eq!((built.language.as_str(), output(&built).await.as_str()), ("java", "07\n"));
    let wrong = main("int x = \"no\";");
    let error = submission(&[("pom.xml", pom), ("src/main/java/x/Main.java", &wrong)]).build().await.unwrap_err();
    assert_eq!(error.blame(), Blame::Candidate, "{error}");
    assert!(failure(error).excerpt.iter().any(|line| line.contains("incompatible types")));
}

#[tokio::test]
async fn giving_up_ends_what_runs() {
    let mark = format!("61{}", std::process::id());
    let one = submission(&[("x", "")]).commands(&format!("sleep {mark}"), "./x");
    let running = || {
        let list = fs::read_dir("/proc").unwrap().flatten();
        let line = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).unwrap_or_default();
        list.map(line).any(|line| line == format!("sleep\0{mark}\0").as_bytes())
    };
    let started = async {
        while !running() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        ended = one.build() => panic!("{ended:?}"),
        () = started => {}
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while running() {
        assert!(Instant::now() < deadline, "a build outlived its future");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whatever commands a build has, its compilers are told; and a program is known by its file, also behind a shell.
#[tokio::test]
async fn builds_of_one_s_own_are_built_for_sanitizers() {
    if !installed(&["g++"]) {
        return;
    }
    let files = [("main.cpp", "int main() { return 0; }"), ("Makefile", "all:\n\tg++ main.cpp -o x\n")];
    let none = none::None::default();
    for backend in [&native() as &dyn Backend, &none] {
        for (commands, run) in [("g++ main.cpp -o x", "./x"), ("true && make", "./x --port $PORT")] {
            for sanitizer in [None, Some(Sanitizer::Threads), Some(Sanitizer::Memory)] {
                let own = Submission { sanitizer, ..submission(&files).commands(commands, run) };
                let name = own.tree.path().display().to_string();
                let built = own.build_in(backend, &name, &mut |_| {}).await.unwrap();
                let program = Program {
                    command: start(&built),
                    root: built.run.root,
                    mounts: built.run.mounts.clone(),
                    port: None,
                };
                assert_eq!(sanitize::is_in(&program), sanitizer.is_some(), "{commands}: {sanitizer:?}");
            }
        }
    }
    assert!(!Path::new("/out").exists(), "nothing is left on this machine");
}
