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

/// A cache for this very binary: builds of earlier ones are removed. What it keeps beside builds, such as Go's compiled
/// standard library, depends on the machine alone.
pub fn shared_cache() -> PathBuf {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let data = fs::metadata(takehome()).expect("the binary was found");
        let mut hasher = DefaultHasher::new();
        (data.len(), data.modified().ok()).hash(&mut hasher);
        let binary = format!("{:016x}", hasher.finish());
        let cache = takehome().with_file_name("takehome-test-cache");
        fs::create_dir_all(&cache).expect("a folder in the target folder");
        if fs::read_to_string(cache.join("binary")).ok().as_ref() != Some(&binary) {
            let _ = fs::remove_dir_all(cache.join("builds"));
            fs::write(cache.join("binary"), binary).expect("a file in the target folder");
        }
        cache
    };
    CACHE.get_or_init(make).clone()
}
