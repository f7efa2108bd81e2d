//! Any language: the submission's `takehome.toml`, or the options, say how it is built and run.

use super::{
    recipe::{Recipe, Start, Step, Take, Tool, env, in_work},
    tree::{Folder, file_name},
};

/// Where the tools that a command may call find writable and warm places.
const ENV: [(&str, &str); 5] = [
    ("CARGO_HOME", "/deps/cargo"),
    ("GOPATH", "/out/go"),
    ("GOCACHE", "/out/gocache"),
    ("GOTOOLCHAIN", "local"),
    ("GOFLAGS", "-buildvcs=false"),
];

/// The recipe for the given commands.
///
/// Dependencies are fetched only when `language` is named, because only then it is known how; the base is that
/// language's recipe, which also builds when no command was given for it. The whole folder is kept, and the program is
/// started in it.
pub(super) fn recipe(folder: &Folder<'_>, base: Option<Recipe>, build: Option<Vec<Step>>, run: Vec<String>) -> Recipe {
    let build = build.or_else(|| base.as_ref().map(|base| base.build.clone())).unwrap_or_default();
    let mut tools: Vec<Tool> = base.iter().flat_map(|base| base.tools.clone()).collect();
    let steps = build.iter().flat_map(|step| &step.argv);
    tools.extend(steps.chain(&run).flat_map(|words| mentioned(words)));
    tools.sort();
    tools.dedup();
    let base_env = base.as_ref().map(|base| base.env.clone());
    let mut kept = vec![(in_work(&folder.dir), String::new())];
    // What an interpreted language has fetched belongs to the program.
    if let Some(Take::Folders(folders)) = base.as_ref().map(|base| &base.take) {
        kept.extend(folders.iter().skip(1).cloned());
    }
    Recipe {
        language: base.as_ref().map_or_else(|| "custom".to_owned(), |base| base.language.clone()),
        dir: folder.dir.clone(),
        program: run.first().map(|word| file_name(word).to_owned()),
        tools,
        needs: base.as_ref().and_then(|base| base.needs.clone()),
        fetch: base.as_ref().map(|base| base.fetch.clone()).unwrap_or_default(),
        build,
        env: base_env.unwrap_or_else(|| env(ENV)),
        take: Take::Folders(kept),
        start: Start {
            argv: run,
            env: base.map(|base| base.start.env).unwrap_or_default(),
            interpreted: true,
            cwd_in_app: true,
        },
        notices: Vec::new(),
        manifest: None,
    }
}

/// The tools that a command mentions: `cargo build && ./x` needs Rust.
fn mentioned(command: &str) -> Vec<Tool> {
    let words = command.split(|letter: char| !(letter.is_alphanumeric() || "+-_./".contains(letter)));
    let tool = |word: &str| {
        Some(match word {
            "cargo" | "rustc" => vec![Tool::Rust],
            "go" | "gofmt" => vec![Tool::Go],
            "cc" | "gcc" | "clang" => vec![Tool::C],
            "c++" | "g++" | "clang++" => vec![Tool::Cpp],
            "cmake" => vec![Tool::Cmake],
            "make" => vec![Tool::Make],
            "python" | "python3" | "pip" | "pip3" => vec![Tool::Python],
            "node" => vec![Tool::Node],
            "npm" | "npx" => vec![Tool::Node, Tool::Npm],
            "java" | "javac" => vec![Tool::Java],
            "mvn" => vec![Tool::Java, Tool::Maven],
            _ => return None,
        })
    };
    words.filter_map(tool).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_found_in_commands() {
        assert_eq!(mentioned("cd x && cargo build; ./go-like"), [Tool::Rust]);
        assert_eq!(mentioned("npm run build"), [Tool::Node, Tool::Npm]);
        assert!(mentioned("./cargo.sh").is_empty());
    }
}
