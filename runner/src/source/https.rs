//! Git's smart protocol over https and http, with the host's certificates and proxies.
//!
//! Redirects are followed for the first request only, as git does by default, and never from https to http. A login
//! goes to the server the user named and to no other.

use super::{
    credentials::LoginSource,
    error::SourceError,
    location::{self, Remote, Scheme},
    wire::{Trust, Wire, lock},
};
use git2::transport::Service;
use std::{
    io::{self, Read, Write},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};
use ureq::tls::{RootCerts, TlsConfig};

/// What the first request asks for, after the repository's address.
const DISCOVERY: &str = "/info/refs?service=git-upload-pack";
/// How many redirects are followed.
const MOST_REDIRECTS: usize = 5;
/// How often a waiting reader looks whether it should stop.
const TICK: Duration = Duration::from_millis(100);
/// How long one attempt to connect may take.
const CONNECT_TIME: Duration = Duration::from_secs(20);
/// The most bytes that are ever sent in one request: what we want and have is a few lines.
const MOST_SENT: usize = 4 << 20;

/// What one request learns for the next.
pub(super) struct Session {
    /// The repository's address, after redirects.
    base: Remote,
    /// The `Authorization` header for the server the user named.
    login: Option<String>,
    /// Where logins were taken from so far.
    tried: Vec<LoginSource>,
    agent: Option<ureq::Agent>,
}

impl Session {
    /// Starts at the address the user named.
    pub(super) fn new(remote: &Remote) -> Self {
        Self { base: remote.clone(), login: None, tried: Vec::new(), agent: None }
    }
}

/// One request and its answer, as a stream for libgit2: what is written is the request, the first read sends it.
pub(super) struct Exchange {
    wire: Arc<Wire>,
    service: Service,
    request: Vec<u8>,
    answer: Option<Answer>,
}

impl Exchange {
    /// A request that is not sent yet.
    pub(super) fn new(wire: Arc<Wire>, service: Service) -> Self {
        Self { wire, service, request: Vec::new(), answer: None }
    }
}

impl Write for Exchange {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.request.len() + data.len() > MOST_SENT {
            return Err(io::Error::other("the request is too long"));
        }
        self.request.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Exchange {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut answer = match self.answer.take() {
            Some(answer) => answer,
            None => self.send().map_err(|error| self.wire.fail(error))?,
        };
        let read = answer.read(&self.wire, into).map_err(|error| self.wire.fail(error))?;
        self.answer = Some(answer);
        self.wire.received(self.service, read)?;
        Ok(read)
    }
}

impl Exchange {
    /// Sends the request, again with a login or to another address when the server says so.
    fn send(&mut self) -> Result<Answer, SourceError> {
        let mut redirects = 0;
        loop {
            let answer = self.attempt()?;
            match answer.head.status {
                200 => return self.accept(answer),
                301 | 302 | 303 | 307 | 308 => {
                    redirects += 1;
                    self.follow(&answer.head, redirects)?;
                }
                401 => self.log_in()?,
                status => return Err(self.refused(status)),
            }
        }
    }

    /// Sends the request once.
    fn attempt(&self) -> Result<Answer, SourceError> {
        let wire = &self.wire;
        let mut session = lock(&wire.session);
        let agent = session.agent.get_or_insert_with(agent).clone();
        let base = session.base.clone();
        let discovers = self.service == Service::UploadPackLs;
        let job = Job {
            agent,
            url: format!("{}{}", base.base(), if discovers { DISCOVERY } else { "/git-upload-pack" }),
            login: session.login.clone().filter(|_| same_server(&wire.remote, &base)),
            body: (!discovers).then(|| self.request.clone()),
            proxy: proxy(&wire.host, base.scheme).map_err(|why| wire.network(&why))?,
            time: wire.meter.remaining(),
        };
        drop(session);
        Answer::of(job, wire)
    }

