//! What a process takes from itself before it starts a candidate's program, tried out at once: a wall that does not
//! stand is an error.

use crate::backend::landlock::{self, Ports, Right, Ruleset};
use crate::backend::native::{
    filter,
    mounts::{Access, Node},
    wire::{Bytes, Failure, Step},
};
use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, SockaddrIn, connect, sendto, socket},
};
use serde::{Deserialize, Serialize};
use std::{
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    path::Path,
};

/// What a degraded cell may reach.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::backend) struct Walls {
    readable: Vec<Bytes>,
    writable: Vec<Bytes>,
    devices: Vec<Bytes>,
    tcp: Tcp,
}

/// What a degraded cell may do with TCP, on a network that is the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::backend) enum Tcp {
    Nothing,
    /// Connect to the proxy at this port.
    To(u16),
    /// Listen at this port, and connect to nothing.
    At(u16),
}

impl Walls {
    /// The parts of the host that another back end would mount, at their own places.
    pub(super) fn around(nodes: &[Node], tcp: Tcp) -> Self {
        let mut walls = Self { readable: vec!["/proc".into()], writable: Vec::new(), devices: Vec::new(), tcp };
        for node in nodes {
            match node {
                Node::Bind { host, access: Access::ReadOnly, .. } => walls.readable.push(host.clone()),
                Node::Bind { host, access: Access::Writable, .. } => walls.writable.push(host.clone()),
                Node::Bind { host, access: Access::Device, .. } => walls.devices.push(host.clone()),
                // The host's own file in place of ours: none of them holds secrets.
                Node::File { at, .. } => walls.readable.push(at.clone()),
                Node::Link { .. } | Node::Directory { .. } | Node::Memory { .. } | Node::Processes { .. } => {}
            }
        }
        walls
    }

    /// Puts them up around this process.
    pub(in crate::backend) fn put_up(&self) -> Result<(), Failure> {
        let abi = landlock::version();
        let rules = Ruleset::new(abi, Ports::Closed).step("make Landlock rules")?;
        let kinds = [(&self.readable, Right::Read), (&self.writable, Right::Write), (&self.devices, Right::Device)];
        for (paths, right) in kinds {
            paths.iter().try_for_each(|path| rules.allow(&path.path(), right)).step("make Landlock rules")?;
        }
        match self.tcp {
            Tcp::Nothing => Ok(()),
            Tcp::To(port) => rules.allow_connect(port),
            // A server could connect to everywhere, as could who fetches, but it has no need to.
            Tcp::At(_) if abi < 4 => Err(Errno::EOPNOTSUPP.into()),
            Tcp::At(port) => rules.allow_bind(port),
        }
        .step("make Landlock rules for TCP")?;
        landlock::restrict(rules.finish().as_fd()).step("enforce Landlock rules")?;
        filter::install(&sockets(self.tcp)).step("install a system call filter")?;
        self.try_out(abi)
    }

    /// Does what must be impossible now.
    fn try_out(&self, abi: u32) -> Result<(), Failure> {
        let refused_by = |reasons: &[i32], step: &str, result: io::Result<()>| match result {
            Err(error) if error.raw_os_error().is_some_and(|errno| reasons.contains(&errno)) => Ok(()),
            _ => Err(Failure::new(format!("{step} is not refused"), Errno::ENOTRECOVERABLE)),
        };
        let refused = |step: &str, result| refused_by(&[libc::EACCES, libc::EPERM], step, result);
        refused("listing the host's root", std::fs::read_dir("/").map(drop))?;
        // Some systems are read-only themselves.
        let write = |folder: &str| std::fs::write(Path::new(folder).join(".takehome"), "");
        refused_by(&[libc::EACCES, libc::EROFS], "making a file in /etc", write("/etc"))?;
        refused("making a file in /tmp", write("/tmp"))?;
        refused("a UDP socket", open(SockType::Datagram).map(drop))?;
        match self.tcp {
            Tcp::Nothing => refused("a TCP socket", open(SockType::Stream).map(drop)),
            Tcp::To(_) if abi < 4 => Ok(()),
            Tcp::To(_) | Tcp::At(_) => {
                refused("a connection to elsewhere", connect_elsewhere())?;
                refused("data that opens a connection", send_elsewhere())?;
                refused_by(&[libc::EPROTONOSUPPORT], "TCP on several paths", open_multipath())
            }
        }
    }
}

fn open(kind: SockType) -> io::Result<OwnedFd> {
    Ok(socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None)?)
}

/// To a port where hardly anybody listens; what matters is who refuses.
fn connect_elsewhere() -> io::Result<()> {
    let socket = open(SockType::Stream)?;
    Ok(connect(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 1))?)
}

/// The same by sending, which Landlock does not see.
fn send_elsewhere() -> io::Result<()> {
    let socket = open(SockType::Stream)?;
    let elsewhere = SockaddrIn::new(127, 0, 0, 1, 1);
    Ok(sendto(socket.as_raw_fd(), b"x", &elsewhere, MsgFlags::from_bits_retain(libc::MSG_FASTOPEN)).map(drop)?)
}

/// A socket of TCP on several paths, whose ports are none of Landlock's business.
fn open_multipath() -> io::Result<()> {
    // SAFETY: numbers only.
    let opened = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, libc::IPPROTO_MPTCP) };
    Errno::result(opened)?;
    // SAFETY: a new descriptor that nobody else owns.
    drop(unsafe { OwnedFd::from_raw_fd(opened) });
    Ok(())
}

/// Refuses sockets: all of them, or all but plain TCP, and of that data which opens connections without `connect`;
/// pairs of connected local ones stay. Local sockets with a path lead to services of the host, which Landlock does not
/// keep away. Rings that make system calls are refused because this filter does not see what they call.
fn sockets(tcp: Tcp) -> Vec<libc::sock_filter> {
    const NUMBER: u32 = 0;
    const FIRST: u32 = 16;
    const SECOND: u32 = 24;
    const THIRD: u32 = 32;
    const FOURTH: u32 = 40;
    /// The type of a socket, without flags.
    const KIND: u32 = 0xf;
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = |offset| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let unless = |value: libc::c_long, skip| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, skip, value as u32);
    let when = |value: i32, skip| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, skip, 0, value as u32);
    let answer = |value| step(libc::BPF_RET | libc::BPF_K, 0, 0, value);
    let refuse = || answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    let mut program = vec![load(NUMBER), unless(libc::SYS_io_uring_setup, 1), refuse()];
    if tcp != Tcp::Nothing {
        let fast = |call, flags| {
            let opens = step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, 1, libc::MSG_FASTOPEN as u32);
            [unless(call, 4), load(flags), opens, refuse(), answer(libc::SECCOMP_RET_ALLOW)]
        };
        program.extend(fast(libc::SYS_sendto, FOURTH));
        program.extend(fast(libc::SYS_sendmsg, THIRD));
        program.extend(fast(libc::SYS_sendmmsg, FOURTH));
        program.extend([
            unless(libc::SYS_socket, 12),
            load(FIRST),
            when(libc::AF_INET, 2),
            when(libc::AF_INET6, 1),
            refuse(),
            load(SECOND),
            step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, KIND),
            when(libc::SOCK_STREAM, 1),
            refuse(),
            load(THIRD),
            when(0, 2),
            when(libc::IPPROTO_TCP, 1),
            answer(libc::SECCOMP_RET_ERRNO | libc::EPROTONOSUPPORT as u32),
        ]);
    } else {
        program.extend([unless(libc::SYS_socket, 1), refuse()]);
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    program
}
