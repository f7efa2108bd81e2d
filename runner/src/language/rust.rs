//! Rust: Cargo packages and workspaces.

use toml::{Table, Value};

use super::{
    Detected, Language, Program,
    recipe::{Need, Recipe, Start, Step, Take, Tool, env},
    tree::{Folder, file_name, join, normalise, stem},
};

/// Cargo.
pub(super) struct Rust;

/// Most packages of a workspace that are looked at.
const MOST_PACKAGES: usize = 64;

impl Language for Rust {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn detect(&self, folder: &Folder<'_>) -> Option<Detected> {
        let manifest: Table = folder.read("Cargo.toml")?.parse().unwrap_or_default();
        let mut programs = Vec::new();
        for member in members(folder, &manifest) {
            let manifest = folder.below(&member).read("Cargo.toml").and_then(|text| text.parse().ok());
            programs.extend(binaries(folder, &member, &manifest.unwrap_or_default()));
        }
        Some(Detected { file: Some("Cargo.toml".to_owned()), programs })
    }

    fn recipe(&self, folder: &Folder<'_>, program: &Program) -> Recipe {
        let lock = folder.upwards().find_map(|folder| folder.read("Cargo.lock"));
        let locked = |step: Step| if lock.is_some() { step.arg("--locked") } else { step };
        let name = program.name.rsplit('/').next().unwrap_or_default();
        let fetched = match &lock {
            Some(lock) => lock.lines().any(|line| line.starts_with("source = ")),
            None => all_manifests(folder).iter().any(asks),
        };
        let build = Step::new(["cargo", "build", "--release", "--offline", "-p", &program.detail, "--bin", name]);
        let mut notices = Vec::new();
        if folder.upwards().any(|up| up.has("rust-toolchain.toml") || up.has("rust-toolchain")) {
            notices.push("the submission names a Rust toolchain; it is built with this machine's own".to_owned());
        }
        if lock.is_none() && fetched {
            notices.push("there is no Cargo.lock: the newest matching versions were taken".to_owned());
        }
        Recipe {
            language: self.name().to_owned(),
            dir: folder.dir.clone(),
            program: Some(name.to_owned()),
            tools: vec![Tool::Rust, Tool::C],
            needs: rust_version(folder, &program.path),
            fetch: if fetched { vec![locked(Step::new(["cargo", "fetch"]))] } else { Vec::new() },
            build: vec![locked(build)],
            // The wrapper variables are empty on purpose: they outrank a wrapper in the submission's own configuration.
            env: env([
                ("CARGO_HOME", "/deps/cargo"),
                ("CARGO_TARGET_DIR", "/out/target"),
                // So that the stacks of a program that hangs have lines; the code stays the same.
                ("CARGO_PROFILE_RELEASE_DEBUG", "1"),
                ("CARGO_TERM_COLOR", "never"),
                ("RUSTC_WRAPPER", ""),
                ("RUSTC_WORKSPACE_WRAPPER", ""),
            ]),
            take: Take::Program {
                from: vec![format!("/out/target/release/{name}"), format!("/out/target/*/release/{name}")],
                name: name.to_owned(),
            },
            start: Start::compiled(name),
            notices,
            manifest: None,
        }
    }
}

/// The packages of a workspace, the root's own included.
fn members(folder: &Folder<'_>, manifest: &Table) -> Vec<String> {
    let mut all = Vec::new();
    if manifest.contains_key("package") {
        all.push(String::new());
    }
    let workspace = manifest.get("workspace").and_then(Value::as_table);
    let list = |name| workspace.and_then(|workspace| workspace.get(name)).map(strings).unwrap_or_default();
    let excluded = list("exclude");
    let manifests: Vec<&str> = folder.files(8).into_iter().filter(|file| file.ends_with("/Cargo.toml")).collect();
    for pattern in list("members") {
        let Some(pattern) = normalise(&pattern) else { continue };
        let dirs = manifests.iter().map(|file| &file[..file.len() - "/Cargo.toml".len()]);
        all.extend(dirs.filter(|dir| matches(&pattern, dir)).map(str::to_owned));
    }
    all.retain(|dir| !excluded.iter().any(|pattern| matches(pattern, dir)));
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|dir| seen.insert(dir.clone()));
    all.truncate(MOST_PACKAGES);
    all
}

