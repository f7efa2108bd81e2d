//! What each service promises, and what a weak one does not.

use super::*;
use proptest::prelude::*;
use serde_json::json;

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);

fn ask(services: &mut Services, service: Service, from: NodeId, body: Value) -> Value {
    let mut body = body;
    body["msg_id"] = 7.into();
    let answer: Value = serde_json::from_str(&services.ask(service, from, &body.to_string()).unwrap()).unwrap();
    assert_eq!(answer["in_reply_to"], 7);
    answer
}

fn read(services: &mut Services, service: Service, from: NodeId) -> Option<u64> {
    ask(services, service, from, json!({"type": "read", "key": "k"}))["value"].as_u64()
}

fn write(services: &mut Services, service: Service, from: NodeId, value: u64) {
    let answer = ask(services, service, from, json!({"type": "write", "key": "k", "value": value}));
    assert_eq!(answer["type"], "write_ok");
}

#[test]
fn the_linearizable_store_keeps_what_it_was_told() {
    let mut services = Services::new(1);
    let mut ask = |body| ask(&mut services, Service::LinKv, A, body);
    let code = |answer: &Value| answer["code"].as_u64();
    assert_eq!(code(&ask(json!({"type": "read", "key": [1]}))), Some(20));
    assert_eq!(code(&ask(json!({"type": "cas", "key": [1], "from": 0, "to": 1}))), Some(20));
    let create = json!({"type": "cas", "key": [1], "from": 0, "to": 1, "create_if_not_exists": true});
    assert_eq!(ask(create)["type"], "cas_ok");
    assert_eq!(ask(json!({"type": "read", "key": [1]})), json!({"type": "read_ok", "value": 1, "in_reply_to": 7}));
    assert_eq!(code(&ask(json!({"type": "cas", "key": [1], "from": 0, "to": 2}))), Some(22));
    assert_eq!(ask(json!({"type": "cas", "key": [1], "from": 1, "to": {"a": null}}))["type"], "cas_ok");
    assert_eq!(ask(json!({"type": "read", "key": [1]}))["value"], json!({"a": null}));
    assert_eq!(code(&ask(json!({"type": "read", "key": ["1"]}))), Some(20), "another key");
}

#[test]
fn numbers_compare_with_all_their_digits() {
    let mut services = Services::new(1);
    let mut big = |text: &str| services.ask(Service::LinKv, A, text).unwrap();
    big(r#"{"type":"write","key":9007199254740993,"value":9007199254740993,"msg_id":1}"#);
    assert!(big(r#"{"type":"read","key":9007199254740992,"msg_id":1}"#).contains(r#""code":20"#));
    let cas = r#"{"type":"cas","key":9007199254740993,"from":9007199254740992,"to":1,"msg_id":1}"#;
    assert!(big(cas).contains(r#""code":22"#));
}

#[test]
fn what_is_no_request_is_refused() {
    let mut services = Services::new(1);
    for (service, body, code) in [
        (Service::LinKv, json!({"type": "ts"}), 10),
        (Service::LinTso, json!({"type": "read", "key": 1}), 10),
        (Service::SeqKv, json!({}), 10),
        (Service::LwwKv, json!({"type": "read"}), 12),
        (Service::LinKv, json!({"type": "write", "key": 1}), 12),
        (Service::LinKv, json!({"type": "cas", "key": 1, "from": 1}), 12),
    ] {
        assert_eq!(ask(&mut services, service, A, body.clone())["code"], code, "{body}");
    }
    assert_eq!(services.ask(Service::LinKv, A, "[]"), None);
    assert_eq!(services.ask(Service::LinKv, A, r#"{"type":"write","key":"k","value":3}"#), None, "nobody waits");
    assert_eq!(read(&mut services, Service::LinKv, A), Some(3), "but it was done");
}

#[test]
fn timestamps_only_grow() {
    let mut services = Services::new(1);
    let times = [A, B, A].map(|from| ask(&mut services, Service::LinTso, from, json!({"type": "ts"}))["ts"].as_u64());
    assert!(times[0].is_some() && times.is_sorted_by(|one, other| one < other), "{times:?}");
}

#[test]
fn names_numbers_and_addresses_are_those_of_one_service() {
    for service in Service::ALL {
        assert_eq!(Service::parse(service.name()), Some(service));
        assert_eq!(Service::from_number(service.number()), Some(service));
        assert_eq!(Service::at(service.address(5), 5), Some(service));
    }
    assert_eq!((Service::parse("n0"), Service::from_number(0), Service::at(NodeId(4), 5)), (None, None, None));
}

proptest! {
    /// Each node's reads go through the writes in their order, never behind its own, nor far behind at all.
    #[test]
    fn a_sequential_store_never_goes_back(seed: u64, steps in prop::collection::vec((0_u32..3, any::<bool>()), 1..200)) {
        let mut services = Services::new(seed);
        let (mut latest, mut seen) = (0, [0; 3]);
        for (node, writes) in steps {
            let from = NodeId(node);
            if writes {
                latest += 1;
                write(&mut services, Service::SeqKv, from, latest);
                seen[node as usize] = latest;
            } else {
                let value = read(&mut services, Service::SeqKv, from).unwrap_or(0);
                prop_assert!(value >= seen[node as usize] && value <= latest && value + STATES > latest);
                seen[node as usize] = value;
            }
        }
        prop_assert!(services.seq.keys.values().all(|values| values.len() <= STATES as usize));
    }

    /// Of concurrent increments by compare-and-set none is lost, however old what the node had read was.
    #[test]
    fn a_sequential_store_compares_with_its_last_state(seed: u64, nodes in prop::collection::vec(0_u32..3, 1..100)) {
        let mut services = Services::new(seed);
        let mut done = 0;
        write(&mut services, Service::SeqKv, A, 0);
        for node in nodes {
            let value = read(&mut services, Service::SeqKv, NodeId(node)).unwrap_or(0);
            let cas = json!({"type": "cas", "key": "k", "from": value, "to": value + 1});
            done += u64::from(ask(&mut services, Service::SeqKv, NodeId(node), cas)["type"] == "cas_ok");
        }
        write(&mut services, Service::SeqKv, B, 1_000);
        let last = services.seq.keys[r#""k""#].iter().rev().nth(1).map_or(0, |(_, value)| value.as_u64().unwrap());
        prop_assert_eq!(last, done);
    }
}

#[test]
fn weak_stores_show_their_weakness() {
    let stale = |service| {
        (0..20).any(|seed| {
            let mut services = Services::new(seed);
            write(&mut services, service, A, 1);
            write(&mut services, service, A, 2);
            read(&mut services, service, B) != Some(2)
        })
    };
    assert!(!stale(Service::LinKv) && stale(Service::SeqKv) && stale(Service::LwwKv));
    let behind_its_own = |service| {
        (0..20).any(|seed| {
            let mut services = Services::new(seed);
            write(&mut services, service, A, 1);
            read(&mut services, service, A) != Some(1)
        })
    };
    assert!(!behind_its_own(Service::SeqKv) && behind_its_own(Service::LwwKv));
}

#[test]
fn replicas_agree_in_the_end_on_one_writer() {
    for seed in 0..50 {
        let mut services = Services::new(seed);
        for (node, value) in [(A, 1), (B, 2), (A, 3)] {
            write(&mut services, Service::LwwKv, node, value);
        }
        for _ in 0..40 {
            read(&mut services, Service::LwwKv, A);
        }
        let value = read(&mut services, Service::LwwKv, A);
        assert!((0..10).all(|_| read(&mut services, Service::LwwKv, B) == value), "seed {seed}");
    }
}