    /// Checks that the answer is git's, and not a web page.
    fn accept(&self, answer: Answer) -> Result<Answer, SourceError> {
        let expected = match self.service {
            Service::UploadPackLs => "application/x-git-upload-pack-advertisement",
            _ => "application/x-git-upload-pack-result",
        };
        let found = answer.head.content_type.split(';').next().unwrap_or_default().trim();
        if found.eq_ignore_ascii_case(expected) {
            return Ok(answer);
        }
        let why = format!("the server answers with `{}`, not as a git server", self.wire.scrub(found));
        Err(SourceError::NotFound { location: self.wire.shown(), why })
    }

    /// Takes the address of a redirect, if it may be followed.
    fn follow(&self, head: &Head, redirects: usize) -> Result<(), SourceError> {
        let wire = &self.wire;
        let target = head.location.as_str();
        let refuse = |why: &str| {
            let shown = wire.scrub(&location::redact(target));
            Err(SourceError::Redirect { location: wire.shown(), why: format!("{why} (`{shown}`)") })
        };
        let mut session = lock(&wire.session);
        if self.service != Service::UploadPackLs {
            return refuse("only the first request may be redirected");
        }
        if redirects > MOST_REDIRECTS {
            return refuse("there are too many redirects");
        }
        // As in git, the new address must be one for the same question, so that the repository's own can be told.
        let Some(base) = target.strip_suffix(DISCOVERY) else {
            return refuse("it is not for the same question");
        };
        let next = match location::resolve(&session.base, base) {
            Ok(next) => next,
            Err(why) => return refuse(&why),
        };
        match next.scheme {
            Scheme::Https => {}
            Scheme::Http if session.base.scheme == Scheme::Http => {}
            _ => return refuse("it is less safe than the address"),
        }
        if next.is_private() && !wire.remote.is_private() {
            return refuse("it leads into a private network");
        }
        session.base = Remote { user: None, password: None, ..next };
        Ok(())
    }

    /// Finds the next login after the server refused the last.
    fn log_in(&self) -> Result<(), SourceError> {
        let wire = &self.wire;
        let mut session = lock(&wire.session);
        let refuse = |why: String| Err(SourceError::Auth { location: wire.shown(), why });
        if !same_server(&wire.remote, &session.base) {
            return refuse(format!("the server it redirects to, {}, wants a login, and gets none", session.base.host));
        }
        if wire.trust == Trust::Anonymous {
            return refuse("it wants a login, and a repository that another repository names gets none".into());
        }
        for source in LoginSource::ALL {
            if session.tried.contains(&source) {
                continue;
            }
            session.tried.push(source);
            // A helper may think for long; nothing else uses the session meanwhile.
            if let Some(login) = source.login(&wire.remote, &wire.host) {
                wire.keep_secret(&login);
                session.login = Some(login.basic());
                return Ok(());
            }
        }
        match &session.login {
            None => refuse("it wants a login, and there is none".into()),
            Some(_) => {
                let tried: Vec<&str> = session.tried.iter().map(|source| source.name()).collect();
                refuse(format!("the login was not accepted (tried: {})", tried.join(", ")))
            }
        }
    }

    /// The error for any other status.
    fn refused(&self, status: u16) -> SourceError {
        let location = self.wire.shown();
        match status {
            403 => SourceError::Auth { location, why: "the server forbids it (403)".into() },
            404 | 410 => SourceError::NotFound { location, why: format!("the server does not know it ({status})") },
            407 => SourceError::Network { location, why: "the proxy wants a login (407)".into() },
            429 => SourceError::Network { location, why: "the server is asked too often (429)".into() },
            status => SourceError::Network { location, why: format!("the server answers with status {status}") },
        }
    }
}

/// Whether a login for the first address may go to the second: the same server, or the same host with TLS.
fn same_server(named: &Remote, now: &Remote) -> bool {
    let upgraded = named.scheme == Scheme::Http
        && now.scheme == Scheme::Https
        && named.host == now.host
        && named.origin().2 == Scheme::Http.port()
        && now.origin().2 == Scheme::Https.port();
    named.origin() == now.origin() || upgraded
}

