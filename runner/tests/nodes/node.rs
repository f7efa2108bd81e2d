//! A node program that is right, or wrong in one way that its argument names. Standard library only.

use std::{
    collections::BTreeSet,
    io::{BufRead, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

type Values = Arc<Mutex<BTreeSet<String>>>;

fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let values: Values = Arc::default();
    let mut me = String::new();
    let mut others: Vec<String> = Vec::new();
    let mut count = 0u64;
    let mut asked: Vec<(String, String)> = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (src, kind) = (text(&line, "src"), text(&line, "type"));
        let id = field(&line, "msg_id");
        let reply = |body: &str| send(&me_of(&me), &src, &format!("{body},\"in_reply_to\":{id}"));
        count += 1;
        match kind.as_str() {
            "init" if mode == "never-ready" => {}
            "init" if mode == "dies-at-once" => {
                eprintln!("cannot find my configuration");
                std::process::exit(3);
            }
            "init" => {
                me = text(&line, "node_id");
                let ids = field(&line, "node_ids");
                others = ids.trim_matches(['[', ']']).split(',').map(|id| id.trim_matches('"').to_owned()).collect();
                others.retain(|id| *id != me);
                send(&me, &src, &format!("\"type\":\"init_ok\",\"in_reply_to\":{id}"));
                if mode == "good" || mode == "duplicates" {
                    let (values, me, others) = (values.clone(), me.clone(), others.clone());
                    std::thread::spawn(move || gossip(&values, &me, &others));
                }
            }
            "topology" => reply("\"type\":\"topology_ok\""),
            _ if mode == "silent" => {}
            "echo" => {
                match mode.as_str() {
                    "prints" => println!("debug: got an echo"),
                    "floods" => loop {
                        let body = format!("\"type\":\"junk\",\"junk\":\"{}\"", "x".repeat(1 << 20));
                        send(&me, &me, &body);
                    },
                    "never-ends-a-line" => loop {
                        print!("{}", "x".repeat(1 << 20));
                    },
                    "floods-its-log" => loop {
                        eprintln!("{}", "x".repeat(1 << 10));
                    },
                    "nowhere" => send(&me, "n99", "\"type\":\"lost\""),
                    "mismatched" => send(&me, &src, "\"type\":\"echo_ok\",\"in_reply_to\":777777"),
                    "forges" => send("n7", &src, "\"type\":\"echo_ok\""),
                    "twice" => reply("\"type\":\"echo_ok\",\"echo\":\"x\""),
                    "exits" if count > 5 => {
                        eprintln!("first line\nout of luck");
                        std::process::exit(7);
                    }
                    "aborts" if count > 5 => std::process::abort(),
                    "two-a-line" => {
                        print!("{{\"src\":\"{me}\",\"dest\":\"{me}\",\"body\":{{\"type\":\"self\"}}}} ");
                    }
                    _ => {}
                }
                let body = format!("\"type\":\"echo_ok\",\"echo\":{}", field(&line, "echo"));
                if mode == "no-line-end" || mode == "late-line-end" {
                    print!("{{\"src\":\"{me}\",\"dest\":\"{src}\",\"body\":{{{body},\"in_reply_to\":{id}}}}}");
                    std::io::stdout().flush().unwrap();
                    if mode == "late-line-end" {
                        std::thread::sleep(Duration::from_millis(300));
                        println!();
                    }
                } else {
                    reply(&body);
                }
            }
            "broadcast" => {
                let value = field(&line, "message");
                values.lock().unwrap().insert(value.clone());
                if mode == "floods-once" {
                    for other in &others {
                        send(&me, other, &format!("\"type\":\"gossip\",\"values\":[{value}]"));
                    }
                }
                reply("\"type\":\"broadcast_ok\"");
            }
            "gossip" => {
                let list = field(&line, "values");
                let list = list.trim_matches(['[', ']']).split(',').filter(|value| !value.is_empty());
                values.lock().unwrap().extend(list.map(str::to_owned));
            }
            "generate" => {
                let ask = format!("\"type\":\"ts\",\"msg_id\":{}", asked.len());
                asked.push((src, id));
                send(&me, "lin-tso", &ask);
            }
            "ts_ok" => {
                let (client, id) = &asked[field(&line, "in_reply_to").parse::<usize>().unwrap()];
                let id = format!("\"type\":\"generate_ok\",\"id\":{},\"in_reply_to\":{id}", field(&line, "ts"));
                send(&me, client, &id);
            }
            "read" if mode == "unreadable" => {}
            "read" => {
                let mut list: Vec<String> = values.lock().unwrap().iter().cloned().collect();
                if mode == "duplicates" {
                    list.extend(list.first().cloned());
                }
                reply(&format!("\"type\":\"read_ok\",\"messages\":[{}]", list.join(",")));
            }
            _ => {}
        }
    }
}

fn me_of(me: &str) -> String {
    me.to_owned()
}

/// Everything to everybody, again and again.
fn gossip(values: &Values, me: &str, others: &[String]) {
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let list: Vec<String> = values.lock().unwrap().iter().cloned().collect();
        for other in others {
            send(me, other, &format!("\"type\":\"gossip\",\"values\":[{}]", list.join(",")));
        }
    }
}

fn send(src: &str, dest: &str, body: &str) {
    let line = format!("{{\"src\":\"{src}\",\"dest\":\"{dest}\",\"body\":{{{body}}}}}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
}

/// The JSON text of a field, found without a parser: good enough for what the harness sends.
fn field(line: &str, name: &str) -> String {
    let Some(start) = line.find(&format!("\"{name}\":")) else { return "null".into() };
    let rest = &line[start + name.len() + 3..];
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '[' | '{' => depth += 1,
            ',' | ']' | '}' if depth == 0 => return rest[..at].into(),
            ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    rest.into()
}

fn text(line: &str, name: &str) -> String {
    field(line, name).trim_matches('"').to_owned()
}
