//! Your solution to the challenge `kv-store`. It listens and knows no command yet.

mod resp;

use resp::{read_command, Reply};
use std::io::{self, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    let address = std::env::var("TAKEHOME_LISTEN").unwrap_or_else(|_| "127.0.0.1:6379".into());
    let listener = TcpListener::bind(&address)?;
    eprintln!("listening on {address}");
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || {
            if let Err(error) = serve(&stream) {
                eprintln!("a connection ended: {error}");
            }
        });
    }
    Ok(())
}

fn serve(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (BufReader::new(stream), BufWriter::new(stream));
    loop {
        match read_command(&mut input) {
            Ok(Some(command)) => execute(&command).write(&mut output)?,
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

/// Does what a command says. This is where your work begins.
fn execute(command: &[Vec<u8>]) -> Reply {
    let name = command.first().map(|name| String::from_utf8_lossy(name).to_uppercase());
    Reply::Error(format!("ERR unknown command '{}'", name.unwrap_or_default()))
}
