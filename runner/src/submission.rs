//! From what a person named to a program that can be run: the source is brought here, built, and described.

use crate::{
    backend::{self, Backend, Command, Program},
    build::{self, BuildError},
    cli::{BuildOptions, FetchOptions, SourceLimits},
    error::{CommandError, Kind},
    language::{Choice, sanitize::Sanitizer},
    leftovers, record,
    source::{self, Snapshot, SourceError},
};
use harness::{report, verdict::Blame};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// What to bring here and how to build it; kept in the record, so that a replay can do it again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// URL or path, with relative paths made absolute.
    pub location: String,
    /// Branch, tag or commit.
    pub rev: Option<String>,
    /// Take the files as they lie in the folder.
    pub files: bool,
    /// Fetch submodules.
    pub submodules: bool,
    /// What of it is built, and how.
    #[serde(flatten)]
    pub choice: Choice,
    /// Hosts that may be reached beside registries.
    pub allow_hosts: Vec<String>,
    /// Fetch nothing.
    pub offline: bool,
    /// Build again.
    #[serde(skip)]
    pub no_cache: bool,
    /// Build so that it watches itself.
    #[serde(skip)]
    pub sanitizer: Option<Sanitizer>,
    /// Bounds on the source.
    #[serde(default)]
    pub source_limits: source::Limits,
    /// Bounds on the build.
    #[serde(default)]
    pub build_limits: build::Limits,
}

/// A submission that can be run.
pub struct Prepared {
    /// What the report says of it.
    pub submission: report::Submission,
    /// How a node is started.
    pub program: Program,
    /// Where it came from, valid from everywhere and without credentials.
    pub location: String,
    /// The challenge that its `takehome.toml` names.
    pub challenge: Option<String>,
    /// What its build said.
    pub build_log: PathBuf,
}

impl Request {
    /// A request from the options of a command.
    pub fn new(location: &str, rev: Option<String>, files: bool, build: &BuildOptions) -> Self {
        Self {
            location: absolute(location),
            rev,
            files,
            submodules: false,
            choice: build.choice.clone(),
            allow_hosts: build.allow_hosts.clone(),
            offline: build.offline,
            no_cache: build.no_cache,
            sanitizer: None,
            source_limits: source::Limits::default(),
            build_limits: build::Limits {
                time: build.build_timeout.0,
                memory: build.build_memory.0,
                disk: build.build_disk.0,
                ..build::Limits::default()
            },
        }
    }

    /// Takes over how the source is brought here.
    pub fn fetch(mut self, options: &FetchOptions) -> Self {
        self.submodules = options.submodules;
        self.within(&options.limits)
    }

    /// Takes over the bounds on the source.
    pub fn within(mut self, options: &SourceLimits) -> Self {
        self.source_limits = source::Limits {
            clone_bytes: options.max_clone_bytes.0,
            files: options.max_files,
            path_depth: options.max_path_depth as usize,
            file_size: options.max_file_size.0,
            total_size: options.max_total_size.0,
            time: options.clone_timeout.0,
        };
        self
    }

    /// The options that ask for the same again, place and commit apart; it holds no secrets.
    pub fn words(&self) -> Vec<String> {
        let (source, build) = (&self.source_limits, &self.build_limits);
        let (usual, usual_build) = (source::Limits::default(), build::Limits::default());
        let flag = |name: &str, set: bool| set.then(|| name.to_owned());
        let size = |name: &str, bytes: u64, usual: u64| unless_usual(name, bytes, usual, size_word);
        let count = |name: &str, count: u64, usual: u64| unless_usual(name, count, usual, |count| count.to_string());
        let time = |name: &str, time: Duration, usual: Duration| {
            unless_usual(name, time, usual, |time| harness::units::Span(time).to_string())
        };
        let mut words = self.choice.words();
        words.extend(flag("--submodules", self.submodules));
        words.extend(size("--max-clone-bytes", source.clone_bytes, usual.clone_bytes));
        words.extend(count("--max-files", source.files, usual.files));
        words.extend(count("--max-path-depth", source.path_depth as u64, usual.path_depth as u64));
        words.extend(size("--max-file-size", source.file_size, usual.file_size));
        words.extend(size("--max-total-size", source.total_size, usual.total_size));
        words.extend(time("--clone-timeout", source.time, usual.time));
        words.extend(self.allow_hosts.iter().flat_map(|host| ["--allow-host".to_owned(), host.clone()]));
        words.extend(flag("--offline", self.offline));
        words.extend(time("--build-timeout", build.time, usual_build.time));
        words.extend(size("--build-memory", build.memory, usual_build.memory));
        words.extend(size("--build-disk", build.disk, usual_build.disk));
        words
    }
}

