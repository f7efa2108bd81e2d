//! C and C++ with CMake.

use super::{
    Detected, Language, Program, compilers,
    recipe::{Recipe, Start, Step, Take, Tool},
    tree::{Folder, file_name},
};

/// CMake. Configuring runs whatever the submission says, so it too has no network.
pub(super) struct Cmake;

impl Language for Cmake {
    fn name(&self) -> &'static str {
        "cmake"
    }

    fn detect(&self, folder: &Folder<'_>) -> Option<Detected> {
        folder.read("CMakeLists.txt")?;
        let lists = folder.files(4).into_iter().filter(|file| file_name(file) == "CMakeLists.txt");
        let texts = lists.filter_map(|file| folder.read(file));
        let mut names: Vec<String> = texts.flat_map(|text| executables(&text)).collect();
        names.sort();
        names.dedup();
        // A name that is computed is known only after the build, and so are all others then.
        if names.iter().any(|name| name.contains('$')) || names.is_empty() {
            names = vec![String::new()];
        }
        let programs = names.into_iter().map(|name| Program::new(name, "CMakeLists.txt")).collect();
        Some(Detected { file: Some("CMakeLists.txt".to_owned()), programs })
    }

    fn recipe(&self, folder: &Folder<'_>, program: &Program) -> Recipe {
        let language = compilers::dialect(folder).unwrap_or("c++");
        let mut tools = vec![Tool::Cmake, Tool::Make];
        tools.extend(compilers::tools(language));
        let name = Some(program.name.clone()).filter(|name| !name.is_empty());
        let build = Step::new(["cmake", "--build", "/out/cmake", "--parallel"]).arg("2");
        let build = name.iter().fold(build, |step, name| step.arg("--target").arg(name));
        Recipe {
            language: language.to_owned(),
            dir: folder.dir.clone(),
            program: name.clone(),
            tools,
            needs: None,
            fetch: Vec::new(),
            build: vec![
                Step::new(["cmake", "-S", ".", "-B", "/out/cmake", "-DCMAKE_BUILD_TYPE=Release"])
                    .arg("-DFETCHCONTENT_FULLY_DISCONNECTED=ON"),
                build,
            ],
            env: Vec::new(),
            take: Take::Executable { under: "/out/cmake".to_owned(), name },
            start: Start::compiled("program"),
            notices: Vec::new(),
            manifest: None,
        }
    }
}

/// The names in `add_executable(name …)`.
fn executables(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let calls = lower.match_indices("add_executable").filter_map(|(at, word)| {
        let comment = text[..at].rsplit('\n').next().is_some_and(|line| line.contains('#'));
        let inside = text[at + word.len()..].trim_start().strip_prefix('(')?;
        let name = inside.trim_start().split([' ', '\n', '\t', ')', '\r']).next()?;
        (!comment && !name.is_empty()).then(|| name.trim_matches('"').to_owned())
    });
    calls.collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::recipe;

    #[test]
    fn executables_are_listed() {
        let lists = "# add_executable(no x.c)\nAdd_Executable( echo\n a.cpp)\nadd_executable(kv b.cpp)";
        let files = [("CMakeLists.txt", lists), ("a.cpp", "int main(){}")];
        let error = recipe(&files, None, None).unwrap_err();
        assert!(error.contains("--bin echo  (cmake)") && error.contains("--bin kv"), "{error}");
        let chosen = recipe(&files, None, Some("kv")).unwrap();
        assert_eq!((chosen.language.as_str(), chosen.program.as_deref()), ("c++", Some("kv")));
        let unknown = recipe(&[("CMakeLists.txt", "add_executable(${NAME} a.c)")], None, Some("x")).unwrap();
        assert_eq!(unknown.program.as_deref(), Some("x"));
    }
}
