//! What the members of a chat room said and heard, as the record of a case has it.
//!
//! | call | role | reply | |
//! |---|---|---|---|
//! | `join {name}` | work | `list` | the line that the member was told when it had said its name |
//! | `say {text}` | work | | a line that was sent to the server |
//! | `leave {}` | work | | the member ended its connection |
//! | `hear {}` | probe | `from`, `text` or `notice` | a line that the member was sent: a message of somebody's, or a line of the server's |
//!
//! A client is one member, from its joining to its end: whoever joins again is another client with another name.

use crate::{calls::Call, text::excerpt, time::Offset};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// How long after something has happened everybody knows of it at the latest.
pub const GRACE: u64 = 2_000_000_000;

/// Something that a member said.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// As it was recorded.
    pub call: &'a Call,
    /// What was said; nobody says the same twice.
    pub text: String,
    /// Who said it, as a place in [`Room::members`].
    pub by: usize,
}

/// A line that a member was sent.
#[derive(Debug, Clone)]
pub struct Heard<'a> {
    /// As it was recorded.
    pub call: &'a Call,
    /// The name of who is said to have said it; none for a line of the server's.
    pub from: Option<String>,
    /// What it says.
    pub text: String,
}

/// A member.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// Its name.
    pub name: String,
    /// The call by which it joined.
    pub join: &'a Call,
    /// What it was told then; none where nothing came in time.
    pub list: Option<String>,
    /// The call by which it left, if it did.
    pub leave: Option<&'a Call>,
    /// What it was sent, in that order.
    pub heard: Vec<Heard<'a>>,
}

/// All members of a room, and all that they said.
#[derive(Debug, Clone, Default)]
pub struct Room<'a> {
    /// In the order in which they asked to join.
    pub members: Vec<Member<'a>>,
    /// In the order in which they were said.
    pub messages: Vec<Message<'a>>,
}

impl Member<'_> {
    /// From when on it was certainly in the room; never where nobody knows.
    pub fn since(&self) -> u64 {
        self.join.returned.filter(|_| self.list.is_some()).map_or(u64::MAX, |at| at.0)
    }

    /// When it left.
    pub fn until(&self) -> u64 {
        self.leave.map_or(u64::MAX, |leave| leave.invoked.0)
    }

    /// Whether it was certainly there at a time, and stayed long enough to hear of what happened then.
    pub fn surely_hears(&self, at: Offset) -> bool {
        self.since() < at.0 && at.0.saturating_add(GRACE) < self.until()
    }
}

impl<'a> Room<'a> {
    /// Of a case's calls; an error says which call is none, by its index, and why.
    pub fn of(calls: &'a [Call]) -> Result<Self, (usize, String)> {
        let mut room = Self::default();
        let mut places: HashMap<u32, usize> = HashMap::new();
        for (index, call) in calls.iter().enumerate() {
            room.take(call, &mut places).map_err(|why| (index, why))?;
        }
        Ok(room)
    }

    fn take(&mut self, call: &'a Call, places: &mut HashMap<u32, usize>) -> Result<(), String> {
        if call.was_not_made() {
            return Ok(());
        }
        let json = |text: &str| serde_json::from_str(text).map_err(|_| format!("`{}` is no JSON", excerpt(text, 80)));
        let request: Value = json(&call.request)?;
        let reply: Value = call.reply.as_deref().map(json).transpose()?.unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if &*call.function == "join" {
            let name = text(&request["name"]).ok_or("expected a `name`")?;
            places.insert(call.client, self.members.len());
            let list = text(&reply["list"]);
            self.members.push(Member { name, join: call, list, leave: None, heard: Vec::new() });
            return Ok(());
        }
        let place = *places.get(&call.client).ok_or_else(|| format!("c{} has not joined", call.client))?;
        let member = &mut self.members[place];
        match &*call.function {
            "say" => {
                let text = text(&request["text"]).ok_or("expected a `text`")?;
                self.messages.push(Message { call, text, by: place });
            }
            "leave" => member.leave = Some(call),
            "hear" => {
                let from = text(&reply["from"]);
                let said = text(&reply[if from.is_some() { "text" } else { "notice" }]);
                member.heard.push(Heard { call, from, text: said.ok_or("expected a `text` or a `notice`")? });
            }
            other => return Err(format!("`{}` is nothing that is done in a chat room", excerpt(other, 40))),
        }
        Ok(())
    }

    /// The places of messages by their texts.
    pub fn by_text(&self) -> HashMap<&str, usize> {
        self.messages.iter().enumerate().map(|(place, message)| (&*message.text, place)).collect()
    }

    /// The members by their names.
    pub fn names(&self) -> Names<'_> {
        Names(self.members.iter().enumerate().map(|(place, member)| (&*member.name, place)).collect())
    }
}

/// The places of members by their names.
pub struct Names<'r>(HashMap<&'r str, usize>);

impl Names<'_> {
    /// Those whose names are words of a line, each once.
    pub fn in_line(&self, line: &str) -> BTreeSet<usize> {
        let words = line.split(|letter: char| !letter.is_ascii_alphanumeric());
        words.filter_map(|word| self.0.get(word).copied()).collect()
    }
}
