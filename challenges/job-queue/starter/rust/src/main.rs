//! Your solution to the challenge `job-queue`. It listens and knows no command yet.

mod beanstalk;

use beanstalk::{read, Command, Said};
use std::io::{self, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    let address = std::env::var("TAKEHOME_LISTEN").unwrap_or_else(|_| "127.0.0.1:11300".into());
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
        let answer = match read(&mut input) {
            Ok(Some(Said::Command(command))) => execute(&command),
            Ok(Some(Said::Wrong(answer))) => answer.to_owned(),
            Ok(None) => return Ok(()),
            Err(error) => {
                if error.kind() == io::ErrorKind::InvalidData {
                    output.write_all(b"BAD_FORMAT\r\n")?;
                    output.flush()?;
                }
                return Err(error);
            }
        };
        write!(output, "{answer}\r\n")?;
        // Several commands may have come at once: their answers go back together.
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
}

/// Does what a command says. This is where your work begins.
fn execute(_command: &Command) -> String {
    "INTERNAL_ERROR".into()
}
