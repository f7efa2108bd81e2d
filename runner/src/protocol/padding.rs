//! Large texts, told short: `17~⟨1000000 times⟩` is `17` and a million tildes behind it.

/// What large values are padded with, and how much of it is counted.
const PADDING: char = '~';
const LEAST_PADDING: usize = 64;
const MOST_PADDING: usize = 64 << 20;

/// A text with its padding.
pub fn in_full(text: &str) -> String {
    let padding = text
        .split_once("~⟨")
        .and_then(|(text, run)| Some((text.to_owned(), run.strip_suffix(" times⟩")?.parse::<usize>().ok()?)));
    match padding.filter(|(_, times)| (LEAST_PADDING..=MOST_PADDING).contains(times)) {
        Some((text, times)) => text + &PADDING.to_string().repeat(times),
        None => text.to_owned(),
    }
}

/// A text with its padding counted.
pub fn short(text: &str) -> String {
    let rest = text.trim_end_matches(PADDING);
    match text.len() - rest.len() {
        times @ LEAST_PADDING.. => format!("{rest}{PADDING}⟨{times} times⟩"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_counted_and_written_out() {
        let long = format!("17{}", "~".repeat(1_000));
        assert_eq!(short(&long), "17~⟨1000 times⟩");
        assert_eq!(in_full(&short(&long)), long);
        for text in ["a~b", "a~⟨99999999999 times⟩", "", "~~~"] {
            assert_eq!((in_full(text), short(text)), (text.to_owned(), text.to_owned()));
        }
    }
}
