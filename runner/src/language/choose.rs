//! Which folder, which language and which program: what the options say, then what the files say.
//!
//! Nothing is guessed. When there are several programs and none is named, the error lists each with its options.

use harness::text::excerpt;
use serde::{Deserialize, Serialize};
use std::fmt;

use super::{
    Detected, Language, Program, Recipe, custom,
    manifest::{Manifest, nearest, split},
    recipe::Step,
    tree::{Folder, Tree, file_name, join, normalise, stem},
};

/// What the person who grades has chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Choice {
    /// Folder of the repository to build
    #[arg(long, value_name = "FOLDER", help_heading = "Build")]
    pub dir: Option<String>,
    /// Binary, script or main class to run, when there are several
    #[arg(long, value_name = "NAME", help_heading = "Build")]
    pub bin: Option<String>,
    /// Language to build as, when a folder has several; with --build, the one whose dependencies are fetched before it
    #[arg(long, value_name = "NAME", help_heading = "Build")]
    pub language: Option<String>,
    /// Shell command that builds the submission, without a network
    #[arg(long, value_name = "COMMAND", help_heading = "Build")]
    pub build: Option<String>,
    /// Command that runs a node
    #[arg(long, value_name = "COMMAND", help_heading = "Build")]
    pub run: Option<String>,
    /// Port that a server listens on, whatever it is told
    #[arg(long, value_name = "PORT", help_heading = "Build", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
}

impl Choice {
    /// The options as they were given, as words of a command line.
    pub fn words(&self) -> Vec<String> {
        let Self { dir, bin, language, build, run, port } = self;
        let port = &port.map(|port| port.to_string());
        let given = [
            ("--dir", dir),
            ("--bin", bin),
            ("--language", language),
            ("--build", build),
            ("--run", run),
            ("--port", port),
        ];
        given.into_iter().flat_map(|(name, value)| Some([name.to_owned(), value.clone()?])).flatten().collect()
    }
}

/// Why it could not be decided what is built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// The exported repository cannot be read.
    #[error("the submission cannot be read: {0}")]
    Unreadable(String),
    /// `takehome.toml` is wrong.
    #[error("takehome.toml: {0}")]
    Manifest(String),
    /// An option, or a field of `takehome.toml`, makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// No folder of that name.
    #[error("the submission has no folder `{}`{}", excerpt(.dir, 200), listed(" with a program in it; it has:", .alternatives))]
    NoFolder {
        /// What was asked for.
        dir: String,
        /// What there is.
        alternatives: Vec<Alternative>,
    },
    /// Nothing that can be built.
    #[error("{}", nothing(.dir, .why))]
    NoProgram {
        /// Where it was looked for.
        dir: String,
        /// What is missing, when the language is known.
        why: Option<String>,
    },
    /// No program of that name.
    #[error("there is no program `{}`{}{}", excerpt(.bin, 200), hint(.bin, .alternatives), listed("; there are:", .alternatives))]
    NoSuchProgram {
        /// What was asked for.
        bin: String,
        /// What there is.
        alternatives: Vec<Alternative>,
    },
    /// Several programs and none was named.
    #[error("the submission has {} programs; name one:{}", .0.len(), listed("", .0))]
    Several(Vec<Alternative>),
}

/// One program that could be meant, and the options that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// `--dir`, when it is needed.
    pub dir: Option<String>,
    /// `--bin`, when it is needed.
    pub bin: Option<String>,
    /// Its language.
    pub language: String,
}

impl fmt::Display for Alternative {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = [("--dir", &self.dir), ("--bin", &self.bin)];
        let mut given = options.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        if let Some((name, value)) = given.next() {
            write!(out, "{name} {}", quoted(value))?;
        } else {
            return out.write_str("without --dir and --bin");
        }
        given.try_for_each(|(name, value)| write!(out, " {name} {}", quoted(value)))
    }
}

/// A name as one word of the shell. Control characters never reach a terminal.
fn quoted(name: &str) -> String {
    let name: String = name.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+@:,=".contains(letter);
    if name.chars().all(plain) { name } else { format!("'{}'", name.replace('\'', "'\\''")) }
}

/// Most alternatives that an error lists.
const LISTED: usize = 24;

fn listed(intro: &str, alternatives: &[Alternative]) -> String {
    let lines = alternatives.iter().take(LISTED).map(|one| format!("\n  {one}  ({})", one.language));
    let more = alternatives.len().saturating_sub(LISTED);
    let more = if more > 0 { format!("\n  … and {more} more") } else { String::new() };
    if alternatives.is_empty() { String::new() } else { format!("{intro}{}{more}", lines.collect::<String>()) }
}

