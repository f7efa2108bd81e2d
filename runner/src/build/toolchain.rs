//! What is installed on this machine, and how a cell gets to see it.
//!
//! Tools are asked for their versions on the host, always in `/`: in the submission's folder its own configuration
//! files could run code.

use std::{
    ffi::OsStr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use super::{BuildError, version};
use crate::{
    backend::Mount,
    language::recipe::{Need, Tool},
};

/// The tools that a recipe asked for.
#[derive(Debug, Clone, Default)]
pub struct Toolchain {
    /// One line for each tool: its name and version.
    pub versions: Vec<String>,
    /// Folders that hold their programs.
    pub path: Vec<PathBuf>,
    /// What of them lies outside the system's own folders.
    pub mounts: Vec<Mount>,
    /// Their environment.
    pub env: Vec<(String, String)>,
}

/// Where every cell with the system's files finds programs.
pub(super) const SYSTEM: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// Where tools are looked for.
#[derive(Debug, Clone)]
pub struct Host {
    /// The `PATH` of takehome itself.
    pub path: String,
}

impl Default for Host {
    fn default() -> Self {
        Self { path: std::env::var("PATH").unwrap_or_default() }
    }
}

impl Host {
    /// The first program of that name.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let candidates = std::env::split_paths(&self.path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(name));
        let runs =
            |path: &PathBuf| path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
        candidates.into_iter().find(runs)
    }

    /// What a program says, on both outputs, when it succeeds.
    pub async fn ask<S: AsRef<OsStr>>(&self, program: &Path, words: &[S]) -> Option<String> {
        let mut command = tokio::process::Command::new(program);
        command.args(words).current_dir("/").stdin(Stdio::null()).kill_on_drop(true).env("PATH", &self.path);
        let output = tokio::time::timeout(Duration::from_secs(20), command.output()).await.ok()?.ok()?;
        let text = [output.stdout, output.stderr].concat();
        output.status.success().then(|| String::from_utf8_lossy(&text).into_owned())
    }
}

/// Finds the tools, and checks that they are new enough.
pub(super) async fn locate(host: &Host, tools: &[Tool], need: Option<&Need>) -> Result<Toolchain, BuildError> {
    let mut all = Toolchain::default();
    for &tool in tools {
        let one = one(host, tool).await.ok_or_else(|| missing(tool))?;
        if let Some(need) = need.filter(|need| need.tool == tool) {
            enough(need, &one.versions[0])?;
        }
        all.versions.extend(one.versions);
        all.path.extend(one.path.into_iter().filter(|dir| !in_system(dir)));
        all.mounts.extend(one.mounts);
        all.env.extend(one.env);
    }
    all.path.dedup();
    Ok(all)
}

async fn one(host: &Host, tool: Tool) -> Option<Toolchain> {
    match tool {
        Tool::Rust => rust(host).await,
        Tool::Go => go(host).await,
        Tool::C => compiler(host, "cc").await,
        Tool::Cpp => compiler(host, "c++").await,
        Tool::Cmake => compiler(host, "cmake").await,
        Tool::Make => compiler(host, "make").await,
        Tool::Python => python(host).await,
        Tool::Node => node(host).await,
        Tool::Npm => npm(host),
        Tool::Java => java(host).await,
        Tool::Maven => maven(host),
    }
}

async fn rust(host: &Host) -> Option<Toolchain> {
    let rustc = host.find("rustc")?;
    // Both at once: behind rustup each takes a while.
    let (version, sysroot) = tokio::join!(host.ask(&rustc, &["-vV"]), host.ask(&rustc, &["--print", "sysroot"]));
    let (version, sysroot) = (version?, PathBuf::from(sysroot?.trim()));
    if !sysroot.join("bin/cargo").exists() && !Path::new("/usr/bin/cargo").exists() {
        return None;
    }
    let triple = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let line = format!("{} ({triple})", version.lines().next()?);
    Some(Toolchain { path: vec![sysroot.join("bin")], mounts: seen(&sysroot), ..named(line) })
}

async fn go(host: &Host) -> Option<Toolchain> {
    let go = host.find("go")?;
    let text = host.ask(&go, &["env", "GOROOT", "GOVERSION"]).await?;
    let (root, version) = text.trim().split_once('\n')?;
    let root = PathBuf::from(root);
    let env = vec![("GOROOT".to_owned(), root.to_str()?.to_owned())];
    Some(Toolchain {
        path: vec![root.join("bin")],
        mounts: seen(&root),
        env,
        ..named(version.replacen("go", "go ", 1))
    })
}

