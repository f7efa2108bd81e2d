//! Errors of commands: what, where, why, what to do next, whose fault, and the exit code.

use harness::{
    text::{excerpt, lines, quiet},
    verdict::Blame,
};
use std::fmt;

/// Most characters of a line of another program.
const WIDEST: usize = 1_000;

/// Why a command ended without doing what was asked.
#[derive(Debug)]
pub struct CommandError {
    /// Decides the exit code.
    pub kind: Kind,
    /// What went wrong, in a sentence.
    pub message: String,
    /// Where: a file with line and column, a URL, a phase.
    pub place: Option<String>,
    /// Lines of another program that say why, such as a compiler's.
    pub details: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
    /// Whose fault it is.
    pub blame: Option<Blame>,
}

/// Kinds of errors by exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Wrong usage, or an invalid configuration, manifest or record.
    Usage,
    /// Nothing was selected.
    NothingSelected,
    /// The submission could not be fetched.
    Fetch,
    /// The submission could not be built.
    Build,
    /// This machine cannot grade.
    Machine,
    /// A bug in takehome.
    Bug,
    /// The user stopped it.
    Interrupted,
}

impl Kind {
    /// The exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::NothingSelected => 4,
            Self::Fetch | Self::Build => 5,
            Self::Machine => 6,
            Self::Bug => 70,
            Self::Interrupted => 130,
        }
    }

    /// The code shown in brackets, to search for.
    pub fn code(self) -> &'static str {
        match self {
            Self::Usage => "E0200",
            Self::NothingSelected => "E0400",
            Self::Fetch => "E0500",
            Self::Build => "E0510",
            Self::Machine => "E0600",
            Self::Bug => "E7000",
            Self::Interrupted => "E1300",
        }
    }
}

impl CommandError {
    /// An error with nothing but its message.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: None, details: Vec::new(), hints: Vec::new(), blame: None }
    }

    /// A file of takehome's own that could not be read or written.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                "free some disk space, or point TAKEHOME_STATE and TAKEHOME_CACHE at a larger disk"
            }
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                "check the permissions, or point TAKEHOME_STATE and TAKEHOME_CACHE at folders that you can write"
            }
            _ => return Self::new(Kind::Machine, format!("{what}: {error}")).blame(Blame::Environment),
        };
        Self::new(Kind::Machine, format!("{what}: {error}")).hint(hint).blame(Blame::Environment)
    }

    /// Adds the place.
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Adds advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says whose fault it is.
    pub fn blame(mut self, blame: Blame) -> Self {
        self.blame = Some(blame);
        self
    }
}

/// Any part of it may come from a submission: its lines stay lines, bounded, and nothing in them acts on a terminal or
/// in the log of a CI system.
impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.kind.code(), lines(&self.message))?;
        if let Some(place) = &self.place {
            write!(f, "\n  --> {}", lines(place))?;
        }
        for line in &self.details {
            write!(f, "\n   | {}", quiet(&excerpt(line, WIDEST)))?;
        }
        if let Some(blame) = self.blame {
            let whose = match blame {
                Blame::Candidate => "the submission",
                Blame::Challenge => "the challenge",
                Blame::Environment => "this machine or its network, not the submission",
            };
            write!(f, "\n  = fault of {whose}")?;
        }
        for hint in &self.hints {
            write!(f, "\nhint: {}", lines(hint))?;
        }
        Ok(())
    }
}

impl std::error::Error for CommandError {}
