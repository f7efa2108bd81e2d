//! Finding the commit that a branch, a tag or a piece of a commit's id stands for.

use super::error::SourceError;
use git2::{ErrorCode, Oid, Repository};
use harness::text;

/// A name that a repository offers, and the object it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) id: Oid,
}

/// What a repository offers: its names, and which of them it calls its default.
#[derive(Debug, Clone, Default)]
pub(super) struct Offer {
    pub(super) names: Vec<Named>,
    /// The commit of HEAD.
    pub(super) head: Option<Oid>,
    /// The branch that HEAD names.
    pub(super) head_branch: Option<String>,
}

/// What is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A name; `HEAD` when no revision was asked for.
    Name(Named),
    /// A commit by its whole id.
    Commit(Oid),
    /// A commit by the beginning of its id.
    Prefix(String),
}

/// The shortest beginning of an id that is looked up; git's own minimum.
const SHORTEST: usize = 4;

impl Offer {
    /// Finds what `rev` stands for: branch before tag before whole name before commit.
    pub(super) fn resolve(&self, rev: Option<&str>, location: &str) -> Result<Wanted, SourceError> {
        let Some(rev) = rev else { return self.default(location) };
        let places = [
            format!("refs/heads/{rev}"),
            format!("refs/tags/{rev}"),
            rev.to_owned(),
            format!("refs/remotes/origin/{rev}"),
        ];
        let named = places.iter().find_map(|place| self.names.iter().find(|named| named.name == *place));
        if let Some(named) = named {
            return Ok(Wanted::Name(named.clone()));
        }
        if rev == "HEAD" {
            return self.default(location);
        }
        match is_hex(rev) {
            true if rev.len() == 40 => Oid::from_str(rev).map(Wanted::Commit).map_err(|_| self.unknown(rev, location)),
            true if rev.len() >= SHORTEST && rev.len() < 40 => Ok(Wanted::Prefix(rev.to_ascii_lowercase())),
            _ => Err(self.unknown(rev, location)),
        }
    }

    /// The commit of HEAD.
    fn default(&self, location: &str) -> Result<Wanted, SourceError> {
        if let Some(id) = self.head {
            return Ok(Wanted::Name(Named { name: "HEAD".into(), id }));
        }
        let branches = self.short("refs/heads/");
        if branches.is_empty() {
            return Err(SourceError::Empty { location: location.into(), why: "it has no commits".into() });
        }
        let branch = self.head_branch.as_deref().unwrap_or("HEAD").trim_start_matches("refs/heads/");
        Err(SourceError::Unborn {
            location: location.into(),
            branch: text::excerpt(branch, 100),
            branches: branches.iter().take(10).map(|b| text::excerpt(b, 100)).collect(),
        })
    }

    /// The error for a revision that is nothing here, with the names nearest to it.
    pub(super) fn unknown(&self, rev: &str, location: &str) -> SourceError {
        let mut names = self.short("refs/heads/");
        names.extend(self.short("refs/tags/"));
        let near: Vec<&str> = names.iter().copied().take(1000).filter(|name| is_near(rev, name)).take(5).collect();
        let near = if near.is_empty() { self.short("refs/heads/").into_iter().take(5).collect() } else { near };
        SourceError::UnknownRev {
            location: location.into(),
            rev: text::excerpt(rev, 100),
            near: near.iter().map(|name| text::excerpt(name, 100)).collect(),
        }
    }

    /// Names below a prefix, without it.
    fn short(&self, prefix: &str) -> Vec<&str> {
        self.names.iter().filter_map(|n| n.name.strip_prefix(prefix)).collect()
    }
}

