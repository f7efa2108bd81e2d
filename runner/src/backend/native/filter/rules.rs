//! What a cell's programs may not ask of the kernel, as data.
//!
//! A list of refusals with an upper bound, and not a list of what is allowed: compilers, virtual machines and seven
//! languages' runtimes make some three hundred different calls, and one that was forgotten would cost an honest
//! candidate points. What a list of refusals risks instead, that a new kernel brings a new dangerous call, the bound
//! takes away: numbers from [`FIRST_UNKNOWN`] on do not exist in a cell until somebody has looked at them.
//!
//! Errors are chosen for the programs that meet them: `ENOSYS` where they then take another way, as on an older
//! kernel, and `EPERM` where there is no other way.

use libc::c_long;

/// The first number that nobody has judged yet. From 424 on, numbers mean the same on all machines.
pub(super) const FIRST_UNKNOWN: u32 = 467;

/// Some calls and what becomes of them.
pub(super) struct Rule {
    pub(super) calls: &'static [c_long],
    pub(super) verdict: Verdict,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// It fails with this error.
    Refuse(i32),
    /// The first case that holds decides, and otherwise the last word.
    Depends(&'static [Case], Outcome),
}

/// The end of a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    Allow,
    Fail(i32),
}

/// An outcome and the conditions that must all hold for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Case {
    pub(super) when: &'static [Condition],
    pub(super) then: Outcome,
}

/// A condition on half of an argument. Most arguments have 32 bits for the kernel, whatever is in the upper half.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Condition {
    /// The lower half is this.
    Is(u32, u32),
    /// Both halves are zero.
    Null(u32),
    /// The lower half, as far as this mask goes, is this.
    Masked(u32, u32, u32),
    /// At least one of these bits is set in the lower half.
    Any(u32, u32),
}

use Condition::{Any, Is, Masked, Null};
use Outcome::{Allow, Fail};
use Verdict::{Depends, Refuse};

const EPERM: i32 = libc::EPERM;
const ENOSYS: i32 = libc::ENOSYS;

const fn rule(calls: &'static [c_long], verdict: Verdict) -> Rule {
    Rule { calls, verdict }
}

const fn case(when: &'static [Condition], then: Outcome) -> Case {
    Case { when, then }
}

