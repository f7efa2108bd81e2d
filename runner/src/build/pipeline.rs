//! One build from beginning to end: copy, fetch, build, take.

use std::time::Instant;

use super::{
    Blame, BuildError, End, Failure, Phase, Progress, Request, advice,
    artefact::{self, Taking},
    cache::{Record, Slot},
    environment,
    excerpt::excerpt,
    proxy::Report,
    registries::{self, Network, Teacher},
    room::{Ran, Room},
    settings,
    toolchain::Toolchain,
    uses, warm,
    workspace::{self, Scratch},
};
use crate::{
    backend::Backend,
    language::{Recipe, recipe::Tool},
};

/// Builds into an empty slot of the cache.
pub(super) async fn run(
    backend: &dyn Backend,
    request: &Request<'_>,
    recipe: &Recipe,
    toolchain: &Toolchain,
    slot: &Slot,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Record, BuildError> {
    let started = Instant::now();
    let build = Build { backend, request, recipe, toolchain };
    let scratch = build.workspace().await?;
    if uses(recipe, Tool::Go) {
        warm::go(&build, &scratch.folders, on_progress).await?;
    }
    scratch.adopt(backend).map_err(BuildError::io("handing over the work folder"))?;
    let mut log = String::new();
    if !recipe.fetch.is_empty() {
        log.push_str(&build.fetch(&scratch, on_progress).await?);
    }
    log.push_str(&build.build(&scratch, on_progress).await?);
    let taken = build.take(&scratch, slot).await?;
    let (binary, notices) = taken.1;
    let mut record = Record { binary, notices, seconds: started.elapsed().as_secs_f64(), files: Vec::new() };
    slot.store(&taken.0, &mut record, &log).map_err(BuildError::io("writing the build cache"))?;
    // Removing thousands of files may take a while, and nobody needs to wait for it.
    drop(tokio::task::spawn_blocking(move || drop(scratch)));
    Ok(record)
}

/// All that a build works with.
pub(super) struct Build<'a> {
    pub backend: &'a dyn Backend,
    pub request: &'a Request<'a>,
    pub recipe: &'a Recipe,
    pub toolchain: &'a Toolchain,
}

impl Build<'_> {
    async fn workspace(&self) -> Result<Scratch, BuildError> {
        let (cache, tree) = (self.request.cache.to_owned(), self.request.tree.to_owned());
        let made = tokio::task::spawn_blocking(move || {
            let scratch = Scratch::new(&cache)?;
            workspace::copy(&tree, &scratch.folders.tree)?;
            settings::install(&scratch.folders.deps)?;
            Ok(scratch)
        });
        made.await.unwrap_or_else(|error| Err(error.into())).map_err(BuildError::io("copying the submission"))
    }

    /// The environment of its commands.
    pub fn env(&self) -> Vec<(String, String)> {
        let plain = crate::language::recipe::env([("TERM", "dumb"), ("NO_COLOR", "1"), ("LC_ALL", "C.UTF-8")]);
        environment(self.toolchain, true).into_iter().chain(plain).chain(self.recipe.env.iter().cloned()).collect()
    }

    async fn fetch(
        &self,
        scratch: &Scratch,
        on_progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<String, BuildError> {
        if self.request.offline {
            let why = "the submission has dependencies, and takehome was told to stay offline".to_owned();
            return Err(BuildError::Dependency { denied: Vec::new(), unreachable: vec![why], failure: None });
        }
        let env = self.env();
        let teacher = Teacher {
            backend: self.backend,
            host: &self.request.host,
            toolchain: self.toolchain,
            cache: self.request.cache,
            limits: &super::Limits::default(),
            env: &env,
        };
        let network = registries::network(&teacher, &self.recipe.tools, self.request.allow_hosts).await?;
        let mut tell = |command: &str| on_progress(Progress::Command(Phase::Fetch, command.to_owned()));
        let ran = self.room(scratch, Some(network)).run(&self.recipe.fetch, &mut tell).await?;
        self.judge(Phase::Fetch, ran)
    }

    async fn build(
        &self,
        scratch: &Scratch,
        on_progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<String, BuildError> {
        if self.recipe.build.is_empty() {
            return Ok(String::new());
        }
        let mut tell = |command: &str| on_progress(Progress::Command(Phase::Build, command.to_owned()));
        let ran = self.room(scratch, None).run(&self.recipe.build, &mut tell).await?;
        self.judge(Phase::Build, ran)
    }

    fn room<'r>(&'r self, scratch: &'r Scratch, network: Option<Network>) -> Room<'r> {
        let mut mounts = self.toolchain.mounts.clone();
        let mut env = self.env();
        let fetching = network.is_some();
        if let Some(network) = &network {
            mounts.extend(network.mounts.iter().cloned());
            env.extend(network.env.iter().cloned());
        }
        Room {
            backend: self.backend,
            label: if fetching { "fetch" } else { "build" },
            folders: &scratch.folders,
            mounts,
            env,
            cwd: self.recipe.cwd(),
            limits: &self.request.limits,
            rules: network.map(|network| network.rules),
            fetching,
        }
    }

    async fn take(&self, scratch: &Scratch, slot: &Slot) -> Result<(std::path::PathBuf, artefact::Taken), BuildError> {
        let prepared = slot.prepare().map_err(BuildError::io("writing the build cache"))?;
        let folders = scratch.folders.clone();
        let (source, bytes) = (self.request.tree.to_owned(), self.request.limits.disk);
        let (what, to) = (self.recipe.take.clone(), prepared.join("artefact"));
        let taken = tokio::task::spawn_blocking(move || {
            artefact::take(&Taking { folders: &folders, source: &source, bytes }, &what, &to)
        });
        let taken = taken.await.map_err(|error| BuildError::io("copying the build's result")(error.into()))??;
        Ok((prepared, taken))
    }

    /// Whether this is the command of the person who grades, for which nothing has been fetched.
    fn is_unfetched(&self, phase: Phase) -> bool {
        phase == Phase::Build && self.request.choice.build.is_some() && self.recipe.fetch.is_empty()
    }

    /// The log of a phase that went well, or whose fault it is.
    fn judge(&self, phase: Phase, ran: Ran) -> Result<String, BuildError> {
        let Some((command, end)) = ran.failed else { return Ok(ran.log) };
        let mut failure = Failure {
            phase,
            command,
            end,
            excerpt: excerpt(&ran.log),
            log: ran.log,
            blame: Blame::Candidate,
            hint: None,
        };
        if phase == Phase::Fetch && !matches!(failure.end, End::Disk(_) | End::Memory(_) | End::Hidden) {
            let Report { denied, unreachable, .. } = ran.network;
            if !denied.is_empty() || !unreachable.is_empty() {
                failure.blame = Blame::Environment;
                return Err(BuildError::Dependency {
                    denied: denied.into_iter().collect(),
                    unreachable: unreachable.iter().map(|(host, why)| format!("{host}: {why}")).collect(),
                    failure: Some(Box::new(failure)),
                });
            }
        }
        if let Some(hint) = advice::of_machine(&failure.log) {
            failure.blame = Blame::Environment;
            failure.hint = Some(hint);
        } else if self.is_unfetched(phase) && advice::lacks_network(&failure.log) {
            failure.blame = Blame::Usage;
            failure.hint = Some(advice::of_command());
        } else {
            failure.hint = advice::of_submission(&failure.log).map(str::to_owned);
        }
        Err(BuildError::Failed(Box::new(failure)))
    }
}
