//! Transactions over lists that a correct store kept.

use harness::{
    history::{Clock, Id, Outcome},
    transaction::{Action, Step, Transactions},
};

/// Clients that run at the same time.
const CLIENTS: u64 = 16;
/// Elements after which a key is retired, and keys in use at a time.
const LONGEST: usize = 32;
const ACTIVE: usize = 10;

/// Four steps a transaction, appends and reads alike, one transaction after the other at points within their times.
pub fn lists(count: u64) -> Transactions {
    let mut t = Transactions { realtime: true, clock: Clock::Nanoseconds, ..Transactions::default() };
    let mut keys: Vec<(u32, Vec<Id>)> = (0..ACTIVE as u32).map(|key| (key, Vec::new())).collect();
    let (mut next, mut seed) = (ACTIVE as u32, 1u64);
    let mut take = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for number in 0..count {
        // Each client is busy until just before its next call.
        let call = 1_000 * number;
        t.push((number % CLIENTS) as u32, call, call + 1_000 * (CLIENTS - 1), Outcome::Ok);
        for _ in 0..4 {
            let place = take(ACTIVE);
            let (key, list) = &mut keys[place];
            let id = Id::small(*key).expect("a small number");
            if take(2) == 0 {
                t.read_list(id, Some(list));
                continue;
            }
            let value = Id::small(list.len() as u32).expect("a small number");
            list.push(value);
            t.step(Step { action: Action::Append, key: id, value });
            if list.len() == LONGEST {
                keys[place] = (next, Vec::new());
                next += 1;
            }
        }
    }
    t
}
