//! What nodes did wrong, bounded: the first of each kind and node with its line, the rest counted.

use crate::backend::{Exit, pastime};
use harness::{
    case::{Incident, IncidentKind, NodeUsage},
    manifest::Limits,
    time::Offset,
};
use std::time::Duration;

/// Longest excerpt of a line.
const LINE: usize = 2_000;
/// Longest report of a sanitizer.
const REPORT: usize = 8_000;

/// The incidents of a case.
#[derive(Debug, Default)]
pub struct Incidents {
    /// One entry a node and kind.
    pub all: Vec<Incident>,
}

impl Incidents {
    /// Notes an incident; the return says whether it is the first of its kind on its node.
    pub fn note(
        &mut self,
        at: Offset,
        node: u32,
        kind: IncidentKind,
        detail: String,
        line: &[u8],
    ) -> Option<&Incident> {
        if let Some(known) = self.all.iter_mut().find(|known| known.node == node && known.kind == kind) {
            known.count += 1;
            return None;
        }
        // Of a log the end tells most, of a message its beginning.
        let of_a_log = matches!(kind, IncidentKind::Crashed | IncidentKind::OutOfMemory | IncidentKind::SlowStart);
        let is_report = matches!(kind, IncidentKind::DataRace | IncidentKind::MemoryError);
        let most = if is_report { REPORT } else { LINE };
        let line = if of_a_log { &line[line.len().saturating_sub(LINE)..] } else { &line[..line.len().min(most)] };
        let line = String::from_utf8_lossy(line).into_owned();
        let detail: String = detail.chars().take(LINE).collect();
        self.all.push(Incident { at, node, kind, detail, line, count: 1 });
        self.all.last()
    }

    /// Says of nodes that were waited for in vain what they did with that time, once it is known.
    pub fn explain_slowness(&mut self, usage: &[Option<NodeUsage>], waited: Duration) {
        for incident in self.all.iter_mut().filter(|incident| incident.kind == IncidentKind::SlowStart) {
            if let Some(Some(usage)) = usage.get(incident.node as usize) {
                let cpu = Duration::try_from_secs_f64(usage.cpu_seconds).unwrap_or_default();
                incident.detail.push_str(&format!("; {}", pastime(cpu, waited)));
            }
        }
    }
}

/// What C, Go, Rust, Java and Node, and Python say when a process may open no more files.
const NO_MORE_FILES: [&str; 3] = ["too many open files", "EMFILE", "Errno 24"];

/// A program that ended unasked: how, and the limit that had to do with it. `log` is the end of what it wrote: that it could
/// open no more files the kernel tells nobody but the program.
pub fn ending(exit: &Exit, limits: &Limits, log: &str) -> (IncidentKind, String) {
    let how = match (exit.code, exit.signal) {
        (_, Some(signal)) => format!("ended by {}", signal_name(signal)),
        (code, None) => format!("exited with status {}", code.unwrap_or(-1)),
    };
    if exit.out_of_memory {
        let detail = match exit.signal {
            Some(libc::SIGKILL) => format!("killed at the memory limit of {}", limits.memory),
            _ => format!("{how} after a process of it was killed at the memory limit of {}", limits.memory),
        };
        return (IncidentKind::OutOfMemory, detail);
    }
    let mut limits_reached = Vec::new();
    if exit.reached.cpu_time {
        let (used, limit) = (exit.cpu.as_secs_f64(), limits.cpu);
        limits_reached.push(format!("it had used {used:.1} s of CPU time, and its limit is {limit}"));
    }
    if exit.reached.processes {
        limits_reached.push(format!("it had reached its limit of {} processes and threads", limits.processes));
    }
    if let Some(full) = exit.reached.full {
        limits_reached.push(full.to_string());
    }
    if exit.signal == Some(libc::SIGXFSZ) {
        limits_reached.push(format!("a file had reached the limit of {}", limits.disk));
    }
    let lower = log.to_ascii_lowercase();
    let says = |words: &&str| log.contains(*words) || lower.contains(*words);
    if NO_MORE_FILES.iter().any(says) {
        let most = limits.open_files;
        limits_reached.push(format!("its log says that it could open no more files, of which it may have {most}"));
    }
    limits_reached.insert(0, how);
    (IncidentKind::Crashed, limits_reached.join("; "))
}

/// `SIGSEGV` rather than 11.
fn signal_name(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal).map_or(format!("signal {signal}"), |signal| signal.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Full, Reached};

    fn detail(exit: Exit) -> String {
        let bytes = harness::units::Bytes;
        let limits = Limits { memory: bytes(64 << 20), processes: 32, disk: bytes(8 << 20), ..Limits::default() };
        ending(&exit, &limits, "listening").1
    }

    #[test]
    fn an_end_names_the_limit_that_was_reached() {
        assert_eq!(detail(Exit::plain(Some(137), None)), "exited with status 137");
        assert_eq!(detail(Exit::plain(None, Some(9))), "ended by SIGKILL");
        assert_eq!(detail(Exit::plain(None, Some(24))), "ended by SIGXCPU");
        assert_eq!(detail(Exit::plain(None, Some(40))), "ended by signal 40");
        let memory = Exit { out_of_memory: true, ..Exit::plain(None, Some(9)) };
        assert_eq!(detail(memory), "killed at the memory limit of 64 MiB");
        let child = Exit { out_of_memory: true, ..Exit::plain(Some(5), None) };
        assert_eq!(
            detail(child),
            "exited with status 5 after a process of it was killed at the memory limit of 64 MiB"
        );
        let processes = Reached { processes: true, ..Reached::default() };
        let processes = Exit { reached: processes, ..Exit::plain(Some(1), None) };
        assert_eq!(detail(processes), "exited with status 1; it had reached its limit of 32 processes and threads");
        let full = Reached { full: Some(Full { place: "/work", inodes: false }), ..Reached::default() };
        assert_eq!(detail(Exit { reached: full, ..Exit::plain(Some(1), None) }), "exited with status 1; /work is full");
        let cpu = Reached { cpu_time: true, ..Reached::default() };
        let cpu = Exit { reached: cpu, cpu: Duration::from_secs(3), ..Exit::plain(None, Some(24)) };
        assert_eq!(detail(cpu), "ended by SIGXCPU; it had used 3.0 s of CPU time, and its limit is 600s");
    }

    #[test]
    fn a_log_that_tells_of_the_limit_on_open_files_is_read() {
        let told = |log| ending(&Exit::plain(Some(1), None), &Limits::default(), log).1;
        let expected = "exited with status 1; its log says that it could open no more files, of which it may have 1024";
        for log in [
            "panic: accept tcp 127.0.0.1:7000: accept4: too many open files",
            "Error: Os { code: 24, kind: Uncategorized, message: \"Too many open files\" }",
            "Error: EMFILE, open '/work/x'",
            "OSError: [Errno 24] No file descriptors available",
        ] {
            assert_eq!(told(log), expected, "{log}");
        }
        assert_eq!(told("no such file"), "exited with status 1");
    }

    #[test]
    fn a_slow_start_says_what_the_node_did() {
        let mut incidents = Incidents::default();
        incidents.note(Offset::ZERO, 1, IncidentKind::SlowStart, "not answered".into(), b"");
        let usage = NodeUsage { cpu_seconds: 0.1, peak_memory: 0 };
        incidents.explain_slowness(&[None, Some(usage)], Duration::from_secs(10));
        assert_eq!(incidents.all[0].detail, "not answered; it used 0.1 s of CPU time: it was waiting");
    }
}
