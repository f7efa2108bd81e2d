//! Hearing what nodes say, and what happens to them: lines, replies, starts and ends.

use super::{Case, INIT_TIMEOUT, INIT_TIMEOUT_PER_NODE, Notice, Phase};
use crate::{
    backend::{Control, Exit},
    node::{
        clients::Replied,
        incidents,
        process::{self, NodeEvent, Output},
        wire::{self, Party, Prepared},
    },
};
use harness::{
    calls::Role,
    case::{Down, IncidentKind, NodeUsage},
    net::{Fault, NodeId},
    oracle::body,
    time::Offset,
};
use std::time::Instant;

impl Case {
    pub(super) fn on_event(&mut self, event: NodeEvent) {
        match event {
            NodeEvent::Line(output)
            | NodeEvent::Early(output)
            | NodeEvent::Rest(output)
            | NodeEvent::Endless(output)
                if self.heard > self.setup.limits.output.0 =>
            {
                let detail = format!("more than {} of output in one case", self.setup.limits.output);
                self.on_flood(self.now(), output.node, detail, &output.text);
            }
            NodeEvent::Line(output) => self.on_line(&output),
            NodeEvent::Early(output) => self.on_early(&output),
            NodeEvent::Unended(output) => self.on_unended(&output),
            NodeEvent::Rest(output) => {
                self.on_early(&output);
                self.on_unended(&output);
            }
            NodeEvent::Endless(output) => {
                let detail = format!("more than {} MiB without a line end", process::LONGEST_LINE >> 20);
                self.heard += process::LONGEST_LINE as u64;
                self.incident(self.offset(output.at), output.node, IncidentKind::OutputFlood, detail, &output.text);
            }
            NodeEvent::Skipped(node, bytes) => {
                self.heard += bytes as u64;
                if self.heard > self.setup.limits.output.0 {
                    let detail = format!("more than {} of output in one case", self.setup.limits.output);
                    self.on_flood(self.now(), node, detail, b"");
                }
            }
            NodeEvent::LogFlood(node, tail) => {
                let detail = format!("more than {} on stderr", self.setup.limits.output);
                self.on_flood(self.now(), node, detail, tail.as_bytes());
            }
            NodeEvent::Started(node) => self.on_started(self.now(), node),
            NodeEvent::StartFailed(node, why) => {
                self.nodes[node as usize].phase = Phase::Crashed;
                self.incident(
                    self.now(),
                    node,
                    IncidentKind::Crashed,
                    format!("the program could not be started: {why}"),
                    b"",
                );
            }
            NodeEvent::Ended(node, exit) => self.on_ended(self.now(), node, exit),
            NodeEvent::Closed(node, usage) => {
                let (cpu_seconds, peak_memory) = (usage.cpu.as_secs_f64(), usage.peak_memory);
                self.nodes[node as usize].usage = Some(NodeUsage { cpu_seconds, peak_memory });
                self.on_closed(self.now(), node);
            }
            NodeEvent::Stop => self.interrupted = true,
            NodeEvent::Lost(node, why) => self.lost = Some(format!("the sandbox of n{node} was lost: {why}")),
        }
    }

    fn offset(&self, at: Instant) -> Offset {
        at.saturating_duration_since(self.began).into()
    }

    /// A program runs: it is told who it is, and what every node is told first.
    fn on_started(&mut self, now: Offset, node: u32) {
        let ids: Vec<String> = (0..self.setup.stage.nodes).map(|node| format!("n{node}")).collect();
        let init = body("init", [("node_id", format!("n{node}").into()), ("node_ids", ids.into())]);
        let timeout = INIT_TIMEOUT + INIT_TIMEOUT_PER_NODE * self.setup.stage.nodes;
        // The network carries messages to it from now on; they wait for its answer.
        self.links.apply(now, &Fault::Restart(NodeId(node)));
        self.nodes[node as usize].phase = Phase::Opening(1);
        self.invoke(now, Role::Opening, node, &Prepared::new(&init), timeout);
    }

    /// The case has recorded all that it can hold: whoever goes on is stopped.
    fn on_flood(&mut self, now: Offset, node: u32, detail: String, text: &[u8]) {
        let slot = &mut self.nodes[node as usize];
        if !matches!(slot.phase, Phase::Down | Phase::Crashed) {
            slot.process.ask(Control::Kill);
            self.incident(now, node, IncidentKind::OutputFlood, format!("{detail}; the node was stopped"), text);
        }
    }

    fn on_line(&mut self, output: &Output) {
        let (now, node, line) = (self.offset(output.at), output.node, &output.text[..]);
        self.heard += line.len() as u64;
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        match wire::parse(line) {
            Ok(envelope) => self.on_message(now, node, line, &envelope),
            Err(why) => {
                self.incident(now, node, IncidentKind::MalformedOutput, why, line);
                self.hear_out(now, node, line);
            }
        }
    }

    fn on_early(&mut self, output: &Output) {
        self.heard += output.text.len() as u64;
        let (now, node) = (self.offset(output.at), output.node);
        if wire::messages(&output.text).len() > 1 {
            self.incident(now, node, IncidentKind::MalformedOutput, NO_LINE_END.into(), &output.text);
        }
        self.hear_out(now, node, &output.text);
    }

