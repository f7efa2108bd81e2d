//! Submodules: other repositories that a repository names, fetched only when asked for.
//!
//! Whoever writes `.gitmodules` chooses an address for somebody else's machine to fetch. So only servers are fetched
//! from, never this machine or a private network, and with the user's logins only where the candidate's own
//! repository was read with them: otherwise a submodule could bring a repository into the submission that the
//! user may read and the candidate may not.

use super::{
    credentials::Host,
    error::SourceError,
    git::{self, Fetched},
    ini,
    limits::Meter,
    location::{self, Location, Remote, Scheme},
    progress::Reporter,
    wire::{Trust, Wire},
};
use git2::Oid;
use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

/// The most bytes of a `.gitmodules` file that are read.
pub(super) const MOST_BYTES: u64 = 256 * 1024;
/// The most repositories inside each other.
const MOST_NESTED: usize = 4;
/// The most submodules in all.
const MOST: usize = 64;

/// One submodule that a `.gitmodules` file names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    path: String,
    url: String,
}

/// Reads a `.gitmodules` file.
pub(super) fn parse(text: &[u8]) -> Vec<Module> {
    let settings = ini::parse(&String::from_utf8_lossy(text));
    let value = |name: &str, key: &str| {
        let found = settings.iter().find(|s| s.section == "submodule" && s.subsection == name && s.key == key);
        found.map(|s| s.value.clone())
    };
    let paths = settings.iter().filter(|s| s.section == "submodule" && s.key == "path");
    paths.filter_map(|s| Some(Module { path: s.value.clone(), url: value(&s.subsection, "url")? })).collect()
}

/// The path and the address of each submodule that a `.gitmodules` file names.
pub(super) fn listed(text: &[u8]) -> impl Iterator<Item = (String, String)> {
    parse(text).into_iter().map(|module| (module.path, module.url))
}

/// The repository whose submodules are being looked at.
#[derive(Clone)]
pub(super) struct Parent {
    remote: Remote,
    trust: Trust,
    /// Where it lies in the exported tree: the paths in its `.gitmodules` begin there.
    at: Vec<u8>,
}

/// Fetches submodules, or says why not.
pub(super) struct Submodules {
    pub(super) wanted: bool,
    pub(super) host: Arc<Host>,
    pub(super) meter: Arc<Meter>,
    pub(super) scratch: PathBuf,
    /// None for a repository on this machine.
    pub(super) parent: Option<Parent>,
    pub(super) fetched: usize,
    /// The trust and the place of the submodule fetched last.
    last: Option<(Trust, Vec<u8>)>,
}

impl Submodules {
    /// For a repository on a server, or on this machine.
    pub(super) fn new(
        wanted: bool,
        host: Arc<Host>,
        meter: Arc<Meter>,
        scratch: PathBuf,
        remote: Option<Remote>,
    ) -> Self {
        let parent = remote.map(|remote| Parent { remote, trust: Trust::Full, at: Vec::new() });
        Self { wanted, host, meter, scratch, parent, fetched: 0, last: None }
    }

    /// Fetches the submodule at `path`; breaks with the reason when it is to be left out.
    pub(super) fn fetch(
        &mut self,
        path: &[u8],
        commit: Oid,
        modules: &[Module],
        nesting: usize,
        reporter: &Reporter<'_>,
    ) -> Result<ControlFlow<String, Fetched>, SourceError> {
        let (remote, trust) = match self.address(path, modules, nesting) {
            Ok(found) => found,
            Err(why) => return Ok(ControlFlow::Break(why)),
        };
        self.fetched += 1;
        let wire = Wire::new(remote, trust, self.host.clone(), self.meter.clone());
        match git::fetch(&wire, Some(&commit.to_string()), &self.scratch, reporter) {
            Ok(fetched) => {
                self.last = Some((trust, path.to_vec()));
                Ok(ControlFlow::Continue(fetched))
            }
            // A network that fails is nobody's fault here, and must not look like a repository without its parts.
            Err(error @ (SourceError::Limit(_) | SourceError::Cancelled | SourceError::Io { .. })) => Err(error),
            Err(error @ (SourceError::Network { .. } | SourceError::Tls { .. })) => Err(error),
            Err(error) => Ok(ControlFlow::Break(error.to_string())),
        }
    }

