//! What commands that run cases share: the sandbox, the store, stopping politely, and showing the result.

use super::report::{writable, write_html};
use crate::{
    backend::{self, Backend},
    cli::{Format, RunOptions},
    error::{CommandError, Kind},
    grading::Grading,
    record::Store,
    submission::{self, Prepared, Request},
    ui,
};
use harness::{report::Report, verdict::Blame};
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
    pub fn begin(options: &RunOptions) -> Result<Self, CommandError> {
        if let Some(path) = &options.html {
            writable(path)?;
        }
        let _ = backend::raise_open_files();
        let backend = backend::select(options.unsafe_no_sandbox).map_err(|error| {
            CommandError::new(Kind::Machine, error.to_string())
                .blame(Blame::Environment)
                .hint("`takehome doctor` says what is missing and how to fix it")
                .hint("--unsafe-no-sandbox runs the submission with everything that you can do; only for your own code")
        })?;
        if options.unsafe_no_sandbox {
            ui::message("warning: no sandbox: the submission can read and change everything that you can");
        }
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
