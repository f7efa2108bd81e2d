//! A small git server over http, with bad manners on demand.

use super::fixture::{Fixture, Node};
use runner::source::{Host, Request, Secret, Token};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

/// What one request carried.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub login: Option<String>,
}

/// How the server behaves.
#[derive(Default, Clone)]
pub struct Manner {
    /// The `Authorization` header that is asked for.
    pub login: Option<String>,
    /// Redirects: the beginning of a path, and what stands there instead.
    pub moved: BTreeMap<String, String>,
    /// Paths that get a web page.
    pub pages: Vec<String>,
    /// Paths that never get an answer.
    pub silent: Vec<String>,
    /// Paths that get bytes without end, as if they were names.
    pub endless: Vec<String>,
    /// Does not offer shallow copies.
    pub whole_only: bool,
    /// Gives any commit that is asked for.
    pub any_commit: bool,
    /// Gives its answers in pieces, with pauses between them.
    pub pauses: bool,
}

/// Git over http on this machine, as `git http-backend` would serve it.
pub struct Server {
    pub port: u16,
    pub seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Serves the repositories below a folder.
    pub fn start(root: &Path, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (root, kept) = (root.to_owned(), seen.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, manner, kept) = (root.clone(), manner.clone(), kept.clone());
                std::thread::spawn(move || serve(stream, &root, &manner, &kept));
            }
        });
        Self { port, seen }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Answers one request.
pub fn serve(stream: impl Read + Write, root: &Path, manner: &Manner, kept: &Mutex<Vec<Seen>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut login) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => login = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    kept.lock().unwrap().push(Seen { method, path: path.clone(), login: login.clone() });
    let mut stream = reader.into_inner();
    let mut answer = |status: &str, headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).ok()?;
        for piece in body.chunks(if manner.pauses { body.len().div_ceil(10).max(1) } else { body.len().max(1) }) {
            stream.write_all(piece).and_then(|()| stream.flush()).ok()?;
            std::thread::sleep(Duration::from_millis(if manner.pauses { 150 } else { 0 }));
        }
        Some(())
    };
    for (from, to) in &manner.moved {
        if let Some(rest) = path.strip_prefix(from) {
            return answer("302 Found", &format!("Location: {to}{rest}\r\n"), b"");
        }
    }
    if manner.login.is_some() && manner.login != login {
        return answer("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", b"");
    }
    if manner.pages.iter().any(|page| path.starts_with(page)) {
        return answer("200 OK", "Content-Type: text/html\r\n", b"<html>");
    }
    if manner.silent.iter().any(|page| path.starts_with(page)) {
        std::thread::sleep(Duration::from_secs(30));
        return None;
    }
    if manner.endless.iter().any(|page| path.starts_with(page)) {
        return endless(&mut stream);
    }
    let (repository, question) = path.trim_start_matches('/').split_once(".git/")?;
    let repository = root.join(format!("{repository}.git"));
    if !repository.exists() {
        return answer("404 Not Found", "", b"");
    }
    let advertises = question.starts_with("info/refs");
    let mut output = upload_pack(&repository, advertises, &body, manner.any_commit)?;
    if let (true, Some(at)) = (manner.whole_only, output.windows(9).position(|w| w == b" shallow ")) {
        output[at + 1] = b'x';
    }
    let (kind, start) = match advertises {
        true => ("advertisement", &b"001e# service=git-upload-pack\n0000"[..]),
        false => ("result", &b""[..]),
    };
    let whole = [start, &output].concat();
    answer("200 OK", &format!("Content-Type: application/x-git-upload-pack-{kind}\r\n"), &whole)
}

/// Names without end.
pub fn endless(stream: &mut impl Write) -> Option<()> {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(b"001e# service=git-upload-pack\n0000").ok()?;
    for n in 0_u64.. {
        let line = format!("{} refs/heads/b{n}\n", "1".repeat(40));
        stream.write_all(format!("{:04x}{line}", line.len() + 4).as_bytes()).ok()?;
    }
    None
}

/// Runs git's own server side.
pub fn upload_pack(repository: &Path, advertises: bool, input: &[u8], any_commit: bool) -> Option<Vec<u8>> {
    let mut command = Command::new("git");
    let any = format!("uploadpack.allowAnySHA1InWant={any_commit}");
    command.args(["-c", "safe.directory=*", "-c", &any, "upload-pack", "--stateless-rpc", "--strict"]);
    if advertises {
        command.arg("--advertise-refs");
    }
    let mut child = command
        .arg(repository)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    let input = input.to_vec();
    std::thread::spawn(move || stdin.write_all(&input));
    Some(child.wait_with_output().ok()?.stdout)
}

/// A folder of bare repositories for a server.
pub struct Shelf {
    pub dir: TempDir,
}

impl Shelf {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn put(&self, fixture: &Fixture, name: &str) {
        let at = self.dir.path().join(format!("{name}.git"));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let mut copy = Command::new("cp");
        assert!(copy.arg("-r").arg(fixture.path().join(".git")).arg(at).status().unwrap().success());
    }
}

/// A repository with history, on a server.
pub fn served(manner: Manner) -> (Fixture, Server, Shelf) {
    let fixture = Fixture::new();
    fixture.commit("main", &[(b"v", Node::File(b"old"))]);
    fixture.tag("v1", fixture.repo.refname_to_id("refs/heads/main").unwrap());
    fixture.commit("main", &[(b"v", Node::File(b"new")), (b"dir", Node::Folder(vec![(b"f", Node::File(b"f"))]))]);
    fixture.commit("side", &[(b"v", Node::File(b"side"))]);
    let shelf = Shelf::new();
    shelf.put(&fixture, "ann/work");
    let server = Server::start(shelf.dir.path(), manner);
    (fixture, server, shelf)
}

pub const BASIC_TOKEN: &str = "Basic eC1hY2Nlc3MtdG9rZW46aHVudGVyMg=="; // x-access-token:hunter2

pub fn with_token(request: Request, hosts: &[&str]) -> Request {
    let token = Token { secret: Secret::new("hunter2"), hosts: hosts.iter().map(|h| (*h).to_owned()).collect() };
    Request { host: Arc::new(Host { token: Some(token), ..Host::plain() }), ..request }
}
