//! The command line: commands and their options, as clap sees them.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Grades take-home submissions to concurrency and peer-to-peer challenges.
#[derive(Debug, Parser)]
#[command(name = "takehome", version, about, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 passes · 1 fails · 2 wrong usage · 3 inconclusive · 4 nothing selected · \
5 not fetched or built · 6 this machine cannot grade · 70 bug · 130 interrupted")]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the challenges
    List(List),
    /// Show a challenge's statement, or the checks and metrics there are
    Show(Show),
    /// Write a starter project for a challenge
    Init(Init),
    /// Check the submission in this folder, as it lies there, with public seeds
    Check(Check),
    /// Clone, build and grade a submission, and write a report
    Grade(Grade),
    /// Run a case of an earlier run again with its seed
    Replay(Replay),
    /// Render an earlier run again from its record
    Report(Report),
    /// Judge a history that was recorded elsewhere: linearizability, transactions, and other conditions
    VerifyHistory(VerifyHistory),
    /// Say what this machine can enforce, and how to fix what it cannot
    Doctor(Doctor),
    /// For authors of challenges
    #[command(subcommand)]
    Challenge(Challenge),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Human,
    /// One JSON object on stdout
    Json,
    /// One JSON event a line on stdout, as they happen
    Ndjson,
}

/// `list`.
#[derive(Debug, Args)]
pub struct List {
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The challenge
    #[arg(required_unless_present_any = ["checks", "schema"])]
    pub challenge: Option<String>,
    /// Show the interviewer's notes too
    #[arg(long)]
    pub notes: bool,
    /// List the checks, metrics and finding codes there are
    #[arg(long)]
    pub checks: bool,
    /// Print the JSON Schema of the report
    #[arg(long)]
    pub schema: bool,
}

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The challenge
    pub challenge: String,
    /// Language of the starter: rust, go or cpp
    #[arg(long)]
    pub lang: String,
    /// Folder to make; the challenge's name when it is left out
    pub folder: Option<PathBuf>,
}

/// What of a repository is built and how.
#[derive(Debug, Clone, Default, Args)]
pub struct BuildOptions {
    /// What is built, and how.
    #[command(flatten)]
    pub choice: crate::language::Choice,
    /// A further host that may be reached while dependencies are fetched
    #[arg(long = "allow-host", value_name = "HOST", help_heading = "Build")]
    pub allow_hosts: Vec<String>,
    /// Fetch nothing
    #[arg(long, help_heading = "Build")]
    pub offline: bool,
    /// Build again even if this tree has been built before
    #[arg(long, help_heading = "Build")]
    pub no_cache: bool,
    /// Longest time of a build phase
    #[arg(long, value_name = "TIME", default_value = "10m", help_heading = "Build")]
    pub build_timeout: harness::units::Span,
    /// Memory of a build
    #[arg(long, value_name = "SIZE", default_value = "4 GiB", help_heading = "Build")]
    pub build_memory: harness::units::Bytes,
    /// Disk space of a build
    #[arg(long, value_name = "SIZE", default_value = "4 GiB", help_heading = "Build")]
    pub build_disk: harness::units::Bytes,
}

/// What is run, and how it is printed.
#[derive(Debug, Clone, Default, Args)]
pub struct RunOptions {
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Write the report as one HTML file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub sandbox: SandboxOption,
    /// Run without a sandbox: the submission can read and change everything that you can
    #[arg(long, conflicts_with = "sandbox")]
    pub unsafe_no_sandbox: bool,
}

impl RunOptions {
    /// The words that choose the same sandbox again.
    pub fn sandbox_words(&self) -> Vec<String> {
        match self.sandbox.named() {
            _ if self.unsafe_no_sandbox => vec!["--unsafe-no-sandbox".to_owned()],
            Some(name) => vec!["--sandbox".to_owned(), name.clone()],
            None => Vec::new(),
        }
    }
}

/// Which back end isolates the submission.
#[derive(Debug, Clone, Default, Args)]
pub struct SandboxOption {
    /// Isolate the submission with this and nothing else, even where it is too weak to grade other people's code
    #[arg(long, value_name = "NAME", env = "TAKEHOME_SANDBOX", value_parser = sandboxes(), default_value = "auto")]
    pub sandbox: String,
}

impl SandboxOption {
    /// The back end that was named.
    pub fn wish(&self) -> crate::backend::Wish {
        let named = crate::backend::find(&self.sandbox);
        named.map_or(crate::backend::Wish::Auto, |entry| crate::backend::Wish::Named(entry.name))
    }

    /// The name, for a command that does the same again.
    pub fn named(&self) -> Option<&String> {
        Some(&self.sandbox).filter(|name| crate::backend::find(name).is_some())
    }
}

/// What `--sandbox` takes: every back end but the one that isolates nothing, which has an option of its own.
fn sandboxes() -> clap::builder::PossibleValuesParser {
    let entries = crate::backend::REGISTRY.iter().filter(|entry| entry.strength != crate::backend::Strength::None);
    std::iter::once("auto").chain(entries.map(|entry| entry.name)).collect::<Vec<_>>().into()
}

/// `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Stages to run; all when none is named
    pub stages: Vec<String>,
    /// The challenge, when `takehome.toml` does not name it
    #[arg(long)]
    pub challenge: Option<String>,
    /// Folder of the submission
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub path: PathBuf,
    /// First seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub limits: SourceLimits,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub build: BuildOptions,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub run: RunOptions,
}

