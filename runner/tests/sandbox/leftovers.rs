//! Many cells, cells of a takehome that was killed, and that nothing of any of them is left.

use crate::cell::*;

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
        .args(["--exact", "leftovers::hold_a_cell_open", "--ignored", "--nocapture"])
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
    let start = std::time::Instant::now();
    wait_until_gone(&marker);
    println!("its program was gone after {:?}", start.elapsed());
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

/// Opens cells one after another and runs a program in each; how long it took until nothing was left of each.
async fn in_a_row(count: usize) -> Vec<Duration> {
    let native = native();
    let mut ends = Vec::new();
    for _ in 0..count {
        let mut session = Session { cell: native.open(spec("row")).await.expect("a cell") };
        assert_eq!(session.sh("(sleep 1000 &) ; exit 42").await.0.code, Some(42));
        let start = std::time::Instant::now();
        session.close().await;
        ends.push(start.elapsed());
    }
    ends.sort();
    ends
}

/// Runs many cells and compares what there is afterwards with what there was.
async fn nothing_is_left_of(count: usize) {
    // What is set up once and stays: the runtime's own descriptors, the probe, the first cell.
    in_a_row(2).await;
    // Other tests run in this process as well: only a process of its own can be counted.
    let (holdings_before, mounts_before, prefix) = (holdings(), mounts(), format!("takehome-{}-", std::process::id()));
    let ends = in_a_row(count).await;
    println!("{count} cells: closed in {:?} (median), {:?} (slowest)", ends[count / 2], ends[count - 1]);
    assert_eq!((holdings(), mounts()), (holdings_before, mounts_before));
    assert_eq!(groups_named(&prefix), 0, "cgroups are left");
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
    let mut alone = match is_root() {
        true => Host::new("unshare"),
        false => Host::new(&test),
    };
    if is_root() {
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
    let start = std::time::Instant::now();
    let closing: Vec<_> = sessions.into_iter().map(|session| tokio::spawn(session.close())).collect();
    for closed in closing {
        closed.await.expect("closed");
    }
    println!("50 cells closed in {:?}", start.elapsed());
    assert!(!is_running(&marker), "a program is still there when its cell is closed");
}

/// Not a test: prints how long opening a cell takes, and running a program of no length in it.
#[tokio::test]
#[ignore = "a measurement"]
async fn latency() {
    let native = native();
    let (mut opened, mut ran) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let start = std::time::Instant::now();
        let mut session = Session { cell: native.open(spec("latency")).await.expect("a cell") };
        opened.push(start.elapsed());
        let start = std::time::Instant::now();
        session.run(&["/bin/true"]).await;
        ran.push(start.elapsed());
        session.close().await;
    }
    for (what, mut times) in [("open", opened), ("run /bin/true", ran)] {
        times.sort();
        println!("{what}: median {:?}, p10 {:?}, p90 {:?}", times[100], times[20], times[180]);
    }
}
