//! Things worth telling about a repository that do not stop it from being graded, kept to a bounded number.

use std::{borrow::Cow, collections::BTreeMap};

/// One remark about a repository.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Notice {
    /// What kind of remark, such as `symlink-refused`; stable, for programs.
    pub code: Cow<'static, str>,
    /// The remark, for people; safe to show.
    pub message: String,
}

/// How many remarks of one kind are kept; a repository of fifty thousand bad names gets this many and a count.
const KEPT: usize = 12;

/// Collects notices, keeping the first few of each kind and counting the rest.
#[derive(Debug, Default)]
pub(super) struct Notices {
    list: Vec<Notice>,
    count: BTreeMap<&'static str, usize>,
}

impl Notices {
    /// Adds a remark.
    pub(super) fn add(&mut self, code: &'static str, message: impl Into<String>) {
        let count = self.count.entry(code).or_default();
        *count += 1;
        if *count <= KEPT {
            self.list.push(Notice { code: code.into(), message: message.into() });
        }
    }

    /// The remarks, with one line for those of each kind that were not kept.
    pub(super) fn finish(mut self) -> Vec<Notice> {
        for (code, count) in self.count {
            if count > KEPT {
                self.list
                    .push(Notice { code: code.into(), message: format!("… and {} more of this kind", count - KEPT) });
            }
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_is_counted_and_does_not_drown_another() {
        let mut notices = Notices::default();
        for n in 0..1000 {
            notices.add("flood", format!("{n}"));
        }
        notices.add("other", "kept");
        let list = notices.finish();
        assert_eq!(list.len(), KEPT + 2);
        assert!(list.iter().any(|n| n.code == "other"));
        assert_eq!(list.last().unwrap().message, "… and 988 more of this kind");
    }
}
