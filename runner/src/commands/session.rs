//! What commands that run cases share: the sandbox, the store, stopping politely, and showing the result.

use super::report::{writable, write_html};
use crate::{
    backend::{self, Backend, Program, Purpose, Selected, Strength, Wish},
    build,
    cli::{BuildOptions, Format, RunOptions},
    error::{CommandError, Kind},
    grading::Grading,
    language::sanitize::{self, Sanitizer},
    record::Store,
    submission::{self, Prepared, Request},
    ui,
};
use challenges::Challenge;
use harness::{manifest::Manifest, plan::PlannedCase, report::Report, verdict::Blame};
use reports::Format as _;
use std::sync::Arc;
use tokio::sync::watch;

/// A command that runs cases.
pub struct Session {
    /// Where nodes run.
    pub backend: Arc<dyn Backend>,
    /// Where records are kept.
    pub store: Store,
    options: RunOptions,
    stop: watch::Receiver<bool>,
}

impl Session {
    /// Chooses the sandbox, and listens to Ctrl-C from here on.
    pub fn begin(options: &RunOptions, purpose: Purpose) -> Result<Self, CommandError> {
        if let Some(path) = &options.html {
            writable(path)?;
        }
        let _ = backend::raise_open_files();
        let wish = if options.unsafe_no_sandbox { Wish::Named("none") } else { options.sandbox.wish() };
        let selected = backend::select(wish, purpose).map_err(|error| unusable(&error, wish, purpose))?;
        remarks(&selected).iter().for_each(|remark| ui::message(remark));
        let backend = selected.backend;
        let store = Store::of_user().map_err(|error| CommandError::io("the folder of runs", &error))?;
        Ok(Self { backend, store, options: options.clone(), stop: stop_on_signal() })
    }

    /// Brings a submission here and builds it.
    pub async fn prepare(&self, request: &Request) -> Result<Prepared, CommandError> {
        let screen = ui::spinner();
        let prepared = submission::prepare(request, &self.backend, self.stop.clone(), &screen).await;
        screen.finish_and_clear();
        prepared
    }

    /// The challenge's reference, built, where any of these cases is measured beside it. One that cannot be built here is
    /// no obstacle to the other stages: it is told, and what needs it stays undecided.
    pub async fn reference(
        &self,
        challenge: &Challenge,
        manifest: &Manifest,
        cases: &[PlannedCase],
    ) -> Result<Option<Program>, CommandError> {
        let measured = |case: &PlannedCase| manifest.stage(&case.stage).is_some_and(|stage| stage.load.is_some());
        let languages = challenge.variants("reference");
        let language = languages.iter().find(|language| *language == "rust").or(languages.first());
        let Some(language) = language.filter(|_| cases.iter().any(measured)) else { return Ok(None) };
        let location = format!("sample:{}/reference/{language}", challenge.name);
        let request = Request::new(&location, None, true, &BuildOptions::default());
        let request = Request { build_limits: build::Limits::default(), offline: true, ..request };
        match self.prepare(&request).await {
            Ok(prepared) => Ok(Some(prepared.program)),
            Err(error) if error.kind == Kind::Interrupted => Err(error),
            Err(error) => {
                let why =
                    format!("warning: the reference could not be built, so nothing is measured beside it: {error}");
                ui::message(&why);
                Ok(None)
            }
        }
    }

    /// Builds of the submission that watch themselves, where any of these cases needs one. Where there can be none, those cases
    /// are left out, and the report says why: what was not looked at neither costs a point nor gives one.
    pub async fn sanitized(
        &self,
        manifest: &Manifest,
        cases: &mut Vec<PlannedCase>,
        request: &Request,
        prepared: &mut Prepared,
    ) -> Result<Vec<Program>, CommandError> {
        let needs = |case: &PlannedCase| manifest.stage(&case.stage).is_some_and(|stage| stage.sanitized);
        let Some(stage) = cases.iter().find(|case| needs(case)).map(|case| case.stage.clone()) else {
            return Ok(Vec::new());
        };
        let (mut programs, mut problems) = (Vec::new(), Vec::new());
        match sanitize::kinds(&prepared.submission.language) {
            Err(why) => problems.push(CommandError::new(Kind::Build, why)),
            Ok(kinds) => {
                for kind in kinds {
                    match self.build_sanitized(*kind, request, prepared).await {
                        Ok(program) => programs.push(program),
                        Err(error) if error.kind == Kind::Interrupted => return Err(error),
                        Err(error) => problems.push(error),
                    }
                }
            }
        }
        let Some(problem) = problems.into_iter().next() else { return Ok(programs) };
        let why = problem.message.lines().next().unwrap_or_default();
        let what = if programs.is_empty() { "is left out, with its points" } else { "does not look for everything" };
        let notice = format!("`{stage}` {what}: {why}");
        if programs.is_empty() {
            cases.retain(|case| !needs(case));
            if cases.is_empty() {
                return Err(CommandError { kind: Kind::NothingSelected, message: notice, ..problem });
            }
        }
        prepared.submission.notices.push(notice);
        Ok(programs)
    }

