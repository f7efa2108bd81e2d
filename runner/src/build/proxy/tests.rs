//! Tests of the proxy, on this machine's own loopback.

use super::*;

async fn ask(rules: Rules, request: &str) -> (String, Report) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::serve(listener, rules).unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    let answer = timeout(Duration::from_secs(5), head(&mut client)).await.unwrap().unwrap();
    (answer.lines().next().unwrap().to_owned(), proxy.report())
}

fn only(host: &str) -> Rules {
    Rules { allowed: [(host.to_owned(), false)].into(), bytes: 1 << 20, ..Rules::default() }
}

#[tokio::test]
async fn only_named_hosts_are_let_through() {
    let (answer, report) = ask(only("a.test"), "CONNECT b.test:443 HTTP/1.1\r\n\r\n").await;
    assert_eq!(answer, "HTTP/1.1 403 Host is not a registry");
    assert!(report.denied.contains("b.test"));
    let (answer, report) = ask(only("a.test"), "CONNECT a.test:22 HTTP/1.1\r\n\r\n").await;
    assert!(answer.contains("403") && report.denied.contains("a.test:22"));
    for target in ["127.0.0.1:443", "[::1]:443", "2130706433:443", "0x7f.1:443", "x.0x7f000001:443", ":443"] {
        let (answer, _) = ask(only("a.test"), &format!("CONNECT {target} HTTP/1.1\r\n\r\n")).await;
        assert!(answer.contains("403"), "{target}: {answer}");
    }
    let (answer, report) = ask(only("a.test"), "GET http://a.test/x HTTP/1.1\r\n\r\n").await;
    assert!(answer.contains("403 Only CONNECT") && report.unreachable["a.test"].contains("https"));
    assert!(report.denied.is_empty(), "no option would let it through");
}

#[tokio::test]
async fn a_name_for_this_machine_is_not_reached() {
    let (answer, report) = ask(only("localhost"), "CONNECT localhost:443 HTTP/1.1\r\n\r\n").await;
    assert_eq!(answer, "HTTP/1.1 502 Host cannot be reached");
    assert_eq!(report.unreachable["localhost"], "it has no public address");
}

#[tokio::test]
async fn the_machines_own_proxy_is_chained_to_and_bytes_are_counted() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://me:p%40ss@{}", server.local_addr().unwrap());
    let seen = tokio::spawn(async move {
        let (mut stream, _) = server.accept().await.unwrap();
        let request = head(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let flood = vec![0; 4 << 20];
        let _cut = stream.write_all(&flood).await;
        request
    });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let rules = Rules { upstream: Upstream::parse(&url, ".inner"), ..only("a.test") };
    let proxy = Proxy::serve(listener, rules).unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"CONNECT a.test:443 HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(head(&mut client).await.unwrap().contains("200"));
    let mut bytes = Vec::new();
    let _cut = timeout(Duration::from_secs(5), client.read_to_end(&mut bytes)).await.unwrap();
    assert!(bytes.len() <= 1 << 20, "{}", bytes.len());
    assert!(proxy.report().unreachable["all"].contains("too much"));
    let request = seen.await.unwrap();
    assert!(request.contains("Proxy-Authorization: Basic bWU6cEBzcw==\r\n"), "{request}");
}

#[test]
fn private_addresses_are_for_hosts_that_this_machine_names() {
    let permitted = |text: &str, private| permitted(text.parse().unwrap(), private);
    assert!(!permitted("10.1.2.3", false) && permitted("10.1.2.3", true));
    assert!(!permitted("fd00::1", false) && permitted("fd00::1", true));
    for local in ["127.0.0.1", "169.254.169.254", "0.0.0.0", "::1", "fe80::1", "::ffff:127.0.0.1"] {
        assert!(!permitted(local, true), "{local}");
    }
    assert!(permitted("203.0.113.9", false) && permitted("2001:db8::1", false));
    assert!(Upstream::parse("http://p", ".inner,x.y").unwrap().excepts("a.inner"));
}
