//! The attack suite: hostile programs and repositories, each with its manifest, against every back end of this machine.
//!
//! `README.md` beside this file says how an attack is added, and how one is run by itself.

mod cell;
mod inert;
mod manifest;
mod payload;
mod plain;
mod plant;
mod submission;
mod table;
mod world;

use cell::Job;
use libtest_mimic::{Arguments, Failed, Trial};
use manifest::Attack;
use plain::Shown;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};
use tests::{leave_out, skip};
use world::{Canary, world};

/// The hidden first argument of this program when it only is to run one probe, as another user.
const ASK: &str = "__probe";
/// An ordinary user. Unlike those who are sacrificed, one whom machines have.
const ORDINARY: u32 = 65_534;

/// What has come of a probe in a cell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Told {
    /// In the words of the manifests.
    outcome: String,
    /// Whether the back end, as this user, promises no more than an approximation of what the attack is about.
    approximate: bool,
}

impl Told {
    /// In the words of the manifests.
    pub fn outcome(&self) -> &str {
        &self.outcome
    }

    /// Whether no more is promised than an approximation.
    pub fn approximate(&self) -> bool {
        self.approximate
    }
}

/// A back end, and the user who uses it.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    backend: &'static str,
    /// Whether it is an ordinary user instead of us.
    ordinary: bool,
}

impl Seat {
    /// Back ends as every user that we can be.
    pub fn of(backends: &[&'static str]) -> Vec<Self> {
        let is_root = nix::unistd::geteuid().is_root();
        let users = if is_root { vec![false, true] } else { vec![false] };
        let seats = |backend| users.iter().map(move |ordinary| Self { backend, ordinary: *ordinary });
        backends.iter().flat_map(|backend| seats(*backend)).collect()
    }

    /// Such as `native-root`.
    pub fn name(&self) -> String {
        let is_root = nix::unistd::geteuid().is_root() && !self.ordinary;
        format!("{}-{}", self.backend, if is_root { "root" } else { "user" })
    }

    /// The back end's name.
    pub fn backend(&self) -> &'static str {
        self.backend
    }

    /// Whether it is the first back end, beside which others are compared.
    pub fn is_native(&self) -> bool {
        self.backend == cell::strong()[0]
    }

    /// Such as `root`.
    pub fn user(&self) -> String {
        self.name().rsplit('-').next().unwrap_or_default().to_owned()
    }

    /// The ordinary user, if it is one.
    pub fn ordinary_user(&self) -> Option<u32> {
        self.ordinary.then_some(ORDINARY)
    }

    /// Runs the probe of an attack; why it cannot be, where that is no fault of anybody.
    pub fn probe(&self, attack: &Attack) -> Result<Told, String> {
        let canary = Canary::new();
        let manifest = &attack.manifest;
        let job = Job {
            probe: world().probe().to_owned(),
            helper: world().helper().to_owned(),
            words: world().fill(&manifest.probe, &canary, "/work"),
            neighbour: world().fill(&manifest.neighbour, &canary, "/work"),
            terminal: manifest.terminal,
            given: manifest.given.then(|| canary.folder().to_owned()),
        };
        let layer = manifest.layer.as_deref().unwrap_or_default();
        let mut told =
            if self.ordinary { elsewhere(self.backend, &job, layer)? } else { here(self.backend, &job, layer)? };
        if let Some(harm) = canary.harm() {
            told.outcome = format!("succeeded: the canary: {harm}");
        }
        Ok(told)
    }
}

/// Runs a probe in a cell of this process.
fn here(backend: &str, job: &Job, layer: &str) -> Result<Told, String> {
    let backend = cell::open(backend, job.helper.clone())?;
    let approximate = !layer.is_empty() && !cell::enforces(&*backend, layer);
    Ok(Told { outcome: cell::run(&*backend, job), approximate })
}

/// The same in a process of an ordinary user.
fn elsewhere(backend: &str, job: &Job, layer: &str) -> Result<Told, String> {
    let job = serde_json::to_string(job).map_err(|error| error.to_string())?;
    let output =
        world::as_user(Some(ORDINARY), ourselves()).args([ASK, backend, &job, layer]).current_dir("/").output();
    let output = output.map_err(|error| error.to_string())?;
    let said = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Result<Told, String>>(&output.stdout).map_err(|error| format!("{error}: {}", said()))?
}

/// A copy of this program that every user may execute.
fn ourselves() -> &'static Path {
    static COPY: OnceLock<PathBuf> = OnceLock::new();
    COPY.get_or_init(|| {
        let copy = world().helper().with_file_name("hostile");
        std::fs::copy(std::env::current_exe().expect("this test"), &copy).expect("a copy of this test");
        copy
    })
}

/// What a probe has come to, compared with the manifest.
fn judge(attack: &Attack, told: &Told) -> Result<(), Failed> {
    let manifest = &attack.manifest;
    if manifest.is_expected(&told.outcome) {
        return Ok(());
    }
    if told.approximate {
        leave_out(&format!("{}: {}, where this is only approximated", attack.name, told.outcome));
        return Ok(());
    }
    Err(format!("{}\nwanted {}, got {}", manifest.about, manifest.expect, told.outcome).into())
}

