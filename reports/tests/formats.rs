//! What every format promises: the same bytes each time, bounded, with warnings that cannot be overlooked.

mod common;

#[path = "common/attack.rs"]
mod attack;

use attack::attack;
use common::hostile;
use harness::report::Report;
use proptest::prelude::*;
use reports::{FORMATS, find};
use roxmltree::Document;

fn text(format: &str, report: &Report) -> String {
    let format = find(format).expect("it is registered");
    String::from_utf8(format.render(report)).expect("every format writes UTF-8")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pages_of_hostile_text_are_well_formed(attack in attack()) {
        let html = text("html", &hostile(&attack));
        inspect(&Document::parse(body(&html)).expect("the body is well-formed"));
    }
}

fn body(html: &str) -> &str {
    let start = html.find("<body>").expect("a body begins");
    let end = html.rfind("</body>").expect("a body ends");
    &html[start..end + "</body>".len()]
}

/// Nothing loads, nothing runs, every anchor leads somewhere and no id stands twice.
fn inspect(document: &Document<'_>) {
    let mut ids = Vec::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        let loads =
            ["script", "link", "iframe", "img", "image", "object", "embed", "form", "base", "use", "style", "meta"];
        assert!(!loads.contains(&name), "<{name}> in the body");
        for attribute in node.attributes() {
            let (key, value) = (attribute.name(), attribute.value());
            assert!(
                !key.starts_with("on") && !matches!(key, "src" | "srcset" | "action" | "ping"),
                "{key} in <{name}>"
            );
            assert!(key != "href" || value.starts_with('#'), "a link to {value}");
            assert!(key != "style" || !value.contains("url"), "a style with {value}");
        }
        ids.extend(node.attribute("id"));
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id stands twice");
    for target in document.descendants().filter_map(|node| node.attribute("href")) {
        assert!(ids.binary_search(&&target[1..]).is_ok(), "{target} leads nowhere");
    }
    let refers = |node: &roxmltree::Node<'_, '_>| node.attribute("aria-labelledby").map(str::to_owned);
    for ids_of in document.descendants().filter_map(|node| refers(&node)) {
        assert!(ids_of.split(' ').all(|id| ids.binary_search(&id).is_ok()), "{ids_of} labels nothing");
    }
}

fn samples() -> [Report; 5] {
    [common::failing(), common::passing(), common::incomplete(), common::unsandboxed(), common::crowded()]
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    for report in samples() {
        for format in FORMATS {
            assert_eq!(format.render(&report), format.render(&report.clone()), "{}", format.name());
        }
    }
}

#[test]
fn pages_are_well_formed_and_load_nothing() {
    for report in samples() {
        let html = text("html", &report);
        inspect(&Document::parse(body(&html)).expect("the body is well-formed"));
        let head = &html[..html.find("<body>").expect("a body begins")];
        assert!(head.contains("default-src 'none'"));
        assert!(!["url(", "@import", "http:", "https:", "<script", "<link"].iter().any(|load| head.contains(load)));
    }
}

#[test]
fn figures_have_a_role_a_title_and_a_description() {
    let html = text("html", &common::failing());
    let document = Document::parse(body(&html)).expect("well-formed");
    let figures: Vec<_> = document.descendants().filter(|node| node.has_tag_name("svg")).collect();
    assert!(figures.len() > 8);
    for figure in figures {
        let child = |name: &str| figure.children().find(|node| node.has_tag_name(name)).and_then(|node| node.text());
        assert_eq!(figure.attribute("role"), Some("img"));
        assert!(
            child("title").is_some_and(|text| !text.is_empty()) && child("desc").is_some_and(|text| !text.is_empty())
        );
    }
}

#[test]
fn warnings_cannot_be_overlooked() {
    let weak = |sandbox| (common::weak(sandbox), "Weak sandbox");
    let others = [(common::incomplete(), "Incomplete run"), (common::unsandboxed(), "No sandbox")];
    for (report, lead) in others.into_iter().chain(["podman", "degraded"].map(weak)) {
        assert!(text("markdown", &report).contains(&format!("> **{}.**", lead.to_uppercase())));
        let html = text("html", &report);
        assert!(html.contains("class=\"banner\" role=\"alert\"") && html.contains(lead));
        assert!(text("human", &report).contains(&format!("!!!  {}", lead.to_uppercase())));
    }
    for strong in ["native", "bubblewrap"] {
        assert!(!text("html", &common::weak(strong)).contains("class=\"banner\""));
    }
}

#[test]
fn long_text_is_bounded() {
    let report = hostile(&"<b>\u{202e}".repeat(100_000));
    assert!(text("human", &report).len() < 400_000);
    assert!(text("html", &report).len() < 2_000_000);
    assert!(text("markdown", &report).len() < 400_000);
}

#[test]
fn numbers_that_are_none_do_no_harm() {
    for strange in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, -0.0] {
        let mut report = common::failing();
        for metric in &mut report.metrics {
            (metric.value, metric.min, metric.max) = (strange, strange, strange);
            metric.full = metric.full.map(|_| strange);
        }
        for line in &mut report.scorecard.lines {
            (line.points, line.of) = (strange, strange);
        }
        report.stages.iter_mut().flat_map(|stage| &mut stage.cases).for_each(|case| case.seconds = strange);
        let curves = report.stages.iter_mut().flat_map(|stage| &mut stage.plots).flat_map(|plot| &mut plot.series);
        curves.for_each(|series| series.values[3] = strange);
        (report.run.seconds, report.scorecard.total) = (strange, strange);
        for format in ["human", "html", "markdown"] {
            let text = text(format, &report);
            assert!(!text.contains("NaN") && !text.contains("inf "), "{format} shows {strange}");
        }
    }
}

#[test]
fn human_output_of_the_sample() {
    let expected = include_str!("expected/failing.txt");
    let hint = "if the change is wanted: cargo run -p reports --example sample -- human failing > reports/tests/expected/failing.txt";
    assert_eq!(text("human", &common::failing()), expected, "{hint}");
}

#[test]
fn every_report_names_the_layers_that_were_enforced() {
    let report = common::failing();
    let layers = &report.environment.layers;
    assert!(layers.len() > 2, "the sample has layers");
    for format in FORMATS {
        let text = text(format.name(), &report).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&report.environment.sandbox), "{}: no sandbox", format.name());
        for layer in layers {
            assert!(text.contains(&layer.name), "{}: nothing of `{}`", format.name(), layer.name);
        }
    }
}
