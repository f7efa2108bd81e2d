//! The only way out of a cell that fetches dependencies: an HTTP `CONNECT` proxy that knows a few hosts.
//!
//! The listening socket lives in the cell's network namespace and is served from the host, so a name is resolved and
//! a connection made where the host's own rules hold. TLS is end to end between client and registry. A proxy that the
//! host itself must use is chained to; its password never enters the cell.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

/// Most connections at a time.
const CONNECTIONS: usize = 64;
/// Most bytes of a request's head.
const HEAD: usize = 8 << 10;
/// How long a request's head, or a connection to a registry, may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long one connection may stay open.
const LONGEST: Duration = Duration::from_secs(900);

/// Which hosts are let through.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    /// Hosts, or `host:port` where the port is not 443, and whether they may have a private address: those that this
    /// machine's own configuration names may.
    pub allowed: BTreeMap<String, bool>,
    /// Let every host through and note it: only for programs of our own.
    pub learn: bool,
    /// The proxy that this machine must use.
    pub upstream: Option<Upstream>,
    /// Most bytes in all, both ways.
    pub bytes: u64,
}

/// A proxy of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upstream {
    address: String,
    authorization: Option<String>,
    except: Vec<String>,
}

/// What went through, and what did not.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    /// Hosts that were reached.
    pub reached: BTreeSet<String>,
    /// Hosts that are not allowed.
    pub denied: BTreeSet<String>,
    /// Allowed hosts that could not be reached, and why.
    pub unreachable: BTreeMap<String, String>,
}

/// A proxy at work. Dropping it ends every connection.
pub(super) struct Proxy {
    task: JoinHandle<()>,
    report: Arc<Mutex<Report>>,
}

struct Shared {
    rules: Rules,
    report: Arc<Mutex<Report>>,
    left: AtomicU64,
}

