//! `attack.toml`: what an attack is, what has to come of it in a sandbox, and how it is shown to work without one.

use crate::cell::{self, enforces, strong};
use runner::backend::Backend;
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tests::workspace;

/// Programs that not every machine has: who calls one says so.
const OPTIONAL: [&str; 8] = ["python3", "make", "cmake", "go", "c++", "ssh", "unshare", "getent"];

/// Folders of attacks, in the order in which a submission passes through them.
pub const PHASES: [&str; 5] = ["clone", "fetch", "build", "run", "report"];

/// One attack.
#[derive(Debug, Clone)]
pub struct Attack {
    /// Its folder's name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
}

/// The manifest, field by field.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What it does, in a sentence.
    pub about: String,
    /// The incident or the class of attacks that it comes from.
    pub source: String,
    /// The phase, which is also the folder above.
    pub phase: String,
    /// What it is written in.
    pub language: String,
    /// What has to be seen in a sandbox. Of a probe: what it prints; several errors may be named, `refused` alone
    /// stands for any. Of a submission: the words for it; the fields of `[takehome]` are what is checked.
    pub expect: String,
    /// How it is shown that it works where nothing is in its way: see [`Control`].
    pub control: String,
    /// Errors by which a machine may itself be in the way of the control, such as `EPERM`, with the reason.
    #[serde(default)]
    pub unless: String,
    /// Programs that the control needs and not every machine has.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Words for the probe program, which make this an attack from within a single cell.
    #[serde(default)]
    pub probe: Vec<String>,
    /// Words for another probe, in a cell of its own, that is attacked.
    #[serde(default)]
    pub neighbour: Vec<String>,
    /// Whether the probe's standard input is a terminal.
    #[serde(default)]
    pub terminal: bool,
    /// Whether the folder with the canary is given to the cell, to be read only.
    #[serde(default)]
    pub given: bool,
    /// The layer without which the back end only promises an approximation: what came of the attack is then said, and
    /// decides nothing.
    pub layer: Option<String>,
    /// Back ends that are known to let it happen, which is why they are no strong ones.
    #[serde(default)]
    pub weak: Vec<String>,
    /// What `takehome` is asked to do with the files of this folder, and what has to come of it.
    pub takehome: Option<Takehome>,
    /// A text that stands wherever a submission can put one, and has to be inert in every format.
    pub payload: Option<String>,
}

/// An attack by a whole submission.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Takehome {
    /// The function of `plant.rs` that makes what files in git cannot be.
    pub plant: Option<String>,
    /// The arguments. `{tree}` is the submission.
    pub arguments: Vec<String>,
    /// The exit codes that are right.
    pub code: Vec<i32>,
    /// Words of stdout, stderr, the report, or what the programs said: all of them, and of `this | that` one.
    #[serde(default)]
    pub says: Vec<String>,
    /// Words that must be nowhere: not on stdout, not on stderr, in no format, and no program of theirs may say them.
    #[serde(default)]
    pub never: Vec<String>,
    /// The verdict of the report, where there is one.
    pub verdict: Option<String>,
    /// Codes of findings that must be in the report.
    #[serde(default)]
    pub findings: Vec<String>,
    /// Programs that a submission needs and not every machine has.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Whether registries must be in reach.
    #[serde(default)]
    pub network: bool,
    /// Longest time, in seconds: nothing may hang.
    #[serde(default = "patience")]
    pub seconds: u64,
}

fn patience() -> u64 {
    120
}

/// How an attack is shown to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// The probe runs as an unprivileged user without any sandbox.
    Plain,
    /// The same, and only where that user can be one who is expendable: it harms whoever runs it.
    Expendable,
    /// The probe runs as root of namespaces that are its own.
    Namespaced,
    /// The probe runs as root, where it changes nothing.
    Root,
    /// A script among the files of the attack ends well: what the attack wants has happened.
    Shell(String),
    /// A program of the attack, compiled and run as an unprivileged user, changes the canary.
    Rustc(String),
    /// The whole submission, graded without a sandbox as an unprivileged user, changes the canary.
    Unsandboxed,
    /// The payload as a naive report would show it is found by the check for inertness.
    Naive,
    /// It is not run without a sandbox, and why.
    Unsafe(String),
}

impl Attack {
    /// Such as `run/io-uring`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.manifest.phase, self.name)
    }

    /// Whether it is too much for a back end: it would harm this machine where nothing is in its way, and that is only
    /// approximated.
    pub fn is_too_much_for(&self, backend: &dyn Backend) -> bool {
        self.is_approximate(backend) && matches!(self.manifest.control(), Ok(Control::Unsafe(_)))
    }

    /// Whether a back end promises no more than an approximation of what it is about.
    pub fn is_approximate(&self, backend: &dyn Backend) -> bool {
        self.manifest.layer.as_ref().is_some_and(|layer| !enforces(backend, layer))
    }

    /// Whether it is one by a whole submission on the sandbox, and not on what takehome does before it or after it.
    pub fn is_on_the_sandbox(&self) -> bool {
        self.manifest.takehome.is_some() && ["fetch", "build", "run"].contains(&self.manifest.phase.as_str())
    }
}

