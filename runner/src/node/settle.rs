//! Whether the final reads are complete, so that a case need not wait any longer.

use harness::{checker::field_of, oracle::Vocabulary};
use serde_json::Value;
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
            && let Some(value) = field_of(request, value)
        {
            return self.acknowledged.insert(value.to_string());
        }
        false
    }

    /// A node's final read was answered. Only its last one counts.
    pub fn read(&mut self, node: u32, reply: &str) {
        let Vocabulary::Set { values, .. } = self.vocabulary else { return };
        let Some(Value::Array(list)) = field_of(reply, values) else { return };
        let held: HashSet<String> = list.iter().map(Value::to_string).collect();
        self.complete[node as usize] = self.acknowledged.is_subset(&held);
    }

    /// Whether every node's last final read held everything that was acknowledged.
    pub fn is_settled(&self) -> bool {
        !matches!(self.vocabulary, Vocabulary::Set { .. }) || self.complete.iter().all(|complete| *complete)
    }
}
