//! The protocol of beanstalkd, a queue of jobs: <https://github.com/beanstalkd/beanstalkd/blob/master/doc/protocol.txt>.
//!
//! | body | command |
//! |---|---|
//! | `put {tube, job, priority, delay, ttr}` | `put priority delay ttr bytes` with the job's number as its data |
//! | `reserve {tube, timeout}` | `reserve-with-timeout timeout`; `job` in the reply is null where there was none |
//! | `delete {tube, job, id}` | `delete id`; `found` in the reply is false where it was not found |
//! | `release {tube, job, id, priority, delay}` | `release id priority delay`; `found` as above |
//!
//! Times are seconds, as on the wire. `size` in a `put` pads the data with tildes to so many bytes.
//!
//! A client uses and watches one tube at a time; it says so in front of its first request on a connection. It holds one job
//! at a time, and what its script has for that is filled in when it comes to it: `finish {how, …}` becomes `delete` or
//! `release` of the job that it holds, and nothing where it holds none. A connection that ends is recorded as
//! `disconnect {tube, job}`, with the job that was held.

use super::{Answer, Speaker, Wire, kind, ok};
use harness::{
    calls::DISCONNECT,
    oracle::{Body, body},
    text::excerpt,
};
use serde_json::{Value, json};

/// The protocol.
pub(super) struct Beanstalk;

const PADDING: char = '~';
/// The longest line of an answer, its end included: as the protocol has it for names and numbers.
const LONGEST_LINE: usize = 300;
/// The largest data of a job.
const MOST_DATA: usize = 16 << 20;

/// The errors of the protocol: the command had no effect.
const ERRORS: &[&str] = &[
    "OUT_OF_MEMORY",
    "INTERNAL_ERROR",
    "BAD_FORMAT",
    "UNKNOWN_COMMAND",
    "EXPECTED_CRLF",
    "JOB_TOO_BIG",
    "DRAINING",
    "DEADLINE_SOON",
];

impl Wire for Beanstalk {
    fn request(&self, body: &Body) -> Vec<u8> {
        let number = |name: &str| number(body, name);
        let line = match kind(body) {
            "put" => {
                let data = data(body);
                let [priority, delay, ttr] = ["priority", "delay", "ttr"].map(number);
                format!("put {priority} {delay} {ttr} {}\r\n{data}\r\n", data.len())
            }
            "reserve" => format!("reserve-with-timeout {}\r\n", number("timeout")),
            "release" => format!("release {} {} {}\r\n", number("id"), number("priority"), number("delay")),
            other => format!("{other} {}\r\n", number("id")),
        };
        line.into_bytes()
    }

    fn reply(&self, request: &Body, answer: &Value) -> Vec<u8> {
        let id = answer["id"].as_u64().unwrap_or(0);
        let found = answer["found"].as_bool().unwrap_or(false);
        let line = match (kind(request), &answer["job"]) {
            ("put", _) => format!("INSERTED {id}\r\n"),
            ("reserve", Value::Null) => "TIMED_OUT\r\n".to_owned(),
            ("reserve", job) => {
                let data = job.to_string();
                format!("RESERVED {id} {}\r\n{data}\r\n", data.len())
            }
            ("delete", _) if found => "DELETED\r\n".to_owned(),
            ("release", _) if found => "RELEASED\r\n".to_owned(),
            _ => "NOT_FOUND\r\n".to_owned(),
        };
        line.into_bytes()
    }

