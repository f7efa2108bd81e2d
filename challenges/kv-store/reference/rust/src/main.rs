//! A key-value store that many clients may use at once and that forgets nothing it has acknowledged.
//!
//! One lock holds the values and the log of what changed them. Each change is in the log, as the command that made it,
//! before anybody is told of it or can see it: both happen under the lock. A log that ends in the middle of a command was
//! being written when the process was killed; that command was acknowledged to nobody.

mod resp;

use resp::{read_command, Reply};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, Write};
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

fn serve(mut stream: &TcpStream, store: &Mutex<Store>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(64 << 10, stream);
    let mut answers = Vec::new();
    loop {
        let mut batch = match read_command(&mut input) {
            Ok(Some(command)) => vec![command],
            Ok(None) => return Ok(()),
            Err(error) => {
                Reply::Error(format!("ERR {error}")).write(&mut answers)?;
                stream.write_all(&answers)?;
                return Err(error);
            }
        };
        // Several commands may have come at once: one turn with the lock, one write to the log, and one to the client.
        batch.extend(std::iter::from_fn(|| whole_command(&mut input)));
        batch.retain(|command| !command.is_empty());
        // Whoever panics under the lock has broken a promise; nobody goes on after that.
        let mut open = store.lock().expect("nobody has panicked");
        for command in &mut batch {
            open.execute(command).write(&mut answers)?;
        }
        open.commit();
        drop(open);
        stream.write_all(&answers)?;
        answers.clear();
    }
}

/// The next command, if all of it has arrived already.
fn whole_command(input: &mut BufReader<&TcpStream>) -> Option<Vec<Bytes>> {
    let mut rest = input.buffer();
    let command = read_command(&mut rest).ok()??;
    let length = input.buffer().len() - rest.len();
    input.consume(length);
    Some(command)
}

/// The values, and the log that brings them back.
struct Store {
    values: HashMap<Bytes, Bytes>,
    log: File,
    /// What has changed and is not in the log yet; nothing while nobody holds the lock.
    unwritten: Bytes,
}

impl Store {
    /// Does again what the log holds.
    fn open(folder: PathBuf) -> io::Result<Self> {
        let path = folder.join("log");
        let log = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut store = Self { values: HashMap::new(), log: log.try_clone()?, unwritten: Vec::new() };
        let mut input = BufReader::new(log);
        let mut whole = 0;
        while let Ok(Some(command)) = read_command(&mut input) {
            store.apply(&command);
            whole = input.stream_position()?;
        }
        store.log.set_len(whole)?;
        Ok(store)
    }

    /// Answers a command. What it changes is in the log after [`Self::commit`], and nobody may be told before.
    fn execute(&mut self, command: &mut [Bytes]) -> Reply {
        let Some((name, words)) = command.split_first_mut() else { return Reply::Nil };
        name.make_ascii_uppercase();
        match (&name[..], &*words) {
            (b"PING", []) => Reply::Status("PONG"),
            (b"PING" | b"ECHO", [text]) => Reply::Bulk(text.clone()),
            (b"GET", [key]) => self.values.get(key).map_or(Reply::Nil, |value| Reply::Bulk(value.clone())),
            (b"SET", [key, value]) => self.change(key, Some(value.clone()), Reply::Status("OK")),
            (b"DEL", [key]) => match self.values.contains_key(key) {
                true => self.change(key, None, Reply::Integer(1)),
                false => Reply::Integer(0),
            },
            (b"INCR", [key]) => self.add(key, Some(1)),
            (b"DECR", [key]) => self.add(key, Some(-1)),
            (b"INCRBY", [key, delta]) => self.add(key, integer(delta)),
            (b"DECRBY", [key, delta]) => self.add(key, integer(delta).and_then(i64::checked_neg)),
            (b"APPEND", [key, text]) => {
                let value = [self.values.get(key).map_or(&[][..], Vec::as_slice), text].concat();
                let length = value.len() as i64;
                self.change(key, Some(value), Reply::Integer(length))
            }
            (b"PING" | b"ECHO" | b"GET" | b"SET" | b"DEL" | b"INCR" | b"DECR" | b"INCRBY" | b"DECRBY" | b"APPEND", _) => {
                Reply::Error(format!("ERR wrong number of arguments for '{}'", String::from_utf8_lossy(name)))
            }
            _ => Reply::Error(format!("ERR unknown command '{}'", String::from_utf8_lossy(name))),
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

    /// Sets a key, or removes it, here and in the log.
    fn change(&mut self, key: &[u8], value: Option<Bytes>, reply: Reply) -> Reply {
        match value {
            Some(value) => {
                encode(&[b"SET", key, &value], &mut self.unwritten);
                match self.values.get_mut(key) {
                    Some(old) => *old = value,
                    None => drop(self.values.insert(key.to_vec(), value)),
                }
            }
            None => {
                encode(&[b"DEL", key], &mut self.unwritten);
                self.values.remove(key);
            }
        }
        reply
    }

    /// Writes what has changed to the log, in one call: a process that is killed leaves whole commands at the end, and at
    /// most the beginning of one.
    fn commit(&mut self) {
        if let Err(error) = self.log.write_all(&self.unwritten) {
            // Nobody can say how much of it is there. Better no store than one that may be wrong.
            eprintln!("the log cannot be written: {error}");
            std::process::exit(1);
        }
        self.unwritten.clear();
    }

    /// Does again what a command of the log did.
    fn apply(&mut self, command: &[Bytes]) {
        match command {
            [_, key, value] => drop(self.values.insert(key.clone(), value.clone())),
            [_, key] => drop(self.values.remove(key)),
            _ => {}
        }
    }
}

fn encode(words: &[&[u8]], bytes: &mut Bytes) {
    // A vector takes whatever is written.
    let _ = write!(bytes, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(bytes, "${}\r\n", word.len());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
}

fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
