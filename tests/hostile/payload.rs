//! Texts that act where they are shown: one stands wherever a submission can put a text, and every format is rendered.

use crate::{
    inert,
    manifest::{Attack, Takehome},
    submission::{self, Skipped},
};
use git2::{ObjectType, Repository};
use std::fs;
use tests::{Ran, TestEnv};

/// Grades a submission that says the payload everywhere; what acts of it.
pub fn attack(attack: &Attack) -> Result<Option<Skipped>, String> {
    if let Some(skipped) = Skipped::without(&["python3"]) {
        return Ok(Some(skipped));
    }
    let payload = attack.manifest.payload.as_deref().unwrap_or_default();
    let env = TestEnv::cold();
    plant(&env, payload).map_err(|error| error.to_string())?;
    let live = |format: &str| {
        let grade =
            ["grade", "tree", "--challenge", "echo", "--stage", "basic", "--run", "python3 node.py", "--format"];
        Ran::of(env.program("timeout").args(["--kill-after=10", "120"]).arg(tests::takehome()).args(grade).arg(format))
    };
    let nothing = Takehome {
        plant: None,
        arguments: Vec::new(),
        code: Vec::new(),
        says: Vec::new(),
        never: Vec::new(),
        verdict: None,
        findings: Vec::new(),
        tools: Vec::new(),
        network: false,
        seconds: 0,
    };
    let mut problems = Vec::new();
    let graded = live("human");
    if graded.code != Some(1) {
        return Err(format!("exit code {:?}\n{}", graded.code, graded.stderr));
    }
    let mut texts = vec![("stdout".to_owned(), graded.stdout), ("stderr".to_owned(), graded.stderr)];
    texts.extend(failing(&env));
    for (name, text) in &texts {
        problems.extend(inert::problems("text", text, payload).into_iter().map(|problem| format!("{name}: {problem}")));
    }
    let formats = submission::formats(&env)?;
    problems.extend(submission::silent(&formats, &nothing, payload));
    // What was never shown could not be shown to be inert.
    let marked = formats.iter().filter(|(_, text)| text.contains("zzmark")).count();
    if marked < formats.len() {
        problems.push(format!("only {marked} of {} formats show that there was something", formats.len()));
    }
    if problems.is_empty() { Ok(None) } else { Err(problems.join("\n")) }
}

/// The same texts where nothing comes to a report: a build that fails, a manifest that is none, a branch that is not
/// there.
fn failing(env: &TestEnv) -> Vec<(String, String)> {
    let both = |ran: Ran| format!("{}\n{}", ran.stdout, ran.stderr);
    let build = ["grade", "tree", "--challenge", "echo", "--build", "cat payload; exit 1", "--run", "x"];
    let mut texts = vec![("a build that fails".to_owned(), both(env.run(build)))];
    texts.push(("a wrong manifest".to_owned(), both(env.run(["check", "--path", "bad"]))));
    texts.push((
        "a missing branch".to_owned(),
        both(env.run(["grade", "tree", "--challenge", "echo", "--rev", "none"])),
    ));
    texts
}

/// A repository whose author, message, branch, files and program say the payload.
fn plant(env: &TestEnv, payload: &str) -> Result<(), Box<dyn std::error::Error>> {
    let node = "import json, os, sys\ntext = open('payload', 'rb').read() + b' zzmark'\nsys.stderr.buffer.write(text + b'\\n')\n\
                sys.stderr.flush()\nline = json.loads(sys.stdin.readline())\nbody = dict(type='init_ok', in_reply_to=line['body']['msg_id'])\n\
                print(json.dumps(dict(src='n0', dest=line['src'], body=body)), flush=True)\n\
                line = json.loads(sys.stdin.readline())\nwords = text.decode('utf-8', 'replace')\n\
                body = {'type': 'error', 'code': 14, 'text': words, 'in_reply_to': line['body']['msg_id'], words: words}\n\
                print(json.dumps(dict(src='n0', dest=line['src'], body=body)), flush=True)\n\
                print(json.dumps(dict(src=words, dest=words, body={})), flush=True)\n\
                sys.stdout.buffer.write(text + b'\\n')\nsys.stdout.flush()\nsys.exit(3)\n";
    env.write("tree/node.py", node);
    env.write("tree/payload", payload);
    let name: String = payload.chars().filter(|c| !matches!(c, '/' | '\0')).take(60).collect();
    fs::write(env.path("tree").join(format!("{name}.txt")), payload)?;
    std::os::unix::fs::symlink(format!("/{name}"), env.path("tree").join(format!("link {name}")))?;
    let quoted = serde_json::to_string(payload)?.replace('\u{7f}', "\\u007f");
    env.write("bad/takehome.toml", &format!("{quoted} = {quoted}\n"));
    let repository = Repository::init(env.path("tree"))?;
    let mut index = repository.index()?;
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None)?;
    let tree = index.write_tree()?;
    let line: String = payload.chars().map(|c| if matches!(c, '\n' | '\0' | '<' | '>') { ' ' } else { c }).collect();
    // Byte by byte, because no git would write such names.
    let body = format!(
        "tree {tree}\nauthor {line} zzmark <{line}> 1700000000 +0000\ncommitter {line} <{line}> 1700000000 +0000\n\n\
         {}\n",
        payload.replace('\0', "")
    );
    let commit = repository.odb()?.write(ObjectType::Commit, body.as_bytes())?;
    let branch: String = line.chars().filter(|c| !" ~^:?*[\\".contains(*c) && !c.is_control()).collect();
    let branch = format!(
        "refs/heads/b{}",
        branch.replace("..", "").replace("@{", "").replace("//", "/").trim_matches(['/', '.'])
    );
    let branch =
        if repository.reference(&branch, commit, true, "").is_ok() { branch } else { "refs/heads/main".into() };
    repository.reference(&branch, commit, true, "")?;
    repository.set_head(&branch)?;
    Ok(())
}

/// A report that would copy the payload as it is must be found by the check; otherwise the check proves nothing.
pub fn naive(attack: &Attack) -> Result<(), String> {
    let payload = attack.manifest.payload.as_deref().unwrap_or_default();
    let page = format!("<!DOCTYPE html><body><pre>{payload}</pre></body>");
    let kinds = [("text", payload), ("html", page.as_str()), ("markdown", payload)];
    let found = kinds.iter().flat_map(|(kind, text)| inert::problems(kind, text, payload)).count();
    if found > 0 { Ok(()) } else { Err("the payload as it is counts as inert".into()) }
}
