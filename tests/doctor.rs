//! What `doctor` finds out, and the choice of a sandbox that follows from it.

use serde_json::Value;
use std::process::Command;
use tests::{Ran, TestEnv, has, has_sandbox, project, skip, takehome};

/// All there are but the one that isolates nothing, the best first.
const BACKENDS: [&str; 4] = ["native", "bubblewrap", "podman", "degraded"];

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap_or_else(|| panic!("`{name}` is no list in {value}"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("`{name}` is no text in {value}"))
}

/// Whether a layer is told completely: with what it means, and where it is not enforced in a usable back end, with the
/// command that mends it.
fn is_complete(layer: &Value) {
    assert!(!text(layer, "name").is_empty() && !text(layer, "means").is_empty(), "{layer}");
    assert!(["enforced", "approximate", "missing"].contains(&text(layer, "status")), "{layer}");
    assert!(layer["detail"].is_string() && layer.get("fix").is_some(), "{layer}");
    if layer["status"] == "enforced" {
        assert!(layer["fix"].is_null(), "nothing is to be mended: {layer}");
    }
}

fn is_consistent(doctor: &Ran) -> Value {
    let found = doctor.json();
    assert_eq!(found["usable"], doctor.code == Some(0), "{found}");
    let names: Vec<&str> = list(&found, "backends").iter().map(|backend| text(backend, "name")).collect();
    assert_eq!(names, BACKENDS);
    for backend in list(&found, "backends") {
        assert_eq!(backend["usable"] == true, backend["reason"].is_null(), "{backend}");
        assert!(["strong", "weaker", "degraded"].contains(&text(backend, "strength")), "{backend}");
        assert!(!text(backend, "about").is_empty() && list(backend, "layers").len() > 10, "{backend}");
        list(backend, "layers").iter().for_each(is_complete);
        if backend["usable"] == false {
            let claimed = list(backend, "layers").iter().find(|layer| layer["status"] == "enforced");
            assert!(claimed.is_none(), "{} does not work and claims {claimed:?}", backend["name"]);
        }
    }
    let best = |strengths: &[&str]| {
        let fits = |backend: &&Value| backend["usable"] == true && strengths.contains(&text(backend, "strength"));
        list(&found, "backends").iter().find(fits).map_or(Value::Null, |backend| backend["name"].clone())
    };
    assert_eq!(found["grades_others"], best(&["strong"]));
    assert_eq!(found["checks_own"], best(&["strong", "weaker", "degraded"]));
    for fix in list(&found, "fixes") {
        assert!(!text(fix, "problem").is_empty() && !list(fix, "commands").is_empty(), "{fix}");
    }
    assert!(found["tools"].to_string().contains("cargo"), "{found}");
    found
}

/// `takehome` in a user namespace that maps nobody, where no further one can be made; none where that is not possible.
fn without_namespaces(env: &TestEnv, arguments: &[&str]) -> Option<Ran> {
    let possible = Command::new("unshare").args(["--user", "true"]).status().is_ok_and(|status| status.success());
    if !possible {
        skip("`unshare --user` is not possible here");
        return None;
    }
    let mut command = env.program("unshare");
    command.arg("--user").arg(takehome()).args(arguments);
    Some(Ran::of(&mut command))
}

#[test]
fn this_machine_is_described_completely() {
    let env = TestEnv::new();
    let found = is_consistent(&env.run(["doctor", "--format", "json"]));
    let doctor = env.run(["doctor"]);
    assert!(matches!(doctor.code, Some(0 | 6)), "{doctor:?}");
    doctor.prints(&BACKENDS).prints(&["A candidate's `takehome check` runs", text(&found, "backend")]);
}

#[test]
fn a_machine_without_namespaces_is_told_apart() {
    let env = TestEnv::new();
    let Some(doctor) = without_namespaces(&env, &["doctor", "--format", "json"]) else { return };
    let found = is_consistent(&doctor.code(6));
    assert_eq!((&found["grades_others"], &found["backend"]), (&Value::Null, &Value::from("native")));
    assert!(text(&found, "reason").contains("user namespace"), "{found}");
    assert!(list(&found, "layers").iter().all(|layer| layer["status"] == "missing"), "{found}");
    let doctor = without_namespaces(&env, &["doctor"]).expect("it was possible before").code(6);
    doctor.prints(&["This machine cannot grade", "✗ user namespace", "means", "takehome check"]);
}