/// Whether all characters are hexadecimal digits.
fn is_hex(rev: &str) -> bool {
    rev.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether somebody who typed `rev` may have meant `name`.
fn is_near(rev: &str, name: &str) -> bool {
    if rev.len() > 100 || name.len() > 100 {
        return false;
    }
    let (rev, name) = (rev.to_lowercase(), name.to_lowercase());
    rev.len() >= 3 && (name.contains(&rev) || rev.contains(&name) && name.len() >= 3) || distance(&rev, &name) <= 2
}

/// Insertions, deletions and replacements between two texts.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

/// Finds the commit behind a whole or shortened id among the objects that are here.
pub(super) fn find_commit(
    repo: &Repository,
    wanted: &Wanted,
    offer: &Offer,
    rev: &str,
    location: &str,
) -> Result<Oid, SourceError> {
    let id = match wanted {
        Wanted::Name(named) if repo.find_object(named.id, None).is_err() => {
            let why =
                format!("the object {} that `{}` stands for is missing", named.id, text::excerpt(&named.name, 100));
            return Err(SourceError::Damaged { location: location.into(), why });
        }
        Wanted::Name(named) => named.id,
        Wanted::Commit(id) => *id,
        Wanted::Prefix(prefix) => complete(repo, prefix, offer, rev, location)?,
    };
    peel(repo, id, offer, rev, location)
}

/// Completes the beginning of an id.
fn complete(repo: &Repository, prefix: &str, offer: &Offer, rev: &str, location: &str) -> Result<Oid, SourceError> {
    let unknown = || offer.unknown(rev, location);
    let odb = repo.odb().map_err(|_| unknown())?;
    let padded = format!("{prefix:0<40}");
    let short = Oid::from_str(&padded).map_err(|_| unknown())?;
    odb.exists_prefix(short, prefix.len()).map_err(|error| match error.code() {
        ErrorCode::Ambiguous => SourceError::AmbiguousRev { location: location.into(), rev: rev.into() },
        _ => unknown(),
    })
}

/// Follows tags to their commit.
fn peel(repo: &Repository, id: Oid, offer: &Offer, rev: &str, location: &str) -> Result<Oid, SourceError> {
    let Ok(object) = repo.find_object(id, None) else { return Err(offer.unknown(rev, location)) };
    object.peel_to_commit().map(|commit| commit.id()).map_err(|_| SourceError::NotACommit {
        location: location.into(),
        rev: text::excerpt(rev, 100),
        kind: object.kind().map_or("broken object", |kind| kind.str()).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(names: &[&str]) -> Offer {
        let id = |n: usize| Oid::from_str(&format!("{n:040x}")).unwrap();
        let names = names.iter().enumerate().map(|(n, name)| Named { name: (*name).into(), id: id(n + 1) }).collect();
        Offer { names, head: None, head_branch: Some("refs/heads/gone".into()) }
    }

    #[test]
    fn a_branch_goes_before_a_tag_and_both_before_a_commit() {
        let offer = offer(&["refs/tags/cafe", "refs/heads/cafe", "refs/heads/main"]);
        let Ok(Wanted::Name(named)) = offer.resolve(Some("cafe"), "x") else { panic!() };
        assert_eq!(named.name, "refs/heads/cafe");
        assert_eq!(offer.resolve(Some("BEEF"), "x"), Ok(Wanted::Prefix("beef".into())));
        assert!(matches!(offer.resolve(Some(&"a".repeat(40)), "x"), Ok(Wanted::Commit(_))));
        assert!(matches!(offer.resolve(Some("abc"), "x"), Err(SourceError::UnknownRev { .. })));
    }

    #[test]
    fn an_unknown_name_lists_near_ones() {
        let offer = offer(&["refs/heads/main", "refs/heads/fix/partition", "refs/tags/v1.0"]);
        let near = |rev: &str| match offer.resolve(Some(rev), "x") {
            Err(SourceError::UnknownRev { near, .. }) => near,
            other => panic!("{other:?}"),
        };
        assert_eq!(near("mian"), ["main"]);
        assert_eq!(near("partition"), ["fix/partition"]);
        assert_eq!(near("v1.1"), ["v1.0"]);
        assert_eq!(near("zzzzzz"), ["main", "fix/partition"]);
    }

    #[test]
    fn no_commit_at_all_and_a_missing_default_branch_are_two_things() {
        assert!(matches!(offer(&[]).resolve(None, "x"), Err(SourceError::Empty { .. })));
        let unborn = offer(&["refs/heads/work"]).resolve(None, "x").unwrap_err();
        assert!(unborn.to_string().contains("`gone`") && unborn.to_string().contains("`work`"), "{unborn}");
    }

    #[test]
    fn distances_are_counted() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
