//! Playing faults: on the network, on the processes, and in the record.

use super::{Case, Phase};
use crate::{
    backend::Control,
    node::case::{DEATH_ROW, Notice},
};
use harness::{
    case::Down,
    net::{Fault, NodeId},
    time::Offset,
    verdict::FaultWindow,
};

impl Case {
    pub(super) fn play_faults(&mut self, now: Offset) {
        while let Some(action) = self.schedule.actions.get(self.next_fault)
            && self.summary.work_began + action.at.since(Offset::ZERO) <= now
        {
            let fault = action.fault.clone();
            self.next_fault += 1;
            self.play_fault(now, &fault);
        }
    }

    fn play_fault(&mut self, now: Offset, fault: &Fault) {
        // A kill and a restart reach the network when they have reached the process.
        if !matches!(fault, Fault::Kill(_) | Fault::Restart(_)) {
            self.links.apply(now, fault);
        }
        match fault {
            Fault::Partition(partition) => {
                self.close_fault(now, "partition", None);
                self.open_fault(now, "partition", partition.to_string(), None);
            }
            Fault::Heal => self.close_fault(now, "partition", None),
            // Right behind an acknowledgement, and with what the node has just sent still on its way, a kill costs most
            // who has not kept what they acknowledged.
            Fault::Kill(node) => {
                self.nodes[node.index()].doomed = Some(now + DEATH_ROW);
                self.links.cut_off(node.0);
            }
            Fault::Restart(node) => {
                self.kill_doomed(now, node.0);
                self.close_fault(now, "kill", Some(node.0));
                let slot = &mut self.nodes[node.index()];
                slot.restart = true;
                if slot.ended
                    && let Err(why) = self.start(node.0)
                {
                    self.lost = Some(why);
                }
            }
            // A manifest of nodes cannot ask for it.
            Fault::Terminate(_) => {}
            Fault::Pause(node) => {
                self.open_fault(now, "pause", format!("{node} stopped"), Some(node.0));
                self.take_down(now, node.0, Control::Pause, None);
            }
            Fault::Resume(node) => {
                self.close_fault(now, "pause", Some(node.0));
                let slot = &mut self.nodes[node.index()];
                slot.process.ask(Control::Resume);
                if let Some(from) = slot.down_since.take() {
                    self.summary.down.push(Down { node: node.0, from, to: now });
                }
            }
        }
    }

    pub(super) fn kill_doomed(&mut self, now: Offset, node: u32) {
        if self.nodes[node as usize].doomed.take().is_some() {
            self.links.apply(now, &Fault::Kill(NodeId(node)));
            self.open_fault(now, "kill", format!("n{node} killed"), Some(node));
            self.take_down(now, node, Control::Kill, Some(Phase::Down));
        }
    }

    fn take_down(&mut self, now: Offset, node: u32, control: Control, phase: Option<Phase>) {
        let slot = &mut self.nodes[node as usize];
        if slot.phase == Phase::Crashed {
            return;
        }
        slot.down_since.get_or_insert(now);
        slot.phase = phase.unwrap_or(slot.phase);
        slot.process.ask(control);
    }

    fn open_fault(&mut self, now: Offset, kind: &str, description: String, node: Option<u32>) {
        let _ = self.setup.notices.send(Notice::Fault(now, format!("{kind}: {description}")));
        let nodes = node.map(|node| format!("n{node}")).into_iter().collect();
        self.open_faults.push(FaultWindow { kind: kind.into(), description, nodes, from: now, to: now });
    }

    fn close_fault(&mut self, now: Offset, kind: &str, node: Option<u32>) {
        let node = node.map(|node| format!("n{node}"));
        let ends = |fault: &FaultWindow| fault.kind == kind && fault.nodes.first() == node.as_ref();
        let (ended, open) = std::mem::take(&mut self.open_faults).into_iter().partition(ends);
        self.open_faults = open;
        self.summary.faults.extend(ended.into_iter().map(|fault: FaultWindow| FaultWindow { to: now, ..fault }));
    }
}
