//! Go's standard library, compiled once.
//!
//! A cold build cache costs tens of seconds. So a program of our own that imports the usual packages fills one, and
//! every build gets a copy of it: a copy and not links, or one candidate could change what another builds with.

use std::{fs, io, path::Path};

use super::{
    BuildError, Progress, cache,
    pipeline::Build,
    room::{Folders, Room},
    workspace::{self, Scratch},
};
use crate::language::recipe::{Step, env};

/// The packages that submissions of concurrency challenges import.
const PACKAGES: &str = "bufio bytes cmp container/heap container/list context crypto/rand crypto/sha256 encoding/binary \
    encoding/gob encoding/hex encoding/json errors flag fmt hash/fnv io io/fs log log/slog maps math math/big math/rand \
    math/rand/v2 net net/http net/rpc net/url os os/exec os/signal path path/filepath reflect regexp runtime \
    runtime/debug slices sort strconv strings sync sync/atomic syscall text/tabwriter text/template time unicode \
    unicode/utf8 unsafe";

/// Puts a warm build cache into the folder of a build.
pub(super) async fn go(
    build: &Build<'_>,
    folders: &Folders,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), BuildError> {
    let key = cache::hash([build.toolchain.versions.join("\n").as_str(), PACKAGES]);
    let all = build.request.cache.join("go");
    let warm = all.join(&key);
    if !warm.exists() {
        fs::create_dir_all(&all).map_err(BuildError::io("making Go's build cache"))?;
        let _one_at_a_time =
            cache::lock(&all.join(format!("{key}.lock"))).await.map_err(BuildError::io("locking Go's build cache"))?;
        if !warm.exists() {
            on_progress(Progress::Preparing("Go's standard library"));
            fill(build, &warm).await?;
        }
    }
    let to = folders.out.join("gocache");
    if !warm.exists() {
        return Ok(());
    }
    let copied = tokio::task::spawn_blocking(move || copy(&warm, &to)).await;
    copied.unwrap_or_else(|error| Err(error.into())).map_err(BuildError::io("copying Go's build cache"))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    workspace::copy(from, to)
}

async fn fill(build: &Build<'_>, warm: &Path) -> Result<(), BuildError> {
    let scratch = Scratch::new(build.request.cache).map_err(BuildError::io("making a work folder"))?;
    let tree = &scratch.folders.tree;
    // Packages that this version of Go does not have are left out by the `-e` of go list.
    let list = format!(
        "go build -o /dev/null $(go list -e -f '{{{{if not .Error}}}}{{{{.ImportPath}}}}{{{{end}}}}' {PACKAGES}) && go build -o /out/x ."
    );
    let main = "package main\n\nimport (\n\t_ \"encoding/json\"\n\t_ \"fmt\"\n\t_ \"net/http\"\n)\n\nfunc main() {}\n";
    fs::write(tree.join("main.go"), main).map_err(BuildError::io("writing a work folder"))?;
    fs::write(tree.join("go.mod"), "module warm\n").map_err(BuildError::io("writing a work folder"))?;
    scratch.adopt(build.backend).map_err(BuildError::io("handing over the work folder"))?;
    let flags = env([("GOFLAGS", "-mod=mod -buildvcs=false"), ("GOPROXY", "off")]);
    let room = Room {
        backend: build.backend,
        label: "warm",
        folders: &scratch.folders,
        mounts: build.toolchain.mounts.clone(),
        env: build.env().into_iter().chain(flags).collect(),
        cwd: crate::backend::WORK.to_owned(),
        limits: &super::Limits::default(),
        rules: None,
        fetching: false,
    };
    let ran = room.run(&[Step::shell(&list)], &mut |_| {}).await?;
    if ran.failed.is_some() {
        // It is only slower without; the build itself will say what is wrong with this machine's Go.
        return Ok(());
    }
    let (from, to) = (scratch.folders.out.join("gocache"), warm.to_owned());
    let stored = tokio::task::spawn_blocking(move || {
        let new = to.with_extension("new");
        let _none = fs::remove_dir_all(&new);
        copy(&from, &new)?;
        fs::rename(&new, &to)
    });
    stored.await.unwrap_or_else(|error| Err(error.into())).map_err(BuildError::io("keeping Go's build cache"))
}