/// An option and its value, unless that is what it is without being named.
fn unless_usual<T: PartialEq>(name: &str, value: T, usual: T, word: impl Fn(T) -> String) -> Vec<String> {
    if value == usual { Vec::new() } else { vec![name.to_owned(), word(value)] }
}

/// A size that is read as exactly so many bytes.
fn size_word(bytes: u64) -> String {
    let short = harness::units::Bytes(bytes).to_string();
    if short.parse() == Ok(harness::units::Bytes(bytes)) { short } else { format!("{bytes} B") }
}

/// A path stays valid when a replay is started elsewhere; a URL is left alone.
fn absolute(location: &str) -> String {
    match std::fs::canonicalize(location) {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(_) => location.to_owned(),
    }
}

/// Brings the source here and builds it.
pub async fn prepare(
    request: &Request,
    backend: &Arc<dyn Backend>,
    mut stop: watch::Receiver<bool>,
    screen: &ProgressBar,
) -> Result<Prepared, CommandError> {
    let cache = record::cache_folder().map_err(|error| CommandError::io("the cache folder", &error))?;
    std::fs::create_dir_all(&cache).map_err(|error| CommandError::io(cache.display(), &error))?;
    let (scratch, _held) = leftovers::claim(&cache).map_err(|error| CommandError::io(cache.display(), &error))?;
    let sample = sample(&request.location)?;
    let located = match &sample {
        Some(sample) => sample.unpack(request, &scratch.path().join("sample"))?,
        None => request.clone(),
    };
    let mut snapshot = acquire(&located, scratch.path(), stop.clone(), screen).await?;
    if sample.is_some() {
        snapshot.origin.location = request.location.clone();
    }
    let build_request = build::Request {
        tree: &snapshot.folder,
        content: &snapshot.content,
        choice: request.choice.clone(),
        sanitizer: request.sanitizer,
        limits: request.build_limits.clone(),
        allow_hosts: &request.allow_hosts,
        offline: request.offline,
        cache: &cache,
        no_cache: request.no_cache,
        host: build::Host::default(),
    };
    let mut show = |progress| screen.set_message(doing(&progress));
    let building = build::build(&**backend, build_request, &mut show);
    let built = tokio::select! {
        built = building => built.map_err(|error| build_error(&error))?,
        () = asked_to_stop(&mut stop) => return Err(interrupted()),
    };
    let mut prepared = prepared(request, &snapshot, built);
    if let Some(sample) = sample {
        prepared.challenge.get_or_insert(sample.challenge.name.into());
    }
    Ok(prepared)
}

/// A submission that ships inside takehome.
struct Sample {
    challenge: &'static challenges::Challenge,
    tree: challenges::Tree,
}

/// The sample that a location names, if it names one: `sample:broadcast/reference/rust`.
fn sample(location: &str) -> Result<Option<Sample>, CommandError> {
    let Some(name) = location.strip_prefix("sample:") else { return Ok(None) };
    let (challenge, variant) = name.split_once('/').unwrap_or((name, ""));
    let challenge = crate::catalogue::challenge(challenge)?;
    let tree = challenge.sample(variant).map_err(|_| {
        let known = challenge.samples();
        let error = CommandError::new(Kind::Usage, format!("`{}` has no sample `{variant}`", challenge.name));
        let guess = harness::manifest::nearest(variant, known.iter().map(String::as_str));
        error.hint(guess.unwrap_or_else(|| format!("there are: {}", known.join(", "))))
    })?;
    Ok(Some(Sample { challenge, tree }))
}

