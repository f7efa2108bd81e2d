//! `takehome challenge verify`: the table that proves a challenge. All of them are proven by CI's own call of it.

use tests::{TestEnv, has, has_sandbox};

#[test]
fn a_reference_gets_full_marks_and_a_mutant_is_caught() {
    if !(has_sandbox() && has(&["rustc"])) {
        return;
    }
    let env = TestEnv::new();
    let verify = |only: &str| env.run(["challenge", "verify", "echo", "--seed", "1", "--only", only]).code(0);
    let line = |table: &str| table.lines().next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let reference = verify("reference/rust").says(&["verifying 1 submissions with seed 1"]);
    assert_eq!(line(&reference.stdout), "✓ echo/reference/rust full marks 100 of 100");
    assert!(reference.stdout.ends_with("1 as expected, 0 not, 0 skipped\n"));
    let mutant = line(&verify("mutants/crashes-on-unicode").stdout);
    let expected = "✓ echo/mutants/crashes-on-unicode node-crashed in exact FAIL (";
    assert!(mutant.starts_with(expected) && mutant.contains("node-crashed"), "{mutant}");
    assert_eq!(env.recorded(), Vec::<std::path::PathBuf>::new(), "proofs are no runs");
}

#[test]
fn a_selection_of_nothing_is_an_error() {
    let env = TestEnv::new();
    let nothing = env.run(["challenge", "verify", "echo", "--only", "mutants/none-such"]).code(4);
    nothing.prints_nothing().says(&["no submission was selected"]);
    env.run(["challenge", "verify", "ecko"]).code(2).says(&["did you mean `echo`?"]);
}