    /// Goes into the submodule fetched last; [`Submodules::leave`] takes the result back.
    pub(super) fn enter(&mut self, fetched: &Fetched) -> Option<Parent> {
        let (trust, at) = self.last.take().unwrap_or((Trust::Anonymous, Vec::new()));
        self.parent.replace(Parent { remote: fetched.remote.clone(), trust, at })
    }

    /// Comes back out.
    pub(super) fn leave(&mut self, parent: Option<Parent>) {
        self.parent = parent;
    }

    /// Where the submodule at `path` is, and whether it may be fetched with the user's logins.
    fn address(&self, path: &[u8], modules: &[Module], nesting: usize) -> Result<(Remote, Trust), String> {
        if !self.wanted {
            return Err("submodules are fetched only with `--submodules`".into());
        }
        if nesting >= MOST_NESTED {
            return Err(format!("it is inside {nesting} others"));
        }
        if self.fetched >= MOST {
            return Err(format!("the repository has more than {MOST}"));
        }
        let inside = match &self.parent {
            Some(parent) if !parent.at.is_empty() => path.get(parent.at.len() + 1..).unwrap_or_default(),
            _ => path,
        };
        let module = modules.iter().find(|module| module.path.trim_end_matches('/').as_bytes() == inside);
        let url = &module.ok_or("`.gitmodules` does not say where it is")?.url;
        let remote = absolute(url, self.parent.as_ref().map(|parent| &parent.remote))?;
        self.vet(remote)
    }

    /// Refuses addresses that a stranger may not make us fetch.
    fn vet(&self, remote: Remote) -> Result<(Remote, Trust), String> {
        let parent = self.parent.as_ref();
        let same_host = parent.is_some_and(|p| p.remote.host == remote.host);
        if remote.is_private() && !same_host {
            return Err(format!("its address `{remote}` is in a private network"));
        }
        let trusted = parent.is_some_and(|p| {
            p.trust == Trust::Full && p.remote.origin() == remote.origin() && p.remote.owner() == remote.owner()
        });
        if remote.scheme == Scheme::Ssh && !trusted {
            return Err(format!("`{remote}` needs an ssh key, which is used only for the owner of the repository"));
        }
        // A login in `.gitmodules` is the candidate's to give away; ours stays here.
        Ok((remote, if trusted { Trust::Full } else { Trust::Anonymous }))
    }
}

/// The address of a submodule; relative ones start at the repository that names it.
fn absolute(url: &str, parent: Option<&Remote>) -> Result<Remote, String> {
    if url.starts_with("./") || url.starts_with("../") {
        let parent = parent.ok_or("its address is relative, and this repository has none itself")?;
        return relative(url, parent);
    }
    // Never as a path: what exists on this machine must not change what an address means.
    let local = "its address is a path of this machine".to_owned();
    if !url.contains("://") && !url.split('/').next().unwrap_or_default().contains(':') {
        return Err(local);
    }
    if std::path::Path::new(url).exists() {
        return Err(local);
    }
    match location::parse(url) {
        Ok(Location::Remote(remote)) => Ok(remote),
        Ok(Location::Local(_)) => Err(local),
        Err(error) => Err(error.to_string()),
    }
}

/// Walks a relative address from the repository's own.
fn relative(url: &str, parent: &Remote) -> Result<Remote, String> {
    let rooted = parent.path.starts_with('/');
    let mut parts: Vec<&str> = parent.path.split('/').filter(|p| !p.is_empty()).collect();
    for step in url.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or("its relative address leads out of the server")?;
            }
            step => parts.push(step),
        }
    }
    if parts.is_empty() || parts[0].starts_with('-') || url.contains(char::is_control) {
        return Err("its relative address leads nowhere".into());
    }
    let path = format!("{}{}", if rooted { "/" } else { "" }, parts.join("/"));
    // Taken apart again, so that a relative address passes every check that an absolute one does.
    let whole = if parent.scp { format!("{}:{path}", parent.host) } else { format!("{}{path}", parent_base(parent)) };
    match location::parse(&whole) {
        Ok(Location::Remote(remote)) => {
            Ok(Remote { user: parent.user.clone(), password: parent.password.clone(), ..remote })
        }
        _ => Err("its relative address leads nowhere".into()),
    }
}

