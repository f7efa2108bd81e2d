//! What several formats derive from a report: groups of findings, warnings, where to look first.

use crate::{number, text};
use harness::{
    report::{Environment, LayerStatus, Report},
    score::ScoreLine,
    verdict::{Blame, Finding, Verdict},
};

/// Findings of the same kind in the same stage, one a seed.
pub struct Group<'a> {
    /// With their place in the report, counted from 0.
    pub findings: Vec<(usize, &'a Finding)>,
}

impl<'a> Group<'a> {
    /// The one that is shown fully.
    pub fn first(&self) -> &'a Finding {
        self.findings[0].1
    }

    /// The others.
    pub fn others(&self) -> impl Iterator<Item = &'a Finding> {
        self.findings[1..].iter().map(|(_, finding)| *finding)
    }
}

/// The findings by stage, code and weight, in the order in which the first of each group stands in the report.
pub fn groups(findings: &[Finding]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (index, finding) in findings.iter().enumerate() {
        let same = |group: &&mut Group<'_>| {
            let first = group.first();
            first.stage == finding.stage && first.code == finding.code && first.decisive == finding.decisive
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.findings.push((index, finding)),
            None => groups.push(Group { findings: vec![(index, finding)] }),
        }
    }
    groups
}

/// What makes this report worth less than it looks, in a few words and in a sentence.
pub fn warnings(report: &Report) -> Vec<(&'static str, &'static str)> {
    let mut warnings = Vec::new();
    if !report.run.complete {
        warnings.push((
            "Incomplete run",
            "This run was interrupted before every case had run. Points and verdicts below are not final.",
        ));
    }
    match report.environment.sandbox.as_str() {
        "podman" => warnings.push((
            "Weak sandbox",
            "The submission ran in a container of podman's, which is weaker than takehome's own sandbox. The environment \
             section names the layers.",
        )),
        "degraded" => warnings.push((
            "Weak sandbox",
            "The submission ran without namespaces: it could see other programs of this machine and fill its disk. Good \
             for checking one's own work, not for code of people you do not know. The environment section names the layers.",
        )),
        _ => {}
    }
    if report.environment.sandbox == "none" {
        warnings.push((
            "No sandbox",
            "The submission ran with the full rights of the user who started it. It could have read the tests, reached \
             the network or changed this record: do not rely on the result unless you trust the author.",
        ));
    }
    warnings
}

/// The sandbox and its layers, by how far each was enforced: `native`, then `enforced: …` and so on.
pub fn layers(environment: &Environment) -> Vec<String> {
    let named = |word: &str, status: LayerStatus| {
        let layers = environment.layers.iter().filter(|layer| layer.status == status);
        let names: Vec<String> = layers.take(40).map(|layer| text::name(&layer.name)).collect();
        (!names.is_empty()).then(|| format!("{word}: {}", names.join(", ")))
    };
    let all = [
        named("enforced", LayerStatus::Enforced),
        named("approximate", LayerStatus::Approximate),
        named("missing", LayerStatus::Missing),
    ];
    std::iter::once(text::name(&environment.sandbox)).chain(all.into_iter().flatten()).collect()
}

/// Whose fault a finding is, in words, when it is not the submission's.
pub fn not_the_submission(blame: Blame) -> Option<&'static str> {
    match blame {
        Blame::Candidate => None,
        Blame::Challenge => Some("a fault of the challenge, not of the submission"),
        Blame::Environment => Some("a fault of this machine or of takehome, not of the submission"),
    }
}

/// One thing to look at first.
pub struct Pointer<'a> {
    /// The finding (its place in the report) or the stage it leads to.
    pub target: Target<'a>,
    /// A few words in bold.
    pub lead: String,
    /// The rest of the sentence.
    pub rest: String,
}

/// Where a pointer leads.
pub enum Target<'a> {
    /// The finding at this place in the report.
    Finding(usize),
    /// A stage by its id.
    Stage(&'a str),
}

/// At most four things to look at first: what decided the verdict, then where most points went, then advice.
pub fn pointers(report: &Report) -> Vec<Pointer<'_>> {
    let groups = groups(&report.findings);
    let decisive = groups.iter().filter(|group| group.first().decisive).take(2).map(|group| of_group(report, group));
    let mut pointers: Vec<Pointer<'_>> = decisive.collect();
    let mut lost: Vec<&ScoreLine> = report.scorecard.lines.iter().filter(|line| line.of - line.points > 0.04).collect();
    // A stage with a decisive finding is told already.
    lost.retain(|line| !report.findings.iter().any(|finding| finding.decisive && finding.stage == line.stage));
    lost.sort_by(|a, b| (b.of - b.points).total_cmp(&(a.of - a.points)));
    pointers.extend(lost.into_iter().take(2).map(of_line));
    let advice = groups.iter().filter(|group| !group.first().decisive).map(|group| of_group(report, group));
    pointers.extend(advice.take(4usize.saturating_sub(pointers.len()).min(2)));
    pointers
}

fn of_group<'a>(report: &'a Report, group: &Group<'a>) -> Pointer<'a> {
    let (index, finding) = group.findings[0];
    let cases = report.stages.iter().find(|stage| stage.id == finding.stage).map_or(0, |stage| stage.cases.len());
    let seeds = match (group.findings.len(), cases) {
        (found, cases) if cases > 1 && found <= cases => format!(" ({found} of {cases} seeds)"),
        _ => String::new(),
    };
    Pointer {
        target: Target::Finding(index),
        lead: format!("{}{}{seeds}", text::name(&finding.stage), if finding.decisive { "" } else { ", advice" }),
        rest: text::line(&finding.actual),
    }
}

fn of_line(line: &ScoreLine) -> Pointer<'_> {
    let lost = number::points(line.of - line.points);
    let reason = line.reasons.first().map(|reason| text::line(reason)).unwrap_or_default();
    Pointer {
        target: Target::Stage(&line.stage),
        lead: text::name(&line.stage),
        rest: match line.verdict {
            // A fault of the machine is not the submission's loss.
            Verdict::Unknown | Verdict::NotRun => format!("{lost} points are open: {reason}"),
            Verdict::Pass | Verdict::Fail => format!("{lost} of {} points lost: {reason}", number::points(line.of)),
        },
    }
}
