//! Many cells, cells of a takehome that was killed, and that nothing of any of them is left.

use crate::{
    cell::*,
    processes::{self, Process},
};
use std::{process::Child, time::Instant};

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

/// Starts a takehome with a program in a cell; it, and all that runs below it.
fn holder(marker: &str) -> (Child, Vec<Process>) {
    let mut child = Host::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "leftovers::hold_a_cell_open", "--ignored", "--nocapture"])
        .env("TAKEHOME_TEST_MARKER", marker)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a takehome");
    let mut output = std::io::BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    while !line.contains("holding") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut output, &mut line).expect("its output"), 0, "it ended");
    }
    let below = processes::descendants(child.id());
    // The zygote, a helper, PID 1 and the program.
    assert!(below.len() >= 4 && is_running(marker), "{below:?}");
    (child, below)
}

/// Kills a takehome; how long it took until all of its cell was gone.
fn end_of(mut child: Child, below: &[Process]) -> Duration {
    child.kill().expect("killed");
    child.wait().expect("reaped");
    let start = Instant::now();
    while below.iter().any(Process::is_alive) {
        assert!(start.elapsed() < STUCK, "of a takehome that was killed still runs: {below:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}

#[test]
fn a_killed_takehome_leaves_nothing() {
    let marker = marker(5);
    let (mut ends, mut calm) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        calm.push(pace());
        let (child, below) = holder(&marker);
        let id = child.id();
        ends.push(end_of(child, &below));
        assert!(!is_running(&marker), "its program is one of those that are gone");
        assert_eq!(!processes::cgroups(id).is_empty(), limits_whole_cells(), "nobody was there to remove its cgroups");
        native().sweep();
        assert_eq!(processes::cgroups(id), Vec::<PathBuf>::new());
    }
    soon("a killed takehome", ends, calm);
}

/// How long this machine takes, as busy as it is, for a program that does nothing: to start it and to see its end.
fn pace() -> Duration {
    let start = Instant::now();
    assert!(Host::new("true").status().expect("true").success());
    start.elapsed()
}

/// Insists on a median of at most 100 ms, or of a hundred times what a program that does nothing took meanwhile.
fn soon(what: &str, mut ends: Vec<Duration>, mut paces: Vec<Duration>) {
    ends.sort();
    paces.sort();
    let (median, pace) = (ends[ends.len() / 2], paces[paces.len() / 2]);
    println!("{what}: gone after {median:?} (median), {:?} (slowest); `true` took {pace:?}", ends[ends.len() - 1]);
    assert!(
        median <= Duration::from_millis(100).max(pace * 100),
        "{what}: gone after {median:?}; `true` took {pace:?}"
    );
}

/// What this process has of the machine's: descriptors, and children that nobody has reaped.
fn holdings() -> (usize, usize) {
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("/proc/self/fd").count();
    let own = std::process::id().to_string();
    let is_ours = |stat: &String| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.split(' ').nth(1) == Some(&own));
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    (descriptors, stats.filter(is_ours).count())
}

/// Lines of the mount table of this process, in which nothing of a cell may ever appear. Zero in the mount namespace of
/// the whole machine, where others mount things too.
fn mounts() -> usize {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    match (namespace("self"), namespace("1")) {
        (Some(ours), Some(all)) if ours != all => {
            std::fs::read_to_string("/proc/self/mountinfo").expect("the mount table").lines().count()
        }
        _ => 0,
    }
}

/// Opens cells one after another and runs a program in each. When the end of a cell is told, nothing of it may be left:
/// not a process, not a descriptor, and now and then it is looked for cgroups too.
async fn in_a_row(count: usize) -> (Vec<Duration>, Vec<Duration>) {
    let native = native();
    let (mut ends, mut paces) = (Vec::new(), Vec::new());
    let ours = std::process::id();
    // What cells are forked from stays for as long as the back end does.
    native.open(spec("row")).await.map(|cell| Session { cell }).expect("a cell").close().await;
    let resident = processes::descendants(ours);
    for number in 0..count {
        paces.push(pace());
        let mut session = Session { cell: native.open(spec("row")).await.expect("a cell") };
        assert_eq!(session.sh("exit 42").await.0.code, Some(42));
        let _reader = session.start(&["sh", "-c", "(setsid sleep 1000 &) ; exec sleep 1000"]);
        session.started().await;
        let mut below = processes::descendants(ours);
        below.retain(|process| !resident.contains(process));
        assert!(below.len() >= 3, "a helper, PID 1 and the program: {below:?}");
        let start = Instant::now();
        session.close().await;
        ends.push(start.elapsed());
        let left: Vec<_> = below.iter().filter(|process| process.is_alive()).collect();
        assert!(left.is_empty(), "cell {number} has been closed, and of it still runs: {left:?}");
        if number % 10 == 0 {
            assert_eq!(processes::cgroups(ours), Vec::<PathBuf>::new(), "cgroups are left of cell {number}");
        }
    }
    (ends, paces)
}

/// Runs many cells and compares what there is afterwards with what there was.
async fn nothing_is_left_of(count: usize) {
    // What is set up once and stays: the runtime's own descriptors, the probe, the first cell.
    in_a_row(2).await;
    // Other tests run in this process as well: only a process of its own can be counted.
    let (holdings_before, mounts_before) = (holdings(), mounts());
    let (ends, paces) = in_a_row(count).await;
    // A thread of ours that watches over a cell may still be about to close what it reads.
    let settling = Instant::now();
    while (holdings(), mounts()) != (holdings_before, mounts_before) && settling.elapsed() < STUCK {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((holdings(), mounts()), (holdings_before, mounts_before));
    assert_eq!(processes::cgroups(std::process::id()), Vec::<PathBuf>::new(), "cgroups are left");
    soon(&format!("{count} cells"), ends, paces);
}

/// Not a test of its own: in a process that runs nothing else.
#[tokio::test]
#[ignore = "run by another test"]
async fn sixty_cells_in_a_row() {
    nothing_is_left_of(60).await;
}

/// Not a test: it takes a minute or more. As root, `unshare --mount cargo test -p runner --test sandbox
/// -- --ignored --nocapture two_thousand` counts mounts as well.
#[tokio::test]
#[ignore = "a measurement"]
async fn two_thousand_cells_in_a_row() {
    nothing_is_left_of(2_000).await;
}

#[test]
fn cells_leave_no_process_mount_cgroup_or_descriptor() {
    let test = std::env::current_exe().expect("this test");
    // In a mount namespace of its own, mounts can be counted too.
    let counts_mounts = is_root() && has(&["unshare"]);
    let mut alone = Host::new(if counts_mounts { "unshare".as_ref() } else { test.as_path() });
    if counts_mounts {
        alone.arg("--mount").arg(&test);
    }
    let output = alone
        .args(["--exact", "leftovers::sixty_cells_in_a_row", "--ignored", "--nocapture"])
        .output()
        .expect("the tests");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && report.contains("60 cells"),
        "{report}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    print!("{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_busy_cells_at_once_are_gone_soon() {
    let native = native();
    let marker = marker(6);
    let mut sessions = Vec::new();
    let mut readers = Vec::new();
    for _ in 0..50 {
        let session = Session { cell: native.open(spec("fifty")).await.expect("a cell") };
        readers.push(session.start(&[
            "sh",
            "-c",
            &format!("(sleep {marker} &) ; (sleep {marker} &) ; exec sleep {marker}"),
        ]));
        sessions.push(session);
    }
    for session in &mut sessions {
        session.started().await;
    }
    wait_until_running(&marker).await;
    let start = Instant::now();
    let closing: Vec<_> = sessions.into_iter().map(|session| tokio::spawn(session.close())).collect();
    for closed in closing {
        closed.await.expect("closed");
    }
    println!("50 cells closed in {:?}", start.elapsed());
    assert!(!is_running(&marker), "a program is still there when its cell is closed");
    let ours = format!("takehome-{}-", std::process::id());
    let groups = processes::cgroups_named(|name| name.starts_with(&ours) && name.ends_with("-fifty"));
    assert_eq!(groups, Vec::<PathBuf>::new(), "a cgroup is still there when its cell is closed");
}

/// Not a test: prints how long opening a cell takes, and running a program of no length in it.
#[tokio::test]
#[ignore = "a measurement"]
async fn latency() {
    let native = native();
    let (mut opened, mut ran) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let start = Instant::now();
        let mut session = Session { cell: native.open(spec("latency")).await.expect("a cell") };
        opened.push(start.elapsed());
        let start = Instant::now();
        session.run(&["/bin/true"]).await;
        ran.push(start.elapsed());
        session.close().await;
    }
    for (what, mut times) in [("open", opened), ("run /bin/true", ran)] {
        times.sort();
        println!("{what}: median {:?}, p10 {:?}, p90 {:?}", times[100], times[20], times[180]);
    }
}
