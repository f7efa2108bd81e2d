//! Your solution to the challenge `chat`. It asks for a name, and then listens to nobody.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    let address = std::env::var("TAKEHOME_LISTEN").unwrap_or_else(|_| "127.0.0.1:7000".into());
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

/// One client, from its coming to its end. This is where your work begins.
fn serve(mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(b"Welcome. What is your name?\n")?;
    for line in BufReader::new(stream).lines() {
        eprintln!("somebody said {:?}", line?);
    }
    Ok(())
}
