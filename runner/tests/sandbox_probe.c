/* The attacks that a shell cannot make: one word each, the answer on standard output. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
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

static void burn(int milliseconds) {
    struct timespec now;
    do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < milliseconds);
}

int main(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : "", *argument = argc > 2 ? argv[2] : "";
    if (!strcmp(word, "connect")) return connect_to("127.0.0.1", atoi(argument));
    if (!strcmp(word, "route")) return connect_to("192.0.2.1", 80);
    if (!strcmp(word, "loopback")) return loopback();
    if (!strcmp(word, "abstract")) return abstract_socket(argument);
    if (!strcmp(word, "descriptors")) return descriptors();
    if (!strcmp(word, "memory")) return memory(atoi(argument));
    if (!strcmp(word, "nest")) return say(unshare(CLONE_NEWUSER));
    if (!strcmp(word, "trace")) return say(ptrace(PTRACE_SEIZE, atoi(argument), 0, 0) != 0);
    if (!strcmp(word, "limit")) return limit(atoi(argument));
    if (!strcmp(word, "keyring")) return say(syscall(SYS_keyctl, 0, -4, 1) < 0);
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
