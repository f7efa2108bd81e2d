//! Random numbers that stay the same for ever.
//!
//! A seed in a report must replay the same case years later, on another machine and another compiler. So everything
//! between the seed and the number drawn is fixed here: the generator (PCG XSL-RR 128/64 MCG, whose output `rand_pcg`
//! promises never to change), how a stream's state is derived, and every distribution. Only integer arithmetic and the
//! IEEE 754 operations with one correct answer (`+ - * /`) are used; `f64::ln` is avoided because its last bit depends
//! on the platform. Changing a number that comes out of this file breaks every published seed; the tests pin some.

use rand_core::Rng;
use rand_pcg::Pcg64Mcg;
use std::f64::consts::{LN_2, SQRT_2};

/// What a stream is for, so that two uses of one seed never see the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// What happens to the messages of one directed link.
    Link = 1,
    /// The edges of a random topology.
    Topology = 2,
    /// When faults strike, and whom.
    Faults = 3,
    /// The operations of the clients.
    Workload = 4,
    /// What a weakly consistent service shows of its freedom.
    Service = 5,
    /// Which samples are drawn again for an interval.
    Bootstrap = 6,
}

/// One independent stream of random numbers.
#[derive(Debug, Clone)]
pub struct Stream(Pcg64Mcg);

impl Stream {
    /// The stream of `seed` for `purpose`; `part` tells apart streams of the same purpose, such as the links.
    pub fn new(seed: u64, purpose: Purpose, part: [u32; 2]) -> Self {
        let part = u64::from(part[0]) << 32 | u64::from(part[1]);
        let absorbed = mix(mix(mix(seed) ^ purpose as u64) ^ part);
        let state = u128::from(mix(absorbed ^ 1)) << 64 | u128::from(mix(absorbed ^ 2));
        Self(Pcg64Mcg::new(state))
    }

    /// The next 64 random bits.
    #[inline]
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// An integer in `0..bound`, every one equally likely (Lemire 2019, "Fast random integer generation in an
    /// interval"). Zero when `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let uneven = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.word()) * u128::from(bound);
            if product as u64 >= uneven {
                return (product >> 64) as u64;
            }
        }
    }

    /// An index in `0..len`, or 0 when `len` is.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Puts `items` in a random order, each equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

/// A number in `[0, 1)` out of 64 random bits.
#[inline]
pub fn unit(word: u64) -> f64 {
    (word >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// True with probability `chance`: never at 0 or below and for NaN, always at 1 or above.
#[inline]
pub fn chance(word: u64, chance: f64) -> bool {
    unit(word) < chance
}

/// An exponentially distributed number with mean 1 out of 64 random bits; at most 37.
#[inline]
pub fn exponential(word: u64) -> f64 {
    -ln(1.0 - unit(word))
}

/// The natural logarithm of a positive, normal number, with the same bits on every machine.
///
/// `x = m 2^e` with `m` near 1, and `ln m = 2 artanh z = 2 (z + z³/3 + z⁵/5 + …)` with
/// `z = (m - 1) / (m + 1)`. Since `|z| < 0.172`, eleven terms are enough for a double.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i32 - 1023;
    let mut mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    if mantissa > SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let square = z * z;
    let series = (0..11).rev().fold(0.0, |sum, term| sum * square + 1.0 / f64::from(2 * term + 1));
    f64::from(exponent) * LN_2 + 2.0 * z * series
}

/// A bijection of 64 bits in which every input bit reaches every output bit (the finaliser of SplitMix64, Steele, Lea
/// and Flood 2014), so that neighbouring seeds and links get unrelated streams.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// If this fails, every seed that was ever published means something else: put the old numbers back.
    #[test]
    fn the_streams_never_change() {
        let mut stream = Stream::new(7, Purpose::Link, [0, 1]);
        let words = [stream.word(), stream.word(), stream.below(1_000), stream.below(1_000)];
        assert_eq!(words, [7_974_631_726_659_233_195, 1_925_049_620_395_208_559, 934, 957]);
        // The correctly rounded value ends in 395: the last bit is the series' own, and must stay.
        assert_eq!(exponential(0x0123_4567_89ab_cdef).to_bits(), 4_571_785_538_460_536_396);
        assert_eq!(exponential(u64::MAX).to_bits(), 4_630_367_062_351_886_330);
    }

    #[test]
    fn every_seed_purpose_and_part_has_its_own_stream() {
        let purposes = [Purpose::Link, Purpose::Topology, Purpose::Faults, Purpose::Workload, Purpose::Service];
        let mut firsts = BTreeSet::new();
        let mut streams = 0;
        for seed in 0..20 {
            for purpose in purposes {
                for part in 0..100 {
                    firsts.insert(Stream::new(seed, purpose, [part / 10, part % 10]).word());
                    streams += 1;
                }
            }
        }
        assert_eq!(firsts.len(), streams);
    }

    #[test]
    fn below_reaches_every_value_equally_often() {
        let mut stream = Stream::new(1, Purpose::Workload, [0, 0]);
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[stream.index(6)] += 1;
        }
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 400), "{counts:?}");
    }

    /// Four words fall on three values here, so without a second draw every third value comes twice as often.
    #[test]
    fn below_is_even_where_the_words_are_not() {
        let mut stream = Stream::new(1, Purpose::Workload, [0, 0]);
        let mut counts = [0_u32; 3];
        for _ in 0..30_000 {
            counts[(stream.below(3 << 62) % 3) as usize] += 1;
        }
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 400), "{counts:?}");
    }

    #[test]
    fn shuffles_are_unbiased() {
        let mut stream = Stream::new(2, Purpose::Workload, [0, 0]);
        let mut seen = BTreeMap::new();
        for _ in 0..60_000 {
            let mut items = [0, 1, 2];
            stream.shuffle(&mut items);
            *seen.entry(items).or_insert(0_u32) += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|count| count.abs_diff(10_000) < 400), "{seen:?}");
    }

    #[test]
    fn chance_is_never_at_zero_and_always_at_one() {
        for word in [0, 1, u64::MAX / 2, u64::MAX] {
            assert!(!chance(word, 0.0) && !chance(word, -1.0) && !chance(word, f64::NAN));
            assert!(chance(word, 1.0) && chance(word, 2.0));
        }
    }

    proptest! {
        #[test]
        fn our_logarithm_is_a_logarithm(word: u64) {
            let x = 1.0 - unit(word);
            let (ours, theirs) = (ln(x), x.ln());
            prop_assert!((ours - theirs).abs() <= 1e-15 * theirs.abs().max(1e-3), "ln {x}: {ours} is not {theirs}");
        }

        #[test]
        fn units_and_exponentials_stay_in_range(word: u64, bound in 1_u64..) {
            prop_assert!((0.0..1.0).contains(&unit(word)));
            prop_assert!((0.0..37.0).contains(&exponential(word)));
            prop_assert!(Stream::new(word, Purpose::Link, [0, 0]).below(bound) < bound);
        }
    }
}
