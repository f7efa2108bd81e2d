/* The attacks that a shell cannot make: one word each, the answer on standard output. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int say(int failed) {
    puts(failed ? strerrorname_np(errno) : "connected");
    return 0;
}

static struct sockaddr_in inet(const char *host, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &address.sin_addr);
    return address;
}

static int connect_to(const char *host, int port) {
    struct sockaddr_in address = inet(host, port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) return say(1);
    if (port != 3128) return say(0);
    char answer[64] = {0};
    if (read(fd, answer, sizeof answer - 1) < 0) return say(1);
    printf("connected: %s\n", answer);
    return 0;
}

/* The same by TCP on several paths. */
static int connect_multipath(int port) {
    struct sockaddr_in address = inet("127.0.0.1", port);
    int fd = socket(AF_INET, SOCK_STREAM, 262 /* IPPROTO_MPTCP */);
    return say(fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address));
}

/* Opens a connection by sending. */
static int send_to(int port) {
    struct sockaddr_in address = inet("127.0.0.1", port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return say(sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&address, sizeof address) != 1);
}

/* Serves one client. */
static int listen_at(int port) {
    struct sockaddr_in address = inet("127.0.0.1", port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1)) return say(1);
    int client = accept(fd, NULL, NULL);
    return client < 0 || write(client, "served", 6) != 6;
}

static int loopback(void) {
    struct sockaddr_in address = inet("127.0.0.1", 0);
    socklen_t size = sizeof address;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server, (struct sockaddr *)&address, size) || listen(server, 1)) return say(1);
    getsockname(server, (struct sockaddr *)&address, &size);
    return say(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, size));
}

static int abstract_socket(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, name, strlen(name));
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
    return say(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, size));
}

static int descriptors(void) {
    const char *between = "";
    for (int fd = 0; fd < 1000; fd++)
        if (fcntl(fd, F_GETFD) != -1) printf("%s%d", between, fd), between = " ";
    puts("");
    return 0;
}

/* How many event queues for files can be made. */
static int queues(void) {
    int made = 0;
    while (made < 1000 && inotify_init() >= 0) made++;
    printf("%d\n", made);
    return 0;
}

/* Fills so many MiB, one after the other. */
static int memory(int megabytes) {
    for (int i = 0; i < megabytes; i++) {
        char *block = malloc(1 << 20);
        if (!block) return 1;
        memset(block, 1, 1 << 20);
    }
    puts("survived");
    return 0;
}

static void *wait_for_good(void *nothing) {
    pause();
    return nothing;
}

/* So many threads that do nothing, with the stacks that the C library gives them. */
static int threads(int count) {
    pthread_t thread;
    for (int i = 0; i < count; i++) {
        int error = pthread_create(&thread, 0, wait_for_good, 0);
        if (error) return printf("%d of %d threads: %s\n", i, count, strerror(error)), 1;
    }
    puts("all started");
    return 0;
}

/* Twice forked, in a session of its own, deaf to signals, with the output still open. */
static int become_daemon(const char *seconds) {
    int ready[2];
    char byte;
    if (pipe(ready)) return 1;
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            for (int number = 1; number < 64; number++) signal(number, SIG_IGN);
            fcntl(ready[1], F_SETFD, FD_CLOEXEC);
            execlp("sleep", "sleep", seconds, (char *)0);
        }
        _exit(0);
    }
    close(ready[1]);
    return read(ready[0], &byte, 1) == 0 ? 0 : 1;
}

/* Takes from a process the right to open files. */
static int limit(int pid) {
    struct rlimit few = {3, 3};
    return say(prlimit(pid, RLIMIT_NOFILE, &few, NULL));
}

/* A limit of one's own above the hard one, as far as that can be raised. */
static int raise_limit(int resource) {
    struct rlimit all;
    if (getrlimit(resource, &all)) return say(1);
    all.rlim_max = all.rlim_max == RLIM_INFINITY ? all.rlim_max : all.rlim_max + 1;
    return say(setrlimit(resource, &all));
}

