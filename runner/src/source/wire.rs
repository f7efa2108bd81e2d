//! The connection between libgit2 and our own transports.
//!
//! libgit2 is built without TLS and without ssh, and its own http and git transports bound neither what they read nor
//! how long. So it is only ever given addresses of two schemes of ours, which it hands back to the code here together
//! with a number; the number finds the [`Wire`], where the real address, the limits and the secrets are. No setting
//! in any git configuration can redirect such an address.

use super::{
    credentials::{Host, Login},
    error::SourceError,
    https, limits,
    limits::{Exceeded, Meter},
    location::{Remote, Scheme},
    pipe,
};
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The scheme for transports where each request stands alone.
const REQUESTS: &str = "takehome-requests";
/// The scheme for transports with one connection in both directions.
const STREAM: &str = "takehome-stream";

/// How far a repository's address is trusted with the user's secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// The user named it.
    Full,
    /// A repository named it: it gets no secret, or it could fetch what only the user may read.
    Anonymous,
}

/// One conversation with a server.
pub(super) struct Wire {
    pub(super) remote: Remote,
    pub(super) trust: Trust,
    pub(super) host: Arc<Host>,
    pub(super) meter: Arc<Meter>,
    pub(super) session: Mutex<https::Session>,
    failure: Mutex<Option<SourceError>>,
    secrets: Mutex<Vec<String>>,
    listed: AtomicU64,
}

impl Wire {
    /// Prepares a conversation; nothing is sent yet.
    pub(super) fn new(remote: Remote, trust: Trust, host: Arc<Host>, meter: Arc<Meter>) -> Arc<Self> {
        let secrets = [&remote.user, &remote.password]
            .into_iter()
            .flatten()
            .filter(|_| remote.scheme != Scheme::Ssh || remote.password.is_some())
            .map(|secret| secret.reveal().to_owned())
            .collect();
        Arc::new(Self {
            session: Mutex::new(https::Session::new(&remote)),
            remote,
            trust,
            host,
            meter,
            failure: Mutex::default(),
            secrets: Mutex::new(secrets),
            listed: AtomicU64::new(0),
        })
    }

    /// The address, safe to show.
    pub(super) fn shown(&self) -> String {
        self.remote.to_string()
    }

    /// Remembers a login's secrets, so that no message repeats them.
    pub(super) fn keep_secret(&self, login: &Login) {
        lock(&self.secrets).extend([login.password.reveal().to_owned(), login.basic()]);
    }

    /// Text from a server or a program, bounded, inert and without our secrets.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut scrubbed = text.to_owned();
        for secret in lock(&self.secrets).iter().filter(|secret| secret.len() >= 3) {
            scrubbed = scrubbed.replace(secret.as_str(), "***");
        }
        harness::text::excerpt(scrubbed.trim(), 300)
    }

    /// Keeps the first failure: libgit2 carries only a line of text back to us.
    pub(super) fn fail(&self, error: SourceError) -> io::Error {
        lock(&self.failure).get_or_insert(error);
        io::Error::other("the transport failed")
    }

    /// The failure that was kept.
    pub(super) fn failure(&self) -> Option<SourceError> {
        lock(&self.failure).take()
    }

    /// A network failure of this conversation.
    pub(super) fn network(&self, why: &str) -> SourceError {
        SourceError::Network { location: self.shown(), why: self.scrub(why) }
    }

    /// Counts received bytes. The list of names has a limit of its own, because names cost more memory than objects.
    pub(super) fn received(&self, service: Service, bytes: usize) -> io::Result<()> {
        self.meter.add(bytes).map_err(|error| self.fail(error))?;
        if service == Service::UploadPackLs {
            let listed = self.listed.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
            if listed > limits::LISTING_BYTES {
                return Err(self.fail(SourceError::Limit(Exceeded::Listing(limits::LISTING_BYTES))));
            }
        }
        Ok(())
    }
}

/// Locks, also after another thread's panic: what is behind these locks is always whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The wires that libgit2 may ask for, by number.
fn wires() -> &'static Mutex<HashMap<u64, Arc<Wire>>> {
    static WIRES: OnceLock<Mutex<HashMap<u64, Arc<Wire>>>> = OnceLock::new();
    WIRES.get_or_init(Mutex::default)
}

/// Makes a wire known to libgit2 for as long as it lives.
pub(super) struct Plugged {
    number: u64,
    scheme: &'static str,
}

impl Plugged {
    /// Gives the wire a number.
    pub(super) fn new(wire: &Arc<Wire>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        lock(wires()).insert(number, wire.clone());
        let scheme = match wire.remote.scheme {
            Scheme::Https | Scheme::Http => REQUESTS,
            Scheme::Ssh | Scheme::Git => STREAM,
        };
        Self { number, scheme }
    }

    /// The address to give to libgit2.
    pub(super) fn url(&self) -> String {
        format!("{}://{}/", self.scheme, self.number)
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        lock(wires()).remove(&self.number);
    }
}

/// Sets libgit2 up, once in the life of the process.
pub(super) fn set_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: `Once` keeps two threads from registering at a time, and no other code of this program makes
        // transports before this has returned: every use of libgit2 starts here.
        let registered = unsafe {
            git2::transport::register(REQUESTS, |remote| plug(remote, true))
                .and_then(|()| git2::transport::register(STREAM, |remote| plug(remote, false)))
        };
        registered.expect("libgit2 takes transports under names that are not taken");
        // git refuses repositories of other users because their configuration makes it run programs. libgit2 runs
        // none, and we open a local repository without its configuration, so an unpacked submission of any owner
        // can be read.
        // SAFETY: as above; the setting is written once, before any repository is opened.
        unsafe { git2::opts::set_verify_owner_validation(false) }.expect("the setting exists");
    });
}

/// Makes the transport for an address of ours.
fn plug(remote: &git2::Remote<'_>, requests: bool) -> Result<Transport, git2::Error> {
    let unknown = || git2::Error::from_str("the connection is not known");
    let number = remote.url()?.split("://").nth(1).and_then(|n| n.trim_end_matches('/').parse().ok());
    let wire = lock(wires()).get(&number.ok_or_else(unknown)?).cloned().ok_or_else(unknown)?;
    Transport::smart(remote, requests, Socket(wire))
}

/// libgit2's view of a wire.
struct Socket(Arc<Wire>);

impl SmartSubtransport for Socket {
    fn action(&self, _: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let failed = |error: SourceError| {
            let _ = self.0.fail(error);
            git2::Error::from_str("the transport failed")
        };
        match (service, self.0.remote.scheme) {
            (Service::ReceivePackLs | Service::ReceivePack, _) => Err(git2::Error::from_str("nothing is ever pushed")),
            (_, Scheme::Https | Scheme::Http) => Ok(Box::new(https::Exchange::new(self.0.clone(), service))),
            (_, Scheme::Ssh) => Ok(Box::new(pipe::Conversation::ssh(self.0.clone()).map_err(failed)?)),
            (_, Scheme::Git) => Ok(Box::new(pipe::Conversation::git(self.0.clone()).map_err(failed)?)),
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}
