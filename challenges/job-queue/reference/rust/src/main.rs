//! A queue of jobs for many clients, after beanstalkd.
//!
//! One lock holds the jobs, and who waits for them; see `queue`. A thread for each connection does what its client says. A
//! client that has to wait is answered by whoever has a job for it, or by the clock; meanwhile its own thread listens
//! whether it is still there.

mod beanstalk;
mod log;
mod queue;

use beanstalk::{read, Said};
use queue::{Queue, Told};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Answers of one client that are kept until they are sent.
const MOST_UNSENT: usize = 1 << 20;
/// A client that does not take its answers in so long is given up: others may be waiting to tell it something.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to a client.
pub struct Line {
    out: Mutex<TcpStream>,
    is_waiting: Mutex<bool>,
    over: Condvar,
}

impl Line {
    /// Sends the answer that its client waits for.
    fn tell(&self, answer: &[u8]) {
        send(&mut self.out.lock().expect("nobody has panicked"), answer);
        *self.is_waiting.lock().expect("nobody has panicked") = false;
        self.over.notify_one();
    }
}

/// Sends answers, or ends the connection: its own thread sees that, and gives back what its client had.
fn send(out: &mut TcpStream, mut answers: &[u8]) {
    let until = Instant::now() + PATIENCE;
    while !answers.is_empty() {
        match out.write(answers) {
            Ok(sent) if sent > 0 && Instant::now() < until => answers = &answers[sent..],
            Ok(sent) if sent == answers.len() => return,
            _ => {
                let _gone_already = out.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

/// What all threads share.
struct Shared {
    queue: Mutex<Queue>,
    /// Told when the clock has to look again.
    earlier: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Whoever panics under the lock has broken a promise; nobody goes on after that.
        self.queue.lock().expect("nobody has panicked")
    }

    /// Gives the lock back; what was found for those who waited is to be told to them now.
    fn unlock(&self, mut queue: MutexGuard<'_, Queue>) -> Vec<Told> {
        queue.commit();
        let told = std::mem::take(&mut queue.told);
        let is_earlier = std::mem::take(&mut queue.is_earlier);
        drop(queue);
        if is_earlier {
            self.earlier.notify_one();
        }
        told
    }
}

fn tell(all: Vec<Told>) {
    all.iter().for_each(|told| told.line.tell(&told.answer));
}

fn main() -> io::Result<()> {
    let address = std::env::var("TAKEHOME_LISTEN").unwrap_or_else(|_| "127.0.0.1:11300".into());
    let folder = PathBuf::from(std::env::var_os("TAKEHOME_DATA").unwrap_or_else(|| ".".into()));
    let shared = Arc::new(Shared { queue: Mutex::new(Queue::open(folder)?), earlier: Condvar::new() });
    let listener = TcpListener::bind(&address)?;
    let clock = shared.clone();
    std::thread::spawn(move || watch_the_clock(&clock));
    for (number, stream) in listener.incoming().enumerate() {
        let shared = shared.clone();
        let Ok(stream) = stream else {
            // Too many open files, as a rule: some of them will be closed.
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        std::thread::spawn(move || {
            if let Err(error) = serve(&stream, number as u64, &shared) {
                eprintln!("a connection ended: {error}");
            }
        });
    }
    Ok(())
}

/// Does what is due, whenever something is.
fn watch_the_clock(shared: &Shared) {
    loop {
        let mut queue = shared.lock();
        let now = Instant::now();
        match queue.expire(now) {
            Some(next) if queue.told.is_empty() => {
                drop(shared.earlier.wait_timeout(queue, next.saturating_duration_since(now)));
            }
            None if queue.told.is_empty() => drop(shared.earlier.wait(queue)),
            _ => tell(shared.unlock(queue)),
        }
    }
}

fn serve(stream: &TcpStream, client: u64, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let line =
        Arc::new(Line { out: Mutex::new(stream.try_clone()?), is_waiting: Mutex::new(false), over: Condvar::new() });
    shared.lock().join(client, line.clone());
    let result = talk(stream, client, &line, shared);
    let mut queue = shared.lock();
    queue.leave(client);
    tell(shared.unlock(queue));
    result
}

/// Does what a client says, until it leaves.
fn talk(stream: &TcpStream, client: u64, line: &Line, shared: &Shared) -> io::Result<()> {
    let mut input = BufReader::with_capacity(64 << 10, stream);
    loop {
        // A client that waits says nothing; that it leaves is noticed here.
        if input.fill_buf()?.is_empty() {
            return Ok(());
        }
        let mut is_waiting = line.is_waiting.lock().expect("nobody has panicked");
        while *is_waiting {
            is_waiting = line.over.wait(is_waiting).expect("nobody has panicked");
        }
        drop(is_waiting);
        let mut next = match read(&mut input) {
            Ok(Some(said)) => Some(said),
            Ok(None) => return Ok(()),
            Err(error) => {
                if error.kind() == io::ErrorKind::InvalidData {
                    send(&mut line.out.lock().expect("nobody has panicked"), b"BAD_FORMAT\r\n");
                }
                return Err(error);
            }
        };
        // Several commands may have come at once: one turn with the lock, one write to the log, and one to the client.
        // Whoever has a job for the client after that comes behind these answers.
        let mut out = line.out.lock().expect("nobody has panicked");
        let mut answers = Vec::new();
        let mut queue = shared.lock();
        while let Some(said) = next.take() {
            match said {
                Said::Wrong(answer) => {
                    answers.extend_from_slice(answer.as_bytes());
                    answers.extend_from_slice(b"\r\n");
                }
                Said::Command(beanstalk::Command::Quit) => {
                    let told = shared.unlock(queue);
                    send(&mut out, &answers);
                    let closed = out.shutdown(Shutdown::Both);
                    drop(out);
                    tell(told);
                    return closed;
                }
                Said::Command(command) => {
                    if !queue.execute(client, command, &mut answers) {
                        *line.is_waiting.lock().expect("nobody has panicked") = true;
                        break;
                    }
                }
            }
            if answers.len() < MOST_UNSENT {
                next = whole_command(&mut input);
            }
        }
        let told = shared.unlock(queue);
        send(&mut out, &answers);
        drop(out);
        tell(told);
    }
}

/// The next command, if all of it has arrived already.
fn whole_command(input: &mut BufReader<&TcpStream>) -> Option<Said> {
    let mut rest = input.buffer();
    let said = read(&mut rest).ok()??;
    let length = input.buffer().len() - rest.len();
    input.consume(length);
    Some(said)
}
