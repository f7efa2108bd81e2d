//! A key-value store that many clients may use at once and that forgets nothing it has acknowledged.
//!
//! One lock holds the values and the log of what changed them. Each change is in the log, as the command that made it,
//! before anybody is told of it or can see it: both happen under the lock. A log that ends in the middle of a command was
//! being written when the process was killed; that command was acknowledged to nobody.

mod resp;

use resp::{read_command, Reply};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Seek, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

type Bytes = Vec<u8>;

fn main() -> io::Result<()> {
    let address = std::env::var("TAKEHOME_LISTEN").unwrap_or_else(|_| "127.0.0.1:6379".into());
    let folder = PathBuf::from(std::env::var_os("TAKEHOME_DATA").unwrap_or_else(|| ".".into()));
    let store = Arc::new(Mutex::new(Store::open(folder)?));
    let listener = TcpListener::bind(&address)?;
    for stream in listener.incoming() {
        let (stream, store) = (stream?, store.clone());
        std::thread::spawn(move || {
            if let Err(error) = serve(&stream, &store) {
                eprintln!("a connection ended: {error}");
            }
        });
    }
    Ok(())
}

fn serve(stream: &TcpStream, store: &Mutex<Store>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (BufReader::new(stream), BufWriter::new(stream));
    loop {
        match read_command(&mut input) {
            Ok(Some(command)) if command.is_empty() => {}
            Ok(Some(command)) => {
                // Whoever panics under the lock has broken a promise; nobody goes on after that.
                let reply = store.lock().expect("nobody has panicked").execute(&command);
                reply.write(&mut output)?;
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                Reply::Error(format!("ERR {error}")).write(&mut output)?;
                output.flush()?;
                return Err(error);
            }
        }
        // Several commands may have come at once: their answers go back together.
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
}

/// The values, and the log that brings them back.
struct Store {
    values: HashMap<Bytes, Bytes>,
    log: File,
}

impl Store {
    /// Does again what the log holds.
    fn open(folder: PathBuf) -> io::Result<Self> {
        let path = folder.join("log");
        let log = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut store = Self { values: HashMap::new(), log: log.try_clone()? };
        let mut input = BufReader::new(log);
        let mut whole = 0;
        while let Ok(Some(command)) = read_command(&mut input) {
            store.apply(&command);
            whole = input.stream_position()?;
        }
        store.log.set_len(whole)?;
        Ok(store)
    }

    /// Answers a command; what it changes is in the log first.
    fn execute(&mut self, command: &[Bytes]) -> Reply {
        let name = String::from_utf8_lossy(&command[0]).to_uppercase();
        let words: Vec<&[u8]> = command[1..].iter().map(Vec::as_slice).collect();
        match (name.as_str(), &words[..]) {
            ("PING", []) => Reply::Status("PONG"),
            ("PING" | "ECHO", [text]) => Reply::Bulk(text.to_vec()),
            ("GET", [key]) => self.values.get(*key).map_or(Reply::Nil, |value| Reply::Bulk(value.clone())),
            ("SET", [key, value]) => self.change(key, Some(value.to_vec()), Reply::Status("OK")),
            ("DEL", [key]) => match self.values.contains_key(*key) {
                true => self.change(key, None, Reply::Integer(1)),
                false => Reply::Integer(0),
            },
            ("INCR", [key]) => self.add(key, Some(1)),
            ("DECR", [key]) => self.add(key, Some(-1)),
            ("INCRBY", [key, delta]) => self.add(key, integer(delta)),
            ("DECRBY", [key, delta]) => self.add(key, integer(delta).and_then(i64::checked_neg)),
            ("APPEND", [key, text]) => {
                let value = [self.values.get(*key).map_or(&[][..], Vec::as_slice), text].concat();
                let length = value.len() as i64;
                self.change(key, Some(value), Reply::Integer(length))
            }
            ("PING" | "ECHO" | "GET" | "SET" | "DEL" | "INCR" | "DECR" | "INCRBY" | "DECRBY" | "APPEND", _) => {
                Reply::Error(format!("ERR wrong number of arguments for '{name}'"))
            }
            _ => Reply::Error(format!("ERR unknown command '{name}'")),
        }
    }

    fn add(&mut self, key: &[u8], delta: Option<i64>) -> Reply {
        let value = self.values.get(key).map_or(Some(0), |value| integer(value));
        match value.zip(delta).map(|(value, delta)| value.checked_add(delta)) {
            Some(Some(sum)) => self.change(key, Some(sum.to_string().into_bytes()), Reply::Integer(sum)),
            Some(None) => Reply::Error("ERR increment or decrement would overflow".into()),
            None => Reply::Error("ERR value is not an integer or out of range".into()),
        }
    }

    /// Sets a key, or removes it: in the log, then in memory.
    fn change(&mut self, key: &[u8], value: Option<Bytes>, reply: Reply) -> Reply {
        let command = match value {
            Some(value) => vec![b"SET".to_vec(), key.to_vec(), value],
            None => vec![b"DEL".to_vec(), key.to_vec()],
        };
        // In one call, so that a process that is killed leaves a whole command or a beginning of one at the end.
        if let Err(error) = self.log.write_all(&encode(&command)) {
            // Nobody can say how much of it is there. Better no store than one that may be wrong.
            eprintln!("the log cannot be written: {error}");
            std::process::exit(1);
        }
        self.apply(&command);
        reply
    }

    fn apply(&mut self, command: &[Bytes]) {
        match command {
            [_, key, value] => drop(self.values.insert(key.clone(), value.clone())),
            [_, key] => drop(self.values.remove(key)),
            _ => {}
        }
    }
}

fn encode(command: &[Bytes]) -> Bytes {
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for word in command {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
