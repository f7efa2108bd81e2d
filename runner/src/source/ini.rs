//! The little of git's configuration syntax that is needed to read a stranger's file without its `include` directives.

/// One `key = value` line under its section and subsection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// The section's name, in lower case.
    pub(super) section: String,
    /// What stands in quotes behind it.
    pub(super) subsection: String,
    /// The key, in lower case.
    pub(super) key: String,
    /// The value, unquoted.
    pub(super) value: String,
}

/// Reads the settings of a file in git's configuration syntax; lines that cannot be read are left out.
pub(super) fn parse(text: &str) -> Vec<Setting> {
    let (mut section, mut subsection) = (String::new(), String::new());
    let mut settings = Vec::new();
    for line in text.lines() {
        let mut line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let Some(end) = closing_bracket(header) else { continue };
            let (name, sub) = header[..end].split_once(char::is_whitespace).unwrap_or((&header[..end], ""));
            section = name.to_ascii_lowercase();
            subsection = unquote(sub.trim());
            line = header[end + 1..].trim();
        }
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, "true"));
        settings.push(Setting {
            section: section.clone(),
            subsection: subsection.clone(),
            key: key.trim().to_ascii_lowercase(),
            value: unquote(value.trim()),
        });
    }
    settings
}

/// The bracket that ends a section's header, outside quotes.
fn closing_bracket(header: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    header.char_indices().find_map(|(at, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return Some(at),
            _ => {}
        }
        None
    })
}

/// Removes quotes, escapes and a comment at the end.
fn unquote(value: &str) -> String {
    let mut plain = String::new();
    let mut quoted = false;
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            '\\' => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some(other) => plain.push(other),
                None => {}
            },
            c => plain.push(c),
        }
    }
    if quoted || value.ends_with('"') { plain } else { plain.trim_end().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_quotes_and_comments_are_understood() {
        let text =
            "# c\n[submodule \"a]\\\"b\"]\n\tpath = lib # where\n URL=\"https://x/#y\"\n[Core] bare\n[broken\nx=1";
        let settings = parse(text);
        let find = |key: &str| settings.iter().find(|s| s.key == key).unwrap();
        assert_eq!((find("path").value.as_str(), find("path").subsection.as_str()), ("lib", "a]\"b"));
        assert_eq!(find("url").value, "https://x/#y");
        assert_eq!((find("bare").value.as_str(), find("bare").section.as_str()), ("true", "core"));
    }

    #[test]
    fn an_include_is_only_a_setting() {
        assert_eq!(parse("[include]\npath=/etc/passwd").len(), 1);
    }
}
