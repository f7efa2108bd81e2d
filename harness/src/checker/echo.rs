//! `echoes-exactly`: what comes back is what was sent, at any size and depth.

use super::{
    Checker, Judgement, View,
    evidence::{Figure, brief, finding, share},
    field::{field_of, has_type},
    view::node_name,
};
use crate::{calls::Call, condition::echo::changed, oracle::Vocabulary, text::excerpt};

/// The check.
pub struct EchoesExactly;

const ABOUT: &str = "every answered echo carries exactly the value that was sent";

impl Checker for EchoesExactly {
    fn name(&self) -> &'static str {
        "echoes-exactly"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let Vocabulary::Echo { function, field } = view.vocabulary else {
            return super::well_formed::not_applicable(self.name());
        };
        let answered: Vec<&Call> = view.work().filter(|op| op.is_ok() && &*op.function == function).collect();
        if answered.is_empty() {
            return super::nothing_answered(view, ABOUT, "echoes");
        }
        let typed = format!("{function}_ok");
        let echoed = |op: &Call| field_of(op.reply.as_deref().unwrap_or(""), field).filter(|_| has_type(op, &typed));
        // Numbers compare digit by digit: 2^53 and 2^53 + 1 differ, and so do 1 and 1.0.
        let wrong = changed(answered.iter().map(|op| (*op, field_of(&op.request, field), echoed(op))));
        let Some(op) = wrong.first() else {
            return Judgement::pass(format!("{} echoes, all exact", answered.len()));
        };
        let sent = field_of(&op.request, field).unwrap_or_default().to_string();
        let reply = op.reply.as_deref().unwrap_or("");
        let expected = format!("{function}_ok with {field} = {}", brief(&sent));
        let mut finding =
            finding("wrong-reply", ABOUT, expected, format!("{} answered {}", node_name(op.node), brief(reply)));
        finding.count = wrong.len() as u64;
        let mut figure = Figure::of(view);
        figure.operation(op, format!("{function} {}", excerpt(&sent, 32)), Some(excerpt(reply, 60)), true);
        figure.line("request".into(), &op.request).line(format!("{} stdout", node_name(op.node)), reply);
        finding.evidence = figure.finish(share(1, answered.len(), "operation"));
        Judgement::fail(share(wrong.len(), answered.len(), "echo") + " changed", finding)
    }
}
