//! Turns a submission into something that can be run: fetches its dependencies, builds it, keeps the result.
//!
//! Each phase is a cell. *Fetch* reaches registries through a proxy and nothing else; *build* reaches nothing; and
//! what is run later sees only what was taken out of the build. All of them run the candidate's code: a package
//! manager's configuration, a build script and a Makefile are programs.

mod advice;
mod artefact;
mod cache;
mod error;
mod evict;
mod excerpt;
pub mod fuzzing;
mod pipeline;
pub(crate) mod proxy;
mod registries;
mod room;
mod settings;
mod toolchain;
mod unlinked;
mod version;
mod warm;
mod workspace;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub use error::{Blame, BuildError, End, Failure, Phase};
pub use toolchain::Host;

use crate::{
    backend::{self, Backend, Mount, Root},
    language::{
        self, Choice, Manifest, Recipe,
        recipe::{APP, Tool},
        sanitize::{self, Sanitizer},
    },
};
use cache::{Record, Slot};
use toolchain::Toolchain;

/// Removes the folders of builds that nobody works in any more from the cache; how many.
pub(crate) fn sweep(cache: &Path) -> usize {
    workspace::sweep(&cache.join("work"))
}

/// What is to be built.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The exported submission on the host.
    pub tree: &'a Path,
    /// The hash of its content.
    pub content: &'a str,
    /// What the options say.
    pub choice: Choice,
    /// What a build that watches itself looks for.
    pub sanitizer: Option<Sanitizer>,
    /// What the build may use.
    pub limits: Limits,
    /// Hosts that may be reached beside registries.
    pub allow_hosts: &'a [String],
    /// Fetch nothing.
    pub offline: bool,
    /// takehome's cache folder.
    pub cache: &'a Path,
    /// Build although it is built already.
    pub no_cache: bool,
    /// Where tools are looked for.
    pub host: Host,
}

/// What each of the two phases may use.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Wall-clock time.
    pub time: Duration,
    /// Bytes of memory.
    pub memory: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Bytes of output that are kept.
    pub output: u64,
    /// Bytes of disk. Approximate: the folder is looked at several times a second; one file is never larger.
    pub disk: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(600), memory: 4 << 30, processes: 512, output: 8 << 20, disk: 4 << 30 }
    }
}

/// What a build is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It is known what is built.
    Detected {
        /// The language.
        language: String,
        /// The program.
        program: Option<String>,
    },
    /// It was built before.
    Cached,
    /// Something of this machine is prepared once, such as Go's standard library.
    Preparing(&'static str),
    /// A command was started.
    Command(Phase, String),
}

/// A submission that can be run.
#[derive(Debug, Clone)]
pub struct Built {
    /// Its language.
    pub language: String,
    /// The tools that built it, with their versions.
    pub toolchain: String,
    /// The folder of the host that holds the result; nothing may write to it.
    pub artefact: PathBuf,
    /// How it is run.
    pub run: RunPlan,
    /// Whether it was built before.
    pub cached: bool,
    /// How long building it took, then or now.
    pub seconds: f64,
    /// The file with everything that its commands wrote.
    pub log: PathBuf,
    /// The program's name.
    pub binary: Option<String>,
    /// What the submission says about itself.
    pub takehome_toml: Option<Manifest>,
    /// What the person who grades should know.
    pub notices: Vec<String>,
}

/// How an artefact is run in a cell.
#[derive(Debug, Clone)]
pub struct RunPlan {
    /// Program and arguments, with paths inside the cell.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// How much of the system it needs.
    pub root: Root,
    /// The artefact at [`APP`], and the interpreter when there is one.
    pub mounts: Vec<Mount>,
    /// Whether it starts in [`APP`] rather than in its own data folder.
    pub cwd_in_app: bool,
}

