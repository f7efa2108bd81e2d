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
    sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, socket},
};
use serde::{Deserialize, Serialize};
use std::{
    io,
    os::fd::{AsFd, AsRawFd},
    path::Path,
};

/// What a degraded cell may reach.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::backend) struct Walls {
    readable: Vec<Bytes>,
    writable: Vec<Bytes>,
    devices: Vec<Bytes>,
    /// The port of the proxy, while there is one.
    proxy: Option<u16>,
}

impl Walls {
    /// The parts of the host that another back end would mount, at their own places.
    pub(super) fn around(nodes: &[Node], proxy: Option<u16>) -> Self {
        let mut walls = Self { readable: vec!["/proc".into()], writable: Vec::new(), devices: Vec::new(), proxy };
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
        self.proxy.map_or(Ok(()), |port| rules.allow_connect(port)).step("make Landlock rules")?;
        landlock::restrict(rules.finish().as_fd()).step("enforce Landlock rules")?;
        filter::install(&sockets(self.proxy.is_some())).step("install a system call filter")?;
        self.try_out(abi)
    }

    /// Does what must be impossible now.
    fn try_out(&self, abi: u32) -> Result<(), Failure> {
        let refused = |step: &str, result: io::Result<()>| match result {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            _ => Err(Failure::new(format!("{step} is not refused"), Errno::ENOTRECOVERABLE)),
        };
        refused("listing the host's root", std::fs::read_dir("/").map(drop))?;
        refused("making a file in /etc", std::fs::write(Path::new("/etc/.takehome"), ""))?;
        refused("a UDP socket", open(SockType::Datagram).map(drop))?;
        match self.proxy {
            None => refused("a TCP socket", open(SockType::Stream).map(drop)),
            Some(_) if abi >= 4 => refused("a connection past the proxy", connect_elsewhere()),
            Some(_) => Ok(()),
        }
    }
}

fn open(kind: SockType) -> io::Result<std::os::fd::OwnedFd> {
    Ok(socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None)?)
}

/// To a port where hardly anybody listens; what matters is who refuses.
fn connect_elsewhere() -> io::Result<()> {
    let socket = open(SockType::Stream)?;
    Ok(connect(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 1))?)
}

/// Refuses sockets: all of them, or with a proxy all but TCP; pairs of connected local ones stay. Local sockets with a
/// path lead to services of the host, which Landlock does not keep away. Rings that make system calls are refused because
/// this filter does not see what they call.
fn sockets(proxy: bool) -> Vec<libc::sock_filter> {
    const NUMBER: u32 = 0;
    const FIRST: u32 = 16;
    const SECOND: u32 = 24;
    /// The type of a socket, without flags.
    const KIND: u32 = 0xf;
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = |offset| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let unless = |value: libc::c_long, skip| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, skip, value as u32);
    let when = |value: i32, skip| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, skip, 0, value as u32);
    let answer = |value| step(libc::BPF_RET | libc::BPF_K, 0, 0, value);
    let refuse = || answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    let mut program = vec![load(NUMBER), unless(libc::SYS_io_uring_setup, 1), refuse()];
    if proxy {
        program.extend([
            unless(libc::SYS_socket, 8),
            load(FIRST),
            when(libc::AF_INET, 2),
            when(libc::AF_INET6, 1),
            refuse(),
            load(SECOND),
            step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, KIND),
            when(libc::SOCK_STREAM, 1),
            refuse(),
        ]);
    } else {
        program.extend([unless(libc::SYS_socket, 1), refuse()]);
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    program
}
