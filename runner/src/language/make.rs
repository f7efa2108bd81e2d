//! C and C++ with a Makefile.

use super::{
    Detected, Language, Program, compilers,
    recipe::{Recipe, Start, Step, Take, Tool, in_work},
    tree::Folder,
};

/// make.
pub(super) struct Make;

const NAMES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];

impl Language for Make {
    fn name(&self) -> &'static str {
        "make"
    }

    fn detect(&self, folder: &Folder<'_>) -> Option<Detected> {
        let file = NAMES.into_iter().find(|name| folder.has(name))?;
        compilers::dialect(folder)?;
        // Which programs it makes is known only once it has made them.
        Some(Detected { file: Some(file.to_owned()), programs: vec![Program::new("", file)] })
    }

    fn recipe(&self, folder: &Folder<'_>, program: &Program) -> Recipe {
        let language = compilers::dialect(folder).unwrap_or("c");
        let mut tools = vec![Tool::Make];
        tools.extend(compilers::tools(language));
        let name = Some(program.name.clone()).filter(|name| !name.is_empty());
        Recipe {
            language: language.to_owned(),
            dir: folder.dir.clone(),
            program: name.clone(),
            tools,
            needs: None,
            fetch: Vec::new(),
            build: vec![Step::new(["make"])],
            env: Vec::new(),
            take: Take::Executable { under: in_work(&folder.dir), name },
            start: Start::compiled("program"),
            notices: Vec::new(),
            manifest: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{line, recipe};

    #[test]
    fn a_makefile_counts_where_there_is_c() {
        let makefile = ("Makefile", "all:\n\tcc x.c");
        let found = recipe(&[makefile, ("x.c", "")], None, None).unwrap();
        assert_eq!((found.language.as_str(), line(&found.build[0]).as_str()), ("c", "make"));
        let python = recipe(&[makefile, ("main.py", "print()")], None, None).unwrap();
        assert_eq!(python.language, "python");
    }
}