/// The rules for all machines.
pub(super) const RULES: &[Rule] = &[
    // The tree of mounts, and quotas.
    rule(
        &[
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_chroot,
            libc::SYS_fsopen,
            libc::SYS_fsmount,
            libc::SYS_fsconfig,
            libc::SYS_fspick,
            libc::SYS_open_tree,
            libc::SYS_move_mount,
            libc::SYS_mount_setattr,
            libc::SYS_quotactl,
            libc::SYS_quotactl_fd,
        ],
        Refuse(EPERM),
    ),
    // Mounts listed without /proc: calls so new that everybody has another way.
    rule(&[STATMOUNT, LISTMOUNT], Refuse(ENOSYS)),
    // Namespaces. The flags of clone3 lie in memory, where no filter can look; C libraries then use clone.
    rule(&[libc::SYS_setns], Refuse(EPERM)),
    rule(&[libc::SYS_clone3], Refuse(ENOSYS)),
    rule(&[libc::SYS_clone], Depends(&[case(&[Any(0, NEW_NAMESPACES)], Fail(EPERM))], Allow)),
    rule(&[libc::SYS_unshare], Depends(&[case(&[Any(0, NEW_NAMESPACES | NEW_TIME)], Fail(EPERM))], Allow)),
    // Other processes' memory and descriptors.
    rule(
        &[
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_process_madvise,
            libc::SYS_process_mrelease,
            libc::SYS_kcmp,
            libc::SYS_pidfd_getfd,
        ],
        Refuse(EPERM),
    ),
    // Keyrings are not part of any namespace: a way around the walls between cells.
    rule(&[libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl], Refuse(EPERM)),
    // Large parts of the kernel that most of its holes were found in. Event loops fall back to epoll.
    rule(&[libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register], Refuse(ENOSYS)),
    rule(&[libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd], Refuse(EPERM)),
    // Files by number instead of by path, and watching whole file systems.
    rule(
        &[
            libc::SYS_open_by_handle_at,
            libc::SYS_name_to_handle_at,
            libc::SYS_fanotify_init,
            libc::SYS_fanotify_mark,
            libc::SYS_lookup_dcookie,
        ],
        Refuse(EPERM),
    ),
    // Nor watching single ones: devices, and in weaker sandboxes files, are the same for all cells, and being opened is a
    // signal. It is the error of whoever has used up his watches, for which many programs are prepared.
    rule(&[libc::SYS_inotify_add_watch], Refuse(libc::ENOSPC)),
    // The older way of watching, and a hint that some kernels let everybody write into a file's inode, and read there.
    rule(
        &[libc::SYS_fcntl],
        Depends(
            &[case(&[Is(1, libc::F_NOTIFY as u32)], Fail(libc::EINVAL)), case(&[Is(1, SET_HINT)], Fail(libc::EINVAL))],
            Allow,
        ),
    ),
    // The machine itself: its kernel, its modules, its swap, its accounting, its log, its clock, its name.
    rule(
        &[
            libc::SYS_kexec_load,
            libc::SYS_init_module,
            libc::SYS_finit_module,
            libc::SYS_delete_module,
            libc::SYS_reboot,
            libc::SYS_swapon,
            libc::SYS_swapoff,
            libc::SYS_acct,
            libc::SYS_syslog,
            libc::SYS_settimeofday,
            libc::SYS_clock_settime,
            libc::SYS_adjtimex,
            libc::SYS_clock_adjtime,
            libc::SYS_sethostname,
            libc::SYS_setdomainname,
            libc::SYS_vhangup,
            libc::SYS_nfsservctl,
        ],
        Refuse(EPERM),
    ),
    // Where memory lies on machines with several of them; nothing of use here, and a past of errors.
    rule(
        &[
            libc::SYS_mbind,
            libc::SYS_set_mempolicy,
            libc::SYS_set_mempolicy_home_node,
            libc::SYS_migrate_pages,
            libc::SYS_move_pages,
        ],
        Refuse(EPERM),
    ),
    // Other personalities weaken the layout of memory. All ones asks which one it is.
    rule(&[libc::SYS_personality], Depends(&[case(&[Is(0, 0)], Allow), case(&[Is(0, u32::MAX)], Allow)], Fail(EPERM))),
    // Devices; files, pipes and sockets may be made.
    rule(
        &[libc::SYS_mknodat],
        Depends(
            &[
                case(&[Masked(2, libc::S_IFMT, libc::S_IFCHR)], Fail(EPERM)),
                case(&[Masked(2, libc::S_IFMT, libc::S_IFBLK)], Fail(EPERM)),
            ],
            Allow,
        ),
    ),
    // Typing into the terminal that takehome was started from, pasting there, and exotic line disciplines.
    rule(
        &[libc::SYS_ioctl],
        Depends(
            &[
                case(&[Is(1, libc::TIOCSTI as u32)], Fail(EPERM)),
                case(&[Is(1, TIOCLINUX)], Fail(EPERM)),
                case(&[Is(1, libc::TIOCSETD as u32)], Fail(EPERM)),
            ],
            Allow,
        ),
    ),
    rule(&[libc::SYS_socket], Depends(SOCKETS, Fail(libc::EAFNOSUPPORT))),
    rule(&[libc::SYS_socketpair], Depends(&[case(&[Is(0, UNIX)], Allow)], Fail(libc::EAFNOSUPPORT))),
    // PID 1 has the same user as the programs it starts, so that the kernel would let them set its limits, its
    // priority and its processors, and so make it fail, which would look like a fault of this machine. Zero is the
    // caller itself.
    //
    // The limit on core files is one byte, at which the kernel also leaves out the host's handler of crashes. At zero
    // it would feed that handler, so nobody may go from one to zero.
    rule(
        &[libc::SYS_prlimit64],
        Depends(
            &[
                case(&[Is(0, 0), Is(1, CORE), Null(2)], Allow),
                case(&[Is(1, CORE)], Fail(EPERM)),
                case(&[Is(0, 0)], Allow),
            ],
            Fail(EPERM),
        ),
    ),
    rule(&[libc::SYS_setrlimit], Depends(&[case(&[Is(0, CORE)], Fail(EPERM))], Allow)),
    rule(
        &[libc::SYS_sched_setaffinity, libc::SYS_sched_setscheduler, libc::SYS_sched_setparam, libc::SYS_sched_setattr],
        Depends(&[case(&[Is(0, 1)], Fail(EPERM))], Allow),
    ),
    // Of a process, a group or a user: 0, 1, 2 in the one call, 1, 2, 3 in the other.
    rule(&[libc::SYS_setpriority], Depends(&[case(&[Is(1, 1)], Fail(EPERM)), case(&[Is(0, 2)], Fail(EPERM))], Allow)),
    rule(&[libc::SYS_ioprio_set], Depends(&[case(&[Is(1, 1)], Fail(EPERM)), case(&[Is(0, 3)], Fail(EPERM))], Allow)),
];

