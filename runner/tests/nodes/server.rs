//! A server that is right, or wrong in one way that its argument names. Standard library only.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        atomic::{AtomicU32, Ordering},
        Arc, Mutex,
    },
};

/// How long it says that it is loading.
const LOADING: std::time::Duration = std::time::Duration::from_millis(300);

type Values = Arc<Mutex<HashMap<String, String>>>;

static COUNT: AtomicU32 = AtomicU32::new(0);

fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    match mode.as_str() {
        "never-listens" => loop {
            std::thread::park();
        },
        "dies-at-once" => std::process::exit(3),
        "comes-up-once" if !first_life() => loop {
            std::thread::park();
        },
        // SIGTERM and SIG_IGN.
        "ignores-sigterm" => drop(unsafe { signal(15, 1) }),
        "breaks-at-sigterm" => drop(unsafe { signal(15, breaks as extern "C" fn(i32) as usize) }),
        _ => {}
    }
    let listener = TcpListener::bind(std::env::var("TAKEHOME_LISTEN").unwrap()).unwrap();
    let values = Values::default();
    let began = std::time::Instant::now();
    if mode == "no-more-files" {
        // For one client, which takes two.
        let room = [(); 2].map(|()| std::fs::File::open("/dev/null"));
        std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).for_each(std::mem::forget);
        drop(room);
    }
    for (number, stream) in listener.incoming().flatten().enumerate() {
        if mode == "three-clients" && number > 2 {
            std::mem::forget(stream);
            continue;
        }
        let (mode, values) = (mode.clone(), values.clone());
        let is_loading = move |mode: &str| match mode {
            "loads" => began.elapsed() < LOADING,
            mode => mode == "loads-for-ever",
        };
        std::thread::spawn(move || serve(stream, &mode, &values, is_loading));
    }
}

extern "C" {
    fn signal(number: i32, handler: usize) -> usize;
    fn _exit(status: i32) -> !;
}

extern "C" fn breaks(_: i32) {
    unsafe { _exit(4) }
}

/// Whether its data directory is as empty as on the first day.
fn first_life() -> bool {
    std::fs::File::create_new("lives").is_ok()
}

fn serve(mut stream: TcpStream, mode: &str, values: &Values, is_loading: impl Fn(&str) -> bool) -> Option<()> {
    let mut input = BufReader::new(stream.try_clone().ok()?);
    let mut old = HashMap::<String, String>::new();
    loop {
        let count = line(&mut input)?;
        let mut words = Vec::new();
        for _ in 0..count {
            let mut word = vec![0; line(&mut input)? + 2];
            input.read_exact(&mut word).ok()?;
            word.truncate(word.len() - 2);
            words.push(String::from_utf8(word).ok()?);
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        if mode == "keeps-the-lock" && number == 20 {
            keep(values);
        }
        let mut values = values.lock().ok()?;
        let key = words.get(1).cloned().unwrap_or_default();
        let value = values.get(&key).cloned();
        let bulk = |value: Option<String>| value.map_or("$-1\r\n".into(), |it| format!("${}\r\n{it}\r\n", it.len()));
        let reply = match words[0].as_str() {
            // What this client has read once, it is told again.
            "GET" if mode == "stale" => bulk(Some(old.entry(key).or_insert(value.unwrap_or_default()).clone())),
            "PING" => "+PONG\r\n".into(),
            "ECHO" => bulk(Some(key)),
            "GET" if mode == "wrong-type" => "+OK\r\n".into(),
            "GET" => bulk(value),
            "SET" if words.len() == 4 && value.is_some() => "$-1\r\n".into(),
            "SET" => {
                values.insert(key, words[2].clone());
                "+OK\r\n".into()
            }
            "MSET" => {
                values.extend(words[1..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())));
                "+OK\r\n".into()
            }
            "GETSET" => {
                values.insert(key, words[2].clone());
                value.map_or("$-1\r\n".into(), |it| format!("${}\r\n{it}\r\n", it.len()))
            }
            "DECRBY" => {
                let rest = value.map_or(0, |it| it.parse::<i64>().unwrap()) - words[2].parse::<i64>().unwrap();
                values.insert(key, rest.to_string());
                format!(":{rest}\r\n")
            }
            "INCRBY" => {
                let sum = value.map_or(0, |it| it.parse::<i64>().unwrap()) + words[2].parse::<i64>().unwrap();
                values.insert(key, sum.to_string());
                format!(":{sum}\r\n")
            }
            "APPEND" => {
                let text = value.unwrap_or_default() + &words[2];
                values.insert(key, text.clone());
                format!(":{}\r\n", text.len())
            }
            "DEL" => format!(":{}\r\n", u8::from(values.remove(&key).is_some())),
            _ => "-ERR no such command\r\n".into(),
        };
        drop(values);
        match mode {
            _ if is_loading(mode) => stream.write_all(b"-LOADING\r\n").ok()?,
            "silent" if number > 20 => continue,
            "exits" if number > 20 => std::process::exit(7),
            "garbage" if number > 20 => stream.write_all(b"hello\r\n").ok()?,
            // Behind MULTI another answer is awaited, and would be taken for this one.
            "twice" if number % 20 == 19 && words[0] != "MULTI" => {
                stream.write_all((reply.clone() + &reply).as_bytes()).ok()?
            }
            _ => stream.write_all(reply.as_bytes()).ok()?,
        }
    }
}

/// All others wait for this one.
#[inline(never)]
fn keep(values: &Values) {
    let _kept = values.lock();
    loop {
        std::thread::park();
    }
}

fn line(input: &mut impl BufRead) -> Option<usize> {
    let mut line = String::new();
    input.read_line(&mut line).ok()?;
    line.trim_end().get(1..)?.parse().ok()
}
