//! Attacks by whole submissions: the real `takehome` is given them, and everything that it writes is looked at.

use crate::{
    inert,
    manifest::{Attack, Takehome},
    plain::{Shown, end_all_of, to_the_end},
    plant,
    world::{Canary, SECRET, SONG, as_user, sacrificed_user, world},
};
use harness::report::Report;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::Mutex,
};
use tempfile::TempDir;
use tests::{Ran, TestEnv};

/// Why an attack could not be tried here: words for whoever reads it.
#[derive(Debug)]
pub struct Skipped(pub String);

/// Beginning of an error that is only about what became of the attack: it has done no harm, but has perhaps not run.
pub const UNPROVEN: &str = "no harm, but ";

impl Skipped {
    /// For want of a program, if one is missing.
    pub fn without(tools: &[&str]) -> Option<Self> {
        tests::missing(tools).map(|tool| Self(format!("`{tool}` is not installed")))
    }
}

/// Grades a submission, in this sandbox or in the one that is taken by itself, and checks that nothing came of its attack.
pub fn attack(attack: &Attack, sandbox: Option<&str>) -> Result<Option<Skipped>, String> {
    let Some(wanted) = &attack.manifest.takehome else { return Err("there is no [takehome]".into()) };
    let tools: Vec<&str> = wanted.tools.iter().map(String::as_str).collect();
    if let Some(skipped) = Skipped::without(&tools) {
        return Ok(Some(skipped));
    }
    let canary = Canary::new();
    // What is learnt of registries is kept between tests.
    let env = if wanted.network || needs_warmth(wanted) { TestEnv::new() } else { TestEnv::cold() };
    let tree = env.path("tree");
    lay(attack, wanted.plant.as_deref(), &tree, &canary)?;
    let mut arguments = arguments(wanted, &canary, &tree);
    if let Some(name) = sandbox {
        // What was built in another sandbox says nothing about this one.
        arguments.extend(["--sandbox", name, "--no-cache"].map(str::to_owned));
    }
    let ran = bounded(&env, wanted.seconds, &arguments);
    if wanted.network && !tests::in_ci() && ran.stderr.contains("no registry can be reached") {
        return Ok(Some(Skipped("no registry is in reach".into())));
    }
    let mut problems = harmless(&canary, &ran, wanted);
    let formats = if env.recorded().is_empty() { Vec::new() } else { formats(&env)? };
    let logs = logs(&env);
    problems.extend(silent(&formats, wanted, ""));
    problems.extend(said(&[("a program's log", &logs)], wanted));
    if ran.code == Some(5) {
        problems.extend(left(&env.path("cache/work")));
    }
    let is_harmless = problems.is_empty();
    problems.extend(right(&ran, wanted, formats.first().map(|(_, json)| json.as_str())));
    problems.extend(proven(wanted, &canary, &[&ran.stdout, &ran.stderr, &texts(&formats), &logs]));
    if problems.is_empty() {
        return Ok(None);
    }
    if is_harmless {
        problems[0].insert_str(0, UNPROVEN);
    }
    Err(format!("{}\n--- stdout\n{}\n--- stderr\n{}", problems.join("\n"), start(&ran.stdout), start(&ran.stderr)))
}

/// Go compiles its standard library once for each cache.
fn needs_warmth(wanted: &Takehome) -> bool {
    wanted.tools.iter().any(|tool| tool == "go")
}

fn start(text: &str) -> String {
    text.chars().take(4000).collect()
}

/// The arguments with everything filled in.
fn arguments(wanted: &Takehome, canary: &Canary, tree: &Path) -> Vec<String> {
    let fill = |word: &String| world().fill_one(&word.replace("{tree}", &tree.display().to_string()), canary, "/work");
    wanted.arguments.iter().map(fill).collect()
}

/// Runs `takehome`, which is killed when it hangs; its exit code is 124 then.
fn bounded(env: &TestEnv, seconds: u64, arguments: &[String]) -> Ran {
    let mut command = env.program("timeout");
    command.args(["--kill-after=10", &seconds.to_string()]).arg(tests::takehome()).args(arguments);
    command.env(SECRET, SONG);
    Ran::of(&mut command)
}

/// What holds whatever the attack: the canary is unharmed and unheard, and nothing acts.
fn harmless(canary: &Canary, ran: &Ran, wanted: &Takehome) -> Vec<String> {
    let mut problems: Vec<String> = canary.harm().into_iter().map(|harm| format!("the canary: {harm}")).collect();
    if matches!(ran.code, Some(124 | 137) | None) {
        problems.push(format!("it hung for {} s, or was killed: {:?}", wanted.seconds, ran.code));
    }
    if ran.code == Some(70) || ran.stderr.contains("panicked") {
        problems.push("takehome itself broke".into());
    }
    let json = wanted.arguments.windows(2).any(|pair| pair == ["--format", "json"]);
    problems.extend(inert::problems(if json { "json" } else { "text" }, &ran.stdout, ""));
    problems.extend(inert::problems("text", &ran.stderr, ""));
    problems.extend(said(&[("stdout", &ran.stdout), ("stderr", &ran.stderr)], wanted));
    problems
}

