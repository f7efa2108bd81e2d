//! Go: modules and workspaces, one program for each `package main`.

use std::collections::BTreeSet;

use super::{
    Detected, Language, Program,
    recipe::{Need, Recipe, Start, Step, Take, Tool, env},
    tree::{Folder, file_name, normalise},
};

/// The go command.
pub(super) struct Go;

impl Language for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn detect(&self, folder: &Folder<'_>) -> Option<Detected> {
        let work = folder.read("go.work");
        let file = if work.is_some() { "go.work" } else { "go.mod" };
        let text = folder.read(file)?;
        let own = if work.is_some() { used(&text) } else { BTreeSet::from([String::new()]) };
        let all = folder.files(8);
        // A folder with its own go.mod is another module, unless the workspace uses it.
        let nested: Vec<&str> = all.iter().filter_map(|file| file.strip_suffix("/go.mod")).collect();
        let mut dirs = BTreeSet::new();
        for file in &all {
            let dir = file.rsplit_once('/').map_or("", |(dir, _)| dir);
            let inside = |module: &str| module.is_empty() || dir == module || dir.starts_with(&format!("{module}/"));
            let module = nested.iter().filter(|module| inside(module)).max_by_key(|module| module.len());
            let ignored =
                dir.split('/').any(|part| part == "vendor" || part == "testdata" || part.starts_with(['_', '.']));
            let source = file.ends_with(".go") && !file.ends_with("_test.go");
            if source && !ignored && own.contains(*module.unwrap_or(&"")) && !dirs.contains(dir) {
                let text = folder.read(file).unwrap_or_default();
                if is_main(&text) {
                    dirs.insert(dir.to_owned());
                }
            }
        }
        let module = folder.read("go.mod").and_then(|text| directive(&text, "module"));
        let root = module.as_deref().map_or("main", file_name);
        let name = |dir: &String| if dir.is_empty() { root.to_owned() } else { file_name(dir).to_owned() };
        let mut programs: Vec<Program> = dirs.iter().map(|dir| Program::new(name(dir), dir.clone())).collect();
        // Two folders of one name are told apart by their paths.
        let names: Vec<String> = programs.iter().map(|program| program.name.clone()).collect();
        for program in &mut programs {
            if names.iter().filter(|name| **name == program.name).count() > 1 && !program.path.is_empty() {
                program.name.clone_from(&program.path);
            }
        }
        Some(Detected { file: Some(file.to_owned()), programs })
    }

    fn recipe(&self, folder: &Folder<'_>, program: &Program) -> Recipe {
        let package = if program.path.is_empty() { ".".to_owned() } else { format!("./{}", program.path) };
        let name = file_name(&program.name);
        let modules: Vec<String> = modules(folder);
        let vendored = folder.has("vendor/modules.txt");
        let required = modules.iter().any(|text| text.lines().any(|line| line.trim().starts_with("require")));
        let sums = folder.has("go.sum") || folder.has("go.work.sum") || folder.has("go.work");
        let mut fetch = Vec::new();
        let mut notices = Vec::new();
        if required && !vendored {
            fetch.push(Step::new(["go", "mod", "download"]));
            if !sums {
                // Loading the packages writes the missing checksums; building with `-mod=readonly` then finds them.
                fetch.push(Step::new(["go", "list", "-mod=mod", "-deps", "-f", "{{.Name}}"]).arg(&package));
                notices.push("there is no go.sum: the checksums of dependencies were taken on trust".to_owned());
            }
        }
        let version = modules
            .iter()
            .filter_map(|text| directive(text, "go"))
            .max_by_key(|version| version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>());
        let flags = if vendored { "-mod=vendor -buildvcs=false" } else { "-mod=readonly -buildvcs=false" };
        Recipe {
            language: self.name().to_owned(),
            dir: folder.dir.clone(),
            program: Some(name.to_owned()),
            tools: vec![Tool::Go],
            needs: version.map(|version| Need { tool: Tool::Go, version, said_by: "go.mod".to_owned() }),
            fetch,
            build: vec![
                Step::new(["go", "build", "-o"]).arg(format!("/out/bin/{name}")).arg(package).env("GOPROXY", "off"),
            ],
            env: env([
                ("GOPATH", "/deps/go"),
                ("GOMODCACHE", "/deps/go/mod"),
                ("GOCACHE", "/out/gocache"),
                ("GOTOOLCHAIN", "local"),
                ("GOVCS", "*:off"),
                ("GOENV", "off"),
                ("GOTELEMETRY", "off"),
                ("GOFLAGS", flags),
            ]),
            take: Take::Program { from: vec![format!("/out/bin/{name}")], name: name.to_owned() },
            start: Start::compiled(name),
            notices,
            manifest: None,
        }
    }
}

