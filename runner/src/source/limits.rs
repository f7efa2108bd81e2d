//! What one repository may cost: bytes on the wire, files, depth, sizes, time. Each limit has its own option and error.

use super::error::SourceError;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// One mebibyte.
const MIB: u64 = 1 << 20;

/// How much a repository may cost before it is refused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Bytes received from the network, submodules included (`--max-clone-bytes`).
    pub clone_bytes: u64,
    /// Files, folders and links in the exported tree (`--max-files`).
    pub files: u64,
    /// Folders inside folders (`--max-path-depth`).
    pub path_depth: usize,
    /// Bytes of one file (`--max-file-size`).
    pub file_size: u64,
    /// Bytes of all files together (`--max-total-size`).
    pub total_size: u64,
    /// Wall time from the first connection to the last exported file (`--clone-timeout`).
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clone_bytes: 512 * MIB,
            files: 50_000,
            path_depth: 64,
            file_size: 64 * MIB,
            total_size: 1024 * MIB,
            time: Duration::from_secs(300),
        }
    }
}

/// The most bytes of branch and tag names a server may list. Names are held in memory several times over.
pub(super) const LISTING_BYTES: u64 = 32 * MIB;

/// Which limit was exceeded, and what it was.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Exceeded {
    /// More bytes came over the network than allowed.
    CloneBytes(u64),
    /// The server's list of branches and tags is too long. No option: 32 MiB of names is no repository.
    Listing(u64),
    /// Too many files, folders and links.
    Files(u64),
    /// Folders nested too deeply; the path says where.
    PathDepth(usize, String),
    /// One file is too large.
    FileSize(u64, String),
    /// All files together are too large.
    TotalSize(u64),
    /// Fetching and exporting took too long.
    Time(Duration),
    /// Unfolding its objects takes too much memory. No option: a file is never as large as that.
    Memory(u64),
}

impl Exceeded {
    /// The command line's option that raises this limit.
    pub fn option(&self) -> Option<&'static str> {
        match self {
            Self::CloneBytes(_) => Some("--max-clone-bytes"),
            Self::Listing(_) | Self::Memory(_) => None,
            Self::Files(_) => Some("--max-files"),
            Self::PathDepth(..) => Some("--max-path-depth"),
            Self::FileSize(..) => Some("--max-file-size"),
            Self::TotalSize(_) => Some("--max-total-size"),
            Self::Time(_) => Some("--clone-timeout"),
        }
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloneBytes(limit) => write!(f, "fetching it takes more than {}", Bytes(*limit)),
            Self::Listing(limit) => write!(f, "the list of its branches and tags is longer than {}", Bytes(*limit)),
            Self::Files(limit) => write!(f, "it has more than {limit} files and folders"),
            Self::PathDepth(limit, path) => write!(f, "its folders are nested more than {limit} deep, at `{path}`"),
            Self::FileSize(limit, path) => write!(f, "its file `{path}` is larger than {}", Bytes(*limit)),
            Self::TotalSize(limit) => write!(f, "its files are together larger than {}", Bytes(*limit)),
            Self::Time(limit) => write!(f, "bringing it here took longer than {} s", limit.as_secs_f64()),
            Self::Memory(limit) => write!(f, "unfolding its objects takes more than {} of memory", Bytes(*limit)),
        }
    }
}

/// A number of bytes, shown in the largest binary unit that keeps it readable.
pub(super) struct Bytes(pub(super) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match UNITS.iter().find(|(size, _)| self.0 >= *size) {
            Some((size, unit)) if self.0.is_multiple_of(*size) => write!(f, "{} {unit}", self.0 / size),
            Some((size, unit)) => write!(f, "{:.1} {unit}", self.0 as f64 / *size as f64),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// The limits that hold across threads and connections: bytes received, the deadline and the caller's wish to stop.
#[derive(Debug)]
pub(super) struct Meter {
    limits: Limits,
    received: AtomicU64,
    started: Instant,
    cancel: Arc<AtomicBool>,
}

impl Meter {
    /// Starts the clock.
    pub(super) fn start(limits: Limits, cancel: Arc<AtomicBool>) -> Arc<Self> {
        Arc::new(Self { limits, received: AtomicU64::new(0), started: Instant::now(), cancel })
    }

    /// The limits in force.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Bytes received so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Counts bytes from the network.
    pub(super) fn add(&self, bytes: usize) -> Result<(), SourceError> {
        let total = self.received.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if total > self.limits.clone_bytes {
            return Err(SourceError::Limit(Exceeded::CloneBytes(self.limits.clone_bytes)));
        }
        self.check()
    }

    /// Fails when the time is up or the caller wants to stop.
    pub(super) fn check(&self) -> Result<(), SourceError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(SourceError::Cancelled);
        }
        if self.remaining().is_zero() {
            return Err(SourceError::Limit(Exceeded::Time(self.limits.time)));
        }
        Ok(())
    }

    /// Time left; zero when it is up.
    pub(super) fn remaining(&self) -> Duration {
        self.limits.time.saturating_sub(self.started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_readable() {
        assert_eq!(Bytes(512 * MIB).to_string(), "512 MiB");
        assert_eq!(Bytes(1536 * MIB).to_string(), "1.5 GiB");
        assert_eq!(Bytes(700).to_string(), "700 bytes");
    }

    #[test]
    fn the_meter_stops_at_its_limit_and_not_before() {
        let limits = Limits { clone_bytes: 10, ..Limits::default() };
        let meter = Meter::start(limits, Arc::default());
        assert!(meter.add(10).is_ok());
        assert!(matches!(meter.add(1), Err(SourceError::Limit(Exceeded::CloneBytes(10)))));
    }

    #[test]
    fn the_meter_stops_when_told_to_and_when_time_is_up() {
        let cancel = Arc::new(AtomicBool::new(false));
        let meter = Meter::start(Limits::default(), cancel.clone());
        assert!(meter.check().is_ok());
        cancel.store(true, Ordering::Relaxed);
        assert!(matches!(meter.check(), Err(SourceError::Cancelled)));
        let late = Meter::start(Limits { time: Duration::ZERO, ..Limits::default() }, Arc::default());
        assert!(matches!(late.check(), Err(SourceError::Limit(Exceeded::Time(_)))));
    }
}