impl Sample {
    /// Writes its files into a folder, and asks for that folder instead.
    fn unpack(&self, request: &Request, folder: &Path) -> Result<Request, CommandError> {
        crate::catalogue::write(&self.tree, folder)?;
        let location = folder.to_string_lossy().into_owned();
        Ok(Request { location, rev: None, files: true, ..request.clone() })
    }
}

fn prepared(request: &Request, snapshot: &Snapshot, built: build::Built) -> Prepared {
    let commit = snapshot.commit.as_ref();
    let mut notices: Vec<String> = snapshot.notices.iter().map(|notice| notice.message.clone()).collect();
    notices.extend(built.notices);
    let manifest = built.takehome_toml.unwrap_or_default();
    let location = match snapshot.origin.kind {
        source::OriginKind::Remote => snapshot.origin.location.clone(),
        _ => request.location.clone(),
    };
    let submission = report::Submission {
        source: snapshot.origin.location.clone(),
        commit: commit.map(|commit| commit.id.clone()),
        tree: commit.map(|commit| commit.tree.clone()),
        author: commit.map(|commit| format!("{} <{}>", commit.author, commit.author_email)),
        authored: commit.map(|commit| commit.authored.clone()),
        committed: commit.map(|commit| commit.committed.clone()),
        summary: commit.map(|commit| commit.summary.clone()),
        content: snapshot.content.clone(),
        language: built.language,
        folder: request.choice.dir.clone().or(manifest.dir),
        binary: built.binary,
        toolchain: without_details(&built.toolchain),
        build_seconds: (built.seconds * 1e3).round() / 1e3,
        build_cached: built.cached,
        notices,
    };
    let run = built.run;
    let mut env: Vec<_> = run.env.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    env.push(("TAKEHOME_DATA".into(), backend::WORK.into()));
    let cwd = if run.cwd_in_app { crate::language::recipe::APP } else { backend::WORK };
    let command = Command { argv: run.argv.into_iter().map(Into::into).collect(), env, cwd: cwd.into() };
    Prepared {
        location,
        submission,
        program: Program { command, root: run.root, mounts: run.mounts, port: request.choice.port.or(manifest.port) },
        challenge: manifest.challenge,
        build_log: built.log,
    }
}

/// `rustc 1.95.0` of `rustc 1.95.0 (59807616e 2026-04-14) (x86_64-unknown-linux-gnu)`.
fn without_details(versions: &str) -> String {
    let mut depth = 0;
    let mut short = String::new();
    for character in versions.chars() {
        match character {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            c if depth == 0 => short.push(c),
            _ => {}
        }
    }
    short.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",")
}

async fn acquire(
    request: &Request,
    into: &Path,
    mut stop: watch::Receiver<bool>,
    screen: &ProgressBar,
) -> Result<Snapshot, CommandError> {
    let cancel = Arc::new(AtomicBool::new(false));
    let wanted = source::Request {
        location: request.location.clone(),
        rev: request.rev.clone(),
        files: request.files,
        submodules: request.submodules,
        limits: request.source_limits.clone(),
        host: Arc::new(source::Host::from_env()),
        cancel: cancel.clone(),
    };
    let (into, screen) = (into.to_owned(), screen.clone());
    let acquiring = tokio::task::spawn_blocking(move || {
        let mut show = |progress| screen.set_message(fetching(&progress));
        source::apart::acquire_apart(Path::new("/proc/self/exe"), source::apart::MEMORY, &wanted, &into, &mut show)
    });
    tokio::pin!(acquiring);
    let acquired = tokio::select! {
        acquired = &mut acquiring => acquired,
        () = asked_to_stop(&mut stop) => {
            cancel.store(true, Ordering::Relaxed);
            // It looks at the flag between objects; a server that says nothing is not waited for.
            let _ = tokio::time::timeout(Duration::from_secs(2), &mut acquiring).await;
            return Err(interrupted());
        }
    };
    match acquired {
        Ok(result) => result.map_err(|error| source_error(&error)),
        Err(error) => Err(CommandError::new(Kind::Bug, format!("fetching the source ended: {error}"))),
    }
}

