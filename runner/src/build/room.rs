//! Runs the commands of one phase in a cell, and ends them when they go over a limit.

use std::{
    collections::VecDeque,
    io::ErrorKind,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tokio::{io::AsyncReadExt, net::unix::pipe, sync::mpsc};

use super::{
    BuildError, Limits,
    error::End,
    proxy::{Proxy, Report, Rules},
    unlinked,
};
use crate::{
    backend::{self, Backend, Cell, CellEvent, CellSpec, Control, Exit, Mount, OpenError, Reached, Root, Stdio, Work},
    language::recipe::{DEPS, OUT, Step},
};

/// How often the disk is looked at.
const WATCH: Duration = Duration::from_millis(250);
/// How long a killed cell may take to say so.
const GRACE: Duration = Duration::from_secs(10);
/// Size of the `/tmp` of a build.
const TMP: u64 = 1 << 30;

/// The folders of a build on the host.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    /// The copy of the submission.
    pub tree: PathBuf,
    /// Fetched dependencies.
    pub deps: PathBuf,
    /// What the build makes.
    pub out: PathBuf,
}

/// A phase that is to be run.
pub(super) struct Room<'a> {
    pub backend: &'a dyn Backend,
    pub label: &'a str,
    pub folders: &'a Folders,
    pub mounts: Vec<Mount>,
    pub env: Vec<(String, String)>,
    pub cwd: String,
    pub limits: &'a Limits,
    /// The hosts in reach; none at all when there are no rules.
    pub rules: Option<Rules>,
    /// Whether dependencies may be written.
    pub fetching: bool,
}

/// How a phase went.
#[derive(Debug, Default)]
pub(super) struct Ran {
    /// The command that failed, and how.
    pub failed: Option<(String, End)>,
    /// What all commands wrote, cut in the middle.
    pub log: String,
    /// What the proxy saw.
    pub network: Report,
}

impl Room<'_> {
    /// Runs commands one after another until one fails.
    pub async fn run(self, steps: &[Step], on_output: &mut (dyn FnMut(&str) + Send)) -> Result<Ran, BuildError> {
        let mut cell = self.backend.open(self.spec()).await?;
        let proxy = match (self.rules.clone(), cell.egress.take()) {
            (Some(rules), Some(socket)) => {
                Some(Proxy::serve(socket, rules).map_err(BuildError::io("serving the proxy"))?)
            }
            (Some(_), None) => return Err(lost("opening the way to registries", "the back end gave no socket")),
            (None, _) => None,
        };
        let deadline = Instant::now() + self.limits.time;
        let mut log = Log::new(self.limits.output);
        let mut failed = None;
        for step in steps {
            let command = step.argv.join(" ");
            log.push(format!("$ {command}\n").as_bytes());
            on_output(&command);
            if let Some(end) = self.step(&mut cell, step, deadline, &mut log).await? {
                failed = Some((command, end));
                break;
            }
        }
        let network = proxy.as_ref().map(Proxy::report).unwrap_or_default();
        close(cell).await;
        Ok(Ran { failed, log: log.text(), network })
    }

    fn spec(&self) -> CellSpec {
        let mount = |host: &Path, at: &str, writable| Mount { host: host.to_owned(), at: at.into(), writable };
        let mut mounts = self.mounts.clone();
        mounts.push(mount(&self.folders.deps, DEPS, self.fetching));
        mounts.push(mount(&self.folders.out, OUT, true));
        CellSpec {
            label: self.label.to_owned(),
            root: Root::System,
            mounts,
            work: Work::Folder(self.folders.tree.clone()),
            tmp_bytes: TMP,
            limits: backend::Limits {
                memory: self.limits.memory,
                processes: self.limits.processes,
                open_files: 4096,
                file_size: self.limits.disk,
                cpu: None,
                cpus: Vec::new(),
            },
            egress: self.rules.is_some(),
            port: None,
        }
    }

    async fn step(
        &self,
        cell: &mut Cell,
        step: &Step,
        deadline: Instant,
        log: &mut Log,
    ) -> Result<Option<End>, BuildError> {
        let (mut output, stdio) = pipes().map_err(BuildError::io("making a pipe"))?;
        let env = self.env.iter().chain(&step.env);
        let command = backend::Command {
            argv: step.argv.iter().map(Into::into).collect(),
            // A later value of a name takes the place of an earlier one.
            env: env
                .map(|(name, value)| (name.into(), value.into()))
                .collect::<std::collections::BTreeMap<_, _>>()
                .into_iter()
                .collect(),
            cwd: self.cwd.clone().into(),
        };
        send(cell, Control::Start(command, stdio))?;
        let mut over: Option<End> = None;
        let mut give_up = deadline;
        let watch = watch(self.folders, self.limits.disk);
        tokio::pin!(watch);
        let mut buffer = vec![0; 64 << 10];
        let mut open = true;
        let exit = loop {
            tokio::select! {
                event = cell.events.recv() => match event {
                    Some(CellEvent::Started) => {}
                    Some(CellEvent::StartFailed { call, errno }) => {
                        let why = format!("{call}: {}", std::io::Error::from_raw_os_error(errno));
                        return Ok(Some(End::NotStarted(why)));
                    }
                    Some(CellEvent::Exited(exit)) => break exit,
                    Some(CellEvent::Closed(_)) | None => return Err(lost("running a command", "the cell is gone")),
                    Some(CellEvent::Lost(why)) => return Err(lost("running a command", &why)),
                },
                read = output.read(&mut buffer), if open => match read {
                    Ok(count) if count > 0 => log.push(&buffer[..count]),
                    _ => open = false,
                },
                end = &mut watch, if over.is_none() => {
                    over = Some(end);
                    give_up = Instant::now() + GRACE;
                    send(cell, Control::Kill)?;
                }
                () = tokio::time::sleep_until(give_up.into()) => {
                    if over.is_some() {
                        return Err(lost("ending a command", "the cell does not answer"));
                    }
                    over = Some(End::Time(self.limits.time, Duration::ZERO));
                    give_up = Instant::now() + GRACE;
                    send(cell, Control::Kill)?;
                }
            }
        };
        // Everything in the cell is dead, so the rest is in the pipe already.
        while open && let Ok(Ok(count)) = tokio::time::timeout(Duration::from_secs(1), output.read(&mut buffer)).await {
            open = count > 0;
            log.push(&buffer[..count]);
        }
        match over {
            // What it used is known now that it has ended.
            Some(End::Time(limit, _)) => Ok(Some(End::Time(limit, exit.cpu))),
            Some(end) => Ok(Some(end)),
            None => Ok(self.end(exit)),
        }
    }

    /// How a command ended, in terms of the limit that made it fail. What ended well is no failure, whatever it met.
    fn end(&self, exit: Exit) -> Option<End> {
        match exit {
            Exit { code: Some(0), .. } => None,
            Exit { out_of_memory: true, .. } => Some(End::Memory(self.limits.memory)),
            Exit { reached: Reached { full: Some(full), .. }, .. } => Some(End::Scratch(full)),
            Exit { reached: Reached { processes: true, .. }, .. } => Some(End::Processes(self.limits.processes)),
            Exit { code: Some(code), .. } => Some(End::Status(code)),
            Exit { signal, .. } => Some(End::Signal(signal.unwrap_or(0))),
        }
    }
}

