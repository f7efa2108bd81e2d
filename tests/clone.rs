//! Cloning as a user sees it: over TLS, with a login that goes nowhere else, and with progress on a terminal.

#![allow(dead_code)] // The server has manners that are tested elsewhere.

#[path = "../runner/tests/source/fixture.rs"]
mod fixture;
#[path = "../runner/tests/source/server.rs"]
mod server;

use fixture::{Fixture, Node};
use server::{BASIC_TOKEN, Manner, Server, Shelf, serve};
use std::{
    fs::{self, File},
    io::Read,
    net::TcpListener,
    os::fd::OwnedFd,
    path::Path,
    sync::{Arc, Mutex},
};
use tests::{Ran, TestEnv, has, has_sandbox};

/// A program that shows all it is given, its environment and its files, and answers nothing.
const CURIOUS: &[u8] =
    b"build = 'true'\nrun = ['/bin/sh', '-c', 'env >&2; cat /proc/*/environ >&2; grep -r hunter /app /work >&2']\n";

/// The repository of a program, on a shelf as `ann/work.git`.
fn shelf() -> Shelf {
    let fixture = Fixture::new();
    fixture.commit("main", &[(b"takehome.toml", Node::File(CURIOUS))]);
    let shelf = Shelf::new();
    shelf.put(&fixture, "ann/work");
    shelf
}

/// Every file below a folder that holds one of these words, gzip or not.
fn holding(folder: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(holding(&path, words));
        } else if let Ok(mut bytes) = fs::read(&path) {
            let mut unpacked = Vec::new();
            if flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).is_ok() {
                bytes = unpacked;
            }
            let text = String::from_utf8_lossy(&bytes);
            found.extend(words.iter().filter(|word| text.contains(*word)).map(|word| format!("{word}: {path:?}")));
        }
    }
    found
}

#[test]
fn a_login_reaches_neither_the_sandbox_nor_the_record() {
    if !(has_sandbox() && has(&["git"])) {
        return;
    }
    let shelf = shelf();
    let server = Server::start(shelf.dir.path(), Manner { login: Some(BASIC_TOKEN.into()), ..Manner::default() });
    let env = TestEnv::cold();
    let secrets = ["hunter2", "eC1hY2Nlc3MtdG9rZW46aHVudGVyMg"];
    let url = server.url("ann/work.git");
    let named = url.replace("http://", "http://x-access-token:hunter2@");
    for (location, token) in [(url, Some("hunter2")), (named, None)] {
        let mut command = env.takehome(["grade", &location, "--challenge", "echo", "--stage", "basic", "--seed", "1"]);
        command.args(["--html", "report.html"]);
        if let Some(token) = token {
            command.env("TAKEHOME_GIT_TOKEN", token).env("TAKEHOME_GIT_TOKEN_HOSTS", "127.0.0.1");
        }
        let ran = Ran::of(&mut command).code(1);
        assert!(server.seen().iter().any(|seen| seen.login.as_deref() == Some(BASIC_TOKEN)), "no login was given");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(secrets.iter().all(|secret| !said.contains(secret)), "{said}");
        assert_eq!(holding(&env.path(""), &secrets), [""; 0]);
    }
    // The program did look around, and what it saw was kept.
    assert!(!holding(&env.runs(), &["HOME=/work"]).is_empty());
}

/// A server with a certificate of an authority of its own, whose certificate is the second.
fn tls_server(root: &Path) -> (u16, String) {
    let authority = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new([]).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let root_certificate = parameters.self_signed(&authority).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = parameters.signed_by(&key, &issuer).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (config, root) = (Arc::new(config), root.to_owned());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, root) = (config.clone(), root.clone());
            std::thread::spawn(move || {
                let connection = rustls::ServerConnection::new(config).unwrap();
                serve(rustls::StreamOwned::new(connection, stream), &root, &Manner::default(), &Mutex::default())
            });
        }
    });
    (port, root_certificate.pem())
}

#[test]
fn a_repository_is_cloned_over_tls_from_whom_this_machine_trusts() {
    if !(has_sandbox() && has(&["git"])) {
        return;
    }
    let shelf = shelf();
    let (port, certificate) = tls_server(shelf.dir.path());
    let env = TestEnv::cold();
    let url = format!("https://localhost:{port}/ann/work.git");
    let grade = |url: &str, trusted: Option<&Path>| {
        let mut command = env.takehome(["grade", url, "--challenge", "echo", "--stage", "basic", "--format", "json"]);
        command.envs(trusted.map(|path| ("SSL_CERT_FILE", path)));
        Ran::of(&mut command)
    };
    let trusted = env.write("authority.pem", &certificate);
    let report = grade(&url, Some(&trusted)).code(1).json();
    assert_eq!(report["submission"]["commit"].as_str().map(str::len), Some(40), "{}", report["submission"]);
    grade(&url, None).code(5).says(&["certificate"]).prints_nothing();
    // The right authority, but for another name.
    grade(&url.replace("localhost", "127.0.0.1"), Some(&trusted)).code(5).says(&["certificate"]);
}

#[test]
fn a_clone_is_followed_on_a_terminal_and_nowhere_else() {
    if !(has_sandbox() && has(&["git"])) {
        return;
    }
    let shelf = shelf();
    let server = Server::start(shelf.dir.path(), Manner { pauses: true, ..Manner::default() });
    let env = TestEnv::cold();
    let grade = || {
        let url = server.url("ann/work.git");
        let mut command = env.takehome(["grade", &url, "--challenge", "echo", "--stage", "basic", "--format", "json"]);
        command.env("TERM", "xterm");
        command
    };
    let terminal = nix::pty::openpty(None, None).unwrap();
    let screen = std::thread::spawn(move || {
        // A terminal whose other side is gone ends with an error, after all that was written.
        let (mut screen, mut shown) = (File::from(terminal.master), Vec::new());
        let _gone = screen.read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    });
    let mut command = grade();
    command.stderr::<OwnedFd>(terminal.slave).stdout(std::process::Stdio::null());
    assert_eq!(command.status().unwrap().code(), Some(1));
    drop(command);
    let shown = screen.join().unwrap();
    assert!(shown.contains("connecting: "), "{shown}");
    assert!(shown.contains(" objects, "), "{shown}");
    assert!(shown.contains("0/3 cases") || shown.contains("0/1 cases"), "{shown}");
    let piped = Ran::of(&mut grade()).code(1);
    assert!(!piped.stderr.contains("objects") && !piped.stderr.contains('\u{1b}'), "{}", piped.stderr);
}