fn hint(bin: &str, alternatives: &[Alternative]) -> String {
    let near = nearest(bin, alternatives.iter().filter_map(|one| one.bin.as_deref()));
    near.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}

fn nothing(dir: &str, why: &Option<String>) -> String {
    let place = if dir.is_empty() { "the submission".to_owned() } else { format!("`{}`", excerpt(dir, 200)) };
    match why {
        Some(why) => format!("{place} has no program to run: {why}"),
        None => format!(
            "{place} has no build file and no sources of a known language ({}); say how with --run '<command>' and, \
             if it must be built, --build '<command>', or in a takehome.toml",
            super::names().collect::<Vec<_>>().join(", ")
        ),
    }
}

/// What stands for the program in a command that runs it, where the language itself knows how it is built.
const BIN: &str = "{bin}";

/// The words that stand behind [`BIN`]; it stands first, because a compiled program finds no other one to be started by.
fn words_for(build: Option<Vec<Step>>, run: Vec<String>) -> Result<Vec<String>, ChoiceError> {
    if build.is_some() {
        let why = format!("`{BIN}` is what the language itself builds, but how it is built is given too");
        return Err(ChoiceError::Invalid(why));
    }
    match run.split_first() {
        Some((first, words)) if first == BIN && !words.iter().any(|word| word.contains(BIN)) => Ok(words.to_vec()),
        _ => Err(ChoiceError::Invalid(format!(
            "`{BIN}` has to be the first word of what runs it, and stands there once"
        ))),
    }
}

/// A folder with a language in it.
struct Found<'t> {
    language: &'static dyn Language,
    folder: Folder<'t>,
    detected: Detected,
    others: Vec<&'static str>,
}

/// Decides. The options win over `takehome.toml`, which wins over the files.
pub(super) fn choose(
    tree: &Tree,
    choice: &Choice,
    languages: &'static [&'static dyn Language],
) -> Result<Recipe, ChoiceError> {
    let asked = choice.dir.as_deref().map(inside).transpose()?;
    let manifest = manifest(tree, asked.as_deref())?;
    let said = manifest.clone().unwrap_or_default();
    let own = said.dir.as_deref().map(inside).transpose()?;
    let dir = asked.or(own);
    let root = tree.folder(dir.as_deref().unwrap_or_default());
    if !root.exists() {
        let alternatives = alternatives(&everywhere(tree, &tree.folder(""), languages, None), "");
        return Err(ChoiceError::NoFolder { dir: root.dir, alternatives });
    }
    let (named, wrong): (_, fn(String) -> ChoiceError) = match &choice.language {
        Some(name) => (Some(name), ChoiceError::Invalid),
        None => (said.language.as_ref(), ChoiceError::Manifest),
    };
    let named = named.map(|name| known(name, languages).map_err(wrong)).transpose()?;
    let mut recipe = match commands(choice, &said)? {
        Some((build, run)) if run.iter().any(|word| word.contains(BIN)) => {
            let mut recipe = detected(tree, &root, choice.bin.as_deref(), languages, named)?;
            recipe.start.argv.extend(words_for(build, run)?);
            recipe
        }
        Some((build, run)) => {
            let base = named.map(|name| base(&root, languages, name).map_err(wrong)).transpose()?;
            custom::recipe(&root, base, build, run)
        }
        None => detected(tree, &root, choice.bin.as_deref(), languages, named)?,
    };
    recipe.manifest = manifest;
    if tree.truncated {
        recipe.notices.push("the repository has so many files that not all were looked at".to_owned());
    }
    Ok(recipe)
}

fn known<'n>(name: &'n str, languages: &[&dyn Language]) -> Result<&'n str, String> {
    if languages.iter().any(|language| language.name() == name) {
        return Ok(name);
    }
    let near = nearest(name, super::names()).map(|near| format!("did you mean `{near}`?"));
    let near = near.unwrap_or_else(|| format!("known are {}", super::names().collect::<Vec<_>>().join(", ")));
    Err(format!("unknown language `{}`; {near}", excerpt(name, 60)))
}

