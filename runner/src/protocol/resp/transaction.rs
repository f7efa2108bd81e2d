//! Transactions of RESP: what is between `MULTI` and `EXEC` happens at one moment. A server may have them or not, so each
//! client asks for an empty one first, and says with single commands what it would have said in a transaction where there
//! are none.
//!
//! | body | commands |
//! |---|---|
//! | `begin` | `MULTI`, `EXEC` |
//! | `write_both {key, value, transaction}` | `MULTI`, `SET key:0 value`, `SET key:1 value`, `EXEC` |
//! | `read_both {key}` | `MULTI`, `GET key:0`, `GET key:1`, `EXEC` |

use super::{Frame, Resp, Wire, array, command, frame, show, text, value};
use crate::protocol::{Answer, Speaker, kind, ok};
use harness::oracle::{Body, body};
use serde_json::{Value, json};

/// The longest answer to a transaction, in bytes: it has two values, and they are short.
const LONGEST: usize = 16 << 10;
/// What asks for an empty transaction.
const BEGIN: &str = "begin";

/// A client that finds out whether the server has transactions.
#[derive(Default)]
pub(in crate::protocol) struct Client {
    offered: Option<bool>,
    /// Whether it has asked, and was not answered yet.
    asks: bool,
}

impl Speaker for Client {
    fn prepare(&mut self, script: &Body) -> Option<Body> {
        Some(match self.offered {
            _ if !is_transaction(script) => script.clone(),
            None => {
                self.asks = true;
                body(BEGIN, [])
            }
            Some(true) => script.clone(),
            Some(false) => single(script),
        })
    }

    fn request(&mut self, body: &Body) -> Vec<u8> {
        Resp.request(body)
    }

    fn answer(&mut self, body: &Body, received: &[u8]) -> Result<Option<(Answer, usize)>, String> {
        let answer = Resp.answer(body, received)?;
        if let Some((Answer::Ok(reply), _)) = &answer
            && kind(body) == BEGIN
        {
            self.offered = reply["offered"].as_bool();
        }
        self.asks &= answer.is_none();
        Ok(answer)
    }

    fn hung_up(&mut self) -> Vec<Body> {
        // Who hangs up on a question for transactions has none.
        if std::mem::take(&mut self.asks) {
            self.offered = Some(false);
        }
        Vec::new()
    }
}

/// Whether a request is made of several commands.
pub(super) fn is_transaction(body: &Body) -> bool {
    matches!(kind(body), BEGIN | "read_both") || body.get("transaction") == Some(&Value::Bool(true))
}

/// What is asked instead of a server without transactions.
fn single(script: &Body) -> Body {
    let mut single = script.clone();
    single.remove("transaction");
    if kind(script) == "read_both" {
        single.insert("type".into(), "read_half".into());
        single.insert("half".into(), 0.into());
    }
    single
}

/// The commands between `MULTI` and `EXEC`.
fn inner(body: &Body) -> Vec<Vec<String>> {
    let half = |half: u8| format!("{}:{half}", text(body, "key"));
    let command = |half_of: u8| match kind(body) {
        "read_both" => vec!["GET".to_owned(), half(half_of)],
        _ => vec!["SET".to_owned(), half(half_of), text(body, "value")],
    };
    if kind(body) == BEGIN { Vec::new() } else { [0, 1].map(command).to_vec() }
}

/// A transaction as it is sent: at once, as clients of Redis do.
pub(super) fn request(body: &Body) -> Vec<u8> {
    let word = |word: &str| command(&[word.to_owned()]);
    let inner = inner(body).iter().flat_map(|words| command(words)).collect();
    [word("MULTI"), inner, word("EXEC")].concat()
}

/// The right answer, as it is sent.
pub(super) fn reply(body: &Body, answer: &Value) -> Vec<u8> {
    let element = |half: usize| match kind(body) {
        "read_both" => super::bulk(answer["value"].get(half).unwrap_or(&answer["value"])),
        _ => super::status("OK"),
    };
    let inner = inner(body).len();
    let queued = vec![super::status("QUEUED"); inner];
    let all = Frame::Array((0..inner).map(element).collect());
    [super::status("OK")].into_iter().chain(queued).chain([all]).flat_map(|frame| super::bytes(&frame)).collect()
}

