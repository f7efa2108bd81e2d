//! takehome's half of the comparison with Porcupine that `benches/porcupine/run` makes.
//!
//! `compare write CHECKOUT CORPORA FOLDER` writes the histories of each case in takehome's own format, so that both judge
//! the same; `compare judge CASE FOLDER` judges those of one case with the judge that `verify-history` would take and
//! prints files, illegal ones, undecided ones, nanoseconds and peak memory in KiB.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measurement reads files, looks at the clock and prints"
)]

#[path = "../benches/made/mod.rs"]
mod made;

use harness::{
    history::{History, format},
    verdict::Verdict,
    verify::{self, Recorded, Settings},
};
use std::{env, error::Error, fs, hint::black_box, path::Path, time::Instant};

/// A case: its name, the judge and the register's initial value.
const CASES: &[(&str, &str, Option<&str>)] = &[
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

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["write", checkout, corpora, folder] => {
            CASES.iter().try_for_each(|(case, ..)| write(case, checkout.as_ref(), corpora.as_ref(), folder.as_ref()))
        }
        ["judge", case, folder] => judge(case, folder.as_ref()),
        _ => Err("compare write CHECKOUT CORPORA FOLDER | compare judge CASE FOLDER".into()),
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
    let (_, model, initial) = CASES.iter().find(|(name, ..)| *name == case).ok_or("no such case")?;
    let judge = verify::find(model).ok_or("no such judge")?;
    let histories: Vec<Recorded> = recorded(&folder.join(case), "")?.into_iter().map(Recorded::Operations).collect();
    let settings = Settings { initial: *initial, ..Settings::default() };
    let (mut illegal, mut undecided) = (0, 0);
    let start = Instant::now();
    for history in &histories {
        let answer = black_box(judge.judge(history, &settings)?);
        illegal += usize::from(answer.verdict == Verdict::Fail);
        undecided += answer.undecided.len();
    }
    let nanoseconds = start.elapsed().as_nanos();
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    let peak = peak.trim().trim_end_matches(" kB");
    println!("RESULT\t{}\t{illegal}\t{undecided}\t{nanoseconds}\t{peak}", histories.len());
    Ok(())
}
