//! What the end-to-end tests share: a world of their own for each, with the real `takehome` in it.

mod binary;
pub mod processes;
pub mod schema;
#[path = "../../runner/tests/support/skip.rs"]
mod skip;

pub use binary::takehome;
pub use skip::{has, in_ci, leave_out, missing, skip};

use challenges::Tree;
use serde_json::Value;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};
use tempfile::TempDir;

/// The top of the project.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// Whether submissions can be run in the sandbox here; says why not.
pub fn has_sandbox() -> bool {
    static WHY_NOT: OnceLock<Option<String>> = OnceLock::new();
    let why_not = WHY_NOT.get_or_init(|| {
        let doctor = TestEnv::new().run(["doctor", "--format", "json"]);
        (doctor.code != Some(0)).then(|| doctor.json()["reason"].to_string())
    });
    why_not.as_ref().inspect(|why| skip(&format!("no sandbox on this machine: {why}"))).is_none()
}

/// A folder with a home, a state and a cache of its own, in which takehome is run.
pub struct TestEnv {
    root: TempDir,
    cache: PathBuf,
}

impl TestEnv {
    /// A world whose builds are shared with other tests of the same takehome.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { cache: binary::shared_cache(), ..Self::cold() }
    }

    /// A world in which nothing has been built yet.
    pub fn cold() -> Self {
        let root = tempfile::Builder::new().prefix("takehome-test-").tempdir().expect("a temporary folder");
        fs::create_dir(root.path().join("home")).expect("a home");
        Self { cache: root.path().join("cache"), root }
    }

    /// A path in this world.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Where runs are recorded.
    pub fn runs(&self) -> PathBuf {
        self.path("state/runs")
    }

    /// The folders of the runs there are.
    pub fn recorded(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.runs()).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// Writes a file, and the folders above it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    /// Writes a submission into a folder.
    pub fn folder(&self, name: &str, tree: &Tree) -> PathBuf {
        for (path, bytes) in &tree.files {
            let path = self.path(name).join(path);
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
            fs::write(path, bytes).expect("a file");
        }
        self.path(name)
    }

    /// Makes a repository of a submission; the id of its only commit.
    pub fn repository(&self, name: &str, tree: &Tree) -> String {
        let repository = git2::Repository::init(self.folder(name, tree)).expect("a repository");
        let mut index = repository.index().expect("an index");
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).expect("files are added");
        index.write().expect("the index is written");
        let tree = repository.find_tree(index.write_tree().expect("a tree")).expect("the tree");
        let who = git2::Signature::new("Ada Candidate", "ada@example.org", &git2::Time::new(1_700_000_000, 60));
        let who = who.expect("a signature");
        repository.commit(Some("HEAD"), &who, &who, "Solve it", &tree, &[]).expect("a commit").to_string()
    }

    /// A program that sees this world and nothing of the user's own settings.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.root.path()).stdin(std::process::Stdio::null());
        command.env("HOME", self.path("home")).env("TAKEHOME_STATE", self.path("state"));
        command.env("TAKEHOME_CACHE", &self.cache).env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        for name in ["PATH", "TMPDIR", "LD_LIBRARY_PATH"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.envs(managers());
        command
    }

    /// `takehome` with these arguments.
    pub fn takehome<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.program(takehome());
        command.args(arguments);
        command
    }

    /// Runs `takehome` to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        Ran::of(&mut self.takehome(arguments))
    }
}

/// Managers of toolchains keep them in the user's home, which tests do not see.
fn managers() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let folders = [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo"), ("PYENV_ROOT", ".pyenv")];
    folders.into_iter().filter_map(move |(name, folder)| {
        let own = std::env::var_os(name).map(PathBuf::from);
        Some((name, own.unwrap_or_else(|| home.join(folder)))).filter(|(_, folder)| folder.is_dir())
    })
}

/// What a program came to.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")).into()
    }

    /// Its output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Insists on an exit code.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Insists on words on stderr.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not said:\n{}", self.stderr);
        }
        self
    }

    /// Insists on words on stdout.
    #[track_caller]
    pub fn prints(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stdout.contains(word), "`{word}` is not printed:\n{}", self.stdout);
        }
        self
    }

    /// Insists on an empty stdout.
    #[track_caller]
    pub fn prints_nothing(self) -> Self {
        assert_eq!(self.stdout, "", "nothing belongs on stdout");
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("takehome prints UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A project of a challenge that ships with takehome, such as `reference/rust`.
pub fn project(challenge: &str, variant: &str) -> Tree {
    challenges::find(challenge).expect("the challenge").project(variant).expect("the project")
}