/// How the language itself would build the folder.
fn base(root: &Folder<'_>, languages: &'static [&'static dyn Language], name: &str) -> Result<Recipe, String> {
    let found = here(root, languages, Some(name));
    let recipe = found.and_then(|found| Some(found.language.recipe(&found.folder, found.detected.programs.first()?)));
    let place =
        if root.dir.is_empty() { "the submission".to_owned() } else { format!("`{}`", excerpt(&root.dir, 200)) };
    recipe.ok_or_else(|| format!("{place} has no program that is written in {name}"))
}

/// A folder given by a person or by the candidate's own file must lie inside the submission.
fn inside(dir: &str) -> Result<String, ChoiceError> {
    normalise(dir)
        .ok_or_else(|| ChoiceError::Invalid(format!("the folder `{}` is not inside the submission", excerpt(dir, 200))))
}

fn manifest(tree: &Tree, dir: Option<&str>) -> Result<Option<Manifest>, ChoiceError> {
    let places = [dir.unwrap_or_default(), ""];
    let text = places.into_iter().find_map(|dir| tree.folder(dir).read("takehome.toml"));
    text.map(|text| Manifest::parse(&text).map_err(ChoiceError::Manifest)).transpose()
}

/// The steps that build it, if they were given, and the words that run it.
type Commands = (Option<Vec<Step>>, Vec<String>);

fn commands(choice: &Choice, said: &Manifest) -> Result<Option<Commands>, ChoiceError> {
    let build = choice.build.as_deref().map(|command| vec![Step::shell(command)]).or_else(|| said.build.clone());
    let run = match choice.run.as_deref() {
        Some(command) => Some(
            split(command).ok_or_else(|| ChoiceError::Invalid(format!("not a command: {}", excerpt(command, 200))))?,
        ),
        None => said.run.clone(),
    };
    match (build, run) {
        (None, None) => Ok(None),
        (build, Some(run)) => Ok(Some((build, run))),
        (Some(_), None) => Err(ChoiceError::Invalid(
            "how the submission is built is given, but not how it is run: add --run '<command>', or `run` in its \
             takehome.toml"
                .to_owned(),
        )),
    }
}

fn detected(
    tree: &Tree,
    root: &Folder<'_>,
    bin: Option<&str>,
    languages: &'static [&'static dyn Language],
    only: Option<&str>,
) -> Result<Recipe, ChoiceError> {
    let at_root = here(root, languages, only);
    // Loose scripts beside whole projects in sub-folders do not make the root the answer.
    let found = match at_root {
        Some(found) if found.detected.file.is_some() => vec![found],
        _ => everywhere(tree, root, languages, only),
    };
    let why = |found: &Found<'_>| {
        let file = found.detected.file.as_deref().unwrap_or("its sources");
        format!("{file} ({}) defines none", found.language.name())
    };
    let runnable = found.iter().filter(|found| !found.detected.programs.is_empty());
    let mut matching: Vec<(&Found<'_>, &Program)> = match bin {
        None => runnable.flat_map(preferred).collect(),
        Some(bin) => runnable
            .flat_map(|found| found.detected.programs.iter().map(move |program| (found, program)))
            .filter(|(_, program)| program.name.is_empty() || named(program, bin))
            .collect(),
    };
    // A program of exactly that name wins over files that are merely called so.
    if let Some(bin) = bin
        && matching.iter().any(|(_, program)| program.name == bin)
    {
        matching.retain(|(_, program)| program.name == bin);
    }
    match (&matching[..], bin) {
        ([(found, program)], bin) => {
            let mut program = (*program).clone();
            if program.name.is_empty() {
                program.name = bin.unwrap_or_default().to_owned();
            }
            let mut recipe = found.language.recipe(&found.folder, &program);
            if found.folder.dir != root.dir {
                recipe.notices.push(format!("the only program is in `{}`", found.folder.dir));
            }
            if !found.others.is_empty() {
                let others = found.others.join(", ");
                recipe.notices.push(format!("built as {}; there are also build files of: {others}", recipe.language));
            }
            Ok(recipe)
        }
        ([], Some(bin)) if found.iter().any(|found| !found.detected.programs.is_empty()) => {
            let alternatives = alternatives(&found, &root.dir);
            Err(ChoiceError::NoSuchProgram { bin: bin.to_owned(), alternatives })
        }
        ([], _) => {
            let why = found.first().map(why).or_else(|| part_of(tree, root, languages));
            Err(ChoiceError::NoProgram { dir: root.dir.clone(), why })
        }
        _ => Err(ChoiceError::Several(alternatives(&found, &root.dir))),
    }
}

/// The programs that could be meant when none is named.
fn preferred<'f, 't>(found: &'f Found<'t>) -> Vec<(&'f Found<'t>, &'f Program)> {
    let programs = &found.detected.programs;
    let default = programs.iter().find(|program| program.default);
    default.map_or_else(|| programs.iter().collect(), |one| vec![one]).into_iter().map(|one| (found, one)).collect()
}