/// The answer at the beginning of what was received: one to each command, and that to `EXEC` has one of each between.
pub(super) fn answer(body: &Body, received: &[u8]) -> Result<Option<(Answer, usize)>, String> {
    // It is read from its beginning each time that more has come, so it has to be short.
    if received.len() > LONGEST {
        return Err(format!("more than {LONGEST} bytes are the answer to a transaction"));
    }
    let inner = inner(body).len();
    let mut told = Vec::new();
    let mut length = 0;
    for _ in 0..=inner {
        let Some((frame, taken)) = frame(&received[length..])? else { return Ok(None) };
        length += taken;
        told.push(frame);
    }
    let Some((executed, taken)) = array(&received[length..])? else { return Ok(None) };
    Ok(Some((meaning(body, &told, executed), length + taken)))
}

fn meaning(body: &Body, told: &[Frame], executed: Frame) -> Answer {
    let is = |frame: &Frame, text: &str| matches!(frame, Frame::SimpleString(bytes) if bytes == text.as_bytes());
    let ok = |fields| ok(body, fields);
    let wrong = |command: &str, frame: &Frame| Answer::Wrong(format!("`{command}` is answered with {}", show(frame)));
    let is_error = |frame: &Frame| matches!(frame, Frame::Error(_));
    if kind(body) == BEGIN && is_error(&told[0]) && is_error(&executed) {
        return ok(json!({ "offered": false }));
    }
    if !is(&told[0], "OK") {
        return wrong("MULTI", &told[0]);
    }
    // One that was executed at once has an effect, whatever EXEC says.
    if let Some(frame) = told[1..].iter().find(|frame| !is(frame, "QUEUED") && !is_error(frame)) {
        return wrong("a command behind MULTI", frame);
    }
    match (kind(body), &executed) {
        (BEGIN, Frame::Array(list)) if list.is_empty() => ok(json!({ "offered": true })),
        (BEGIN, frame) => wrong("EXEC", frame),
        (_, Frame::Error(text)) => Answer::Refused(text.clone()),
        (_, frame) if told.iter().any(is_error) => wrong("EXEC", frame),
        ("read_both", Frame::Array(list)) => {
            let values: Option<Vec<Value>> = list.iter().map(read).collect();
            match values.as_deref() {
                // Both are always written together, so what differs is nobody's value.
                Some([one, other]) if one == other => ok(json!({ "value": one })),
                Some(both @ [_, _]) => ok(json!({ "value": both })),
                _ => wrong("EXEC", &executed),
            }
        }
        (_, Frame::Array(list)) if list.len() == 2 && list.iter().all(|frame| is(frame, "OK")) => ok(json!({})),
        _ => wrong("EXEC", &executed),
    }
}