/// The folders that a workspace uses.
fn used(text: &str) -> BTreeSet<String> {
    let mut block = false;
    let mut dirs = BTreeSet::new();
    for line in text.lines().map(|line| line.split("//").next().unwrap_or_default().trim()) {
        let dir = match line {
            "use (" => {
                block = true;
                continue;
            }
            ")" => {
                block = false;
                continue;
            }
            line if block => line,
            line => match line.strip_prefix("use ") {
                Some(dir) => dir,
                None => continue,
            },
        };
        dirs.extend(normalise(dir.trim().trim_matches('"')).filter(|_| !dir.is_empty()));
    }
    dirs
}

/// The texts of the go.mod files that are built.
fn modules(folder: &Folder<'_>) -> Vec<String> {
    let dirs = folder.read("go.work").map_or_else(|| BTreeSet::from([String::new()]), |text| used(&text));
    dirs.iter().filter_map(|dir| folder.below(dir).read("go.mod")).collect()
}

fn directive(text: &str, name: &str) -> Option<String> {
    let mut words = text.lines().map(str::split_whitespace);
    let found = words.find_map(|mut words| (words.next()? == name).then(|| words.next())?)?;
    Some(found.trim_matches('"').to_owned())
}

/// Whether a source file is of a program that is built by default.
fn is_main(text: &str) -> bool {
    let lines = || text.lines().map(str::trim);
    let ignored = lines()
        .take_while(|line| !line.starts_with("package "))
        .any(|line| line.starts_with("//go:build") && line.contains("ignore") || line.starts_with("// +build ignore"));
    let package = lines().find_map(|line| line.strip_prefix("package "));
    !ignored && package.is_some_and(|name| name.split([' ', '/', ';']).next() == Some("main"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{line, recipe};

    const MAIN: &str = "// words\npackage main\nfunc main() {}";

    #[test]
    fn a_module_with_one_program() {
        let recipe = recipe(&[("go.mod", "module a.b/echo\n\ngo 1.22\n"), ("main.go", MAIN)], None, None).unwrap();
        assert_eq!(line(&recipe.build[0]), "go build -o /out/bin/echo .");
        assert_eq!(recipe.needs.unwrap().version, "1.22");
        assert!(recipe.fetch.is_empty());
    }

    #[test]
    fn several_programs_tests_and_nested_modules() {
        let files = [
            ("go.mod", "module x\nrequire y v1.0.0"),
            ("cmd/echo/main.go", MAIN),
            ("cmd/gossip/main.go", MAIN),
            ("cmd/gossip/more.go", MAIN),
            ("tools/gen.go", "//go:build ignore\n\npackage main"),
            ("lib/lib.go", "package lib"),
            ("lib/x_test.go", MAIN),
            ("vendor/z/main.go", MAIN),
            ("other/go.mod", "module other"),
            ("other/main.go", MAIN),
        ];
        let error = recipe(&files, None, None).unwrap_err();
        assert!(error.ends_with("name one:\n  --bin echo  (go)\n  --bin gossip  (go)"), "{error}");
        let recipe = recipe(&files, None, Some("echo")).unwrap();
        assert_eq!(line(&recipe.build[0]), "go build -o /out/bin/echo ./cmd/echo");
        assert_eq!(recipe.fetch.len(), 2);
    }

    #[test]
    fn a_workspace_and_a_vendor_folder() {
        let files = [
            ("go.work", "go 1.22\nuse (\n\t./a // first\n\t./b\n)\n"),
            ("a/go.mod", "module a"),
            ("a/main.go", MAIN),
            ("b/go.mod", "module b"),
            ("b/lib.go", "package b"),
            ("c/go.mod", "module c"),
            ("c/main.go", MAIN),
        ];
        assert_eq!(line(&recipe(&files, None, None).unwrap().build[0]), "go build -o /out/bin/a ./a");
        let files = [("go.mod", "module x\nrequire y v1"), ("main.go", MAIN), ("vendor/modules.txt", "")];
        let vendored = recipe(&files, None, None).unwrap();
        assert!(vendored.fetch.is_empty());
        assert!(vendored.env.iter().any(|(_, value)| value.contains("-mod=vendor")));
    }
}