fn named(program: &Program, bin: &str) -> bool {
    let script = normalise(bin).is_some_and(|bin| bin == program.path);
    program.name == bin || script || file_name(&program.path) == bin || stem(&program.path) == bin
}

/// The language of one folder: the first with a build file, else the first with sources.
fn here<'t>(folder: &Folder<'t>, languages: &'static [&'static dyn Language], only: Option<&str>) -> Option<Found<'t>> {
    let wanted = languages.iter().filter(|language| only.is_none_or(|name| name == language.name()));
    let mut all: Vec<_> = wanted.filter_map(|&language| Some((language, language.detect(folder)?))).collect();
    // A language with a program in it before one without: a Node project may hold a Cargo library.
    all.sort_by_key(|(_, detected)| (detected.programs.is_empty(), detected.file.is_none()));
    let mut all = all.into_iter();
    let (language, detected) = all.next()?;
    let others = all.filter(|(_, other)| other.file.is_some() && !other.programs.is_empty());
    let others = others.map(|(language, _)| language.name()).collect();
    Some(Found { language, folder: folder.clone(), detected, others })
}

/// The languages of a folder and of those below it. What lies below a build file belongs to it.
fn everywhere<'t>(
    tree: &'t Tree,
    root: &Folder<'t>,
    languages: &'static [&'static dyn Language],
    only: Option<&str>,
) -> Vec<Found<'t>> {
    let mut found: Vec<Found<'t>> = Vec::new();
    for dir in tree.folders() {
        let below = |outer: &str| outer.is_empty() || dir == outer || dir.starts_with(&format!("{outer}/"));
        let vendored = dir.split('/').any(|part| part == "vendor" || part == "third_party" || part.starts_with('.'));
        let taken = found.iter().any(|found| match found.detected.file {
            Some(_) => below(&found.folder.dir),
            None => reaches(found, &dir),
        });
        if !below(&root.dir) || vendored || taken {
            continue;
        }
        found.extend(here(&tree.folder(&dir), languages, only));
    }
    // Loose sources count only where no build file is found.
    if found.iter().any(|found| found.detected.file.is_some() && !found.detected.programs.is_empty()) {
        let kept = |one: &Found<'_>| one.detected.file.is_some() || is_root_of_scripts(one, root);
        found.retain(kept);
    }
    found.retain(|one| one.folder.dir == root.dir || !one.detected.programs.is_empty());
    found
}

/// That a folder without a build file is a part of a project above it.
fn part_of(tree: &Tree, root: &Folder<'_>, languages: &'static [&'static dyn Language]) -> Option<String> {
    let above = everywhere(tree, &tree.folder(""), languages, None);
    let programs = above.iter().flat_map(|found| found.detected.programs.iter().map(move |program| (found, program)));
    let lies_here = |(found, program): &(&Found<'_>, &Program)| {
        let place = join(&found.folder.dir, &program.path);
        !root.dir.is_empty() && (place == root.dir || place.starts_with(&format!("{}/", root.dir)))
    };
    let (found, program) = { programs }.find(lies_here)?;
    let file = join(&found.folder.dir, found.detected.file.as_deref()?);
    Some(format!("it is a part of what {file} builds; say --bin {} instead", program.name))
}

/// Whether loose sources that were found above a folder already include those in it.
fn reaches(found: &Found<'_>, dir: &str) -> bool {
    let paths = found.detected.programs.iter().map(|program| join(&found.folder.dir, &program.path));
    dir != found.folder.dir && paths.into_iter().any(|path| path.starts_with(&format!("{dir}/")))
}

/// Scripts are listed wherever they are; loose C files beside projects are probably parts of them.
fn is_root_of_scripts(found: &Found<'_>, root: &Folder<'_>) -> bool {
    let script = matches!(found.language.name(), "python" | "node");
    script && (found.folder.dir == root.dir || !found.detected.programs.is_empty())
}

fn alternatives(found: &[Found<'_>], root: &str) -> Vec<Alternative> {
    let mut all = Vec::new();
    for one in found {
        let programs = &one.detected.programs;
        let dir = (one.folder.dir != root || (!root.is_empty())).then(|| join("", &one.folder.dir));
        for program in programs {
            let bin = (programs.len() > 1).then(|| program.name.clone()).filter(|name| !name.is_empty());
            all.push(Alternative { dir: dir.clone(), bin, language: one.language.name().to_owned() });
        }
    }
    all
}

#[cfg(test)]
mod tests;