    fn answer(&self, request: &Body, received: &[u8]) -> Result<Option<(Answer, usize)>, String> {
        let Some((line, length)) = line(received)? else { return Ok(None) };
        let words: Vec<&str> = line.split(' ').collect();
        let wrong = || Answer::Wrong(format!("`{}` is answered with `{}`", kind(request), excerpt(&line, 60)));
        let answer = match (kind(request), &words[..]) {
            (_, [error]) if ERRORS.contains(error) => Answer::Refused(line),
            ("put", ["INSERTED", id]) => {
                id.parse().map_or_else(|_| wrong(), |id: u64| ok(request, json!({ "id": id })))
            }
            ("reserve", ["TIMED_OUT"]) => ok(request, json!({ "job": null })),
            ("reserve", ["RESERVED", id, bytes]) => {
                let (Ok(id), Ok(bytes @ 0..=MOST_DATA)) = (id.parse::<u64>(), bytes.parse()) else {
                    return Ok(Some((wrong(), length)));
                };
                let end = length + bytes;
                let (Some(data), Some(behind)) = (received.get(length..end), received.get(end..end + 2)) else {
                    return Ok(None);
                };
                let answer = match job(data).filter(|_| behind == b"\r\n") {
                    Some(job) => ok(request, json!({ "job": job, "id": id })),
                    None => Answer::Wrong(format!(
                        "the job reserved is `{}`, of which {bytes} bytes were announced: nobody has put that",
                        excerpt(&String::from_utf8_lossy(&received[length..end + 2]), 60)
                    )),
                };
                return Ok(Some((answer, end + 2)));
            }
            ("delete", ["DELETED"]) | ("release", ["RELEASED"]) => ok(request, json!({ "found": true })),
            ("delete" | "release", ["NOT_FOUND"]) => ok(request, json!({ "found": false })),
            _ => wrong(),
        };
        Ok(Some((answer, length)))
    }
}

