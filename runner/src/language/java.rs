//! Java with Maven: one program for each class with a `main`.

use super::{
    Detected, Language, Program,
    recipe::{Need, Recipe, Start, Step, Take, Tool, in_work},
    tree::{Folder, file_name, stem},
};

/// Maven.
pub(super) struct Maven;

const SOURCES: &str = "src/main/java/";

impl Language for Maven {
    fn name(&self) -> &'static str {
        "java"
    }

    fn detect(&self, folder: &Folder<'_>) -> Option<Detected> {
        let pom = folder.read("pom.xml")?;
        let named = text_of(&pom, "mainClass");
        let files = folder.files(16).into_iter().filter(|file| file.starts_with(SOURCES) && file.ends_with(".java"));
        let mains = files.filter(|file| folder.read(file).is_some_and(|text| has_main(&text)));
        let program = |file: &str| {
            let class = file[SOURCES.len()..].trim_end_matches(".java").replace('/', ".");
            Program { default: named == Some(class.as_str()), ..Program::new(stem(file), file).with(class) }
        };
        let mut programs: Vec<Program> = mains.map(program).collect();
        let names: Vec<String> = programs.iter().map(|program| program.name.clone()).collect();
        for program in &mut programs {
            if names.iter().filter(|name| **name == program.name).count() > 1 {
                program.name.clone_from(&program.detail);
            }
        }
        Some(Detected { file: Some("pom.xml".to_owned()), programs })
    }

    fn recipe(&self, folder: &Folder<'_>, program: &Program) -> Recipe {
        let pom = folder.read("pom.xml").unwrap_or_default();
        // Maven has no reliable command that fetches all a build will need, so the build itself is run once with the
        // registry in reach, and then again, from scratch and without.
        let package = |mode: &str| {
            let step = Step::new(["mvn", "-B", "-ntp", mode, "-s", "/deps/settings.xml"]);
            step.arg("-Dmaven.repo.local=/deps/maven").arg("-DskipTests").arg("clean").arg("package")
        };
        let copy = |step: Step| {
            let step = step.arg("dependency:copy-dependencies").arg("-DincludeScope=runtime");
            step.arg("-DoutputDirectory=/out/lib")
        };
        let wanted = ["maven.compiler.release", "maven.compiler.source", "java.version"];
        let version =
            wanted.iter().find_map(|name| text_of(&pom, name)).map(|version| version.trim_start_matches("1."));
        let numeric = |version: &&str| version.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
        let need = |version: &str| Need {
            tool: Tool::Java,
            version: version.to_owned(),
            said_by: file_name("pom.xml").to_owned(),
        };
        Recipe {
            language: self.name().to_owned(),
            dir: folder.dir.clone(),
            program: Some(program.name.clone()),
            tools: vec![Tool::Java, Tool::Maven],
            needs: version.filter(numeric).map(need),
            fetch: vec![copy(package("-U"))],
            build: vec![copy(package("-o"))],
            env: Vec::new(),
            take: Take::Folders(vec![
                (format!("{}/target/classes", in_work(&folder.dir)), "classes".to_owned()),
                ("/out/lib".to_owned(), "lib".to_owned()),
            ]),
            start: Start::interpreted(["java", "-cp", "/app/classes:/app/lib/*", &program.detail]),
            notices: Vec::new(),
            manifest: None,
        }
    }
}

/// The text of the first element of a name.
fn text_of<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    Some(after.split_once('<')?.0.trim())
}

fn has_main(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).any(|pair| pair[0] == "void" && (pair[1].starts_with("main(") || pair[1] == "main"))
        && text.contains("static")
}

#[cfg(test)]
mod tests {
    use super::super::testing::recipe;

    #[test]
    fn classes_with_main_are_programs() {
        let main = "package a; class X { public static void main(String[] args) {} }";
        let pom = "<project><maven.compiler.source>17</maven.compiler.source></project>";
        let files = [
            ("pom.xml", pom),
            ("src/main/java/a/Echo.java", main),
            ("src/main/java/a/Kv.java", main),
            ("src/main/java/a/Util.java", "class Util { void mainly() {} }"),
        ];
        let error = recipe(&files, None, None).unwrap_err();
        assert!(error.contains("--bin Echo  (java)\n  --bin Kv  (java)"), "{error}");
        let kv = recipe(&files, None, Some("Kv")).unwrap();
        assert_eq!(kv.start.argv, ["java", "-cp", "/app/classes:/app/lib/*", "a.Kv"]);
        assert_eq!(kv.needs.unwrap().version, "17");
    }
}
