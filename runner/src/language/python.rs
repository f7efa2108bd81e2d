//! Python: scripts, packages with `__main__`, and the scripts of `pyproject.toml`.

use toml::{Table, Value};

use super::{
    Detected, Language, Program,
    recipe::{Need, Recipe, Start, Step, Take, Tool, env, in_work},
    tree::{Folder, file_name, stem},
};

/// CPython 3.
pub(super) struct Python;

const MANIFESTS: [&str; 4] = ["pyproject.toml", "requirements.txt", "setup.py", "setup.cfg"];

impl Language for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn detect(&self, folder: &Folder<'_>) -> Option<Detected> {
        let file = MANIFESTS.into_iter().find(|name| folder.has(name)).map(str::to_owned);
        let mut programs = entry_points(folder);
        programs.extend(scripts(folder));
        if file.is_none() && programs.is_empty() {
            return None;
        }
        Some(Detected { file, programs })
    }

    fn recipe(&self, folder: &Folder<'_>, program: &Program) -> Recipe {
        let script = format!("/app/{}", program.path);
        let start = match program.detail.split_once(':') {
            Some((module, function)) => {
                let name = function.split('.').next().unwrap_or_default();
                let code = format!("import sys; from {module} import {name}; sys.exit({function}())");
                Start::interpreted(["python3", "-c", &code])
            }
            None if file_name(&program.path) == "__main__.py" && program.path.contains('/') => {
                let package = program.path.trim_start_matches("src/").trim_end_matches("/__main__.py");
                Start::interpreted(["python3", "-m", &package.replace('/', ".")])
            }
            None => Start::interpreted(["python3", &script]),
        };
        let mut start = start;
        start.env = env([
            ("PYTHONPATH", "/app:/app/src:/app/.takehome/python"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONUNBUFFERED", "1"),
        ]);
        let install =
            Step::new(["python3", "-m", "pip", "install", "--no-input", "--no-compile", "--progress-bar=off"])
                .arg("--target=/out/python");
        let mut fetch = Vec::new();
        if folder.read("requirements.txt").is_some_and(|text| asks(&text)) {
            fetch.push(install.clone().arg("-r").arg("requirements.txt"));
        } else {
            let wanted = dependencies(folder);
            if !wanted.is_empty() {
                let step = install.arg("--");
                fetch.push(wanted.into_iter().fold(step, |step, one| step.arg(one)));
            }
        }
        // Compiling to nowhere finds a syntax error now rather than in the first case.
        let check = "import sys; p = sys.argv[1]; compile(open(p, 'rb').read(), p, 'exec')";
        let path = Some(&program.path).filter(|path| !path.is_empty());
        let build = path.map(|path| Step::new(["python3", "-c", check, path])).into_iter().collect();
        Recipe {
            language: self.name().to_owned(),
            dir: folder.dir.clone(),
            program: Some(program.name.clone()),
            tools: vec![Tool::Python],
            needs: requires_python(folder),
            fetch,
            build,
            env: Vec::new(),
            take: Take::Folders(vec![
                (in_work(&folder.dir), String::new()),
                ("/out/python".to_owned(), ".takehome/python".to_owned()),
            ]),
            start,
            notices: Vec::new(),
            manifest: None,
        }
    }
}

fn project(folder: &Folder<'_>) -> Option<Table> {
    let table: Table = folder.read("pyproject.toml")?.parse().ok()?;
    table.get("project")?.as_table().cloned()
}

/// The scripts that `pyproject.toml` defines. Only plain names of Python: they become code.
fn entry_points(folder: &Folder<'_>) -> Vec<Program> {
    let Some(project) = project(folder) else { return Vec::new() };
    let scripts = project.get("scripts").and_then(Value::as_table).cloned().unwrap_or_default();
    let name = |text: &str| {
        text.split('.')
            .all(|part| !part.is_empty() && part.chars().all(|letter| letter.is_alphanumeric() || letter == '_'))
    };
    let valid = |target: &str| target.split_once(':').is_some_and(|(module, function)| name(module) && name(function));
    let targets = scripts.iter().filter_map(|(script, target)| Some((script, target.as_str()?.replace(' ', ""))));
    targets.filter(|(_, target)| valid(target)).map(|(script, target)| Program::new(script, "").with(target)).collect()
}

