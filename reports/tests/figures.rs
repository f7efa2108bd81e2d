//! Figures of whatever a record can hold.

use harness::{
    report::{Plot, QUANTILES, Series},
    time::Offset,
    verdict::{Arrow, Evidence, FaultWindow},
};
use proptest::prelude::*;
use reports::svg::{distribution::distribution, sequence::sequence, timeline::timeline};
use roxmltree::Document;

fn time() -> impl Strategy<Value = Offset> {
    prop_oneof![0u64..20, 0u64..30_000_000_000, any::<u64>()].prop_map(Offset)
}

prop_compose! {
    fn arrow()(
        from in "[a-c]", to in "[a-d]", sent in time(), received in prop::option::of(time()),
        dropped in prop::option::of("[a-z]{0,40}"), label in "\\PC{0,80}", highlight: bool,
    ) -> Arrow {
        Arrow { from, to, sent, received, dropped, label, highlight }
    }
}

prop_compose! {
    fn fault()(kind in "partition|kill", nodes in prop::collection::vec("[a-e]", 0..3), from in time(), to in time()) -> FaultWindow {
        FaultWindow { kind, description: "a | b".into(), nodes, from, to }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sequences_are_well_formed(
        arrows in prop::collection::vec(arrow(), 0..60), faults in prop::collection::vec(fault(), 0..10),
    ) {
        let evidence = Evidence { arrows, faults, lanes: vec!["b".into(), "a".into(), "unused".into()], ..Evidence::default() };
        match sequence("figure", &evidence) {
            None => prop_assert!(evidence.arrows.is_empty()),
            Some(figure) => {
                let text = figure.into_string();
                let document = Document::parse(&text).expect("well-formed");
                let height: f64 = document.root_element().attribute("height").and_then(|text| text.parse().ok()).expect("a height");
                prop_assert!(height < 4000.0, "{} px high", height);
                prop_assert!(!text.contains("NaN") && !text.contains("unused"));
            }
        }
    }

    #[test]
    fn timelines_are_well_formed(seconds: f64, faults in prop::collection::vec(fault(), 0..80)) {
        if let Some(figure) = timeline("figure", seconds, &faults) {
            Document::parse(&figure.into_string()).expect("well-formed");
        }
    }

    #[test]
    fn distributions_are_well_formed(curves in prop::collection::vec(prop::collection::vec(any::<f64>(), 12..14), 0..6)) {
        let series = curves.into_iter().map(|values| Series { name: "a <curve>".into(), values }).collect();
        let plot = Plot { title: "title".into(), axis: "time (ms)".into(), series };
        if let Some(figure) = distribution("figure", &plot) {
            let text = figure.into_string();
            Document::parse(&text).expect("well-formed");
            prop_assert!(!text.contains("NaN") && !text.contains("inf"));
        }
    }
}

#[test]
fn values_over_many_decades_get_a_logarithmic_axis() {
    let values = QUANTILES.map(|share| 10f64.powf(share * 4.0)).to_vec();
    let plot =
        Plot { title: "t".into(), axis: "latency (ms)".into(), series: vec![Series { name: "s".into(), values }] };
    let figure = distribution("figure", &plot).expect("it is finite").into_string();
    assert!(figure.contains("logarithmic") && figure.contains(">1 000<"));
}
