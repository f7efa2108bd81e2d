//! The line of a case: verdict, duration, place, seed.

use super::{Ink, Style};
use crate::{number, text};
use harness::{
    report::Case,
    text::quiet,
    verdict::{Finding, Verdict},
};

/// `FAIL [  21.3s] (3/9) broadcast/partition  seed 7`, with its note or its number of operations.
pub fn case_line(style: Style, index: usize, of: usize, challenge: &str, stage: &str, case: &Case) -> String {
    let trailer = match (&case.note, case.verdict) {
        (Some(note), _) => text::line(note),
        (None, Verdict::NotRun) => String::new(),
        (None, _) => number::plural(case.operations, "operation", "operations"),
    };
    let trailer = if trailer.is_empty() { trailer } else { format!("  {}", style.paint(Ink::Faint, &trailer)) };
    let place = place(Some((index, of, case.seconds)), challenge, stage, case.seed);
    quiet(&format!("{} {place}{trailer}\n", style.verdict(case.verdict, 4))).into_owned()
}

/// The line above a finding: `FAIL` where it decides the verdict, `NOTE` where it is advice.
pub fn title(style: Style, at: Option<(usize, usize, f64)>, challenge: &str, finding: &Finding) -> String {
    let word = match finding.decisive {
        true => style.paint(Ink::Bad, "FAIL"),
        false => style.paint(Ink::Warn, "NOTE"),
    };
    let place = place(at, challenge, &finding.stage, finding.seed);
    format!("{word} {place}  {}\n", style.paint(Ink::Faint, &text::name(&finding.code)))
}

fn place(at: Option<(usize, usize, f64)>, challenge: &str, stage: &str, seed: u64) -> String {
    let at = match at {
        Some((index, of, seconds)) if seconds.is_finite() => format!("[{:>6.1}s] ({index}/{of}) ", seconds.min(1e6)),
        Some((index, of, _)) => format!("[      —] ({index}/{of}) "),
        None => String::new(),
    };
    format!("{at}{}/{}  seed {seed}", text::name(challenge), text::name(stage))
}
