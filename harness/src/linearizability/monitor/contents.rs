//! What went into a container and what came out, by value: what the monitors of queue, stack and priority queue judge.

use super::table::Table;
use crate::history::{Function, History, Id, Outcome, PENDING};

/// Later than everything: when a value leaves that was never taken out.
pub const NEVER: u64 = PENDING;

/// No operation.
pub const NONE: u32 = u32::MAX;

/// Which functions a container has.
#[derive(Debug, Clone, Copy)]
pub struct Roles {
    /// Puts its argument in.
    pub add: Function,
    /// Gives a value and takes it out.
    pub take: Function,
    /// Gives a value, which stays.
    pub look: Function,
}

/// A value, which was put in once.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// Index of the operation that put it in.
    pub add: u32,
    /// Index of the one that took it out, or [`NONE`].
    pub take: u32,
    /// When putting it in was called.
    pub add_call: u64,
    /// Until when it was in at the latest: its addition or an operation that gave it had returned.
    pub add_ret: u64,
    /// From when it may have been out at the earliest: taking it out and all that saw it had been called.
    pub take_call: u64,
    /// When taking it out returned.
    pub take_ret: u64,
    /// When the first operation that gave it returned.
    pub seen: u64,
    /// The latest call of its addition and of what only saw it: `take_call` is never earlier.
    pub floor: u64,
}

/// An operation that gave a value and left it there.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The value, by its place among the items.
    pub item: u32,
    /// Index of the operation.
    pub op: u32,
    /// When it was called.
    pub call: u64,
    /// When it returned.
    pub ret: u64,
}

/// An operation that found the container empty.
#[derive(Debug, Clone, Copy)]
pub struct Empty {
    /// Index of the operation.
    pub op: u32,
    /// When it was called.
    pub call: u64,
    /// When it returned.
    pub ret: u64,
}

/// What went in and came out.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// The values, in order of the calls that put them in. Those that nobody saw and perhaps nobody put in are left out.
    pub items: Vec<Item>,
    /// What saw a value.
    pub looks: Vec<Look>,
    /// What found nothing.
    pub empties: Vec<Empty>,
    /// Removals without an answer: call and index, in order of the calls.
    pub takers: Vec<(u64, u32)>,
}

/// What is wrong with one value alone. Indices of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Given, but never put in.
    Invented(u32),
    /// Given before it was put in.
    Early { add: u32, seen: u32 },
    /// Taken out twice.
    Twice { add: u32, first: u32, second: u32 },
    /// Seen after it had been taken out.
    SeenAfter { add: u32, take: u32, look: u32 },
}

/// Why there are no contents to judge.
#[derive(Debug)]
pub enum Obstacle {
    /// The history is not covered.
    NotCovered(&'static str),
    /// It is wrong already.
    Fault(Fault),
}

impl Contents {
    /// Collects the operations of one container. O(n) for values whose ids lie close together, expected O(n) for others.
    pub fn collect(history: &History, operations: &[u32], roles: Roles) -> Result<Self, Obstacle> {
        let mut contents = Self::default();
        let table = contents.collect_additions(history, operations, roles)?;
        let (functions, outcomes, results) = (history.functions(), history.outcomes(), history.results());
        let (calls, returns) = (history.calls(), history.returns());
        for op in operations {
            let index = *op as usize;
            let (function, result, call, ret) = (functions[index], results[index], calls[index], returns[index]);
            let told = outcomes[index] == Outcome::Ok && result.is_some();
            if function == roles.add {
            } else if function == roles.take && outcomes[index] == Outcome::Unknown {
                contents.takers.push((call, *op));
            } else if function == roles.take && !told {
                return Err(Obstacle::NotCovered("an answered removal does not say what it gave"));
            } else if (function == roles.take || function == roles.look) && told {
                if result == Id::NIL {
                    contents.empties.push(Empty { op: *op, call, ret });
                    continue;
                }
                let Some(item) = table.get(result) else {
                    return Err(Obstacle::Fault(Fault::Invented(*op)));
                };
                let known = &mut contents.items[item];
                if ret < known.add_call {
                    return Err(Obstacle::Fault(Fault::Early { add: known.add, seen: *op }));
                }
                known.add_ret = known.add_ret.min(ret);
                known.seen = known.seen.min(ret);
                if function == roles.look {
                    known.floor = known.floor.max(call);
                    contents.looks.push(Look { item: item as u32, op: *op, call, ret });
                } else if known.take != NONE {
                    return Err(Obstacle::Fault(Fault::Twice { add: known.add, first: known.take, second: *op }));
                } else {
                    (known.take, known.take_call, known.take_ret) = (*op, call, ret);
                }
            } else if function != roles.look {
                return Err(Obstacle::NotCovered("there are operations that this container does not know"));
            }
        }
        contents.settle()
    }

