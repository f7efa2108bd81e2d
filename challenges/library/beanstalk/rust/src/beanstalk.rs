//! The protocol of beanstalkd: commands as clients send them.
//!
//! A command is a line of words between single spaces, `reserve-with-timeout 5\r\n`; behind that of `put` come the data of
//! the job and another line end, `put 0 0 60 5\r\nhello\r\n`.

#![allow(dead_code)] // A solution may not need every command.

use std::io::{self, BufRead, Read};

/// The most bytes of a job's data, of a tube's name, and of a line with its end.
pub const MOST_DATA: u64 = 65_535;
const MOST_NAME: usize = 200;
const MOST_LINE: u64 = 224;

/// A command. Times are seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Put { priority: u32, delay: u32, ttr: u32, data: Vec<u8> },
    Reserve { timeout: Option<u32> },
    Delete(u64),
    Release { id: u64, priority: u32, delay: u32 },
    Bury { id: u64, priority: u32 },
    Touch(u64),
    Kick(u64),
    KickJob(u64),
    Peek(u64),
    PeekReady,
    PeekDelayed,
    PeekBuried,
    Use(String),
    Watch(String),
    Ignore(String),
    Quit,
}

/// What a client has said.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Command(Command),
    /// Not a command; the answer to that. The next one follows.
    Wrong(&'static str),
}

/// Reads what comes next; none at the end of the connection. An error of the kind `InvalidData` is told to the client as
/// `BAD_FORMAT` before the connection is closed: nobody knows where the next command begins.
pub fn read(input: &mut impl BufRead) -> io::Result<Option<Said>> {
    let mut line = Vec::with_capacity(64);
    if input.take(MOST_LINE).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if !line.ends_with(b"\r\n") {
        return match line.len() as u64 == MOST_LINE || line.ends_with(b"\n") {
            true => Err(io::Error::new(io::ErrorKind::InvalidData, "a line without its end")),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        };
    }
    line.truncate(line.len() - 2);
    let Ok(line) = std::str::from_utf8(&line) else { return Ok(Some(Said::Wrong("UNKNOWN_COMMAND"))) };
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words: Vec<&str> = if rest.is_empty() { Vec::new() } else { rest.split(' ').collect() };
    if name == "put" {
        return read_put(input, &words).map(Some);
    }
    Ok(Some(parse(name, &words)))
}

fn read_put(input: &mut impl BufRead, words: &[&str]) -> io::Result<Said> {
    let numbers = match words {
        [priority, delay, ttr, bytes] => small(priority).zip(small(delay)).zip(small(ttr).zip(number(bytes))),
        _ => None,
    };
    let Some(((priority, delay), (ttr, bytes))) = numbers else { return Ok(Said::Wrong("BAD_FORMAT")) };
    if bytes > MOST_DATA {
        // It is passed over, however much it is.
        let all = bytes.saturating_add(2);
        return match io::copy(&mut input.take(all), &mut io::sink())? == all {
            true => Ok(Said::Wrong("JOB_TOO_BIG")),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        };
    }
    let mut data = vec![0; bytes as usize + 2];
    input.read_exact(&mut data)?;
    if !data.ends_with(b"\r\n") {
        return Ok(Said::Wrong("EXPECTED_CRLF"));
    }
    data.truncate(bytes as usize);
    Ok(Said::Command(Command::Put { priority, delay, ttr, data }))
}

fn parse(name: &str, words: &[&str]) -> Said {
    const NAMES: &[&str] = &[
        "reserve", "reserve-with-timeout", "delete", "release", "bury", "touch", "kick", "kick-job", "peek",
        "peek-ready", "peek-delayed", "peek-buried", "use", "watch", "ignore", "quit",
    ];
    let command = match (name, words) {
        ("reserve", []) => Some(Command::Reserve { timeout: None }),
        ("reserve-with-timeout", [time]) => small(time).map(|time| Command::Reserve { timeout: Some(time) }),
        ("delete", [id]) => number(id).map(Command::Delete),
        ("release", [id, priority, delay]) => match (number(id), small(priority), small(delay)) {
            (Some(id), Some(priority), Some(delay)) => Some(Command::Release { id, priority, delay }),
            _ => None,
        },
        ("bury", [id, priority]) => number(id).zip(small(priority)).map(|(id, priority)| Command::Bury { id, priority }),
        ("touch", [id]) => number(id).map(Command::Touch),
        ("kick", [bound]) => number(bound).map(Command::Kick),
        ("kick-job", [id]) => number(id).map(Command::KickJob),
        ("peek", [id]) => number(id).map(Command::Peek),
        ("peek-ready", []) => Some(Command::PeekReady),
        ("peek-delayed", []) => Some(Command::PeekDelayed),
        ("peek-buried", []) => Some(Command::PeekBuried),
        ("use", [tube]) => tube_name(tube).map(Command::Use),
        ("watch", [tube]) => tube_name(tube).map(Command::Watch),
        ("ignore", [tube]) => tube_name(tube).map(Command::Ignore),
        ("quit", []) => Some(Command::Quit),
        _ => None,
    };
    match command {
        Some(command) => Said::Command(command),
        None if NAMES.contains(&name) => Said::Wrong("BAD_FORMAT"),
        None => Said::Wrong("UNKNOWN_COMMAND"),
    }
}

fn tube_name(text: &str) -> Option<String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-+/;.$_()".contains(&byte);
    let is_name = !text.is_empty() && text.len() <= MOST_NAME && !text.starts_with('-') && text.bytes().all(is_allowed);
    is_name.then(|| text.to_owned())
}

fn number(text: &str) -> Option<u64> {
    // `parse` would take a sign.
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn small(text: &str) -> Option<u32> {
    number(text)?.try_into().ok()
}
