//! Git's smart protocol over one connection in both directions: ssh, through the host's own client, and git's own
//! unencrypted protocol.
//!
//! The ssh client brings the user's keys, agent, known hosts and configuration along; it is started without a shell,
//! asks nothing, forwards nothing, and its arguments cannot be mistaken for options.

use super::{
    credentials::{Ssh, TOKEN},
    error::SourceError,
    wire::{Trust, Wire, lock},
};
use git2::transport::Service;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::fd::AsFd,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

/// How often a waiting reader looks whether it should stop.
const TICK: u16 = 100;
/// How long one attempt to connect may take.
const CONNECT_TIME: Duration = Duration::from_secs(20);
/// How much of what ssh complains about is kept.
const MOST_COMPLAINTS: usize = 8 * 1024;

/// A connection, as a stream for libgit2.
pub(super) struct Conversation {
    wire: Arc<Wire>,
    line: Line,
    /// Bytes read so far.
    heard: u64,
    /// What is being received: the list of names, until we answer it.
    service: Service,
}

/// What carries the bytes.
enum Line {
    Ssh { child: Child, to: Option<ChildStdin>, from: ChildStdout, complaints: Arc<Mutex<Vec<u8>>> },
    Git(TcpStream),
}

impl Conversation {
    /// Starts the ssh client.
    pub(super) fn ssh(wire: Arc<Wire>) -> Result<Self, SourceError> {
        if wire.trust == Trust::Anonymous {
            let why = "a repository that another repository names gets no ssh key".into();
            return Err(SourceError::Auth { location: wire.shown(), why });
        }
        let mut child = ssh_command(&wire)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| wire.network(&format!("the ssh client could not be started: {error}")))?;
        let complaints = Arc::new(Mutex::default());
        let (to, from) = (child.stdin.take(), child.stdout.take().expect("stdout is piped"));
        let (err, kept) = (child.stderr.take().expect("stderr is piped"), Arc::clone(&complaints));
        std::thread::spawn(move || keep_complaints(err, &kept));
        Ok(Self { wire, line: Line::Ssh { child, to, from, complaints }, heard: 0, service: Service::UploadPackLs })
    }

    /// Connects to a server of git's own protocol.
    pub(super) fn git(wire: Arc<Wire>) -> Result<Self, SourceError> {
        let remote = &wire.remote;
        let (_, host, port) = remote.origin();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = (bare, port).to_socket_addrs().map_err(|_| wire.network("the host's name is not known"))?;
        let time = CONNECT_TIME.min(wire.meter.remaining()).max(Duration::from_millis(1));
        let mut last = "the host has no address".to_owned();
        let connected = addresses.into_iter().find_map(|address| {
            TcpStream::connect_timeout(&address, time).map_err(|error| last = error.to_string()).ok()
        });
        let mut stream = connected.ok_or_else(|| wire.network(&last))?;
        let request = format!("git-upload-pack {}\0host={}\0", remote.path, remote.authority());
        let line = format!("{:04x}{request}", request.len() + 4);
        stream.write_all(line.as_bytes()).map_err(|error| wire.network(&error.to_string()))?;
        Ok(Self { wire, line: Line::Git(stream), heard: 0, service: Service::UploadPackLs })
    }

    /// Waits for bytes, looking up now and then.
    fn wait(&self) -> Result<(), SourceError> {
        let fd = match &self.line {
            Line::Ssh { from, .. } => from.as_fd(),
            Line::Git(stream) => stream.as_fd(),
        };
        loop {
            self.wire.meter.check()?;
            let mut polled = [PollFd::new(fd, PollFlags::POLLIN)];
            match poll(&mut polled, PollTimeout::from(TICK)) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(self.wire.network(errno.desc())),
            }
        }
    }

    /// The error for a connection that ended before it began.
    fn hung_up(&mut self) -> SourceError {
        let Line::Ssh { child, complaints, .. } = &mut self.line else {
            return self.wire.network("the server closed the connection without an answer");
        };
        // The client has closed its output; it is given a moment to say why.
        let until = std::time::Instant::now() + Duration::from_secs(2);
        while child.try_wait().is_ok_and(|status| status.is_none()) && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(20));
        let text = String::from_utf8_lossy(&lock(complaints)).into_owned();
        classify(&self.wire, &text)
    }
}

