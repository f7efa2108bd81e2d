//! Attacks with nothing in their way: each is shown to work, so that the suite cannot pass by being broken.

use crate::{
    cell::{is_running, wait_until_gone},
    manifest::{Attack, Control, fits},
    submission,
    world::{Canary, as_user, sacrificed_user, world},
};
use nix::pty::openpty;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Seek},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

/// How a control came out.
pub enum Shown {
    /// The attack works.
    Works,
    /// This machine is in its way by itself.
    Closed(String),
    /// It was not tried, and why.
    Untried(String),
    /// It needs this program, which is not installed.
    Missing(String),
}

/// Runs the control of an attack; an error when the attack does not work.
pub fn control(attack: &Attack) -> Result<Shown, String> {
    let manifest = &attack.manifest;
    let is_root = nix::unistd::geteuid().is_root();
    let how = manifest.control()?;
    if let Some(tool) = submission::out_of_reach(&needs(attack, &how)) {
        return Ok(Shown::Missing(tool));
    }
    match how {
        Control::Unsafe(why) => Ok(Shown::Untried(why)),
        Control::Root | Control::Expendable if !is_root => Ok(Shown::Untried("it takes root".into())),
        Control::Naive => crate::payload::naive(attack).map(|()| Shown::Works),
        Control::Shell(script) => submission::shell(attack, &script),
        Control::Rustc(file) => submission::compiled(attack, &file).map(|()| Shown::Works),
        Control::Unsandboxed => submission::unsandboxed(attack).map(|()| Shown::Works),
        how => {
            let outcome = probe(attack, &how)?;
            match outcome.split_once(": ") {
                _ if outcome.starts_with("succeeded") => Ok(Shown::Works),
                Some((_, error))
                    if manifest.unless.split_whitespace().any(|word| word.trim_end_matches(',') == error) =>
                {
                    Ok(Shown::Closed(outcome))
                }
                _ => Err(format!("the attack does not work by itself: {outcome}")),
            }
        }
    }
}

/// Programs that a control needs.
fn needs(attack: &Attack, how: &Control) -> Vec<String> {
    let mut needs = attack.manifest.needs.clone();
    match how {
        Control::Namespaced => needs.push("unshare".into()),
        Control::Unsandboxed => needs.extend(attack.manifest.takehome.iter().flat_map(|wanted| wanted.tools.clone())),
        _ => {}
    }
    needs
}

/// Runs a probe outside of any sandbox; what it says.
fn probe(attack: &Attack, how: &Control) -> Result<String, String> {
    let user = if *how == Control::Root { None } else { sacrificed_user() };
    let canary = Canary::new();
    let scratch = world().folder(user);
    let command = |words: &[String]| {
        let words = world().fill(words, &canary, &scratch.path().display().to_string());
        let mut command = started(how, user);
        command.arg(world().probe()).args(words).current_dir(scratch.path());
        command
    };
    let outcome = outcome(command, attack, &canary);
    end_all_of(user);
    outcome
}

/// The beginning of a command line that ends in a probe and its words.
fn started(how: &Control, user: Option<u32>) -> Command {
    let mut command = as_user(user, "timeout");
    command.args(["--kill-after=5", "60"]).env("PATH", submission::path());
    if *how == Control::Namespaced {
        command.args(["unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts"]);
        command.args(["--fork", "--mount-proc", "sh", "-c", "\"$@\"; exit 0", "sh"]);
    }
    command
}

