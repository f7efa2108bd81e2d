//! One client's connection, and how far it is on its tape.

use super::{closed::Trouble, tape::Tape};
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::fd::{AsFd, BorrowedFd},
};

/// A connection that sends a tape and compares what comes back.
pub(super) struct Connection {
    stream: TcpStream,
    tape: Tape,
    /// The next request to be sent, and the next answer to come.
    sent: usize,
    answered: usize,
    /// How much of the next answer has come.
    partial: usize,
    /// Requests in flight.
    open: usize,
    /// Bytes of requests that the connection did not take yet.
    unsent: Vec<u8>,
}

/// Most bytes of a wrong answer that are kept.
const SHOWN: usize = 200;

impl Connection {
    pub(super) fn new(stream: TcpStream, tape: Tape) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, tape, sent: 0, answered: 0, partial: 0, open: 0, unsent: Vec::new() })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Whether nothing is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.open == 0
    }

    /// Whether it waits until it can send.
    pub(super) fn is_stuck(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Sends requests until so many are in flight.
    pub(super) fn fill(&mut self, depth: usize) -> Result<(), Trouble> {
        while self.open < depth {
            self.send(depth - self.open)?;
        }
        Ok(())
    }

    /// Sends at most so many more, but not beyond the end of the tape.
    pub(super) fn send(&mut self, most: usize) -> Result<(), Trouble> {
        let (bytes, count) = self.tape.requests(self.sent, most);
        let taken = if self.unsent.is_empty() { write(&mut self.stream, bytes)? } else { 0 };
        self.unsent.extend_from_slice(&bytes[taken..]);
        self.sent = (self.sent + count) % self.tape.len();
        self.open += count;
        Ok(())
    }

    /// Sends what it could not send before.
    pub(super) fn flush(&mut self) -> Result<(), Trouble> {
        if self.is_stuck() {
            let taken = write(&mut self.stream, &self.unsent)?;
            self.unsent.drain(..taken);
        }
        Ok(())
    }

    /// Takes what has come; how many answers that completes. `buffer` is anybody's.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        let mut count = 0;
        loop {
            let length = match self.stream.read(buffer) {
                Ok(0) => return Err(Trouble::Closed("the server closed the connection".into())),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Trouble::Closed(error.to_string())),
            };
            count += self.compare(&buffer[..length])?;
            if length < buffer.len() {
                return Ok(count);
            }
        }
    }

    /// How many answers these bytes complete; each must be the one that is due.
    fn compare(&mut self, mut bytes: &[u8]) -> Result<usize, Trouble> {
        let mut count = 0;
        while !bytes.is_empty() {
            let due = &self.tape.answers(self.answered)[self.partial..];
            let length = bytes.len().min(due.len());
            if bytes[..length] != due[..length] {
                let same = bytes.iter().zip(due).take_while(|(a, b)| a == b).count();
                return Err(self.wrong(same, bytes));
            }
            let (whole, partial) = self.tape.whole(self.answered, self.partial + length);
            if whole > self.open || (whole == self.open && partial > 0) {
                return Err(Trouble::Wrong("more was answered than was asked".into(), shown(bytes)));
            }
            self.open -= whole;
            count += whole;
            self.partial = partial;
            self.answered = (self.answered + whole) % self.tape.len();
            bytes = &bytes[length..];
        }
        Ok(count)
    }

    /// What is wrong with these bytes, of which the first `same` are right.
    fn wrong(&self, same: usize, bytes: &[u8]) -> Trouble {
        let (whole, partial) = self.tape.whole(self.answered, self.partial + same);
        let place = (self.answered + whole) % self.tape.len();
        let from = same.saturating_sub(partial);
        let [request, answer] = [self.tape.requests(place, 1).0, self.tape.answer(place)]
            .map(|bytes| String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).escape_debug().to_string());
        Trouble::Wrong(format!("`{request}` has to be answered with `{answer}`"), shown(&bytes[from..]))
    }
}

fn shown(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(SHOWN)].to_vec()
}

/// How many bytes the connection took.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<usize, Trouble> {
    match stream.write(bytes) {
        Ok(taken) => Ok(taken),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        Err(error) => Err(Trouble::Closed(error.to_string())),
    }
}
