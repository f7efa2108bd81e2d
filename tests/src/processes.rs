//! Looking at the processes and cgroups of this machine from outside, to see what a takehome has left behind.

use std::{fs, path::PathBuf};

/// A process that cannot be taken for a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub id: u32,
    parent: u32,
    started: u64,
}

impl Process {
    /// Whether it still runs; one that only waits to be reaped does not.
    pub fn is_alive(&self) -> bool {
        read(self.id).is_some_and(|(process, state)| process.started == self.started && state != "Z" && state != "X")
    }
}

/// All processes below one.
pub fn descendants(of: u32) -> Vec<Process> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let all: Vec<Process> = numbers.filter_map(read).map(|(process, _)| process).collect();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![of];
    while let Some(parent) = parents.pop() {
        let children = all.iter().filter(|process| process.parent == parent);
        children.for_each(|child| {
            found.push(*child);
            parents.push(child.id);
        });
    }
    found
}

/// A process and its state.
fn read(id: u32) -> Option<(Process, String)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The program's name stands in parentheses and may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let process = Process { id, parent: fields.get(1)?.parse().ok()?, started: fields.get(19)?.parse().ok()? };
    Some((process, fields.first()?.to_string()))
}

/// The cgroups that a takehome with this process id has made.
pub fn cgroups(of: u32) -> Vec<PathBuf> {
    cgroups_named(|name| name.starts_with(&format!("takehome-{of}-")))
}

/// The cgroups of this machine with such names; below them it is not looked.
pub fn cgroups_named(is_it: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        // Groups of others come and go meanwhile.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                match is_it(&entry.file_name().to_string_lossy()) {
                    true => found.push(entry.path()),
                    false => folders.push(entry.path()),
                }
            }
        }
    }
    found
}