    /// A line without its end is the program's fault, unless it was we who killed it in the middle of one.
    pub(super) fn on_unended(&mut self, output: &Output) {
        let (at, node, line) = (self.offset(output.at), output.node, &output.text[..]);
        if self.nodes[node as usize].phase != Phase::Down {
            self.incident(at, node, IncidentKind::MalformedOutput, NO_LINE_END.into(), line);
        }
    }

    /// Takes the messages out of a line that holds several, or one and something else behind it.
    fn hear_out(&mut self, now: Offset, node: u32, line: &[u8]) {
        for (message, envelope) in wire::messages(line) {
            self.on_message(now, node, message, &envelope);
        }
    }

    fn on_message(&mut self, now: Offset, node: u32, line: &[u8], envelope: &wire::Envelope<'_>) {
        if Party::parse(&envelope.src) != Some(Party::Node(node)) {
            let detail = format!("`src` is {:?}, but this is n{node}", envelope.src);
            self.incident(now, node, IncidentKind::ForgedSource, detail, line);
            return;
        }
        match Party::parse(&envelope.dest) {
            Some(Party::Node(to)) if to < self.setup.stage.nodes => {
                self.links.send(now, node, to, line, envelope.body.get());
                // Without latency it arrives at once.
                self.deliver(now);
            }
            Some(Party::Service(service)) => {
                self.links.send(now, node, service.number(), line, envelope.body.get());
                self.deliver(now);
            }
            Some(Party::Client(client)) if client < self.clients.count() => {
                self.on_reply(now, node, client, line, envelope.body.get());
            }
            _ => {
                let detail =
                    format!("`dest` is {:?}, which is no node, no service and no client that has asked", envelope.dest);
                self.incident(now, node, IncidentKind::UnknownDestination, detail, line);
            }
        }
    }

    fn on_reply(&mut self, now: Offset, node: u32, client: u32, line: &[u8], body: &str) {
        match self.clients.reply(now, client, body) {
            Replied::Operation(index) => self.on_answer(now, index),
            Replied::Late => {}
            Replied::Repeated => {
                let detail = "the request was answered before".to_owned();
                self.incident(now, node, IncidentKind::RepeatedReply, detail, line);
            }
            Replied::Unmatched(why) => self.incident(now, node, IncidentKind::UnmatchedReply, why, line),
        }
    }

    fn on_answer(&mut self, now: Offset, index: usize) {
        let op = &self.clients.history.operations[index];
        let node = op.node;
        let slot = &mut self.nodes[node as usize];
        if slot.open_read == Some(index) {
            slot.open_read = None;
        }
        match op.role {
            Role::Opening => self.on_opened(now, node),
            Role::Work if op.is_ok() => {
                let wrote = self.settling.acknowledged(&op.function, &op.request);
                if wrote {
                    self.kill_doomed(now, node);
                }
            }
            Role::Closing if op.is_ok() => self.settling.read(node, op.reply.as_deref().unwrap_or("")),
            _ => {}
        }
    }

    /// An opening request was answered: the rest is sent after `init_ok`, and after the last one the node is up.
    fn on_opened(&mut self, now: Offset, node: u32) {
        let slot = &mut self.nodes[node as usize];
        let Phase::Opening(open) = slot.phase else { return };
        let first = !std::mem::replace(&mut slot.ready, true);
        let waiting = std::mem::take(&mut slot.waiting);
        let all = self.script.opening.iter().filter(|request| first && request.node == node);
        let requests: Vec<Prepared> = all.map(|request| Prepared::new(&request.body)).collect();
        let open = open - 1 + requests.len();
        slot.phase = if open == 0 { Phase::Up } else { Phase::Opening(open) };
        if open == 0
            && let Some(from) = slot.down_since.take()
        {
            self.summary.down.push(Down { node, from, to: now });
        }
        for body in &requests {
            self.invoke(now, Role::Opening, node, body, INIT_TIMEOUT);
        }
        for line in waiting {
            self.write(now, node, &line);
        }
    }

    /// A cell that nobody has closed: its program has left it no memory to go on with, nor to be started again in.
    fn on_closed(&mut self, now: Offset, node: u32) {
        let slot = &mut self.nodes[node as usize];
        if slot.phase != Phase::Crashed {
            slot.phase = Phase::Crashed;
            let detail = format!("what it left in memory takes up its limit of {}", self.setup.limits.memory);
            self.links.apply(now, &Fault::Kill(NodeId(node)));
            self.incident(now, node, IncidentKind::OutOfMemory, detail, b"");
        }
    }

    fn on_ended(&mut self, now: Offset, node: u32, exit: Exit) {
        let slot = &mut self.nodes[node as usize];
        slot.ended = true;
        slot.process.unplug();
        if slot.phase == Phase::Down {
            if slot.restart
                && let Err(why) = self.start(node)
            {
                self.lost = Some(why);
            }
            return;
        }
        slot.phase = Phase::Crashed;
        let tail = self.nodes[node as usize].process.log_tail();
        let (kind, detail) = incidents::ending(&exit, &self.setup.limits, &tail);
        self.links.apply(now, &Fault::Kill(NodeId(node)));
        self.incident(now, node, kind, detail, tail.as_bytes());
    }

    pub(super) fn incident(&mut self, now: Offset, node: u32, kind: IncidentKind, detail: String, line: &[u8]) {
        if let Some(incident) = self.incidents.note(now, node, kind, detail, line) {
            let _ = self.setup.notices.send(Notice::Incident(incident.clone()));
        }
    }
}

const NO_LINE_END: &str = "no line end after it";
