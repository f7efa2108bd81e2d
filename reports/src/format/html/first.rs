//! What to look at first: the few things that explain the result.

use super::parts::{finding_anchor, foreign, section, stage_anchor};
use crate::digest::{Target, pointers};
use harness::{report::Report, verdict::Verdict};
use maud::{Markup, html};

/// Two to four pointers, or a sentence where there is nothing to point at.
pub fn first(report: &Report) -> Markup {
    let pointers = pointers(report);
    let body = html! {
        @if pointers.is_empty() {
            p { (nothing(report.verdict)) }
        } @else {
            ol.pointers {
                @for pointer in &pointers {
                    li {
                        a href=(anchor(&pointer.target)) { (foreign(&pointer.lead)) } " "
                        (foreign(&pointer.rest))
                    }
                }
            }
        }
    };
    section("first", "What to look at first", html! { div.card { (body) } })
}

fn anchor(target: &Target<'_>) -> String {
    match target {
        Target::Finding(index) => format!("#{}", finding_anchor(*index)),
        Target::Stage(id) => format!("#{}", stage_anchor(id)),
    }
}

fn nothing(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => {
            "Nothing was found and no point was lost. The distributions and metrics of the stages show how much room \
             there is to the thresholds and to the reference."
        }
        Verdict::Fail | Verdict::Unknown => "There is no finding; the stages below say what was not decided, and why.",
        Verdict::NotRun => "Nothing ran.",
    }
}