/// A client that follows nothing by itself and trusts what the host trusts (SSL_CERT_FILE included).
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_connect(Some(CONNECT_TIME))
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        // Some servers answer git's questions only to what calls itself git.
        .user_agent(concat!("git/2.0 (takehome ", env!("CARGO_PKG_VERSION"), ")"))
        .build()
        .new_agent()
}

/// The proxy for a scheme.
fn proxy(host: &super::credentials::Host, scheme: Scheme) -> Result<Option<ureq::Proxy>, String> {
    let setting = if scheme == Scheme::Https { &host.https_proxy } else { &host.http_proxy };
    let Some(setting) = setting else { return Ok(None) };
    // The setting may hold a password: it is not repeated.
    let plain = ureq::Proxy::new(setting).map_err(|_| "the proxy setting is no proxy address".to_owned())?;
    let mut proxy = ureq::Proxy::builder(plain.protocol()).host(plain.host()).port(plain.port());
    if let Some(user) = plain.username() {
        proxy = proxy.username(user);
    }
    if let Some(password) = plain.password() {
        proxy = proxy.password(password);
    }
    for pattern in host.no_proxy.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        // `example.org` also stands for all hosts below it, as in curl and git.
        proxy = proxy.no_proxy(pattern);
        if !pattern.starts_with(['.', '*']) {
            proxy = proxy.no_proxy(&format!(".{pattern}"));
        }
    }
    proxy.build().map(Some).map_err(|_| "the proxy setting is no proxy address".to_owned())
}

/// A request to be made by a thread of its own.
struct Job {
    agent: ureq::Agent,
    url: String,
    login: Option<String>,
    body: Option<Vec<u8>>,
    proxy: Option<ureq::Proxy>,
    time: Duration,
}

impl Job {
    /// Makes the request.
    fn run(&self) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        match &self.body {
            None => {
                let request = self.agent.get(&self.url).header("Accept", "*/*");
                let request = self.headers().fold(request, |r, (name, value)| r.header(name, value));
                request.config().timeout_global(Some(self.time)).proxy(self.proxy.clone()).build().call()
            }
            Some(body) => {
                let request = self
                    .agent
                    .post(&self.url)
                    .header("Content-Type", "application/x-git-upload-pack-request")
                    .header("Accept", "application/x-git-upload-pack-result");
                let request = self.headers().fold(request, |r, (name, value)| r.header(name, value));
                request.config().timeout_global(Some(self.time)).proxy(self.proxy.clone()).build().send(&body[..])
            }
        }
    }

    fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.login.iter().map(|login| ("Authorization", login.as_str()))
    }
}

/// The part of an answer's head that matters.
#[derive(Default)]
struct Head {
    status: u16,
    content_type: String,
    location: String,
}

/// What the thread sends.
enum Piece {
    Head(Head),
    Data(Vec<u8>),
    Failed(ureq::Error),
}

/// An answer that is still coming in. A thread of its own receives it, so that a silent server cannot keep us from
/// noticing that the time is up or the user has had enough; the thread ends with the request's own time at the latest.
struct Answer {
    head: Head,
    pieces: Receiver<Piece>,
    left: Vec<u8>,
    at: usize,
}

impl Answer {
    /// Sends a request and waits for the head of the answer.
    fn of(job: Job, wire: &Wire) -> Result<Self, SourceError> {
        let (sender, pieces) = sync_channel(16);
        std::thread::Builder::new()
            .name("takehome-https".into())
            .spawn(move || receive(&job, &sender))
            .map_err(|error| wire.network(&format!("no thread: {error}")))?;
        let mut answer = Self { head: Head::default(), pieces, left: Vec::new(), at: 0 };
        match answer.next(wire)? {
            Some(Piece::Head(head)) => answer.head = head,
            _ => return Err(wire.network("the connection ended before the answer")),
        }
        Ok(answer)
    }

