//! `takehome verify-history`: judges a history that was recorded anywhere.

mod context;

use super::{Outcome, exit_code, report::writable};
use crate::{
    cli::{Plain, VerifyHistory},
    error::{CommandError, Kind},
    ui,
};
use flate2::read::MultiGzDecoder;
use harness::{
    explanation::Verification,
    history::{
        Clock,
        format::{self, FORMATS, LARGEST, Shape},
    },
    manifest::nearest,
    transaction::{LEVELS, level_name},
    units::Span,
    verify::{self, Judge, Level, Recorded, Settings},
};
use indicatif::{ProgressBar, ProgressStyle};
use reports::{format::human::Style, verification};
use std::{
    fs::File,
    io::{self, Read},
    num::NonZero,
    path::Path,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Work that is done sooner shows no progress.
const LONG: Duration = Duration::from_millis(700);

/// Runs the command.
pub fn run(options: &VerifyHistory) -> Outcome {
    if options.models {
        ui::product(&models());
        return Ok(0);
    }
    if options.schema {
        ui::product(&super::show::schema::<Verification>());
        return Ok(0);
    }
    let judge = judge(options.model.as_deref())?;
    known_format(options.input_format.as_deref())?;
    if let Some(json) = &options.initial {
        let models = "`takehome verify-history --models` says what each model judges";
        judge.initial().check(judge.name(), json).map_err(|why| CommandError::new(Kind::Usage, why).hint(models))?;
    }
    if options.lease.is_some() && !judge.has_leases() {
        return Err(CommandError::new(Kind::Usage, verify::no_leases(judge.name())).hint("leave `--lease` out"));
    }
    if let Some(path) = &options.html {
        writable(path)?;
    }
    let file = options.file.as_deref().unwrap_or(Path::new("-"));
    let source = if is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() };
    let recorded = recorded(file, &source, options.input_format.as_deref(), judge)?;
    let meter = Meter::new();
    let settings = Settings {
        budget: options.budget,
        threads: options.threads.unwrap_or_else(processors).get(),
        level: level(options.level.as_deref(), &recorded, judge)?,
        initial: options.initial.as_deref(),
        lease: lease(options.lease, &recorded)?,
        progress: &|done, of| meter.tell(done, of),
    };
    let answer = judge.judge(&recorded, &settings).map_err(|why| {
        let hint = "`takehome verify-history --models` says what each model judges";
        CommandError::new(Kind::Usage, why).at(source.as_str()).hint(hint)
    })?;
    let context = context::beside(file);
    let subject = (env!("CARGO_PKG_VERSION"), source.as_str());
    let verification = Verification::new(subject, judge, &settings, &recorded, answer, &context);
    meter.clear();
    show(&verification, options)?;
    Ok(exit_code(verification.verdict))
}

/// Prints the answer, and writes the page.
fn show(answer: &Verification, options: &VerifyHistory) -> Result<(), CommandError> {
    let style = if ui::shows_colour() { Style::Ansi } else { Style::Plain };
    ui::product(&match options.format {
        Plain::Human => verification::human(style, answer),
        Plain::Json => verification::json(answer),
    });
    if let Some(path) = &options.html {
        let page = verification::html(answer);
        std::fs::write(path, page).map_err(|error| CommandError::io(path.display(), &error))?;
        ui::message(&format!("report: {}", path.display()));
    }
    Ok(())
}

/// The registry, for people.
fn models() -> String {
    let all = verify::registry();
    let width = all.iter().map(|judge| judge.name().len()).max().unwrap_or(0);
    let mut text = String::from("Models (`--model`):\n");
    for judge in all {
        text.push_str(&format!("  {:width$}  {}\n", judge.name(), judge.about()));
    }
    text.push_str("\nFormats (`--input-format`; found by the content when it is left out):\n");
    let width = FORMATS.iter().map(|format| format.name.len()).max().unwrap_or(0);
    for format in FORMATS {
        text.push_str(&format!("  {:width$}  {}\n", format.name, format.about));
    }
    text
}

fn judge(name: Option<&str>) -> Result<&'static dyn Judge, CommandError> {
    let names: Vec<&str> = verify::registry().iter().map(|judge| judge.name()).collect();
    let list = format!("there are: {}; `takehome verify-history --models` says what each requires", names.join(", "));
    let Some(name) = name else {
        return Err(
            CommandError::new(Kind::Usage, "which model? `--model` names what the history is judged by").hint(list)
        );
    };
    verify::find(name).ok_or_else(|| {
        let error = CommandError::new(Kind::Usage, format!("there is no model called `{name}`"));
        nearest(name, names).into_iter().fold(error, CommandError::hint).hint(list)
    })
}

