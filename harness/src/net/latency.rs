//! What a link does to a message: how long it takes, how often it is lost, doubled or overtaken.

use super::{
    NodeId,
    random::{self, Stream},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// How the time a message takes is spread around its mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Every message takes the mean, so a link is first in, first out.
    #[default]
    Constant,
    /// Anything from nothing to twice the mean, equally likely.
    Uniform,
    /// Mostly short with a long tail: one in a hundred takes 4.6 times the mean.
    Exponential,
}

/// The time messages take on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    /// The mean time from sending to delivery.
    pub mean: Duration,
    /// How it is spread.
    pub distribution: Distribution,
}

impl Latency {
    /// The time one message takes, decided by 64 random bits.
    ///
    /// Always exactly one word of the stream whatever the distribution, so a case with another distribution still has
    /// the same losses.
    pub fn draw(&self, word: u64) -> Duration {
        match self.distribution {
            Distribution::Constant => self.mean,
            Distribution::Uniform => scale(self.mean, 2.0 * random::unit(word)),
            Distribution::Exponential => scale(self.mean, random::exponential(word)),
        }
    }
}

/// Everything one directed link does to its messages. The default is a perfect link: nothing lost, no time taken.
///
/// Probabilities below 0 mean never and above 1 always.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Link {
    /// How long a message takes.
    pub latency: Latency,
    /// Probability that a message is lost.
    pub loss: f64,
    /// Probability that a message which is not lost arrives twice; both copies take their own time.
    pub duplicate: f64,
    /// Probability that a copy is held up by one to four mean latencies (at least 1 to 4 ms) more, so that later
    /// messages overtake it.
    ///
    /// At 0 a link with constant latency is first in, first out. With a random latency messages overtake one another
    /// anyway, as in Maelstrom.
    pub reorder: f64,
}

/// What a link decided about one message: how long each copy takes; `None` for a copy that does not exist.
pub(super) type Copies = [Option<Duration>; 2];

impl Link {
    /// Decides the fate of the next message on a link from the link's own stream.
    ///
    /// Eight words are used for every message, needed or not. So turning duplication on, or cutting the link for a
    /// while, changes nothing about the latency of the other messages, and a failing case can be made simpler one
    /// setting at a time.
    pub(super) fn decide(&self, stream: &mut Stream) -> Copies {
        let lost = random::chance(stream.word(), self.loss);
        let doubled = random::chance(stream.word(), self.duplicate);
        let first = self.flight([stream.word(), stream.word(), stream.word()]);
        let second = self.flight([stream.word(), stream.word(), stream.word()]);
        if lost { [None, None] } else { [Some(first), doubled.then_some(second)] }
    }

    /// The time one copy takes.
    fn flight(&self, [time, late, extra]: [u64; 3]) -> Duration {
        let time = self.latency.draw(time);
        if !random::chance(late, self.reorder) {
            return time;
        }
        let unit = self.latency.mean.max(Duration::from_millis(1));
        time.saturating_add(scale(unit, 1.0 + 3.0 * random::unit(extra)))
    }
}

/// The network of a case: what every link does, and the links that differ.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Every link that is not named below.
    pub link: Link,
    /// Links of their own, by sender and receiver; the way back is another link.
    pub overrides: BTreeMap<(NodeId, NodeId), Link>,
}

impl Settings {
    /// What the link from `from` to `to` does.
    #[inline]
    pub fn link(&self, from: NodeId, to: NodeId) -> &Link {
        // Nearly every case has no overrides; the check spares each message a search.
        if self.overrides.is_empty() { &self.link } else { self.overrides.get(&(from, to)).unwrap_or(&self.link) }
    }
}

/// `duration` times `factor`, to the nanosecond below; the longest representable time when it is too long.
#[inline]
fn scale(duration: Duration, factor: f64) -> Duration {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos((nanos as f64 * factor) as u64)
}

#[cfg(test)]
mod tests {
    use super::{super::random::Purpose, *};
    use proptest::prelude::*;

    const MEAN: Duration = Duration::from_millis(100);

    fn draws(distribution: Distribution, seed: u64) -> Vec<f64> {
        let latency = Latency { mean: MEAN, distribution };
        let mut stream = Stream::new(seed, Purpose::Link, [0, 1]);
        (0..100_000).map(|_| latency.draw(stream.word()).as_secs_f64()).collect()
    }

