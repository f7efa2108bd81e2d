//! The table: attacks, and what comes of each without a sandbox, on every back end, and under bubblewrap as most people
//! call it. The last is a comparison and decides nothing.

use crate::{
    Seat, cell, control_word,
    manifest::Attack,
    plain, submission,
    submission::{Skipped, UNPROVEN},
    world::world,
};
use std::sync::Mutex;

/// Prints it.
pub fn print(attacks: Vec<Attack>) {
    let seats = Seat::of(&cell::all());
    let mut heads = vec!["attack".to_owned(), "alone".to_owned()];
    heads.extend(seats.iter().map(Seat::name));
    heads.extend(seats.iter().filter(|seat| seat.is_native()).map(|seat| format!("usual-bwrap-{}", seat.user())));
    let rows = Mutex::new(Vec::new());
    let next = Mutex::new(attacks.iter().enumerate());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((at, attack)) = next.lock().ok().and_then(|mut next| next.next()) else { return };
                    let cells = row(attack, &seats);
                    if let Ok(mut rows) = rows.lock() {
                        rows.push((at, cells));
                    }
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap_or_default();
    rows.sort();
    lines(&heads, rows.into_iter().map(|(_, cells)| cells).collect());
}

fn row(attack: &Attack, seats: &[Seat]) -> Vec<String> {
    let mut cells = vec![attack.path(), control_word(attack)];
    if attack.manifest.probe.is_empty() {
        cells.extend(seats.iter().map(|seat| held(attack, seat)));
        return cells;
    }
    cells.extend(seats.iter().map(|seat| told(attack, seat)));
    for seat in seats.iter().filter(|seat| seat.is_native()) {
        let outcome = plain::usual_bwrap(attack, seat.ordinary_user()).unwrap_or_else(|| "not installed".into());
        cells.push(short(&outcome));
    }
    cells
}

/// What came of a whole submission. It is run as whoever prints the table, and where no sandbox is attacked, once.
fn held(attack: &Attack, seat: &Seat) -> String {
    let sandbox = attack.is_on_the_sandbox().then_some(seat.backend());
    if seat.ordinary_user().is_some() || sandbox.is_none() && !seat.is_native() {
        return "-".into();
    }
    let approximate = match sandbox.map(|name| cell::open(name, world().helper().to_owned())).transpose() {
        Err(why) => return format!("not run: {why}"),
        Ok(Some(backend)) if attack.is_too_much_for(&*backend) => return "not run".into(),
        Ok(backend) => backend.is_some_and(|backend| attack.is_approximate(&*backend)),
    };
    match submission(attack, sandbox) {
        Ok(None) => "held".into(),
        Ok(Some(Skipped(why))) => format!("skipped: {why}"),
        Err(why) => {
            let note = if approximate { " (approximate)" } else { "" };
            let why = why.lines().next().unwrap_or_default();
            // The weak ones cannot run everything: tools in a home of root's, for example.
            if why.starts_with(UNPROVEN) { why.to_owned() } else { format!("BROKEN{note} {why}") }
        }
    }
}

fn told(attack: &Attack, seat: &Seat) -> String {
    match seat.probe(attack) {
        Err(why) => format!("not run: {why}"),
        Ok(told) => {
            let note = match () {
                () if told.approximate() => " (approximate)",
                () if attack.manifest.weak.iter().any(|name| name == seat.backend()) => " (weak)",
                () => "",
            };
            format!("{}{note}", short(told.outcome()))
        }
    }
}

/// `SUCCEEDED` is what the eye looks for; of a refusal the error is enough.
fn short(outcome: &str) -> String {
    match outcome.split_once(": ") {
        Some(("refused", error)) => error.to_owned(),
        _ if outcome.starts_with("succeeded") => "SUCCEEDED".into(),
        _ => outcome.to_owned(),
    }
}

fn lines(heads: &[String], rows: Vec<Vec<String>>) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).chain([&heads[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).min(34)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    for row in std::iter::once(heads.to_vec()).chain(rows.iter().cloned()) {
        let cells = row.iter().enumerate().map(|(at, cell)| format!("{cell:<width$}", width = widths[at]));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    let of = |word: &str, column: usize| {
        rows.iter().filter(|row| row.get(column).is_some_and(|it| it.contains(word))).count()
    };
    println!();
    for (column, head) in heads.iter().enumerate().skip(1) {
        println!("{head}: {} succeeded, of {}", of("SUCCEEDED", column) + of("BROKEN", column), of("", column));
    }
}