    /// The next piece; none at the end.
    fn next(&self, wire: &Wire) -> Result<Option<Piece>, SourceError> {
        loop {
            wire.meter.check()?;
            match self.pieces.recv_timeout(TICK) {
                Ok(Piece::Failed(error)) => {
                    wire.meter.check()?;
                    return Err(failure(wire, &error));
                }
                Ok(piece) => return Ok(Some(piece)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }

    /// Reads from the body.
    fn read(&mut self, wire: &Wire, into: &mut [u8]) -> Result<usize, SourceError> {
        if self.at == self.left.len() {
            match self.next(wire)? {
                Some(Piece::Data(data)) => (self.left, self.at) = (data, 0),
                _ => return Ok(0),
            }
        }
        let some = into.len().min(self.left.len() - self.at);
        into[..some].copy_from_slice(&self.left[self.at..self.at + some]);
        self.at += some;
        Ok(some)
    }
}

/// Makes the request and sends what comes, until it ends or nobody listens any more.
fn receive(job: &Job, to: &SyncSender<Piece>) {
    let response = match job.run() {
        Ok(response) => response,
        Err(error) => return drop(to.send(Piece::Failed(error))),
    };
    let header = |name: &str| {
        let value = response.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let head =
        Head { status: response.status().as_u16(), content_type: header("content-type"), location: header("location") };
    if to.send(Piece::Head(head)).is_err() {
        return;
    }
    let mut body = response.into_body().into_reader();
    loop {
        let mut data = vec![0; 32 * 1024];
        let piece = match body.read(&mut data) {
            Ok(0) => return,
            Ok(read) => {
                data.truncate(read);
                Piece::Data(data)
            }
            Err(error) => Piece::Failed(error.into()),
        };
        let last = matches!(piece, Piece::Failed(_));
        if to.send(piece).is_err() || last {
            return;
        }
    }
}

/// What went wrong below http.
fn failure(wire: &Wire, error: &ureq::Error) -> SourceError {
    let text = error.to_string();
    let lower = text.to_lowercase();
    if lower.contains("certificate") || lower.contains("rustls") || matches!(error, ureq::Error::Tls(_)) {
        return SourceError::Tls { location: wire.shown(), why: wire.scrub(&text) };
    }
    match error {
        ureq::Error::HostNotFound => wire.network("the host's name is not known"),
        ureq::Error::Timeout(_) => wire.network("the server did not answer in time"),
        _ => wire.network(&text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Remote {
        match location::parse(url) {
            Ok(location::Location::Remote(remote)) => remote,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn logins_stay_with_their_server() {
        let named = remote("https://example.org/a");
        assert!(same_server(&named, &remote("https://example.org/b")));
        assert!(!same_server(&named, &remote("https://example.org:8443/a")));
        assert!(!same_server(&named, &remote("https://git.example.org/a")));
        assert!(!same_server(&named, &remote("http://example.org/a")));
        assert!(same_server(&remote("http://example.org/a"), &remote("https://example.org/a")));
        assert!(!same_server(&remote("http://example.org:8080/a"), &remote("https://example.org/a")));
    }

    #[test]
    fn proxies_are_chosen_by_scheme_and_bypassed_by_host() {
        let host = super::super::credentials::Host {
            https_proxy: Some("http://proxy.example.org:3128".into()),
            no_proxy: "internal.example.org, .lan".into(),
            ..super::super::credentials::Host::plain()
        };
        let https = proxy(&host, Scheme::Https).unwrap().unwrap();
        assert!(https.is_no_proxy(&"https://internal.example.org/".parse().unwrap()));
        assert!(https.is_no_proxy(&"https://git.internal.example.org/".parse().unwrap()));
        assert!(https.is_no_proxy(&"https://git.lan/".parse().unwrap()));
        assert!(!https.is_no_proxy(&"https://example.org/".parse().unwrap()));
        assert!(proxy(&host, Scheme::Http).unwrap().is_none());
    }
}
