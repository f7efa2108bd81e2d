//! takehome itself is in no cell: its file holds the challenges' references. An installed one lies below `/usr`, or beside
//! the tools that are mounted, so it is covered wherever a mount would show it.

use super::mounts::{Access, Node};
use std::path::{Path, PathBuf};

/// What lies on top of it: a device, which the mount makes one that cannot be opened.
const COVER: &str = "/dev/null";

/// Where an executable lies, links followed; none when it lies nowhere.
pub(super) fn place_of(executable: &Path) -> Option<PathBuf> {
    executable.canonicalize().ok().or_else(|| {
        // A takehome that was replaced while it runs: the new one holds the same.
        let link = std::fs::read_link(executable).ok()?;
        Path::new(link.to_str()?.strip_suffix(" (deleted)")?).canonicalize().ok()
    })
}

/// Covers a file of the host wherever these mounts show it.
pub(super) fn conceal(file: &Path, nodes: &mut Vec<Node>) {
    let mut covers: Vec<PathBuf> = Vec::new();
    for index in 0..nodes.len() {
        let Some(at) = shown_at(file, &nodes[index]) else { continue };
        if let Node::Bind { at: place, host, access } = &mut nodes[index]
            && at == place.path()
        {
            // The mount is the file, and no place takes two.
            (*host, *access) = (COVER.into(), Access::ReadOnly);
        } else if !nodes[index + 1..].iter().any(|later| covers_up(later, &at)) && !covers.contains(&at) {
            covers.push(at);
        }
    }
    nodes.extend(covers.iter().map(|at| cover(at)));
}

/// What makes a file of the cell one that cannot be opened.
pub(super) fn cover(at: &Path) -> Node {
    Node::Bind { at: at.into(), host: COVER.into(), access: Access::ReadOnly }
}

/// The path at which a mount shows a file of the host.
fn shown_at(file: &Path, node: &Node) -> Option<PathBuf> {
    let Node::Bind { at, host, .. } = node else { return None };
    let below = file.strip_prefix(host.path().canonicalize().ok()?).ok()?;
    // Joined, nothing would become a slash at the end.
    Some(if below.as_os_str().is_empty() { at.path() } else { at.path().join(below) })
}

/// Whether a mount hides what another shows at a path.
fn covers_up(node: &Node, path: &Path) -> bool {
    match node {
        Node::Bind { at, .. } | Node::Memory { at, .. } | Node::Processes { at } => path.starts_with(at.path()),
        Node::Link { .. } | Node::File { .. } | Node::Directory { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(host: &Path, at: &str) -> Node {
        Node::Bind { at: at.into(), host: host.into(), access: Access::Writable }
    }

    fn covered(file: &Path, mut nodes: Vec<Node>) -> Vec<PathBuf> {
        conceal(file, &mut nodes);
        let cover = |node: &Node| match node {
            Node::Bind { at, host, access: Access::ReadOnly } if host.path() == Path::new(COVER) => Some(at.path()),
            _ => None,
        };
        nodes.iter().filter_map(cover).collect()
    }

    #[test]
    fn the_file_is_covered_wherever_it_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let system = folder.path().canonicalize().unwrap();
        let (file, link) = (system.join("bin/takehome"), system.join("link"));
        std::fs::create_dir(system.join("bin")).unwrap();
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&system, &link).unwrap();
        let of = |nodes| covered(&file, nodes);
        assert_eq!(of(vec![bind(&system, "/usr")]), [Path::new("/usr/bin/takehome")]);
        assert_eq!(of(vec![bind(&link, "/usr")]), [Path::new("/usr/bin/takehome")], "through a link");
        assert_eq!(of(vec![bind(&file, "/opt/it")]), [Path::new("/opt/it")], "by itself");
        assert_eq!(of(vec![bind(Path::new("/etc"), "/usr")]), [""; 0].map(PathBuf::from), "it is not there");
        let twice = vec![bind(&system, "/usr"), bind(&system.join("bin"), "/tools")];
        assert_eq!(of(twice), ["/usr/bin/takehome", "/tools/takehome"].map(PathBuf::from));
        // What another mount hides could not be covered: nothing is there to mount on.
        assert_eq!(of(vec![bind(&system, "/usr"), bind(Path::new("/etc"), "/usr/bin")]), [""; 0].map(PathBuf::from));
        let again = vec![bind(&system, "/usr"), bind(&system.join("bin"), "/usr/bin")];
        assert_eq!(of(again), [Path::new("/usr/bin/takehome")], "once");
    }

    #[test]
    fn links_to_an_executable_are_followed() {
        assert_eq!(place_of(Path::new("/proc/self/exe")), std::env::current_exe().unwrap().canonicalize().ok());
        assert_eq!(place_of(Path::new("/no/such/program")), None);
    }
}
