//! RESP2: commands as clients send them, and replies.
//!
//! A command is an array of bulk strings, `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, or a line of words, `GET k\r\n`.

#![allow(dead_code)] // A solution may not need every kind of reply.

use std::io::{self, BufRead, Read, Write};

/// The largest word of a command.
pub const LARGEST: usize = 64 << 20;
/// The most words.
const MOST: usize = 1 << 20;

/// A reply.
pub enum Reply {
    /// A status such as `OK`.
    Status(&'static str),
    /// An error; it begins with a word in capitals, such as `ERR`.
    Error(String),
    /// A number.
    Integer(i64),
    /// A value.
    Bulk(Vec<u8>),
    /// There is no value.
    Nil,
}

impl Reply {
    /// Writes the reply; flushing is the caller's.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Status(text) => write!(out, "+{text}\r\n"),
            Self::Error(text) => write!(out, "-{}\r\n", text.replace(['\r', '\n'], " ")),
            Self::Integer(number) => write!(out, ":{number}\r\n"),
            Self::Bulk(bytes) => {
                write!(out, "${}\r\n", bytes.len())?;
                out.write_all(bytes)?;
                out.write_all(b"\r\n")
            }
            Self::Nil => out.write_all(b"$-1\r\n"),
        }
    }
}

/// Reads the next command; none at the end of the connection. An error is told to the client before the connection is
/// closed: nobody knows where the next command begins.
pub fn read_command(input: &mut impl BufRead) -> io::Result<Option<Vec<Vec<u8>>>> {
    let mut line = Vec::with_capacity(32);
    if !read_line(input, &mut line)? {
        return Ok(None);
    }
    let Some(count) = line.strip_prefix(b"*") else {
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        return Ok(Some(words.map(<[u8]>::to_vec).collect()));
    };
    let count = number(count, MOST)?;
    let mut words = Vec::with_capacity(count.min(16));
    for _ in 0..count {
        if !read_line(input, &mut line)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = line.strip_prefix(b"$").ok_or_else(|| wrong("expected '$'"))?;
        let length = number(length, LARGEST)?;
        let mut word = Vec::with_capacity((length + 2).min(64 << 10));
        input.take(length as u64 + 2).read_to_end(&mut word)?;
        if !word.ends_with(b"\r\n") || word.len() != length + 2 {
            return Err(wrong("a bulk string without its end"));
        }
        word.truncate(length);
        words.push(word);
    }
    Ok(Some(words))
}

/// Reads a line without its end; false at the end of the connection.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if input.take(64 << 10).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.pop() != Some(b'\n') {
        return Err(wrong("a line without its end"));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(true)
}

fn number(text: &[u8], most: usize) -> io::Result<usize> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.filter(|number| *number <= most).ok_or_else(|| wrong("invalid length"))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("Protocol error: {what}"))
}
