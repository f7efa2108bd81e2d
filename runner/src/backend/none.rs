//! The back end that isolates nothing (`--unsafe-no-sandbox`): plain processes with rlimits and a watch over memory and
//! CPU time, for trusted code on machines where no cell can be opened. Reports made with it say so.

use super::{
    Backend, Capabilities, Cell, CellEvent, CellSpec, Command, Control, Exit, Layer, LayerStatus, Limits, OpenError,
    Opening, Stdio, Usage,
    living::Living,
    native::{
        limits::Bounds,
        watchdog::{Excess, TreeWatch},
    },
    places::Places,
};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{
    io,
    net::TcpListener,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
};
use tokio::{process::Child, sync::mpsc};

/// The back end without isolation.
#[derive(Debug, Default)]
pub struct None {}

impl Backend for None {
    fn capabilities(&self) -> Capabilities {
        let layer = |name, status, detail: &str| Layer { name, status, detail: detail.into() };
        let layers = vec![
            layer("isolation", LayerStatus::Missing, "switched off by --unsafe-no-sandbox"),
            layer(
                "memory limit",
                LayerStatus::Approximate,
                "what the program and its children use, summed up several times a second, and RLIMIT_DATA of each, with room for stacks",
            ),
            layer("process limit", LayerStatus::Missing, "the user's own"),
        ];
        Capabilities { backend: "none", layers, usable: Ok(()) }
    }