/// Words that must be nowhere.
fn said(texts: &[(&str, &str)], wanted: &Takehome) -> Vec<String> {
    let never = wanted.never.iter().map(String::as_str).chain([SONG]);
    let found =
        never.flat_map(|words| texts.iter().filter(move |(_, text)| text.contains(words)).map(move |it| (words, it.0)));
    found.map(|(words, place)| format!("`{words}` is told in {place}")).collect()
}

/// What proves that the attack ran, and what became of it, is said somewhere.
fn proven(wanted: &Takehome, canary: &Canary, places: &[&str]) -> Vec<String> {
    let filled = wanted.says.iter().map(|words| world().fill_one(words, canary, "/work"));
    let is_said = |words: &String| words.split(" | ").any(|one| places.iter().any(|place| place.contains(one)));
    filled.filter(|words| !is_said(words)).map(|words| format!("`{words}` is not said")).collect()
}

/// All that the formats say.
fn texts(formats: &[(String, String)]) -> String {
    formats.iter().map(|(_, text)| text.as_str()).collect()
}

/// What the programs of the cases have said, as the record keeps it.
fn logs(env: &TestEnv) -> String {
    let below = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let cases = env.recorded().into_iter().flat_map(|run| below(run.join("cases")));
    let logs = cases.flat_map(below).filter(|path| path.extension().is_some_and(|it| it == "log"));
    logs.filter_map(|path| fs::read_to_string(path).ok()).collect()
}

/// Whether the exit code and the report are as wanted.
fn right(ran: &Ran, wanted: &Takehome, json: Option<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    if !ran.code.is_some_and(|code| wanted.code.contains(&code)) {
        problems.push(format!("exit code {:?}, wanted {:?}", ran.code, wanted.code));
    }
    let report: Value = json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    if let Some(verdict) = &wanted.verdict
        && report["verdict"] != verdict.as_str()
    {
        problems.push(format!("the verdict is {}, wanted {verdict}", report["verdict"]));
    }
    let codes: Vec<&str> =
        report["findings"].as_array().into_iter().flatten().filter_map(|it| it["code"].as_str()).collect();
    let missing = wanted.findings.iter().filter(|code| !codes.contains(&code.as_str()));
    problems.extend(missing.map(|code| format!("no finding `{code}` in {codes:?}")));
    problems
}

/// Whether every format is inert and keeps quiet.
pub fn silent(formats: &[(String, String)], wanted: &Takehome, payload: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, text) in formats {
        let kind = match name.as_str() {
            "human" | "ndjson" => "text",
            other => other,
        };
        problems.extend(inert::problems(kind, text, payload).into_iter().map(|problem| format!("{name}: {problem}")));
        problems.extend(said(&[(name, text)], wanted));
    }
    problems
}

/// The last run in every format; JSON first.
pub fn formats(env: &TestEnv) -> Result<Vec<(String, String)>, String> {
    let rendered = |format: &str| env.run(["report", "last", "--format", format]).stdout;
    let json = rendered("json");
    env.run(["report", "last", "--html", "page.html"]);
    let page = fs::read_to_string(env.path("page.html")).map_err(|error| format!("no HTML: {error}"))?;
    let report: Report = serde_json::from_str(&json).map_err(|error| format!("the report: {error}"))?;
    let mut all: Vec<(String, String)> = vec![("json".into(), json.clone())];
    all.extend(["human", "ndjson"].map(|format| (format.to_owned(), rendered(format))));
    all.push(("html".into(), page));
    // Formats that the command line has no word for yet.
    for format in reports::FORMATS.iter().filter(|format| !["human", "json", "html"].contains(&format.name())) {
        all.push((format.name().into(), String::from_utf8_lossy(&format.render(&report)).into_owned()));
    }
    Ok(all)
}

/// What a build has left behind, after an error of which nothing is kept.
fn left(work: &Path) -> Vec<String> {
    let entries = fs::read_dir(work).into_iter().flatten().flatten();
    entries.map(|entry| format!("{} is left behind", entry.path().display())).collect()
}

/// Writes the files of an attack into a folder, with what it is after filled in.
pub fn lay(attack: &Attack, planted: Option<&str>, tree: &Path, canary: &Canary) -> Result<(), String> {
    let text = |error: std::io::Error| format!("laying out: {error}");
    fs::create_dir_all(tree).map_err(text)?;
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(attack.folder.join(&folder)).map_err(text)?.flatten() {
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                fs::create_dir_all(tree.join(&path)).map_err(text)?;
                folders.push(path);
            } else if path != Path::new("attack.toml") {
                let bytes = fs::read(entry.path()).map_err(text)?;
                let filled = world().fill_one(&String::from_utf8_lossy(&bytes), canary, "/work");
                fs::write(tree.join(&path), filled).map_err(text)?;
                fs::set_permissions(tree.join(&path), entry.metadata().map_err(text)?.permissions()).map_err(text)?;
            }
        }
    }
    planted.map_or(Ok(()), |name| plant::plant(name, tree, canary))
}

