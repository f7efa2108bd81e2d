//! A submission's files in memory, before they are written anywhere.

use std::{borrow::Cow, collections::BTreeMap};

/// Files by relative path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// Contents by path, with `/` between the parts.
    pub files: BTreeMap<String, Cow<'static, [u8]>>,
}

/// Why a tree could not be put together: always a mistake of the challenge's author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A folder that is not there.
    #[error("there is no `{0}`")]
    Missing(String),
    /// A file that is not as it should be.
    #[error("{0}: {1}")]
    Invalid(String, String),
}

impl Tree {
    /// Adds files, over those of the same path.
    pub fn overlay(&mut self, files: impl IntoIterator<Item = (String, Cow<'static, [u8]>)>) {
        self.files.extend(files);
    }

    /// Replaces a text that occurs exactly once in a file.
    pub fn replace(&mut self, file: &str, find: &str, with: &str) -> Result<(), TreeError> {
        let invalid = |why: String| TreeError::Invalid(file.to_owned(), why);
        let bytes = self.files.get_mut(file).ok_or_else(|| invalid("no such file in the base".into()))?;
        let text = std::str::from_utf8(bytes).map_err(|_| invalid("not UTF-8".into()))?;
        match text.matches(find).count() {
            1 => {}
            count => {
                return Err(invalid(format!("the text to replace occurs {count} times instead of once: {find:?}")));
            }
        }
        *bytes = text.replacen(find, with, 1).into_bytes().into();
        Ok(())
    }
}