/* Calls with arguments that do no harm where they are let through. */
static const struct {
    const char *name;
    long number, arguments[5];
} CALLS[] = {
    {"mount", SYS_mount, {(long)"x", (long)"/no/such", (long)"tmpfs"}},
    {"umount2", SYS_umount2, {(long)"/no/such"}},
    {"pivot_root", SYS_pivot_root, {(long)"/no/such", (long)"/no/such"}},
    {"chroot", SYS_chroot, {(long)"/no/such"}},
    {"fsopen", SYS_fsopen, {(long)"no-such"}},
    {"fsmount", SYS_fsmount, {-1}},
    {"fsconfig", SYS_fsconfig, {-1}},
    {"fspick", SYS_fspick, {-1, (long)"no"}},
    {"open_tree", SYS_open_tree, {-1, (long)"no"}},
    {"move_mount", SYS_move_mount, {-1, (long)"no", -1, (long)"no"}},
    {"mount_setattr", SYS_mount_setattr, {-1, (long)"no"}},
    {"quotactl", SYS_quotactl, {-1, (long)"/no/such"}},
    {"setns", SYS_setns, {-1}},
    {"unshare", SYS_unshare, {CLONE_NEWUTS}},
    {"unshare-user", SYS_unshare, {CLONE_NEWUSER}},
    {"unshare-time", SYS_unshare, {0x80}},
    {"clone", SYS_clone, {CLONE_NEWUTS | CLONE_THREAD}},
    {"clone3", SYS_clone3, {0, 0}},
    {"process_vm_readv", SYS_process_vm_readv, {1 << 30}},
    {"process_vm_writev", SYS_process_vm_writev, {1 << 30}},
    {"process_madvise", SYS_process_madvise, {-1}},
    {"process_mrelease", 448, {-1}},
    {"kcmp", SYS_kcmp, {1 << 30, 1 << 30}},
    {"pidfd_getfd", SYS_pidfd_getfd, {-1}},
    {"add_key", SYS_add_key, {(long)"user", (long)"x", 0, 0, 0}},
    {"request_key", SYS_request_key, {(long)"user", (long)"x", 0, 0}},
    {"keyctl", SYS_keyctl, {-1}},
    {"io_uring_setup", SYS_io_uring_setup, {0}},
    {"io_uring_enter", SYS_io_uring_enter, {-1}},
    {"io_uring_register", SYS_io_uring_register, {-1}},
    {"bpf", SYS_bpf, {-1}},
    {"perf_event_open", SYS_perf_event_open, {0}},
    {"userfaultfd", SYS_userfaultfd, {-1}},
    {"open_by_handle_at", SYS_open_by_handle_at, {-1}},
    {"name_to_handle_at", SYS_name_to_handle_at, {-1, (long)"no"}},
    {"fanotify_init", SYS_fanotify_init, {-1}},
    {"fanotify_mark", SYS_fanotify_mark, {-1, -1}},
    {"kexec_load", SYS_kexec_load, {0, 0, 0, 0xffff}},
    {"init_module", SYS_init_module, {0}},
    {"finit_module", SYS_finit_module, {-1}},
    {"delete_module", SYS_delete_module, {0}},
    {"reboot", SYS_reboot, {0}},
    {"swapon", SYS_swapon, {(long)"/no/such"}},
    {"swapoff", SYS_swapoff, {(long)"/no/such"}},
    {"acct", SYS_acct, {(long)"/no/such"}},
    {"syslog", SYS_syslog, {-1}},
    {"settimeofday", SYS_settimeofday, {1}},
    {"clock_settime", SYS_clock_settime, {0, 1}},
    {"adjtimex", SYS_adjtimex, {1}},
    {"clock_adjtime", SYS_clock_adjtime, {0, 1}},
    {"sethostname", SYS_sethostname, {0, -1}},
    {"setdomainname", SYS_setdomainname, {0, -1}},
    {"mbind", SYS_mbind, {1, 0, -1}},
    {"set_mempolicy", SYS_set_mempolicy, {-1}},
    {"migrate_pages", SYS_migrate_pages, {1 << 30, 1}},
    {"move_pages", SYS_move_pages, {1 << 30}},
    {"personality", SYS_personality, {0x0040000}},
    {"mknodat-char", SYS_mknodat, {-1, (long)"no", S_IFCHR, 0x101}},
    {"mknodat-block", SYS_mknodat, {-1, (long)"no", S_IFBLK, 0x101}},
    {"ioctl-tiocsti", SYS_ioctl, {-1, 0x5412}},
    {"ioctl-tioclinux", SYS_ioctl, {-1, 0x541c}},
    {"ioctl-tiocsetd", SYS_ioctl, {-1, 0x5423}},
    {"socket-raw", SYS_socket, {AF_INET, SOCK_RAW, 1}},
    {"socket-raw6", SYS_socket, {AF_INET6, SOCK_RAW | SOCK_CLOEXEC, 58}},
    {"socket-packet", SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
    {"socket-vsock", SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}},
    {"socket-netfilter", SYS_socket, {AF_NETLINK, SOCK_RAW, 12}},
    {"socket-sctp", SYS_socket, {AF_INET, SOCK_RAW, 132}},
    {"priority-of-pid-1", SYS_setpriority, {PRIO_PROCESS, 1, 0}},
    {"priority-of-all", SYS_setpriority, {PRIO_USER, 1 << 30, 0}},
    {"affinity-of-pid-1", SYS_sched_setaffinity, {1, 0, 0}},
    {"scheduler-of-pid-1", SYS_sched_setscheduler, {1, -1, 0}},
    {"attributes-of-pid-1", SYS_sched_setattr, {1, 0, 0}},
    {"core-limit", SYS_prlimit64, {0, RLIMIT_CORE, 1, 0}},
#ifdef __x86_64__
    {"iopl", SYS_iopl, {-1}},
    {"ioperm", SYS_ioperm, {-1, 0}},
    {"modify_ldt", SYS_modify_ldt, {-1}},
    {"mknod-char", SYS_mknod, {(long)"/no/such", S_IFCHR, 0x101}},
#endif
};