#[test]
fn the_apparmor_profile_names_this_takehome() {
    let env = TestEnv::new();
    let profile = env.run(["doctor", "--apparmor-profile"]).code(0);
    let head = format!("profile takehome \"{}\" flags=(unconfined) {{", takehome().display());
    profile.prints(&[&head, "  userns,", "abi <abi/4.0>,", "sudo tee /etc/apparmor.d/takehome"]);
}

const GRADE: [&str; 8] = ["grade", "ref", "--challenge", "echo", "--stage", "basic", "--seed", "1"];

#[test]
fn a_report_names_the_sandbox_that_was_asked_for() {
    if !(has_sandbox() && has(&["rustc"])) {
        return;
    }
    let env = TestEnv::new();
    env.repository("ref", &project("echo", "reference/rust"));
    let found = env.run(["doctor", "--format", "json"]).json();
    for backend in list(&found, "backends") {
        let name = text(backend, "name");
        if backend["usable"] == false {
            let why = format!("{name} does not work here: {}", backend["reason"]);
            // Some machines cannot run it.
            if name == "podman" {
                tests::leave_out(&why)
            } else {
                tests::skip(&why)
            }
            env.run(GRADE.iter().chain(&["--sandbox", name]))
                .code(6)
                .says(&["could not be set up", "without --sandbox"]);
            continue;
        }
        let ran = env.run(GRADE.iter().chain(&["--sandbox", name])).code(0);
        let weak = backend["strength"] != "strong";
        assert_eq!(ran.stderr.contains("warning: weak sandbox"), weak, "{name}: {}", ran.stderr);
        assert_eq!(ran.stdout.contains("!!!  WEAK SANDBOX"), weak, "{name}: {}", ran.stdout);
        let report = env.run(["report", "last", "--format", "json"]).code(0).json();
        assert_eq!(report["environment"]["sandbox"], name);
        let layers = list(&report["environment"], "layers");
        // A build's size is watched in the same way in every sandbox.
        assert_eq!(layers.len(), list(backend, "layers").len() + 1, "{name}");
        assert!(layers.iter().any(|layer| layer["name"] == "build size limit"), "{name}");
        env.run(["report", "last"]).code(0).prints(&[&format!("--sandbox {name}")]);
    }
}

#[test]
fn the_variable_chooses_too_and_wrong_names_are_refused() {
    let env = TestEnv::new();
    env.run(GRADE.iter().chain(&["--sandbox", "docker"])).code(2).says(&["docker", "bubblewrap"]);
    env.run(GRADE.iter().chain(&["--sandbox", "none"])).code(2);
    env.run(GRADE.iter().chain(&["--sandbox", "native", "--unsafe-no-sandbox"])).code(2);
    let mut command = env.takehome(GRADE);
    Ran::of(command.env("TAKEHOME_SANDBOX", "chroot")).code(2).says(&["chroot"]);
}

#[test]
fn a_check_steps_down_and_says_so_but_grading_does_not() {
    if !has(&["rustc"]) {
        return;
    }
    // Its own cache: a build below another Cargo workspace would find that, and not be allowed to read it.
    let env = TestEnv::cold();
    env.folder("mine", &project("echo", "reference/rust"));
    let check = ["check", "--path", "mine", "--challenge", "echo", "basic"];
    let Some(doctor) = without_namespaces(&env, &["doctor", "--format", "json"]) else { return };
    if doctor.json()["checks_own"] != "degraded" {
        return skip(&format!("no degraded sandbox on this machine: {}", doctor.stdout));
    }
    let ran = without_namespaces(&env, &check).expect("it was possible before").code(0);
    let ran = ran.says(&["note: the sandbox `native` does not work here", "using the sandbox `degraded`"]);
    ran.says(&["warning: weak sandbox"]).prints(&["PASS", "!!!  WEAK SANDBOX"]);
    let replay = without_namespaces(&env, &["replay", "last"]).expect("it was possible before").code(6);
    replay.says(&["could not be set up", "--sandbox degraded"]);
}
