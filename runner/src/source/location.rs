//! Where a repository is: URLs, scp-like addresses and paths, taken apart once and shown without their secrets.

use super::error::SourceError;
use harness::text;
use std::{
    ffi::OsString,
    fmt,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Location {
    /// On a server.
    Remote(Remote),
    /// On this machine.
    Local(PathBuf),
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Https,
    Http,
    Ssh,
    Git,
}

impl Scheme {
    /// The name in front of `://`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Git => "git",
        }
    }

    /// The port used when none is given.
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
            Self::Ssh => 22,
            Self::Git => 9418,
        }
    }
}

/// A password or token: never shown, not even by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A repository on a server. `Display` leaves out everything secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    pub(super) scheme: Scheme,
    pub(super) user: Option<Secret>,
    pub(super) password: Option<Secret>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// The path as the server gets it: percent-encoded for http, plain for ssh and git.
    pub(super) path: String,
    /// Written as `host:path`, where the path is relative to the user's home.
    pub(super) scp: bool,
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = text::excerpt(&self.path, 500);
        // The user of an ssh address is a name, mostly `git`; in a web address it is often the token itself.
        let user = match (&self.user, self.scheme) {
            (Some(user), Scheme::Ssh) => format!("{}@", text::inert(user.reveal())),
            _ => String::new(),
        };
        if self.scp {
            return write!(f, "{user}{}:{path}", self.host);
        }
        write!(f, "{}://{user}{}{path}", self.scheme.name(), self.authority())
    }
}

impl Remote {
    /// Host and, when it is not the scheme's own, port.
    pub(super) fn authority(&self) -> String {
        match self.port {
            Some(port) if port != self.scheme.port() => format!("{}:{port}", self.host),
            _ => self.host.clone(),
        }
    }

    /// Scheme, host and port: what credentials belong to.
    pub(super) fn origin(&self) -> (Scheme, &str, u16) {
        (self.scheme, &self.host, self.port.unwrap_or(self.scheme.port()))
    }

    /// The address for a request: no credentials, no slash at the end.
    pub(super) fn base(&self) -> String {
        format!("{}://{}{}", self.scheme.name(), self.authority(), self.path.trim_end_matches('/'))
    }

    /// The first folder of the path: on the large hosts, whoever owns the repository.
    pub(super) fn owner(&self) -> &str {
        self.path.trim_start_matches('/').split('/').next().unwrap_or_default()
    }

    /// Whether the host is this machine, or written as an address of a private network.
    pub(super) fn is_private(&self) -> bool {
        use std::net::{IpAddr, Ipv6Addr};
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let private6 =
            |a: Ipv6Addr| a.is_loopback() || a.is_unspecified() || a.is_unique_local() || a.is_unicast_link_local();
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(a)) => a.is_loopback() || a.is_private() || a.is_link_local() || a.is_unspecified(),
            Ok(IpAddr::V6(a)) => private6(a) || a.to_ipv4_mapped().is_some(),
            // A last label of digits only is an address in disguise, such as `2130706433` or `127.1`.
            Err(_) => {
                let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
                host.eq_ignore_ascii_case("localhost")
                    || host.to_ascii_lowercase().ends_with(".localhost")
                    || last.starts_with(|c: char| c.is_ascii_digit())
            }
        }
    }

    /// Whether the connection stays on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback()) || host.eq_ignore_ascii_case("localhost")
    }
}

/// Takes an address apart. A path that exists is taken as one, whatever it looks like.
pub(super) fn parse(location: &str) -> Result<Location, SourceError> {
    let refuse = |why: &str| SourceError::Address { location: redact(location), why: why.into() };
    if location.is_empty() {
        return Err(refuse("it is empty"));
    }
    if let Some((scheme, rest)) = location.split_once("://") {
        return parse_url(&scheme.to_ascii_lowercase(), rest).map_err(|why| refuse(&why));
    }
    if Path::new(location).exists() {
        return Ok(Location::Local(location.into()));
    }
    let colon = location.find(':');
    match colon {
        Some(colon) if !location[..colon].contains('/') => {
            if location[colon..].starts_with("::") {
                return Err(refuse("remote helpers are not run"));
            }
            parse_scp(location, colon).map(Location::Remote).map_err(|why| refuse(&why))
        }
        _ => Ok(Location::Local(location.into())),
    }
}

/// Takes `user@host:path` apart.
fn parse_scp(location: &str, colon: usize) -> Result<Remote, String> {
    let (user, host) = match location[..colon].rsplit_once('@') {
        Some((user, host)) => (Some(Secret::new(user)), host),
        None => (None, &location[..colon]),
    };
    let path = &location[colon + 1..];
    if path.split('/').next().is_some_and(|first| first.contains('@')) {
        return Err("a user and password are written only in a URL, as `https://user:password@host/path`".into());
    }
    let remote = Remote {
        scheme: Scheme::Ssh,
        user,
        password: None,
        host: host.to_ascii_lowercase(),
        port: None,
        path: path.to_owned(),
        scp: true,
    };
    check(&remote)?;
    Ok(remote)
}

