//! Limits, and the verdict for each.

use crate::cell::*;

#[tokio::test]
async fn processes_are_limited() {
    let mut spec = spec("t");
    spec.limits.processes = 20;
    let mut session = Session::open(spec).await;
    let (exit, output) = session.sh("for i in $(seq 60); do sleep 1000 & done; echo survived").await;
    assert!(!output.contains("survived"), "{output}");
    if limits_whole_cells() {
        assert!(exit.reached.processes, "{exit:?}");
    }
    let (exit, _) = session.sh("exit 7").await;
    assert_eq!(exit.code, Some(7), "the cell is still of use");
    assert!(!exit.reached.processes, "a refusal is told of once");
    session.close().await;
}

#[tokio::test]
async fn memory_is_limited() {
    let mut spec = spec_with_probe("t");
    spec.limits.memory = 48 << 20;
    let mut session = Session::open(spec).await;
    let (exit, output) = session.run(&["/probe", "memory", "200"]).await;
    // Where no cgroup counts it may have been too quick to be stopped, but not to be seen.
    assert!(exit.out_of_memory, "{exit:?} {output}");
    assert!(!limits_whole_cells() || exit.signal == Some(9) && !output.contains("survived"), "{exit:?} {output}");
    // Beyond what the stacks of all threads that it may have would reserve.
    let (exit, output) = session.run(&["/probe", "memory", "2000"]).await;
    assert!(!output.contains("survived"), "{exit:?} {output}");
    let (exit, _) = session.sh("exit 3").await;
    assert_eq!((exit.code, exit.out_of_memory), (Some(3), false), "one kill is told of once");
    session.close().await;
}

/// What a thread reserves for its stack is not what it uses.
#[tokio::test]
async fn a_thread_s_stack_is_no_memory_before_it_is_used() {
    let mut spec = spec_with_probe("t");
    (spec.limits.memory, spec.limits.processes) = (64 << 20, 64);
    let mut session = Session::open(spec).await;
    let (exit, output) = session.run(&["/probe", "threads", "60"]).await;
    assert_eq!((exit.code, &*output), (Some(0), "all started\n"));
    session.close().await;
}

#[tokio::test]
async fn an_out_of_memory_child_is_told_of() {
    if !needs_whole_cells() {
        return;
    }
    let mut spec = spec_with_probe("t");
    spec.limits.memory = 48 << 20;
    let mut session = Session::open(spec).await;
    let (exit, _) = session.sh("/probe memory 200; exit 5").await;
    assert_eq!((exit.code, exit.signal, exit.out_of_memory), (Some(5), None, true));
    session.close().await;
}

#[tokio::test]
async fn a_cell_that_has_used_up_its_memory_for_good_is_not_this_machine_s_fault() {
    if !needs_whole_cells() {
        return;
    }
    let mut spec = spec("t");
    (spec.limits.memory, spec.tmp_bytes) = (24 << 20, 64 << 20);
    let mut session = Session::open(spec).await;
    // What lies in memory stays there when its writer is killed, so that there is none for the next program, and in
    // the end none for PID 1 either.
    for script in ["head -c 60000000 /dev/zero > /tmp/x", "head -c 60000000 /dev/zero > /dev/shm/x", "true", "true"] {
        let _reader = session.start(&["/bin/sh", "-c", script]);
        loop {
            match session.event().await {
                CellEvent::Started => {}
                CellEvent::Exited(exit) => {
                    println!("{script}: {exit:?}");
                    break;
                }
                CellEvent::StartFailed { .. } => break,
                CellEvent::Closed(_) => return,
                CellEvent::Lost(why) => panic!("{why}"),
            }
        }
        tokio::task::yield_now().await;
        if session.cell.control.is_closed() {
            return;
        }
    }
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
    assert_eq!(exit.signal, Some(libc::SIGXFSZ));
    session.close().await;
}

#[tokio::test]
async fn cpu_time_is_limited() {
    let mut spec = spec_with_probe("t");
    spec.limits.cpu = Some(Duration::from_secs(1));
    let mut session = Session::open(spec).await;
    let ended_for_it = |exit: Exit| exit.code.is_none() && exit.reached.cpu_time && exit.cpu >= Duration::from_secs(1);
    let (exit, _) = session.sh("while :; do :; done").await;
    assert!(ended_for_it(exit), "{exit:?}");
    let (exit, _) = session.sh("trap '' XCPU; while :; do :; done").await;
    assert!(ended_for_it(exit), "deaf to the signal: {exit:?}");
    // None of these processes uses as much, but together they do.
    let (exit, _) = session.sh("while :; do /probe burn 100; done").await;
    assert!(ended_for_it(exit), "many small ones: {exit:?}");
    let (exit, _) = session.sh("kill -XCPU $$").await;
    assert_eq!((exit.signal, exit.reached.cpu_time), (Some(libc::SIGXCPU), false), "its own doing: {exit:?}");
    let (exit, _) = session.sh("exit 152").await;
    assert_eq!((exit.code, exit.reached.cpu_time), (Some(152), false), "a status is a status");
    session.close().await;
}

#[tokio::test]
async fn a_sleeping_program_is_told_from_a_computing_one() {
    let mut session = Session::open(spec_with_probe("t")).await;
    let _reader = session.start(&["sleep", "1000"]);
    session.started().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    session.ask(Control::Kill);
    let asleep = session.exited().await.cpu;
    let reader = session.start(&["/probe", "burn-then-wait", "300"]);
    session.started().await;
    let _reader = hear(reader).await;
    session.ask(Control::Kill);
    let busy = session.exited().await.cpu;
    assert!(asleep < Duration::from_millis(100), "{asleep:?}");
    assert!(busy >= Duration::from_millis(290), "{busy:?}");
    session.close().await;
}

#[tokio::test]
async fn full_scratch_space_is_named() {
    let full = |script: &'static str| async move { shell(script).await.0.reached.full };
    for place in SCRATCH {
        let mut session = Session::open(spec("t")).await;
        let (exit, _) = session.sh(&format!("head -c 4000000 /dev/zero > {place}/big; exit 1")).await;
        assert_eq!(exit.reached.full, Some(Full { place, inodes: false }), "{place}: {exit:?}");
        let (exit, _) = session.sh(&format!("rm {place}/big; exit 1")).await;
        assert_eq!(exit.reached.full, None, "there is room again");
        session.close().await;
    }
    let files = "i=0; while : > /tmp/$i; do i=$((i+1)); done";
    assert_eq!(full(files).await, Some(Full { place: "/tmp", inodes: true }));
    // What was deleted before the end still takes its room while a process holds it.
    let held = "exec 3> /work/x; rm /work/x; head -c 4000000 /dev/zero >&3; sleep 1000 & exit 1";
    assert_eq!(full(held).await, Some(Full { place: "/work", inodes: false }));
    assert_eq!(full("exit 1").await, None);
}

#[tokio::test]
async fn a_full_disk_of_the_host_is_not_the_cell_s() {
    let folder = tempfile::tempdir().expect("a folder");
    native().adopt(folder.path()).expect("adopted");
    let mut session = Session::open(CellSpec { work: Work::Folder(folder.path().into()), ..spec("t") }).await;
    let (exit, _) = session.sh("echo x > /work/x; exit 1").await;
    assert_eq!(exit.reached.full, None);
    session.close().await;
}

#[tokio::test]
async fn usage_counts_children_too() {
    let mut session = Session::open(spec_with_probe("t")).await;
    // Half a second in a grandchild that nobody waits for; it holds the pipe.
    let (_, output) = session.sh("(/probe burn 500 &) | cat").await;
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