/// A submission in a folder of a user who may be sacrificed.
struct Given {
    user: Option<u32>,
    canary: Canary,
    home: TempDir,
    tree: PathBuf,
}

fn given(attack: &Attack) -> Result<Given, String> {
    let user = sacrificed_user();
    let canary = Canary::new();
    let home = world().folder(user);
    let tree = home.path().join("tree");
    let planted = attack.manifest.takehome.as_ref().and_then(|wanted| wanted.plant.as_deref());
    lay(attack, planted, &tree, &canary)?;
    if let Some(id) = user {
        let given = Command::new("chown").args(["-R", "-h", &format!("{id}:{id}")]).arg(home.path()).status();
        given.map_err(|error| error.to_string())?;
    }
    Ok(Given { user, canary, home, tree })
}

impl Given {
    /// A program as that user, in the submission, which is ended when it hangs.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = as_user(self.user, "timeout");
        command.args(["--kill-after=5", "60"]).arg(program).current_dir(&self.tree).env_clear();
        command.env("PATH", path()).env("HOME", self.home.path()).env(SECRET, SONG);
        command.env("CANARY", self.canary.file()).env("FOLDER", self.canary.folder()).env("SONG", SONG);
        command.env("PORT", world().fill_one("{port}", &self.canary, "")).env("TMPDIR", self.home.path());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C.UTF-8").env("OUT_DIR", self.home.path());
        command.env("NAIVE", include_str!("naive.py")).env("OPEN_PROXY", include_str!("open_proxy.py"));
        command.env("GOCACHE", self.home.path().join("gocache")).stdin(Stdio::null());
        command
    }

    /// Runs a program to its end, and everything that it has started.
    fn run(&self, command: &mut Command) -> Result<(ExitStatus, String), String> {
        let ran = to_the_end(command);
        end_all_of(self.user);
        ran.map(|(status, said)| (status, start(&said)))
    }

    fn harmed(&self, said: &str) -> Result<(), String> {
        self.canary.harm().map(drop).ok_or_else(|| format!("the canary is unharmed\n{said}"))
    }
}

/// Where the programs of a control are looked for: in places that everybody can look into, and in ours.
pub fn path() -> OsString {
    let mut path = OsString::from("/usr/local/go/bin:/usr/bin:/bin:/usr/sbin:/sbin:");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    path
}

/// The first program that a control needs and a user without rights cannot reach: ours may lie in a home of ours.
pub fn out_of_reach(tools: &[String]) -> Option<String> {
    static KNOWN: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let reaches = |tool: &String| {
        let mut look = as_user(sacrificed_user(), "sh");
        look.args(["-c", "command -v -- \"$0\"", tool]).env("PATH", path()).current_dir("/");
        look.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
    };
    tools.iter().find(|tool| !*known.entry((*tool).clone()).or_insert_with(|| reaches(tool))).cloned()
}

/// The status of a script that says: this machine is in the way itself.
const CLOSED: i32 = 77;

/// A script ends well where nothing is in its way.
pub fn shell(attack: &Attack, script: &str) -> Result<Shown, String> {
    let given = given(attack)?;
    let (status, said) = given.run(given.command("sh").args(["-euc", script]))?;
    match status.code() {
        Some(0) => Ok(Shown::Works),
        Some(CLOSED) => Ok(Shown::Closed(said)),
        _ => Err(format!("`{script}`: {status}\n{said}")),
    }
}

/// A program of the submission, compiled by us and run by somebody else, harms the canary.
pub fn compiled(attack: &Attack, file: &str) -> Result<(), String> {
    let given = given(attack)?;
    let program = given.home.path().join("compiled");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let built = Command::new(rustc).args(["--edition", "2021", "-o"]).arg(&program).arg(given.tree.join(file)).output();
    let built = built.map_err(|error| error.to_string())?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned());
    }
    let (_, said) = given.run(&mut given.command(&program))?;
    given.harmed(&said)
}

/// The submission harms the canary when it is graded without a sandbox.
pub fn unsandboxed(attack: &Attack) -> Result<(), String> {
    let given = given(attack)?;
    let Some(wanted) = &attack.manifest.takehome else { return Err("there is no [takehome]".into()) };
    let arguments = arguments(wanted, &given.canary, &given.tree);
    let mut command = given.command(world().helper());
    command.args(arguments).arg("--unsafe-no-sandbox");
    command
        .env("TAKEHOME_STATE", given.home.path().join("state"))
        .env("TAKEHOME_CACHE", given.home.path().join("cache"));
    let (_, said) = given.run(&mut command)?;
    given.harmed(&said)
}
