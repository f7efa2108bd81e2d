//! The compiled filter, run by hand: what it says of calls with certain arguments.

use super::*;

/// What the program says of a call: 0 for allowed, or the error.
fn verdict(table: u32, number: u32, arguments: [u64; 6]) -> i32 {
    let program = program();
    let word = |offset: u32| match offset {
        NUMBER => number,
        ARCHITECTURE => table,
        _ => {
            let at = (offset - ARGUMENTS) as usize;
            let argument = arguments[at / 8];
            if at.is_multiple_of(8) { argument as u32 } else { (argument >> 32) as u32 }
        }
    };
    let (mut at, mut loaded) = (0, 0);
    loop {
        let libc::sock_filter { code, jt, jf, k } = program[at];
        at += 1;
        let branch = |holds: bool| if holds { usize::from(jt) } else { usize::from(jf) };
        match u32::from(code) {
            code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => loaded = word(k),
            code if code == libc::BPF_ALU | libc::BPF_AND => loaded &= k,
            code if code == libc::BPF_JMP | libc::BPF_JA => at += k as usize,
            code if code == libc::BPF_JMP | libc::BPF_JEQ => at += branch(loaded == k),
            code if code == libc::BPF_JMP | libc::BPF_JGE => at += branch(loaded >= k),
            code if code == libc::BPF_JMP | libc::BPF_JSET => at += branch(loaded & k != 0),
            code if code == libc::BPF_RET => {
                return if k == libc::SECCOMP_RET_ALLOW { 0 } else { (k & 0xffff) as i32 };
            }
            code => panic!("an unknown step {code:#x}"),
        }
    }
}

fn says(call: libc::c_long, arguments: &[u64]) -> i32 {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    verdict(TABLE.unwrap_or(0), call as u32, all)
}

#[test]
fn every_number_is_decided_as_its_rule_says() {
    let mut plain = BTreeMap::new();
    for rule in RULES.iter().chain(OF_THIS_MACHINE) {
        for call in rule.calls {
            assert!(plain.insert(*call as u32, rule.verdict).is_none(), "{call} has two rules");
        }
    }
    for number in 0..FIRST_UNKNOWN {
        let expected = match plain.get(&number) {
            Some(Verdict::Refuse(errno)) => *errno,
            Some(Verdict::Depends(..)) => continue,
            None => 0,
        };
        assert_eq!(says(number.into(), &[]), expected, "call {number}");
    }
    for number in [FIRST_UNKNOWN, FIRST_UNKNOWN + 1, 1000, 0x4000_0000, 0x4000_0065, u32::MAX] {
        assert_eq!(verdict(TABLE.unwrap_or(0), number, [0; 6]), libc::ENOSYS, "call {number}");
    }
}

#[test]
fn another_table_is_refused_altogether() {
    // The 32-bit table of x86, and anything else.
    for table in [0x4000_0003, 0, 0xc000_0015] {
        assert_eq!(verdict(table, 1, [0; 6]), libc::EPERM);
    }
}

#[test]
fn the_program_is_one_the_kernel_takes() {
    let program = program();
    assert!(program.len() < 4096, "{} steps", program.len());
    for (at, step) in program.iter().enumerate() {
        let last = at + 1 + usize::from(step.jt.max(step.jf));
        assert!(last < program.len() || u32::from(step.code) == libc::BPF_RET, "step {at} leads out");
    }
}

#[test]
fn namespaces_are_refused_and_threads_are_not() {
    let thread = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD;
    assert_eq!(says(libc::SYS_clone, &[thread as u64]), 0);
    assert_eq!(says(libc::SYS_clone, &[libc::SIGCHLD as u64]), 0);
    for flag in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWNET, libc::CLONE_NEWPID, libc::CLONE_NEWCGROUP]
    {
        assert_eq!(says(libc::SYS_clone, &[(flag | libc::SIGCHLD) as u64]), libc::EPERM);
        assert_eq!(says(libc::SYS_unshare, &[flag as u64]), libc::EPERM);
    }
    assert_eq!(says(libc::SYS_unshare, &[libc::CLONE_FILES as u64]), 0);
    assert_eq!(says(libc::SYS_unshare, &[0x80]), libc::EPERM);
    assert_eq!(says(libc::SYS_clone3, &[]), libc::ENOSYS);
}

