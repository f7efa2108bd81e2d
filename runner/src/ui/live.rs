//! What a person sees while a run goes on: a line for each case as it ends, and progress on a terminal.

use super::{message, product, shows_progress};
use crate::{cli::Format, execute::Sink};
use harness::{
    event::{Event, EventKind},
    plan::PlannedCase,
    text,
};
use indicatif::{ProgressBar, ProgressStyle};
use reports::format::human::{Style, case_line};
use std::time::Duration;

/// The live screen of a run.
pub struct Live {
    format: Format,
    challenge: String,
    style: Style,
    bar: ProgressBar,
    running: Vec<PlannedCase>,
    cases: usize,
    done: usize,
}

impl Live {
    /// A screen for a run of a challenge.
    pub fn new(format: Format, challenge: &str) -> Self {
        let style = if super::shows_colour() { Style::Ansi } else { Style::Plain };
        let bar = spinner();
        Self { format, challenge: challenge.to_owned(), style, bar, running: Vec::new(), cases: 0, done: 0 }
    }

    fn progress(&self) {
        let names: Vec<String> = self.running.iter().map(PlannedCase::name).collect();
        self.bar.set_message(format!("{}/{} cases · {}", self.done, self.cases, text::inert(&names.join(", "))));
    }

    fn finished(&mut self, case: &PlannedCase, result: &harness::report::Case) {
        self.running.retain(|running| running != case);
        self.done += 1;
        if self.format == Format::Human {
            let line = case_line(self.style, self.done, self.cases, &self.challenge, &case.stage, result);
            self.bar.suspend(|| product(&line));
        }
    }
}

impl Sink for Live {
    fn event(&mut self, event: &Event) {
        if self.format == Format::Ndjson {
            product(&json_line(event));
        }
        match &event.kind {
            EventKind::RunStarted { cases } => self.cases = *cases,
            EventKind::CaseStarted(case) => self.running.push(case.clone()),
            EventKind::CaseFinished { case, result } => self.finished(case, result),
            EventKind::CaseRepeated { case, why } => {
                let text = format!("{} again: {why}", case.name());
                self.bar.suspend(|| message(&text));
            }
            EventKind::Interrupted => self.bar.suspend(|| message("stopping; the record is kept")),
            EventKind::RunFinished => self.bar.finish_and_clear(),
            EventKind::Fault { .. } | EventKind::Incident { .. } => {}
        }
        if !self.bar.is_finished() {
            self.progress();
        }
    }
}

/// An event as one line of JSON. What could act on a terminal or in a CI log is written as `\u` escapes, which mean the
/// same.
pub fn json_line(event: &Event) -> String {
    format!("{}\n", text::json(&serde_json::to_string(event).unwrap_or_default()))
}

/// A spinner on a terminal; nothing elsewhere.
pub fn spinner() -> ProgressBar {
    if !shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