/// Takes what stands behind `scheme://` apart.
fn parse_url(scheme: &str, rest: &str) -> Result<Location, String> {
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        "ssh" | "git+ssh" | "ssh+git" => Scheme::Ssh,
        "git" => Scheme::Git,
        "file" => return parse_file(rest).map(Location::Local),
        _ => return Err("this scheme is not supported".into()),
    };
    if rest.contains(['?', '#']) {
        return Err("a repository's address has no `?` and no `#`".into());
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (userinfo, hostport) = match authority.rsplit_once('@') {
        Some((userinfo, hostport)) => (Some(userinfo), hostport),
        None => (None, authority),
    };
    let (user, password) = match userinfo.map(|info| info.split_once(':').map_or((info, None), |(u, p)| (u, Some(p)))) {
        Some((user, password)) => {
            (Some(user).filter(|u| !u.is_empty()).map(secret).transpose()?, password.map(secret).transpose()?)
        }
        None => (None, None),
    };
    let (host, port) = split_port(hostport)?;
    let path = match scheme {
        Scheme::Http | Scheme::Https => encode(path),
        Scheme::Ssh | Scheme::Git => decode(path)?,
    };
    let remote = Remote { scheme, user, password, host: host.to_ascii_lowercase(), port, path, scp: false };
    check(&remote)?;
    Ok(Location::Remote(remote))
}

/// A percent-encoded part of the address that may be secret.
fn secret(part: &str) -> Result<Secret, String> {
    decode(part).map(Secret)
}

/// The path of a `file` URL.
fn parse_file(rest: &str) -> Result<PathBuf, String> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err("a file URL has three slashes and an absolute path".into());
    }
    Ok(OsString::from_vec(decode_bytes(path)?).into())
}

/// Splits `host:port` and `[address]:port`.
fn split_port(hostport: &str) -> Result<(&str, Option<u16>), String> {
    let after = hostport.rfind(']').map_or(0, |bracket| bracket + 1);
    match hostport[after..].rfind(':') {
        None => Ok((hostport, None)),
        Some(colon) => {
            let (host, port) = (&hostport[..after + colon], &hostport[after + colon + 1..]);
            match port {
                "" => Ok((host, None)),
                port => Ok((host, Some(port.parse().map_err(|_| "the port is no number")?))),
            }
        }
    }
}

/// Refuses what a program further down could take for something else: options, second hosts, line breaks.
fn check(remote: &Remote) -> Result<(), String> {
    let host = &remote.host;
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let named = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    let numbered = inner.is_some_and(|h| h.parse::<std::net::Ipv6Addr>().is_ok());
    let user = remote.user.as_ref().map_or("", |user| user.reveal());
    if !named && !numbered {
        return Err("the host is not a plain name (write international names as `xn--…`)".into());
    }
    if host.starts_with('-') {
        return Err("the host begins with `-`".into());
    }
    if remote.scheme == Scheme::Ssh && (user.starts_with('-') || user.contains(|c: char| c.is_whitespace())) {
        return Err("the user is no plain name".into());
    }
    if user.contains(char::is_control)
        || remote.password.as_ref().is_some_and(|p| p.reveal().contains(char::is_control))
    {
        return Err("the user or password contains control characters".into());
    }
    if remote.path.trim_matches('/').is_empty() {
        return Err("the path is missing".into());
    }
    if remote.path.trim_start_matches('/').starts_with('-') {
        return Err("the path begins with `-`".into());
    }
    if remote.path.contains(char::is_control) {
        return Err("the path contains control characters".into());
    }
    Ok(())
}

/// Percent-encodes what may not stand in a URL and leaves the rest as it is.
fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0..=b' ' | 127.. => {
                encoded.push_str(&format!("%{byte:02X}"));
            }
            byte => encoded.push(byte.into()),
        }
    }
    encoded
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, String> {
    String::from_utf8(decode_bytes(text)?).map_err(|_| "it is not UTF-8".into())
}

/// Undoes percent-encoding.
fn decode_bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = tail
            .get(..2)
            .filter(|d| d.iter().all(u8::is_ascii_hexdigit))
            .ok_or("a `%` is not followed by two digits")?;
        let digits = str::from_utf8(digits).expect("hex digits are ASCII");
        bytes.push(u8::from_str_radix(digits, 16).expect("both are hex digits"));
        rest = &tail[2..];
    }
    match bytes.contains(&0) {
        true => Err("it contains a NUL".into()),
        false => Ok(bytes),
    }
}