#[test]
fn sockets_are_local_or_tcp_or_udp() {
    let socket =
        |domain: i32, kind: i32, protocol: i32| says(libc::SYS_socket, &[domain as u64, kind as u64, protocol as u64]);
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    for domain in [libc::AF_INET, libc::AF_INET6] {
        assert_eq!(socket(domain, libc::SOCK_STREAM | flags, 0), 0);
        assert_eq!(socket(domain, libc::SOCK_DGRAM | flags, libc::IPPROTO_UDP), 0);
        assert_eq!(socket(domain, libc::SOCK_STREAM, libc::IPPROTO_TCP), 0);
        assert_eq!(socket(domain, libc::SOCK_STREAM, 262), 0);
        assert_eq!(socket(domain, libc::SOCK_RAW | flags, libc::IPPROTO_ICMP), libc::EPERM);
        assert_eq!(socket(domain, libc::SOCK_RAW, 0), libc::EPERM);
        assert_eq!(socket(domain, libc::SOCK_SEQPACKET, 132), libc::EPROTONOSUPPORT);
        assert_eq!(socket(domain, libc::SOCK_DGRAM, libc::IPPROTO_ICMP), libc::EPROTONOSUPPORT);
    }
    assert_eq!(socket(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0), 0);
    assert_eq!(socket(libc::AF_NETLINK, libc::SOCK_RAW | flags, libc::NETLINK_ROUTE), 0);
    assert_eq!(socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER), libc::EAFNOSUPPORT);
    for domain in [libc::AF_VSOCK, libc::AF_ALG, libc::AF_PACKET, libc::AF_BLUETOOTH, libc::AF_TIPC, 44] {
        assert_eq!(socket(domain, libc::SOCK_STREAM, 0), libc::EAFNOSUPPORT, "{domain}");
    }
    assert_eq!(says(libc::SYS_socketpair, &[libc::AF_UNIX as u64]), 0);
    assert_eq!(says(libc::SYS_socketpair, &[libc::AF_TIPC as u64]), libc::EAFNOSUPPORT);
    // The kernel looks at the lower half only, and so does the filter.
    assert_eq!(says(libc::SYS_socket, &[(1 << 32) | libc::AF_VSOCK as u64, 1]), libc::EAFNOSUPPORT);
}

#[test]
fn nobody_handles_pid_1_or_turns_core_files_on() {
    let (core, files) = (u64::from(libc::RLIMIT_CORE), u64::from(libc::RLIMIT_NOFILE));
    assert_eq!(says(libc::SYS_prlimit64, &[0, files, 0x7fff_0000_0000]), 0);
    assert_eq!(says(libc::SYS_prlimit64, &[1, files, 0x7fff_0000_0000]), libc::EPERM);
    assert_eq!(says(libc::SYS_prlimit64, &[0, core, 0, 0x7fff_0000_0000]), 0, "asking is free");
    assert_eq!(says(libc::SYS_prlimit64, &[0, core, 0x7fff_0000_0000]), libc::EPERM, "the upper half counts");
    assert_eq!(says(libc::SYS_prlimit64, &[0, core, 0x1000]), libc::EPERM);
    assert_eq!(says(libc::SYS_setrlimit, &[core]), libc::EPERM);
    assert_eq!(says(libc::SYS_setrlimit, &[files]), 0);
    for call in [libc::SYS_sched_setaffinity, libc::SYS_sched_setscheduler, libc::SYS_sched_setattr] {
        assert_eq!((says(call, &[1]), says(call, &[0]), says(call, &[2])), (libc::EPERM, 0, 0));
    }
    assert_eq!(says(libc::SYS_setpriority, &[0, 1]), libc::EPERM);
    assert_eq!(says(libc::SYS_setpriority, &[2, 0]), libc::EPERM);
    assert_eq!(says(libc::SYS_setpriority, &[0, 0]), 0);
    assert_eq!(says(libc::SYS_ioprio_set, &[3, 0]), libc::EPERM);
    assert_eq!(says(libc::SYS_ioprio_set, &[1, 0]), 0);
}