    fn collect_additions(&mut self, history: &History, operations: &[u32], roles: Roles) -> Result<Table, Obstacle> {
        let (functions, arguments) = (history.functions(), history.arguments());
        let (calls, returns) = (history.calls(), history.returns());
        let additions = || operations.iter().map(|op| *op as usize).filter(|op| functions[*op] == roles.add);
        let mut table = Table::new(additions().map(|op| arguments[op]));
        self.items.reserve(additions().count());
        for op in additions() {
            let argument = arguments[op];
            if argument == Id::NIL || !argument.is_some() {
                return Err(Obstacle::NotCovered("nil was put in, which also means that there is nothing"));
            }
            if !table.number(argument).1 {
                return Err(Obstacle::NotCovered("a value was put in more than once"));
            }
            self.items.push(Item {
                add: op as u32,
                take: NONE,
                add_call: calls[op],
                add_ret: returns[op],
                take_call: NEVER,
                take_ret: NEVER,
                seen: NEVER,
                floor: calls[op],
            });
        }
        Ok(table)
    }

    /// Checks each value alone, and leaves out those that need not have been put in.
    fn settle(mut self) -> Result<Self, Obstacle> {
        for look in &self.looks {
            let item = &self.items[look.item as usize];
            if item.take_ret < look.call {
                let (add, take, look) = (item.add, item.take, look.op);
                return Err(Obstacle::Fault(Fault::SeenAfter { add, take, look }));
            }
        }
        for item in &mut self.items {
            item.take_call = item.take_call.max(item.floor);
        }
        if self.items.iter().any(Item::is_idle) {
            let kept: Vec<u32> =
                (0..self.items.len() as u32).filter(|item| !self.items[*item as usize].is_idle()).collect();
            let (empties, takers) = (std::mem::take(&mut self.empties), std::mem::take(&mut self.takers));
            self = Self { empties, takers, ..self.part(&kept, &[]) };
        }
        Ok(self)
    }

    /// Some of the values with all that saw them, some of what found nothing, and all removals without an answer.
    pub fn part(&self, items: &[u32], empties: &[u32]) -> Self {
        let mut items = items.to_vec();
        items.sort_unstable();
        let looks = self.looks.iter().filter_map(|look| {
            let item = items.binary_search(&look.item).ok()?;
            Some(Look { item: item as u32, ..*look })
        });
        Self {
            looks: looks.collect(),
            empties: empties.iter().map(|empty| self.empties[*empty as usize]).collect(),
            items: items.iter().map(|item| self.items[*item as usize]).collect(),
            takers: self.takers.clone(),
        }
    }

    /// Takes a look away.
    pub fn remove_look(&mut self, history: &History, look: usize) {
        let item = self.looks.remove(look).item;
        let rest: Vec<Look> = self.looks.iter().filter(|look| look.item == item).copied().collect();
        let item = &mut self.items[item as usize];
        item.seen = rest.iter().map(|look| look.ret).fold(item.take_ret, u64::min);
        item.add_ret = history.get(item.add).ret.min(item.seen);
        item.floor = rest.iter().map(|look| look.call).fold(item.add_call, u64::max);
        if !item.is_left() {
            item.take_call = history.get(item.take).call.max(item.floor);
        }
    }

    /// All operations, ascending.
    pub fn operations(&self) -> Vec<u32> {
        let items = self.items.iter().flat_map(|item| [item.add, item.take]).filter(|op| *op != NONE);
        let others = self.looks.iter().map(|look| look.op).chain(self.empties.iter().map(|empty| empty.op));
        let mut operations: Vec<u32> = items.chain(others).chain(self.takers.iter().map(|(_, op)| *op)).collect();
        operations.sort_unstable();
        operations
    }
}

impl Item {
    /// Whether nobody saw it, and perhaps nobody put it in: it may as well never have been there.
    fn is_idle(&self) -> bool {
        self.add_ret == PENDING && self.seen == NEVER
    }

    /// Whether it never came out, as far as anyone was told.
    pub fn is_left(&self) -> bool {
        self.take == NONE
    }
}