fn dependencies(folder: &Folder<'_>) -> Vec<String> {
    let project = project(folder).unwrap_or_default();
    let list = project.get("dependencies").and_then(Value::as_array).cloned().unwrap_or_default();
    list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

fn requires_python(folder: &Folder<'_>) -> Option<Need> {
    let said = project(folder)?.get("requires-python")?.as_str()?.to_owned();
    let version = said.split(',').find_map(|part| part.trim().strip_prefix(">="))?.trim().to_owned();
    Some(Need { tool: Tool::Python, version, said_by: "pyproject.toml".to_owned() })
}

/// Whether a list of requirements holds any.
fn asks(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Files that are meant to be run: they say so, or nothing imports them.
fn scripts(folder: &Folder<'_>) -> Vec<Program> {
    let place = |file: &&str| {
        let tooling = matches!(*file, "setup.py" | "conftest.py") || file_name(file).starts_with("test_");
        let main = file_name(file) == "__main__.py" && file.matches('/').count() <= 2 && !file.starts_with("tests/");
        let near = !file.contains('/') || (file.starts_with("src/") && file.matches('/').count() == 1);
        file.ends_with(".py") && !tooling && (near || main)
    };
    let files: Vec<&str> = folder.files(2).into_iter().filter(place).take(200).collect();
    let texts: Vec<(&str, String)> = files.iter().filter_map(|file| Some((*file, folder.read(file)?))).collect();
    let says_so = |file: &str, text: &str| {
        text.starts_with("#!") || text.contains("__name__ == ") && text.contains("__main__") || stem(file) == "__main__"
    };
    let runnable = |(file, text): &&(&str, String)| says_so(file, text);
    let mut chosen: Vec<&(&str, String)> = texts.iter().filter(runnable).collect();
    if chosen.is_empty() {
        let imported = |file: &str| texts.iter().any(|(_, text)| imports(text, stem(file)));
        chosen = texts.iter().filter(|(file, _)| !imported(file) && stem(file) != "__init__").collect();
    }
    let program = |(file, _): &&(&str, String)| {
        let package = file.strip_suffix("/__main__.py").map(file_name);
        let main = matches!(*file, "main.py" | "__main__.py" | "src/main.py");
        Program { default: main, ..Program::new(package.unwrap_or(stem(file)), *file) }
    };
    chosen.iter().map(program).collect()
}

fn imports(text: &str, module: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| line.starts_with("import ") || line.starts_with("from "));
    lines.any(|line| line.split([' ', ',', '.']).any(|word| word == module))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{line, recipe};

    #[test]
    fn scripts_are_told_from_modules() {
        let files = [
            ("echo.py", "#!/usr/bin/env python3\nimport node"),
            ("kv.py", "if __name__ == '__main__': pass"),
            ("node.py", "class Node: pass"),
        ];
        let error = recipe(&files, None, None).unwrap_err();
        assert!(error.ends_with(":\n  --bin echo  (python)\n  --bin kv  (python)"), "{error}");
        for name in ["echo", "echo.py", "./echo.py"] {
            assert_eq!(recipe(&files, None, Some(name)).unwrap().start.argv, ["python3", "/app/echo.py"]);
        }
        let plain = recipe(&[("run.py", "import lib"), ("lib.py", "x = 1")], None, None).unwrap();
        assert_eq!(plain.program.as_deref(), Some("run"));
        assert!(plain.fetch.is_empty());
    }

    #[test]
    fn requirements_packages_and_entry_points() {
        let files = [("requirements.txt", "# none\nsix\n"), ("node/__main__.py", ""), ("node/__init__.py", "")];
        let package = recipe(&files, None, None).unwrap();
        assert_eq!(package.start.argv, ["python3", "-m", "node"]);
        assert!(line(&package.fetch[0]).ends_with("--target=/out/python -r requirements.txt"));
        let toml = "[project]\nrequires-python='>=3.9'\ndependencies=['six>1']\nscripts={run='a.b:main', bad='a;b:c'}";
        let entry = recipe(&[("pyproject.toml", toml), ("a/b.py", "")], None, None).unwrap();
        assert_eq!(entry.start.argv[2], "import sys; from a.b import main; sys.exit(main())");
        assert!(line(&entry.fetch[0]).ends_with("-- six>1"));
        assert_eq!(entry.needs.unwrap().version, "3.9");
    }

    #[test]
    fn main_is_preferred() {
        let files = [("main.py", "#!python"), ("tool.py", "#!python")];
        assert_eq!(recipe(&files, None, None).unwrap().program.as_deref(), Some("main"));
    }
}
