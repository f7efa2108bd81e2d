//! Which names and symbolic links of a repository may be written to disk.
//!
//! Names come from a stranger's tree objects, where anything but a NUL is possible. What could leave the exported
//! folder or make a git directory on any file system is refused; what is only strange is written and reported.

use harness::text;
use std::{collections::VecDeque, fmt};

/// Why a name is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFault {
    /// The name has no characters.
    Empty,
    /// The name is `.` or `..`.
    Dots,
    /// The name contains a path separator or a NUL.
    Separator,
    /// The name is `.git`, or some file system takes it for that.
    DotGit,
    /// The name is longer than file systems allow.
    TooLong,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the name is empty",
            Self::Dots => "the name leads to another folder",
            Self::Separator => "the name contains a path separator",
            Self::DotGit => "the name is `.git` to some file system",
            Self::TooLong => "the name is longer than 255 bytes",
        })
    }
}

/// What is strange about a name that is written all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Control or invisible characters.
    Active,
    /// A backslash, which is a separator elsewhere.
    Backslash,
    /// Bytes that are not UTF-8.
    NotUtf8,
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "its name contains control or invisible characters",
            Self::Backslash => "its name contains a backslash",
            Self::NotUtf8 => "its name is not UTF-8",
        })
    }
}

/// Judges one component of a path.
pub fn judge(name: &[u8]) -> Result<Option<Oddity>, NameFault> {
    match name {
        b"" => return Err(NameFault::Empty),
        b"." | b".." => return Err(NameFault::Dots),
        _ if name.iter().any(|b| matches!(b, b'/' | 0)) => return Err(NameFault::Separator),
        _ if name.len() > 255 => return Err(NameFault::TooLong),
        _ if is_dot_git(name) => return Err(NameFault::DotGit),
        _ => {}
    }
    let Ok(valid) = str::from_utf8(name) else { return Ok(Some(Oddity::NotUtf8)) };
    if text::inert(valid) != valid {
        return Ok(Some(Oddity::Active));
    }
    Ok(valid.contains('\\').then_some(Oddity::Backslash))
}

/// Whether some file system takes the name for `.git`.
///
/// Case is ignored everywhere; HFS+ ignores invisible characters; NTFS ignores trailing dots and spaces, knows the
/// short name `GIT~1`, has streams after a colon and separates folders by backslashes.
pub fn is_dot_git(name: &[u8]) -> bool {
    let visible: String = String::from_utf8_lossy(name).chars().filter(|c| !ignored_by_hfs(*c)).collect();
    visible.split('\\').any(|part| {
        let stem = part.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
        stem.eq_ignore_ascii_case(".git") || stem.eq_ignore_ascii_case("git~1")
    })
}

/// Characters that HFS+ leaves out when it compares names.
fn ignored_by_hfs(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// The name as a case-insensitive file system compares it.
pub fn fold(name: &[u8]) -> Vec<u8> {
    match str::from_utf8(name) {
        Ok(valid) => valid.chars().flat_map(char::to_lowercase).collect::<String>().into_bytes(),
        Err(_) => name.to_vec(),
    }
}

/// A path or name from a repository as it may be shown: inert, bounded, and with bytes that are not UTF-8 as `\xNN`.
pub fn show(path: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in path.utf8_chunks() {
        shown.push_str(chunk.valid());
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text::excerpt(&shown, 300)
}

/// Why a symbolic link is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// The target is empty, contains a NUL or is longer than a path may be.
    Malformed,
    /// The target, or a link on the way to it, is an absolute path.
    Absolute,
    /// The way to the target leaves the tree.
    Escapes,
    /// The way to the target passes more than forty links.
    Loop,
}

impl fmt::Display for LinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "its target is no path",
            Self::Absolute => "it leads to an absolute path",
            Self::Escapes => "it leads out of the repository",
            Self::Loop => "it leads through too many links",
        })
    }
}

/// The most bytes of a link's target.
pub(super) const MOST_TARGET: usize = 4095;
/// How many links the kernel follows on one way.
const MOST_HOPS: usize = 40;

/// Judges the symbolic link at `path`: every step on the way to its target must stay inside the tree.
///
/// `link_at` tells the target of the link at a path of the tree, if there is a link. The way is walked as the kernel
/// walks it, through other links; a step that does not exist counts as a folder, so a target that only the build
/// makes is allowed.
pub fn judge_link<'a>(
    path: &[u8],
    target: &'a [u8],
    link_at: impl Fn(&[u8]) -> Option<&'a [u8]>,
) -> Result<(), LinkFault> {
    let mut at: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
    at.pop();
    let mut ahead: VecDeque<&[u8]> = steps(target)?.collect();
    let mut hops = 0;
    while let Some(step) = ahead.pop_front() {
        match step {
            b"" | b"." => continue,
            b".." => {
                at.pop().ok_or(LinkFault::Escapes)?;
                continue;
            }
            name => at.push(name),
        }
        if let Some(next) = link_at(&at.join(&b'/')) {
            hops += 1;
            if hops > MOST_HOPS {
                return Err(LinkFault::Loop);
            }
            at.pop();
            for step in steps(next)?.rev() {
                ahead.push_front(step);
            }
        }
    }
    Ok(())
}