/// Scheme, host and port of an address.
fn parent_base(parent: &Remote) -> String {
    format!("{}://{}", parent.scheme.name(), parent.authority())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Limits;

    fn remote(url: &str) -> Remote {
        match location::parse(url) {
            Ok(Location::Remote(remote)) => remote,
            other => panic!("{other:?}"),
        }
    }

    fn submodules(parent: Option<&str>) -> Submodules {
        let meter = Meter::start(Limits::default(), Arc::default());
        Submodules::new(true, Arc::new(Host::plain()), meter, PathBuf::new(), parent.map(remote))
    }

    fn address(parent: Option<&str>, url: &str) -> Result<(String, Trust), String> {
        let module = Module { path: "lib".into(), url: url.into() };
        let found = submodules(parent).address(b"lib", &[module], 0);
        found.map(|(remote, trust)| (remote.to_string(), trust))
    }

    const HOME: Option<&str> = Some("https://example.org/ann/work.git");

    #[test]
    fn logins_follow_only_to_the_same_owner() {
        assert_eq!(address(HOME, "../lib.git"), Ok(("https://example.org/ann/lib.git".into(), Trust::Full)));
        let secret = address(HOME, "https://example.org/company/hidden-tests.git").unwrap();
        assert_eq!(secret.1, Trust::Anonymous);
        assert_eq!(address(HOME, "../../company/hidden").unwrap().1, Trust::Anonymous);
        assert_eq!(address(HOME, "https://other.org/ann/lib").unwrap().1, Trust::Anonymous);
        assert_eq!(address(None, "https://example.org/ann/lib").unwrap().1, Trust::Anonymous);
    }

    #[test]
    fn this_machine_and_its_network_are_out_of_reach() {
        for url in [
            "file:///srv/tests",
            "/srv/tests",
            "srv/tests",
            "~/tests",
            "http://127.0.0.1/x",
            "http://169.254.169.254/latest",
            "http://localhost:8080/x",
            "ext::sh -c id",
            "-oProxyCommand=id:x",
            "git@example.org:company/x",
            "../../../../x",
            "https://-x/a",
        ] {
            assert!(address(HOME, url).is_err(), "{url}: {:?}", address(HOME, url));
        }
        assert!(address(None, "../tests").is_err());
    }

    #[test]
    fn ssh_keys_are_used_for_the_owner_only() {
        let home = Some("git@example.org:ann/work.git");
        assert_eq!(address(home, "../lib.git"), Ok(("git@example.org:ann/lib.git".into(), Trust::Full)));
        assert_eq!(address(home, "git@example.org:ann/lib").unwrap().1, Trust::Full);
        assert!(address(home, "git@example.org:company/hidden").is_err());
    }

    #[test]
    fn nesting_and_number_are_bounded() {
        let module = || vec![Module { path: "lib".into(), url: "../lib".into() }];
        let mut submodules = submodules(HOME);
        assert!(submodules.address(b"lib", &module(), MOST_NESTED - 1).is_ok());
        assert!(submodules.address(b"lib", &module(), MOST_NESTED).is_err());
        submodules.fetched = MOST;
        assert!(submodules.address(b"lib", &module(), 0).is_err());
    }

    #[test]
    fn modules_are_read_by_path() {
        let text = b"[submodule \"x\"]\n\tpath = third/party\n\turl = ../x.git\n[submodule \"half\"]\npath = y\n";
        assert_eq!(parse(text), [Module { path: "third/party".into(), url: "../x.git".into() }]);
    }
}
