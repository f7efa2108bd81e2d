//! The user's settings and secrets: which of them a server gets, and how they are asked for.
//!
//! A secret goes to the one server it belongs to and nowhere else: not to the host of a redirect, not into a child
//! process that has no use for it, not into a message.

use super::location::{Remote, Scheme, Secret};
use std::{
    env,
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The environment variable that holds a token.
pub const TOKEN: &str = "TAKEHOME_GIT_TOKEN";
/// The environment variable that names the servers the token is for, separated by commas.
pub const TOKEN_HOSTS: &str = "TAKEHOME_GIT_TOKEN_HOSTS";

/// The servers a token is for when nothing is said: none of them is the candidate's, so a roster with a hostile
/// address cannot ask for the token.
const USUAL_HOSTS: [&str; 4] = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"];

/// How long a credential helper may think.
const HELPER_TIME: Duration = Duration::from_secs(20);

/// An access token and the servers it may be sent to.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token itself.
    pub secret: Secret,
    /// Host names, in lower case.
    pub hosts: Vec<String>,
}

/// How the host's ssh client is started.
#[derive(Debug, Clone)]
pub enum Ssh {
    /// A program.
    Program(OsString),
    /// A command line for the shell, as in `GIT_SSH_COMMAND`.
    Shell(OsString),
}

/// What the user's machine brings along: settings and secrets, read once.
#[derive(Debug, Clone)]
pub struct Host {
    /// A token from the environment.
    pub token: Option<Token>,
    /// The ssh client.
    pub ssh: Ssh,
    /// The `git` program whose credential helpers are asked; none: never ask.
    pub git: Option<PathBuf>,
    /// The proxy for https.
    pub https_proxy: Option<String>,
    /// The proxy for http.
    pub http_proxy: Option<String>,
    /// Hosts that are reached without a proxy, separated by commas.
    pub no_proxy: String,
    /// `url.<this>.insteadOf = <that>` of the user's own configuration: (this, that).
    pub instead_of: Vec<(String, String)>,
}

impl Host {
    /// A machine without any settings or secrets.
    pub fn plain() -> Self {
        Self {
            token: None,
            ssh: Ssh::Program("ssh".into()),
            git: None,
            https_proxy: None,
            http_proxy: None,
            no_proxy: String::new(),
            instead_of: Vec::new(),
        }
    }

    /// This machine, as its environment and the user's own git configuration describe it.
    pub fn from_env() -> Self {
        let config = git2::Config::open_default().ok();
        let setting = |key: &str| config.as_ref().and_then(|c| c.get_string(key).ok()).filter(|v| !v.is_empty());
        let proxy = setting("http.proxy");
        Self {
            token: token_from_env(),
            ssh: ssh_from_env(setting("core.sshCommand")),
            git: Some("git".into()),
            https_proxy: proxy.clone().or_else(|| first_set(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])),
            // Upper-case HTTP_PROXY is not read: a CGI server sets it from a request's header.
            http_proxy: proxy.or_else(|| first_set(&["http_proxy", "ALL_PROXY", "all_proxy"])),
            no_proxy: first_set(&["NO_PROXY", "no_proxy"]).unwrap_or_default(),
            instead_of: config.as_ref().map(instead_of).unwrap_or_default(),
        }
    }

    /// The address after the user's `insteadOf` settings: the longest prefix wins, as in git.
    pub(super) fn rewrite(&self, location: &str) -> String {
        let longest = self
            .instead_of
            .iter()
            .filter(|(_, prefix)| !prefix.is_empty() && location.starts_with(prefix))
            .max_by_key(|(_, prefix)| prefix.len());
        match longest {
            Some((base, prefix)) => format!("{base}{}", &location[prefix.len()..]),
            None => location.to_owned(),
        }
    }
}

/// The first of the variables that is set and not empty.
fn first_set(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
}

fn token_from_env() -> Option<Token> {
    let secret = Secret::new(first_set(&[TOKEN])?.trim());
    let hosts = match first_set(&[TOKEN_HOSTS]) {
        Some(hosts) => hosts.split(',').map(|h| h.trim().to_ascii_lowercase()).filter(|h| !h.is_empty()).collect(),
        None => USUAL_HOSTS.map(str::to_owned).to_vec(),
    };
    Some(Token { secret, hosts })
}

/// `GIT_SSH_COMMAND`, the user's `core.sshCommand`, `GIT_SSH`, or plain `ssh`. A repository's setting is never read.
fn ssh_from_env(configured: Option<String>) -> Ssh {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    set("GIT_SSH_COMMAND")
        .or(configured.map(Into::into))
        .map(Ssh::Shell)
        .or_else(|| set("GIT_SSH").map(Ssh::Program))
        .unwrap_or_else(|| Ssh::Program("ssh".into()))
}

/// The `url.*.insteadOf` settings of a configuration.
fn instead_of(config: &git2::Config) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let Ok(entries) = config.entries(Some("^url\\..*\\.insteadof$")) else { return found };
    let _ = entries.for_each(|entry| {
        if let (Ok(name), Ok(value)) = (entry.name(), entry.value())
            && let Some(base) = name.strip_prefix("url.").and_then(|n| n.strip_suffix(".insteadof"))
        {
            found.push((base.to_owned(), value.to_owned()));
        }
    });
    found
}

/// A user name and password for one server.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: Secret,
}

impl Login {
    /// The value of an `Authorization` header.
    pub(super) fn basic(&self) -> String {
        format!("Basic {}", base64(format!("{}:{}", self.user, self.password.reveal()).as_bytes()))
    }
}

/// Where a login can come from, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginSource {
    Address,
    Token,
    Helper,
}

