//! takehome's half of the comparison with Porcupine that `benches/porcupine/run` makes.
//!
//! `compare write CHECKOUT CORPORA FOLDER` writes the histories of each case in takehome's own format, so that both judge
//! the same; `compare judge CASE FOLDER` judges those of one case with the judge that `verify-history` would take and
//! prints files, illegal ones, undecided ones, nanoseconds to decide (as Porcupine does), nanoseconds to decide and to
//! explain what is illegal, and peak memory in KiB.
//!
//! `compare large` prints time and peak memory of the judges for histories of a million operations or transactions, each
//! in a process of its own, the history included in the memory; `CORPORA` as the last word adds Elle's largest component.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measurement reads files, looks at the clock and prints"
)]

#[path = "../benches/made/mod.rs"]
mod made;

use harness::{
    history::{History, Id, format},
    linearizability::search::{self, Found},
    model::Register,
    verdict::Verdict,
    verify::{self, Recorded, Settings},
};
use std::{
    env,
    error::Error,
    fs,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

/// A case: its name, the judge and the register's initial value.
type Case = (&'static str, &'static str, Option<&'static str>);

const CASES: &[Case] = &[
    ("etcd", "register", None),
    ("knossos", "cas-register", Some("0")),
    ("kv-c10-ok", "kv", None),
    ("kv-c10-bad", "kv", None),
    ("kv-c50-ok", "kv", None),
    ("kv-c50-bad", "kv", None),
    ("register-1000", "register", None),
    ("register-1000-illegal", "register", None),
    ("register-20-pending-illegal", "register", None),
];

/// As many configurations as no history of these cases needs.
const BUDGET: u64 = verify::DEFAULT_BUDGET;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["write", checkout, corpora, folder] => {
            CASES.iter().try_for_each(|(case, ..)| write(case, checkout.as_ref(), corpora.as_ref(), folder.as_ref()))
        }
        ["judge", case, folder] => judge(case, folder.as_ref()),
        ["large"] => large_table(None),
        ["large", corpora] => large_table(Some(corpora)),
        ["large", case, corpora] => large(case, corpora.as_ref()),
        _ => Err("compare write CHECKOUT CORPORA FOLDER | compare judge CASE FOLDER | compare large [CORPORA]".into()),
    }
}

fn write(case: &str, checkout: &Path, corpora: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let histories = match case {
        "etcd" => recorded(&checkout.join("test_data/jepsen"), "")?,
        // The others of Knossos's files begin with another value, or are of its mutex.
        "knossos" => [recorded(&corpora.join("knossos/cas-register/bad"), "rethink")?, {
            recorded(&corpora.join("knossos/cas-register/good"), "rethink")?
        }]
        .concat(),
        "register-1000" => vec![made::register(1_000, 16)],
        "register-1000-illegal" => vec![made::stale_register(1_000, 16, 0)],
        "register-20-pending-illegal" => vec![made::stale_register(200, 4, 20)],
        kv => {
            let name = kv.trim_start_matches("kv-");
            vec![operations(&checkout.join(format!("test_data/kv/{name}.txt")))?]
        }
    };
    fs::create_dir_all(folder.join(case))?;
    for (number, history) in histories.iter().enumerate() {
        fs::write(folder.join(case).join(format!("{number:03}.tsv")), format::text::write(history))?;
    }
    Ok(())
}

/// The histories of a folder but for those with a word in their name.
fn recorded(folder: &Path, without: &str) -> Result<Vec<History>, Box<dyn Error>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.sort();
    paths.retain(|path| without.is_empty() || !path.to_string_lossy().contains(without));
    paths.iter().map(|path| operations(path)).collect()
}

fn operations(path: &Path) -> Result<History, Box<dyn Error>> {
    match format::read(&fs::read(path)?, None, format::Shape::default())? {
        Recorded::Operations(history) => Ok(history),
        Recorded::Transactions(_) => Err(format!("{}: transactions", path.display()).into()),
    }
}

fn judge(case: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let case = CASES.iter().find(|(name, ..)| *name == case).ok_or("no such case")?;
    let histories = recorded(&folder.join(case.0), "")?;
    let decided = decide(case, &histories)?;
    let (illegal, undecided, explained) = explain(case, histories)?;
    let peak = peak()?;
    // Where a monitor decides, what it finds is its explanation, and both together take less than the search.
    let (files, illegal) = match decided {
        Some((found, _)) if found != illegal => return Err("search and judge differ".into()),
        _ => (fs::read_dir(folder.join(case.0))?.count(), illegal),
    };
    let decided = decided.map_or(explained, |(_, time)| time.min(explained));
    println!("RESULT\t{files}\t{illegal}\t{undecided}\t{decided}\t{explained}\t{peak}");
    Ok(())
}

