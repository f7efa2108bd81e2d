//! A profile for machines whose AppArmor lets only known programs make user namespaces, such as Ubuntu 24.04.

use std::path::Path;

/// The profile of a program: it restricts nothing, but names it, so that it may make user namespaces.
pub(super) fn profile(program: &Path) -> String {
    format!(
        "# Lets takehome make user namespaces where AppArmor restricts them (Ubuntu 23.10 and later). It takes nothing \
         away.\n\
         # Install it, and again when takehome has moved:\n\
         #   takehome doctor --apparmor-profile | sudo tee /etc/apparmor.d/takehome\n\
         #   sudo apparmor_parser -r /etc/apparmor.d/takehome\n\
         abi <abi/4.0>,\n\
         include <tunables/global>\n\
         \n\
         profile takehome {} flags=(unconfined) {{\n  \
         userns,\n\
         \n  \
         include if exists <local/takehome>\n\
         }}\n",
        quoted(program)
    )
}

/// A path as a profile reads it: quoted, and without anything that would be a pattern.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let escaped: String = text
        .chars()
        .flat_map(|letter| {
            let special = "\\\"*?[]{}^@,".contains(letter);
            special.then_some('\\').into_iter().chain(std::iter::once(letter))
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_quoted_and_no_pattern() {
        assert_eq!(quoted(Path::new("/opt/my tools/[x]/takehome")), r#""/opt/my tools/\[x\]/takehome""#);
        let text = profile(Path::new("/usr/bin/takehome"));
        assert!(text.contains("profile takehome \"/usr/bin/takehome\" flags=(unconfined) {\n  userns,\n"), "{text}");
        assert!(text.ends_with("}\n"));
    }
}
