//! The system call filter of a cell's programs.
//!
//! It closes what user ids leave open: PID 1 has the same user as the programs it starts, so that the kernel would let
//! them set its resource limits and so make it fail, which would look like a fault of this machine. Calls are refused
//! with `EPERM` and never kill. A fuller list belongs here as well; the rules are data.

use nix::errno::Errno;

/// A call and the argument that must be zero for it to pass, if any is enough.
struct Rule {
    call: libc::c_long,
    zero: Option<u32>,
}

/// What is refused.
const RULES: [Rule; 4] = [
    // Zero is the calling process.
    Rule { call: libc::SYS_prlimit64, zero: Some(0) },
    // Keyrings are not part of any namespace: a way around the walls between cells.
    Rule { call: libc::SYS_add_key, zero: None },
    Rule { call: libc::SYS_request_key, zero: None },
    Rule { call: libc::SYS_keyctl, zero: None },
];

/// The name of this machine's system call table; other tables (32-bit ones) are refused, since their numbers differ.
#[cfg(target_arch = "x86_64")]
const TABLE: Option<u32> = Some(0xc000_003e);
#[cfg(target_arch = "aarch64")]
const TABLE: Option<u32> = Some(0xc000_00b7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const TABLE: Option<u32> = None;

/// Numbers of the x32 table, which shares a name with the one of x86-64, begin here. No other table has as many calls.
const X32: u32 = 0x4000_0000;

// Offsets in `struct seccomp_data`.
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
    let mut program = vec![
        load(ARCHITECTURE),
        unless_equal_skip(table, 2),
        load(NUMBER),
        if_at_least_skip_none_else_one(X32),
        refuse(),
    ];
    for rule in &RULES {
        let number = rule.call as u32;
        match rule.zero {
            None => program.extend([unless_equal_skip(number, 1), refuse()]),
            Some(argument) => program.extend([
                unless_equal_skip(number, 4),
                // Process ids have 32 bits, and come first on the machines named above.
                load(ARGUMENTS + 8 * argument),
                unless_equal_skip(0, 1),
                allow(),
                refuse(),
            ]),
        }
    }
    program.push(allow());
    program
}

/// Loads a word of the call's description.
fn load(offset: u32) -> libc::sock_filter {
    step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

/// Goes on if the word is this, and otherwise leaves out so many steps.
fn unless_equal_skip(value: u32, steps: u8) -> libc::sock_filter {
    step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, steps, value)
}

/// Goes on if the word is at least this, and otherwise leaves out the next step.
fn if_at_least_skip_none_else_one(value: u32) -> libc::sock_filter {
    step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, value)
}

fn refuse() -> libc::sock_filter {
    step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32)
}

fn allow() -> libc::sock_filter {
    step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW)
}

fn step(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}