/// The tests of one attack.
fn trials(attack: &Attack, usable: &Result<(), String>) -> Vec<Trial> {
    let name = |what: &str| format!("{}::{}::{what}", attack.manifest.phase, attack.name);
    let mut trials = Vec::new();
    let mut add = |what: &str, test: fn(&Attack, Option<Seat>) -> Result<(), Failed>, seat: Option<Seat>| {
        let (attack, usable) = (attack.clone(), usable.clone());
        let needs_cell = what != "control";
        trials.push(Trial::test(name(what), move || match usable {
            Err(why) if needs_cell => {
                skip(&format!("no sandbox on this machine: {why}"));
                Ok(())
            }
            _ => test(&attack, seat),
        }));
    };
    if !attack.manifest.probe.is_empty() {
        for seat in Seat::of(&cell::strong()) {
            add(&seat.name(), probe, Some(seat));
        }
    } else if attack.is_on_the_sandbox() {
        for backend in cell::strong() {
            add(backend, whole, Some(Seat { backend, ordinary: false }));
        }
    } else {
        add("takehome", whole, None);
    }
    add("control", |attack, _| control(attack), None);
    trials
}

fn probe(attack: &Attack, seat: Option<Seat>) -> Result<(), Failed> {
    let seat = seat.ok_or("no seat")?;
    match seat.probe(attack) {
        Err(why) if !seat.is_native() => {
            skip(&format!("{}: {why}", seat.name()));
            Ok(())
        }
        told => judge(attack, &told?),
    }
}

/// A whole submission, in the sandbox of a seat or in the one that is taken by itself.
fn whole(attack: &Attack, seat: Option<Seat>) -> Result<(), Failed> {
    let backend = match seat.map(|seat| cell::open(seat.backend, world().helper().to_owned())).transpose() {
        Err(why) if seat.is_some_and(|seat| !seat.is_native()) => {
            skip(&why);
            return Ok(());
        }
        opened => opened?,
    };
    if backend.as_ref().is_some_and(|backend| attack.is_too_much_for(&**backend)) {
        leave_out(&format!("{}: it would harm this machine where its layer is only approximated", attack.name));
        return Ok(());
    }
    match submission(attack, seat.map(|seat| seat.backend)) {
        Err(why) if backend.is_some_and(|backend| attack.is_approximate(&*backend)) => {
            leave_out(&format!("{}: where this is only approximated: {why}", attack.name));
        }
        Ok(Some(submission::Skipped(why))) => skip(&format!("{}: {why}", attack.name)),
        told => drop(told?),
    }
    Ok(())
}

/// What comes of a submission, or of a payload in one.
fn submission(attack: &Attack, sandbox: Option<&str>) -> Result<Option<submission::Skipped>, String> {
    match attack.manifest.payload {
        Some(_) => payload::attack(attack),
        None => submission::attack(attack, sandbox),
    }
}

fn control(attack: &Attack) -> Result<(), Failed> {
    match plain::control(attack)? {
        Shown::Works => {}
        Shown::Closed(by) => leave_out(&format!("{}: this machine is in the way itself: {by}", attack.name)),
        Shown::Missing(tool) => skip(&format!("{}: `{tool}` is not installed", attack.name)),
        Shown::Untried(why) => leave_out(&format!("{}: not tried without a sandbox: {why}", attack.name)),
    }
    Ok(())
}

/// The control of an attack in a word or two.
fn control_word(attack: &Attack) -> String {
    match plain::control(attack) {
        Ok(Shown::Works) => "works".into(),
        Ok(Shown::Closed(by)) => format!("closed here: {by}"),
        Ok(Shown::Untried(_)) => "not tried".into(),
        Ok(Shown::Missing(tool)) => format!("no {tool}"),
        Err(why) => format!("FAILS {}", why.lines().next().unwrap_or_default()),
    }
}

/// Runs the one probe that another user was asked for.
fn asked(words: &[String]) -> Option<String> {
    let [_, ask, backend, job, layer] = words else { return None };
    let job: Job = serde_json::from_str(job).ok().filter(|_| ask == ASK)?;
    serde_json::to_string(&here(backend, &job, layer)).ok()
}

/// Enough attacks, no name twice, and checks that find what is bad.
fn own_trials(attacks: &[Attack]) -> Vec<Trial> {
    let count = attacks.len();
    vec![
        Trial::test("suite::manifests", || {
            manifest::check();
            Ok(())
        }),
        Trial::test("suite::inertness", || {
            inert::check();
            Ok(())
        }),
        Trial::test("suite::canary", || {
            plain::check();
            Ok(())
        }),
        Trial::test("suite::size", move || {
            if count < 80 { Err(format!("only {count} attacks are left").into()) } else { Ok(()) }
        }),
    ]
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let Some(told) = asked(&words) {
        println!("{told}");
        return;
    }
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var(world::SECRET, world::SONG) };
    let attacks = manifest::all().unwrap_or_else(|why| panic!("{why}"));
    if std::env::var_os("TAKEHOME_TABLE").is_some() || words.iter().any(|word| word == "--table") {
        let filter = words.iter().skip(1).find(|word| !word.starts_with('-'));
        table::print(attacks.into_iter().filter(|attack| filter.is_none_or(|it| attack.path().contains(it))).collect());
        return world::end();
    }
    let mut arguments = Arguments::from_args();
    // Most of the time of a submission is spent waiting.
    arguments.test_threads.get_or_insert(4);
    if arguments.list {
        libtest_mimic::run(&arguments, attacks.iter().flat_map(|attack| trials(attack, &Ok(()))).collect()).exit();
    }
    let usable = cell::open(cell::strong()[0], world().helper().to_owned()).map(drop);
    let all = attacks.iter().flat_map(|attack| trials(attack, &usable)).chain(own_trials(&attacks));
    let conclusion = libtest_mimic::run(&arguments, all.collect());
    world::end();
    conclusion.exit();
}
