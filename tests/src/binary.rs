//! Where the `takehome` under test is: beside the test's own executable, built anew when it is older than its sources.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

/// The program under test.
pub fn takehome() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("a test has a path");
        let profile = test.parent().and_then(Path::parent).expect("tests lie in <target>/<profile>/deps");
        let binary = profile.join("takehome");
        if !is_fresh(&binary) {
            build(profile);
        }
        assert!(binary.is_file(), "no {}: run `cargo build -p runner`", binary.display());
        binary
    })
}

/// Whether it is no older than any file that the compiler made it from.
fn is_fresh(binary: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let Some(built) = changed(binary) else { return false };
    let Ok(rule) = fs::read_to_string(binary.with_extension("d")) else { return false };
    // One rule of a makefile: `binary: source source …`, with spaces in names escaped.
    let sources = rule.split_once(": ").map_or("", |(_, sources)| sources).trim().replace("\\ ", "\0");
    let older = |source: &str| changed(Path::new(&source.replace('\0', " "))).is_some_and(|at: SystemTime| at <= built);
    sources.split(' ').all(older)
}

fn build(profile: &Path) {
    let name = profile.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "runner", "--bin", "takehome", "--profile"]);
    command.arg(if name == "debug" { "dev" } else { name }).current_dir(crate::workspace());
    command.arg("--target-dir").arg(profile.parent().expect("a profile's folder lies in the target folder"));
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?} failed");
}

/// A cache of builds for this very binary; those of earlier ones are removed.
pub fn shared_cache() -> PathBuf {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let data = fs::metadata(takehome()).expect("the binary was found");
        let mut hasher = DefaultHasher::new();
        (data.len(), data.modified().ok()).hash(&mut hasher);
        let all = takehome().with_file_name("takehome-test-caches");
        let own = all.join(format!("{:016x}", hasher.finish()));
        fs::create_dir_all(&own).expect("a folder in the target folder");
        for entry in fs::read_dir(&all).into_iter().flatten().flatten() {
            if entry.path() != own {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        own
    };
    CACHE.get_or_init(make).clone()
}
