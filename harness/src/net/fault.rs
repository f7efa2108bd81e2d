//! What goes wrong, when, and for how long: faults with their times, as they stand in the plan of a case.

use super::{NodeId, Partition};
use crate::time::Offset;
use serde::{Deserialize, Serialize};

/// One thing that goes wrong, or is put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Cuts links, instead of those that were cut before.
    Partition(Partition),
    /// Mends every link.
    Heal,
    /// Ends the node's process without warning.
    Kill(NodeId),
    /// Asks the node's process to end.
    Terminate(NodeId),
    /// Starts the node's process again.
    Restart(NodeId),
    /// Stops the node's process where it stands; what is sent to it waits.
    Pause(NodeId),
    /// Lets the node's process go on.
    Resume(NodeId),
}

/// A fault and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FaultAction {
    /// When, since the start of the case.
    pub at: Offset,
    /// What.
    pub fault: Fault,
}

/// The faults of a case in the order of their times.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct FaultSchedule {
    /// In the order of their times.
    pub actions: Vec<FaultAction>,
}

/// From when until when; a fault that is never put right lasts until the end of time.
type Window = (Offset, Offset);

/// The end of a fault that is never put right.
const NEVER: Offset = Offset(u64::MAX);

impl FaultSchedule {
    /// When `node` has no process.
    pub fn down_windows(&self, node: NodeId) -> Vec<Window> {
        self.windows(|fault| match fault {
            Fault::Kill(other) | Fault::Terminate(other) if *other == node => Some(true),
            Fault::Restart(other) if *other == node => Some(false),
            _ => None,
        })
    }

    /// When the process of `node` exists but stands still; a kill ends a pause.
    pub fn paused_windows(&self, node: NodeId) -> Vec<Window> {
        self.windows(|fault| match fault {
            Fault::Pause(other) if *other == node => Some(true),
            Fault::Resume(other) | Fault::Kill(other) | Fault::Terminate(other) | Fault::Restart(other)
                if *other == node =>
            {
                Some(false)
            }
            _ => None,
        })
    }

    /// When which links are cut.
    pub fn cut_windows(&self) -> Vec<(Window, &Partition)> {
        let mut windows: Vec<(Window, &Partition)> = Vec::new();
        let mut open = false;
        for FaultAction { at, fault } in &self.actions {
            if !matches!(fault, Fault::Partition(_) | Fault::Heal) {
                continue;
            }
            if let Some(((_, end), _)) = windows.last_mut().filter(|_| open) {
                *end = *at;
            }
            open = matches!(fault, Fault::Partition(_));
            if let Fault::Partition(partition) = fault {
                windows.push(((*at, NEVER), partition));
            }
        }
        windows
    }

    /// When anything at all is wrong: links cut, or nodes down or paused. In order, and none touches another.
    pub fn fault_windows(&self) -> Vec<Window> {
        let mut nodes: Vec<_> = self.actions.iter().filter_map(|action| action.fault.node()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let cuts = self.cut_windows().into_iter().map(|(window, _)| window);
        let stops = nodes.into_iter().flat_map(|node| [self.down_windows(node), self.paused_windows(node)].concat());
        merged(cuts.chain(stops).collect())
    }

    /// The windows between the faults that `begins` says begin something and those that it says end it.
    fn windows(&self, begins: impl Fn(&Fault) -> Option<bool>) -> Vec<Window> {
        let mut windows: Vec<Window> = Vec::new();
        let mut open = false;
        for FaultAction { at, fault } in &self.actions {
            match (begins(fault), open) {
                (Some(true), false) => windows.push((*at, NEVER)),
                (Some(false), true) => windows.iter_mut().last().into_iter().for_each(|(_, end)| *end = *at),
                _ => {}
            }
            open = begins(fault).unwrap_or(open);
        }
        windows
    }
}

impl Fault {
    /// The node it happens to, when it happens to one.
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Self::Kill(node) | Self::Terminate(node) | Self::Restart(node) | Self::Pause(node) | Self::Resume(node) => {
                Some(*node)
            }
            Self::Partition(_) | Self::Heal => None,
        }
    }
}

/// The union of the windows.
fn merged(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_unstable();
    let mut merged: Vec<Window> = Vec::new();
    for (from, to) in windows {
        match merged.last_mut() {
            Some((_, end)) if from <= *end => *end = (*end).max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Shape, Ways},
        *,
    };

    fn cut(shape: Shape) -> Fault {
        Fault::Partition(Partition::new(shape, Ways::Both, &[0, 1, 2, 3]))
    }

    fn schedule(actions: impl IntoIterator<Item = (u64, Fault)>) -> FaultSchedule {
        FaultSchedule {
            actions: actions.into_iter().map(|(at, fault)| FaultAction { at: Offset(at), fault }).collect(),
        }
    }

    fn window(from: u64, to: u64) -> Window {
        (Offset(from), Offset(to))
    }

    #[test]
    fn windows_are_read_off_the_actions() {
        let (one, two) = (NodeId(1), NodeId(2));
        let schedule = schedule([
            (1, Fault::Kill(one)),
            (2, Fault::Kill(one)),
            (2, Fault::Kill(two)),
            (3, Fault::Restart(one)),
            (4, Fault::Restart(one)),
            (5, Fault::Restart(two)),
            (7, Fault::Pause(two)),
            (8, Fault::Kill(two)),
            (9, Fault::Kill(one)),
        ]);
        assert_eq!(schedule.down_windows(one), [window(1, 3), (Offset(9), NEVER)]);
        assert_eq!(schedule.down_windows(two), [window(2, 5), (Offset(8), NEVER)]);
        assert_eq!(schedule.paused_windows(two), [window(7, 8)]);
        assert_eq!(schedule.down_windows(NodeId(0)), []);
        assert_eq!(schedule.fault_windows(), [window(1, 5), (Offset(7), NEVER)]);
    }

    #[test]
    fn a_new_partition_ends_the_one_before() {
        let faults = [
            (1, cut(Shape::Halves)),
            (3, cut(Shape::Total)),
            (5, Fault::Heal),
            (6, Fault::Heal),
            (8, cut(Shape::Isolate)),
        ];
        let schedule = schedule(faults);
        let seen: Vec<_> = schedule.cut_windows().into_iter().map(|(window, cut)| (window, cut.shape())).collect();
        let expected =
            [(window(1, 3), Shape::Halves), (window(3, 5), Shape::Total), ((Offset(8), NEVER), Shape::Isolate)];
        assert_eq!(seen, expected);
        assert_eq!(schedule.fault_windows(), [window(1, 5), (Offset(8), NEVER)]);
    }

    #[test]
    fn the_plan_is_readable() {
        let schedule = schedule([(5, Fault::Kill(NodeId(3))), (9, Fault::Heal)]);
        let json = serde_json::to_string(&schedule).unwrap_or_default();
        assert_eq!(json, r#"[{"at":5,"fault":{"kill":3}},{"at":9,"fault":"heal"}]"#);
        assert_eq!(serde_json::from_str::<FaultSchedule>(&json).ok(), Some(schedule));
    }
}