fn read(frame: &Frame) -> Option<Value> {
    match frame {
        Frame::Null => Some(Value::Null),
        Frame::BulkString(bytes) => Some(value(bytes)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_both() -> Body {
        body("read_both", [("key", "m".into())])
    }

    fn write_both() -> Body {
        body("write_both", [("key", "m".into()), ("value", 7.into()), ("transaction", true.into())])
    }

    fn told(request: &Body, bytes: &str) -> Answer {
        for end in 0..bytes.len() {
            assert_eq!(Resp.answer(request, &bytes.as_bytes()[..end]), Ok(None), "{}", &bytes[..end]);
        }
        let (answer, length) = Resp.answer(request, format!("{bytes}+MORE").as_bytes()).unwrap().unwrap();
        assert_eq!(length, bytes.len());
        answer
    }

    #[test]
    fn a_transaction_is_asked_for_before_it_is_needed() {
        let (mut has, mut has_not) = (Client::default(), Client::default());
        let read = body("read", [("key", "k".into())]);
        assert_eq!(has.prepare(&read), Some(read.clone()));
        let begin = has.prepare(&write_both()).unwrap();
        assert_eq!(has.request(&begin), b"*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n");
        assert!(has.answer(&begin, b"+OK\r\n*0\r\n").unwrap().is_some());
        assert_eq!(has.prepare(&write_both()), Some(write_both()));
        assert_eq!(has.prepare(&read_both()), Some(read_both()));
        assert!(has_not.answer(&begin, b"-ERR unknown\r\n-ERR unknown\r\n").unwrap().is_some());
        let single = has_not.prepare(&write_both()).unwrap();
        assert!(Resp.request(&single).starts_with(b"*5\r\n$4\r\nMSET\r\n"), "{single:?}");
        let half = has_not.prepare(&read_both()).unwrap();
        assert_eq!(Resp.request(&half), b"*2\r\n$3\r\nGET\r\n$3\r\nm:0\r\n");
        assert_eq!(has_not.prepare(&read), Some(read));
        let mut hangs_up = Client::default();
        assert_eq!(hangs_up.prepare(&write_both()), Some(begin));
        hangs_up.hung_up();
        assert_eq!(hangs_up.prepare(&write_both()), Some(single));
    }

    #[test]
    fn all_of_it_is_sent_at_once() {
        let sent = "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$3\r\nm:0\r\n$1\r\n7\r\n*3\r\n$3\r\nSET\r\n$3\r\nm:1\r\n$1\r\n7\r\n*1\r\n$4\r\nEXEC\r\n";
        assert_eq!(String::from_utf8(Resp.request(&write_both())).unwrap(), sent);
    }

    #[test]
    fn the_answer_is_that_of_exec() {
        let queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n";
        let both = |rest: &str| told(&read_both(), &format!("{queued}{rest}"));
        let value = |value: Value| Answer::Ok(json!({"type": "read_both_ok", "value": value}));
        assert_eq!(both("*2\r\n$1\r\n7\r\n$1\r\n7\r\n"), value(7.into()));
        assert_eq!(both("*2\r\n$-1\r\n$-1\r\n"), value(Value::Null));
        assert_eq!(both("*2\r\n$1\r\n7\r\n$1\r\n8\r\n"), value(json!([7, 8])), "which nobody has written");
        assert_eq!(both("-EXECABORT no\r\n"), Answer::Refused("EXECABORT no".into()));
        for wrong in ["*1\r\n$1\r\n7\r\n", "*-1\r\n", "+OK\r\n", "*2\r\n:7\r\n:7\r\n"] {
            assert!(matches!(both(wrong), Answer::Wrong(why) if why.starts_with("`EXEC` is answered with")), "{wrong}");
        }
        let write = |bytes: &str| told(&write_both(), bytes);
        assert_eq!(write(&format!("{queued}*2\r\n+OK\r\n+OK\r\n")), Answer::Ok(json!({"type": "write_both_ok"})));
        assert!(matches!(write(&format!("{queued}*2\r\n+OK\r\n$-1\r\n")), Answer::Wrong(_)));
        for exec in ["*2\r\n+OK\r\n+OK\r\n", "-ERR no MULTI\r\n"] {
            let early = write(&format!("+OK\r\n+OK\r\n+OK\r\n{exec}"));
            assert!(matches!(early, Answer::Wrong(why) if why.contains("behind MULTI")), "they are executed too early");
        }
        let not_begun = write("-ERR busy\r\n+OK\r\n+OK\r\n-ERR no MULTI\r\n");
        assert!(matches!(not_begun, Answer::Wrong(_)), "they may have had an effect");
        let refused = write("+OK\r\n-ERR full\r\n+QUEUED\r\n-EXECABORT full\r\n");
        assert_eq!(refused, Answer::Refused("EXECABORT full".into()));
        let half = write("+OK\r\n-ERR full\r\n+QUEUED\r\n*1\r\n+OK\r\n");
        assert!(matches!(half, Answer::Wrong(_)), "what was refused cannot be left out");
        for wrong in ["+OK\r\n-ERR\r\n", ":0\r\n:0\r\n", "+OK\r\n*1\r\n+OK\r\n", "-ERR\r\n*0\r\n"] {
            assert!(matches!(told(&body(BEGIN, []), wrong), Answer::Wrong(_)), "{wrong}");
        }
        let endless = format!("+OK\r\n+{}", "Q".repeat(LONGEST));
        assert!(Resp.answer(&write_both(), endless.as_bytes()).is_err());
        let deep = format!("{queued}{}", "*1\r\n".repeat(100_000));
        assert!(Resp.answer(&write_both(), deep.as_bytes()).is_err(), "no array is in another");
        let announced = format!("{queued}*1000000000\r\n");
        assert!(Resp.answer(&write_both(), announced.as_bytes()).is_err_and(|why| why.contains("an array of")));
    }

    #[test]
    fn a_right_reply_is_one_that_the_answer_is_read_from() {
        let cases = [
            (write_both(), json!({"type": "write_both_ok"})),
            (read_both(), json!({"type": "read_both_ok", "value": 17})),
            (read_both(), json!({"type": "read_both_ok", "value": null})),
            (body(BEGIN, []), json!({"type": "begin_ok", "offered": true})),
        ];
        for (request, answer) in cases {
            let bytes = Resp.reply(&request, &answer);
            assert_eq!(told(&request, std::str::from_utf8(&bytes).unwrap()), Answer::Ok(answer));
        }
    }
}
