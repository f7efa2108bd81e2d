//! Clients: requests under way, their replies, and the history that comes of them.

use super::wire::{self, Prepared, ReplyHead};
use harness::{
    calls::{Call, Calls, Outcome, Role, cell, is_definite},
    time::Offset,
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    sync::Arc,
    time::Duration,
};

/// All clients of a case.
#[derive(Debug, Default)]
pub struct Clients {
    /// Everything they asked and were told.
    pub history: Calls,
    /// Of each operation whether it still waits for its reply. The `msg_id` of an operation is its index and one.
    open: Vec<bool>,
    /// How many requests of the workload do.
    working: usize,
    /// Open operations by deadline; answered ones are skipped when their time comes.
    deadlines: VecDeque<(Offset, usize)>,
    idle: BinaryHeap<Reverse<u32>>,
    count: u32,
    functions: Vec<Arc<str>>,
}

/// What became of a reply.
#[derive(Debug, PartialEq, Eq)]
pub enum Replied {
    /// It answered this operation.
    Operation(usize),
    /// The request had been given up already; nothing wrong with that.
    Late,
    /// It answered a request that was answered before.
    Repeated,
    /// It answers nothing that this client asked; why.
    Unmatched(String),
}

impl Clients {
    /// Makes a request: the line to hand to the node, and the operation's index.
    pub fn invoke(
        &mut self,
        now: Offset,
        role: Role,
        node: u32,
        body: &Prepared,
        timeout: Duration,
    ) -> (Vec<u8>, usize) {
        let client = self.idle.pop().map_or(self.count, |Reverse(client)| client);
        self.count = self.count.max(client + 1);
        let index = self.history.operations.len();
        let (line, text) = wire::request(client, node, index as u64 + 1, body);
        let function = self.function(&body.function);
        self.history.operations.push(Call {
            client,
            node,
            role,
            function,
            invoked: now,
            returned: None,
            outcome: Outcome::Unknown(None),
            request: text,
            reply: None,
        });
        self.open.push(true);
        self.working += usize::from(role == Role::Work);
        let deadline = now + timeout;
        // Timeouts differ between roles, so the queue is kept in order by insertion from the back.
        let at = self.deadlines.iter().rposition(|(other, _)| *other <= deadline).map_or(0, |at| at + 1);
        self.deadlines.insert(at, (deadline, index));
        (line, index)
    }

    /// Takes a reply to a client.
    pub fn reply(&mut self, now: Offset, client: u32, body: &str) -> Replied {
        let head: ReplyHead = match serde_json::from_str(body) {
            Ok(head) => head,
            Err(error) => return Replied::Unmatched(format!("the reply's fields are not as they should be: {error}")),
        };
        let Some(msg_id) = head.in_reply_to else {
            return Replied::Unmatched("a message to a client without `in_reply_to`".into());
        };
        let index = msg_id.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        let asked = index.and_then(|index| Some((index, self.history.operations.get_mut(index)?)));
        let Some((index, op)) = asked.filter(|(_, op)| op.client == client) else {
            return Replied::Unmatched(format!("`in_reply_to` is {msg_id}, which c{client} never asked"));
        };
        if !std::mem::take(&mut self.open[index]) {
            return if op.returned.is_some() { Replied::Repeated } else { Replied::Late };
        }
        self.working -= usize::from(op.role == Role::Work);
        op.returned = Some(now);
        op.reply = Some(cell(body).into());
        op.outcome = match (head.kind.as_ref().map(|kind| &*kind.0), head.code) {
            (Some("error"), Some(code)) if is_definite(code) => Outcome::Failed(code),
            (Some("error"), code) => Outcome::Unknown(code),
            _ => Outcome::Ok,
        };
        self.idle.push(Reverse(client));
        Replied::Operation(index)
    }

