//! How programs start and end, and what requests do to them.

use crate::cell::*;

#[tokio::test]
async fn exit_codes_and_signals_are_told_apart() {
    // Without the CPU time, which no two runs share.
    let ended = |script: &'static str| async move { Exit { cpu: Duration::ZERO, ..shell(script).await.0 } };
    let code = |code| Exit::plain(Some(code), None);
    let signal = |signal| Exit::plain(None, Some(signal));
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