/// The components of a link's target.
fn steps(target: &[u8]) -> Result<impl DoubleEndedIterator<Item = &[u8]>, LinkFault> {
    match target.first() {
        None => Err(LinkFault::Malformed),
        Some(b'/') => Err(LinkFault::Absolute),
        _ if target.len() > MOST_TARGET || target.contains(&0) => Err(LinkFault::Malformed),
        _ => Ok(target.split(|b| *b == b'/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::BTreeMap, fs, os::unix::fs::symlink};

    #[test]
    fn every_spelling_of_the_git_folder_is_refused() {
        for name in [
            ".git",
            ".GIT",
            ".Git",
            "git~1",
            "GIT~1",
            ".git ",
            ".git.",
            ".git. .",
            ".git::$INDEX_ALLOCATION",
            ".g\u{200c}it",
            "\u{feff}.git",
            ".git\u{200d}",
            "a\\.git\\config",
            ".git\\x",
        ] {
            assert_eq!(judge(name.as_bytes()), Err(NameFault::DotGit), "{name:?}");
        }
        for name in [".gitignore", ".gitmodules", "git", ".github", "git~2", "x.git", "git~10"] {
            assert_eq!(judge(name.as_bytes()), Ok(None), "{name:?}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused_and_strange_ones_reported() {
        assert_eq!(judge(b".."), Err(NameFault::Dots));
        assert_eq!(judge(b"..."), Ok(None));
        assert_eq!(judge(b""), Err(NameFault::Empty));
        assert_eq!(judge(b"a/b"), Err(NameFault::Separator));
        assert_eq!(judge(&[b'a'; 256]), Err(NameFault::TooLong));
        assert_eq!(judge(&[b'a'; 255]), Ok(None));
        assert_eq!(judge(b"a\nb"), Ok(Some(Oddity::Active)));
        assert_eq!(judge("a\u{202e}b".as_bytes()), Ok(Some(Oddity::Active)));
        assert_eq!(judge(b"a\\b"), Ok(Some(Oddity::Backslash)));
        assert_eq!(judge(b"a\xffb"), Ok(Some(Oddity::NotUtf8)));
        assert_eq!(judge("日本".as_bytes()), Ok(None));
    }

    #[test]
    fn shown_names_are_inert() {
        assert_eq!(show(b"a\x1b[2J\xff"), "a\\u{1b}[2J\\xff");
    }

    #[test]
    fn links_are_followed_through_links() {
        let links: BTreeMap<&[u8], &[u8]> = BTreeMap::from([
            (b"up".as_slice(), b"..".as_slice()),
            (b"a/top", b".."),
            (b"self", b"self"),
            (b"abs", b"/etc"),
        ]);
        let judge = |path: &[u8], target: &'static [u8]| judge_link(path, target, |at| links.get(at).copied());
        assert_eq!(judge(b"l", b"a/b"), Ok(()));
        assert_eq!(judge(b"a/l", b"../b"), Ok(()));
        assert_eq!(judge(b"a/l", b"../../b"), Err(LinkFault::Escapes));
        assert_eq!(judge(b"l", b"up/x"), Err(LinkFault::Escapes));
        assert_eq!(judge(b"l", b"a/top/x"), Ok(()));
        assert_eq!(judge(b"l", b"a/top/../x"), Err(LinkFault::Escapes));
        assert_eq!(judge(b"l", b"self"), Err(LinkFault::Loop));
        assert_eq!(judge(b"l", b"abs/passwd"), Err(LinkFault::Absolute));
        assert_eq!(judge(b"l", b"/etc/passwd"), Err(LinkFault::Absolute));
        assert_eq!(judge(b"l", b""), Err(LinkFault::Malformed));
    }

    /// A link's path and target made of few names, so that links often lead through each other.
    fn link() -> impl Strategy<Value = (String, String)> {
        let step = prop_oneof![Just("a"), Just("b"), Just("d"), Just(".."), Just("."), Just("")];
        let target = prop::collection::vec(step, 1..6).prop_map(|steps| steps.join("/"));
        let place = prop_oneof![Just("a"), Just("b"), Just("d/a"), Just("d/b"), Just("d/d")];
        (place.prop_map(str::to_owned), target)
    }

    proptest! {
        /// The kernel is the judge: what is accepted stays inside, whatever links lie on the way.
        #[test]
        fn accepted_links_stay_inside_on_a_real_file_system(links in prop::collection::vec(link(), 1..6)) {
            let links: BTreeMap<String, String> = links.into_iter().collect();
            let outer = tempfile::tempdir().unwrap();
            let root = outer.path().join("root");
            fs::create_dir_all(root.join("d")).unwrap();
            let at = |path: &[u8]| links.get(str::from_utf8(path).unwrap()).map(|t| t.as_bytes());
            let judged: Vec<_> =
                links.iter().map(|(path, target)| (path, judge_link(path.as_bytes(), target.as_bytes(), at))).collect();
            for (path, verdict) in &judged {
                if verdict.is_ok() {
                    symlink(&links[*path], root.join(path)).unwrap();
                }
            }
            let root = root.canonicalize().unwrap();
            for (path, verdict) in judged {
                if let (Ok(()), Ok(real)) = (verdict, root.join(path).canonicalize()) {
                    prop_assert!(real.starts_with(&root), "{path} -> {} is {}", links[path], real.display());
                }
            }
        }

        #[test]
        fn an_accepted_name_is_one_plain_component(name in prop::collection::vec(any::<u8>(), 0..12)) {
            if judge(&name).is_ok() {
                use std::os::unix::ffi::OsStrExt;
                let path = std::path::Path::new(std::ffi::OsStr::from_bytes(&name));
                let parts: Vec<_> = path.components().collect();
                prop_assert!(matches!(parts[..], [std::path::Component::Normal(_)]));
                prop_assert!(!name.eq_ignore_ascii_case(b".git"));
            }
        }

        #[test]
        fn shown_text_never_acts(name in prop::collection::vec(any::<u8>(), 0..40)) {
            let shown = show(&name);
            prop_assert_eq!(text::inert(&shown), shown.as_str());
        }
    }
}
