//! Where it ran, what was enforced, how to run it again, and what was noticed about the files.

use super::parts::{command, foreign, layer, section};
use crate::{digest, number, text};
use harness::report::{Environment, Report};
use maud::{Markup, html};

/// The machine, the layers of isolation and the limits.
pub fn environment(report: &Report) -> Markup {
    let environment = &report.environment;
    let body = html! {
        div.card {
            dl.facts {
                div { dt { "System" } dd { (text::line(&environment.system)) } }
                div { dt { "Machine" } dd {
                    (number::plural(environment.processors.into(), "processor", "processors")) ", "
                    (number::bytes(environment.memory as f64)) " of memory"
                } }
                div { dt { "Sandbox" } dd {
                    @if environment.sandbox == "none" { strong.bad { "none: the submission was not isolated" } }
                    @else { (text::name(&environment.sandbox)) }
                } }
            }
            (layers(environment))
            @if !environment.limits.is_empty() {
                h3 { "Limits on each node" }
                dl.facts.limits { @for (name, value) in environment.limits.iter().take(40) {
                    div { dt { (text::name(name)) } dd { (text::line(value)) } }
                } }
            }
        }
    };
    section("environment", "Environment and enforced limits", body)
}

fn layers(environment: &Environment) -> Markup {
    html! {
        @if !environment.layers.is_empty() {
            h3 { "Isolation" }
            table.layers {
                thead { tr { th scope="col" { "Layer" } th scope="col" { "Status" } th scope="col" { "How" } } }
                tbody { @for each in environment.layers.iter().take(40) {
                    tr {
                        th scope="row" { (text::name(&each.name)) }
                        td { (layer(each.status)) }
                        td { (foreign(&text::line(&each.detail))) }
                    }
                } }
            }
        }
    }
}

/// The commands that run it again.
pub fn reproduce(report: &Report) -> Markup {
    let submission = &report.submission;
    let groups = digest::groups(&report.findings);
    let body = html! {
        div.card {
            dl.statement.commands {
                dt { "The whole run" } dd { (command(&report.run.command)) }
                @for group in groups.iter().take(8) {
                    dt { (foreign(&text::name(&group.first().code))) } dd { (command(&group.first().replay)) }
                }
                dt { "This page" } dd { (command(&format!("takehome report {} --html report.html", text::name(&report.run.id)))) }
                dt { "Record" } dd { code { (text::line(&report.run.directory)) } }
                @if let Some(commit) = &submission.commit { dt { "Commit" } dd { code { (text::name(commit)) } } }
                @if let Some(tree) = &submission.tree { dt { "Tree" } dd { code { (text::name(tree)) } } }
                dt { "Content" } dd { code { (text::line(&submission.content)) } }
                @if let Some(binary) = &submission.binary { dt { "Program" } dd { code { (text::line(binary)) } } }
            }
        }
    };
    section("reproduce", "How to reproduce", body)
}

/// What was noticed about the submission's files.
pub fn notices(report: &Report) -> Markup {
    let notices = &report.submission.notices;
    if notices.is_empty() {
        return html! {};
    }
    let body = html! {
        div.card { ul {
            @for notice in notices.iter().take(40) { li { (foreign(&text::prose(notice))) } }
            @if notices.len() > 40 { li { (notices.len() - 40) " more" } }
        } }
    };
    section("notices", "Notices about the submission", body)
}
