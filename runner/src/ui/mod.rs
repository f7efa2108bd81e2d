//! The only place that prints: the product on stdout, messages and progress on stderr.

mod live;

pub use live::{Live, spinner};

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    sync::OnceLock,
};

/// Why a part of the product could not be printed.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Prints what was asked for. A reader that goes away, such as `head`, is no error; a full disk is kept for [`lost`].
pub fn product(text: &str) {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => drop(LOST.set(error)),
        _ => {}
    }
}

/// Why stdout does not hold all of the product, if it does not.
pub fn lost() -> Option<&'static io::Error> {
    LOST.get()
}

/// Prints a message about what is going on.
pub fn message(text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = writeln!(err, "{text}");
}

/// Whether progress can be shown: stderr is a terminal.
pub fn shows_progress() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether stdout takes colours.
pub fn shows_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}
