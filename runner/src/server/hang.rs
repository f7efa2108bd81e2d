//! Why a server does not answer: what its threads do meanwhile, and where they stand, as far as that can be learnt.
//!
//! Whether a program waits or computes is told by looks at its threads. Where it waits is told by its runtime: Go's
//! writes all stacks when it gets SIGQUIT, and tells more by that than its threads do, on which goroutines wait unseen.
//! Other programs just end of that, which is why it comes last; the stacks of their threads are walked before.

use super::program::{Happening, Program};
use crate::backend::{CellEvent, Control, Look};
use harness::case::Hang;
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::{mpsc::UnboundedSender, oneshot};

/// From one look to the next, and how many there are.
const BETWEEN: Duration = Duration::from_millis(60);
const LOOKS: u32 = 6;
/// How long a program may take to write its stacks and end.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Files that a program may still open when it counts as having reached its limit: it may have closed some since.
const FEW_FILES: u64 = 4;
/// Most kinds of stacks that are told, and most calls of each.
const MOST: usize = 6;
const CALLS: usize = 4;

/// What the threads of a cell do; nothing where its sandbox cannot tell.
pub(super) async fn look(control: UnboundedSender<Control>) -> Option<String> {
    let mut looks = vec![one_look(&control).await?];
    for _ in 1..LOOKS {
        tokio::time::sleep(BETWEEN).await;
        looks.push(one_look(&control).await?);
    }
    Some(sentence(&looks, BETWEEN * (LOOKS - 1)))
}

/// What the threads of a cell do now.
pub(super) async fn one_look(control: &UnboundedSender<Control>) -> Option<Look> {
    let (looked, look) = oneshot::channel();
    control.send(Control::Look(looked)).ok()?;
    look.await.ok()
}

/// Where the program stands; ends it.
pub(super) async fn stacks(program: &mut Program) -> Vec<String> {
    let (told, stacks) = oneshot::channel();
    program.ask(Control::Stacks(told));
    let of_threads = stacks.await.unwrap_or_default();
    program.keep_last_words();
    program.ask(Control::Quit);
    let ended = async {
        while let Some(happening) = program.next().await {
            if matches!(happening, Happening::Cell(CellEvent::Exited(_))) {
                break;
            }
        }
    };
    let _lives_on = tokio::time::timeout(LAST_WORDS, ended).await;
    let of_go = of_go(&program.last_words());
    if of_go.is_empty() { alike(of_threads) } else { of_go }
}

/// All that is known of a hang.
pub(super) async fn explain(program: &mut Program) -> Option<Hang> {
    let sentence = look(program.control()).await?;
    Some(Hang { sentence, stacks: stacks(program).await })
}

/// What looks tell that are spread over a time.
fn sentence(looks: &[Look], time: Duration) -> String {
    let (before, after) = (looks[0], looks[looks.len() - 1]);
    let (cpu, time) = (after.cpu.saturating_sub(before.cpu).as_secs_f64(), time.as_secs_f64());
    let always_runs = looks.iter().all(|look| look.running > 0);
    let threads = match after.threads {
        1 => "its only thread".to_owned(),
        count => format!("{} of its {count} threads", count - after.running.min(count)),
    };
    let verdict = match cpu / time {
        share if share < 0.5 && always_runs => "it computes, and gets little of the processor",
        share if share < 0.05 => "it waits for something that does not come, such as a lock, and is not slow",
        share if share < 0.5 => "it works a little, and waits most of the time",
        _ => "it computes, and does not wait",
    };
    let state = if after.threads == 1 && after.running > 0 { "runs" } else { "asleep" };
    let files = full(after.open_files).map(|files| format!("; {files}")).unwrap_or_default();
    format!("while a request waited, {threads} {state}, {cpu:.2} s of CPU time used in {time:.1} s: {verdict}{files}")
}

/// That a program can open hardly another file, which connections are too.
fn full([open, most]: [u64; 2]) -> Option<String> {
    let left = most.saturating_sub(open);
    (most > 0 && left <= FEW_FILES).then(|| format!("it has {open} files open, of the {most} that it may have"))
}

/// The stacks of Go's goroutines in its own words, those that are alike together and the most frequent first: what each
/// waits for, and the calls of the candidate's code from the innermost on.
fn of_go(log: &str) -> Vec<String> {
    alike(log.split("\n\n").filter_map(|block| stack(&block[block.find("goroutine ")?..])))
}

