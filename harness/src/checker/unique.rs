//! `ids-unique`: no id is handed out twice, by any node, at any time.

use super::{
    Checker, Judgement, View,
    evidence::{Figure, brief, finding, share},
    field::{field_of, has_type},
    view::node_name,
};
use crate::{calls::Call, condition::unique::repeats, oracle::Vocabulary, text::excerpt};
use std::collections::HashMap;

/// The check.
pub struct IdsUnique;

const ABOUT: &str = "every id is handed out once, whichever node is asked and whatever happened to it before";

impl Checker for IdsUnique {
    fn name(&self) -> &'static str {
        "ids-unique"
    }
    fn about(&self) -> &'static str {
        ABOUT
    }

    fn check(&self, view: &View<'_>) -> Judgement {
        let Vocabulary::Ids { function, field } = view.vocabulary else {
            return super::well_formed::not_applicable(self.name());
        };
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let (mut ids, mut misshapen): (Vec<(&Call, usize)>, Vec<&Call>) = (vec![], vec![]);
        let answered = view.work().filter(|op| op.is_ok() && &*op.function == function);
        let mut count = 0;
        for op in answered {
            count += 1;
            let id = op.reply.as_deref().and_then(|reply| field_of(reply, field));
            match id.filter(|_| has_type(op, &format!("{function}_ok"))) {
                None => misshapen.push(op),
                Some(id) => {
                    let next = numbers.len();
                    ids.push((op, *numbers.entry(id.to_string()).or_insert(next)));
                }
            }
        }
        if count == 0 {
            return super::nothing_answered(view, ABOUT, "ids");
        }
        if let Some(op) = misshapen.first() {
            return wrong_reply(view, op, misshapen.len(), count);
        }
        let repeats: Vec<_> = repeats(ids).collect();
        match repeats.first() {
            None => Judgement::pass(format!("{count} ids, all different")),
            Some((earlier, later)) => repeated(view, earlier, later, repeats.len(), count, field),
        }
    }
}

fn wrong_reply(view: &View<'_>, op: &Call, bad: usize, of: usize) -> Judgement {
    let reply = op.reply.as_deref().unwrap_or("");
    let mut finding = finding(
        "wrong-reply",
        ABOUT,
        "generate_ok with a field `id`".into(),
        format!("{} answered {}", node_name(op.node), brief(reply)),
    );
    finding.count = bad as u64;
    let mut figure = Figure::of(view);
    figure.operation(op, op.function.to_string(), Some(excerpt(reply, 60)), true);
    finding.evidence = figure.finish(share(1, of, "operation"));
    Judgement::fail(share(bad, of, "reply") + " without an id", finding)
}

fn repeated(view: &View<'_>, earlier: &Call, later: &Call, bad: usize, of: usize, field: &str) -> Judgement {
    let id = |op: &Call| op.reply.as_deref().and_then(|reply| field_of(reply, field)).unwrap_or_default().to_string();
    let (text, at) = (excerpt(&id(earlier), 48), |op: &Call| op.returned.unwrap_or(op.invoked));
    let actual = format!(
        "{text} from {} at {} and again from {} at {}",
        node_name(earlier.node),
        at(earlier),
        node_name(later.node),
        at(later)
    );
    let mut finding = finding("duplicate-id", ABOUT, format!("{text} at most once"), actual);
    finding.count = bad as u64;
    let mut figure = Figure::of(view);
    for op in [earlier, later] {
        figure.operation(op, op.function.to_string(), Some(format!("id {text}")), true);
    }
    finding.evidence = figure.finish(share(2, of, "operation"));
    Judgement::fail(share(bad, of, "id") + " handed out before", finding)
}
