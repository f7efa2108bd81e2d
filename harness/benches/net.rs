//! How many messages the network carries in a second on one core: 25 nodes, exponential latency, about ten thousand
//! messages under way.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::{
    net::{Distribution, Fault, Latency, Link, Message, Network, NodeId, Partition, Settings, Shape, Ways},
    time::Offset,
};
use std::{hint::black_box, sync::Arc, time::Duration};

const NODES: u32 = 25;
const MESSAGES: u64 = 200_000;

/// Sends a message every ten microseconds and delivers what is due in between; then drains the rest.
fn route(mut network: Network<Arc<str>>) -> u64 {
    let payload: Arc<str> = r#"{"type":"gossip","values":[1,2,3,4,5,6,7,8]}"#.into();
    let mut delivered = 0;
    for number in 0..MESSAGES {
        let now = Offset(number * 10_000);
        let from = (number % u64::from(NODES)) as u32;
        let to = (number * 7 / 25 % u64::from(NODES)) as u32;
        black_box(network.send(now, Message { from: NodeId(from), to: NodeId(to), payload: Arc::clone(&payload) }));
        delivered += network.deliver(now).map(black_box).count() as u64;
    }
    delivered + network.deliver(Offset(u64::MAX)).map(black_box).count() as u64
}

fn routing(criterion: &mut Criterion) {
    let latency = Latency { mean: Duration::from_millis(100), distribution: Distribution::Exponential };
    let clean = Link { latency, ..Link::default() };
    let rough = Link { loss: 0.05, duplicate: 0.05, reorder: 0.05, ..clean };
    let order: Vec<u32> = (0..NODES).collect();
    let mut group = criterion.benchmark_group("route");
    group.throughput(Throughput::Elements(MESSAGES)).sample_size(20);
    for (name, link, shape) in [("clean", clean, None), ("rough, ring cut", rough, Some(Shape::MajoritiesRing))] {
        let mut network = Network::new(&Settings { link, ..Settings::default() }, NODES, 1);
        if let Some(shape) = shape {
            network.apply(Offset::ZERO, &Fault::Partition(Partition::new(shape, Ways::Both, &order)));
        }
        group.bench_function(name, |bencher| bencher.iter_with_large_drop(|| route(network.clone())));
    }
    group.finish();
}

criterion_group!(benches, routing);
criterion_main!(benches);