impl Manifest {
    /// The control.
    pub fn control(&self) -> Result<Control, String> {
        let (word, rest) = self.control.split_once(':').unwrap_or((&self.control, ""));
        let rest = rest.trim().to_owned();
        Ok(match (word, rest.is_empty()) {
            ("plain", true) => Control::Plain,
            ("expendable", true) => Control::Expendable,
            ("namespaced", true) => Control::Namespaced,
            ("root", true) => Control::Root,
            ("unsandboxed", true) => Control::Unsandboxed,
            ("naive", true) => Control::Naive,
            ("sh", false) => Control::Shell(rest),
            ("rustc", false) => Control::Rustc(rest),
            ("unsafe", false) => Control::Unsafe(rest),
            _ => return Err(format!("no such control: `{}`", self.control)),
        })
    }

    fn problems(&self, phase: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut expect = |holds: bool, why: &str| {
            if !holds {
                found.push(why.to_owned());
            }
        };
        expect(self.phase == phase, "`phase` is the folder above");
        for text in [&self.about, &self.source, &self.language, &self.expect] {
            expect(!text.trim().is_empty(), "a field is empty");
        }
        let kinds = [!self.probe.is_empty(), self.takehome.is_some(), self.payload.is_some()];
        expect(kinds.iter().filter(|is| **is).count() == 1, "one of `probe`, `[takehome]` and `payload`");
        let refuses = self.expect.starts_with("refused") || self.expect.starts_with("killed");
        expect(self.probe.is_empty() || refuses, "a probe is refused");
        let is_weak = |name: &String| cell::all().contains(&name.as_str()) && !strong().contains(&name.as_str());
        let wrong = self.weak.iter().find(|name| !is_weak(name));
        found.extend(wrong.map(|name| format!("`weak` names {name}, which is strong or no back end")));
        match self.control() {
            Err(why) => found.push(why),
            Ok(Control::Shell(script)) => found.extend(undeclared(&script, &self.needs, "needs")),
            Ok(_) => {}
        }
        if let Some(takehome) = &self.takehome {
            found.extend(undeclared(&takehome.arguments.join(" "), &takehome.tools, "tools"));
        }
        found
    }

    /// Whether what a probe has printed is as expected.
    pub fn is_expected(&self, outcome: &str) -> bool {
        fits(&self.expect, outcome)
    }
}

/// Programs that a command calls and nothing says so.
fn undeclared(command: &str, declared: &[String], field: &str) -> Vec<String> {
    let words: Vec<&str> = command.split(|c: char| c.is_whitespace() || "();|&!\"'".contains(c)).collect();
    let called = OPTIONAL.iter().filter(|tool| words.contains(*tool));
    let missing = called.filter(|tool| !declared.iter().any(|one| one == *tool));
    missing.map(|tool| format!("`{field}` does not name {tool}")).collect()
}

/// Whether an outcome such as `refused: EPERM` fits `refused: EPERM ENOSYS`, or `refused`.
pub fn fits(expected: &str, outcome: &str) -> bool {
    let (kind, detail) = outcome.split_once(':').map_or((outcome, ""), |(kind, detail)| (kind, detail.trim()));
    expected.split(';').map(str::trim).any(|one| {
        let (wanted, details) = one.split_once(':').unwrap_or((one, ""));
        wanted == kind && (details.trim().is_empty() || details.split_whitespace().any(|word| word == detail))
    })
}

/// All attacks, phase by phase and by name; whatever is wrong with a manifest is an error.
pub fn all() -> Result<Vec<Attack>, String> {
    let mut attacks = Vec::new();
    let mut problems = Vec::new();
    for phase in PHASES {
        let mut folders = folders(&workspace().join("tests/hostile").join(phase));
        folders.sort();
        for folder in folders {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match read(&folder, phase) {
                Ok(manifest) => attacks.push(Attack { name, folder, manifest }),
                Err(why) => problems.push(format!("{phase}/{name}: {why}")),
            }
        }
    }
    if problems.is_empty() { Ok(attacks) } else { Err(problems.join("\n")) }
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir()).collect()
}

fn read(folder: &Path, phase: &str) -> Result<Manifest, String> {
    let text = fs::read_to_string(folder.join("attack.toml")).map_err(|error| format!("attack.toml: {error}"))?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| error.to_string())?;
    let problems = manifest.problems(phase);
    if problems.is_empty() { Ok(manifest) } else { Err(problems.join("; ")) }
}

/// What must hold of manifests and their outcomes, good and bad.
pub fn check() {
    assert!(fits("refused: EPERM ENOSYS", "refused: ENOSYS") && fits("refused", "refused: EIO"));
    assert!(fits("killed; refused: EAGAIN", "refused: EAGAIN") && fits("killed; refused: EAGAIN", "killed: SIGKILL"));
    assert!(!fits("refused: EPERM", "refused: EINVAL") && !fits("refused", "succeeded"));
    assert!(!fits("refused: EPERM", "nothing: EPERM") && !fits("refused", ""));
    let bad =
        |text: &str| toml::from_str::<Manifest>(text).map_or(true, |manifest| !manifest.problems("run").is_empty());
    let good = "about='a'\nsource='s'\nphase='run'\nlanguage='c'\nexpect='refused'\ncontrol='plain'\nprobe=['x']\n";
    assert!(!bad(good));
    for (from, to) in [
        ("phase='run'", "phase='build'"),
        ("expect='refused'", "expect='succeeded'"),
        ("control='plain'", "control='trust me'"),
        ("control='plain'", "control='unsafe'"),
        ("control='plain'", "control='sh: python3 x'"),
        ("probe=['x']", ""),
        ("about='a'", "about=''"),
        ("about='a'", "about='a'\nweak=['native']"),
        ("about='a'", "about='a'\nabuot='a'"),
    ] {
        assert!(bad(&good.replace(from, to)), "{to} is taken");
    }
}
