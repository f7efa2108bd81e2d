//! Answers about recorded histories: figures of whatever a judge can say, pages that load nothing, hostile text that is
//! data in every format, and the output of the sample.

mod common;

#[path = "common/attack.rs"]
mod attack;
#[path = "common/dom.rs"]
mod dom;

use attack::{attack, fault};
use common::verification::{cyclic, failing, hostile, open, passing};
use harness::{
    explanation::{Bar, Diagram, Explanation, Step, Verification},
    time::Offset,
    verdict::FaultWindow,
};
use proptest::prelude::*;
use reports::{
    format::human::Style,
    svg::{cycle::cycle, lanes::lanes},
    verification::{html, human, json, lanes as text_lanes},
};
use roxmltree::Document;

fn page(verification: &Verification) -> String {
    String::from_utf8(html(verification)).expect("UTF-8")
}

fn samples() -> [Verification; 6] {
    [failing(), cyclic(2), cyclic(3), cyclic(11), passing(), open()]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..20, 0u64..3_000_000_000, any::<u64>()]
}

prop_compose! {
    fn bar()(
        name in "[①-⑫]|T[0-9]{1,9}", lane in 0u32..5, call in time(), ret in prop::option::of(time()),
        label in "\\PC{0,120}", highlight: bool,
    ) -> Bar {
        Bar { name, index: 0, lane, call, ret, label, highlight }
    }
}

prop_compose! {
    fn window()(from in time(), to in time(), description in "\\PC{0,60}") -> FaultWindow {
        FaultWindow { kind: "kill".into(), description, nodes: vec![], from: Offset(from), to: Offset(to) }
    }
}

prop_compose! {
    fn diagram()(
        mut bars in prop::collection::vec(bar(), 0..13), lanes in prop::collection::vec("\\PC{0,30}", 0..6),
        nanoseconds: bool, left_out in 0u32..3, faults in prop::collection::vec(window(), 0..6),
    ) -> Diagram {
        bars.sort_by_key(|bar| bar.call);
        Diagram { lanes, bars, nanoseconds, left_out, faults, lines: vec![] }
    }
}