/// The rules for calls that only some machines have.
#[cfg(target_arch = "x86_64")]
pub(super) const OF_THIS_MACHINE: &[Rule] = &[
    rule(
        &[
            libc::SYS_kexec_file_load,
            libc::SYS_iopl,
            libc::SYS_ioperm,
            libc::SYS_modify_ldt,
            libc::SYS_uselib,
            libc::SYS_ustat,
            libc::SYS_sysfs,
            libc::SYS__sysctl,
        ],
        Refuse(EPERM),
    ),
    rule(
        &[libc::SYS_mknod],
        Depends(
            &[
                case(&[Masked(1, libc::S_IFMT, libc::S_IFCHR)], Fail(EPERM)),
                case(&[Masked(1, libc::S_IFMT, libc::S_IFBLK)], Fail(EPERM)),
            ],
            Allow,
        ),
    ),
];
#[cfg(not(target_arch = "x86_64"))]
pub(super) const OF_THIS_MACHINE: &[Rule] = &[rule(&[KEXEC_FILE_LOAD], Refuse(EPERM))];

/// Families and kinds of sockets: local ones, IP as far as it is TCP or UDP, and what the C library and Go ask for the
/// list of interfaces. Packets of one's own making are EPERM even for IP.
const SOCKETS: &[Case] = &[
    case(&[Is(0, UNIX)], Allow),
    case(&[Is(0, NETLINK), Is(2, ROUTE)], Allow),
    case(&[Is(0, INET), Masked(1, KIND, RAW)], Fail(EPERM)),
    case(&[Is(0, INET6), Masked(1, KIND, RAW)], Fail(EPERM)),
    case(&[Is(0, INET), Masked(1, KIND, PACKET)], Fail(EPERM)),
    case(&[Is(0, INET6), Masked(1, KIND, PACKET)], Fail(EPERM)),
    case(&[Is(0, INET), Is(2, 0)], Allow),
    case(&[Is(0, INET6), Is(2, 0)], Allow),
    case(&[Is(0, INET), Is(2, TCP)], Allow),
    case(&[Is(0, INET6), Is(2, TCP)], Allow),
    case(&[Is(0, INET), Is(2, UDP)], Allow),
    case(&[Is(0, INET6), Is(2, UDP)], Allow),
    case(&[Is(0, INET), Is(2, MPTCP)], Allow),
    case(&[Is(0, INET6), Is(2, MPTCP)], Allow),
    case(&[Is(0, INET)], Fail(libc::EPROTONOSUPPORT)),
    case(&[Is(0, INET6)], Fail(libc::EPROTONOSUPPORT)),
];

const UNIX: u32 = libc::AF_UNIX as u32;
const INET: u32 = libc::AF_INET as u32;
const INET6: u32 = libc::AF_INET6 as u32;
const NETLINK: u32 = libc::AF_NETLINK as u32;
const ROUTE: u32 = libc::NETLINK_ROUTE as u32;
const RAW: u32 = libc::SOCK_RAW as u32;
const PACKET: u32 = 10;
/// The part of a socket's type that is no flag.
const KIND: u32 = 0xf;
const TCP: u32 = libc::IPPROTO_TCP as u32;
const UDP: u32 = libc::IPPROTO_UDP as u32;
/// Go asks for it first, and takes TCP where there is none.
const MPTCP: u32 = 262;

#[allow(clippy::unnecessary_cast)] // The type differs between C libraries.
const CORE: u32 = libc::RLIMIT_CORE as u32;
const TIOCLINUX: u32 = 0x541c;

/// All flags that make a namespace. The one for time is no flag of clone, where its place holds a signal.
const NEW_NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;
const NEW_TIME: u32 = 0x80;

// Numbers that not every libc names.
const SET_HINT: u32 = 1036;
const STATMOUNT: c_long = 457;
const LISTMOUNT: c_long = 458;
#[cfg(not(target_arch = "x86_64"))]
const KEXEC_FILE_LOAD: c_long = 294;