impl Proxy {
    /// Serves a socket until dropped.
    pub fn serve(listener: std::net::TcpListener, rules: Rules) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let report = Arc::new(Mutex::new(Report::default()));
        let left = AtomicU64::new(rules.bytes);
        let shared = Arc::new(Shared { rules, report: report.clone(), left });
        Ok(Self { task: tokio::spawn(accept(listener, shared)), report })
    }

    /// What happened so far.
    pub fn report(&self) -> Report {
        self.report.lock().map(|report| report.clone()).unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    while let Ok(permit) = free.clone().acquire_owned().await {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((client, _)) => {
                let shared = shared.clone();
                connections.spawn(async move {
                    let _permit = permit;
                    // A client that goes away is its own business.
                    let _ended = timeout(LONGEST, serve(client, &shared)).await;
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let head = match timeout(PATIENCE, head(&mut client)).await {
        Ok(Ok(head)) => head,
        _ => return answer(&mut client, "400 Bad Request").await,
    };
    let first = head.lines().next().unwrap_or_default();
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method != "CONNECT" {
        // Plain http cannot be trusted to come from the registry.
        let host = target.strip_prefix("http://").and_then(|rest| rest.split(['/', ':']).next());
        let why = "plain http is never let through: use the registry's https address".to_owned();
        shared.note(|report| host.map(|host| report.unreachable.insert(printable(host), why)));
        return answer(&mut client, "403 Only CONNECT is allowed").await;
    }
    let Some((host, port)) = destination(target) else {
        shared.note(|report| report.denied.insert(printable(target)));
        return answer(&mut client, "403 Not a host name").await;
    };
    let name = if port == 443 { host.clone() } else { format!("{host}:{port}") };
    let Some(private) = shared.rules.allows(&name) else {
        shared.note(|report| report.denied.insert(name));
        return answer(&mut client, "403 Host is not a registry").await;
    };
    match timeout(PATIENCE, shared.rules.connect(&host, port, private))
        .await
        .unwrap_or_else(|_| Err("timed out".into()))
    {
        Ok(mut server) => {
            shared.note(|report| report.reached.insert(name));
            answer(&mut client, "200 Connection established").await?;
            let (mut from_client, mut to_client) = client.split();
            let (mut from_server, mut to_server) = server.split();
            tokio::try_join!(
                shared.pump(&mut from_client, &mut to_server),
                shared.pump(&mut from_server, &mut to_client),
            )?;
            Ok(())
        }
        Err(why) => {
            shared.note(|report| report.unreachable.insert(name, why));
            answer(&mut client, "502 Host cannot be reached").await
        }
    }
}

async fn answer(client: &mut TcpStream, status: &str) -> std::io::Result<()> {
    client.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await
}

/// Reads up to the empty line, byte by byte: what follows belongs to the connection.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if bytes.len() == HEAD {
            return Err(std::io::Error::other("the head is too long"));
        }
        bytes.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The host name and port of `host:port`. Addresses are not names.
fn destination(target: &str) -> Option<(String, u16)> {
    let (host, port) = target.rsplit_once(':')?;
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let plain = host.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.');
    // The last label of a name is never a number, in any of the notations that resolvers take for an address.
    let label = host.rsplit('.').next().unwrap_or_default();
    let numeric = label.is_empty() || label.chars().all(|letter| letter.is_ascii_digit()) || label.starts_with("0x");
    (plain && !numeric && host.len() < 254).then_some((host, port.parse().ok()?))
}

fn printable(text: &str) -> String {
    text.chars().filter(|letter| letter.is_ascii_graphic()).take(100).collect()
}

impl Shared {
    fn note<T>(&self, change: impl FnOnce(&mut Report) -> T) {
        if let Ok(mut report) = self.report.lock() {
            change(&mut report);
        }
    }

    /// Copies one direction; what all connections may carry together is bounded.
    async fn pump(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> std::io::Result<()> {
        let mut buffer = vec![0; 32 << 10];
        loop {
            let count = from.read(&mut buffer).await?;
            if count == 0 {
                return to.shutdown().await;
            }
            let take = |left: u64| left.checked_sub(count as u64);
            if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
                self.note(|report| report.unreachable.insert("all".to_owned(), "too much was downloaded".to_owned()));
                return Err(std::io::Error::other("too much"));
            }
            to.write_all(&buffer[..count]).await?;
        }
    }
}

impl Rules {
    /// Whether a host is let through, and may have a private address.
    fn allows(&self, name: &str) -> Option<bool> {
        self.allowed.get(name).copied().or(self.learn.then_some(true))
    }

    async fn connect(&self, host: &str, port: u16, private: bool) -> Result<TcpStream, String> {
        if let Some(upstream) = self.upstream.as_ref().filter(|upstream| !upstream.excepts(host)) {
            return upstream.connect(host, port).await;
        }
        let found = tokio::net::lookup_host((host, port)).await.map_err(|error| error.to_string())?;
        let addresses: Vec<SocketAddr> = found.filter(|address| permitted(address.ip(), private)).collect();
        if addresses.is_empty() {
            return Err("it has no public address".to_owned());
        }
        TcpStream::connect(&addresses[..]).await.map_err(|error| error.to_string())
    }
}

impl Upstream {
    /// The proxy that the environment names for https.
    pub fn of_environment() -> Option<Self> {
        let value =
            |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
        let url = value(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])?;
        Self::parse(&url, &value(&["NO_PROXY", "no_proxy"]).unwrap_or_default())
    }

    fn parse(url: &str, except: &str) -> Option<Self> {
        let rest = url.strip_prefix("http://").or_else(|| (!url.contains("://")).then_some(url))?;
        let rest = rest.split('/').next()?;
        let (login, address) = rest.rsplit_once('@').map_or((None, rest), |(login, address)| (Some(login), address));
        let address = if address.contains(':') { address.to_owned() } else { format!("{address}:80") };
        let authorization = login.map(|login| base64(&percent_decoded(login)));
        let except = except.split(',').map(|host| host.trim().trim_start_matches('.').to_ascii_lowercase());
        Some(Self { address, authorization, except: except.filter(|host| !host.is_empty()).collect() })
    }

    fn excepts(&self, host: &str) -> bool {
        self.except.iter().any(|one| one == "*" || host == one || host.ends_with(&format!(".{one}")))
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        let mut stream =
            TcpStream::connect(&self.address).await.map_err(|error| format!("this machine's proxy: {error}"))?;
        let login = self.authorization.as_ref().map(|login| format!("Proxy-Authorization: Basic {login}\r\n"));
        let login = login.unwrap_or_default();
        let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{login}\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        let answer = head(&mut stream).await.map_err(|error| format!("this machine's proxy: {error}"))?;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        if status == "200" { Ok(stream) } else { Err(format!("this machine's proxy answered {}", printable(status))) }
    }
}

/// Whether an address may be connected to. Loopback and link-local never: there live this machine's own services and
/// a cloud's metadata.
fn permitted(address: IpAddr, private: bool) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let local =
                v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || first == 0;
            let inner = v4.is_private() || (first == 100 && (64..128).contains(&second)) || v4 == Ipv4Addr::BROADCAST;
            !local && (private || !inner)
        }
        IpAddr::V6(v6) => {
            let local = v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local();
            !local && (private || !v6.is_unique_local())
        }
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match code.filter(|_| *first == b'%') {
            Some(code) => {
                bytes.push(code);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let letter = |at: usize| char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]);
        (0..4).map(|at| if at <= chunk.len() { letter(at) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

pub mod fuzzing;
#[cfg(test)]
mod tests;
