//! What is to be done with a submission, as plain data: decided from its files alone, carried out elsewhere.
//!
//! All paths are those inside a cell: the submission at [`WORK`], fetched dependencies at [`DEPS`], what a build
//! makes at [`OUT`], and, once it runs, the artefact at [`APP`].

use serde::Serialize;

use super::manifest::Manifest;
pub use crate::backend::WORK;

/// Where fetched dependencies are seen: writable while they are fetched, read-only while the submission is built.
pub const DEPS: &str = "/deps";
/// Where a build puts what it makes.
pub const OUT: &str = "/out";
/// Where the artefact is seen by the program that runs.
pub const APP: &str = "/app";

/// How a submission is fetched, built and run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recipe {
    /// Name of its language, such as `rust`; `custom` when its author says how it is built.
    pub language: String,
    /// Folder of the submission that is built; empty for its root.
    pub dir: String,
    /// Which of its programs.
    pub program: Option<String>,
    /// What must be installed on this machine.
    pub tools: Vec<Tool>,
    /// A version that the submission asks for.
    pub needs: Option<Need>,
    /// Commands that fetch dependencies; empty when there are none.
    pub fetch: Vec<Step>,
    /// Commands that build it, without a network.
    pub build: Vec<Step>,
    /// Environment of both.
    pub env: Vec<(String, String)>,
    /// What is kept.
    pub take: Take,
    /// How it is run.
    pub start: Start,
    /// What the person who grades should know.
    #[serde(skip)]
    pub notices: Vec<String>,
    /// The submission's own `takehome.toml`.
    #[serde(skip)]
    pub manifest: Option<Manifest>,
}

/// Something that must be installed on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Tool {
    /// rustc and cargo.
    Rust,
    /// The go command.
    Go,
    /// A C compiler.
    C,
    /// A C++ compiler.
    Cpp,
    /// cmake.
    Cmake,
    /// make.
    Make,
    /// Python 3.
    Python,
    /// node.
    Node,
    /// npm, with node.
    Npm,
    /// A Java development kit.
    Java,
    /// Maven.
    Maven,
}

/// The version of a tool that a submission asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// Of which tool.
    pub tool: Tool,
    /// At least this version.
    pub version: String,
    /// The file that says so.
    pub said_by: String,
}

/// One command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Program and arguments; the program is looked up among the tools.
    pub argv: Vec<String>,
    /// Environment of this command alone.
    pub env: Vec<(String, String)>,
}

/// What of a build is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Take {
    /// One program: the first of these paths that exists, where `*` stands for one folder. Kept as `bin/<name>`.
    Program {
        /// Paths inside the cell.
        from: Vec<String>,
        /// Its name.
        name: String,
    },
    /// The one executable that the build made below a folder. Kept as `bin/program`.
    Executable {
        /// Path inside the cell.
        under: String,
        /// Its file name, needed when there are several.
        name: Option<String>,
    },
    /// Whole folders: from a path inside the cell to a path in the artefact. A missing folder is skipped, unless it
    /// is the first.
    Folders(Vec<(String, String)>),
}

/// How an artefact is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Start {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment beside that of the tools.
    pub env: Vec<(String, String)>,
    /// Whether it needs the tools, and the rest of the system, when it runs.
    pub interpreted: bool,
    /// Whether it is started in [`APP`] rather than in its own data folder.
    pub cwd_in_app: bool,
}

impl Recipe {
    /// The folder of the cell in which commands are run.
    pub fn cwd(&self) -> String {
        in_work(&self.dir)
    }
}

impl Step {
    /// A command of these words.
    pub fn new<const N: usize>(argv: [&str; N]) -> Self {
        Self { argv: argv.map(str::to_owned).to_vec(), env: Vec::new() }
    }

    /// A command for the shell.
    pub fn shell(command: &str) -> Self {
        Self::new(["/bin/sh", "-c", command])
    }

    /// The same command with one more argument.
    pub fn arg(mut self, word: impl Into<String>) -> Self {
        self.argv.push(word.into());
        self
    }

    /// The same command with one more variable in its environment.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }
}

impl Start {
    /// A compiled program kept as `bin/<name>`, which needs nothing but the system's libraries.
    pub fn compiled(name: &str) -> Self {
        let argv = vec![format!("{APP}/bin/{name}")];
        Self { argv, env: Vec::new(), interpreted: false, cwd_in_app: false }
    }

    /// A program that an interpreter runs.
    pub fn interpreted<const N: usize>(argv: [&str; N]) -> Self {
        let argv = argv.map(str::to_owned).to_vec();
        Self { argv, env: Vec::new(), interpreted: true, cwd_in_app: false }
    }
}

/// Where a folder of the submission is seen inside the cell.
pub fn in_work(dir: &str) -> String {
    if dir.is_empty() { WORK.to_owned() } else { format!("{WORK}/{dir}") }
}

/// Pairs of strings as an environment.
pub fn env<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}
