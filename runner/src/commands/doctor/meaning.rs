//! What each layer is good for: what a submission could do to the grading without it.

/// The sentence for a layer.
pub(super) fn of(layer: &str) -> &'static str {
    MEANINGS
        .iter()
        .find(|(name, _)| *name == layer)
        .map_or("a submission can do more than it needs to", |(_, meaning)| *meaning)
}

const MEANINGS: &[(&str, &str)] = &[
    ("isolation", "a submission can read and change everything that you can"),
    ("user namespace", "a bug in a system program could give a submission your rights"),
    ("mount namespace", "a submission sees the host's files where permissions allow it"),
    ("pid namespace", "a submission sees other programs, and what it leaves running has to be searched for"),
    ("network namespace", "a submission shares the host's network and its local services"),
    ("ipc namespace", "submissions can leave each other messages in shared memory"),
    ("uts namespace", "a submission learns the host's name"),
    ("cgroup namespace", "a submission learns in which groups it runs"),
    ("private root", "a submission sees more of the host's files than it needs"),
    (
        "own files",
        "nodes of one case can signal to each other, a few bits a second, by locks on files that both may read",
    ),
    ("silent devices", "nodes of one case can signal to each other, a few bits a second, by the times of /dev/null"),
    ("silent locks", "nodes of one case can signal to each other by locks on what all of them share"),
    ("no network", "a submission can send out what it sees, or fetch a solution"),
    (
        "other user",
        "a submission is the same user of the host as takehome; only the other layers keep it from your files",
    ),
    ("no capabilities", "a submission may be able to undo other layers"),
    ("no new privileges", "a set-user-id program could give a submission more rights"),
    ("no nested namespaces", "a submission can attack parts of the kernel that are for administrators"),
    ("system call filter", "a submission can attack parts of the kernel that it does not need"),
    ("landlock", "one wall less around the host's files"),
    (
        "memory limit",
        "a submission of many processes can use more memory than is said, and slow down what it is compared to",
    ),
    ("process limit", "a submission can start as many processes as you may, and keep you from starting any"),
    ("cpu accounting", "CPU time of processes that nobody has waited for is missing from the report; it is not graded"),
    ("work size limit", "a submission can fill the disk that its work directory is on"),
    ("inode limit", "a submission can use up memory with empty files, until its memory limit"),
    ("hidden processes", "a submission sees processes that are not its own"),
    (
        "signals stay inside",
        "a submission can kill programs of yours, takehome among them: its run is then lost, not passed",
    ),
    ("end of the cell", "a submission that outruns the search may leave a process behind"),
    ("no /sys", "a submission learns about this machine's hardware"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::REGISTRY;

    #[test]
    fn every_layer_of_every_back_end_is_explained() {
        for entry in REGISTRY {
            let layers = (entry.make)("/bin/false".into()).capabilities().layers;
            let unknown: Vec<&str> = layers
                .iter()
                .map(|layer| layer.name)
                .filter(|name| !MEANINGS.iter().any(|(known, _)| known == name))
                .collect();
            assert!(unknown.is_empty(), "{}: say in doctor/meaning.rs what these mean: {unknown:?}", entry.name);
        }
    }
}