/// Whether a path fits a pattern in which `*` stands for a part of one name.
fn matches(pattern: &str, path: &str) -> bool {
    let one = |pattern: &str, name: &str| match pattern.split_once('*') {
        Some((head, tail)) => name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail),
        None => pattern == name,
    };
    let (mut patterns, mut names) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), names.next()) {
            (None, None) => return true,
            (Some(pattern), Some(name)) if one(pattern, name) => {}
            _ => return false,
        }
    }
}

/// The binaries of one package, by Cargo's own rules.
fn binaries(folder: &Folder<'_>, member: &str, manifest: &Table) -> Vec<Program> {
    let Some(package) = manifest.get("package").and_then(Value::as_table) else { return Vec::new() };
    let Some(name) = package.get("name").and_then(Value::as_str) else { return Vec::new() };
    let inside = folder.below(member);
    let mut found: Vec<(String, String)> = Vec::new();
    if package.get("autobins").and_then(Value::as_bool) != Some(false) {
        for file in inside.files(3) {
            match file.split('/').collect::<Vec<_>>()[..] {
                ["src", "main.rs"] => found.push((name.to_owned(), file.to_owned())),
                ["src", "bin", script] if script.ends_with(".rs") => {
                    found.push((stem(file).to_owned(), file.to_owned()))
                }
                ["src", "bin", bin, "main.rs"] => found.push((bin.to_owned(), file.to_owned())),
                _ => {}
            }
        }
    }
    for bin in manifest.get("bin").and_then(Value::as_array).into_iter().flatten() {
        let Some(bin_name) = bin.get("name").and_then(Value::as_str) else { continue };
        let path = bin.get("path").and_then(Value::as_str).unwrap_or("src/main.rs");
        // An entry of this name or of this file takes the place of what was found by itself.
        let given = bin.get("path").is_some();
        found.retain(|(name, file)| name != bin_name && !(given && file == path));
        found.push((bin_name.to_owned(), path.to_owned()));
    }
    found.sort();
    let default = package.get("default-run").and_then(Value::as_str);
    let program = |(bin, path): (String, String)| Program {
        default: default == Some(bin.as_str()),
        ..Program::new(bin, join(member, &path)).with(name)
    };
    found.into_iter().map(program).collect()
}

/// Whether a manifest asks for anything that is not a path inside the submission.
fn asks(manifest: &Table) -> bool {
    let one = |value: &Value| {
        value.as_table().is_none_or(|table| {
            !table.contains_key("path") && table.get("workspace").and_then(Value::as_bool) != Some(true)
        })
    };
    manifest.iter().any(|(name, value)| match value {
        Value::Table(table) if name.ends_with("dependencies") => table.values().any(one),
        Value::Table(table) if name != "package" && name != "features" => asks(table),
        _ => false,
    })
}

fn all_manifests(folder: &Folder<'_>) -> Vec<Table> {
    let files = folder.files(8).into_iter().filter(|file| file_name(file) == "Cargo.toml");
    let above = folder.upwards().skip(1).filter_map(|up| up.read("Cargo.toml"));
    files
        .take(MOST_PACKAGES)
        .filter_map(|file| folder.read(file))
        .chain(above)
        .filter_map(|text| text.parse().ok())
        .collect()
}

