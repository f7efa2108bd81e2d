//! RESP2, the protocol of Redis: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.
//!
//! | body | command |
//! |---|---|
//! | `read {key}` | `GET key` |
//! | `write {key, value}` | `SET key value` |
//! | `create {key, value}` | `SET key value NX` |
//! | `swap {key, value}` | `GETSET key value` |
//! | `write_both {key, value}` | `MSET key:0 value key:1 value` |
//! | `read_half {key, half}` | `GET key:half` |
//! | `add {key, delta}` | `INCRBY key delta`; of a negative number `DECRBY` |
//! | `append {key, value}` | `APPEND key value` |
//! | `delete {key}` | `DEL key` |
//!
//! Where a body has a `padding` the second of two values that are written together has it behind it.
//!
//! What happens at one moment between `MULTI` and `EXEC` is in [`transaction`].
//!
//! Values are texts on the wire; one that is the only way to write an integer is that integer. A large value is told short:
//! `17~⟨1000000 times⟩` is `17` and a million tildes behind it.

mod transaction;

pub(super) use transaction::Client;

use super::{
    Answer, Loading, Wire, kind, ok,
    padding::{in_full, short},
};
use harness::{oracle::Body, text::excerpt};
use redis_protocol::resp2::{
    decode::decode,
    encode::encode,
    types::{OwnedFrame as Frame, Resp2Frame},
};
use serde_json::{Value, json};

/// The protocol.
pub(super) struct Resp;

impl Wire for Resp {
    /// Redis listens before it has read its files, and answers everything with this error until then.
    fn loading(&self) -> Option<Loading> {
        Some(Loading { question: b"*1\r\n$4\r\nPING\r\n", not_yet: b"-LOADING" })
    }

    fn request(&self, body: &Body) -> Vec<u8> {
        if transaction::is_transaction(body) { transaction::request(body) } else { command(&words(body)) }
    }

    fn reply(&self, request: &Body, answer: &Value) -> Vec<u8> {
        if transaction::is_transaction(request) {
            return transaction::reply(request, answer);
        }
        let number = |name: &str| answer[name].as_i64().unwrap_or(0);
        let delta = request.get("delta").and_then(Value::as_i64).unwrap_or(0);
        bytes(&match kind(request) {
            "read" | "read_half" => bulk(&answer["value"]),
            "swap" => bulk(&answer["before"]),
            "create" if answer["created"] == false => Frame::Null,
            "add" => Frame::Integer(number("before") + delta),
            "append" => Frame::Integer(number("length")),
            "delete" => Frame::Integer(answer["existed"].as_bool().unwrap_or(false).into()),
            _ => status("OK"),
        })
    }

    fn answer(&self, request: &Body, received: &[u8]) -> Result<Option<(Answer, usize)>, String> {
        if transaction::is_transaction(request) {
            return transaction::answer(request, received);
        }
        Ok(frame(received)?.map(|(frame, length)| (answer(request, frame), length)))
    }
}