impl LoginSource {
    /// All of them, in order.
    pub(super) const ALL: [Self; 3] = [Self::Address, Self::Token, Self::Helper];

    /// What to call it in a message.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Address => "the user and password of the address",
            Self::Token => TOKEN,
            Self::Helper => "the git credential helper",
        }
    }

    /// The login from this source for exactly this server, if there is one.
    pub(super) fn login(self, remote: &Remote, host: &Host) -> Option<Login> {
        match self {
            Self::Address => {
                let user = remote.user.as_ref()?.reveal().to_owned();
                let password = remote.password.clone().unwrap_or_else(|| Secret::new(""));
                Some(Login { user, password })
            }
            Self::Token => {
                let token = host.token.as_ref().filter(|token| token_fits(token, remote))?;
                // Every large host takes a token as the password of any user; this name works on all of them.
                let user = remote.user.as_ref().map_or("x-access-token", |user| user.reveal()).to_owned();
                Some(Login { user, password: token.secret.clone() })
            }
            Self::Helper => ask_helper(remote, host.git.as_deref()?),
        }
    }
}

/// Whether the token is for this server, and travels encrypted or not at all.
fn token_fits(token: &Token, remote: &Remote) -> bool {
    let (scheme, host, port) = remote.origin();
    let named = token.hosts.iter().any(|named| *named == host || *named == format!("{host}:{port}"));
    named && (scheme == Scheme::Https || remote.is_loopback())
}

/// Asks git's own credential helpers, without a prompt and away from any repository's configuration.
fn ask_helper(remote: &Remote, git: &Path) -> Option<Login> {
    let neutral = crate::leftovers::scratch("git").ok()?;
    let mut command = Command::new(git);
    command
        .args(["-c", "core.askPass=", "-c", "credential.interactive=false", "credential", "fill"])
        .current_dir(neutral.path())
        .env("GIT_CEILING_DIRECTORIES", neutral.path().parent()?)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GCM_INTERACTIVE", "never")
        .env("GIT_ASKPASS", "")
        .env("SSH_ASKPASS", "")
        .env_remove(TOKEN)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_TRACE", "GIT_TRACE_CURL"] {
        command.env_remove(variable);
    }
    let mut child = command.spawn().ok()?;
    let question = question(remote);
    child.stdin.take()?.write_all(question.as_bytes()).ok()?;
    let answer = read_answer(&mut child, HELPER_TIME);
    let _ = child.kill();
    let _ = child.wait();
    parse_answer(&answer?)
}

/// What is asked: the values cannot contain line breaks, the address was checked for them.
fn question(remote: &Remote) -> String {
    let user = remote.user.as_ref().map(|user| format!("username={}\n", user.reveal())).unwrap_or_default();
    let (scheme, host, path) = (remote.scheme.name(), remote.authority(), remote.path.trim_start_matches('/'));
    format!("protocol={scheme}\nhost={host}\npath={path}\n{user}\n")
}

/// The child's output, unless it takes too long.
fn read_answer(child: &mut std::process::Child, time: Duration) -> Option<String> {
    use std::io::Read;
    let out = child.stdout.take()?;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let _ = out.take(64 * 1024).read_to_string(&mut answer);
        let _ = sender.send(answer);
    });
    let until = Instant::now() + time;
    receiver.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}

/// The login in `key=value` lines.
fn parse_answer(answer: &str) -> Option<Login> {
    let value = |key: &str| answer.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    Some(Login { user: value("username")?.to_owned(), password: Secret::new(value("password")?) })
}

/// Base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= chunk.len() { digit.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::location::{Location, parse};
    use super::*;

    fn remote(url: &str) -> Remote {
        match parse(url) {
            Ok(Location::Remote(remote)) => remote,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn base64_is_padded() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("me:p@ss", "bWU6cEBzcw==")];
        for (plain, encoded) in pairs {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn a_token_goes_only_to_its_hosts_and_only_encrypted() {
        let token = Token { secret: Secret::new("t"), hosts: vec!["example.org".into(), "127.0.0.1:9".into()] };
        assert!(token_fits(&token, &remote("https://example.org/a")));
        assert!(token_fits(&token, &remote("http://127.0.0.1:9/a")));
        assert!(!token_fits(&token, &remote("http://example.org/a")));
        assert!(!token_fits(&token, &remote("https://example.org.evil.net/a")));
        assert!(!token_fits(&token, &remote("http://127.0.0.1:10/a")));
    }

    #[test]
    fn the_longest_replacement_wins() {
        let mut host = Host::plain();
        host.instead_of = vec![("ssh://a/".into(), "https://x/".into()), ("ssh://b/".into(), "https://x/y/".into())];
        assert_eq!(host.rewrite("https://x/y/z"), "ssh://b/z");
        assert_eq!(host.rewrite("https://x/z"), "ssh://a/z");
        assert_eq!(host.rewrite("https://other/z"), "https://other/z");
    }

    #[test]
    fn secrets_are_not_in_debug_output() {
        let host = Host { token: Some(Token { secret: Secret::new("hunter2"), hosts: vec![] }), ..Host::plain() };
        assert!(!format!("{host:?}").contains("hunter2"));
    }

    #[test]
    fn helpers_are_asked_in_their_own_format() {
        let asked = question(&remote("https://me@example.org:8443/a/b"));
        assert_eq!(asked, "protocol=https\nhost=example.org:8443\npath=a/b\nusername=me\n\n");
        let login = parse_answer("protocol=https\nusername=me\npassword=a=b\n").unwrap();
        assert_eq!((login.user.as_str(), login.password.reveal()), ("me", "a=b"));
        assert!(parse_answer("username=me\n").is_none());
    }
}
