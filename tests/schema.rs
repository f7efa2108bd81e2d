//! The published JSON Schema of the report is the one of the code.

use serde_json::Value;
use std::fs;
use tests::{TestEnv, workspace};

const PATH: &str = "reports/schema/report.schema.json";

#[test]
fn the_published_schema_is_the_programs() {
    let program = TestEnv::new().run(["show", "--schema"]).code(0).stdout;
    let published = fs::read_to_string(workspace().join(PATH)).unwrap_or_default();
    assert!(program == published, "{PATH} is not up to date: cargo run -- show --schema > {PATH}");
}

#[test]
fn what_programs_rely_on_is_required() {
    let schema: Value = serde_json::from_str(&fs::read_to_string(workspace().join(PATH)).unwrap()).unwrap();
    let required = |of: &Value, names: &[&str]| {
        let listed = of["required"].as_array().cloned().unwrap_or_default();
        for name in names {
            assert!(listed.iter().any(|one| one == name), "`{name}` is not required in {of}");
        }
    };
    let all =
        ["run", "submission", "challenge", "verdict", "scorecard", "findings", "metrics", "stages", "environment"];
    required(&schema, &all);
    required(&schema, &["schema_version"]);
    let part = |name: &str| &schema["$defs"][name];
    required(part("Run"), &["id", "directory", "seed", "complete", "command"]);
    required(part("Submission"), &["content", "language"]);
    required(part("Scorecard"), &["total", "of", "lines"]);
    required(part("ScoreLine"), &["stage", "points", "reasons"]);
    required(part("Environment"), &["sandbox", "layers"]);
    required(part("Finding"), &["code", "requirement", "expected", "actual", "evidence", "blame", "replay"]);
}
