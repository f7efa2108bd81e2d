//! What nodes did wrong, bounded: the first of each kind and node with its line, the rest counted.

use harness::{
    case::{Incident, IncidentKind},
    time::Offset,
};

/// Longest excerpt of a line.
const LINE: usize = 2_000;

/// The incidents of a case.
#[derive(Debug, Default)]
pub struct Incidents {
    /// One entry a node and kind.
    pub all: Vec<Incident>,
}

impl Incidents {
    /// Notes an incident; the return says whether it is the first of its kind on its node.
    pub fn note(
        &mut self,
        at: Offset,
        node: u32,
        kind: IncidentKind,
        detail: String,
        line: &[u8],
    ) -> Option<&Incident> {
        if let Some(known) = self.all.iter_mut().find(|known| known.node == node && known.kind == kind) {
            known.count += 1;
            return None;
        }
        let line = String::from_utf8_lossy(&line[..line.len().min(LINE)]).into_owned();
        let detail: String = detail.chars().take(LINE).collect();
        self.all.push(Incident { at, node, kind, detail, line, count: 1 });
        self.all.last()
    }
}