/// A command as it is sent.
fn command(words: &[String]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.reserve(word.len() + 32);
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn status(text: &str) -> Frame {
    Frame::SimpleString(text.as_bytes().to_vec())
}

fn bulk(value: &Value) -> Frame {
    match value {
        Value::Null => Frame::Null,
        Value::String(text) => Frame::BulkString(text.clone().into_bytes()),
        value => Frame::BulkString(value.to_string().into_bytes()),
    }
}

/// The frame at the beginning of what was received, and its length. No single command here is answered with an array, and
/// one within the other without end is no matter for a decoder.
fn frame(received: &[u8]) -> Result<Option<(Frame, usize)>, String> {
    if received.first() == Some(&b'*') {
        return Err("an array is the answer to a single command".into());
    }
    decode(received).map_err(|error| format!("no RESP: {}", excerpt(&error.to_string(), 120)))
}

/// The same, where an array may be.
fn array(received: &[u8]) -> Result<Option<(Frame, usize)>, String> {
    if received.first() != Some(&b'*') {
        return frame(received);
    }
    let Some(end) = received.iter().take(LONGEST_COUNT).position(|byte| *byte == b'\n') else {
        return if received.len() < LONGEST_COUNT {
            Ok(None)
        } else {
            Err("no RESP: an array without a length".into())
        };
    };
    let line = received[1..end].strip_suffix(b"\r").unwrap_or_default();
    if line == b"-1" {
        return Ok(Some((Frame::Null, end + 1)));
    }
    let digits =
        Some(line).filter(|line| line.iter().all(u8::is_ascii_digit)).and_then(|line| std::str::from_utf8(line).ok());
    let count = match digits.and_then(|digits| digits.parse().ok()) {
        Some(count @ 0..=MOST_ELEMENTS) => count,
        Some(count) => return Err(format!("the answer is an array of {count}")),
        None => return Err("no RESP: an array without a length".into()),
    };
    let (mut length, mut elements) = (end + 1, Vec::new());
    for _ in 0..count {
        let Some((element, taken)) = frame(&received[length..])? else { return Ok(None) };
        length += taken;
        elements.push(element);
    }
    Ok(Some((Frame::Array(elements), length)))
}

/// The longest line that says how long an array is, and the longest array that is read.
const LONGEST_COUNT: usize = 24;
const MOST_ELEMENTS: u64 = 16;

fn bytes(frame: &Frame) -> Vec<u8> {
    let mut bytes = vec![0; frame.encode_len(false)];
    // It fails only where the buffer is too short, which has the length that was asked for.
    let length = encode(&mut bytes, frame, false).unwrap_or(0);
    bytes.truncate(length);
    bytes
}

/// A field of a body as it is on the wire.
fn text(body: &Body, name: &str) -> String {
    match body.get(name) {
        Some(Value::String(text)) => in_full(text),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

fn words(body: &Body) -> Vec<String> {
    let text = |name: &str| text(body, name);
    let delta = body.get("delta").and_then(Value::as_i64).unwrap_or(0);
    let (key, value) = (|| text("key"), || text("value"));
    let half = |half: &str| format!("{}:{half}", text("key"));
    let (command, rest) = match kind(body) {
        "read" => ("GET", vec![key()]),
        "read_half" => ("GET", vec![half(&text("half"))]),
        "write" => ("SET", vec![key(), value()]),
        "write_both" => ("MSET", vec![half("0"), value(), half("1"), in_full(&(value() + padding(body)))]),
        "create" => ("SET", vec![key(), value(), "NX".into()]),
        "swap" => ("GETSET", vec![key(), value()]),
        "add" if delta < 0 => ("DECRBY", vec![key(), delta.unsigned_abs().to_string()]),
        "add" => ("INCRBY", vec![key(), delta.to_string()]),
        "append" => ("APPEND", vec![key(), value()]),
        "delete" => ("DEL", vec![key()]),
        other => (other, Vec::new()),
    };
    std::iter::once(command.to_owned()).chain(rest).collect()
}

fn answer(request: &Body, frame: Frame) -> Answer {
    let ok = |fields| ok(request, fields);
    match (kind(request), frame) {
        (_, Frame::Error(text)) => Answer::Refused(text),
        ("read" | "read_half", Frame::Null) => ok(json!({ "value": null })),
        ("read" | "read_half", Frame::BulkString(bytes)) => {
            ok(json!({ "value": without(padding(request), value(&bytes)) }))
        }
        ("swap", Frame::Null) => ok(json!({ "before": null })),
        ("swap", Frame::BulkString(bytes)) => ok(json!({ "before": value(&bytes) })),
        ("create", Frame::Null) => ok(json!({ "created": false })),
        ("create", Frame::SimpleString(text)) if text == b"OK" => ok(json!({ "created": true })),
        ("write" | "write_both", Frame::SimpleString(text)) if text == b"OK" => ok(json!({})),
        ("add", Frame::Integer(after)) => {
            let delta = request.get("delta").and_then(Value::as_i64).unwrap_or(0);
            ok(json!({ "before": after.wrapping_sub(delta) }))
        }
        ("append", Frame::Integer(length)) => ok(json!({ "length": length })),
        ("delete", Frame::Integer(count @ 0..=1)) => ok(json!({ "existed": count == 1 })),
        (_, frame) => Answer::Wrong(format!("`{}` is answered with {}", words(request)[0], show(&frame))),
    }
}

/// An integer where the text is how an integer is written, otherwise the text.
fn value(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes);
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => number.into(),
        _ => short(&text).into(),
    }
}

/// What is behind a value, if anything is to be.
fn padding(body: &Body) -> &str {
    body.get("padding").and_then(Value::as_str).unwrap_or_default()
}

/// A value without what is to be behind it; one that lacks it is another value.
fn without(padding: &str, value: Value) -> Value {
    match value.as_str().and_then(|text| text.strip_suffix(padding)) {
        Some(text) => text.into(),
        None => value,
    }
}

fn show(frame: &Frame) -> String {
    let text = |bytes: &[u8]| excerpt(&String::from_utf8_lossy(bytes), 60);
    match frame {
        Frame::SimpleString(bytes) => format!("the simple string `{}`", text(bytes)),
        Frame::BulkString(bytes) => format!("the bulk string `{}`", text(bytes)),
        Frame::Error(error) => format!("the error `{}`", excerpt(error, 60)),
        Frame::Integer(number) => format!("the integer {number}"),
        Frame::Array(list) => format!("an array of {}", list.len()),
        Frame::Null => "nil".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::oracle::body;
    use proptest::prelude::*;

    fn read() -> Body {
        body("read", [("key", "k".into())])
    }

    fn told(request: &Body, bytes: &[u8]) -> Answer {
        let (answer, length) = Resp.answer(request, bytes).unwrap().unwrap();
        assert_eq!(length, bytes.len());
        answer
    }

    #[test]
    fn requests_are_arrays_of_bulk_strings() {
        assert_eq!(Resp.request(&read()), b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
        let write = body("write", [("key", "k".into()), ("value", "a\r\nb".into())]);
        assert_eq!(Resp.request(&write), b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n");
        let add = body("add", [("key", "c".into()), ("delta", 5.into())]);
        assert_eq!(Resp.request(&add), b"*3\r\n$6\r\nINCRBY\r\n$1\r\nc\r\n$1\r\n5\r\n");
        let take = body("add", [("key", "c".into()), ("delta", (-5).into())]);
        assert_eq!(Resp.request(&take), b"*3\r\n$6\r\nDECRBY\r\n$1\r\nc\r\n$1\r\n5\r\n");
        let both = body("write_both", [("key", "m".into()), ("value", 7.into())]);
        assert_eq!(Resp.request(&both), b"*5\r\n$4\r\nMSET\r\n$3\r\nm:0\r\n$1\r\n7\r\n$3\r\nm:1\r\n$1\r\n7\r\n");
        let half = body("read_half", [("key", "m".into()), ("half", 1.into())]);
        assert_eq!(Resp.request(&half), b"*2\r\n$3\r\nGET\r\n$3\r\nm:1\r\n");
        let create = body("create", [("key", "k".into()), ("value", 7.into())]);
        assert_eq!(Resp.request(&create), b"*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n7\r\n$2\r\nNX\r\n");
    }

    #[test]
    fn answers_are_told_in_the_words_of_the_record() {
        assert_eq!(told(&read(), b"$-1\r\n"), Answer::Ok(json!({"type": "read_ok", "value": null})));
        assert_eq!(told(&read(), b"$2\r\n17\r\n"), Answer::Ok(json!({"type": "read_ok", "value": 17})));
        assert_eq!(told(&read(), b"$3\r\n017\r\n"), Answer::Ok(json!({"type": "read_ok", "value": "017"})));
        let add = body("add", [("key", "c".into()), ("delta", 5.into())]);
        assert_eq!(told(&add, b":7\r\n"), Answer::Ok(json!({"type": "add_ok", "before": 2})));
        assert_eq!(told(&add, b"-ERR no number\r\n"), Answer::Refused("ERR no number".into()));
        let delete = body("delete", [("key", "k".into())]);
        assert_eq!(told(&delete, b":1\r\n"), Answer::Ok(json!({"type": "delete_ok", "existed": true})));
        assert!(matches!(told(&delete, b":2\r\n"), Answer::Wrong(_)));
        assert!(Resp.answer(&read(), "*1\r\n".repeat(100_000).as_bytes()).is_err_and(|why| why.contains("an array")));
        for wrong in [&b"+OK\r\n"[..], b":1\r\n"] {
            assert!(matches!(told(&read(), wrong), Answer::Wrong(why) if why.starts_with("`GET` is answered with")));
        }
        assert!(Resp.answer(&read(), b"hello\r\n").is_err());
    }

    /// What a right server sends is what its answer is told from.
    #[test]
    fn replies_are_what_answers_are_read_from() {
        let key = || ("key", "k".into());
        let cases = [
            (read(), json!({"type": "read_ok", "value": null})),
            (read(), json!({"type": "read_ok", "value": 17})),
            (read(), json!({"type": "read_ok", "value": "seventeen\r\n"})),
            (body("write", [key(), ("value", "v".into())]), json!({"type": "write_ok"})),
            (body("add", [key(), ("delta", 5.into())]), json!({"type": "add_ok", "before": -2})),
            (body("append", [key(), ("value", "v".into())]), json!({"type": "append_ok", "length": 9})),
            (body("add", [key(), ("delta", (-5).into())]), json!({"type": "add_ok", "before": 7})),
            (body("create", [key(), ("value", "v".into())]), json!({"type": "create_ok", "created": true})),
            (body("create", [key(), ("value", "v".into())]), json!({"type": "create_ok", "created": false})),
            (body("write_both", [key(), ("value", "v".into())]), json!({"type": "write_both_ok"})),
            (body("read_half", [key(), ("half", 1.into())]), json!({"type": "read_half_ok", "value": 17})),
            (body("swap", [key(), ("value", "v".into())]), json!({"type": "swap_ok", "before": 17})),
            (body("swap", [key(), ("value", "v".into())]), json!({"type": "swap_ok", "before": null})),
            (body("delete", [key()]), json!({"type": "delete_ok", "existed": true})),
            (body("delete", [key()]), json!({"type": "delete_ok", "existed": false})),
        ];
        for (request, answer) in cases {
            assert_eq!(told(&request, &Resp.reply(&request, &answer)), Answer::Ok(answer));
        }
    }

    #[test]
    fn the_second_of_two_values_may_be_large() {
        let padding = || ("padding", "~⟨1000 times⟩".into());
        let both = body("write_both", [("key", "m".into()), ("value", "v".into()), padding()]);
        let large = format!("$1001\r\nv{}\r\n", "~".repeat(1_000));
        let sent = format!("*5\r\n$4\r\nMSET\r\n$3\r\nm:0\r\n$1\r\nv\r\n$3\r\nm:1\r\n{large}");
        assert_eq!(Resp.request(&both), sent.as_bytes());
        let half = body("read_half", [("key", "m".into()), ("half", 1.into()), padding()]);
        let told = |bytes: &str| told(&half, bytes.as_bytes());
        let value = |value: Value| Answer::Ok(json!({"type": "read_half_ok", "value": value}));
        assert_eq!(told(&large), value("v".into()));
        assert_eq!(told("$-1\r\n"), value(Value::Null));
        let cut = format!("$901\r\nv{}\r\n", "~".repeat(900));
        assert_eq!(told(&cut), value("v~⟨900 times⟩".into()), "a part of it is another value");
    }

    #[test]
    fn large_values_are_told_short() {
        let write = body("write", [("key", "k".into()), ("value", "17~⟨1000 times⟩".into())]);
        let sent = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1002\r\n17{}\r\n", "~".repeat(1000));
        assert_eq!(Resp.request(&write), sent.as_bytes());
        let answer = |length: usize| format!("${length}\r\n17{}\r\n", "~".repeat(length - 2));
        assert_eq!(
            told(&read(), answer(1002).as_bytes()),
            Answer::Ok(json!({"type": "read_ok", "value": "17~⟨1000 times⟩"}))
        );
        assert_eq!(
            told(&read(), answer(1001).as_bytes()),
            Answer::Ok(json!({"type": "read_ok", "value": "17~⟨999 times⟩"}))
        );
        assert_eq!(told(&read(), b"$5\r\n17~~~\r\n"), Answer::Ok(json!({"type": "read_ok", "value": "17~~~"})));
    }

    proptest! {
        /// Whatever arrives in whatever pieces: it is an answer, the beginning of one, or none, and never a panic.
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _any = Resp.answer(&read(), &bytes);
        }

        #[test]
        fn an_answer_is_complete_with_its_last_byte(text in "[ -~\r\n]{0,40}") {
            let whole = format!("${}\r\n{text}\r\n", text.len());
            for end in 0..whole.len() {
                prop_assert_eq!(Resp.answer(&read(), &whole.as_bytes()[..end]), Ok(None));
            }
            prop_assert!(matches!(Resp.answer(&read(), whole.as_bytes()), Ok(Some((Answer::Ok(_), _)))));
        }
    }
}
