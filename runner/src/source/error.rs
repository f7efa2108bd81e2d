//! Why a repository could not be brought here: what, where, why, whose fault, and what to do next.

use super::limits::Exceeded;
use std::borrow::Cow;

/// Who has to act when a repository cannot be brought here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Whoever typed the command: a wrong address, an unknown revision.
    User,
    /// Whoever wrote the repository: it is empty, or larger than a take-home may be.
    Candidate,
    /// This machine, the network or the server.
    Environment,
}

/// Why a repository could not be brought here.
///
/// Every text in here is already safe to show: addresses are redacted and names from the repository are made inert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum SourceError {
    /// The address cannot be understood, or asks for something that is refused.
    #[error("`{location}` is no repository address: {why}")]
    Address {
        /// The address, redacted.
        location: String,
        /// What is wrong with it.
        why: String,
    },
    /// The path does not exist or is no folder.
    #[error("`{path}` cannot be graded: {why}")]
    NoFolder {
        /// The path as given.
        path: String,
        /// What is there instead.
        why: String,
    },
    /// No branch, tag or commit has this name.
    #[error("`{location}` has no branch, tag or commit `{rev}`{}", listed(near))]
    UnknownRev {
        /// The repository, redacted.
        location: String,
        /// The revision asked for.
        rev: String,
        /// Names the user may have meant.
        near: Vec<String>,
    },
    /// Several commits begin with the abbreviation.
    #[error("`{rev}` is the beginning of more than one commit of `{location}`")]
    AmbiguousRev {
        /// The repository, redacted.
        location: String,
        /// The revision asked for.
        rev: String,
    },
    /// The revision names something that is no commit.
    #[error("`{rev}` of `{location}` is not a commit but a {kind}")]
    NotACommit {
        /// The repository, redacted.
        location: String,
        /// The revision asked for.
        rev: String,
        /// What it is.
        kind: String,
    },
    /// There is nothing to grade.
    #[error("`{location}` is empty: {why}")]
    Empty {
        /// The repository, redacted.
        location: String,
        /// What exactly is missing.
        why: String,
    },
    /// The default branch does not exist, while others do.
    #[error("the default branch `{branch}` of `{location}` does not exist{}", listed(branches))]
    Unborn {
        /// The repository, redacted.
        location: String,
        /// The branch that HEAD names.
        branch: String,
        /// Branches that do exist.
        branches: Vec<String>,
    },
    /// The repository costs more than it may.
    #[error("the repository is refused: {0}")]
    Limit(Exceeded),
    /// The repository is damaged where it cannot be worked around.
    #[error("`{location}` is damaged: {why}")]
    Damaged {
        /// The repository, redacted.
        location: String,
        /// What cannot be read.
        why: String,
    },
    /// The git directory of a local repository takes its data from outside itself.
    #[error("the git directory of `{location}` is not read: {why}")]
    Linked {
        /// The repository's path.
        location: String,
        /// Which part leads where.
        why: String,
    },
    /// The repository uses a format that cannot be read.
    #[error("`{location}` uses {feature}, which takehome cannot read")]
    Unsupported {
        /// The repository, redacted.
        location: String,
        /// The format or extension.
        feature: String,
    },
    /// The server knows no such repository, or hides it.
    #[error("there is no repository at `{location}`: {why}")]
    NotFound {
        /// The repository, redacted.
        location: String,
        /// What the server said.
        why: String,
    },
    /// The server wants credentials that are missing or wrong.
    #[error("access to `{location}` was refused: {why}")]
    Auth {
        /// The repository, redacted.
        location: String,
        /// What was tried.
        why: String,
    },
    /// The server redirects to a place that is not followed.
    #[error("`{location}` redirects to a place that is not followed: {why}")]
    Redirect {
        /// The repository, redacted.
        location: String,
        /// Where to, and why not.
        why: String,
    },
    /// The server's certificate is not trusted here.
    #[error("no trusted connection to `{location}`: {why}")]
    Tls {
        /// The repository, redacted.
        location: String,
        /// What the certificate check said.
        why: String,
    },
    /// The server cannot be reached, or the connection broke.
    #[error("`{location}` could not be fetched: {why}")]
    Network {
        /// The repository, redacted.
        location: String,
        /// What happened.
        why: String,
    },
    /// A file or folder of this machine could not be read or written.
    #[error("could not {doing} `{path}`: {why}")]
    Io {
        /// What was being done.
        doing: Cow<'static, str>,
        /// With which file.
        path: String,
        /// What the system said.
        why: String,
    },
    /// The caller asked to stop.
    #[error("fetching was interrupted")]
    Cancelled,
}

impl SourceError {
    /// Who has to act.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Limit(Exceeded::Time(_)) => Fault::Environment,
            Self::Empty { .. } | Self::Unborn { .. } | Self::Limit(_) | Self::Damaged { .. } => Fault::Candidate,
            Self::Auth { .. } | Self::Redirect { .. } | Self::Tls { .. } | Self::Network { .. } | Self::Io { .. } => {
                Fault::Environment
            }
            _ => Fault::User,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Address { location, .. } | Self::NoFolder { path: location, .. } => address_hint(location),
            Self::UnknownRev { .. } => "`--rev` takes a branch, a tag or a commit".into(),
            Self::AmbiguousRev { .. } => "give more digits of the commit".into(),
            Self::NotACommit { .. } => "give a branch, a tag of a commit, or a commit".into(),
            Self::Empty { .. } => "has the work been committed and pushed?".into(),
            Self::Unborn { .. } => "name the branch to grade with `--rev`".into(),
            Self::Limit(exceeded) => format!(
                "if this is meant to be so, raise the limit with `{}`; build output and dependencies do not belong in \
                 a repository",
                exceeded.option()?
            ),
            Self::Damaged { .. } => "`git fsck` in a clone of it says more".into(),
            Self::Linked { .. } => "copy the repository with `git clone --no-local` and grade the copy".into(),
            Self::Unsupported { .. } => "grade a checked-out copy of its files without the `.git` folder".into(),
            Self::NotFound { .. } => {
                "check the address; a private repository looks the same as none to somebody without access".into()
            }
            Self::Auth { .. } => AUTH_HINT.into(),
            Self::Redirect { .. } => "give the address it redirects to, if that is the one you mean".into(),
            Self::Tls { .. } => {
                "if your network has its own certificate authority, set SSL_CERT_FILE to its certificates".into()
            }
            Self::Network { .. } => "check the address and the network; HTTPS_PROXY and NO_PROXY are obeyed".into(),
            Self::Io { .. } | Self::Cancelled => return None,
        })
    }
}

/// How to give credentials.
const AUTH_HINT: &str = "set TAKEHOME_GIT_TOKEN (for servers other than github.com, gitlab.com, bitbucket.org and \
                         codeberg.org name them in TAKEHOME_GIT_TOKEN_HOSTS), configure a git credential helper, or \
                         for ssh load your key into ssh-agent";

/// Most mistyped addresses are web addresses without their scheme.
fn address_hint(location: &str) -> String {
    let host = location.split('/').next().unwrap_or_default();
    if location.contains('/') && host.contains('.') && !host.starts_with('.') && !location.contains("://") {
        return format!("did you mean `https://{location}`?");
    }
    "give an https, http, ssh, git or file URL, `user@host:path`, or the path of a folder".into()
}

/// A list of names for the end of a message.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("; it has {}", names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")),
    }
}
