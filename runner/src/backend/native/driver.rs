//! One live cell, seen from takehome: carries requests to PID 1, and back what becomes of them, with a verdict on the
//! limits that a program has reached.

use super::{
    cgroup::CellGroup,
    dismantle,
    foreign::descendants,
    limits::Bounds,
    link::Link,
    probe,
    watchdog::{self, Excess, Watch},
    wire::{Bytes, Report, Request, Start},
};
use crate::backend::{
    CellEvent, CellSpec, Command, Connected, Control, Exit, Full, Limits, Look, Looked, Reached, SCRATCH, Stdio, Usage,
    WORK, Work,
};
use crate::stacks;
use std::{
    collections::VecDeque,
    ffi::OsStr,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    time::Duration,
};
use tokio::sync::mpsc;

/// Stands between the caller's channels and one cell.
pub(super) struct Driver {
    link: Link,
    group: Option<CellGroup>,
    limits: Limits,
    bounds: Bounds,
    /// The scratch places that are the cell's own.
    scratch: Vec<&'static str>,
    /// What had happened before the program was started.
    before: Counts,
    watch: Watch,
    /// What the watch has seen of this program.
    excesses: Vec<Excess>,
    /// Who waits for a connection, in the order in which they are answered.
    connecting: VecDeque<Connected>,
    /// Who waits for a look.
    looking: VecDeque<Looked>,
    events: mpsc::UnboundedSender<CellEvent>,
}

/// Counts of a cell's cgroup that only ever grow.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// Processes killed for want of memory.
    kills: u64,
    /// Processes and threads refused.
    refused: u64,
    /// CPU time.
    cpu: Duration,
}

impl Counts {
    fn of(group: Option<&CellGroup>) -> Self {
        let Some(group) = group else { return Self::default() };
        Self {
            kills: group.out_of_memory_kills(),
            refused: group.refused_processes(),
            cpu: group.cpu().unwrap_or_default(),
        }
    }
}

impl Driver {
    /// For a cell that waits for requests.
    pub(super) fn new(
        link: Link,
        group: Option<CellGroup>,
        spec: &CellSpec,
        bounds: Bounds,
        events: mpsc::UnboundedSender<CellEvent>,
    ) -> Self {
        let in_memory = matches!(spec.work, Work::Memory { .. });
        Self {
            bounds,
            link,
            group,
            limits: spec.limits.clone(),
            scratch: SCRATCH.into_iter().filter(|place| *place != WORK || in_memory).collect(),
            before: Counts::default(),
            watch: Watch::Needless,
            excesses: Vec::new(),
            connecting: VecDeque::new(),
            looking: VecDeque::new(),
            events,
        }
    }

