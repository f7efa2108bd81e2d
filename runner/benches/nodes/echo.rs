//! The least that a node can do: it finds what it needs without a parser and answers with one write.

use std::io::{BufRead, Write};

fn main() {
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let (mut line, mut reply) = (String::new(), String::new());
    while input.read_line(&mut line).is_ok_and(|read| read > 0) {
        let client = between(&line, "\"src\":\"", &['"']);
        let id = between(&line, "\"msg_id\":", &[',', '}']);
        let echo = between(&line, "\"echo\":\"", &['"']);
        reply.clear();
        reply.push_str("{\"src\":\"n0\",\"dest\":\"");
        reply.push_str(client);
        reply.push_str("\",\"body\":{\"type\":\"echo_ok\",\"in_reply_to\":");
        reply.push_str(id);
        reply.push_str(",\"echo\":\"");
        reply.push_str(echo);
        reply.push_str("\"}}\n");
        // One line end at the end of one write: stdout's own buffer passes it on at once.
        output.write_all(reply.as_bytes()).unwrap();
        line.clear();
    }
}

/// The text from behind `start` to before one of `ends`.
fn between<'a>(line: &'a str, start: &str, ends: &[char]) -> &'a str {
    let rest = line.split_once(start).map_or("", |(_, rest)| rest);
    rest.split(ends).next().unwrap_or("")
}
