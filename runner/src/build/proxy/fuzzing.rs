//! The way in for fuzz targets: what a cell says to the proxy.

use super::{destination, head, printable};

/// Reads the head of a request; a host that is taken from it is a name, and what is noted of it can be shown.
pub fn request(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let mut stream = bytes;
    let Ok(head) = runtime.expect("a runtime").block_on(head(&mut stream)) else { return };
    assert!(head.ends_with("\r\n\r\n") || head.contains('\u{fffd}'));
    for target in head.lines().next().unwrap_or_default().split(' ') {
        assert!(printable(target).bytes().all(|byte| byte.is_ascii_graphic()) && printable(target).len() <= 100);
        let Some((host, _)) = destination(target) else { continue };
        let name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        assert!(!host.is_empty() && host.len() < 254 && host.bytes().all(name), "{host}");
        assert!(host.parse::<std::net::IpAddr>().is_err(), "{host} is an address");
    }
}