/// Sorts what ssh or the server behind it complained about.
fn classify(wire: &Wire, text: &str) -> SourceError {
    let location = wire.shown();
    let lower = text.to_lowercase();
    let why = match text.trim() {
        "" => "the ssh client ended without a word".to_owned(),
        // The last lines say what happened; before them come banners.
        text => {
            wire.scrub(&text.lines().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("; "))
        }
    };
    if lower.contains("permission denied") || lower.contains("host key verification failed") {
        return SourceError::Auth { location, why };
    }
    let unknown = ["not found", "does not appear to be a git repository", "no such file", "does not exist"];
    if unknown.iter().any(|phrase| lower.contains(phrase)) && !lower.contains("command not found") {
        return SourceError::NotFound { location, why };
    }
    SourceError::Network { location, why }
}

/// Keeps the beginning of what the client complains about and reads the rest away.
fn keep_complaints(mut from: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let mut kept = lock(kept);
        let room = MOST_COMPLAINTS.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(&buffer[..room]);
    }
}

/// The command that runs `git-upload-pack` on the server.
fn ssh_command(wire: &Wire) -> Command {
    let remote = &wire.remote;
    let mut command = match &wire.host.ssh {
        Ssh::Program(program) => Command::new(program),
        Ssh::Shell(line) => {
            // As git does it: the user's line, then our arguments untouched by the shell.
            let mut shell = Command::new("sh");
            let mut script = line.clone();
            script.push(" \"$@\"");
            shell.arg("-c").arg(script).arg("ssh");
            shell
        }
    };
    for option in OPTIONS {
        command.args(["-o", option]);
    }
    if let Some(port) = remote.port {
        command.arg("-p").arg(port.to_string());
    }
    let host = remote.host.trim_start_matches('[').trim_end_matches(']');
    let user = remote.user.as_ref().map(|user| format!("{}@", user.reveal())).unwrap_or_default();
    command.arg("--").arg(format!("{user}{host}")).arg(format!("git-upload-pack {}", quote(remote_path(remote))));
    command.env_remove(TOKEN);
    command
}

/// Nothing is asked, nothing is forwarded, nothing of the user's configuration is run on this side.
const OPTIONS: [&str; 5] =
    ["BatchMode=yes", "ConnectTimeout=20", "ClearAllForwardings=yes", "ForwardAgent=no", "PermitLocalCommand=no"];

/// The path as the server's shell gets it: `~user` needs its slash taken away.
fn remote_path(remote: &super::location::Remote) -> &str {
    match remote.path.strip_prefix('/') {
        Some(home) if home.starts_with('~') && !remote.scp => home,
        _ => &remote.path,
    }
}

/// One word for the server's shell, whatever is in it.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''").replace('!', "'\\!'"))
}

impl Read for Conversation {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.wait().map_err(|error| self.wire.fail(error))?;
        let read = match &mut self.line {
            Line::Ssh { from, .. } => from.read(into),
            Line::Git(stream) => stream.read(into),
        };
        let read = read.map_err(|error| self.wire.fail(self.wire.network(&error.to_string())))?;
        if read == 0 && self.heard == 0 {
            let error = self.hung_up();
            return Err(self.wire.fail(error));
        }
        self.heard += read as u64;
        self.wire.received(self.service, read)?;
        Ok(read)
    }
}

impl Write for Conversation {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.service = Service::UploadPack;
        match &mut self.line {
            Line::Ssh { to: Some(to), .. } => to.write(data),
            Line::Ssh { to: None, .. } => Err(io::ErrorKind::BrokenPipe.into()),
            Line::Git(stream) => stream.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        if let Line::Ssh { child, to, .. } = &mut self.line {
            drop(to.take());
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::location::{Location, Remote, parse};
    use super::*;

    fn remote(url: &str) -> Remote {
        match parse(url) {
            Ok(Location::Remote(remote)) => remote,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_word_stays_one_word() {
        assert_eq!(quote("/a b"), "'/a b'");
        assert_eq!(quote("a'; touch x; '"), "'a'\\''; touch x; '\\'''");
    }

    #[test]
    fn home_paths_lose_their_slash() {
        assert_eq!(remote_path(&remote("ssh://h/~me/a")), "~me/a");
        assert_eq!(remote_path(&remote("ssh://h/srv/a")), "/srv/a");
        assert_eq!(remote_path(&remote("h:a/b")), "a/b");
    }
}
