//! Prefixes of known sequences: what has been appended so far, as long as it can still become something that was seen.

/// Sequences, sorted; each of their prefixes has one name.
#[derive(Debug, Clone)]
pub struct Prefixes<T>(Vec<Box<[T]>>);

/// The prefix of this length of the first sequence that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    sequence: u32,
    length: u32,
}

impl Prefix {
    /// The prefix without elements.
    pub const EMPTY: Self = Self { sequence: 0, length: 0 };
}

impl<T: Ord + Copy> Prefixes<T> {
    /// All prefixes of these sequences.
    pub fn new(mut sequences: Vec<Box<[T]>>) -> Self {
        sequences.sort_unstable();
        sequences.dedup();
        Self(sequences)
    }

    /// The prefix with these elements behind it; none where no sequence begins so.
    ///
    /// Binary search, each step of which compares as much as the prefix is long.
    pub fn extend(&self, prefix: Prefix, by: &[T]) -> Option<Prefix> {
        if by.is_empty() {
            return Some(prefix);
        }
        let (first, length) = (prefix.sequence as usize, prefix.length as usize);
        let begin = self.elements(prefix);
        let after = &self.0[first.min(self.0.len())..];
        // None of `after` is less than `begin`, for its first begins with it.
        let less =
            |sequence: &[T]| sequence.len() >= length && sequence[..length] == *begin && sequence[length..] < *by;
        let place = first + after.partition_point(|sequence| less(sequence));
        let found = self.0.get(place)?;
        let extended = found.len() >= length + by.len() && found[..length] == *begin && found[length..].starts_with(by);
        extended.then_some(Prefix { sequence: place as u32, length: (length + by.len()) as u32 })
    }

    /// The elements of a prefix.
    pub fn elements(&self, prefix: Prefix) -> &[T] {
        self.0.get(prefix.sequence as usize).map_or(&[], |sequence| &sequence[..prefix.length as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sequences() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(0u8..3, 0..6), 0..8)
    }

    proptest! {
        #[test]
        fn a_prefix_is_found_in_whatever_pieces_it_comes(known in sequences(), pieces in sequences()) {
            let prefixes = Prefixes::new(known.iter().map(|sequence| sequence.as_slice().into()).collect());
            let whole = pieces.concat();
            let found = pieces.iter().try_fold(Prefix::EMPTY, |prefix, piece| prefixes.extend(prefix, piece));
            let begins = whole.is_empty() || known.iter().any(|sequence| sequence.starts_with(&whole));
            prop_assert_eq!(found.is_some(), begins);
            prop_assert_eq!(found, prefixes.extend(Prefix::EMPTY, &whole));
            if let Some(found) = found {
                prop_assert_eq!(prefixes.elements(found), &whole[..]);
            }
        }
    }
}