#[test]
fn devices_terminals_and_personalities() {
    let mknod = |kind: u32| says(libc::SYS_mknodat, &[0, 0, u64::from(kind | 0o644)]);
    assert_eq!((mknod(libc::S_IFCHR), mknod(libc::S_IFBLK)), (libc::EPERM, libc::EPERM));
    assert_eq!((mknod(libc::S_IFIFO), mknod(libc::S_IFREG), mknod(libc::S_IFSOCK), mknod(0)), (0, 0, 0, 0));
    assert_eq!(says(libc::SYS_ioctl, &[0, 0x5412]), libc::EPERM);
    assert_eq!(says(libc::SYS_ioctl, &[0, (1 << 32) | 0x541c]), libc::EPERM);
    assert_eq!(says(libc::SYS_ioctl, &[0, 0x5401]), 0);
    let fcntl = |command: i32| says(libc::SYS_fcntl, &[0, command as u64]);
    assert_eq!((fcntl(libc::F_NOTIFY), fcntl(1036)), (libc::EINVAL, libc::EINVAL));
    assert_eq!((fcntl(libc::F_SETLKW), fcntl(libc::F_SETFL), fcntl(1035)), (0, 0, 0));
    assert_eq!((says(libc::SYS_personality, &[0]), says(libc::SYS_personality, &[0xffff_ffff])), (0, 0));
    assert_eq!(says(libc::SYS_personality, &[0x0004_0000]), libc::EPERM);
}

/// Not a test: prints what filter and walls cost a program's start, in CPU time, which a busy machine leaves alone.
#[test]
#[ignore = "a measurement"]
fn cost_of_filter_and_walls() {
    use super::super::landlock;
    use std::{io::Read, os::fd::AsFd};
    let spent = || {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the structure is ours.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    };
    let timed = |work: &mut dyn FnMut()| {
        let start = spent();
        work();
        spent() - start
    };
    let mut lists: [Vec<i64>; 4] = Default::default();
    for _ in 0..300 {
        let (mut walls, mut filter) = (None, Vec::new());
        lists[0].push(timed(&mut || filter = program()));
        lists[1].push(timed(&mut || walls = landlock::prepare([c"/tmp", c"/dev/shm", c"/root"].iter()).unwrap()));
        let (mut reader, writer) = std::io::pipe().unwrap();
        // SAFETY: the child makes system calls on what was made before, and ends.
        if unsafe { libc::fork() } == 0 {
            let _ = nix::sys::prctl::set_no_new_privs();
            let restricted = timed(&mut || walls.iter().for_each(|walls| landlock::restrict(walls.as_fd()).unwrap()));
            let installed = timed(&mut || install(&filter).unwrap());
            let _ = nix::unistd::write(&writer, &[restricted.to_ne_bytes(), installed.to_ne_bytes()].concat());
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) }
        }
        drop(writer);
        let mut bytes = [0; 16];
        reader.read_exact(&mut bytes).unwrap();
        lists[2].push(i64::from_ne_bytes(bytes[..8].try_into().unwrap()));
        lists[3].push(i64::from_ne_bytes(bytes[8..].try_into().unwrap()));
        // SAFETY: no status is asked for.
        unsafe { libc::wait(std::ptr::null_mut()) };
    }
    println!("{} steps", program().len());
    for (name, mut list) in
        ["make the filter", "make the walls", "raise the walls", "install the filter"].into_iter().zip(lists)
    {
        list.sort_unstable();
        println!("{name}: median {:.1} us, p90 {:.1} us", list[150] as f64 / 1e3, list[270] as f64 / 1e3);
    }
}
