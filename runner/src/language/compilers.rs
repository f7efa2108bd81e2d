//! C and C++ without a build file: the compiler is called on the sources.

use super::{
    Detected, Language, Program,
    recipe::{Recipe, Start, Step, Take, Tool},
    tree::{Folder, file_name, stem},
};

/// One of the two languages.
pub(super) struct Compiler {
    name: &'static str,
    command: &'static str,
    tool: Tool,
    extensions: &'static [&'static str],
    standard: &'static str,
}

/// C.
pub(super) static C: Compiler =
    Compiler { name: "c", command: "cc", tool: Tool::C, extensions: &[".c"], standard: "-std=gnu17" };

/// C++; C sources beside C++ ones are left to a build file.
pub(super) static CPP: Compiler = Compiler {
    name: "c++",
    command: "c++",
    tool: Tool::Cpp,
    extensions: &[".cpp", ".cc", ".cxx"],
    standard: "-std=gnu++20",
};

impl Compiler {
    fn sources<'a>(&self, folder: &Folder<'a>) -> Vec<&'a str> {
        let inside = |file: &&str| !file.contains('/') || file.starts_with("src/");
        let files = folder.files(1).into_iter().filter(inside);
        files.filter(|file| self.extensions.iter().any(|end| file.ends_with(end))).collect()
    }
}

impl Language for Compiler {
    fn name(&self) -> &'static str {
        self.name
    }

    fn detect(&self, folder: &Folder<'_>) -> Option<Detected> {
        let sources = self.sources(folder);
        let mains = sources.iter().filter(|file| folder.read(file).is_some_and(|text| has_main(&text)));
        let programs: Vec<_> = mains.map(|file| Program::new(stem(file), *file)).collect();
        (!programs.is_empty()).then_some(Detected { file: None, programs })
    }

    fn recipe(&self, folder: &Folder<'_>, program: &Program) -> Recipe {
        let shared = self.sources(folder).into_iter();
        let shared = shared.filter(|file| folder.read(file).is_some_and(|text| !has_main(&text)));
        // With lines for the stacks of a program that hangs; the code stays the same.
        let mut build =
            Step::new([self.command, self.standard, "-O2", "-g1", "-I.", "-Iinclude", "-o", "/out/bin/program"]);
        // A name that starts with a dash would be an option.
        build.argv.extend(std::iter::once(program.path.as_str()).chain(shared).map(|file| format!("./{file}")));
        build.argv.extend(["-lpthread", "-lm"].map(str::to_owned));
        Recipe {
            language: self.name.to_owned(),
            dir: folder.dir.clone(),
            program: Some(program.name.clone()),
            tools: vec![self.tool],
            needs: None,
            fetch: Vec::new(),
            build: vec![Step::new(["mkdir", "-p", "/out/bin"]), build],
            env: Vec::new(),
            take: Take::Program { from: vec!["/out/bin/program".to_owned()], name: "program".to_owned() },
            start: Start::compiled("program"),
            notices: Vec::new(),
            manifest: None,
        }
    }
}

/// Whether a source defines `main`.
pub(super) fn has_main(text: &str) -> bool {
    text.match_indices("main").any(|(at, _)| {
        let before = text[..at].trim_end();
        let after = text[at + 4..].trim_start();
        let typed = ["int", "auto", "void"].iter().any(|kind| before.ends_with(kind));
        typed && before.len() < at && after.starts_with('(')
    })
}

/// Whether any source of C or C++ lies in a folder, and whether any is C++.
pub(super) fn dialect(folder: &Folder<'_>) -> Option<&'static str> {
    let files = folder.files(4);
    let any = |language: &Compiler| {
        files.iter().any(|file| language.extensions.iter().any(|end| file_name(file).ends_with(end)))
    };
    if any(&CPP) { Some("c++") } else { any(&C).then_some("c") }
}

/// The compilers for a dialect.
pub(super) fn tools(dialect: &str) -> Vec<Tool> {
    if dialect == "c++" { vec![Tool::C, Tool::Cpp] } else { vec![Tool::C] }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{line, recipe};

    const MAIN: &str = "#include <x>\nint main(int argc, char **argv) { return 0; }";

    #[test]
    fn all_sources_but_other_programs_are_compiled() {
        let files = [("a.c", MAIN), ("b.c", "int\nmain (void) {}"), ("lib.c", "int domain(int x);"), ("lib.h", "")];
        let error = recipe(&files, None, None).unwrap_err();
        assert!(error.contains("--bin a  (c)") && error.contains("--bin b  (c)"), "{error}");
        let recipe = recipe(&files, None, Some("b")).unwrap();
        assert!(line(&recipe.build[1]).ends_with("-o /out/bin/program ./b.c ./lib.c -lpthread -lm"));
    }

    #[test]
    fn cpp_is_its_own_language() {
        let recipe = recipe(&[("src/x.cpp", MAIN)], None, None).unwrap();
        assert_eq!((recipe.language.as_str(), recipe.build[1].argv[0].as_str()), ("c++", "c++"));
    }
}
