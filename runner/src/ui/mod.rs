//! The only place that prints: the product on stdout, messages and progress on stderr.

mod live;

pub use live::{Live, spinner};

use std::io::{IsTerminal, Write};

/// Prints what was asked for. A reader that goes away, such as `head`, is no error.
pub fn product(text: &str) {
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
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