/// A tool that is one program and is found where the system has it, or below its own prefix.
async fn compiler(host: &Host, name: &str) -> Option<Toolchain> {
    let found = host.find(name)?;
    let version = host.ask(&found, &["--version"]).await?.lines().next()?.to_owned();
    let path = found.parent()?.to_owned();
    let mounts = path.parent().map(seen).unwrap_or_default();
    Some(Toolchain { path: vec![path], mounts, ..named(version) })
}

async fn python(host: &Host) -> Option<Toolchain> {
    let python = host.find("python3")?;
    // A shim or a virtual environment stands before the interpreter itself.
    let question = "import sys; print(sys.version.split()[0]); print(sys.base_prefix)";
    let text = host.ask(&python, &["-I", "-S", "-c", question]).await?;
    let (version, prefix) = text.trim().split_once('\n')?;
    let prefix = PathBuf::from(prefix);
    Some(Toolchain { path: vec![prefix.join("bin")], mounts: seen(&prefix), ..named(format!("python {version}")) })
}

async fn node(host: &Host) -> Option<Toolchain> {
    let node = host.find("node")?;
    let text = host.ask(&node, &["-p", "process.version + '\\n' + process.execPath"]).await?;
    let (version, program) = text.trim().split_once('\n')?;
    let prefix = Path::new(program).parent()?.parent()?.to_owned();
    Some(Toolchain { path: vec![prefix.join("bin")], mounts: seen(&prefix), ..named(format!("node {version}")) })
}

fn npm(host: &Host) -> Option<Toolchain> {
    let found = host.find("npm")?;
    let program = found.canonicalize().ok()?;
    // <prefix>/lib/node_modules/npm/bin/npm-cli.js
    let prefix = program.ancestors().nth(5)?;
    let package = std::fs::read_to_string(program.parent()?.parent()?.join("package.json")).unwrap_or_default();
    let package: serde_json::Value = serde_json::from_str(&package).unwrap_or_default();
    let version = package["version"].as_str().unwrap_or("?");
    Some(Toolchain { path: vec![found.parent()?.to_owned()], mounts: seen(prefix), ..named(format!("npm {version}")) })
}

async fn java(host: &Host) -> Option<Toolchain> {
    let java = host.find("javac")?.canonicalize().ok()?;
    let mut home = java.parent()?.parent()?.to_owned();
    let release = |home: &Path| {
        let text = std::fs::read_to_string(home.join("release")).ok()?;
        text.lines()
            .find_map(|line| line.strip_prefix("JAVA_VERSION="))
            .map(|version| version.trim_matches('"').to_owned())
    };
    let mut version = release(&home);
    if version.is_none() {
        // A shim: ask the machine itself.
        let text = host.ask(&host.find("java")?, &["-XshowSettings:properties", "-version"]).await?;
        let property = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(" = "));
        home = PathBuf::from(property("java.home")?);
        version = property("java.version").map(str::to_owned);
    }
    let mut mounts = seen(&home);
    // Distributions keep its configuration elsewhere and link to it.
    if let Ok(file) = home.join("conf/security/java.security").canonicalize() {
        mounts.extend(file.ancestors().nth(2).filter(|dir| dir.starts_with("/etc")).map(shown));
    }
    let env = vec![("JAVA_HOME".to_owned(), home.to_str()?.to_owned())];
    Some(Toolchain { path: vec![home.join("bin")], mounts, env, ..named(format!("java {}", version?)) })
}

fn maven(host: &Host) -> Option<Toolchain> {
    let found = host.find("mvn")?;
    let home = found.canonicalize().ok()?.parent()?.parent()?.to_owned();
    let jars = std::fs::read_dir(home.join("lib")).ok()?.flatten();
    let version = jars.filter_map(|jar| jar.file_name().into_string().ok()).find_map(|jar| {
        Some(jar.strip_prefix("maven-core-")?.trim_end_matches(".jar").trim_end_matches("-SNAPSHOT").to_owned())
    });
    let mut mounts = seen(&home);
    // Of its configuration what it needs to start: settings.xml may hold passwords.
    for file in ["bin/m2.conf", "conf/logging"] {
        let real = home.join(file).canonicalize().ok().filter(|path| path.starts_with("/etc"));
        mounts.extend(real.map(|path| shown(&path)));
    }
    Some(Toolchain { path: vec![home.join("bin")], mounts, ..named(format!("maven {}", version.unwrap_or_default())) })
}