/// Standard input is empty; both outputs go to one pipe, so their order is kept.
fn pipes() -> std::io::Result<(pipe::Receiver, Stdio)> {
    let (reader, writer) = std::io::pipe()?;
    let stdin = std::fs::File::open("/dev/null")?;
    let stdio = Stdio { stdin: stdin.into(), stdout: OwnedFd::from(writer.try_clone()?), stderr: writer.into() };
    Ok((pipe::Receiver::from_owned_fd(reader.into())?, stdio))
}

fn send(cell: &Cell, control: Control) -> Result<(), BuildError> {
    cell.control.send(control).map_err(|_| lost("asking the cell", "it is gone"))
}

fn lost(step: &str, reason: &str) -> BuildError {
    OpenError { step: step.to_owned(), reason: reason.to_owned() }.into()
}

/// Waits until the cell has left its mounts; a cell that does not is closed by being dropped.
async fn close(mut cell: Cell) {
    let _gone = cell.control.send(Control::Close);
    let closed = async {
        while let Some(event) = next(&mut cell.events).await {
            if matches!(event, CellEvent::Closed(_) | CellEvent::Lost(_)) {
                break;
            }
        }
    };
    let _late = tokio::time::timeout(GRACE, closed).await;
}

async fn next(events: &mut mpsc::UnboundedReceiver<CellEvent>) -> Option<CellEvent> {
    events.recv().await
}

/// Ends when the folders hold more than so many bytes. Approximate: it looks now and then.
async fn watch(folders: &Folders, limit: u64) -> End {
    loop {
        let paths = [folders.tree.clone(), folders.deps.clone(), folders.out.clone()];
        let started = Instant::now();
        let used = tokio::task::spawn_blocking(move || {
            let listed = paths.iter().map(|path| used(path)).sum::<std::io::Result<u64>>()?;
            Ok::<u64, std::io::Error>(listed + unlinked::held(paths.iter().map(PathBuf::as_path)))
        });
        match used.await.unwrap_or(Ok(0)) {
            Ok(used) if used <= limit => {}
            Ok(_) => return End::Disk(limit),
            Err(_) => return End::Hidden,
        }
        // A large folder is looked at less often, so that watching costs little of a core.
        tokio::time::sleep(WATCH.max(started.elapsed() * 5)).await;
    }
}

/// Disk used by a folder; an inode counts too, so that empty files do.
///
/// What vanishes meanwhile is no error. A folder that cannot be read is: it could hold anything.
fn used(root: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            other => other?,
        };
        for entry in entries {
            let data = match entry.and_then(|entry| Ok((entry.path(), entry.metadata()?))) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                other => other?,
            };
            bytes += (data.1.blocks() * 512).max(256);
            if data.1.is_dir() {
                folders.push(data.0);
            }
        }
    }
    Ok(bytes)
}

/// The beginning and the end of what was written.
struct Log {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    dropped: u64,
}

impl Log {
    fn new(limit: u64) -> Self {
        let half = usize::try_from(limit / 2).unwrap_or(usize::MAX);
        Self { head: Vec::new(), tail: VecDeque::new(), half, dropped: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(self.half - self.head.len()));
        self.head.extend(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..over);
        self.dropped += over as u64;
    }

    fn text(mut self) -> String {
        if self.dropped > 0 {
            self.head.extend(format!("\n… {} bytes left out …\n", self.dropped).as_bytes());
        }
        self.head.extend(self.tail);
        String::from_utf8_lossy(&self.head).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_both_ends() {
        let mut log = Log::new(8);
        for chunk in [&b"ab"[..], b"cdefgh", b"ijklm"] {
            log.push(chunk);
        }
        assert_eq!(log.text(), "abcd\n… 5 bytes left out …\njklm");
        let mut log = Log::new(8);
        log.push(b"abcdef");
        assert_eq!(log.text(), "abcdef");
    }
}
