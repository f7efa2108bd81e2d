//! The answer about a recorded history, in every format of `takehome verify-history`.

mod digest;
mod html;
mod human;
mod lanes;

pub use html::html;
pub use human::human;
pub use lanes::lanes;

use harness::{explanation::Verification, text};

/// The answer as one JSON object, for programs. Nothing is cut in it.
pub fn json(verification: &Verification) -> String {
    let json = serde_json::to_string_pretty(verification);
    debug_assert!(json.is_ok(), "an answer has string keys only");
    format!("{}\n", text::json(&json.unwrap_or_default()))
}