static int calls(void) {
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++) {
        /* Each in a process of its own: what succeeds must not change what comes next. */
        if (fork() == 0) {
            const long *a = CALLS[i].arguments;
            long result = syscall(CALLS[i].number, a[0], a[1], a[2], a[3], a[4]);
            printf("%s %s\n", CALLS[i].name, result < 0 ? strerrorname_np(errno) : "ok");
            fflush(stdout);
            _exit(0);
        }
        wait(NULL);
    }
    return 0;
}

/* What honest programs need beside files: none of it may be refused. */
static int needs(void) {
    struct rlimit limit;
    int pair[2];
    if (socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0) return say(1);
    if (socket(AF_UNIX, SOCK_SEQPACKET, 0) < 0 || socket(AF_INET6, SOCK_DGRAM, 0) < 0) return say(1);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return say(1);
    if (syscall(SYS_personality, 0xffffffffL) < 0 || getrlimit(RLIMIT_CORE, &limit)) return say(1);
    if (mkfifo("/work/fifo", 0600) || unshare(CLONE_FILES)) return say(1);
    if (mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
        return say(1);
    return say(0);
}

/* Writes where this is allowed; otherwise the error. */
static int write_to(const char *path) {
    return say(open(path, O_WRONLY | O_CREAT, 0600) < 0);
}

static void burn(int milliseconds) {
    struct timespec now;
    do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < milliseconds);
}

/* Says hello to the first client of a port. */
static int greet(int port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&name, sizeof name) || listen(listener, 8)) return 1;
    int client = accept(listener, 0, 0);
    return write(client, "hello", 5) != 5;
}

int main(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : "", *argument = argc > 2 ? argv[2] : "";
    if (!strcmp(word, "greet")) return greet(atoi(argument));
    if (!strcmp(word, "connect")) return connect_to("127.0.0.1", atoi(argument));
    if (!strcmp(word, "multipath")) return connect_multipath(atoi(argument));
    if (!strcmp(word, "send")) return send_to(atoi(argument));
    if (!strcmp(word, "listen")) return listen_at(atoi(argument));
    if (!strcmp(word, "route")) return connect_to("192.0.2.1", 80);
    if (!strcmp(word, "loopback")) return loopback();
    if (!strcmp(word, "abstract")) return abstract_socket(argument);
    if (!strcmp(word, "descriptors")) return descriptors();
    if (!strcmp(word, "memory")) return memory(atoi(argument));
    if (!strcmp(word, "memory-then-wait")) return memory(atoi(argument)) || pause();
    if (!strcmp(word, "threads")) return threads(atoi(argument));
    if (!strcmp(word, "nest")) return say(unshare(CLONE_NEWUSER));
    if (!strcmp(word, "trace")) return say(ptrace(PTRACE_SEIZE, atoi(argument), 0, 0) != 0);
    if (!strcmp(word, "limit")) return limit(atoi(argument));
    if (!strcmp(word, "queues")) return queues();
    if (!strcmp(word, "touch-input")) return say(futimens(0, NULL));
    if (!strcmp(word, "keyring")) return say(syscall(SYS_keyctl, 0, -4, 1) < 0);
    if (!strcmp(word, "raise")) return raise_limit(atoi(argument));
    if (!strcmp(word, "calls")) return calls();
    if (!strcmp(word, "needs")) return needs();
    if (!strcmp(word, "write")) return write_to(argument);
    if (!strcmp(word, "raise-signal")) return raise(atoi(argument));
    if (!strcmp(word, "daemon")) return become_daemon(argument);
    if (!strcmp(word, "burn")) return burn(atoi(argument)), 0;
    if (!strcmp(word, "burn-then-wait")) {
        burn(atoi(argument));
        puts("burnt");
        fflush(stdout);
        return pause();
    }
    return 2;
}