    fn open(&self, spec: CellSpec) -> Opening<'_> {
        Box::pin(async move {
            let failed = |step: &'static str| move |error: io::Error| OpenError::new(step, &error);
            let places = Places::new(&spec).map_err(failed("make the work directory"))?;
            let egress = spec.egress.then(|| TcpListener::bind("127.0.0.1:0")).transpose();
            let egress = egress.map_err(failed("listen for the proxy"))?;
            let proxy = egress.as_ref().and_then(|listener| listener.local_addr().ok());
            let (control, requests) = mpsc::unbounded_channel();
            let (sender, events) = mpsc::unbounded_channel();
            let bounds = bounds(&spec);
            let proxy = proxy.map(|address| address.to_string());
            let driver = Driver {
                places,
                proxy,
                bounds,
                limits: spec.limits,
                child: Option::None,
                group: Option::None,
                watch: Option::None,
                exceeded: Option::None,
                events: sender,
            };
            let living = Living::new();
            tokio::spawn(async move {
                driver.run(requests).await;
                drop(living);
            });
            Ok(Cell { control, events, egress })
        })
    }

    fn adopt(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// Limits of each process. Not the one on processes, which would count all that the user runs.
fn bounds(spec: &CellSpec) -> Bounds {
    Bounds::new(&spec.limits, false).without_processes()
}

/// Carries out requests for one cell.
struct Driver {
    places: Places,
    proxy: Option<String>,
    bounds: Bounds,
    limits: Limits,
    child: Option<Child>,
    /// The process group of the program, also after the program has ended.
    group: Option<Pid>,
    watch: Option<TreeWatch>,
    /// What the program was ended for.
    exceeded: Option<Excess>,
    events: mpsc::UnboundedSender<CellEvent>,
}

impl Driver {
    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Control>) {
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Option::None | Some(Control::Close) => break,
                    Some(request) => self.request(request),
                },
                exit = ended(&mut self.child) => self.report(exit),
                excess = exceeded(&mut self.watch) => self.exceed(excess),
            }
        }
        if self.child.is_some() {
            self.signal(Signal::SIGKILL);
            let exit = ended(&mut self.child).await;
            self.report(exit);
        }
        self.tell(CellEvent::Closed(Usage::default()));
    }

    /// Ends a program that uses more than it may.
    fn exceed(&mut self, excess: Excess) {
        // The processes are the user's own affair, of whom the kernel counts all.
        if excess != Excess::Processes && self.exceeded.is_none() {
            self.exceeded = Some(excess);
            self.signal(Signal::SIGKILL);
        }
    }

    fn request(&mut self, request: Control) {
        match request {
            Control::Start(command, stdio) => self.start(&command, stdio),
            Control::Connect(port, connected) => {
                let socket = super::native::connect(port).map(Into::into).map_err(io::Error::from);
                // Who has given up waiting has dropped the other end.
                let _ = connected.send(socket);
            }
            // Nobody stands beside the program who could look; the other end learns that nothing comes.
            Control::Look(_) | Control::Stacks(_) => {}
            Control::Quit => self.signal_program(Signal::SIGQUIT),
            Control::Terminate => self.signal_program(Signal::SIGTERM),
            Control::Kill => self.signal(Signal::SIGKILL),
            Control::Pause => self.signal(Signal::SIGSTOP),
            Control::Resume => self.signal(Signal::SIGCONT),
            Control::Close => {}
        }
    }

    fn start(&mut self, command: &Command, stdio: Stdio) {
        let outcome = match self.child {
            Some(_) => Err(io::Error::from_raw_os_error(libc::EBUSY)),
            Option::None => self.command(command, stdio).and_then(|mut command| command.spawn()),
        };
        match outcome {
            Ok(child) => {
                self.group = child.id().map(|id| Pid::from_raw(id as i32));
                self.watch = child.id().map(|id| TreeWatch::program(&self.limits, id));
                (self.child, self.exceeded) = (Some(child), Option::None);
                self.tell(CellEvent::Started);
            }
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
                self.tell(CellEvent::StartFailed { call: "exec".into(), errno });
            }
        }
    }

    fn command(&self, command: &Command, stdio: Stdio) -> io::Result<tokio::process::Command> {
        let command = self.places.command(command, self.proxy.as_deref());
        let (program, arguments) = command.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut made = std::process::Command::new(program);
        made.args(arguments).env_clear().envs(command.env).current_dir(command.cwd).process_group(0);
        made.stdin(stdio.stdin).stdout(stdio.stdout).stderr(stdio.stderr);
        let bounds = self.bounds.clone();
        // SAFETY: only system calls, on memory that was made before.
        unsafe { made.pre_exec(move || bounds.apply()) };
        Ok(made.into())
    }

    fn report(&mut self, exit: io::Result<std::process::ExitStatus>) {
        // What the program has left in its group; what has left the group lives on.
        self.signal(Signal::SIGKILL);
        (self.child, self.group, self.watch) = (Option::None, Option::None, Option::None);
        match exit {
            Ok(status) => {
                let mut exit = Exit::plain(status.code(), status.signal());
                exit.out_of_memory = self.exceeded == Some(Excess::Memory);
                exit.reached.cpu_time = self.exceeded == Some(Excess::CpuTime);
                self.tell(CellEvent::Exited(exit));
            }
            Err(error) => self.tell(CellEvent::Lost(error.to_string())),
        }
    }

    /// Signals the program's process group.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = killpg(group, signal);
        }
    }

    /// Signals the program alone.
    fn signal_program(&self, signal: Signal) {
        if let Some(id) = self.child.as_ref().and_then(Child::id) {
            let _ = nix::sys::signal::kill(Pid::from_raw(id as i32), signal);
        }
    }

    fn tell(&self, event: CellEvent) {
        let _ = self.events.send(event);
    }
}

/// Waits for the program to end; forever while there is none.
async fn ended(child: &mut Option<Child>) -> io::Result<std::process::ExitStatus> {
    match child {
        Some(child) => child.wait().await,
        Option::None => std::future::pending().await,
    }
}

/// Waits for the program to use more than it may; forever while there is none.
async fn exceeded(watch: &mut Option<TreeWatch>) -> Excess {
    match watch {
        Some(watch) => watch.excess().await,
        Option::None => std::future::pending().await,
    }
}