fn size(document: &Document<'_>, name: &str) -> f64 {
    document.root_element().attribute(name).and_then(|text| text.parse().ok()).expect("a size")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn lanes_are_well_formed_and_bounded(diagram in diagram()) {
        match lanes("figure", &diagram) {
            None => prop_assert!(diagram.bars.is_empty()),
            Some(figure) => {
                let text = figure.into_string();
                let document = Document::parse(&text).expect("well-formed");
                prop_assert!(size(&document, "width") < 2500.0 && size(&document, "height") < 900.0);
            }
        }
        let text = text_lanes(Style::Plain, &diagram);
        let drawn: usize = (0..diagram.lanes.len()).map(|lane| diagram.bars.iter().filter(|bar| bar.lane as usize == lane).count()).sum();
        let begins = |line: &str| line.chars().filter(|c| matches!(c, '├' | '╞')).count();
        let labels = diagram.bars.iter().map(|bar| begins(&bar.label)).sum::<usize>();
        let words = diagram.lanes.iter().map(|name| begins(name)).sum::<usize>();
        if labels + words == 0 {
            prop_assert_eq!(text.lines().map(begins).sum::<usize>(), drawn);
        }
    }

    #[test]
    fn cycles_are_well_formed(kinds in prop::collection::vec(("ww|wr|rw|realtime|\\PC{0,9}", "\\PC{0,20}"), 0..15), diagram in diagram()) {
        let count = kinds.len();
        let step = |(place, (kind, from)): (usize, (String, String))| Step {
            from, to: format!("T{place}"), kind, reason: "<&>".into(), premises: vec!["p".into(); place % 2],
        };
        let cycle_steps = kinds.into_iter().enumerate().map(step).collect();
        let shown = Explanation {
            rule: "G0".into(), sentence: String::new(), summary: String::new(), diagram, attempts: vec![], cycle: cycle_steps,
        };
        match cycle("figure", &shown) {
            None => prop_assert!(!(2..=12).contains(&count)),
            Some(figure) => {
                let text = figure.into_string();
                Document::parse(&text).expect("well-formed");
                prop_assert_eq!(text.matches("class=\"box\"").count(), count);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn hostile_text_is_data_in_every_format(attack in attack()) {
        let calm = hostile(if harness::text::inert(&attack).trim().is_empty() { &attack } else { "zzplain" });
        for (sample, expected) in hostile(&attack).iter().zip(&calm) {
            prop_assert_eq!(fault(&human(Style::Plain, sample)), None);
            let written = json(sample);
            prop_assert_eq!(&serde_json::from_str::<Verification>(&written).expect("JSON"), sample);
            prop_assert_eq!(fault(&written), None);
            let (tree, page) = (dom::tree(&page(sample)), page(sample));
            prop_assert_eq!(dom::active(&tree), None);
            prop_assert_eq!(dom::difference(&dom::page(&tree), &dom::page(&dom::tree(&self::page(expected)))), None);
            prop_assert_eq!(dom::foreign_figure(&tree), None);
            prop_assert_eq!(fault(&page), None);
        }
    }

    /// Letter by letter: with what HTML gives a meaning to replaced, the same text stands in the same places.
    #[test]
    fn pages_quote_every_letter(attack in attack()) {
        let text = harness::text::inert(&attack);
        for (sample, expected) in hostile(&text).iter().zip(&hostile(&dom::tame(&text))) {
            let (found, expected) = (dom::tree(&page(sample)), dom::tree(&page(expected)));
            prop_assert_eq!(dom::difference(&dom::tamed(&found), &dom::tamed(&expected)), None);
        }
    }
}

/// Without its escaping each format is found out.
#[test]
fn raw_text_is_found() {
    let sample = &hostile("zzplain")[0];
    let raw = |text: &str, attack: &str| text.replace("zzplain", attack);
    for attack in ["\u{1b}[2J", "\u{202e}x", "x\rPASS", "##[error]x", "\n  ::error::x"] {
        assert!(fault(&raw(&human(Style::Plain, sample), attack)).is_some(), "{attack:?} in human");
        assert!(fault(&raw(&page(sample), attack)).is_some(), "{attack:?} in HTML");
    }
    let harmless = dom::tree(&page(sample));
    for attack in ["<b>x</b>", "<script>x</script>", "</title><i>", "\"><i>", "</svg>"] {
        let tree = dom::tree(&raw(&page(sample), attack));
        let different = dom::difference(&dom::page(&tree), &dom::page(&harmless));
        assert!(dom::active(&tree).or(different).or(dom::foreign_figure(&tree)).is_some(), "{attack:?} in HTML");
    }
}

#[test]
fn pages_are_well_formed_load_nothing_and_are_the_same_each_time() {
    for sample in samples() {
        let page = page(&sample);
        assert_eq!(page, self::page(&sample.clone()));
        let start = page.find("<body>").expect("a body begins");
        let head = &page[..start];
        assert!(head.contains("default-src 'none'"));
        assert!(!["url(", "@import", "http:", "https:", "<script", "<link"].iter().any(|load| head.contains(load)));
        let end = page.rfind("</body>").expect("a body ends") + "</body>".len();
        let document = Document::parse(&page[start..end]).expect("the body is well-formed");
        let mut ids: Vec<&str> = document.descendants().filter_map(|node| node.attribute("id")).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "an id stands twice");
        for figure in document.descendants().filter(|node| node.has_tag_name("svg")) {
            let child =
                |name: &str| figure.children().find(|node| node.has_tag_name(name)).and_then(|node| node.text());
            assert_eq!(figure.attribute("role"), Some("img"));
            assert!(child("title").is_some() && child("desc").is_some_and(|text| text.len() > 20));
        }
    }
}

#[test]
fn a_page_has_the_proof_and_says_what_it_claims() {
    let text = page(&failing());
    for words in [
        "This history is not what",
        "stale-read",
        "5 of 5 operations, all on key x",
        "① c0: write 1 (1.902 s to",
        "Why no order of them works",
        "cannot read 1, the register holds 3",
        "partition",
        "lost contact with the leader",
        "nothing that is left out could excuse them",
        "this is the one that cannot be explained",
    ] {
        assert!(text.contains(words), "{words}");
    }
    let text = page(&cyclic(3));
    for words in [
        "G-single",
        "snapshot-isolation",
        "level asked for",
        "the longest read of y",
        ">rw<",
        "A dashed edge is inferred",
    ] {
        assert!(text.contains(words), "{words}");
    }
    assert!(page(&passing()).contains("It says nothing of runs that were not recorded"));
    let text = page(&open());
    assert!(text.contains("What was not decided") && text.contains("This is no pass") && text.contains("--budget"));
}

#[test]
fn long_text_is_bounded() {
    for sample in hostile(&"<b>\u{202e}".repeat(100_000)) {
        assert!(human(Style::Plain, &sample).len() < 200_000);
        assert!(page(&sample).len() < 1_000_000);
    }
    let mut many = failing();
    many.violations = vec![many.violations[0].clone(); 500];
    many.undecided = vec!["x".into(); 500];
    let text = human(Style::Plain, &many);
    assert!(text.lines().count() < 150 && text.contains("477 more violations") && text.contains("480 more"), "{text}");
    assert!(page(&many).contains("476 more are in the JSON form."));
}

#[test]
fn the_sample_in_text() {
    let expected = include_str!("expected/verification.txt");
    let hint = "if the change is wanted: cargo run -p reports --example sample -- human verification-failing > reports/tests/expected/verification.txt";
    assert_eq!(human(Style::Plain, &failing()), expected, "{hint}");
    let colour = human(Style::Ansi, &failing());
    assert!(colour.starts_with("\u{1b}[1;31mFAIL\u{1b}[0m"), "{colour}");
}
