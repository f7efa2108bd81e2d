//! Fetching over ssh and git's own protocol, and addresses that mean something else.

use super::{fixture::*, server::*};
use runner::source::{Exceeded, Fault, Host, Request, SourceError, Ssh};
use std::{
    fs,
    io::Read,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// A stand-in for ssh that runs the command here and keeps its arguments.
fn fake_ssh(dir: &Path, script: &str) -> Ssh {
    let path = dir.join("fake ssh");
    let log = dir.join("args");
    fs::write(&path, format!("#!/bin/sh\nfor a; do echo \"$a\" >> '{}'; last=$a; done\n{script}\n", log.display()))
        .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Ssh::Shell(format!("'{}' -v", path.display()).into())
}

fn over_ssh(ssh: Ssh, location: String) -> Request {
    Request { host: Arc::new(Host { ssh, ..Host::plain() }), ..request(location) }
}

#[test]
fn a_repository_is_fetched_over_ssh() {
    let (fixture, _server, shelf) = served(Manner::default());
    let tools = tempfile::tempdir().unwrap();
    let ssh = fake_ssh(tools.path(), "exec sh -c \"$last\"");
    let path = shelf.dir.path().join("ann/work.git");
    let url = format!("ssh://git@example.org:2222{}", path.display());
    let got = get(&over_ssh(ssh.clone(), url.clone()));
    assert_eq!(got.content, get(&request(fixture.location())).content);
    assert_eq!(got.origin.location, url);
    let args = fs::read_to_string(tools.path().join("args")).unwrap();
    let args: Vec<&str> = args.lines().collect();
    let end = args.iter().position(|a| *a == "--").unwrap();
    assert_eq!(args[end + 1], "git@example.org");
    assert_eq!(args[end + 2], format!("git-upload-pack '{}'", path.display()));
    assert!(args[..end].contains(&"BatchMode=yes") && args[..end].windows(2).any(|w| w == ["-p", "2222"]));
    assert_eq!(args[0], "-v");
    // The short form, with a commit that needs the history.
    let old = fixture.repo.revparse_single("v1^{commit}").unwrap().id().to_string();
    let scp = format!("example.org:{}", path.display());
    assert_eq!(get(&Request { rev: Some(old), ..over_ssh(ssh, scp) }).text("v"), "old");
}

#[test]
fn a_path_cannot_become_a_second_command() {
    let tools = tempfile::tempdir().unwrap();
    let ssh = fake_ssh(tools.path(), "exec sh -c \"$last\"");
    let canary = tools.path().join("canary");
    let error = fail(&over_ssh(ssh, format!("ssh://example.org/x'; touch {}; '", canary.display())));
    assert!(!canary.exists(), "{error}");
    for location in ["ssh://-oProxyCommand=id/x", "-oProxyCommand=id:x", "ssh://host/-x", "host:-x"] {
        assert!(matches!(fail(&request(location)), SourceError::Address { .. }), "{location}");
    }
}

#[test]
fn what_ssh_complains_about_is_told_apart_and_bounded() {
    let tools = tempfile::tempdir().unwrap();
    let says = |script: &str| fail(&over_ssh(fake_ssh(tools.path(), script), "git@example.org:a/b".into()));
    let error = says("echo 'git@example.org: Permission denied (publickey).' >&2; exit 255");
    assert!(matches!(error, SourceError::Auth { .. }) && error.hint().unwrap().contains("ssh-agent"), "{error:?}");
    assert!(matches!(says("echo 'ERROR: Repository not found.' >&2; exit 1"), SourceError::NotFound { .. }));
    let error = says("printf '\\033]0;x\\007boom' >&2; exit 255");
    assert!(matches!(error, SourceError::Network { .. }) && error.to_string().contains("\\u{1b}"), "{error}");
    let error = says("yes complaint | head -c 200000 >&2; exit 255");
    assert!(error.to_string().len() < 2000);
    let missing = over_ssh(Ssh::Program("/nonexistent/ssh".into()), "git@example.org:a/b".into());
    assert!(fail(&missing).to_string().contains("could not be started"));
}

#[test]
fn a_silent_ssh_is_left_when_time_is_up() {
    let tools = tempfile::tempdir().unwrap();
    let mut request = over_ssh(fake_ssh(tools.path(), "exec sleep 30"), "git@example.org:a/b".into());
    request.limits.time = Duration::from_millis(400);
    let begun = Instant::now();
    assert!(matches!(fail(&request), SourceError::Limit(Exceeded::Time(_))));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_repository_is_fetched_over_gits_own_protocol() {
    let (fixture, _server, shelf) = served(Manner::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let root = shelf.dir.path().to_owned();
    let asked = Arc::<Mutex<Vec<u8>>>::default();
    let kept = asked.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            let length = usize::from_str_radix(str::from_utf8(&length).unwrap(), 16).unwrap() - 4;
            let mut line = vec![0; length];
            stream.read_exact(&mut line).unwrap();
            *kept.lock().unwrap() = line;
            let mut child = Command::new("git")
                .args(["-c", "safe.directory=*", "upload-pack", "--strict"])
                .arg(root.join("ann/work.git"))
                .stdin(Stdio::from(std::os::fd::OwnedFd::from(stream.try_clone().unwrap())))
                .stdout(Stdio::from(std::os::fd::OwnedFd::from(stream)))
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::spawn(move || child.wait());
        }
    });
    let got = get(&request(format!("git://127.0.0.1:{port}/ann/work.git")));
    assert_eq!(got.content, get(&request(fixture.location())).content);
    let line = String::from_utf8(asked.lock().unwrap().clone()).unwrap();
    assert_eq!(line, format!("git-upload-pack /ann/work.git\0host=127.0.0.1:{port}\0"));
    assert!(matches!(fail(&request("git://127.0.0.1:1/x")), SourceError::Network { .. }));
}

#[test]
fn addresses_that_mean_something_else_are_refused() {
    for location in ["ext::sh -c id", "ftp://example.org/x", "https://example.org", "", "https://example.org/x#y"] {
        let error = fail(&request(location));
        assert!(matches!(error, SourceError::Address { .. }) && error.fault() == Fault::User, "{location}: {error:?}");
    }
    let remote = Request { files: true, ..request("https://example.org/x") };
    assert!(matches!(fail(&remote), SourceError::Address { .. }));
}
