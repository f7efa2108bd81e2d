use harness::{
    history::format::{self, Shape},
    verify::{self, Settings},
};
fn main() {
    let mut args = std::env::args().skip(1);
    let model = args.next().unwrap();
    for path in args {
        let bytes = std::fs::read(&path).unwrap();
        let recorded = format::read(&bytes, None, Shape::default()).unwrap();
        let mut level = None;
        if let Ok(l) = std::env::var("LEVEL") {
            level = Some(serde_json::from_value(l.into()).unwrap());
        }
        let start = std::time::Instant::now();
        let tell = |done: u64, all: u64| eprintln!("   {done}/{all} {:?}", start.elapsed());
        let answer =
            verify::find(&model).unwrap().judge(&recorded, &Settings { level, progress: &tell, ..Settings::default() });
        let took = start.elapsed();
        println!("== {path} {took:?}");
        match answer {
            Err(e) => println!("error {e}"),
            Ok(a) => {
                println!("{:?} {}\n  levels {:?}\n  undecided {:?}", a.verdict, a.detail, a.levels, a.undecided);
                for v in a.violations.iter().take(12) {
                    println!("  [{}] {}\n     witness {:?}", v.rule, v.sentence, v.witness);
                    for d in &v.cycle {
                        println!("     {} -{}-> {}: {} {:?}", d.from, d.kind, d.to, d.reason, d.premises);
                    }
                }
            }
        }
    }
}
