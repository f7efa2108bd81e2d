//! Why a build failed, and whose fault it is.

use std::{fmt, time::Duration};

use crate::{
    backend::{Full, OpenError, pastime},
    language::ChoiceError,
};

/// Whose fault a failure is. A fault of this machine never costs a candidate a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The submission is wrong.
    Candidate,
    /// This machine lacks something.
    Environment,
    /// The person who grades has to say more, or something else.
    Usage,
}

/// Why there is no artefact.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// It is not clear what is to be built.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// A command of the build failed or went over a limit.
    #[error(transparent)]
    Failed(Box<Failure>),
    /// The build made something that is not taken.
    #[error("the build's result is refused: {0}")]
    Artefact(String),
    /// A tool is missing, or older than the submission asks for.
    #[error("{problem}")]
    Toolchain {
        /// Which tool.
        tool: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        hint: String,
    },
    /// Dependencies could not be fetched because a host is out of reach.
    #[error("dependency not reachable: {}", reasons(.denied, .unreachable))]
    Dependency {
        /// Hosts that are no registry.
        denied: Vec<String>,
        /// Allowed hosts that did not answer, or another reason.
        unreachable: Vec<String>,
        /// What the fetching command said.
        failure: Option<Box<Failure>>,
    },
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] OpenError),
    /// A file of takehome's own could not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// A command that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Which phase it belongs to.
    pub phase: Phase,
    /// The command as one line.
    pub command: String,
    /// How it ended.
    pub end: End,
    /// The part of its output that says why.
    pub excerpt: Vec<String>,
    /// All of its output that was kept.
    pub log: String,
    /// Whose fault it is.
    pub blame: Blame,
    /// What to do about it.
    pub hint: Option<String>,
}

/// One of the two phases in which commands are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Dependencies are fetched, with registries in reach.
    Fetch,
    /// The submission is built, with no network.
    Build,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With this exit status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// It could not be started.
    NotStarted(String),
    /// The kernel killed it because of the memory limit.
    Memory(u64),
    /// It took longer than this, and used so much CPU time meanwhile.
    Time(Duration, Duration),
    /// It needed more processes and threads than this.
    Processes(u64),
    /// It failed with scratch space of the cell full.
    Scratch(Full),
    /// It filled more than this many bytes of disk.
    Disk(u64),
    /// It made a folder into which the watch over the disk cannot look: unreadable, or too deep.
    Hidden,
}

/// What to do when nothing better is known.
const FRESH_CLONE: &str = "run the command above in a fresh clone: what it needs must be committed, or be a dependency; for a \
     --build of your own --language says whose dependencies are fetched before it";

const OPTIONS: &str = "--dir takes a folder of the submission, --language its language, --build a command for the shell, --run a command \
     and its words";
const FIELDS: &str =
    "takehome.toml holds texts: `challenge`, `dir`, `build`, `run` and `language`, all of them optional";

impl BuildError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Choice(ChoiceError::Manifest(_) | ChoiceError::NoProgram { .. }) | Self::Artefact(_) => {
                Blame::Candidate
            }
            Self::Choice(_) => Blame::Usage,
            Self::Failed(failure) => failure.blame,
            _ => Blame::Environment,
        }
    }

    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Toolchain { hint, .. } => vec![hint.clone()],
            Self::Choice(ChoiceError::Invalid(_)) => vec![OPTIONS.to_owned()],
            Self::Choice(ChoiceError::Manifest(_)) => vec![FIELDS.to_owned()],
            Self::Dependency { denied, .. } => denied.iter().map(|host| format!("--allow-host {host}")).collect(),
            Self::Failed(failure) => {
                vec![failure.hint.clone().or_else(|| failure.end.option()).unwrap_or_else(|| FRESH_CLONE.to_owned())]
            }
            _ => Vec::new(),
        }
    }

    /// What happened in a sentence, without the output that says why.
    pub fn headline(&self) -> String {
        match self {
            Self::Failed(failure) => format!("{} {}", failure.phase, failure.end),
            other => other.to_string(),
        }
    }

    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl End {
    /// The option that raises the limit, when it was one that ended the command.
    fn option(&self) -> Option<String> {
        let option = match self {
            Self::Memory(_) => "--build-memory",
            Self::Time(..) => "--build-timeout",
            Self::Disk(_) => "--build-disk",
            _ => return None,
        };
        Some(format!("if it really needs more, raise the limit with `{option}`"))
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: `{}` {}", self.phase, self.command, self.end)?;
        self.excerpt.iter().try_for_each(|line| write!(out, "\n  {line}"))
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Fetch => "fetching dependencies",
            Self::Build => "building",
        })
    }
}

impl fmt::Display for End {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(out, "failed with exit status {status}"),
            Self::Signal(signal) => write!(out, "was killed by signal {signal}"),
            Self::NotStarted(why) => write!(out, "could not be started: {why}"),
            Self::Memory(limit) => write!(out, "used more than {} of memory", size(*limit)),
            Self::Time(limit, cpu) => {
                write!(out, "took longer than {} s; {}", limit.as_secs_f64(), pastime(*cpu, *limit))
            }
            Self::Processes(limit) => write!(out, "failed at its limit of {limit} processes and threads"),
            Self::Scratch(full) => write!(out, "failed: {full}"),
            Self::Disk(limit) => write!(out, "filled more than {} of disk", size(*limit)),
            Self::Hidden => write!(out, "made a folder that is unreadable or too deep"),
        }
    }
}

/// A number of bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
    }
}

fn reasons(denied: &[String], unreachable: &[String]) -> String {
    let denied = denied.iter().map(|host| format!("host {host} is not a registry; --allow-host {host}"));
    denied.chain(unreachable.iter().cloned()).collect::<Vec<_>>().join("; ")
}
