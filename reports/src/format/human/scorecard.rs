//! The scorecard as a table: stage, verdict, points, and why points were lost.

use super::{Ink, Style, WIDTH, wrap};
use crate::{number, text};
use harness::{
    score::{ScoreLine, Scorecard},
    text::quiet,
};

/// Columns before the reasons, without the stage's name.
const FIXED: usize = 2 + 2 + 7 + 2 + 6 + 3 + 5 + 2;

/// The table with its total.
pub fn scorecard(style: Style, scorecard: &Scorecard) -> String {
    let longest = scorecard.lines.iter().map(|line| text::cut(&line.stage, 24).chars().count()).max();
    let width = longest.unwrap_or(0).max("stage".len());
    let heading = format!("  {:<width$}  verdict  points      why", "stage");
    let mut out = format!("{}\n", style.paint(Ink::Faint, &heading));
    for line in &scorecard.lines {
        out.push_str(&stage(style, width, line));
    }
    let total = format!(
        "  {:<width$}           {:>6} / {}",
        "total",
        number::points(scorecard.total),
        number::points(scorecard.of)
    );
    out.push_str(&format!("{}\n", style.paint(Ink::Bold, &total)));
    quiet(&out).into_owned()
}

fn stage(style: Style, width: usize, line: &ScoreLine) -> String {
    let indent = width + FIXED;
    let reasons: Vec<String> = line
        .reasons
        .iter()
        .take(6)
        .flat_map(|reason| wrap(&text::prose(reason), WIDTH.saturating_sub(indent)))
        .collect();
    let row = format!(
        "  {:<width$}  {}  {:>6} / {:<5}  {}",
        text::cut(&line.stage, 24),
        style.verdict(line.verdict, 7),
        number::points(line.points),
        number::points(line.of),
        reasons.join(&format!("\n{:indent$}", "")),
    );
    format!("{}\n", row.trim_end())
}