/// What a probe says under any command line, with its neighbour under the same.
pub fn outcome(command: impl Fn(&[String]) -> Command, attack: &Attack, canary: &Canary) -> Result<String, String> {
    let manifest = &attack.manifest;
    let mut neighbour = None;
    if !manifest.neighbour.is_empty() {
        neighbour = Some(ready(command(&manifest.neighbour))?);
    }
    let mut attacker = command(&manifest.probe);
    let pty = openpty(None, None).map_err(|error| error.to_string())?;
    if manifest.terminal {
        attacker.stdin(pty.slave)
    } else {
        attacker.stdin(Stdio::null())
    };
    let (_, said) = to_the_end(&mut attacker)?;
    let mut outcome = said.lines().last().unwrap_or("nothing").to_owned();
    if manifest.probe[0] == "daemon" {
        let number = canary.number().to_string();
        outcome = if is_running(&number) { "succeeded".into() } else { "refused: gone".into() };
        end_daemon(&number)?;
    }
    if let Some(mut child) = neighbour {
        // Whoever was hit needs a moment to be gone.
        std::thread::sleep(std::time::Duration::from_millis(50));
        let hit = child.try_wait().is_ok_and(|status| status.is_some());
        if manifest.probe[0] == "take-lives" {
            outcome = if hit { "succeeded".into() } else { "refused: lives".into() };
        }
        end(&mut child);
    }
    for place in ["/tmp", "/dev/shm"] {
        let _none = fs::remove_file(Path::new(place).join(canary.tag()));
    }
    Ok(outcome)
}

/// Runs a program to its end, and not to the end of its output, which something may hold open.
pub fn to_the_end(command: &mut Command) -> Result<(ExitStatus, String), String> {
    let text = |error: std::io::Error| format!("{command:?}: {error}");
    let mut output = tempfile::tempfile().map_err(text)?;
    let copies = (output.try_clone().map_err(text)?, output.try_clone().map_err(text)?);
    let status = command.stdout(copies.0).stderr(copies.1).status().map_err(|error| error.to_string())?;
    let mut said = Vec::new();
    output.rewind().and_then(|()| output.read_to_end(&mut said)).map_err(|error| error.to_string())?;
    Ok((status, String::from_utf8_lossy(&said).into_owned()))
}

/// Ends whatever still runs as a user whom nobody but one attack has been.
pub fn end_all_of(user: Option<u32>) {
    if user.is_some() {
        let _none_left = as_user(user, "sh").args(["-c", "kill -9 -1"]).stderr(Stdio::null()).status();
    }
}

/// Starts a neighbour, until it is ready.
fn ready(mut command: Command) -> Result<Child, String> {
    let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    let mut line = String::new();
    let read = child.stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut line));
    match read {
        Some(Ok(_)) if line.contains("ready") => Ok(child),
        _ => {
            end(&mut child);
            Err(format!("the neighbour: {line}"))
        }
    }
}

fn end(child: &mut Child) {
    // `timeout` passes the signal on to what it runs.
    let pid = nix::unistd::Pid::from_raw(child.id() as i32);
    let _gone = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
    let _reaped = child.wait();
}

/// Ends the process that sleeps for so many seconds: it is ours by its number, and deaf to all but this.
fn end_daemon(number: &str) -> Result<(), String> {
    for entry in fs::read_dir("/proc").map_err(|error| error.to_string())?.flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let pid = entry.file_name().to_string_lossy().parse();
        if let (Ok(pid), true) = (pid, line == format!("sleep\0{number}\0").as_bytes()) {
            let _gone = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
    if wait_until_gone(number) { Ok(()) } else { Err("the daemon cannot be ended".into()) }
}

/// A probe under bubblewrap as most people call it, for comparison; none where it is not installed.
pub fn usual_bwrap(attack: &Attack, user: Option<u32>) -> Option<String> {
    let canary = Canary::new();
    let command = |words: &[String]| {
        let words = world().fill(words, &canary, "/tmp");
        let mut command = as_user(user, "timeout");
        command.args(["--kill-after=5", "60", "bwrap", "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev"]);
        command.args(["--proc", "/proc", "--tmpfs", "/tmp", "--chdir", "/tmp"]).arg(world().probe()).args(words);
        command
    };
    let found = Command::new("bwrap").arg("--version").output().is_ok();
    found.then(|| outcome(command, attack, &canary).unwrap_or_else(|why| why))
}

/// The control's verdict is itself tried: what fits nothing is no success.
pub fn check() {
    assert!(fits("refused", "refused: EPERM") && !fits("refused", "nothing"));
    let canary = Canary::new();
    assert_eq!(canary.harm(), None);
    fs::write(canary.file(), "hiss").expect("a canary");
    assert!(canary.harm().is_some(), "a changed canary is seen");
    let canary = Canary::new();
    fs::write(canary.folder().join("beside"), "").expect("a file");
    assert!(canary.harm().is_some(), "a file beside the canary is seen");
}