    /// Carries requests and events until the cell is closed or lost.
    pub(super) async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Control>) {
        let lost = loop {
            let step = tokio::select! {
                request = requests.recv() => match request {
                    None | Some(Control::Close) => break None,
                    Some(request) => self.request(request).await,
                },
                report = self.link.receive() => match report {
                    Ok(Some((report, descriptors))) => self.report(report, descriptors),
                    Ok(None) => Err(self.link.fate().await),
                    Err(error) => Err(error.to_string()),
                },
                excess = self.watch.excess(self.group.as_ref()) => self.exceed(excess).await,
            };
            if let Err(why) = step {
                break Some(why);
            }
        };
        match lost {
            Some(why) => self.lose(why).await,
            None => self.close().await,
        }
    }

    async fn request(&mut self, request: Control) -> Result<(), String> {
        let sent = match request {
            Control::Start(command, stdio) => return self.start(&command, stdio).await,
            Control::Connect(port, connected) => {
                self.connecting.push_back(connected);
                self.link.send(&Request::Connect(port), &[]).await
            }
            Control::Look(looked) => {
                self.looking.push_back(looked);
                self.link.send(&Request::Look, &[]).await
            }
            Control::Stacks(told) => {
                let (helper, processes) = (self.link.program(), descendants::of(self.link.helper_id() as i32));
                // It takes a moment, in which the program may end.
                tokio::spawn(async move { told.send(stacks::of(&helper, &processes).await) });
                Ok(())
            }
            Control::Terminate => self.link.send(&Request::Terminate, &[]).await,
            Control::Quit => self.link.send(&Request::Quit, &[]).await,
            Control::Kill => self.link.send(&Request::Kill, &[]).await,
            Control::Pause => self.link.send(&Request::Pause, &[]).await,
            Control::Resume => self.link.send(&Request::Resume, &[]).await,
            Control::Close => Ok(()),
        };
        sent.map_err(|error| format!("cannot reach the cell: {error}"))
    }

    async fn start(&mut self, command: &Command, stdio: Stdio) -> Result<(), String> {
        // Before it is started: it may be killed for want of memory sooner than we hear that it runs.
        self.before = Counts::of(self.group.as_ref());
        self.excesses.clear();
        let start = start_request(command, &self.bounds);
        let descriptors = [&stdio.stdin, &stdio.stdout, &stdio.stderr].map(std::os::fd::AsRawFd::as_raw_fd);
        match self.link.send(&Request::Start(start), &descriptors).await {
            Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                self.tell(CellEvent::StartFailed { call: "exec".into(), errno: libc::E2BIG });
                Ok(())
            }
            other => other.map_err(|error| format!("cannot reach the cell: {error}")),
        }
    }

    /// Passes on what PID 1 tells.
    fn report(&mut self, report: Report, descriptors: Vec<OwnedFd>) -> Result<(), String> {
        match report {
            Report::Started => {
                self.begin();
                self.tell(CellEvent::Started);
            }
            Report::StartFailed { call, errno } => self.tell(CellEvent::StartFailed { call, errno }),
            Report::Exited { code, signal, cpu_micros, peak_bytes, full } => {
                if self.group.is_none() && watchdog::is_too_much(peak_bytes, &self.limits) {
                    self.excesses.push(Excess::Memory);
                }
                let exit = self.exit((code, signal), Duration::from_micros(cpu_micros), &full);
                self.watch = Watch::Needless;
                self.tell(CellEvent::Exited(exit));
            }
            Report::Connected => {
                let socket = descriptors.into_iter().next().ok_or(io::ErrorKind::NotConnected);
                self.connected(socket.map(Into::into).map_err(Into::into));
            }
            Report::Looked { threads, running, cpu_micros, memory, open_files, most_open_files } => {
                let cpu = Duration::from_micros(cpu_micros);
                let look = Look { threads, running, cpu, memory, open_files: [open_files, most_open_files] };
                // Who has given up waiting has dropped the other end.
                self.looking.pop_front().map(|waiting| waiting.send(look));
            }
            Report::NotConnected { errno } => self.connected(Err(io::Error::from_raw_os_error(errno))),
            Report::Failed(failure) => return Err(probe::explain(&failure).to_string()),
            Report::Closed { .. } => return Err("the cell closed unasked".into()),
            Report::Born { .. } | Report::Ready | Report::Listening | Report::Facts(_) => {}
        }
        Ok(())
    }

    /// Hands a connection, or why there is none, to who has waited longest.
    fn connected(&mut self, result: io::Result<std::net::TcpStream>) {
        // Who has given up waiting has dropped the other end.
        self.connecting.pop_front().map(|waiting| waiting.send(result));
    }

    /// A program runs from here on.
    fn begin(&mut self) {
        self.watch = Watch::begin(&self.limits, self.group.as_ref(), self.before.cpu, self.link.helper_id());
    }

    /// The watch has seen a limit exceeded; what only it enforces ends the program.
    async fn exceed(&mut self, excess: Excess) -> Result<(), String> {
        if self.excesses.contains(&excess) {
            return Ok(());
        }
        self.excesses.push(excess);
        match excess {
            Excess::Processes => Ok(()),
            Excess::Memory | Excess::CpuTime => self.request(Control::Kill).await,
        }
    }

    /// How the program ended, and which limits it has reached since it was started.
    fn exit(&self, (code, signal): (Option<i32>, Option<i32>), reaped: Duration, full: &[(String, bool)]) -> Exit {
        let now = Counts::of(self.group.as_ref());
        let counted = now.cpu.saturating_sub(self.before.cpu);
        let cpu = if self.group.as_ref().is_some_and(|group| group.cpu().is_some()) { counted } else { reaped };
        let seen = |excess| self.excesses.contains(&excess);
        let place = |(place, inodes): &(String, bool)| {
            let place = self.scratch.iter().copied().find(|known| known == place)?;
            Some(Full { place, inodes: *inodes })
        };
        Exit {
            code,
            signal,
            out_of_memory: now.kills > self.before.kills || seen(Excess::Memory),
            reached: Reached {
                // Also when the kernel's own limit came first, which is higher.
                cpu_time: seen(Excess::CpuTime) || self.limits.cpu.is_some_and(|most| cpu >= most),
                processes: now.refused > self.before.refused || seen(Excess::Processes),
                full: full.iter().find_map(place),
            },
            cpu,
        }
    }

    fn tell(&self, event: CellEvent) {
        // The caller may have stopped listening; its cell is closed through the other channel.
        let _ = self.events.send(event);
    }

    /// Takes the cell down in an orderly way, telling of what still happens meanwhile.
    async fn close(mut self) {
        let mut usage = Usage::default();
        if self.link.send(&Request::Close, &[]).await.is_ok() {
            while let Ok(Some((report, descriptors))) = self.link.receive().await {
                match report {
                    Report::Closed { cpu_micros, peak_bytes } => {
                        usage = Usage { cpu: Duration::from_micros(cpu_micros), peak_memory: peak_bytes };
                    }
                    other => drop(self.report(other, descriptors)),
                }
            }
        }
        let events = self.events.clone();
        let usage = dismantle(self.link, self.group, usage).await;
        let _ = events.send(CellEvent::Closed(usage));
    }

    /// Removes what is left of a cell that has failed. If the kernel took PID 1 when the cell's memory was used up,
    /// which it does once there is nothing else to take, the program has done that and not the machine.
    async fn lose(self, why: String) {
        let events = self.events.clone();
        let killed = Counts::of(self.group.as_ref()).kills > self.before.kills;
        let usage = dismantle(self.link, self.group, Usage::default()).await;
        let told = match killed {
            true => {
                let exit = Exit { out_of_memory: true, cpu: usage.cpu, ..Exit::plain(None, Some(libc::SIGKILL)) };
                let _ = events.send(CellEvent::Exited(exit));
                CellEvent::Closed(usage)
            }
            false => CellEvent::Lost(why),
        };
        let _ = events.send(told);
    }
}

/// A command in the form in which PID 1 executes it.
fn start_request(command: &Command, bounds: &Bounds) -> Start {
    let variable = |(name, value): &(std::ffi::OsString, std::ffi::OsString)| {
        Bytes([name.as_bytes(), b"=", value.as_bytes()].concat())
    };
    Start {
        argv: command.argv.iter().map(|argument| argument.as_os_str().into()).collect(),
        env: command.env.iter().map(variable).collect(),
        executables: executables(command),
        cwd: command.cwd.as_path().into(),
        bounds: bounds.clone(),
    }
}

/// Where the program may be, by its `PATH`.
fn executables(command: &Command) -> Vec<Bytes> {
    let Some(program) = command.argv.first() else { return Vec::new() };
    if program.as_bytes().contains(&b'/') {
        return vec![program.as_os_str().into()];
    }
    let path = command.env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str());
    let folders = std::env::split_paths(path.unwrap_or(OsStr::new(""))).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(program).as_path().into()).collect()
}