    /// Gives up requests whose time is over; a client whose request got no reply never asks again, as its reply may
    /// still come.
    pub fn expire(&mut self, now: Offset) -> Vec<usize> {
        let mut expired = Vec::new();
        while let Some((_, index)) = self.deadlines.pop_front_if(|(deadline, _)| *deadline <= now) {
            if std::mem::take(&mut self.open[index]) {
                self.working -= usize::from(self.history.operations[index].role == Role::Work);
                expired.push(index);
            }
        }
        expired
    }

    /// When the next request is given up.
    pub fn next_deadline(&mut self) -> Option<Offset> {
        while self.deadlines.pop_front_if(|(_, index)| !self.open[*index]).is_some() {}
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// Whether any request of the workload still waits for its reply.
    pub fn is_working(&self) -> bool {
        self.working > 0
    }

    /// How many clients there have been.
    pub fn count(&self) -> u32 {
        self.count
    }

    fn function(&mut self, name: &str) -> Arc<str> {
        match self.functions.iter().find(|known| &***known == name) {
            Some(known) => known.clone(),
            None => {
                self.functions.push(name.into());
                name.into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::oracle::body;

    const SECOND: Duration = Duration::from_secs(1);

    fn ask(clients: &mut Clients, at: u64) -> usize {
        let read = Prepared::new(&body("read", []));
        clients.invoke(Offset::from_millis(at), Role::Work, 0, &read, SECOND).1
    }

    fn answer(clients: &mut Clients, client: u32, msg_id: u64) -> Replied {
        clients.reply(Offset::from_millis(5), client, &format!(r#"{{"type":"read_ok","in_reply_to":{msg_id}}}"#))
    }

    #[test]
    fn a_client_asks_one_thing_at_a_time() {
        let mut clients = Clients::default();
        ask(&mut clients, 0);
        ask(&mut clients, 1);
        assert_eq!(clients.count(), 2);
        assert_eq!(answer(&mut clients, 0, 1), Replied::Operation(0));
        ask(&mut clients, 2);
        assert_eq!(clients.count(), 2, "the idle client asks again");
    }

    #[test]
    fn replies_are_matched_exactly() {
        let mut clients = Clients::default();
        ask(&mut clients, 0);
        assert!(matches!(answer(&mut clients, 0, 99), Replied::Unmatched(_)));
        assert!(matches!(answer(&mut clients, 1, 1), Replied::Unmatched(_)), "another client's request");
        assert!(matches!(answer(&mut clients, 0, 0), Replied::Unmatched(_)));
        assert!(matches!(clients.reply(Offset(1), 0, r#"{"type":"x"}"#), Replied::Unmatched(_)));
        assert!(matches!(clients.reply(Offset(1), 0, r#"{"in_reply_to":"1"}"#), Replied::Unmatched(_)));
        assert_eq!(answer(&mut clients, 0, 1), Replied::Operation(0));
        assert_eq!(answer(&mut clients, 0, 1), Replied::Repeated);
    }

    #[test]
    fn a_request_is_given_up_in_time_and_its_reply_is_late() {
        let mut clients = Clients::default();
        ask(&mut clients, 0);
        assert_eq!(clients.next_deadline(), Some(Offset::from_millis(1000)));
        assert!(clients.expire(Offset::from_millis(999)).is_empty());
        assert_eq!(clients.expire(Offset::from_millis(1000)), [0]);
        assert_eq!(answer(&mut clients, 0, 1), Replied::Late);
        assert_eq!(clients.history.operations[0].outcome, Outcome::Unknown(None));
    }

    #[test]
    fn errors_are_definite_or_not() {
        for (code, outcome) in
            [(20, Outcome::Failed(20)), (13, Outcome::Unknown(Some(13))), (1000, Outcome::Unknown(Some(1000)))]
        {
            let mut clients = Clients::default();
            ask(&mut clients, 0);
            clients.reply(Offset(1), 0, &format!(r#"{{"type":"error","code":{code},"in_reply_to":1}}"#));
            assert_eq!(clients.history.operations[0].outcome, outcome);
        }
    }
}
