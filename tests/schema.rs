//! The published JSON Schemas are those of the code.

use serde_json::Value;
use std::fs;
use tests::{TestEnv, workspace};

const PATH: &str = "reports/schema/report.schema.json";

#[test]
fn the_published_schemas_are_the_programs() {
    for (command, path) in [("show", PATH), ("verify-history", "reports/schema/verification.schema.json")] {
        let program = TestEnv::new().run([command, "--schema"]).code(0).stdout;
        let published = fs::read_to_string(workspace().join(path)).unwrap_or_default();
        assert!(program == published, "{path} is not up to date: cargo run -- {command} --schema > {path}");
    }
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
