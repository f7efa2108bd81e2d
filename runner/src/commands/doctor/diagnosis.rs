//! What was found out about this machine, and the same as JSON.

use super::{
    Tool,
    causes::{self, Cause, DELEGATE, Settings},
    meaning,
};
use crate::backend::{Capabilities, Entry, Layer, LayerStatus, Purpose, REGISTRY, Strength};
use serde_json::{Value, json};

/// A back end and what it enforces here.
pub(super) struct Finding {
    pub(super) entry: &'static Entry,
    pub(super) capabilities: Capabilities,
}

impl Finding {
    pub(super) fn usable(&self) -> bool {
        self.capabilities.usable.is_ok()
    }
}

/// All back ends, and what stands in the way of those that do not work.
pub(super) struct Diagnosis {
    pub(super) findings: Vec<Finding>,
    pub(super) causes: Vec<Cause>,
}

/// Layers that are bounds on a whole cell, for which cgroups are needed.
const OF_GROUPS: [&str; 3] = ["memory limit", "process limit", "cpu accounting"];

/// Tries every back end that isolates, all at once. Blocks.
pub(super) fn diagnose() -> Diagnosis {
    let entries = REGISTRY.iter().filter(|entry| entry.strength > Strength::None);
    let attempt = |entry: &'static Entry| {
        let probe = move || (entry.make)("/proc/self/exe".into()).capabilities();
        (entry, std::thread::spawn(probe))
    };
    let running: Vec<_> = entries.map(attempt).collect();
    let finding = |(entry, probe): (&'static Entry, std::thread::JoinHandle<Capabilities>)| {
        let broken =
            || Capabilities { backend: entry.name, layers: Vec::new(), usable: Err("its probe panicked".into()) };
        Finding { entry, capabilities: probe.join().unwrap_or_else(|_| broken()) }
    };
    let findings: Vec<Finding> = running.into_iter().map(finding).collect();
    let mut diagnosis = Diagnosis { findings, causes: Vec::new() };
    let native = diagnosis.findings.iter().find(|finding| finding.entry.name == "native");
    let no_namespaces = native.is_some_and(|finding| !finding.usable());
    let weak = |layer: &Layer| layer.name == OF_GROUPS[0] && layer.status != LayerStatus::Enforced;
    let no_groups = diagnosis.first().usable() && diagnosis.first().capabilities.layers.iter().any(weak);
    diagnosis.causes = causes::of(&Settings::read(), no_namespaces, no_groups);
    diagnosis
}

impl Diagnosis {
    /// The back end that is taken by itself for a purpose.
    fn taken(&self, purpose: Purpose) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.usable() && finding.entry.strength >= purpose.least())
    }

    /// The one that grades others.
    pub(super) fn for_others(&self) -> Option<&Finding> {
        self.taken(Purpose::Others)
    }

    /// The one of a self-check.
    pub(super) fn for_own(&self) -> Option<&Finding> {
        self.taken(Purpose::SelfCheck)
    }

    /// The one to describe fully: the one that grades, or the best, which does not.
    pub(super) fn first(&self) -> &Finding {
        self.for_others().unwrap_or(&self.findings[0])
    }

    /// The command that mends a layer.
    pub(super) fn fix(&self, finding: &Finding, layer: &Layer) -> Option<String> {
        if layer.status == LayerStatus::Enforced {
            return None;
        }
        if finding.entry.name != "native" && self.findings.iter().any(|it| it.entry.name == "native" && it.usable()) {
            return Some("takehome … --sandbox native".into());
        }
        if OF_GROUPS.contains(&layer.name) && finding.usable() {
            let groups = self.causes.last().and_then(|cause| cause.commands.first());
            return Some(groups.cloned().unwrap_or_else(|| DELEGATE.into()));
        }
        self.causes.first().and_then(|cause| cause.commands.first()).cloned()
    }
}

/// A layer's status in a word.
pub(super) fn word(status: LayerStatus) -> &'static str {
    match status {
        LayerStatus::Enforced => "enforced",
        LayerStatus::Approximate => "approximate",
        LayerStatus::Missing => "missing",
    }
}

/// Everything, for programs.
pub(super) fn json(diagnosis: &Diagnosis, tools: &[Tool]) -> Value {
    let first = diagnosis.first();
    let name = |finding: Option<&Finding>| finding.map(|finding| finding.entry.name);
    json!({
        "backend": first.entry.name,
        "usable": diagnosis.for_others().is_some(),
        "reason": first.capabilities.usable.as_ref().err(),
        "grades_others": name(diagnosis.for_others()),
        "checks_own": name(diagnosis.for_own()),
        "layers": layers(diagnosis, first),
        "backends": diagnosis.findings.iter().map(|finding| json!({
            "name": finding.entry.name,
            "strength": finding.entry.strength.word(),
            "about": finding.entry.about,
            "usable": finding.usable(),
            "reason": finding.capabilities.usable.as_ref().err(),
            "layers": layers(diagnosis, finding),
        })).collect::<Vec<_>>(),
        "fixes": diagnosis.causes.iter().map(|cause| json!({
            "problem": cause.problem,
            "commands": cause.commands,
        })).collect::<Vec<_>>(),
        "tools": tools.iter().map(|(name, what, path)| json!({
            "name": name, "for": what, "path": path,
        })).collect::<Vec<_>>(),
    })
}

fn layers(diagnosis: &Diagnosis, finding: &Finding) -> Vec<Value> {
    let layer = |layer: &Layer| {
        json!({
            "name": layer.name,
            "status": word(layer.status),
            "detail": layer.detail,
            "means": meaning::of(layer.name),
            "fix": diagnosis.fix(finding, layer),
        })
    };
    finding.capabilities.layers.iter().map(layer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis(usable: &[&str]) -> Diagnosis {
        let layer = |name, status| Layer { name, status, detail: String::new() };
        let finding = |entry: &'static Entry| Finding {
            entry,
            capabilities: Capabilities {
                backend: entry.name,
                layers: vec![
                    layer("user namespace", LayerStatus::Missing),
                    layer("memory limit", LayerStatus::Approximate),
                ],
                usable: if usable.contains(&entry.name) { Ok(()) } else { Err("broken".into()) },
            },
        };
        let causes = vec![
            Cause { problem: "namespaces".into(), commands: vec!["allow them".into()] },
            Cause { problem: "groups".into(), commands: vec![DELEGATE.into()] },
        ];
        Diagnosis { findings: REGISTRY.iter().map(finding).collect(), causes }
    }

    #[test]
    fn a_weak_sandbox_checks_but_does_not_grade() {
        let found = json(&diagnosis(&["degraded"]), &[]);
        assert_eq!((&found["usable"], &found["checks_own"]), (&json!(false), &json!("degraded")));
        assert_eq!((&found["grades_others"], &found["backend"]), (&Value::Null, &json!("native")));
        assert_eq!(found["reason"], "broken");
        let found = json(&diagnosis(&["bubblewrap", "degraded"]), &[]);
        assert_eq!((&found["grades_others"], &found["reason"]), (&json!("bubblewrap"), &Value::Null));
    }

    #[test]
    fn every_layer_that_is_not_enforced_has_the_command_that_mends_it() {
        let found = json(&diagnosis(&["bubblewrap"]), &[]);
        let layers = found["layers"].as_array().expect("layers");
        assert_eq!(layers[0]["fix"], "allow them");
        assert_eq!(layers[1]["fix"], DELEGATE);
        let found = json(&diagnosis(&["native", "bubblewrap"]), &[]);
        assert_eq!(found["backends"][1]["layers"][0]["fix"], "takehome … --sandbox native");
    }
}
