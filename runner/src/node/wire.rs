//! The message format: one JSON object a line with `src`, `dest` and `body`, as Maelstrom defines it.

use harness::{net::Service, oracle::Body};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, sync::Arc};

/// A line as a node wrote it; the body is not looked into.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// Sender.
    #[serde(borrow)]
    pub src: Cow<'a, str>,
    /// Receiver.
    #[serde(borrow)]
    pub dest: Cow<'a, str>,
    /// Body.
    #[serde(borrow)]
    pub body: &'a RawValue,
}

/// The fields of a reply that decide what becomes of it.
#[derive(Debug, Deserialize)]
pub struct ReplyHead<'a> {
    /// Type of the message.
    #[serde(borrow, rename = "type")]
    pub kind: Option<Text<'a>>,
    /// The request that it answers.
    pub in_reply_to: Option<u64>,
    /// Error code, in a message of type `error`.
    pub code: Option<u32>,
}

/// A string that is copied only if it must be; an optional `Cow` always is.
#[derive(Debug, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// Who a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// A node by its index.
    Node(u32),
    /// A client by its number.
    Client(u32),
    /// A service.
    Service(Service),
}

impl Party {
    /// Reads `n3`, `c12` or `lin-kv`; nothing else is a name.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(service) = Service::parse(name) {
            return Some(Self::Service(service));
        }
        let number = name.get(1..)?;
        let canonical = !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && (number == "0" || !number.starts_with('0'));
        let number = number.parse().ok().filter(|_| canonical)?;
        match name.as_bytes()[0] {
            b'n' => Some(Self::Node(number)),
            b'c' => Some(Self::Client(number)),
            _ => None,
        }
    }
}

/// Reads a line; the error says in words what is wrong with it.
pub fn parse(line: &[u8]) -> Result<Envelope<'_>, String> {
    let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => format!("no message: {error}"),
        _ => format!("not JSON: {error}"),
    })?;
    if !envelope.body.get().starts_with('{') {
        return Err("no message: `body` is not an object".into());
    }
    Ok(envelope)
}

/// The messages in a line that holds several, or something else beside one: each with its own text.
pub fn messages(line: &[u8]) -> Vec<(&[u8], Envelope<'_>)> {
    let mut rest = std::str::from_utf8(line).unwrap_or("");
    let mut found = Vec::new();
    while let Some(start) = rest.find("{\"") {
        rest = &rest[start..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Envelope>();
        let Some(Ok(envelope)) = values.next() else { break };
        let end = values.byte_offset();
        found.push((&rest.as_bytes()[..end], envelope));
        rest = &rest[end..];
    }
    found
}

/// Whether a text without a line end is one message or more, and nothing else: only then is it taken as it is.
pub fn is_complete(text: &[u8]) -> bool {
    let found = messages(text);
    !found.is_empty() && found.iter().map(|(message, _)| message.len()).sum::<usize>() == text.trim_ascii().len()
}

/// The body of a request as JSON, made before its time comes: only its number is missing.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Its `type`.
    pub function: String,
    /// Everything up to the value of `msg_id`, which comes behind the other fields.
    start: String,
}

impl Prepared {
    /// Prepares a body that has no `msg_id` yet.
    pub fn new(body: &Body) -> Self {
        let function = body.get("type").and_then(|kind| kind.as_str()).unwrap_or("").to_owned();
        // A map of values is always JSON.
        let mut start = serde_json::to_string(body).unwrap_or_default();
        start.pop();
        start.push_str(if body.is_empty() { "\"msg_id\":" } else { ",\"msg_id\":" });
        Self { function, start }
    }
}

/// A request of a client as a line, and its body.
pub fn request(client: u32, node: u32, msg_id: u64, body: &Prepared) -> (Vec<u8>, Arc<str>) {
    let mut number = itoa::Buffer::new();
    let mut line = String::with_capacity(body.start.len() + 80);
    line.push_str("{\"src\":\"c");
    line.push_str(number.format(client));
    line.push_str("\",\"dest\":\"n");
    line.push_str(number.format(node));
    line.push_str("\",\"body\":");
    let start = line.len();
    line.push_str(&body.start);
    line.push_str(number.format(msg_id));
    line.push('}');
    let body = line[start..].into();
    line.push_str("}\n");
    (line.into_bytes(), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        assert_eq!(Party::parse("n0"), Some(Party::Node(0)));
        assert_eq!(Party::parse("c12"), Some(Party::Client(12)));
        assert_eq!(Party::parse("lin-kv"), Some(Party::Service(Service::LinKv)));
        for bad in ["", "n", "n-1", "n01", "x1", "n1 ", "n+1", "n99999999999", "é1", "lin", "lin-kv "] {
            assert_eq!(Party::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_request_is_one_line_with_its_id() {
        let line = |body: &Body| {
            let (line, text) = request(3, 0, 7, &Prepared::new(body));
            let parsed = parse(line.strip_suffix(b"\n").unwrap()).unwrap();
            assert_eq!((&*parsed.src, &*parsed.dest, parsed.body.get()), ("c3", "n0", &*text));
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        };
        assert_eq!(line(&Body::new()), serde_json::json!({"msg_id": 7}));
        let echo = harness::oracle::body("echo", [("echo", "{\n".into())]);
        assert_eq!(line(&echo), serde_json::json!({"type": "echo", "echo": "{\n", "msg_id": 7}));
    }

    #[test]
    fn several_messages_in_one_line_are_told_apart() {
        let one = r#"{"src":"n0","dest":"n1","body":{"type":"x"}}"#;
        let both = format!("{one}{one}");
        assert_eq!(messages(both.as_bytes()).len(), 2);
        assert!(is_complete(one.as_bytes()) && is_complete(both.as_bytes()));
        assert_eq!(messages(format!("debug {one}").as_bytes()).len(), 1);
        assert!(
            !is_complete(&one.as_bytes()[..20])
                && !is_complete(&both.as_bytes()[..both.len() - 1])
                && !is_complete(b"")
        );
    }

    #[test]
    fn what_is_no_message_says_why() {
        for (line, word) in [
            (&b"hello"[..], "not JSON"),
            (b"{\"src\":\"n0\"", "not JSON"),
            (b"{\"src\":\"n0\",\"body\":{}}", "dest"),
            (b"{\"src\":\"n0\",\"dest\":\"n1\",\"body\":3}", "not an object"),
            (b"[1]", "no message"),
            (b"\xff", "not UTF-8"),
        ] {
            let error = parse(line).map(|_| ()).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        assert!(parse(br#"{"id":3,"src":"n0","dest":"n1","body":{"type":"x"},"extra":[1]}"#).is_ok());
    }
}