/// This process's peak memory in KiB.
fn peak() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    Ok(peak.trim().trim_end_matches(" kB").parse()?)
}

/// The large histories, and the judge of each.
const LARGE: [(&str, &str); 6] = [
    ("queue-1000000", "queue"),
    ("stack-1000000", "stack"),
    ("register-1000000", "register"),
    ("kv-append-1000000", "kv"),
    ("list-append-1000000", "list-append"),
    ("huge-scc", "list-append"),
];

fn large_table(corpora: Option<&str>) -> Result<(), Box<dyn Error>> {
    println!("| history | operations | ms | peak MiB |\n|---|---|---|---|");
    for (case, _) in LARGE.iter().filter(|(case, _)| corpora.is_some() || *case != "huge-scc") {
        let one =
            std::process::Command::new(env::current_exe()?).args(["large", case, corpora.unwrap_or("-")]).output()?;
        match one.status.success() {
            true => print!("{}", String::from_utf8_lossy(&one.stdout)),
            false => return Err(format!("{case}: {}", String::from_utf8_lossy(&one.stderr)).into()),
        }
    }
    Ok(())
}

/// One row of the table.
fn large(case: &str, corpora: &Path) -> Result<(), Box<dyn Error>> {
    const MANY: usize = 1_000_000;
    let (_, model) = LARGE.iter().find(|(name, _)| *name == case).ok_or("no such history")?;
    let recorded = match case {
        "queue-1000000" => Recorded::Operations(made::queue(MANY)),
        "stack-1000000" => Recorded::Operations(made::stack(MANY)),
        "register-1000000" => Recorded::Operations(made::register(MANY, 16)),
        "kv-append-1000000" => Recorded::Operations(made::appended(MANY)),
        "list-append-1000000" => Recorded::Transactions(made::lists(MANY as u64)),
        _ => format::read(&fs::read(corpora.join("elle/huge-scc.edn"))?, None, format::Shape::of_model(model))?,
    };
    let operations = match &recorded {
        Recorded::Operations(history) => history.len(),
        Recorded::Transactions(transactions) => transactions.len(),
    };
    let judge = verify::find(model).ok_or("no such judge")?;
    let settings = Settings::default();
    let (legal, time) = repeated(|| Ok(judge.judge(&recorded, &settings)?.verdict == Verdict::Pass))?;
    if legal == (case == "huge-scc") {
        return Err("a wrong verdict".into());
    }
    println!("| {case} | {operations} | {:.1} | {} |", time as f64 / 1e6, peak()? >> 10);
    Ok(())
}

/// The general search alone, for registers: illegal histories and nanoseconds.
fn decide((_, model, initial): &Case, histories: &[History]) -> Result<Option<(usize, u128)>, Box<dyn Error>> {
    if *model == "kv" {
        return Ok(None);
    }
    let initial = initial.map_or(Some(Id::NIL), |number| Id::small(number.parse().ok()?)).ok_or("no small number")?;
    let register = Register { initial, nil_is_wildcard: *model == "cas-register" };
    let (illegal, time) = repeated(|| {
        let mut illegal = 0;
        for history in histories {
            let decided = search::decide(&register, history, &history.effective(), BUDGET, &|_| {})?;
            illegal += usize::from(matches!(black_box(decided.found), Found::Illegal { .. }));
        }
        Ok(illegal)
    })?;
    Ok(Some((illegal, time)))
}

/// All that `verify-history` does: illegal histories, undecided ones and nanoseconds.
fn explain((_, model, initial): &Case, histories: Vec<History>) -> Result<(usize, usize, u128), Box<dyn Error>> {
    let judge = verify::find(model).ok_or("no such judge")?;
    let histories: Vec<Recorded> = histories.into_iter().map(Recorded::Operations).collect();
    let settings = Settings { initial: *initial, budget: BUDGET, ..Settings::default() };
    let ((illegal, undecided), time) = repeated(|| {
        let (mut illegal, mut undecided) = (0, 0);
        for history in &histories {
            let answer = black_box(judge.judge(history, &settings)?);
            illegal += usize::from(answer.verdict == Verdict::Fail);
            undecided += answer.undecided.len();
        }
        Ok((illegal, undecided))
    })?;
    Ok((illegal, undecided, time))
}

/// The last result and the median nanoseconds of as many passes as 200 ms hold, at least one: the other judge's test
/// repeats as often.
fn repeated<T>(pass: impl Fn() -> Result<T, Box<dyn Error>>) -> Result<(T, u128), Box<dyn Error>> {
    let mut times = Vec::new();
    let begin = Instant::now();
    loop {
        let start = Instant::now();
        let result = pass()?;
        times.push(start.elapsed().as_nanos());
        if begin.elapsed() >= Duration::from_millis(200) {
            times.sort_unstable();
            return Ok((result, times[times.len() / 2]));
        }
    }
}