fn named(version: impl Into<String>) -> Toolchain {
    Toolchain { versions: vec![version.into()], ..Toolchain::default() }
}

/// Whether every cell with the system's files sees a path anyway.
fn in_system(path: &Path) -> bool {
    ["/usr/bin", "/bin"].iter().any(|dir| path == Path::new(dir))
}

/// The mount that shows a prefix, unless it is part of the system.
fn seen(prefix: &Path) -> Vec<Mount> {
    let real = prefix.canonicalize().unwrap_or_else(|_| prefix.to_owned());
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_else(|| PathBuf::from("/root"));
    if real.starts_with("/usr") || home.starts_with(&real) {
        return Vec::new();
    }
    if real == home.join(".local") {
        // Beside programs there are a person's own files, which are nobody's business.
        return ["bin", "lib"]
            .map(|dir| prefix.join(dir))
            .iter()
            .filter(|dir| dir.exists())
            .map(|dir| shown(dir))
            .collect();
    }
    vec![shown(prefix)]
}

/// A read-only mount of a path at itself.
pub(super) fn shown(path: &Path) -> Mount {
    Mount { host: path.to_owned(), at: path.to_owned(), writable: false }
}

fn enough(need: &Need, installed: &str) -> Result<(), BuildError> {
    let has = installed.split(' ').nth(1).unwrap_or_default();
    if version::at_least(has, &need.version) {
        return Ok(());
    }
    Err(BuildError::Toolchain {
        tool: name(need.tool).to_owned(),
        problem: format!("{} asks for {} {}, this machine has {has}", need.said_by, name(need.tool), need.version),
        hint: hint(need.tool).to_owned(),
    })
}

/// Checks that a program which is found by its name will be found in a cell.
pub(super) fn reachable(program: &str, toolchain: &Toolchain) -> Result<(), BuildError> {
    let dirs = toolchain.path.iter().map(PathBuf::as_path).chain(SYSTEM.map(Path::new));
    if program.contains('/') || dirs.into_iter().any(|dir| dir.join(program).exists()) {
        return Ok(());
    }
    Err(BuildError::Toolchain {
        tool: program.to_owned(),
        problem: format!("`{program}`, which runs the submission, is not installed on this machine"),
        hint: format!("install it where the sandbox sees it: in {}", SYSTEM.join(", ")),
    })
}

fn missing(tool: Tool) -> BuildError {
    let problem = format!("{} is not installed on this machine", name(tool));
    BuildError::Toolchain { tool: name(tool).to_owned(), problem, hint: hint(tool).to_owned() }
}

fn name(tool: Tool) -> &'static str {
    match tool {
        Tool::Rust => "Rust",
        Tool::Go => "Go",
        Tool::C => "a C compiler (`cc`)",
        Tool::Cpp => "a C++ compiler (`c++`)",
        Tool::Cmake => "CMake",
        Tool::Make => "make",
        Tool::Python => "Python 3",
        Tool::Node => "Node",
        Tool::Npm => "npm",
        Tool::Java => "a Java development kit",
        Tool::Maven => "Maven",
    }
}

fn hint(tool: Tool) -> &'static str {
    match tool {
        Tool::Rust => "install or update it with rustup, and see that rustc and cargo are in PATH",
        Tool::Go => {
            "install it from the Go project's download page, or the system's package `golang`, and see that go is in PATH"
        }
        Tool::C | Tool::Cpp | Tool::Make => "install the system's package `build-essential`, or gcc, g++ and make",
        Tool::Cmake => "install the system's package `cmake`",
        Tool::Python => "install the system's packages `python3` and `python3-pip`, or a newer version with pyenv",
        Tool::Node | Tool::Npm => "install the system's packages `nodejs` and `npm`, or a newer version with nvm",
        Tool::Java => "install a JDK, such as the system's package `default-jdk`",
        Tool::Maven => "install the system's package `maven`",
    }
}