/// Builds a submission, or finds it built. Dropping the future ends whatever runs.
pub async fn build(
    backend: &dyn Backend,
    request: Request<'_>,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Built, BuildError> {
    let (tree, choice) = (request.tree.to_owned(), request.choice.clone());
    let detected = tokio::task::spawn_blocking(move || language::detect(&tree, &choice)).await;
    let recipe = detected.map_err(|error| BuildError::io("reading the submission")(error.into()))??;
    let recipe = match request.sanitizer {
        Some(sanitizer) => sanitize::recipe(recipe, sanitizer).map_err(language::ChoiceError::Invalid)?,
        None => recipe,
    };
    on_progress(Progress::Detected { language: recipe.language.clone(), program: recipe.program.clone() });
    let toolchain = toolchain::locate(&request.host, &recipe.tools, recipe.needs.as_ref()).await?;
    toolchain::reachable(recipe.start.argv.first().map_or("", String::as_str), &toolchain)?;
    let plan = serde_json::to_string(&recipe).unwrap_or_default();
    let versions = toolchain.versions.join(", ");
    // What one sandbox has built is not taken for another's: a weaker one may have let the build reach more. What a strong
    // one has built is good enough for all.
    let key = |sandbox: &str| cache::hash([request.content, &plan, &versions, env!("CARGO_PKG_VERSION"), sandbox]);
    let own = backend.capabilities().backend;
    let mut slot = Slot::of(request.cache, &key(own)).await?;
    let mut known = if request.no_cache { None } else { slot.read() };
    let strong =
        backend::REGISTRY.iter().filter(|entry| entry.strength == backend::Strength::Strong && entry.name != own);
    if backend::find(own).is_some_and(|entry| entry.strength != backend::Strength::Strong) && !request.no_cache {
        for entry in strong {
            if known.is_none() {
                let other = Slot::of(request.cache, &key(entry.name)).await?;
                known = other.read();
                if known.is_some() {
                    slot = other;
                }
            }
        }
    }
    let cached = known.is_some();
    let record = match known {
        Some(record) => {
            on_progress(Progress::Cached);
            record
        }
        None => pipeline::run(backend, &request, &recipe, &toolchain, &slot, on_progress).await?,
    };
    Ok(built(recipe, toolchain, &slot, record, cached))
}

fn built(recipe: Recipe, toolchain: Toolchain, slot: &Slot, record: Record, cached: bool) -> Built {
    let run = run_plan(&recipe, &toolchain, slot);
    Built {
        language: recipe.language,
        toolchain: toolchain.versions.join(", "),
        artefact: slot.artefact(),
        run,
        cached,
        seconds: record.seconds,
        log: slot.log(),
        binary: record.binary.or(recipe.program),
        takehome_toml: recipe.manifest,
        notices: recipe.notices.into_iter().chain(record.notices).collect(),
    }
}

fn run_plan(recipe: &Recipe, toolchain: &Toolchain, slot: &Slot) -> RunPlan {
    let start = &recipe.start;
    let mut mounts = vec![Mount { host: slot.artefact(), at: APP.into(), writable: false }];
    let mut env = environment(toolchain, start.interpreted);
    if start.interpreted {
        mounts.extend(toolchain.mounts.iter().cloned());
    }
    env.extend(start.env.iter().cloned());
    let home = ("HOME".to_owned(), backend::WORK.to_owned());
    env.retain(|(name, _)| name != "HOME");
    env.push(home);
    RunPlan {
        argv: start.argv.clone(),
        env,
        root: if start.interpreted { Root::System } else { Root::Libraries },
        mounts,
        cwd_in_app: start.cwd_in_app,
    }
}

/// What every command gets, with the tools' own variables or without.
fn environment(toolchain: &Toolchain, tools: bool) -> Vec<(String, String)> {
    let own = toolchain.path.iter().filter(|_| tools).map(|dir| dir.display().to_string());
    let path = own.chain(toolchain::SYSTEM.map(str::to_owned)).collect::<Vec<_>>().join(":");
    let common = language::recipe::env([
        ("PATH", &path),
        ("HOME", "/tmp"),
        ("TMPDIR", "/tmp"),
        ("LANG", "C.UTF-8"),
        ("TZ", "UTC"),
    ]);
    common.into_iter().chain(toolchain.env.iter().filter(|_| tools).cloned()).collect()
}

/// Whether a recipe builds with a tool.
fn uses(recipe: &Recipe, tool: Tool) -> bool {
    recipe.tools.contains(&tool)
}
