/* Other processes: PID 1 above all, which belongs to the harness. */
#include "probe.h"
#include <dirent.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

static int seize(char **words) {
    pid_t pid = atoi(words[0]);
    int result = done(ptrace(PTRACE_SEIZE, pid, 0, 0));
    if (result == 0) ptrace(PTRACE_DETACH, pid, 0, 0);
    return result;
}

static int trace_me(char **words) {
    (void)words;
    return done(ptrace(PTRACE_TRACEME, 0, 0, 0));
}

static char memory[] = "memory";

/* From or to the same address of a child, which is our twin, or of another process. */
static int other_memory(char **words) {
    pid_t child = 0, pid = atoi(words[1]);
    if (pid == 0) {
        child = pid = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) pause();
        }
    }
    char copy[sizeof memory];
    struct iovec mine = {copy, sizeof copy}, theirs = {memory, sizeof memory};
    long number = !strcmp(words[0], "read") ? SYS_process_vm_readv : SYS_process_vm_writev;
    long result = syscall(number, pid, &mine, 1, &theirs, 1, 0);
    int error = errno;
    if (child > 0) kill(child, SIGKILL), waitpid(child, NULL, 0);
    /* Another program has nothing at this address, which is an answer of someone who was allowed to look. */
    return result < 0 && error != EFAULT ? refused(error) : 0;
}

static int steal_descriptor(char **words) {
    int process = (int)syscall(SYS_pidfd_open, atoi(words[0]), 0);
    if (process < 0) return -1;
    for (int fd = 0; fd < 64; fd++)
        if (syscall(SYS_pidfd_getfd, process, fd, 0) >= 0) return 0;
    return -1;
}

/* All signals to PID 1; if that ends it, nobody is left to print anything. */
static int kill_init(char **words) {
    (void)words;
    for (int number = 1; number <= 64; number++)
        if (number != SIGCHLD) kill(1, number);
    usleep(200 * 1000);
    return refused(EPERM);
}

static int limit(char **words) {
    struct rlimit few = {3, 3};
    return prlimit(atoi(words[0]), RLIMIT_NOFILE, &few, NULL);
}

/* Whether any process that can be seen has a word on its command line. */
static int see(char **words) {
    DIR *processes = opendir("/proc");
    char path[300], line[4096];
    for (struct dirent *entry; processes && (entry = readdir(processes));) {
        if (atoi(entry->d_name) <= 0 || atoi(entry->d_name) == getpid()) continue;
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        int fd = open(path, O_RDONLY);
        ssize_t length = fd < 0 ? 0 : read(fd, line, sizeof line);
        if (fd >= 0) close(fd);
        if (length > 0 && memmem(line, (size_t)length, words[0], strlen(words[0]))) return 0;
    }
    return refused(ENOENT);
}

/* Whether a file can be reached through the root of any process that can be seen. */
static int roots(char **words) {
    DIR *processes = opendir("/proc");
    char path[4096];
    for (struct dirent *entry; processes && (entry = readdir(processes));) {
        snprintf(path, sizeof path, "/proc/%s/root%s", entry->d_name, words[0]);
        if (atoi(entry->d_name) > 0 && access(path, R_OK) == 0) return 0;
    }
    return refused(ENOENT);
}

/* A process in a session of its own, deaf to all signals, with the output still open. */
static int daemonise(char **words) {
    int ready[2];
    char byte;
    if (pipe(ready)) return -1;
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            for (int number = 1; number < 64; number++) signal(number, SIG_IGN);
            fcntl(ready[1], F_SETFD, FD_CLOEXEC);
            execlp("sleep", "sleep", words[0], (char *)0);
            _exit(1);
        }
        _exit(0);
    }
    close(ready[1]);
    return done(read(ready[0], &byte, 1));
}

static int descriptors(char **words) {
    (void)words;
    for (int fd = 3; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) != -1) return 0;
    return refused(EBADF);
}

static int environment(char **words) { return getenv(words[0]) ? 0 : refused(ENOENT); }

const struct probe process_probes[] = {
    {"seize", seize},
    {"trace-me", trace_me},
    {"memory-of", other_memory},
    {"steal-descriptor", steal_descriptor},
    {"kill-init", kill_init},
    {"limit", limit},
    {"see", see},
    {"roots", roots},
    {"daemon", daemonise},
    {"descriptors", descriptors},
    {"environment", environment},
    {0},
};
