//! The system call filter of a cell's programs: the rules of [`rules`] in the kernel's language.
//!
//! Calls are refused with an error and never kill. The program is a search tree over call numbers, because the kernel
//! walks it once for every number when it is installed, to know which calls it need not be run for.

mod rules;
#[cfg(test)]
mod tests;

use nix::errno::Errno;
use rules::{Case, Condition, FIRST_UNKNOWN, OF_THIS_MACHINE, Outcome, RULES, Verdict};
use std::collections::BTreeMap;

/// The name of this machine's system call table; other tables (32-bit ones) are refused, since their numbers differ.
#[cfg(target_arch = "x86_64")]
const TABLE: Option<u32> = Some(0xc000_003e);
#[cfg(target_arch = "aarch64")]
const TABLE: Option<u32> = Some(0xc000_00b7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const TABLE: Option<u32> = None;

// Offsets in `struct seccomp_data`. The machines named above keep the lower half of an argument first.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// Filters for good this process and all it will become. Safe between `fork` and `exec`: the program is made before.
pub(in crate::backend) fn install(program: &[libc::sock_filter]) -> Result<(), Errno> {
    if program.is_empty() {
        return Ok(());
    }
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel only reads the program, whose length it is told.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    Errno::result(result).map(drop)
}

/// The rules in the kernel's language; empty where the table of this machine is not known.
pub(super) fn program() -> Vec<libc::sock_filter> {
    let Some(table) = TABLE else { return Vec::new() };
    let mut program = vec![load(ARCHITECTURE), jump(libc::BPF_JEQ, table, 1, 0), end(Outcome::Fail(libc::EPERM))];
    program.push(load(NUMBER));
    program.extend(search(&ranges()));
    program
}

/// A range of call numbers, up to the beginning of the next, and what becomes of them.
type Range = (u32, Verdict);

/// Allows what no rule speaks of.
const ALLOW: Verdict = Verdict::Depends(&[], Outcome::Allow);

/// All call numbers in ascending ranges.
fn ranges() -> Vec<Range> {
    let rules = RULES.iter().chain(OF_THIS_MACHINE);
    let verdicts: BTreeMap<u32, Verdict> =
        rules.flat_map(|rule| rule.calls.iter().map(|call| (*call as u32, rule.verdict))).collect();
    let mut ranges = vec![(0, ALLOW)];
    for (number, verdict) in verdicts {
        // The allowing range that begins here holds nothing.
        if ranges.last().is_some_and(|(start, _)| *start == number) {
            ranges.pop();
        }
        ranges.extend([(number, verdict), (number + 1, ALLOW)]);
    }
    ranges.push((FIRST_UNKNOWN, Verdict::Refuse(libc::ENOSYS)));
    ranges.dedup_by(|next, before| next.1 == before.1);
    ranges
}

/// The decision between some ranges, for a number that is already loaded.
fn search(ranges: &[Range]) -> Vec<libc::sock_filter> {
    if let [(_, verdict)] = ranges {
        return decision(*verdict);
    }
    let (lower, upper) = ranges.split_at(ranges.len() / 2);
    let (start, lower, upper) = (upper[0].0, search(lower), search(upper));
    let mut program = match u8::try_from(lower.len()) {
        Ok(skipped) => vec![jump(libc::BPF_JGE, start, skipped, 0)],
        Err(_) => vec![
            jump(libc::BPF_JGE, start, 0, 1),
            step(libc::BPF_JMP | libc::BPF_JA | libc::BPF_K, 0, 0, lower.len() as u32),
        ],
    };
    program.extend(lower);
    program.extend(upper);
    program
}

/// The decision for one call.
fn decision(verdict: Verdict) -> Vec<libc::sock_filter> {
    match verdict {
        Verdict::Refuse(errno) => vec![end(Outcome::Fail(errno))],
        Verdict::Depends(cases, otherwise) => {
            let mut program: Vec<_> = cases.iter().flat_map(alternative).collect();
            program.push(end(otherwise));
            program
        }
    }
}

/// One case: its conditions, each of which leads behind it when it does not hold, and its outcome.
fn alternative(case: &Case) -> Vec<libc::sock_filter> {
    let mut program = vec![end(case.then)];
    for condition in case.when.iter().rev() {
        let behind = program.len() as u8;
        let mut tested = test(condition, behind);
        tested.append(&mut program);
        program = tested;
    }
    program
}

/// A condition that otherwise leaves out so many steps behind it.
fn test(condition: &Condition, otherwise: u8) -> Vec<libc::sock_filter> {
    let low = |argument: u32| load(ARGUMENTS + 8 * argument);
    let is = |value| jump(libc::BPF_JEQ, value, 0, otherwise);
    match *condition {
        Condition::Is(argument, value) => vec![low(argument), is(value)],
        Condition::Null(argument) => {
            vec![low(argument), jump(libc::BPF_JEQ, 0, 0, otherwise + 2), load(ARGUMENTS + 8 * argument + 4), is(0)]
        }
        Condition::Masked(argument, mask, value) => {
            vec![low(argument), step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, mask), is(value)]
        }
        Condition::Any(argument, bits) => vec![low(argument), jump(libc::BPF_JSET, bits, 0, otherwise)],
    }
}

/// Loads a word of the call's description.
fn load(offset: u32) -> libc::sock_filter {
    step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

/// Compares the loaded word and leaves out so many steps if it holds, or does not.
fn jump(comparison: u32, value: u32, yes: u8, no: u8) -> libc::sock_filter {
    step(libc::BPF_JMP | comparison | libc::BPF_K, yes, no, value)
}

/// Ends the program.
fn end(outcome: Outcome) -> libc::sock_filter {
    let action = match outcome {
        Outcome::Allow => libc::SECCOMP_RET_ALLOW,
        Outcome::Fail(errno) => libc::SECCOMP_RET_ERRNO | errno as u32,
    };
    step(libc::BPF_RET | libc::BPF_K, 0, 0, action)
}

fn step(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}
