//! The back ends there are, and the choice among them. An unusable one is an error or a choice that is said, never a
//! silent step down.

use super::{Backend, OpenError, bubblewrap, container, degraded, native, none};
use std::{path::PathBuf, sync::Arc};

/// How much a back end is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// No isolation at all.
    None,
    /// What a process can take from itself; one process list and one network with the host.
    Degraded,
    /// Namespaces of a container runtime: far more code runs with rights before a candidate's does, mounts and masks are
    /// the runtime's own, and a cell takes seconds to open.
    Weaker,
    /// Namespaces, a private root, no privileges: good enough to grade strangers' code.
    Strong,
}

impl Strength {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Degraded => "degraded",
            Self::Weaker => "weaker",
            Self::Strong => "strong",
        }
    }
}

/// A back end that can be chosen.
#[derive(Debug)]
pub struct Entry {
    /// How it is called on the command line and in reports.
    pub name: &'static str,
    /// How much it is worth.
    pub strength: Strength,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// Makes one whose cells are set up by this executable, which is takehome or behaves as it when asked to.
    pub make: fn(PathBuf) -> Arc<dyn Backend>,
}

/// Every back end, the best first.
pub const REGISTRY: &[Entry] = &[
    Entry {
        name: "native",
        strength: Strength::Strong,
        about: "namespaces and cgroups made by takehome itself",
        make: |helper| Arc::new(native::Native::new(helper)),
    },
    Entry {
        name: "bubblewrap",
        strength: Strength::Strong,
        about: "namespaces made by bwrap, for machines that let nobody else",
        make: |helper| Arc::new(bubblewrap::Bubblewrap::new(helper)),
    },
    Entry {
        name: "podman",
        strength: Strength::Weaker,
        about: "containers made by podman",
        make: |helper| Arc::new(container::Container::new(helper)),
    },
    Entry {
        name: "degraded",
        strength: Strength::Degraded,
        about: "no namespaces: Landlock, seccomp and rlimits alone",
        make: |helper| Arc::new(degraded::Degraded::new(helper)),
    },
    Entry { name: "none", strength: Strength::None, about: "no isolation", make: |_| Arc::new(none::None::default()) },
];

/// The entry of that name.
pub fn find(name: &str) -> Option<&'static Entry> {
    REGISTRY.iter().find(|entry| entry.name == name)
}

/// What the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The best that works here and is good enough for the purpose.
    Auto,
    /// This one and no other, whatever it is worth.
    Named(&'static str),
}

/// What cells are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Grading other people's code: nothing below [`Strength::Strong`] is taken unless it was named.
    Others,
    /// A check of one's own code: anything but no isolation at all will do.
    SelfCheck,
}

impl Purpose {
    /// The least that is taken without being named.
    pub fn least(self) -> Strength {
        match self {
            Self::Others => Strength::Strong,
            Self::SelfCheck => Strength::Degraded,
        }
    }
}

/// A choice.
pub struct Selected {
    /// The back end.
    pub backend: Arc<dyn Backend>,
    /// Its entry.
    pub entry: &'static Entry,
    /// Better ones that cannot be used here, with their reasons.
    pub passed_over: Vec<(&'static str, String)>,
}

/// The back end to use, which works to the end here.
pub fn select(wish: Wish, purpose: Purpose) -> Result<Selected, OpenError> {
    let helper = || PathBuf::from("/proc/self/exe");
    choose(wish, purpose, |entry| {
        let backend = (entry.make)(helper());
        backend.capabilities().usable.map(|()| backend)
    })
}

/// The choice, with a way to try an entry.
fn choose(
    wish: Wish,
    purpose: Purpose,
    attempt: impl Fn(&'static Entry) -> Result<Arc<dyn Backend>, String>,
) -> Result<Selected, OpenError> {
    let wanted: Vec<&'static Entry> = match wish {
        Wish::Named(name) => REGISTRY.iter().filter(|entry| entry.name == name).collect(),
        Wish::Auto => REGISTRY.iter().filter(|entry| entry.strength >= purpose.least()).collect(),
    };
    let mut passed_over = Vec::new();
    for entry in wanted {
        match attempt(entry) {
            Ok(backend) => return Ok(Selected { backend, entry, passed_over }),
            Err(why) => passed_over.push((entry.name, why)),
        }
    }
    let reasons: Vec<String> = passed_over.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    Err(OpenError::new("try a cell", &reasons.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which only these work.
    fn machine(usable: &'static [&str]) -> impl Fn(&'static Entry) -> Result<Arc<dyn Backend>, String> {
        move |entry| match usable.contains(&entry.name) {
            true => Ok((entry.make)("/proc/self/exe".into())),
            false => Err(format!("{} is broken", entry.name)),
        }
    }

    fn chosen(wish: Wish, purpose: Purpose, usable: &'static [&str]) -> Result<&'static str, String> {
        choose(wish, purpose, machine(usable)).map(|found| found.entry.name).map_err(|error| error.reason)
    }

    #[test]
    fn the_registry_goes_from_strong_to_none() {
        assert!(REGISTRY.is_sorted_by(|one, other| one.strength >= other.strength));
        assert!(REGISTRY.iter().all(|entry| find(entry.name).is_some_and(|found| found.name == entry.name)));
    }

    #[test]
    fn the_best_that_works_is_taken_and_the_better_ones_are_told() {
        assert_eq!(chosen(Wish::Auto, Purpose::Others, &["native", "bubblewrap"]), Ok("native"));
        let found = choose(Wish::Auto, Purpose::Others, machine(&["bubblewrap", "degraded"])).expect("a choice");
        assert_eq!(found.entry.name, "bubblewrap");
        assert_eq!(found.passed_over, [("native", "native is broken".to_owned())]);
    }

    #[test]
    fn grading_others_never_steps_below_strong_by_itself() {
        let weak = &["podman", "degraded", "none"];
        let why = chosen(Wish::Auto, Purpose::Others, weak).expect_err("nothing strong");
        assert!(why.contains("native is broken") && why.contains("bubblewrap is broken"), "{why}");
        assert_eq!(chosen(Wish::Auto, Purpose::SelfCheck, weak), Ok("podman"));
        assert_eq!(chosen(Wish::Named("degraded"), Purpose::Others, weak), Ok("degraded"));
    }

    #[test]
    fn what_was_named_is_taken_or_refused_but_never_replaced() {
        assert!(chosen(Wish::Named("bubblewrap"), Purpose::SelfCheck, &["native", "degraded"]).is_err());
        assert!(chosen(Wish::Auto, Purpose::SelfCheck, &["none"]).is_err(), "no isolation is never a fallback");
    }
}