fn known_format(name: Option<&str>) -> Result<(), CommandError> {
    let names = || FORMATS.iter().map(|format| format.name);
    match name {
        Some(name) if !names().any(|known| known == name) => {
            let error = CommandError::new(Kind::Usage, format!("there is no format called `{name}`"));
            let list = format!("there are: {}", names().collect::<Vec<_>>().join(", "));
            Err(nearest(name, names()).into_iter().fold(error, CommandError::hint).hint(list))
        }
        _ => Ok(()),
    }
}

/// The level that was asked for, which only transactions have.
fn level(name: Option<&str>, recorded: &Recorded, judge: &dyn Judge) -> Result<Option<Level>, CommandError> {
    let Some(name) = name else { return Ok(None) };
    if let Recorded::Operations(_) = recorded {
        let message = format!("`--level` is for transactions; `{}` judges operations one at a time", judge.name());
        return Err(CommandError::new(Kind::Usage, message).hint("leave `--level` out"));
    }
    if !judge.has_levels() {
        let message = format!("`{}` has one requirement, and no levels of it", judge.name());
        return Err(CommandError::new(Kind::Usage, message).hint("leave `--level` out"));
    }
    LEVELS.into_iter().find(|level| level_name(*level) == name).map(Some).ok_or_else(|| {
        let names = || LEVELS.into_iter().map(level_name);
        let error = CommandError::new(Kind::Usage, format!("there is no level called `{name}`"));
        let list = format!("there are: {}", names().collect::<Vec<_>>().join(", "));
        nearest(name, names()).into_iter().fold(error, CommandError::hint).hint(list)
    })
}

/// The lease in units of the history's clock, which has to be one that counts time.
fn lease(span: Option<Span>, recorded: &Recorded) -> Result<Option<u64>, CommandError> {
    match (span, recorded) {
        (Some(_), Recorded::Operations(history)) if history.clock == Clock::Order => {
            let message = "`--lease` needs times, and this history has only an order of events";
            Err(CommandError::new(Kind::Usage, message).hint("record when each operation was called and returned"))
        }
        (span, _) => Ok(span.map(|span| u64::try_from(span.0.as_nanos()).unwrap_or(u64::MAX))),
    }
}

/// Reads the history, unpacked where it is compressed.
fn recorded(file: &Path, source: &str, format: Option<&str>, judge: &dyn Judge) -> Result<Recorded, CommandError> {
    let bytes = content(file).map_err(|error| unreadable(source, &error))?;
    let read = format::read(&bytes, format, Shape::of_model(judge.name()));
    read.map_err(|error| {
        let hint =
            "`--input-format` names the format where the content does not tell; `--models` lists what can be read";
        CommandError::new(Kind::Usage, format!("the history cannot be read: {}", error.what))
            .at(format!("{source}, {}", error.place))
            .hint(hint)
    })
}

/// The bytes of the file or of standard input. What begins like gzip is unpacked, and a file may claim any size: more
/// than a reader takes is not unpacked.
fn content(file: &Path) -> io::Result<Vec<u8>> {
    let stream: Box<dyn Read> = if is_stdin(file) { Box::new(io::stdin().lock()) } else { Box::new(File::open(file)?) };
    let bytes = bounded(stream)?;
    match bytes.starts_with(b"\x1f\x8b\x08") {
        true => bounded(MultiGzDecoder::new(&bytes[..])),
        false => Ok(bytes),
    }
}

fn bounded(stream: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(LARGEST as u64).read_to_end(&mut bytes)?;
    match bytes.len() < LARGEST {
        true => Ok(bytes),
        false => Err(io::Error::other(format!("it is longer than {} MiB", LARGEST >> 20))),
    }
}

fn unreadable(source: &str, error: &io::Error) -> CommandError {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "give the name of a file, or `-` for standard input",
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
            "the file is damaged: unpack it with gzip to see how far it goes"
        }
        _ => "give a file that can be read, or `-` for standard input",
    };
    CommandError::new(Kind::Usage, format!("the history cannot be read: {error}")).at(source).hint(hint)
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn processors() -> NonZero<usize> {
    std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// A bar on a terminal, once the work has turned out to be long.
struct Meter {
    begun: Instant,
    bar: OnceLock<ProgressBar>,
}

impl Meter {
    fn new() -> Self {
        Self { begun: Instant::now(), bar: OnceLock::new() }
    }

    fn tell(&self, done: u64, of: u64) {
        if !ui::shows_progress() || self.begun.elapsed() < LONG {
            return;
        }
        let bar = self.bar.get_or_init(|| {
            let bar = ProgressBar::new(of);
            if let Ok(style) =
                ProgressStyle::with_template("judging  {bar:40} {percent:>3} %  {human_pos} of {human_len}")
            {
                bar.set_style(style);
            }
            bar
        });
        bar.set_length(of);
        bar.set_position(done);
    }

    fn clear(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}