fn number(body: &Body, name: &str) -> u64 {
    body.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn tube(body: &Body) -> &str {
    body.get("tube").and_then(Value::as_str).unwrap_or("default")
}

/// The data of a job: its number, and tildes behind it.
fn data(body: &Body) -> String {
    let mut text = number(body, "job").to_string();
    let missing = (number(body, "size") as usize).min(MOST_DATA).saturating_sub(text.len());
    text.extend(std::iter::repeat_n(PADDING, missing));
    text
}

/// The number in the data of a job: as [`data`] writes it, and nothing else.
fn job(data: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(data).ok()?.trim_end_matches(PADDING);
    let number: i64 = text.parse().ok()?;
    u64::try_from(number).ok().filter(|number| number.to_string() == text)
}

/// The first line without its end, and its length with it.
fn line(received: &[u8]) -> Result<Option<(String, usize)>, String> {
    let head = &received[..received.len().min(LONGEST_LINE)];
    match head.windows(2).position(|two| two == b"\r\n") {
        Some(end) => Ok(Some((String::from_utf8_lossy(&head[..end]).into_owned(), end + 2))),
        None if head.len() == LONGEST_LINE => Err(format!("an answer without a line end in {LONGEST_LINE} bytes")),
        None => Ok(None),
    }
}

/// One client.
#[derive(Default)]
pub(super) struct Worker {
    /// The tube that it uses and watches, once it has said so on this connection.
    tube: Option<String>,
    /// What is to be heard of that in front of the next answer.
    greeting: Vec<String>,
    /// The job that it holds, with its id.
    held: Option<(u64, u64)>,
    /// What it has asked and not heard yet.
    open: Option<String>,
}

impl Worker {
    /// The commands with which a connection goes over to a tube.
    fn go_over_to(&mut self, tube: &str) -> String {
        let before = self.tube.replace(tube.to_owned()).unwrap_or_else(|| "default".to_owned());
        if before == tube {
            return String::new();
        }
        self.greeting = vec![format!("USING {tube}"), "WATCHING 2".into(), "WATCHING 1".into()];
        format!("use {tube}\r\nwatch {tube}\r\nignore {before}\r\n")
    }

    fn learn(&mut self, request: &Body, answer: &Answer) {
        self.open = None;
        match (kind(request), answer) {
            ("reserve", Answer::Ok(reply)) => {
                self.held = reply["job"].as_u64().zip(reply["id"].as_u64());
            }
            ("delete" | "release", Answer::Ok(_)) => self.held = None,
            _ => {}
        }
    }
}

impl Speaker for Worker {
    fn prepare(&mut self, script: &Body) -> Option<Body> {
        if kind(script) != "finish" {
            return Some(script.clone());
        }
        let (job, id) = self.held?;
        let mut request = script.clone();
        let how = request.remove("how").unwrap_or_else(|| "delete".into());
        request.insert("type".into(), how);
        request.insert("job".into(), job.into());
        request.insert("id".into(), id.into());
        Some(request)
    }

    fn request(&mut self, body: &Body) -> Vec<u8> {
        self.open = Some(kind(body).to_owned());
        [self.go_over_to(tube(body)).into_bytes(), Beanstalk.request(body)].concat()
    }

    fn answer(&mut self, body: &Body, received: &[u8]) -> Result<Option<(Answer, usize)>, String> {
        let mut before = 0;
        for expected in &self.greeting {
            let Some((line, length)) = line(&received[before..])? else { return Ok(None) };
            if line != *expected {
                let why =
                    format!("`{}` instead of `{expected}`, after `use`, `watch` and `ignore`", excerpt(&line, 60));
                return Ok(Some((Answer::Wrong(why), before + length)));
            }
            before += length;
        }
        let Some((answer, length)) = Beanstalk.answer(body, &received[before..])? else { return Ok(None) };
        self.greeting.clear();
        self.learn(body, &answer);
        Ok(Some((answer, before + length)))
    }

    fn hung_up(&mut self) -> Vec<Body> {
        let Self { tube, held, open, .. } = std::mem::take(self);
        let Some(tube) = tube else { return Vec::new() };
        // What became of a job whose end was asked for is not known from here.
        let is_ending = matches!(open.as_deref(), Some("delete" | "release"));
        let job = held.filter(|_| !is_ending).map_or(Value::Null, |(job, _)| job.into());
        vec![body(DISCONNECT, [("tube", tube.into()), ("job", job)])]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put() -> Body {
        let fields =
            [("priority", 5), ("delay", 0), ("ttr", 60), ("job", 17)].map(|(name, value)| (name, value.into()));
        let mut put = body("put", fields);
        put.insert("tube".into(), "t".into());
        put
    }

    fn reserve() -> Body {
        body("reserve", [("tube", "t".into()), ("timeout", 2.into())])
    }

    fn told(request: &Body, bytes: &[u8]) -> Answer {
        let (answer, length) = Beanstalk.answer(request, bytes).unwrap().unwrap();
        assert_eq!(length, bytes.len());
        answer
    }

    #[test]
    fn requests_are_lines_and_a_job_s_data_is_its_number() {
        assert_eq!(Beanstalk.request(&put()), b"put 5 0 60 2\r\n17\r\n");
        let mut large = put();
        large.insert("size".into(), 5.into());
        assert_eq!(Beanstalk.request(&large), b"put 5 0 60 5\r\n17~~~\r\n");
        assert_eq!(Beanstalk.request(&reserve()), b"reserve-with-timeout 2\r\n");
        let release = body("release", [("id", 3.into()), ("priority", 9.into()), ("delay", 1.into())]);
        assert_eq!(Beanstalk.request(&release), b"release 3 9 1\r\n");
        assert_eq!(Beanstalk.request(&body("delete", [("id", 3.into())])), b"delete 3\r\n");
    }

    #[test]
    fn answers_are_told_in_the_words_of_the_record() {
        assert_eq!(told(&put(), b"INSERTED 3\r\n"), Answer::Ok(json!({"type": "put_ok", "id": 3})));
        let reserved = json!({"type": "reserve_ok", "job": 17, "id": 3});
        assert_eq!(told(&reserve(), b"RESERVED 3 5\r\n17~~~\r\n"), Answer::Ok(reserved));
        assert_eq!(told(&reserve(), b"TIMED_OUT\r\n"), Answer::Ok(json!({"type": "reserve_ok", "job": null})));
        assert_eq!(told(&reserve(), b"DEADLINE_SOON\r\n"), Answer::Refused("DEADLINE_SOON".into()));
        for wrong in [
            &b"INSERTED 3\r\n"[..],
            b"RESERVED 3 x\r\n",
            b"RESERVED 3 2\r\nno\r\n",
            b"RESERVED 3 3\r\n017\r\n",
            b"OK\r\n",
        ] {
            assert!(matches!(told(&reserve(), wrong), Answer::Wrong(_)), "{}", String::from_utf8_lossy(wrong));
        }
        let short = Beanstalk.answer(&reserve(), b"RESERVED 3 1\r\n17\r\n").unwrap().unwrap();
        assert!(matches!(short.0, Answer::Wrong(_)));
        assert!(Beanstalk.answer(&reserve(), &[b'x'; 400]).is_err());
    }

    /// What a right server sends is what its answer is told from.
    #[test]
    fn replies_are_what_answers_are_read_from() {
        for (request, answer) in [
            (put(), json!({"type": "put_ok", "id": 3})),
            (reserve(), json!({"type": "reserve_ok", "job": 17, "id": 3})),
            (reserve(), json!({"type": "reserve_ok", "job": null})),
            (body("delete", []), json!({"type": "delete_ok", "found": true})),
            (body("release", []), json!({"type": "release_ok", "found": false})),
        ] {
            assert_eq!(told(&request, &Beanstalk.reply(&request, &answer)), Answer::Ok(answer));
        }
    }

    #[test]
    fn a_client_goes_over_to_its_tube_once_a_connection() {
        let mut worker = Worker::default();
        assert_eq!(worker.request(&reserve()), b"use t\r\nwatch t\r\nignore default\r\nreserve-with-timeout 2\r\n");
        let heard = b"USING t\r\nWATCHING 2\r\nWATCHING 1\r\nRESERVED 3 2\r\n17\r\n";
        assert_eq!(worker.answer(&reserve(), &heard[..30]), Ok(None));
        assert_eq!(worker.answer(&reserve(), heard).unwrap().unwrap().1, heard.len());
        assert_eq!(worker.request(&put()), b"put 5 0 60 2\r\n17\r\n");
        let _answered = worker.answer(&put(), b"INSERTED 4\r\n");
        assert_eq!(worker.hung_up(), [body("disconnect", [("tube", "t".into()), ("job", 17.into())])]);
        assert!(worker.request(&reserve()).starts_with(b"use t"));
        let wrong = worker.answer(&reserve(), b"USING u\r\n").unwrap().unwrap().0;
        assert!(matches!(wrong, Answer::Wrong(why) if why.contains("`USING u` instead of `USING t`")));
    }

    #[test]
    fn what_a_script_has_for_the_job_that_is_held_is_filled_in() {
        let mut worker = Worker::default();
        let finish = |how: &str| body("finish", [("tube", "t".into()), ("how", how.into())]);
        assert_eq!(worker.prepare(&finish("delete")), None);
        worker.learn(&reserve(), &Answer::Ok(json!({"job": 17, "id": 3})));
        let delete = worker.prepare(&finish("delete")).unwrap();
        assert_eq!(Value::Object(delete.clone()), json!({"type": "delete", "tube": "t", "job": 17, "id": 3}));
        let _bytes = worker.request(&delete);
        assert_eq!(worker.hung_up(), [body("disconnect", [("tube", "t".into()), ("job", Value::Null)])]);
        worker.learn(&reserve(), &Answer::Ok(json!({"job": 17, "id": 3})));
        worker.learn(&delete, &Answer::Ok(json!({"found": true})));
        assert_eq!(worker.prepare(&finish("release")), None);
    }

    proptest! {
        /// Whatever arrives in whatever pieces: it is an answer, the beginning of one, or none, and never a panic.
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..60), id in "[0-9]{0,25}") {
            let _any = Beanstalk.answer(&reserve(), &bytes);
            let _any = Beanstalk.answer(&reserve(), format!("RESERVED {id} {id}\r\n{id}").as_bytes());
        }
    }
}
