//! One case as the checks see it: its record, the words of its protocol, and what several checks derive from both.

use super::set_view::SetView;
use crate::{
    calls::{Call, DISCONNECT, Role},
    case::CaseRecord,
    manifest::Stage,
    metric::Observations,
    net::Service,
    oracle::Vocabulary,
};
use std::{cell::OnceCell, time::Duration};

/// A case under judgement.
pub struct View<'a> {
    /// Its record.
    pub case: &'a CaseRecord,
    /// The words of its protocol.
    pub vocabulary: Vocabulary,
    /// How many nodes it has.
    pub nodes: u32,
    /// The values that something depends on of what was measured beside the reference.
    marks: Vec<f64>,
    set: OnceCell<Option<SetView>>,
    observations: OnceCell<Observations>,
}

impl<'a> View<'a> {
    /// A view of a case with so many nodes.
    pub fn new(case: &'a CaseRecord, vocabulary: Vocabulary, nodes: u32) -> Self {
        Self { case, vocabulary, nodes, marks: Vec::new(), set: OnceCell::new(), observations: OnceCell::new() }
    }

    /// The same, of a case of this stage.
    pub fn of_stage(case: &'a CaseRecord, vocabulary: Vocabulary, stage: &Stage) -> Self {
        let marks = case.summary.performance.as_ref().map(|performance| stage.marks(performance.metric()));
        Self { marks: marks.unwrap_or_default(), ..Self::new(case, vocabulary, stage.nodes) }
    }

    /// Why nothing may be concluded from what was measured beside the reference, where that is so.
    pub fn doubt(&self) -> Option<String> {
        self.case.summary.performance.as_ref()?.doubt(&self.marks)
    }

    /// The history as additions to a set and reads of it; none where the protocol has no set.
    pub fn set(&self) -> Option<&SetView> {
        self.set.get_or_init(|| SetView::of(self.case, self.vocabulary)).as_ref()
    }

    /// What the metrics are computed from.
    pub fn observations(&self) -> &Observations {
        self.observations.get_or_init(|| Observations::of(self))
    }

    /// Those client operations whose node could be expected to answer: it was not taken down while the client waited.
    pub fn reachable(&self) -> impl Iterator<Item = &'a Call> {
        // A node that goes down within the second after an unanswered request may have taken the request with it.
        let patience = Duration::from_secs(1);
        let case = self.case;
        self.work().filter(move |op| {
            let until = op.returned.unwrap_or(op.invoked + patience);
            op.is_ok() || case.was_up(op.node, op.invoked, until)
        })
    }

    /// The client operations of the workload.
    pub fn work(&self) -> impl Iterator<Item = &'a Call> {
        self.case.history.operations.iter().filter(|op| op.role == Role::Work && &*op.function != DISCONNECT)
    }
}

/// The name of a node, or of a service in a journal, in messages: `n3`, `lin-kv`.
pub fn node_name(node: u32) -> String {
    Service::from_number(node).map_or_else(|| format!("n{node}"), |service| service.to_string())
}

/// The name of a client in messages: `c3`.
pub fn client_name(client: u32) -> String {
    format!("c{client}")
}