/// Stacks that are alike together, the most frequent first.
fn alike(stacks: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    for stack in stacks {
        *alike.entry(stack).or_default() += 1;
    }
    let mut all: Vec<(String, usize)> = alike.into_iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    all.into_iter().take(MOST).map(|(stack, count)| format!("{count} × {stack}")).collect()
}

/// `[sync.Mutex.Lock]: main.get (main.go:88) ← main.serve (main.go:40)`; none of a goroutine without code of the candidate.
fn stack(block: &str) -> Option<String> {
    let mut lines = block.lines();
    let state = lines.next()?.split_once('[')?.1.split([']', ',']).next()?;
    let lines: Vec<&str> = lines.collect();
    let own = lines.windows(2).filter_map(|pair| {
        let place = pair[1].strip_prefix('\t')?.split(" +0x").next()?;
        let of_go = place.contains("/go/src/") || place.contains("/usr/lib/go") || place.contains("/golang/");
        // Up to its arguments, which are the last parenthesis; a receiver has one too.
        let call = pair[0].rsplit_once('(').map_or(pair[0], |(call, _)| call);
        let file = place.rsplit('/').next()?;
        (!of_go && !pair[0].starts_with("created by ") && !call.ends_with(".gowrap1"))
            .then(|| format!("{call} ({file})"))
    });
    let calls: Vec<String> = own.take(CALLS).collect();
    (!calls.is_empty()).then(|| format!("[{state}]: {}", calls.join(" ← ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_from_who_computes() {
        let look = |running, cpu| Look { threads: 12, running, cpu: Duration::from_millis(cpu), ..Look::default() };
        let told = |running, cpu: u64| sentence(&[look(0, 100), look(running, 100 + cpu)], Duration::from_millis(300));
        assert!(told(0, 0).contains("12 of its 12 threads asleep, 0.00 s of CPU time used in 0.3 s: it waits for"));
        assert!(
            told(1, 290).contains("11 of its 12 threads asleep, 0.29 s") && told(1, 290).ends_with("does not wait")
        );
        assert!(told(0, 60).contains("works a little"));
        let starved = sentence(&[look(1, 100), look(2, 105), look(1, 110)], Duration::from_millis(300));
        assert!(starved.ends_with("it computes, and gets little of the processor"), "{starved}");
        let full = Look { open_files: [1022, 1024], ..look(0, 100) };
        let sentence = sentence(&[full, full], Duration::from_millis(300));
        assert!(sentence.ends_with("is not slow; it has 1022 files open, of the 1024 that it may have"), "{sentence}");
    }

    #[test]
    fn stacks_of_go_are_told_by_the_candidate_s_calls() {
        let log = "SIGQUIT: quit\nPC=0x471d01 m=0 sigcode=0\n\ngoroutine 0 gp=0x5 m=0 mp=0x5 [idle]:\nruntime.futex(0x1)\n\
            \t/usr/local/go/src/runtime/sys_linux_amd64.s:558 +0x21\n\n\
            goroutine 7 [sync.Mutex.Lock, 2 minutes]:\nsync.(*Mutex).Lock(...)\n\t/usr/local/go/src/sync/mutex.go:46\n\
            main.(*Store).get(0xc0, {0x1, 0x2})\n\t/src/main.go:88 +0x1f\nmain.serve({0x5})\n\t/src/main.go:40 +0x5\n\
            created by main.main in goroutine 1\n\t/src/main.go:20 +0x9\n\n\
            goroutine 8 [sync.Mutex.Lock]:\nmain.(*Store).get(0xc1, {0x3, 0x4})\n\t/src/main.go:88 +0x1f\n\
            main.serve({0x6})\n\t/src/main.go:40 +0x5\n\n\
            goroutine 9 [chan send]:\nmain.log(0x1)\n\t/src/log.go:7 +0x1f\n";
        assert_eq!(
            of_go(log),
            [
                "2 × [sync.Mutex.Lock]: main.(*Store).get (main.go:88) ← main.serve (main.go:40)",
                "1 × [chan send]: main.log (log.go:7)",
            ]
        );
        assert_eq!(of_go("thread 'main' panicked"), Vec::<String>::new());
    }
}
