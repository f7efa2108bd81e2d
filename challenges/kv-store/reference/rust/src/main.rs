//! A key-value store that many clients may use at once and that forgets nothing it has acknowledged.
//!
//! One lock holds the values and the log of what changed them. Each change is in the log, as a command that does it again,
//! before anybody is told of it or can see it: both happen under the lock. A log that ends in the middle of a command was
//! being written when the process was killed; that command was acknowledged to nobody.
//!
//! A value whose time is over counts as gone whenever somebody looks, and is taken away when its key is written to.

mod resp;

use resp::{read_command, Reply, LARGEST};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

type Bytes = Vec<u8>;
/// Its name in capitals, and its words.
type Command = Vec<Bytes>;

/// Answers of one client that are kept until they are sent. More are not made: whoever reads nothing is not worked for.
const MOST_UNSENT: usize = 1 << 20;

/// Commands of one transaction, and bytes of their words.
const MOST_QUEUED: usize = 64;
const MOST_QUEUED_BYTES: usize = 1 << 20;

fn main() -> io::Result<()> {
    let address = std::env::var("TAKEHOME_LISTEN").unwrap_or_else(|_| "127.0.0.1:6379".into());
    let folder = PathBuf::from(std::env::var_os("TAKEHOME_DATA").unwrap_or_else(|| ".".into()));
    let store = Arc::new(Mutex::new(Store::open(folder)?));
    let listener = TcpListener::bind(&address)?;
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Whoever could not be let in, such as for want of a file, is no reason to end.
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        let store = store.clone();
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
    let mut transaction: Option<Transaction> = None;
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
        let mut batch = batch.into_iter().peekable();
        while batch.peek().is_some() {
            // Whoever panics under the lock has broken a promise; nobody goes on after that.
            let mut open = store.lock().expect("nobody has panicked");
            while let Some(command) = batch.next_if(|_| answers.len() < MOST_UNSENT) {
                answer(&mut open, command, &mut transaction, &mut answers)?;
            }
            open.commit();
            drop(open);
            stream.write_all(&answers)?;
            answers.clear();
        }
        answers.shrink_to(MOST_UNSENT);
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

/// Commands that wait for their EXEC.
#[derive(Default)]
struct Transaction {
    commands: Vec<Command>,
    bytes: usize,
    /// Whether one of them was refused: then none is executed.
    aborted: bool,
}

impl Transaction {
    fn queue(&mut self, command: Command) -> Reply {
        self.bytes += command.iter().map(Vec::len).sum::<usize>();
        if self.commands.len() == MOST_QUEUED || self.bytes > MOST_QUEUED_BYTES {
            self.aborted = true;
            self.commands.clear();
            return Reply::Error("ERR too long a transaction".into());
        }
        self.commands.push(command);
        Reply::Status("QUEUED")
    }

    fn execute(&self, store: &mut Store, answers: &mut Bytes) -> io::Result<()> {
        let values = self.commands.iter().filter_map(|command| store.get(command.get(1)?));
        let large = values.map(|entry| entry.value.len()).sum::<usize>() > LARGEST;
        if self.aborted || large {
            return Reply::Error("EXECABORT too long a transaction".into()).write(answers);
        }
        write!(answers, "*{}\r\n", self.commands.len())?;
        let start = store.begin();
        for command in &self.commands {
            store.execute(command).write(answers)?;
        }
        store.end(start);
        Ok(())
    }
}

/// Answers a command; one behind a MULTI waits for its EXEC.
fn answer(
    store: &mut Store,
    mut command: Command,
    transaction: &mut Option<Transaction>,
    answers: &mut Bytes,
) -> io::Result<()> {
    command[0].make_ascii_uppercase();
    let reply = match (&command[0][..], &command[1..], &mut *transaction) {
        (b"EXEC", [], Some(queued)) => {
            queued.execute(store, answers)?;
            *transaction = None;
            return Ok(());
        }
        (b"DISCARD", [], Some(_)) => {
            *transaction = None;
            Reply::Status("OK")
        }
        (b"MULTI", [], None) => {
            *transaction = Some(Transaction::default());
            Reply::Status("OK")
        }
        (b"EXEC" | b"DISCARD", [], None) => Reply::Error("ERR there was no MULTI".into()),
        (b"MULTI" | b"EXEC" | b"DISCARD", ..) => Reply::Error("ERR a transaction in another, or a word too many".into()),
        (.., Some(queued)) => queued.queue(command),
        (.., None) => store.execute(&command),
    };
    reply.write(answers)
}

/// A value, and until when it stays: milliseconds since 1970.
struct Entry {
    value: Bytes,
    until: Option<u64>,
}

/// The values, and the log that brings them back.
struct Store {
    values: HashMap<Bytes, Entry>,
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
        let mut transaction = None;
        while let Some(command) = read_command(&mut input).or_else(torn)? {
            match (command.first().map(Vec::as_slice), &mut transaction) {
                (Some(b"MULTI"), _) => transaction = Some(Vec::new()),
                (Some(b"EXEC"), _) => {
                    let commands: Vec<Command> = transaction.take().unwrap_or_default();
                    commands.iter().for_each(|command| store.apply(command));
                }
                (_, Some(commands)) => commands.push(command),
                (_, None) => store.apply(&command),
            }
            // Half a transaction is none.
            if transaction.is_none() {
                whole = input.stream_position()?;
            }
        }
        store.log.set_len(whole)?;
        Ok(store)
    }

    /// Answers a command. What it changes is in the log after [`Self::commit`], and nobody may be told before.
    fn execute(&mut self, command: &[Bytes]) -> Reply {
        let Some((name, words)) = command.split_first() else { return Reply::Nil };
        match (&name[..], words) {
            (b"PING", []) => Reply::Status("PONG"),
            (b"ECHO", [text]) => Reply::Bulk(text.clone()),
            (b"GET", [key]) => self.get(key).map_or(Reply::Nil, |entry| Reply::Bulk(entry.value.clone())),
            (b"SET", [key, value]) => self.set(key, value.clone(), None, Reply::Status("OK")),
            (b"SET", [key, value, options @ ..]) => self.set_with(key, value, options),
            (b"GETSET", [key, value]) => {
                let before = self.get(key).map_or(Reply::Nil, |entry| Reply::Bulk(entry.value.clone()));
                self.set(key, value.clone(), None, before)
            }
            (b"MSET", [_, _, ..]) if words.len() % 2 == 0 => self.set_all(words),
            (b"DEL", [_, ..]) => self.remove(words),
            (b"INCR", [key]) => self.add(key, Some(1)),
            (b"DECR", [key]) => self.add(key, Some(-1)),
            (b"INCRBY", [key, delta]) => self.add(key, integer(delta)),
            (b"DECRBY", [key, delta]) => self.add(key, integer(delta).and_then(i64::checked_neg)),
            (b"APPEND", [key, text]) => {
                let (before, until) = self.get(key).map_or((&[][..], None), |entry| (&entry.value, entry.until));
                if before.len() + text.len() > LARGEST {
                    return Reply::Error("ERR too large a value".into());
                }
                let value = [before, text].concat();
                let length = value.len() as i64;
                self.set(key, value, until, Reply::Integer(length))
            }
            (
                b"PING" | b"ECHO" | b"GET" | b"SET" | b"GETSET" | b"MSET" | b"DEL" | b"INCR" | b"DECR" | b"INCRBY"
                | b"DECRBY" | b"APPEND",
                _,
            ) => Reply::Error(format!("ERR wrong number of arguments for '{}'", String::from_utf8_lossy(name))),
            _ => Reply::Error(format!("ERR unknown command '{}'", String::from_utf8_lossy(name))),
        }
    }

    /// What is there for a key now.
    fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.values.get(key).filter(|entry| entry.until.map_or(true, |until| now() < until))
    }

    fn set_with(&mut self, key: &[u8], value: &[u8], options: &[Bytes]) -> Reply {
        let Some(options) = Options::read(options) else { return Reply::Error("ERR syntax error".into()) };
        if options.only_if_there.is_some_and(|there| there != self.get(key).is_some()) {
            return Reply::Nil;
        }
        self.set(key, value.to_vec(), options.stay.map(|stay| now().saturating_add(stay)), Reply::Status("OK"))
    }

    fn add(&mut self, key: &[u8], delta: Option<i64>) -> Reply {
        let (value, until) = self.get(key).map_or((Some(0), None), |entry| (integer(&entry.value), entry.until));
        match value.zip(delta).map(|(value, delta)| value.checked_add(delta)) {
            Some(Some(sum)) => self.set(key, sum.to_string().into_bytes(), until, Reply::Integer(sum)),
            Some(None) => Reply::Error("ERR increment or decrement would overflow".into()),
            None => Reply::Error("ERR value is not an integer or out of range".into()),
        }
    }

    /// Sets a key, here and in the log.
    fn set(&mut self, key: &[u8], value: Bytes, until: Option<u64>, reply: Reply) -> Reply {
        match until {
            None => encode(&[b"SET", key, &value], &mut self.unwritten),
            Some(until) => encode(&[b"SET", key, &value, until.to_string().as_bytes()], &mut self.unwritten),
        }
        self.put(key, Entry { value, until });
        reply
    }

    /// Sets several keys: one command of the log, which is there as a whole or not at all.
    fn set_all(&mut self, words: &[Bytes]) -> Reply {
        let logged: Vec<&[u8]> = std::iter::once(&b"MSET"[..]).chain(words.iter().map(Vec::as_slice)).collect();
        encode(&logged, &mut self.unwritten);
        words.chunks(2).for_each(|pair| self.put(&pair[0], Entry { value: pair[1].clone(), until: None }));
        Reply::Status("OK")
    }

    /// Removes keys: one command of the log too.
    fn remove(&mut self, keys: &[Bytes]) -> Reply {
        let mut logged = vec![&b"DEL"[..]];
        let mut count = 0;
        for key in keys {
            count += i64::from(self.get(key).is_some());
            if self.values.remove(key).is_some() {
                logged.push(key);
            }
        }
        if logged.len() > 1 {
            encode(&logged, &mut self.unwritten);
        }
        Reply::Integer(count)
    }

    fn put(&mut self, key: &[u8], entry: Entry) {
        match self.values.get_mut(key) {
            Some(old) => *old = entry,
            None => drop(self.values.insert(key.to_vec(), entry)),
        }
    }

    /// What changes from here to [`Self::end`] is done again as a whole, or not at all.
    fn begin(&mut self) -> usize {
        encode(&[b"MULTI"], &mut self.unwritten);
        self.unwritten.len()
    }

    /// `start` is what [`Self::begin`] gave.
    fn end(&mut self, start: usize) {
        if self.unwritten.len() > start {
            encode(&[b"EXEC"], &mut self.unwritten);
        } else {
            // Nothing has changed.
            self.unwritten.truncate(start - b"*1\r\n$5\r\nMULTI\r\n".len());
        }
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
        self.unwritten.shrink_to(MOST_UNSENT);
    }

    /// Does again what a command of the log did.
    fn apply(&mut self, command: &[Bytes]) {
        let Some((name, words)) = command.split_first() else { return };
        match (&name[..], words) {
            (b"SET", [key, value]) => self.put(key, Entry { value: value.clone(), until: None }),
            (b"SET", [key, value, until]) => {
                self.put(key, Entry { value: value.clone(), until: integer(until).map(|until| until as u64) });
            }
            (b"MSET", pairs) => pairs.chunks_exact(2).for_each(|pair| {
                self.put(&pair[0], Entry { value: pair[1].clone(), until: None });
            }),
            (b"DEL", keys) => keys.iter().for_each(|key| drop(self.values.remove(key))),
            _ => {}
        }
    }
}

/// The end of the log, where a command is there in part; what could not be read is another matter.
fn torn(error: io::Error) -> io::Result<Option<Command>> {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Ok(None),
        _ => Err(error),
    }
}

/// What stands behind the value of a SET.
#[derive(Default)]
struct Options {
    /// Whether it is set only where something is there, or only where nothing is.
    only_if_there: Option<bool>,
    /// How long it stays, in milliseconds.
    stay: Option<u64>,
}

impl Options {
    fn read(words: &[Bytes]) -> Option<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut time = |unit: i64| {
                let number = words.next().and_then(|text| integer(text)).filter(|number| *number > 0);
                number.and_then(|number| number.checked_mul(unit)).map(|time| time as u64)
            };
            match &word.to_ascii_uppercase()[..] {
                b"NX" if options.only_if_there.is_none() => options.only_if_there = Some(false),
                b"XX" if options.only_if_there.is_none() => options.only_if_there = Some(true),
                b"EX" if options.stay.is_none() => options.stay = Some(time(1_000)?),
                b"PX" if options.stay.is_none() => options.stay = Some(time(1)?),
                _ => return None,
            }
        }
        Some(options)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
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