async fn asked_to_stop(stop: &mut watch::Receiver<bool>) {
    while !*stop.borrow() {
        if stop.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The user stopped it before there was anything to record.
pub fn interrupted() -> CommandError {
    CommandError::new(Kind::Interrupted, "interrupted before anything was graded")
}

fn fetching(progress: &source::Progress) -> String {
    let what = match progress.phase {
        source::Phase::Connecting => "connecting",
        source::Phase::Receiving => "receiving",
        source::Phase::Indexing => "indexing",
        source::Phase::Exporting => "writing files",
    };
    let bytes = harness::units::Bytes(progress.bytes);
    let total = if progress.total > 0 { format!(" of {}", progress.total) } else { String::new() };
    format!("{what}: {}{total} objects, {bytes}", progress.done)
}

fn doing(progress: &build::Progress) -> String {
    let text = match progress {
        build::Progress::Detected { language, program } => {
            format!("detected {language}{}", program.as_ref().map_or(String::new(), |name| format!(", {name}")))
        }
        build::Progress::Cached => "built before".to_owned(),
        build::Progress::Preparing(what) => format!("preparing {what}, once"),
        build::Progress::Command(build::Phase::Fetch, command) => format!("fetching dependencies: {command}"),
        build::Progress::Command(build::Phase::Build, command) => format!("building: {command}"),
    };
    harness::text::inert(&text).into_owned()
}

fn source_error(error: &SourceError) -> CommandError {
    let (kind, blame) = match (error, error.fault()) {
        (SourceError::Cancelled, _) => return interrupted(),
        (SourceError::Address { .. }, _) => (Kind::Usage, None),
        (_, source::Fault::User) => (Kind::Fetch, None),
        (_, source::Fault::Candidate) => (Kind::Fetch, Some(Blame::Candidate)),
        (_, source::Fault::Environment) => (Kind::Fetch, Some(Blame::Environment)),
    };
    let mut wrapped = CommandError::new(kind, error.to_string());
    wrapped.blame = blame;
    wrapped.hints.extend(error.hint());
    wrapped
}

fn build_error(error: &BuildError) -> CommandError {
    let kind = match (error, error.blame()) {
        (BuildError::Sandbox(_) | BuildError::Io { .. }, _) => Kind::Machine,
        (_, build::Blame::Usage) => Kind::Usage,
        (BuildError::Choice(crate::language::ChoiceError::Manifest(_)), _) => Kind::Usage,
        _ => Kind::Build,
    };
    let mut wrapped = CommandError::new(kind, error.headline());
    wrapped.blame = match error.blame() {
        build::Blame::Candidate => Some(Blame::Candidate),
        build::Blame::Environment => Some(Blame::Environment),
        build::Blame::Usage => None,
    };
    if let BuildError::Failed(failure) | BuildError::Dependency { failure: Some(failure), .. } = error {
        wrapped.place = Some(harness::text::excerpt(&failure.command, 300));
        wrapped.details = failure.excerpt.clone();
    }
    wrapped.hints = error.hints();
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command as Chosen};
    use clap::Parser;

    fn request(words: &[String]) -> Request {
        let words =
            ["takehome", "grade", "https://x.test/r"].map(str::to_owned).into_iter().chain(words.iter().cloned());
        match Cli::try_parse_from(words).expect("the words are options").command {
            Chosen::Grade(grade) => Request::new("https://x.test/r", None, false, &grade.build).fetch(&grade.fetch),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_words_of_a_request_ask_for_the_same_again() {
        assert_eq!(request(&[]).words(), [""; 0]);
        let words = "--dir a --bin b --submodules --max-clone-bytes 1000000B --max-files 7 --max-path-depth 8 \
                     --max-file-size 2MiB --max-total-size 3GiB --clone-timeout 90s --allow-host h.test --allow-host i.test \
                     --offline --build-timeout 1.5m --build-memory 1GiB --build-disk 2GiB";
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let first = request(&words);
        let again = request(&first.words());
        let shown = |request: &Request| serde_json::to_string(request).unwrap();
        assert_eq!(shown(&first), shown(&again));
        assert_eq!((again.source_limits.clone_bytes, again.build_limits.time.as_secs()), (1_000_000, 90));
        let read: Request = serde_json::from_str(&shown(&first)).unwrap();
        assert_eq!(shown(&read), shown(&first), "a record keeps the limits");
    }
}
