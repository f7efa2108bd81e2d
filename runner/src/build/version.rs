//! Versions of tools, compared by their numbers.

/// Whether a version is at least another. Parts that are not numbers are not compared.
pub(super) fn at_least(has: &str, wants: &str) -> bool {
    let (has, wants) = (numbers(has), numbers(wants));
    for (at, wanted) in wants.iter().enumerate() {
        let own = has.get(at).copied().unwrap_or(0);
        if own != *wanted {
            return own > *wanted;
        }
    }
    true
}

fn numbers(version: &str) -> Vec<u64> {
    let version = version.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let parts = version.split('.').map(|part| part.split(|letter: char| !letter.is_ascii_digit()).next());
    parts.map_while(|part| part?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::at_least;

    #[test]
    fn numbers_are_compared_not_letters() {
        assert!(at_least("1.26.8", "1.9"));
        assert!(at_least("v20.20.2", "20"));
        assert!(at_least("17.0.15", "17"));
        assert!(at_least("1.22rc1", "1.22"));
        assert!(!at_least("1.26.8", "1.27"));
        assert!(!at_least("1.95.0", "2"));
        assert!(at_least("1.95.0", ""));
    }
}
