//! The way in for fuzz targets: what a repository and its server say.

use super::{
    location::{self, Location},
    names,
    revision::{Named, Offer},
    submodule,
};
use crate::fuzzing::{assert_inert, assert_told};
use git2::Oid;
use std::collections::BTreeMap;

/// A `.gitmodules` file, each of whose addresses is looked at.
pub fn submodules(bytes: &[u8]) {
    for (path, url) in submodule::listed(bytes) {
        assert_inert(&names::show(path.as_bytes()));
        address(&url);
    }
}

/// An address: whatever is shown of it is inert, and what it resolves to can be parsed again.
pub fn address(text: &str) {
    assert_inert(&harness::text::inert(&location::redact(text)));
    match location::parse(text) {
        Ok(Location::Remote(remote)) => {
            assert_inert(&remote.to_string());
            let _ = (remote.is_private(), remote.is_loopback(), remote.owner(), remote.base());
            if let Ok(resolved) = location::resolve(&remote, text) {
                assert_inert(&resolved.to_string());
            }
        }
        Ok(Location::Local(_)) => {}
        Err(error) => assert_told(&error.to_string()),
    }
}

/// Names of a tree, one a line; `name -> target` is a symbolic link. What is let through stays in the tree.
pub fn tree(bytes: &[u8]) {
    let lines = || bytes.split(|byte| *byte == b'\n');
    let mut links = BTreeMap::new();
    for line in lines() {
        let arrow = line.windows(4).position(|four| four == b" -> ");
        let path = &line[..arrow.unwrap_or(line.len())];
        links.extend(arrow.map(|at| (path.to_vec(), line[at + 4..].to_vec())));
        assert_inert(&names::show(path));
        for name in path.split(|byte| *byte == b'/') {
            if names::judge(name).is_ok() {
                assert!(!name.is_empty() && name.len() <= 255 && !name.contains(&0) && name != b"." && name != b"..");
                assert!(!name.eq_ignore_ascii_case(b".git"));
            }
            let _ = names::fold(name);
        }
    }
    for (path, target) in &links {
        let at = |path: &[u8]| links.get(path).map(Vec::as_slice);
        if names::judge_link(path, target, at).is_ok() {
            assert!(!target.starts_with(b"/") && !target.contains(&0));
        }
    }
}

/// Names that a server lists, one a line; the first is asked for.
pub fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some((rev, list)) = text.split_once('\n') else { return };
    let id = Oid::from_bytes(&[7; 20]).expect("twenty bytes");
    let names = list.split('\n').map(|name| Named { name: name.to_owned(), id }).collect();
    let offer = Offer { names, head: None, head_branch: list.split('\n').next().map(str::to_owned) };
    for asked in [Some(rev), None] {
        if let Err(error) = offer.resolve(asked, "somewhere") {
            assert_told(&error.to_string());
        }
    }
}

/// A commit's date: whatever the numbers, it is a date.
pub fn date(seconds: i64, offset: i32) {
    let date = super::date(git2::Time::new(seconds, offset));
    assert!(date.is_ascii() && date.contains('T'), "{date}");
}
