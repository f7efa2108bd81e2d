//! The only place that prints: the product on stdout, messages and progress on stderr.

mod live;

pub use live::{Live, json_line, spinner};

use harness::text::lines;
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

/// Prints a message about what is going on. Names and words of a submission may be in it: nothing in it acts.
pub fn message(text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = writeln!(err, "{}", lines(text));
}

/// Prints what was wrong with the words of the command line, or the help. In CI the words may be a candidate's: a branch
/// of theirs, say.
pub fn usage(error: &clap::Error) {
    let text = error.render().to_string();
    // Everything that is well is printed with its colours, and to the stream where it belongs.
    if !error.use_stderr() || lines(&text) == text.trim_end_matches('\n') {
        let _ = error.print();
    } else {
        message(&text);
    }
}

/// A panic's message may quote what the panic was about.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let trace = std::backtrace::Backtrace::capture();
        message(&format!("error[E7000]: a bug in takehome: {panic}"));
        if trace.status() == std::backtrace::BacktraceStatus::Captured {
            message(&trace.to_string());
        }
    }));
}

/// Whether progress can be shown: stderr is a terminal.
pub fn shows_progress() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether stdout takes colours.
pub fn shows_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}
