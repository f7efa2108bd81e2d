//! A chat room for many members at once.
//!
//! One lock holds the members. Whoever says something puts it into the outbox of each of the others in one turn with that
//! lock, so that all hear everything in one order; nobody writes to a connection meanwhile. Each member has a thread that
//! reads and one that empties its outbox. An outbox has a bound: who reads too little for too long is out.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// The longest line, and how much may wait for one member.
const MOST_LINE: u64 = 64 << 10;
const MOST_WAITING: usize = 1 << 20;

/// What waits to be sent to a member.
struct Outbox {
    connection: TcpStream,
    waiting: Mutex<Waiting>,
    more: Condvar,
}

#[derive(Default)]
struct Waiting {
    text: String,
    is_over: bool,
}

impl Outbox {
    fn put(&self, line: &str) {
        let mut waiting = self.waiting.lock().expect("nobody has panicked");
        if waiting.text.len() > MOST_WAITING {
            // Its own thread sees that, and takes it out of the room.
            let _gone_already = self.connection.shutdown(Shutdown::Both);
            return;
        }
        waiting.text.push_str(line);
        self.more.notify_one();
    }

    fn close(&self) {
        self.waiting.lock().expect("nobody has panicked").is_over = true;
        self.more.notify_one();
    }

    /// Sends what there is, until nothing more comes.
    fn empty(&self) -> io::Result<()> {
        loop {
            let mut waiting = self.waiting.lock().expect("nobody has panicked");
            while waiting.text.is_empty() && !waiting.is_over {
                waiting = self.more.wait(waiting).expect("nobody has panicked");
            }
            let text = std::mem::take(&mut waiting.text);
            drop(waiting);
            if text.is_empty() {
                return Ok(());
            }
            (&self.connection).write_all(text.as_bytes())?;
        }
    }
}

struct Member {
    name: String,
    outbox: Arc<Outbox>,
}

#[derive(Default)]
struct Room {
    /// By the number of their connections.
    members: BTreeMap<u64, Member>,
}

impl Room {
    fn join(&mut self, number: u64, name: &str, outbox: Arc<Outbox>) {
        self.tell(number, &format!("* {name} has entered the room\n"));
        let names: Vec<&str> = self.members.values().map(|member| &*member.name).collect();
        outbox.put(&format!("* The room contains: {}\n", names.join(", ")));
        self.members.insert(number, Member { name: name.into(), outbox });
    }

    fn leave(&mut self, number: u64) {
        if let Some(member) = self.members.remove(&number) {
            self.tell(number, &format!("* {} has left the room\n", member.name));
        }
    }

    /// Tells all but one.
    fn tell(&self, all_but: u64, line: &str) {
        let others = self.members.iter().filter(|(number, _)| **number != all_but);
        others.for_each(|(_, member)| member.outbox.put(line));
    }
}

fn main() -> io::Result<()> {
    let address = std::env::var("TAKEHOME_LISTEN").unwrap_or_else(|_| "127.0.0.1:7000".into());
    let room = Arc::new(Mutex::new(Room::default()));
    for (number, stream) in TcpListener::bind(&address)?.incoming().enumerate() {
        let room = room.clone();
        let Ok(stream) = stream else {
            // Too many open files, as a rule: some of them will be closed.
            std::thread::sleep(std::time::Duration::from_millis(10));
            continue;
        };
        std::thread::spawn(move || {
            if let Err(error) = serve(stream, number as u64, &room) {
                eprintln!("a connection ended: {error}");
            }
        });
    }
    Ok(())
}

fn serve(stream: TcpStream, number: u64, room: &Mutex<Room>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream.try_clone()?);
    let outbox = Arc::new(Outbox { connection: stream, waiting: Mutex::default(), more: Condvar::new() });
    let sender = outbox.clone();
    let sending = std::thread::spawn(move || {
        if sender.empty().is_err() {
            let _gone_already = sender.connection.shutdown(Shutdown::Both);
        }
    });
    let result = talk(&mut input, number, &outbox, room);
    room.lock().expect("nobody has panicked").leave(number);
    outbox.close();
    let _ended = sending.join();
    result
}

/// Takes a name, and passes on what is said then.
fn talk(input: &mut impl BufRead, number: u64, outbox: &Arc<Outbox>, room: &Mutex<Room>) -> io::Result<()> {
    outbox.put("* Welcome. What is your name?\n");
    let Some(name) = read_line(input)? else { return Ok(()) };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        outbox.put("* A name is letters and digits.\n");
        return Ok(());
    }
    room.lock().expect("nobody has panicked").join(number, &name, outbox.clone());
    while let Some(text) = read_line(input)? {
        let line = format!("[{name}] {text}\n");
        room.lock().expect("nobody has panicked").tell(number, &line);
    }
    Ok(())
}

/// The next line without its end; none at the end of the connection.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    input.take(MOST_LINE).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}
