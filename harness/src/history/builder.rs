//! Histories from invocations and completions as they were seen, in any order of times.

use super::{Clock, Function, History, Id, Operation, Outcome, PENDING, Values};

/// An operation when it is called.
#[derive(Debug, Clone, Copy)]
pub struct Invocation {
    /// Which process calls.
    pub process: u32,
    /// When; at most `PENDING - 1`.
    pub call: u64,
    /// What it does.
    pub function: Function,
    /// To which object; [`Id::NONE`] where there is only one.
    pub key: Id,
    /// With what; [`Id::NONE`] for nothing.
    pub argument: Id,
}

/// Collects operations; what is never completed stays unknown.
#[derive(Debug, Default)]
pub struct Builder {
    /// The columns, in the order of invocations.
    columns: History,
    /// Gives ids to values.
    pub values: Values,
    /// What the times count.
    pub clock: Clock,
    /// Names of processes, by process; empty where they are numbers of our own.
    pub process_names: Vec<Box<str>>,
}

impl Builder {
    /// An empty one, whose times count this.
    pub fn new(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// Adds an operation and gives its ticket for [`Self::complete`].
    pub fn invoke(&mut self, call: Invocation) -> usize {
        self.columns.push(Operation {
            process: call.process,
            call: call.call.min(PENDING - 1),
            ret: PENDING,
            outcome: Outcome::Unknown,
            function: call.function,
            key: call.key,
            argument: call.argument,
            result: Id::NONE,
        });
        self.columns.len() - 1
    }

    /// Tells how an operation ended. `ret` and `result` count only for [`Outcome::Ok`], `ret` also for `Failed`.
    pub fn complete(&mut self, ticket: usize, ret: u64, outcome: Outcome, result: Id) {
        let columns = &mut self.columns;
        columns.outcome[ticket] = outcome;
        columns.ret[ticket] = match outcome {
            Outcome::Unknown => PENDING,
            Outcome::Ok | Outcome::Failed => ret.clamp(columns.call[ticket], PENDING - 1),
        };
        columns.result[ticket] = if outcome == Outcome::Ok { result } else { Id::NONE };
    }

    /// Sets what an operation was given, where only its completion tells.
    pub fn set_argument(&mut self, ticket: usize, argument: Id) {
        self.columns.argument[ticket] = argument;
    }

    /// Adds an operation that has ended.
    pub fn add(&mut self, call: Invocation, ret: u64, result: Id) {
        let ticket = self.invoke(call);
        self.complete(ticket, ret, Outcome::Ok, result);
    }

    /// How many operations there are: the next ticket.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// An operation as it stands, by its ticket.
    pub(super) fn operation(&self, ticket: usize) -> Operation {
        self.columns.get(ticket as u32)
    }

    /// The history, in order of calls; ties keep the order in which they were added.
    pub fn finish(self) -> History {
        let mut history = self.columns;
        (history.values, history.clock, history.process_names) = (self.values, self.clock, self.process_names);
        if !history.call.is_sorted() {
            let mut order: Vec<u32> = (0..history.len() as u32).collect();
            order.sort_by_key(|index| history.call[*index as usize]);
            history.permute(&order);
        }
        history.shrink();
        history
    }
}

impl History {
    /// Puts the operations into this order, column after column, so that only one is there twice.
    fn permute(&mut self, order: &[u32]) {
        fn column<T: Copy>(column: &mut Vec<T>, order: &[u32]) {
            *column = order.iter().map(|index| column[*index as usize]).collect();
        }
        column(&mut self.process, order);
        column(&mut self.call, order);
        column(&mut self.ret, order);
        column(&mut self.outcome, order);
        column(&mut self.function, order);
        column(&mut self.key, order);
        column(&mut self.argument, order);
        column(&mut self.result, order);
    }

    fn shrink(&mut self) {
        self.process.shrink_to_fit();
        self.call.shrink_to_fit();
        self.ret.shrink_to_fit();
        self.outcome.shrink_to_fit();
        self.function.shrink_to_fit();
        self.key.shrink_to_fit();
        self.argument.shrink_to_fit();
        self.result.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn write(process: u32, call: u64, argument: u32) -> Invocation {
        let argument = Id::small(argument).unwrap();
        Invocation { process, call, function: Function::Write, key: Id::NONE, argument }
    }

    #[test]
    fn a_million_operations_take_at_most_64_mebibytes() {
        let mut builder = Builder::default();
        for index in 0..1_000_000 {
            builder.add(write(index % 16, u64::from(index), index), u64::from(index) + 1, Id::NONE);
        }
        let history = builder.finish();
        assert_eq!(history.len(), 1_000_000);
        assert!((34_000_000..64 << 20).contains(&history.bytes()), "{}", history.bytes());
    }

    #[test]
    fn no_time_of_an_operation_that_ended_is_the_time_of_never() {
        let mut builder = Builder::default();
        builder.add(write(0, u64::MAX, 1), u64::MAX, Id::NONE);
        let op = builder.finish().get(0);
        assert_eq!((op.call, op.ret, op.outcome), (PENDING - 1, PENDING - 1, Outcome::Ok));
    }

    proptest! {
        #[test]
        fn operations_are_in_order_of_calls_and_ties_as_they_were_added(calls in prop::collection::vec(0u64..20, 0..40)) {
            let mut builder = Builder::default();
            for (index, call) in calls.iter().enumerate() {
                let ticket = builder.invoke(write(index as u32, *call, index as u32));
                builder.complete(ticket, call + index as u64, Outcome::Ok, Id::NONE);
            }
            let history = builder.finish();
            let mut expected: Vec<(u64, u32)> = calls.iter().copied().zip(0..).collect();
            expected.sort();
            let found: Vec<(u64, u32)> = history.iter().map(|op| (op.call, op.process)).collect();
            prop_assert_eq!(&found, &expected);
            for op in history.iter() {
                prop_assert_eq!((op.ret, op.argument), (op.call + u64::from(op.process), Id::small(op.process).unwrap()));
            }
        }
    }
}