/// An address that could not be taken apart, without anything that may be a secret: whatever stands between `://`
/// and the last `@`, and whatever follows a `?` or `#`.
pub(super) fn redact(location: &str) -> String {
    let (scheme, rest) = match location.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), location),
    };
    let rest = match rest.rsplit_once('@') {
        // `git@host:path` carries no secret; `user:password@host` does.
        Some((user, host)) if scheme.is_empty() && !user.contains(':') => format!("{user}@{host}"),
        Some((_, host)) => host.to_owned(),
        None => rest.to_owned(),
    };
    let (rest, cut) = match rest.find(['?', '#']) {
        Some(query) if !scheme.is_empty() => (&rest[..query], "…"),
        _ => (rest.as_str(), ""),
    };
    text::excerpt(&format!("{scheme}{rest}{cut}"), 500)
}

/// Resolves the target of a redirect, or a relative submodule URL's host part: absolute URLs and absolute paths only.
pub(super) fn resolve(base: &Remote, target: &str) -> Result<Remote, String> {
    let absolute = match target {
        _ if target.starts_with("//") => format!("{}:{target}", base.scheme.name()),
        _ if target.starts_with('/') => format!("{}://{}{target}", base.scheme.name(), base.authority()),
        _ => target.to_owned(),
    };
    let (scheme, rest) = absolute.split_once("://").ok_or("it is neither a URL nor an absolute path")?;
    match parse_url(&scheme.to_ascii_lowercase(), rest)? {
        Location::Remote(remote) => Ok(remote),
        Location::Local(_) => Err("it is a path of this machine".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn remote(location: &str) -> Remote {
        match parse(location) {
            Ok(Location::Remote(remote)) => remote,
            other => panic!("{location}: {other:?}"),
        }
    }

    fn why(location: &str) -> String {
        match parse(location) {
            Err(SourceError::Address { why, .. }) => why,
            other => panic!("{location}: {other:?}"),
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        let full = remote("https://me:p%40ss@Example.ORG:8443/a/b c.git");
        assert_eq!((full.host.as_str(), full.port, full.path.as_str()), ("example.org", Some(8443), "/a/b%20c.git"));
        assert_eq!(full.password.as_ref().unwrap().reveal(), "p@ss");
        assert_eq!(full.to_string(), "https://example.org:8443/a/b%20c.git");
        let scp = remote("git@example.org:a/b.git");
        assert_eq!(
            (scp.scheme, scp.path.as_str(), scp.to_string().as_str()),
            (Scheme::Ssh, "a/b.git", "git@example.org:a/b.git")
        );
        assert_eq!(remote("ssh://git@[::1]:2222/a").authority(), "[::1]:2222");
        assert_eq!(parse("file:///tmp/a%20b").unwrap(), Location::Local("/tmp/a b".into()));
        assert_eq!(parse("./some/where").unwrap(), Location::Local("./some/where".into()));
    }

    #[test]
    fn what_another_program_could_misread_is_refused() {
        assert!(why("ssh://-oProxyCommand=x/a").contains("host"));
        assert!(why("-oProxyCommand=x:a").contains("host"));
        assert!(why("ssh://-l@host/a").contains("user"));
        assert!(why("git@host:-x").contains("path"));
        assert!(why("git://host/a%0ab").contains("control"));
        assert!(why("ext::sh -c id").contains("helpers"));
        assert!(why("ftp://host/a").contains("scheme"));
        assert!(why("https://ho st/a").contains("host"));
        assert!(why("https://host").contains("path"));
        assert!(why("https://host:99999/a").contains("port"));
        assert!(why("https://host/a?token=x").contains('?'));
        assert!(why("file://elsewhere/a").contains("three slashes"));
    }

    #[test]
    fn refused_addresses_are_shown_without_secrets() {
        for location in [
            "https://me:hunter2@host:x/a",
            "ftp://hunter2@host/a",
            "https://host/a?token=hunter2",
            "me:hunter2@ho st:a",
        ] {
            let shown = parse(location).unwrap_err().to_string();
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn private_hosts_are_known_in_every_disguise() {
        for host in [
            "localhost",
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "[::1]",
            "[::ffff:10.0.0.1]",
            "2130706433",
            "127.1",
            "0x7f000001",
        ] {
            assert!(remote(&format!("http://{host}/a")).is_private(), "{host}");
        }
        for host in ["example.org", "8.8.8.8", "10.example.org"] {
            assert!(!remote(&format!("http://{host}/a")).is_private(), "{host}");
        }
    }

    proptest! {
        #[test]
        fn no_shown_address_holds_its_password(
            user in "[a-z]{1,5}", password in "[A-Z0-9]{8,12}", host in "[a-z]{1,8}\\.org", tail in "[ -~]{0,12}",
        ) {
            let location = format!("https://{user}:{password}@{host}/{tail}");
            let shown = match parse(&location) {
                Ok(Location::Remote(remote)) => format!("{remote} {remote:?}"),
                Ok(Location::Local(path)) => path.display().to_string(),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains(&password), "{shown}");
        }

        #[test]
        fn taking_apart_never_panics(location in "\\PC{0,40}") {
            let _ = parse(&location);
        }
    }
}
