//! Clients, operations, values and times in the sentences of monitors.

use crate::{
    history::{Clock, History, Id, PENDING},
    text::excerpt,
};

/// How sentences about some operations of a history speak.
pub struct Words<'h> {
    history: &'h History,
    /// Digits of seconds behind the point: as few as tell the times of these operations apart.
    digits: usize,
}

impl<'h> Words<'h> {
    /// Words for sentences about these operations.
    pub fn new(history: &'h History, operations: &[u32]) -> Self {
        let ops = operations.iter().map(|index| history.get(*index));
        let mut times: Vec<u64> = ops.flat_map(|op| [op.call, op.ret]).collect();
        times.sort_unstable();
        times.dedup();
        let apart = |digits: u32| {
            let unit = 10u64.pow(9 - digits);
            times.windows(2).all(|pair| pair[0] / unit < pair[1] / unit)
        };
        let digits = [3, 6].into_iter().find(|digits| apart(*digits)).unwrap_or(9);
        Self { history, digits: digits as usize }
    }

    /// Who called.
    pub fn who(&self, op: u32) -> String {
        self.history.process_name(self.history.get(op).process)
    }

    /// A value, bounded.
    pub fn value(&self, id: Id) -> String {
        excerpt(&self.history.values.show(id).to_string(), 48)
    }

    /// A time: `1.934 s`, or `event 14` where the history has no times.
    pub fn time(&self, time: u64) -> String {
        match self.history.clock {
            Clock::Order => format!("event {time}"),
            Clock::Nanoseconds => {
                let fraction = format!("{:09}", time % 1_000_000_000);
                format!("{}.{} s", time / 1_000_000_000, &fraction[..self.digits])
            }
        }
    }

    /// When an operation was called.
    pub fn called(&self, op: u32) -> String {
        self.time(self.history.get(op).call)
    }

    /// When an operation returned.
    pub fn returned(&self, op: u32) -> String {
        self.time(self.history.get(op).ret)
    }

    /// The time of an operation: `between 1.200 s and 1.310 s`.
    pub fn during(&self, op: u32) -> String {
        let op = self.history.get(op);
        if op.ret == PENDING {
            return format!("at some time after {}", self.time(op.call));
        }
        if op.ret == op.call {
            return format!("at {}", self.time(op.call));
        }
        format!("between {} and {}", self.time(op.call), self.time(op.ret))
    }

    /// Several things in a row: `1, 2 and 3`.
    pub fn list(&self, things: &[String]) -> String {
        match things {
            [] => String::new(),
            [one] => one.clone(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Builder, Function, Invocation};

    fn history(clock: Clock, times: &[(u64, u64)]) -> History {
        let mut builder = Builder::default();
        builder.clock = clock;
        for (call, ret) in times {
            let function = Function::Dequeue;
            let call = Invocation { process: 3, call: *call, function, key: Id::NONE, argument: Id::NONE };
            builder.add(call, *ret, Id::NIL);
        }
        builder.finish()
    }

    #[test]
    fn times_have_as_many_digits_as_tell_them_apart() {
        let coarse = history(Clock::Nanoseconds, &[(1_200_000_000, 1_310_000_000)]);
        assert_eq!(Words::new(&coarse, &[0]).during(0), "between 1.200 s and 1.310 s");
        let fine = history(Clock::Nanoseconds, &[(1_200_000_000, 1_200_007_000)]);
        assert_eq!(Words::new(&fine, &[0]).during(0), "between 1.200000 s and 1.200007 s");
        let order = history(Clock::Order, &[(3, 14)]);
        assert_eq!(Words::new(&order, &[0]).during(0), "between event 3 and event 14");
    }
}
