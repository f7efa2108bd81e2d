//! JavaScript for Node: scripts, and packages that name theirs.

use serde_json::{Map, Value};

use super::{
    Detected, Language, Program,
    recipe::{Recipe, Start, Step, Take, Tool, in_work},
    tree::{Folder, file_name, normalise, stem},
};

/// Node.
pub(super) struct Node;

const EXTENSIONS: [&str; 3] = [".js", ".mjs", ".cjs"];

impl Language for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn detect(&self, folder: &Folder<'_>) -> Option<Detected> {
        let package = package(folder);
        let file = folder.has("package.json").then(|| "package.json".to_owned());
        let mut programs = named(folder, &package);
        if programs.is_empty() {
            programs = scripts(folder);
        } else {
            // The other scripts can still be asked for by name.
            let known: Vec<String> = programs.iter().map(|program| program.path.clone()).collect();
            programs.extend(scripts(folder).into_iter().filter(|script| !known.contains(&script.path)));
        }
        (!programs.is_empty()).then_some(Detected { file, programs })
    }

    fn recipe(&self, folder: &Folder<'_>, program: &Program) -> Recipe {
        let package = package(folder);
        let script = format!("/app/{}", program.path);
        let wanted = ["dependencies", "devDependencies", "optionalDependencies"];
        let asks = wanted
            .iter()
            .any(|name| package.get(*name).and_then(Value::as_object).is_some_and(|list| !list.is_empty()));
        let locked = folder.has("package-lock.json") || folder.has("npm-shrinkwrap.json");
        let install = Step::new(["npm", if locked { "ci" } else { "install" }, "--ignore-scripts", "--no-audit"])
            .arg("--no-fund");
        let build = package.get("scripts").and_then(|scripts| scripts.get("build")).is_some();
        let mut notices = Vec::new();
        if asks && !locked {
            notices.push("there is no package-lock.json: the newest matching versions were taken".to_owned());
        }
        let mut steps = Vec::new();
        if build {
            steps.push(Step::new(["npm", "run", "build", "--offline"]));
        }
        steps.push(Step::new(["node", "--check", &format!("./{}", program.path)]));
        Recipe {
            language: self.name().to_owned(),
            dir: folder.dir.clone(),
            program: Some(program.name.clone()),
            tools: if asks || build { vec![Tool::Node, Tool::Npm] } else { vec![Tool::Node] },
            needs: None,
            fetch: if asks { vec![install] } else { Vec::new() },
            build: steps,
            env: Vec::new(),
            take: Take::Folders(vec![(in_work(&folder.dir), String::new())]),
            start: Start::interpreted(["node", &script]),
            notices,
            manifest: None,
        }
    }
}

fn package(folder: &Folder<'_>) -> Map<String, Value> {
    let text = folder.read("package.json").unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// The programs that package.json names: `bin`, else `scripts.start`, else `main`.
fn named(folder: &Folder<'_>, package: &Map<String, Value>) -> Vec<Program> {
    let own = package.get("name").and_then(Value::as_str).map_or("main", file_name);
    // A built script does not exist yet, so a name is not held against the files.
    let built = package.get("scripts").is_some_and(|scripts| scripts.get("build").is_some());
    let program = |name: &str, path: &str| {
        let path = normalise(path)?;
        let complete = ["", ".js", "/index.js"].iter().map(|end| format!("{path}{end}")).find(|path| folder.has(path));
        Some(Program::new(name, complete.or_else(|| built.then_some(path))?))
    };
    let bins: Vec<Program> = match package.get("bin") {
        Some(Value::String(path)) => program(own, path).into_iter().collect(),
        Some(Value::Object(bins)) => bins.iter().filter_map(|(name, path)| program(name, path.as_str()?)).collect(),
        _ => Vec::new(),
    };
    if !bins.is_empty() {
        return bins;
    }
    let start = package.get("scripts").and_then(|scripts| scripts.get("start")).and_then(Value::as_str);
    let started = start.and_then(|command| command.strip_prefix("node ")?.split_whitespace().last());
    let main = package.get("main").and_then(Value::as_str);
    let one =
        started.and_then(|path| program(stem(path), path)).or_else(|| main.and_then(|path| program(stem(path), path)));
    one.into_iter().map(|one| Program { default: true, ..one }).collect()
}

/// Scripts that are meant to be run: they have a shebang, or nothing requires them.
fn scripts(folder: &Folder<'_>) -> Vec<Program> {
    let place = |file: &&str| {
        let source = EXTENSIONS.iter().any(|end| file.ends_with(end));
        let tooling =
            file_name(file).contains(".config.") || file_name(file).contains(".test.") || file.starts_with('.');
        source && !tooling && (!file.contains('/') || file.starts_with("src/") || file.starts_with("bin/"))
    };
    let files = folder.files(1).into_iter().filter(place).take(200);
    let texts: Vec<(&str, String)> = files.filter_map(|file| Some((file, folder.read(file)?))).collect();
    let mut chosen: Vec<&(&str, String)> = texts.iter().filter(|(_, text)| text.starts_with("#!")).collect();
    if chosen.is_empty() {
        let imported = |file: &str| texts.iter().any(|(_, text)| imports(text, file));
        chosen = texts.iter().filter(|(file, _)| !imported(file)).collect();
    }
    let program = |(file, _): &&(&str, String)| Program {
        default: matches!(*file, "index.js" | "main.js" | "index.mjs" | "main.mjs" | "src/index.js" | "src/main.js"),
        ..Program::new(stem(file), *file)
    };
    chosen.iter().map(program).collect()
}

fn imports(text: &str, file: &str) -> bool {
    let (name, stem) = (file_name(file), stem(file));
    ['"', '\'', '`'].iter().any(|quote| {
        let ends = [format!("/{name}{quote}"), format!("/{stem}{quote}")];
        ends.iter().any(|end| text.contains(end))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{line, recipe};

    #[test]
    fn scripts_without_a_package() {
        let files = [("echo.js", "var n = require('./node')"), ("kv.js", "require('./node.js')"), ("node.js", "")];
        let error = recipe(&files, None, None).unwrap_err();
        assert!(error.ends_with(":\n  --bin echo  (node)\n  --bin kv  (node)"), "{error}");
        assert_eq!(recipe(&files, None, Some("kv")).unwrap().start.argv, ["node", "/app/kv.js"]);
    }

    #[test]
    fn a_package_names_its_programs() {
        let with = |json: &'static str| [("package.json", json), ("a.js", ""), ("b.js", "")];
        let start = recipe(&with(r#"{"scripts":{"start":"node ./b.js"},"main":"a.js"}"#), None, None).unwrap();
        assert_eq!(start.start.argv, ["node", "/app/b.js"]);
        assert!(start.fetch.is_empty());
        let bins = with(r#"{"bin":{"one":"a.js","two":"./b.js"},"dependencies":{"x":"1"}}"#);
        assert!(recipe(&bins, None, None).unwrap_err().contains("--bin two"));
        let bin = recipe(&bins, None, Some("two")).unwrap();
        assert_eq!(line(&bin.fetch[0]), "npm install --ignore-scripts --no-audit --no-fund");
        assert_eq!(bin.start.argv, ["node", "/app/b.js"]);
    }
}
