//! Repositories that unfold to more than fits in memory are refused by a process that can be spared.

use super::fixture::{Fixture, Node, request};
use git2::{ObjectType, Oid};
use runner::source::{Exceeded, SourceError, apart::acquire_apart};
use std::{
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::Ordering,
    thread,
};

const HELPER: &str = env!("CARGO_BIN_EXE_takehome");
/// Size of the object that others are changes to.
const BASE: u64 = 192 << 20;

/// A number in groups of seven bits, as deltas hold sizes.
fn size(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// The head of a pack's entry.
fn entry(kind: u8, length: u64) -> Vec<u8> {
    let first = kind << 4 | (length & 0xf) as u8;
    if length < 16 { vec![first] } else { [vec![first | 0x80], size(length >> 4)].concat() }
}

fn deflated(bytes: impl std::io::Read) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::ZlibEncoder::new(bytes, flate2::Compression::fast()).read_to_end(&mut out).unwrap();
    out
}

/// A pack with a large blob of zeros and sixteen zeros that are a piece of it.
fn bomb() -> Vec<u8> {
    let mut pack = [&b"PACK"[..], &2u32.to_be_bytes(), &2u32.to_be_bytes()].concat();
    pack.extend(entry(3, BASE));
    let begin = pack.len() as u64;
    pack.extend(deflated(std::io::repeat(0).take(BASE)));
    // Copy sixteen bytes from the begin of the base.
    let delta = [size(BASE), size(16), vec![0x90, 16]].concat();
    let entry_at = pack.len() as u64;
    let back = entry_at - (begin - entry(3, BASE).len() as u64);
    pack.extend(entry(6, delta.len() as u64));
    pack.extend(offset(back));
    pack.extend(deflated(&delta[..]));
    pack
}

/// How far back the base lies, as packs hold it.
fn offset(mut back: u64) -> Vec<u8> {
    let mut bytes = vec![(back & 0x7f) as u8];
    back >>= 7;
    while back > 0 {
        back -= 1;
        bytes.insert(0, 0x80 | (back & 0x7f) as u8);
        back >>= 7;
    }
    bytes
}

fn with_bomb() -> Fixture {
    let fixture = Fixture::new();
    let id = Oid::hash_object(ObjectType::Blob, &[0; 16]).unwrap();
    let folder = fixture.path().join(".git/objects/pack");
    std::fs::create_dir_all(&folder).unwrap();
    let mut indexer = git2::Indexer::new(None, &folder, 0o644, false).unwrap();
    let mut pack = bomb();
    let sum = sha1_of(&pack);
    pack.extend(sum);
    indexer.write_all(&pack).unwrap();
    indexer.commit().unwrap();
    fixture.commit("main", &[(b"a", Node::File(b"a")), (b"zeros", Node::Raw("100644", id))]);
    fixture
}

/// The checksum at the end of a pack.
fn sha1_of(bytes: &[u8]) -> Vec<u8> {
    let mut sum = Command::new("sha1sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    sum.stdin.take().unwrap().write_all(bytes).unwrap();
    let text = String::from_utf8(sum.wait_with_output().unwrap().stdout).unwrap();
    (0..20).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

#[test]
fn what_unfolds_in_memory_is_refused_and_harms_nobody() {
    let fixture = with_bomb();
    let into = tempfile::tempdir().unwrap();
    let acquire =
        |memory| acquire_apart(Path::new(HELPER), memory, &request(fixture.location()), into.path(), &mut |_| {});
    let refused = acquire(128 << 20).unwrap_err();
    assert_eq!(refused, SourceError::Limit(Exceeded::Memory(128 << 20)), "{refused}");
    assert!(refused.to_string().contains("unfolding its objects takes more than 128 MiB"), "{refused}");
    assert!(!into.path().join("tree").exists());
    // With enough memory it is a file like any other.
    let snapshot = acquire(1 << 30).unwrap();
    assert_eq!(std::fs::read(snapshot.folder.join("zeros")).unwrap(), [0; 16]);
}

#[test]
fn the_answer_is_the_same_as_in_this_process() {
    let fixture = Fixture::small();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = runner::source::acquire(&request(fixture.location()), here.path(), &mut |_| {}).unwrap();
    let mut seen = 0;
    let mut count = |_| seen += 1;
    let found =
        acquire_apart(Path::new(HELPER), 1 << 30, &request(fixture.location()), there.path(), &mut count).unwrap();
    assert_eq!((&found.content, &found.commit, found.files), (&expected.content, &expected.commit, expected.files));
    assert_eq!(std::fs::read(found.folder.join("README")).unwrap(), b"hello\n");
    assert!(seen > 0, "progress is passed on");

    let mut wrong = request(fixture.location());
    wrong.rev = Some("nowhere".to_owned());
    let expected = runner::source::acquire(&wrong, here.path(), &mut |_| {}).unwrap_err();
    let found = acquire_apart(Path::new(HELPER), 1 << 30, &wrong, there.path(), &mut |_| {}).unwrap_err();
    assert_eq!(found, expected);
}

#[test]
fn a_process_that_ends_early_or_is_not_wanted_any_more_is_told_of() {
    let fixture = Fixture::small();
    let into = tempfile::tempdir().unwrap();
    let ended = acquire_apart(Path::new("/bin/false"), 1 << 30, &request(fixture.location()), into.path(), &mut |_| {});
    assert!(matches!(&ended, Err(SourceError::Damaged { why, .. }) if why.contains("exit status: 1")), "{ended:?}");

    // A server that listens and says nothing.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let request = request(format!("git://{}/x", server.local_addr().unwrap()));
    let cancel = request.cancel.clone();
    let asked = thread::spawn(move || {
        let connection = server.accept().unwrap();
        cancel.store(true, Ordering::Relaxed);
        connection
    });
    let stopped = acquire_apart(Path::new(HELPER), 1 << 30, &request, into.path(), &mut |_| {});
    assert_eq!(stopped.unwrap_err(), SourceError::Cancelled);
    drop(asked.join().unwrap());
}