/// The `rust-version` of the package that holds a file.
fn rust_version(folder: &Folder<'_>, file: &str) -> Option<Need> {
    let at = folder.below(file.rsplit_once("/src/").map_or("", |(dir, _)| dir));
    let manifests: Vec<Table> =
        at.upwards().filter_map(|up| up.read("Cargo.toml")).filter_map(|text| text.parse().ok()).collect();
    let version = manifests.iter().find_map(|manifest| {
        let table = manifest.get("package").or_else(|| manifest.get("workspace")?.get("package"))?;
        table.get("rust-version")?.as_str().map(str::to_owned)
    })?;
    Some(Need { tool: Tool::Rust, version, said_by: "Cargo.toml".to_owned() })
}

fn strings(value: &Value) -> Vec<String> {
    let words = value.as_array().into_iter().flatten();
    words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{line, recipe};

    const PACKAGE: &str = "[package]\nname = 'demo'\n";

    #[test]
    fn one_binary_needs_no_name() {
        let files = [("Cargo.toml", "[package]\nname='demo'\nrust-version='1.80'"), ("src/main.rs", "fn main() {}")];
        let recipe = recipe(&files, None, None).unwrap();
        assert_eq!(line(&recipe.build[0]), "cargo build --release --offline -p demo --bin demo");
        assert!(recipe.fetch.is_empty());
        assert_eq!(recipe.needs.unwrap().version, "1.80");
    }

    #[test]
    fn several_binaries_are_listed_with_their_option() {
        let files =
            [("Cargo.toml", PACKAGE), ("src/bin/echo.rs", ""), ("src/bin/gossip/main.rs", ""), ("src/lib.rs", "")];
        let error = recipe(&files, None, None).unwrap_err();
        assert!(error.contains("2 programs") && error.contains("\n  --bin echo  (rust)\n  --bin gossip"), "{error}");
        assert_eq!(recipe(&files, None, Some("gossip")).unwrap().program.unwrap(), "gossip");
        let error = recipe(&files, None, Some("goossip")).unwrap_err();
        assert!(error.contains("did you mean `gossip`"), "{error}");
    }

    #[test]
    fn workspaces_and_explicit_binaries() {
        let files = [
            ("Cargo.toml", "[workspace]\nmembers = ['crates/*']\nexclude = ['crates/old']"),
            ("crates/node/Cargo.toml", "[package]\nname='node'\n[dependencies]\nlib={path='../lib'}"),
            ("crates/node/src/main.rs", ""),
            ("crates/lib/Cargo.toml", "[package]\nname='lib'\n[[bin]]\nname='tool'\npath='src/t.rs'"),
            ("crates/lib/src/t.rs", ""),
            ("crates/old/Cargo.toml", "[package]\nname='old'"),
            ("crates/old/src/main.rs", ""),
        ];
        let error = recipe(&files, None, None).unwrap_err();
        assert!(error.contains("--bin tool") && error.contains("--bin node") && !error.contains("old"), "{error}");
        let recipe = recipe(&files, None, Some("tool")).unwrap();
        assert_eq!(line(&recipe.build[0]), "cargo build --release --offline -p lib --bin tool");
        assert!(recipe.fetch.is_empty());
    }

    #[test]
    fn dependencies_are_fetched_by_the_lock_file() {
        let lock = "[[package]]\nname = 'a'\nsource = \"registry\"";
        let files = [("Cargo.toml", PACKAGE), ("src/main.rs", ""), ("Cargo.lock", lock)];
        let with = recipe(&files, None, None).unwrap();
        assert_eq!(line(&with.fetch[0]), "cargo fetch --locked");
        let files = [("Cargo.toml", "[package]\nname='demo'\n[dependencies]\nserde = '1'"), ("src/main.rs", "")];
        let without = recipe(&files, None, None).unwrap();
        assert_eq!(line(&without.fetch[0]), "cargo fetch");
        assert_eq!(without.notices.len(), 1);
    }

    #[test]
    fn a_library_has_no_program() {
        let error = recipe(&[("Cargo.toml", PACKAGE), ("src/lib.rs", "")], None, None).unwrap_err();
        assert!(error.contains("Cargo.toml (rust) defines none"), "{error}");
    }
}
