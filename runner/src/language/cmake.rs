//! C and C++ with CMake.

use super::{
    Detected, Language, Program, compilers,
    recipe::{Recipe, Start, Step, Take, Tool},
    tree::{Folder, file_name},
};

/// CMake. Configuring runs whatever the submission says, so it has a network only where something is downloaded, and
/// that of the fetch phase.
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
        // Without a lock file only configuring finds out what is needed, so that happens twice.
        let fetch = fetches(folder).then(|| configure("/deps/cmake/configured").arg("-DFETCHCONTENT_QUIET=OFF"));
        Recipe {
            language: language.to_owned(),
            dir: folder.dir.clone(),
            program: name.clone(),
            tools,
            needs: None,
            fetch: fetch.into_iter().collect(),
            build: vec![configure("/out/cmake").arg("-DFETCHCONTENT_FULLY_DISCONNECTED=ON"), build],
            env: Vec::new(),
            take: Take::Executable { under: "/out/cmake".to_owned(), name },
            start: Start::compiled("program"),
            notices: Vec::new(),
            manifest: None,
        }
    }
}

/// Configures into a folder, with dependencies where both phases find them.
fn configure(into: &str) -> Step {
    Step::new(["cmake", "-S", ".", "-B", into, "-DCMAKE_BUILD_TYPE=Release"])
        .arg("-DFETCHCONTENT_BASE_DIR=/deps/cmake/fetched")
}

/// Whether configuring downloads something: `FetchContent`, or a package manager that is built on it.
fn fetches(folder: &Folder<'_>) -> bool {
    let lists =
        folder.files(4).into_iter().filter(|file| file_name(file) == "CMakeLists.txt" || file.ends_with(".cmake"));
    let downloads = |text: String| {
        let text = text.to_ascii_lowercase();
        ["fetchcontent", "cpmaddpackage", "file(download"].iter().any(|word| text.contains(word))
    };
    lists.filter_map(|file| folder.read(file)).any(downloads)
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
    fn what_is_downloaded_is_fetched_first() {
        let plain = recipe(&[("CMakeLists.txt", "add_executable(a a.c)")], None, None).unwrap();
        assert!(plain.fetch.is_empty());
        let lists = "include(FetchContent)\nFetchContent_Declare(json URL https://x.test/j.tgz)\nadd_executable(a a.c)";
        let fetching = recipe(&[("CMakeLists.txt", lists)], None, None).unwrap();
        let words = fetching.fetch[0].argv.join(" ");
        assert!(words.contains("-DFETCHCONTENT_BASE_DIR=/deps/cmake/fetched") && !words.contains("DISCONNECTED"));
        let words = fetching.build[0].argv.join(" ");
        assert!(words.contains("-DFETCHCONTENT_BASE_DIR=/deps/cmake/fetched") && words.contains("DISCONNECTED=ON"));
    }

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