    /// Mean and standard deviation.
    fn moments(samples: &[f64]) -> (f64, f64) {
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / samples.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn every_distribution_has_its_mean_and_its_spread() {
        let expected = [
            (Distribution::Constant, 0.0),
            (Distribution::Uniform, 0.1 / 3_f64.sqrt()),
            (Distribution::Exponential, 0.1),
        ];
        for (distribution, spread) in expected {
            for seed in 0..5 {
                let (mean, deviation) = moments(&draws(distribution, seed));
                assert!((mean - 0.1).abs() < 0.001, "{distribution:?} has mean {mean}");
                assert!((deviation - spread).abs() < 0.002, "{distribution:?} has deviation {deviation}");
            }
        }
    }

    #[test]
    fn the_tails_are_where_they_belong() {
        let late = |distribution, limit| draws(distribution, 9).iter().filter(|time| **time > limit).count();
        assert_eq!(late(Distribution::Uniform, 0.2), 0);
        let exponential = late(Distribution::Exponential, 0.460_517);
        assert!(exponential.abs_diff(1_000) < 120, "{exponential} of 100000 beyond the 99th percentile");
    }

    #[test]
    fn losses_and_doubles_come_as_often_as_asked() {
        let link = Link { loss: 0.3, duplicate: 0.2, ..Link::default() };
        let mut stream = Stream::new(3, Purpose::Link, [0, 1]);
        let copies: Vec<_> = (0..100_000).map(|_| link.decide(&mut stream)).collect();
        let lost = copies.iter().filter(|copies| copies[0].is_none()).count();
        let doubled = copies.iter().filter(|copies| copies[1].is_some()).count();
        assert!(lost.abs_diff(30_000) < 600, "{lost} lost");
        assert!(doubled.abs_diff(14_000) < 500, "{doubled} doubled");
    }

    #[test]
    fn both_copies_take_their_own_time() {
        let latency = Latency { mean: MEAN, distribution: Distribution::Uniform };
        let link = Link { latency, duplicate: 1.0, ..Link::default() };
        let mut stream = Stream::new(3, Purpose::Link, [0, 1]);
        let second_first = (0..10_000).map(|_| link.decide(&mut stream)).filter(|copies| copies[1] < copies[0]).count();
        assert!(second_first.abs_diff(5_000) < 250, "{second_first}");
    }

    #[test]
    fn an_override_concerns_one_direction_of_one_link() {
        let slow = Link { loss: 1.0, ..Link::default() };
        let settings = Settings { link: Link::default(), overrides: [((NodeId(1), NodeId(2)), slow)].into() };
        for (from, to) in (0..4).flat_map(|from| (0..4).map(move |to| (from, to))) {
            let expected = if (from, to) == (1, 2) { slow } else { Link::default() };
            assert_eq!(*settings.link(NodeId(from), NodeId(to)), expected);
        }
    }

    proptest! {
        #[test]
        fn one_setting_never_changes_what_another_draws(seed: u64, loss in 0.0..1.0, duplicate in 0.0..1.0) {
            let latency = Latency { mean: MEAN, distribution: Distribution::Exponential };
            let plain = Link { latency, ..Link::default() };
            let rough = Link { loss, duplicate, ..plain };
            let mut one = Stream::new(seed, Purpose::Link, [0, 1]);
            let mut other = one.clone();
            for _ in 0..50 {
                let (expected, actual) = (plain.decide(&mut one), rough.decide(&mut other));
                prop_assert!(actual[0].is_none() || actual[0] == expected[0]);
            }
        }

        #[test]
        fn a_reordered_message_is_one_to_four_latencies_late(seed: u64) {
            let latency = Latency { mean: MEAN, distribution: Distribution::Uniform };
            let plain = Link { latency, ..Link::default() };
            let late = Link { reorder: 1.0, ..plain };
            let mut one = Stream::new(seed, Purpose::Link, [0, 1]);
            let mut other = one.clone();
            let on_time = plain.decide(&mut one)[0].unwrap_or_default();
            let extra = late.decide(&mut other)[0].unwrap_or_default() - on_time;
            prop_assert!((MEAN..4 * MEAN).contains(&extra), "{extra:?}");
        }
    }
}
