//! Tests of the choice among folders, languages and programs.

use super::super::{
    Choice, detect,
    testing::{recipe, tree},
};

const MAIN: &str = "package main\nfunc main() {}";

#[test]
fn folders_are_listed_with_their_option() {
    let files = [
        ("README.md", ""),
        ("challenge-1-echo/go.mod", "module x/echo"),
        ("challenge-1-echo/main.go", MAIN),
        ("challenge-2/go.mod", "module x/ids"),
        ("challenge-2/cmd/a/main.go", MAIN),
        ("challenge-2/cmd/b/main.go", MAIN),
    ];
    let error = recipe(&files, None, None).unwrap_err();
    let expected =
        ":\n  --dir challenge-1-echo  (go)\n  --dir challenge-2 --bin a  (go)\n  --dir challenge-2 --bin b  (go)";
    assert!(error.ends_with(expected), "{error}");
    assert_eq!(recipe(&files, Some("./challenge-1-echo/"), None).unwrap().dir, "challenge-1-echo");
    assert_eq!(recipe(&files, Some("challenge-2"), Some("b")).unwrap().program.as_deref(), Some("b"));
    let error = recipe(&files, Some("challenge-3"), None).unwrap_err();
    assert!(error.contains("no folder `challenge-3`") && error.contains("--dir challenge-1-echo"), "{error}");
    assert!(recipe(&files, Some("../x"), None).unwrap_err().contains("not inside"));
}

#[test]
fn the_only_program_is_found_wherever_it_is() {
    let recipe = recipe(&[("a/solution/go.mod", "module x/y"), ("a/solution/main.go", MAIN)], None, None).unwrap();
    assert_eq!(recipe.dir, "a/solution");
    assert_eq!(recipe.notices.len(), 1);
}

#[test]
fn loose_scripts_do_not_hide_projects() {
    let files = [("plot.py", "#!/usr/bin/python3"), ("go/go.mod", "module x/y"), ("go/main.go", MAIN)];
    let error = recipe(&files, None, None).unwrap_err();
    assert!(error.contains("(python)") && error.contains("--dir go"), "{error}");
    let build_file = [("go.mod", "module x/y"), ("main.go", MAIN), ("plot.py", "#!/usr/bin/python3")];
    assert_eq!(recipe(&build_file, None, None).unwrap().language, "go");
}

#[test]
fn nothing_known_says_what_to_do() {
    let error = recipe(&[("main.rb", "")], None, None).unwrap_err();
    assert!(error.contains("--run '<command>'") && error.contains("rust, go"), "{error}");
}

#[test]
fn a_manifest_and_options_say_how() {
    let toml = "challenge = 'echo'\ndir = 'x'\nbuild = 'make it'\nrun = 'ruby main.rb'";
    let dir = tree(&[("takehome.toml", toml), ("x/main.rb", "")]);
    let own = detect(dir.path(), &Choice::default()).unwrap();
    assert_eq!((own.language.as_str(), own.dir.as_str()), ("custom", "x"));
    assert_eq!(own.start.argv, ["ruby", "main.rb"]);
    assert!(own.start.cwd_in_app);
    assert_eq!(own.manifest.unwrap().challenge.as_deref(), Some("echo"));
    let choice = Choice { run: Some("./a 'b c'".to_owned()), ..Choice::default() };
    assert_eq!(detect(dir.path(), &choice).unwrap().start.argv, ["./a", "b c"]);
    let choice = Choice { build: Some("make".to_owned()), ..Choice::default() };
    let bare = tree(&[("x", "")]);
    assert!(detect(bare.path(), &choice).unwrap_err().to_string().contains("--run"));
}

#[test]
fn a_program_may_be_given_words_of_its_own() {
    let dir = tree(&[("go.mod", "module x"), ("main.go", MAIN)]);
    let choice = |run: &str| Choice { run: Some(run.to_owned()), ..Choice::default() };
    let own = detect(dir.path(), &Choice::default()).unwrap();
    let told = detect(dir.path(), &choice("{bin} --port {port}")).unwrap();
    assert_eq!((&told.build, &told.take), (&own.build, &own.take));
    assert_eq!(told.start.argv, [own.start.argv, vec!["--port".into(), "{port}".into()]].concat());
    for other in ["env A=b {bin}", "sh -c 'exec {bin}'", "{bin} {bin}"] {
        assert!(detect(dir.path(), &choice(other)).unwrap_err().to_string().contains("the first word"), "{other}");
    }
    let both = Choice { build: Some("make".into()), ..choice("{bin}") };
    assert!(detect(dir.path(), &both).unwrap_err().to_string().contains("`{bin}` is what the language itself builds"));
}

#[test]
fn a_folder_of_a_project_says_how_its_program_is_called() {
    let dir = tree(&[("go.mod", "module x"), ("a/main.go", MAIN), ("b/cmd/main.go", MAIN)]);
    let error = |dir_: &str| {
        let choice = Choice { dir: Some(dir_.to_owned()), ..Choice::default() };
        detect(dir.path(), &choice).unwrap_err().to_string()
    };
    assert!(error("a").contains("a part of what go.mod builds; say --bin a instead"), "{}", error("a"));
    assert!(error("b").contains("--bin cmd"), "{}", error("b"));
}

#[test]
fn a_named_language_fetches_and_builds_for_commands_of_ones_own() {
    let dir = tree(&[("go.mod", "module x"), ("main.go", MAIN), ("package.json", "{}"), ("main.js", "")]);
    let some = |text: &str| Some(text.to_owned());
    let choice = Choice { language: some("go"), run: some("./x node"), ..Choice::default() };
    let own = detect(dir.path(), &Choice { language: some("go"), ..Choice::default() }).unwrap();
    let named = detect(dir.path(), &choice).unwrap();
    assert_eq!((&named.language, &named.fetch, &named.build), (&own.language, &own.fetch, &own.build));
    assert_eq!(named.start.argv, ["./x", "node"]);
    let built = detect(dir.path(), &Choice { build: some("make"), ..choice.clone() }).unwrap();
    assert_eq!(built.fetch, own.fetch);
    assert_ne!(built.build, own.build);
    let wrong = |name| detect(dir.path(), &Choice { language: some(name), ..choice.clone() }).unwrap_err().to_string();
    assert!(wrong("golang").contains("unknown language `golang`"));
    assert!(wrong("java").contains("no program that is written in java"));
}

#[test]
fn a_wrong_manifest_is_an_error() {
    let with = |text: &'static str| recipe(&[("takehome.toml", text), ("main.py", "")], None, None).unwrap_err();
    assert!(with("dirr = 'x'").contains("did you mean `dir`"));
    assert!(with("language = 'pyhton'").contains("did you mean `python`"));
    assert!(with("dir = '../..'").contains("not inside"));
}

#[test]
fn names_cannot_write_to_the_terminal() {
    let files = [
        ("a\u{1b}]0;x/go.mod", "module x"),
        ("a\u{1b}]0;x/main.go", MAIN),
        ("b c/go.mod", "module y"),
        ("b c/main.go", MAIN),
    ];
    let error = recipe(&files, None, None).unwrap_err();
    assert!(!error.contains('\u{1b}') && error.contains("--dir 'b c'"), "{error}");
}