    /// One such build; an error where it does not watch itself after all.
    async fn build_sanitized(
        &self,
        sanitizer: Sanitizer,
        request: &Request,
        prepared: &Prepared,
    ) -> Result<Program, CommandError> {
        // What was graded, not what the branch is by now.
        let rev = prepared.submission.commit.clone().or(request.rev.clone()).filter(|_| !request.files);
        let built = self.prepare(&Request { sanitizer: Some(sanitizer), rev, ..request.clone() }).await?;
        let (program, graded) = (built.program, &prepared.submission.content);
        if built.submission.content != *graded {
            return Err(CommandError::new(Kind::Build, "its files have changed since it was built"));
        }
        match sanitize::is_in(&program) {
            true => Ok(program),
            false => Err(CommandError::new(Kind::Build, "its build took no notice of the sanitizer that it was told")),
        }
    }

    /// Grades a prepared submission and shows the report.
    pub async fn grade(&self, grading: Grading<'_>) -> Result<Report, CommandError> {
        let mut live = ui::Live::new(self.options.format, grading.challenge.name);
        let (report, _) = grading.run(self.stop.clone(), &mut live).await?;
        show(&report, self.options.format);
        if let Some(path) = &self.options.html {
            write_html(&report, path)?;
        }
        if *self.stop.borrow() {
            let id = &report.run.id;
            return Err(CommandError::new(Kind::Interrupted, format!("interrupted; the record of run {id} is kept"))
                .hint(format!("`takehome report {id}` shows what there is")));
        }
        Ok(report)
    }

    /// Turns true when the user wants to stop.
    pub fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }
}

/// No back end that was wanted works here.
fn unusable(error: &backend::OpenError, wish: Wish, purpose: Purpose) -> CommandError {
    let error = CommandError::new(Kind::Machine, error.to_string()).blame(Blame::Environment);
    let error = error.hint("`takehome doctor` says what is missing and how to fix it");
    let error = match (wish, purpose) {
        (Wish::Auto, Purpose::Others) => error.hint(
            "only a strong sandbox is taken to run other people's code; `--sandbox podman` or `--sandbox degraded` takes \
             a weaker one",
        ),
        (Wish::Named(_), _) => error.hint("without --sandbox, the best one that works here is taken"),
        (Wish::Auto, Purpose::SelfCheck) => error,
    };
    error.hint("--unsafe-no-sandbox runs the submission with everything that you can do; only for your own code")
}

/// What the user has to know about the choice.
fn remarks(selected: &Selected) -> Vec<String> {
    let entry = selected.entry;
    let passed = selected.passed_over.iter();
    let mut remarks: Vec<String> =
        passed.map(|(name, why)| format!("note: the sandbox `{name}` does not work here: {why}")).collect();
    if !remarks.is_empty() {
        remarks.push(format!("note: using the sandbox `{}`: {}", entry.name, entry.about));
    }
    match entry.strength {
        Strength::Strong => {}
        Strength::None => {
            remarks.push("warning: no sandbox: the submission can read and change everything that you can".into());
        }
        Strength::Weaker | Strength::Degraded => remarks.push(format!(
            "warning: weak sandbox: `{}` ({}) is not enough for code of people you do not know; `takehome doctor` says \
             what is missing",
            entry.name, entry.about
        )),
    }
    remarks
}

/// Prints a report as it was asked for. Of ndjson everything has been printed already.
pub fn show(report: &Report, format: Format) {
    match format {
        Format::Human => {
            let style = if ui::shows_colour() { reports::format::human::Style::Ansi } else { Default::default() };
            let text = reports::format::human::Human { style }.render(report);
            ui::product(&format!("\n{}", String::from_utf8_lossy(&text)));
        }
        Format::Json => {
            let json = reports::find("json").map(|json| json.render(report)).unwrap_or_default();
            ui::product(&String::from_utf8_lossy(&json));
        }
        Format::Ndjson => {}
    }
}

/// The first Ctrl-C asks politely; the second ends takehome, and with it every sandbox.
fn stop_on_signal() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let terminated = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => drop(signal.recv().await),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated => {}
        }
        let _ = sender.send(true);
        let _ = tokio::signal::ctrl_c().await;
        std::process::exit(130);
    });
    receiver
}
