//! Clients: requests under way, their replies, and the history that comes of them.

use super::wire::{self, ReplyHead};
use harness::{
    history::{History, Operation, Outcome, Role, is_definite},
    oracle::Body,
    time::Offset,
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

/// All clients of a case.
#[derive(Debug, Default)]
pub struct Clients {
    /// Everything they asked and were told.
    pub history: History,
    open: HashMap<u64, usize>,
    /// Open requests by deadline; answered ones are skipped when their time comes.
    deadlines: VecDeque<(Offset, u64)>,
    /// For each `msg_id` the client that used it.
    owners: Vec<u32>,
    idle: BTreeSet<u32>,
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
    pub fn invoke(&mut self, now: Offset, role: Role, node: u32, body: &Body, timeout: Duration) -> (Vec<u8>, usize) {
        let client = self.idle.pop_first().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        let msg_id = self.owners.len() as u64 + 1;
        self.owners.push(client);
        let (line, text) = wire::request(client, node, msg_id, body);
        let function = self.function(body);
        let index = self.history.operations.len();
        self.history.operations.push(Operation {
            client,
            node,
            role,
            function,
            invoked: now,
            returned: None,
            outcome: Outcome::Unknown(None),
            request: text.into(),
            reply: None,
        });
        self.open.insert(msg_id, index);
        let deadline = now + timeout;
        // Timeouts differ between roles, so the queue is kept in order by insertion from the back.
        let at = self.deadlines.iter().rposition(|(other, _)| *other <= deadline).map_or(0, |at| at + 1);
        self.deadlines.insert(at, (deadline, msg_id));
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
        let owner = msg_id.checked_sub(1).and_then(|index| self.owners.get(usize::try_from(index).ok()?));
        if owner != Some(&client) {
            return Replied::Unmatched(format!("`in_reply_to` is {msg_id}, which c{client} never asked"));
        }
        let Some(index) = self.open.remove(&msg_id) else {
            let known = self.history.operations.iter().any(|op| op.returned.is_some() && is_request(op, msg_id));
            return if known { Replied::Repeated } else { Replied::Late };
        };
        let op = &mut self.history.operations[index];
        op.returned = Some(now);
        op.reply = Some(body.into());
        op.outcome = match (head.kind.as_deref(), head.code) {
            (Some("error"), Some(code)) if is_definite(code) => Outcome::Failed(code),
            (Some("error"), code) => Outcome::Unknown(code),
            _ => Outcome::Ok,
        };
        self.idle.insert(client);
        Replied::Operation(index)
    }

    /// Gives up requests whose time is over; a client whose request got no reply never asks again, as its reply may
    /// still come.
    pub fn expire(&mut self, now: Offset) -> Vec<usize> {
        let mut expired = Vec::new();
        while let Some((_, msg_id)) = self.deadlines.pop_front_if(|(deadline, _)| *deadline <= now) {
            expired.extend(self.open.remove(&msg_id));
        }
        expired
    }

    /// When the next request is given up.
    pub fn next_deadline(&mut self) -> Option<Offset> {
        while self.deadlines.pop_front_if(|(_, msg_id)| !self.open.contains_key(msg_id)).is_some() {}
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// Whether any request of the workload still waits for its reply.
    pub fn is_working(&self) -> bool {
        self.open.values().any(|index| self.history.operations[*index].role == Role::Work)
    }

    /// How many clients there have been.
    pub fn count(&self) -> u32 {
        self.count
    }

    fn function(&mut self, body: &Body) -> Arc<str> {
        let name = body.get("type").and_then(|kind| kind.as_str()).unwrap_or("");
        match self.functions.iter().find(|known| &***known == name) {
            Some(known) => known.clone(),
            None => {
                self.functions.push(name.into());
                name.into()
            }
        }
    }
}

fn is_request(op: &Operation, msg_id: u64) -> bool {
    harness::checker::field_of(&op.request, "msg_id").and_then(|id| id.as_u64()) == Some(msg_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::oracle::body;

    const SECOND: Duration = Duration::from_secs(1);

    fn ask(clients: &mut Clients, at: u64) -> usize {
        clients.invoke(Offset::from_millis(at), Role::Work, 0, &body("read", []), SECOND).1
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