/// `grade`.
#[derive(Debug, Args)]
pub struct Grade {
    /// URL or path of a repository, a folder, or a sample that ships inside: `sample:echo/reference/rust`
    pub source: String,
    /// The challenge, when `takehome.toml` does not name it
    #[arg(long)]
    pub challenge: Option<String>,
    /// Stages to run; all when none is named
    #[arg(long = "stage", value_name = "STAGE")]
    pub stages: Vec<String>,
    /// Branch, tag or commit
    #[arg(long)]
    pub rev: Option<String>,
    /// First seed; drawn when it is left out
    #[arg(long)]
    pub seed: Option<u64>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub fetch: FetchOptions,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub build: BuildOptions,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub run: RunOptions,
}

/// How a repository is brought here.
#[derive(Debug, Clone, Default, Args)]
pub struct FetchOptions {
    /// Fetch submodules too
    #[arg(long, help_heading = "Source")]
    pub submodules: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub limits: SourceLimits,
}

/// Bounds on what a submission's files may be.
#[derive(Debug, Clone, Default, Args)]
pub struct SourceLimits {
    /// Most bytes to receive
    #[arg(long, value_name = "SIZE", default_value = "512 MiB", help_heading = "Source")]
    pub max_clone_bytes: harness::units::Bytes,
    /// Most files
    #[arg(long, value_name = "COUNT", default_value_t = 50_000, help_heading = "Source")]
    pub max_files: u64,
    /// Deepest path
    #[arg(long, value_name = "COUNT", default_value_t = 64, help_heading = "Source")]
    pub max_path_depth: u32,
    /// Largest file
    #[arg(long, value_name = "SIZE", default_value = "64 MiB", help_heading = "Source")]
    pub max_file_size: harness::units::Bytes,
    /// Most bytes of all files
    #[arg(long, value_name = "SIZE", default_value = "1 GiB", help_heading = "Source")]
    pub max_total_size: harness::units::Bytes,
    /// Longest time for cloning
    #[arg(long, value_name = "TIME", default_value = "5m", help_heading = "Source")]
    pub clone_timeout: harness::units::Span,
}

/// `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// The run: its id, the beginning of it, `last`, or a path
    pub record: String,
    /// The stage, or `challenge/stage`; the first failed case when it is left out
    pub case: Option<String>,
    /// The seed; the first of that stage when it is left out
    #[arg(long)]
    pub seed: Option<u64>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub run: RunOptions,
}

/// `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// The run: its id, the beginning of it, `last`, or a path
    pub run: String,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Write the report as one HTML file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// How a single answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Plain {
    /// For people
    #[default]
    Human,
    /// One JSON object on stdout
    Json,
}

/// `verify-history`.
#[derive(Debug, Args)]
pub struct VerifyHistory {
    /// The history: a file, also compressed with gzip, or `-` for standard input
    #[arg(required_unless_present_any = ["models", "schema"])]
    pub file: Option<PathBuf>,
    /// What it is judged by
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// List the models and the formats there are
    #[arg(long)]
    pub models: bool,
    /// Print the JSON Schema of `--format json`
    #[arg(long)]
    pub schema: bool,
    /// The consistency level that transactions have to reach, such as `snapshot-isolation`; the strongest when it is left
    /// out
    #[arg(long, value_name = "NAME")]
    pub level: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub format: Plain,
    /// Write the answer with its diagrams as one HTML file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// The format of the file; found by its content when it is left out
    #[arg(long, value_name = "NAME")]
    pub input_format: Option<String>,
    /// The initial value, as JSON: of a register or a key, a counter, the permits of a semaphore, the total of a bank
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    pub initial: Option<String>,
    /// For how long a reserved job is its holder's, such as `500ms`; never over when it is left out. Only for `job-queue`
    #[arg(long, value_name = "TIME")]
    pub lease: Option<harness::units::Span>,
    /// How many configurations a search may visit before it gives up
    #[arg(long, value_name = "COUNT", default_value_t = harness::verify::DEFAULT_BUDGET)]
    pub budget: u64,
    /// Threads for objects that are independent of each other; the answer does not depend on it
    #[arg(long, value_name = "COUNT")]
    pub threads: Option<std::num::NonZero<usize>>,
}

/// `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Print an AppArmor profile that lets this takehome make user namespaces, and nothing else
    #[arg(long)]
    pub apparmor_profile: bool,
}

/// `challenge`.
#[derive(Debug, Subcommand)]
pub enum Challenge {
    /// Prove that starters fail, references get full marks and every mutant is caught for its own reason
    Verify(Verify),
}

/// `challenge verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Challenges to verify; all when none is named
    pub challenges: Vec<String>,
    /// Only submissions whose name contains this, such as `mutants/` or `reference/rust`
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Leave out languages whose tools are missing here, and say so; otherwise they are errors
    #[arg(long)]
    pub skip_missing: bool,
    /// First seed; drawn when it is left out
    #[arg(long)]
    pub seed: Option<u64>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub sandbox: SandboxOption,
    /// Write the Rust references' figures into this folder, one file a challenge, for `reference/figures.toml`
    #[arg(long, value_name = "FOLDER")]
    pub figures: Option<PathBuf>,
}
