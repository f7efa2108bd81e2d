//! What every back end promises, tried on each that works here: the same programs, the same answers.
//!
//! As root, the last test runs all others once more as an ordinary user.

#[path = "backends/cells.rs"]
mod cells;
#[path = "../../tests/src/processes.rs"]
#[allow(dead_code)]
mod processes;
#[path = "support/skip.rs"]
mod skip;
#[path = "backends/walls.rs"]
mod walls;

use cells::*;
use runner::backend::{CellEvent, CellSpec, Command, Control, Exit, Mount, Strength, Work};
use std::{
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command as Host,
    time::Duration,
};

#[tokio::test]
async fn exit_codes_and_signals_are_told_apart() {
    let code = |code| Exit::plain(Some(code), None);
    let signal = |signal| Exit::plain(None, Some(signal));
    for subject in subjects(Strength::None) {
        let mut session = subject.open(spec("t")).await;
        let expected = [
            ("exit 0", code(0)),
            ("exit 137", code(137)),
            ("kill -KILL $$", signal(9)),
            ("kill -TERM $$", signal(15)),
            ("kill -ABRT $$", signal(6)),
            // A real-time signal, whose number has no name.
            ("kill -40 $$", signal(40)),
        ];
        for (script, expected) in expected {
            let ended = Exit { cpu: expected.cpu, ..session.sh(script).await.0 };
            assert_eq!(ended, expected, "{}: {script}", subject.entry.name);
        }
        session.close().await;
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_executed_is_named() {
    for subject in subjects(Strength::Degraded) {
        let mut session = subject.open(spec("t")).await;
        session.start(&["/no/such"]);
        let event = session.event().await;
        assert!(matches!(&event, CellEvent::StartFailed { call, errno: libc::ENOENT } if call == "exec"), "{event:?}");
        session.start_with(Command { cwd: "/nowhere".into(), ..command(&["true"]) });
        assert!(matches!(session.event().await, CellEvent::StartFailed { call, .. } if call == "chdir"));
        assert_eq!(session.run(&["true"]).await.0.code, Some(0), "{}: still of use", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn a_server_is_reached_through_its_cell_alone() {
    // One without a network of its own lets nobody listen.
    for subject in subjects(Strength::None).filter(|subject| subject.entry.name != "degraded") {
        let mut session = subject.open(spec_with_probe("t")).await;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let connect = async |session: &Session| {
            let (connected, connection) = tokio::sync::oneshot::channel();
            session.cell.control.send(Control::Connect(port, connected)).unwrap();
            let stream = tokio::net::TcpStream::from_std(connection.await.unwrap()?)?;
            stream.writable().await?;
            stream.take_error()?.map_or(Ok(stream), Err)
        };
        let refused = connect(&session).await.expect_err("nobody listens yet");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused, "{}", subject.entry.name);
        let _output = session.start(&["/probe", "greet", &port.to_string()]);
        session.started().await;
        // From outside there is nobody, where the cell has a network of its own.
        if subject.enforces("network namespace") {
            assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "{}", subject.entry.name);
        }
        let mut stream = loop {
            match connect(&session).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let mut hello = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut hello).await.unwrap();
        assert_eq!(hello, "hello", "{}", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn a_daemon_does_not_survive_its_program() {
    for subject in subjects(Strength::Degraded) {
        let marker = marker();
        let mut session = subject.open(spec_with_probe("t")).await;
        let (exit, output) = session.run(&["/probe", "daemon", &marker]).await;
        assert_eq!(exit.code, Some(0), "{}: {output}", subject.entry.name);
        assert!(running(&marker).is_empty(), "{}: the daemon is there when the exit is told", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn closing_and_dropping_leave_nothing() {
    for subject in subjects(Strength::Degraded) {
        for drop_it in [false, true] {
            // The same test may run as another user meanwhile.
            let label = format!("left-{}-{}-{drop_it}", std::process::id(), subject.entry.name);
            let marker = marker();
            let mut session = subject.open(spec(&label)).await;
            let _reader = session.start(&["sleep", &marker]);
            session.started().await;
            wait_until("the program runs", || !running(&marker).is_empty()).await;
            if drop_it {
                drop(session);
                wait_until("nothing runs", || running(&marker).is_empty()).await;
                wait_until("nothing is left", || leftovers(&label).is_empty()).await;
            } else {
                session.close().await;
                assert!(running(&marker).is_empty(), "{}", subject.entry.name);
                assert_eq!(leftovers(&label), Vec::<String>::new(), "{}", subject.entry.name);
            }
        }
    }
}

/// As when takehome ends with a cell still open: whoever would have closed it is dropped with the runtime.
#[test]
fn a_runtime_that_ends_leaves_no_program() {
    for subject in subjects(Strength::Degraded) {
        let marker = marker();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let session = runtime.block_on(async {
            let mut session = subject.open(spec("dropped")).await;
            let _reader = session.start(&["sleep", &marker]);
            session.started().await;
            wait_until("the program runs", || !running(&marker).is_empty()).await;
            session
        });
        drop(runtime);
        drop(session);
        let waiting = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        waiting.block_on(wait_until(subject.entry.name, || running(&marker).is_empty()));
    }
}

#[tokio::test]
async fn a_killed_program_finds_its_work_again() {
    for subject in subjects(Strength::Degraded) {
        let mut session = subject.open(spec("t")).await;
        let reader = session.start(&["sh", "-c", "echo kept > f; echo up; sleep 1000"]);
        session.started().await;
        let _reader = hear(reader).await;
        session.ask(Control::Kill);
        assert_eq!(session.exited().await.signal, Some(9), "{}", subject.entry.name);
        assert_eq!(session.sh("cat f").await.1, "kept\n", "{}", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn terminate_lets_a_program_end_by_itself() {
    for subject in subjects(Strength::None) {
        let mut session = subject.open(spec("t")).await;
        let reader = session.start(&["sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done"]);
        session.started().await;
        let _reader = hear(reader).await;
        session.ask(Control::Terminate);
        assert_eq!(session.exited().await.code, Some(9), "{}", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn a_paused_cell_stands_still() {
    for subject in subjects(Strength::None) {
        let mut session = subject.open(spec("t")).await;
        let marker = marker();
        let _reader = session.start(&["sleep", &marker]);
        session.started().await;
        wait_until("the program runs", || state_of(&marker) == Some('S')).await;
        session.ask(Control::Pause);
        wait_until("it is stopped", || state_of(&marker) == Some('T')).await;
        session.ask(Control::Resume);
        wait_until("it goes on", || state_of(&marker) == Some('S')).await;
        session.ask(Control::Pause);
        session.ask(Control::Kill);
        assert_eq!(session.exited().await.signal, Some(9), "{}: a paused cell can be killed", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn children_are_paused_and_killed_too() {
    for subject in subjects(Strength::Degraded) {
        let mut session = subject.open(spec("t")).await;
        let marker = marker();
        // In a session of its own, so that no process group would do.
        let _reader = session.start(&["sh", "-c", &format!("(setsid sleep {marker} &); sleep 1000")]);
        session.started().await;
        wait_until("the grandchild runs", || state_of(&marker) == Some('S')).await;
        session.ask(Control::Pause);
        wait_until("it is stopped", || state_of(&marker) == Some('T')).await;
        session.ask(Control::Kill);
        assert_eq!(session.exited().await.signal, Some(9), "{}", subject.entry.name);
        assert!(running(&marker).is_empty(), "{}", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn processes_are_limited() {
    for subject in subjects(Strength::Degraded) {
        if subject.status("process limit") == runner::backend::LayerStatus::Missing {
            assert!(subject.entry.strength < Strength::Weaker, "{}", subject.entry.name);
            continue;
        }
        let mut spec = spec("t");
        spec.limits.processes = 20;
        let mut session = subject.open(spec).await;
        let (_, output) = session.sh("for i in $(seq 60); do sleep 1000 & done; echo survived").await;
        assert!(!output.contains("survived"), "{}: {output}", subject.entry.name);
        assert_eq!(session.sh("exit 7").await.0.code, Some(7), "{}: still of use", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn memory_is_limited() {
    for subject in subjects(Strength::Degraded) {
        let mut spec = spec_with_probe("t");
        // Few threads, whose stacks no room is left for where no cgroup counts.
        (spec.limits.memory, spec.limits.processes) = (64 << 20, 16);
        let mut session = subject.open(spec).await;
        let (exit, output) = session.run(&["/probe", "memory", "300"]).await;
        assert!(!output.contains("survived"), "{}: {output}", subject.entry.name);
        if subject.enforces("memory limit") {
            assert_eq!((exit.signal, exit.out_of_memory), (Some(9), true), "{}", subject.entry.name);
        }
        let (exit, _) = session.sh("exit 3").await;
        assert_eq!((exit.code, exit.out_of_memory), (Some(3), false), "{}: told once", subject.entry.name);
        session.close().await;
    }
}

/// Also where nobody but the watch counts it, and room is left for the stacks of threads.
#[tokio::test]
async fn who_holds_more_memory_than_allowed_is_ended_for_it() {
    for subject in subjects(Strength::None) {
        let mut spec = spec_with_probe("t");
        (spec.limits.memory, spec.limits.processes) = (64 << 20, 64);
        let mut session = subject.open(spec).await;
        let (exit, _) = session.run(&["/probe", "memory-then-wait", "200"]).await;
        assert_eq!((exit.signal, exit.out_of_memory), (Some(9), true), "{}", subject.entry.name);
        let (exit, _) = session.sh("exit 3").await;
        assert_eq!((exit.code, exit.out_of_memory), (Some(3), false), "{}: told once", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn scratch_space_is_limited() {
    for subject in subjects(Strength::Weaker) {
        for place in ["/work", "/tmp", "/dev/shm"] {
            let (exit, output) = subject.shell(&format!("head -c 4000000 /dev/zero > {place}/big")).await;
            assert!(
                exit.code != Some(0) && output.contains("No space left"),
                "{}: {place}: {output}",
                subject.entry.name
            );
        }
    }
}

#[tokio::test]
async fn files_are_limited_in_size() {
    for subject in subjects(Strength::None) {
        let mut spec = spec("t");
        spec.limits.file_size = 1000;
        let mut session = subject.open(spec).await;
        let (exit, _) = session.run(&["dd", "if=/dev/zero", "of=f", "bs=2000", "count=2"]).await;
        assert_ne!(exit.code, Some(0), "{}", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn cpu_time_is_limited() {
    for subject in subjects(Strength::None) {
        let mut spec = spec("t");
        spec.limits.cpu = Some(Duration::from_secs(1));
        let mut session = subject.open(spec).await;
        let exit = session.sh("while :; do :; done").await.0;
        let told = exit.reached.cpu_time || exit.signal == Some(libc::SIGXCPU);
        assert!(exit.code.is_none() && told, "{}: {exit:?}", subject.entry.name);
        session.close().await;
    }
}

#[tokio::test]
async fn usage_is_counted() {
    for subject in subjects(Strength::Degraded) {
        let mut session = subject.open(spec_with_probe("t")).await;
        session.run(&["/probe", "burn", "500"]).await;
        let usage = session.close().await;
        assert!(usage.cpu >= Duration::from_millis(450) && usage.peak_memory > 0, "{}: {usage:?}", subject.entry.name);
    }
}

#[tokio::test]
async fn a_work_folder_is_writable_and_stays() {
    for subject in subjects(Strength::Degraded) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("sub")).expect("a folder");
        subject.backend.adopt(folder.path()).expect("adopted");
        let mut session = subject.open(CellSpec { work: Work::Folder(folder.path().into()), ..spec("t") }).await;
        let (exit, output) = session.run(&["sh", "-c", "echo made > \"$0/file\"", "/work/sub"]).await;
        assert_eq!(exit.code, Some(0), "{}: {output}", subject.entry.name);
        session.close().await;
        let made = std::fs::read_to_string(folder.path().join("sub/file"));
        assert_eq!(made.expect("the file"), "made\n", "{}", subject.entry.name);
    }
}

/// `/var/tmp` of a cell is a link to its `/tmp`; nobody may follow it out here.
#[tokio::test]
async fn a_mount_behind_a_link_is_made_in_the_cell_alone() {
    let name = format!("takehome-behind-a-link-{}", std::process::id());
    let folder = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().expect("one");
    std::fs::write(folder.path().join("file"), "seen").expect("a file");
    for subject in subjects(Strength::Weaker) {
        let at = Path::new("/var/tmp").join(&name).join("in");
        let mounts = vec![Mount { host: folder.path().into(), at: at.clone(), writable: false }];
        let mut session = subject.open(CellSpec { mounts, ..spec("t") }).await;
        let (_, output) = session.run(&["cat", at.join("file").to_str().expect("a path")]).await;
        session.close().await;
        assert_eq!(output, "seen", "{}", subject.entry.name);
        let made =
            ["/tmp", "/var/tmp"].map(|place| Path::new(place).join(&name)).into_iter().find(|path| path.exists());
        assert_eq!(made, None, "{}: on the host", subject.entry.name);
    }
}

#[tokio::test]
async fn a_missing_mount_is_an_error() {
    for subject in subjects(Strength::Weaker) {
        let mounts = vec![Mount { host: "/no/such/toolchain".into(), at: "/opt/x".into(), writable: false }];
        let error = subject.backend.open(CellSpec { mounts, ..spec("t") }).await.expect_err("no such mount");
        assert!(error.to_string().contains("/no/such/toolchain"), "{}: {error}", subject.entry.name);
    }
}

#[tokio::test]
async fn an_unusable_helper_is_an_error() {
    for entry in runner::backend::REGISTRY.iter().filter(|entry| entry.strength > Strength::None) {
        let error = (entry.make)("/bin/true".into()).open(spec("t")).await.expect_err("no helper");
        assert!(!error.to_string().is_empty(), "{}", entry.name);
        assert!((entry.make)("/bin/true".into()).capabilities().usable.is_err(), "{}", entry.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_cells_at_once() {
    runner::backend::raise_open_files().expect("more open files");
    for subject in subjects(Strength::Degraded) {
        // A container takes seconds.
        let count = if subject.entry.name == "podman" { 3 } else { 50 };
        let opening = (0..count).map(|_| tokio::spawn(subject.open(spec("many"))));
        for session in opening.collect::<Vec<_>>() {
            let mut session = session.await.expect("opened");
            assert_eq!(session.sh("exit 42").await.0.code, Some(42), "{}", subject.entry.name);
            session.close().await;
        }
    }
}

/// Not a test: the takehome that the next one kills.
#[tokio::test]
#[ignore = "run by another test"]
async fn hold_a_cell_open() {
    let wanted = |name: &str| std::env::var(name).expect("a variable");
    let (name, marker) = (wanted("TAKEHOME_TEST_BACKEND"), wanted("TAKEHOME_TEST_MARKER"));
    let subject = subjects(Strength::Degraded).find(|subject| subject.entry.name == name).expect("the back end");
    let mut session = subject.open(spec("orphan")).await;
    let _reader = session.start(&["sleep", &marker]);
    session.started().await;
    wait_until("the program runs", || !running(&marker).is_empty()).await;
    println!("holding");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_takehome_leaves_no_process() {
    for subject in subjects(Strength::Degraded) {
        let marker = marker();
        let mut child = Host::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "hold_a_cell_open", "--ignored", "--nocapture"])
            .env("TAKEHOME_TEST_MARKER", &marker)
            .env("TAKEHOME_TEST_BACKEND", subject.entry.name)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a takehome");
        let mut output = std::io::BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        while !line.contains("holding") {
            line.clear();
            assert_ne!(std::io::BufRead::read_line(&mut output, &mut line).expect("its output"), 0, "it ended");
        }
        assert!(!running(&marker).is_empty(), "the program runs");
        child.kill().expect("killed");
        child.wait().expect("reaped");
        wait_until(subject.entry.name, || running(&marker).is_empty()).await;
        let is_container = subject.entry.name == "podman";
        wait_until("no container is left", || !is_container || containers(child.id()).is_empty()).await;
        runner::backend::native::Native::default().sweep();
        assert_eq!(leftovers(&format!("takehome-{}-", child.id())), Vec::<String>::new(), "{}", subject.entry.name);
    }
}

#[test]
fn all_of_it_holds_for_an_ordinary_user() {
    if !is_root() {
        return skip::leave_out("these tests already run as an ordinary user");
    }
    let folder =
        tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().expect("a folder");
    let copy = |from: &Path, name: &str| {
        let to = folder.path().join(name);
        std::fs::copy(from, &to).expect("a copy");
        to
    };
    let tests = copy(&std::env::current_exe().expect("this test"), "tests");
    // Without root's groups too, which a change of the user takes away.
    let output = Host::new(tests)
        .uid(65_534)
        .gid(65_534)
        .env(HELPER, copy(Path::new(env!("CARGO_BIN_EXE_takehome")), "takehome"))
        .env(PROBE, copy(probe(), "probe"))
        .env("TMPDIR", "/tmp")
        .current_dir("/")
        .output()
        .expect("the tests");
    skip::pass_on(&output.stderr);
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && report.contains(" 0 failed"), "{report}");
}
