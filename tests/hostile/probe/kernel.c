/* System calls that nobody needs who solves a challenge. */
#include "probe.h"
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static int mount_tmpfs(char **words) { return mount("tmpfs", words[0], "tmpfs", 0, NULL); }
static int remount(char **words) { return mount(NULL, words[0], NULL, MS_REMOUNT | MS_BIND, NULL); }
static int unmount(char **words) { return umount2(words[0], MNT_DETACH); }
static int fs_open(char **words) { return done(syscall(SYS_fsopen, words[0], 0)); }
static int open_tree_clone(char **words) { return done(syscall(SYS_open_tree, AT_FDCWD, words[0], 1 | 0x8000)); }
static int change_root(char **words) { return chroot(words[0]); }
static int unshare_flag(char **words) { return unshare((int)strtol(words[0], NULL, 16)); }
static int host_name(char **words) { return sethostname(words[0], strlen(words[0])); }

static int join(char **words) {
    int fd = open(words[0], O_RDONLY);
    return fd < 0 ? -1 : setns(fd, 0);
}

static int reap(long child) {
    if (child == 0) _exit(0);
    if (child > 0) waitpid((pid_t)child, NULL, 0);
    return done(child);
}

static int clone_user(char **words) {
    (void)words;
    return reap(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static int clone3_user(char **words) {
    (void)words;
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    return reap(syscall(SYS_clone3, &arguments, sizeof arguments));
}

static int add_key(char **words) {
    (void)words;
    return done(syscall(SYS_add_key, "user", "takehome-hostile", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int key_ctl(char **words) {
    (void)words;
    return done(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1));
}

static int request_key(char **words) {
    (void)words;
    long result = syscall(SYS_request_key, "user", "takehome-hostile-none", NULL, 0);
    /* That there is no such key is an answer of the service. */
    return result < 0 && errno != ENOKEY ? -1 : 0;
}

static int io_uring(char **words) {
    (void)words;
    struct io_uring_params parameters = {0};
    return done(syscall(SYS_io_uring_setup, 1, &parameters));
}

static int bpf_map(char **words) {
    (void)words;
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return done(syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map));
}

static int perf(char **words) {
    (void)words;
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event, .config = PERF_COUNT_SW_TASK_CLOCK};
    event.exclude_kernel = event.exclude_hv = 1;
    return done(syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
}

static int fault_handler(char **words) {
    (void)words;
    return done(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
}

static int kernel_log(char **words) {
    (void)words;
    char log[4096];
    return done(klogctl(3, log, sizeof log));
}

static int no_randomness(char **words) {
    (void)words;
    return done(syscall(SYS_personality, ADDR_NO_RANDOMIZE));
}

#ifdef __x86_64__
/* getpid of the 32-bit table. */
static int table_32(char **words) {
    (void)words;
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
    return result < 0 ? refused((int)-result) : 0;
}
#else
static int table_32(char **words) {
    (void)words;
    return refused(ENOSYS);
}
#endif

/* getpid of the x32 table. */
static int table_x32(char **words) {
    (void)words;
    return done(syscall(0x40000000 + 39));
}

static int push_input(char **words) {
    (void)words;
    /* The terminal may be anybody's: it is made our own first. A process group's leader cannot, so a child does. */
    int child = fork();
    if (child == 0) {
        setsid();
        ioctl(0, TIOCSCTTY, 0);
        _exit(ioctl(0, TIOCSTI, "x") ? errno : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status) ? refused(WEXITSTATUS(status)) : 0;
}

static int make_device(char **words) {
    int result = mknod(words[0], S_IFCHR | 0666, makedev(1, 1));
    if (result == 0) unlink(words[0]);
    return result;
}

static int clock_set(char **words) {
    (void)words;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return clock_settime(CLOCK_REALTIME, &now);
}

static int real_time(char **words) {
    (void)words;
    struct sched_param priority = {.sched_priority = 1};
    return sched_setscheduler(0, SCHED_FIFO, &priority);
}

static int more_nice(char **words) {
    (void)words;
    return setpriority(PRIO_PROCESS, 0, -10);
}

static int raise_limit(char **words) {
    (void)words;
    struct rlimit none = {0, 0}, one = {1, 1};
    return setrlimit(RLIMIT_CORE, &none) ? -1 : setrlimit(RLIMIT_CORE, &one);
}

static int become_root(char **words) {
    (void)words;
    return setresuid(0, 0, 0);
}

/* Any capability that a set-user-id program could still give. */
static int bounding_set(char **words) {
    (void)words;
    for (int capability = 0; capability < 64; capability++)
        if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1) return 0;
    return refused(EPERM);
}

static int new_privileges(char **words) {
    (void)words;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : refused(EPERM);
}

static int by_handle(char **words) {
    struct {
        struct file_handle handle;
        unsigned char bytes[MAX_HANDLE_SZ];
    } file = {.handle.handle_bytes = MAX_HANDLE_SZ};
    int mount, root = open(words[0], O_RDONLY | O_DIRECTORY);
    /* Where a file system gives no handles, one is made up: what matters is who may use it. */
    if (name_to_handle_at(AT_FDCWD, words[0], &file.handle, &mount, 0)) file.handle.handle_bytes = 8;
    return done(open_by_handle_at(root, &file.handle, O_RDONLY));
}

const struct probe kernel_probes[] = {
    {"mount", mount_tmpfs},
    {"remount", remount},
    {"unmount", unmount},
    {"fsopen", fs_open},
    {"open-tree", open_tree_clone},
    {"chroot", change_root},
    {"unshare", unshare_flag},
    {"clone-user", clone_user},
    {"clone3-user", clone3_user},
    {"setns", join},
    {"sethostname", host_name},
    {"add-key", add_key},
    {"keyctl", key_ctl},
    {"request-key", request_key},
    {"io-uring", io_uring},
    {"bpf", bpf_map},
    {"perf", perf},
    {"userfaultfd", fault_handler},
    {"syslog", kernel_log},
    {"personality", no_randomness},
    {"table-32", table_32},
    {"table-x32", table_x32},
    {"push-input", push_input},
    {"mknod", make_device},
    {"clock-settime", clock_set},
    {"real-time", real_time},
    {"nice", more_nice},
    {"raise-limit", raise_limit},
    {"become-root", become_root},
    {"bounding-set", bounding_set},
    {"new-privileges", new_privileges},
    {"by-handle", by_handle},
    {0},
};
