//! How long the monitors take for histories of correct objects under 16 clients, and for a queue that gives two values in
//! the wrong order near the end: a thousand operations, and a million.

mod made;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::{
    history::History,
    linearizability::{
        Monitor,
        monitor::{KvAppend, PriorityQueue, Queue, ReadModifyWrite, Register, Set, Stack},
    },
    model::job_queue::JobQueue,
    verify::Judged,
};
use std::hint::black_box;

/// A name, the monitor, what makes histories of any length, and whether they are legal.
type Case = (&'static str, Box<dyn Monitor>, fn(usize) -> History, bool);

fn cases() -> [Case; 9] {
    [
        ("register", Box::new(Register::default()), |operations| made::register(operations, 16), true),
        ("read-modify-write", Box::new(ReadModifyWrite::default()), made::replaced_register, true),
        ("kv-append", Box::new(KvAppend::default()), made::appended, true),
        ("queue", Box::new(Queue), made::queue, true),
        ("queue, overtaken", Box::new(Queue), made::overtaken_queue, false),
        ("stack", Box::new(Stack), made::stack, true),
        ("priority queue", Box::new(PriorityQueue), made::priority_queue, true),
        ("set", Box::new(Set { budget: 20_000_000 }), made::set, true),
        ("job queue", Box::new(JobQueue { time_to_run: None }), made::job_queue, true),
    ]
}

fn monitors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("monitors");
    group.sample_size(10);
    for (name, monitor, make, legal) in cases() {
        for operations in [1_000, 1_000_000] {
            let history = make(operations);
            let effective = history.effective();
            let judged = monitor.check(&history, &effective);
            assert!(if legal { judged == Judged::Legal } else { matches!(judged, Judged::Illegal(_)) }, "{judged:?}");
            group.throughput(Throughput::Elements(operations as u64));
            group.bench_function(format!("{name}, {operations}"), |bencher| {
                bencher.iter_with_large_drop(|| black_box(monitor.check(&history, &effective)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, monitors);
criterion_main!(benches);
