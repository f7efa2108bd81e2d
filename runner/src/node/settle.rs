//! Whether the final reads are complete, so that a case need not wait any longer.

use harness::{
    checker::{canonical, elements, raw_fields},
    oracle::Vocabulary,
};
use std::collections::HashSet;

/// Watches acknowledgements and final reads.
#[derive(Debug)]
pub struct Settling {
    vocabulary: Vocabulary,
    acknowledged: HashSet<String>,
    complete: Vec<bool>,
}

impl Settling {
    /// Nothing acknowledged, nothing read.
    pub fn new(vocabulary: Vocabulary, nodes: u32) -> Self {
        Self { vocabulary, acknowledged: HashSet::new(), complete: vec![false; nodes as usize] }
    }

    /// A request of the workload was answered; the return says whether something was promised by that.
    pub fn acknowledged(&mut self, function: &str, request: &str) -> bool {
        let Vocabulary::Set { .. } = self.vocabulary else { return true };
        if let Vocabulary::Set { add, value, .. } = self.vocabulary
            && function == add
            && let [Some(value)] = raw_fields(request, [value])
        {
            return self.acknowledged.insert(canonical(value).into_owned());
        }
        false
    }

    /// A node's final read was answered. Only its last one counts.
    pub fn read(&mut self, node: u32, reply: &str) {
        let Vocabulary::Set { values, .. } = self.vocabulary else { return };
        let [list] = raw_fields(reply, [values]);
        let Some(list) = list.and_then(elements) else { return };
        let held: HashSet<_> = list.into_iter().map(canonical).collect();
        self.complete[node as usize] = self.acknowledged.iter().all(|value| held.contains(value.as_str()));
    }

    /// Whether every node's last final read held everything that was acknowledged.
    pub fn is_settled(&self) -> bool {
        !matches!(self.vocabulary, Vocabulary::Set { .. }) || self.complete.iter().all(|complete| *complete)
    }
}
