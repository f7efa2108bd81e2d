/* One node against another: what the victim leaves (`leave-…`), and the thief who looks for it (`take-…`). */
#include "probe.h"
#include <linux/keyctl.h>
#include <mqueue.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

static int leave_file(char **words) {
    int fd = open(words[0], O_CREAT | O_WRONLY | O_TRUNC, 0666);
    if (fd < 0 || write(fd, "secret", 6) < 0) return -1;
    fchmod(fd, 0666);
    return stay();
}

static int take_file(char **words) { return done(open(words[0], O_RDONLY)); }

static int leave_abstract(char **words) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, words[0], strlen(words[0]));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(words[0]));
    if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, 8)) return -1;
    return stay();
}

static int leave_port(char **words) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[0]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 8)) return -1;
    return stay();
}

/* Two servers on one port would take each other's connections. */
static int take_port(char **words) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[0]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return bind(fd, (struct sockaddr *)&address, sizeof address) ? (errno == EADDRINUSE ? 0 : -1) : refused(ENOENT);
}

static int leave_shm(char **words) {
    int id = shmget(atoi(words[0]), 4096, IPC_CREAT | 0666);
    if (id < 0) return -1;
    strcpy(shmat(id, NULL, 0), "secret");
    /* Gone when its last user is; an attached segment can still be found by its key only before that. */
    return stay();
}

static int take_shm(char **words) {
    int id = shmget(atoi(words[0]), 0, 0);
    if (id >= 0) shmctl(id, IPC_RMID, NULL);
    return done(id);
}

static int leave_queue(char **words) {
    struct mq_attr size = {.mq_maxmsg = 1, .mq_msgsize = 16};
    /* Whether the victim may is the first wall already. */
    mq_open(words[0], O_CREAT | O_RDWR, 0666, &size);
    return stay();
}

static int take_queue(char **words) {
    int queue = mq_open(words[0], O_RDONLY);
    if (queue >= 0) mq_unlink(words[0]);
    return done(queue);
}

static int leave_key(char **words) {
    /* Whether the victim may is the first wall already. */
    syscall(SYS_add_key, "user", words[0], "secret", 6, KEY_SPEC_USER_KEYRING);
    return stay();
}

static int take_key(char **words) {
    long id = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", words[0], 0);
    if (id >= 0) syscall(SYS_keyctl, KEYCTL_UNLINK, id, KEY_SPEC_USER_KEYRING, 0, 0);
    return done(id);
}

static struct flock part(short kind, off_t start) {
    return (struct flock){.l_type = kind, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};
}

/* Locks of all kinds, as far as they are to be had. */
static void turn_locks(int fd, int on) {
    if (!on) {
        flock(fd, LOCK_UN);
    } else if (flock(fd, LOCK_EX | LOCK_NB)) {
        flock(fd, LOCK_SH | LOCK_NB);
    }
    short kinds[] = {F_RDLCK, F_WRLCK};
    for (int each = 0; each < 2; each++) {
        struct flock of_process = part(on ? kinds[each] : F_UNLCK, 7 + each);
        struct flock of_file = part(on ? kinds[each] : F_UNLCK, 17 + each);
        fcntl(fd, F_SETLK, &of_process);
        fcntl(fd, F_OFD_SETLK, &of_file);
    }
}

/* Which locks are to be had, and which one is in the way of others. */
static long state_of_locks(int fd) {
    long state = flock(fd, LOCK_EX | LOCK_NB) ? 1 : 2;
    flock(fd, LOCK_UN);
    struct flock any = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (!fcntl(fd, F_GETLK, &any) && any.l_type != F_UNLCK) state += 10 * (1 + any.l_start) + 1000 * any.l_len;
    for (off_t start = 7; start < 19; start++) {
        struct flock one = part(F_RDLCK, start);
        state = 2 * state + !fcntl(fd, F_OFD_SETLK, &one);
        one.l_type = F_UNLCK;
        fcntl(fd, F_OFD_SETLK, &one);
    }
    return state;
}

/* The first file that can be opened, or what has the one inode of all event descriptors; who may not write may still
   lock. */
static int open_one(char **words) {
    int fd = -1;
    for (; fd < 0 && *words; words++) {
        if (!strcmp(*words, "eventfd")) return eventfd(0, 0);
        fd = open(*words, O_RDWR | O_NOCTTY);
        if (fd < 0) fd = open(*words, O_RDONLY | O_NOCTTY);
    }
    return fd;
}

static int leave_lock(char **words) {
    int fd = open_one(words);
    if (fd < 0) return -1;
    puts("ready");
    fflush(stdout);
    for (int on = 1;; on = !on, usleep(20 * 1000)) turn_locks(fd, on);
    return 0;
}

static int take_lock(char **words) {
    int fd = open_one(words);
    if (fd < 0) return -1;
    /* Whoever sees two different states within a second has been told something. */
    long first = state_of_locks(fd);
    for (int look = 0; look < 1000; look++, usleep(1000))
        if (state_of_locks(fd) != first) return 0;
    return refused(ENOENT);
}

/* A lock on a file that nobody else has, at a place that says something. */
static int leave_listed_lock(char **words) {
    struct flock lock = part(F_WRLCK, atoi(words[0]));
    if (fcntl(memfd_create("own", 0), F_OFD_SETLK, &lock)) return -1;
    return stay();
}

static int take_listed_lock(char **words) {
    char line[256], place[32];
    FILE *table = fopen("/proc/locks", "r");
    if (!table) return -1;
    snprintf(place, sizeof place, " %s %s", words[0], words[0]);
    while (fgets(line, sizeof line, table))
        if (strstr(line, place)) return 0;
    return refused(ENOENT);
}

/* Opens a file now and then. */
static int leave_opening(char **words) {
    puts("ready");
    fflush(stdout);
    for (;; usleep(20 * 1000)) close(open(words[0], O_RDONLY));
    return 0;
}

static int take_opening(char **words) {
    int fd = inotify_init();
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (fd < 0 || inotify_add_watch(fd, words[0], IN_OPEN) < 0) return -1;
    return poll(&wait, 1, 1000) == 1 ? 0 : refused(ENOENT);
}

static int leave_waiting(char **words) {
    (void)words;
    return stay();
}

/* Everything that this user may signal, but for ourselves. The victim's output tells whether it was hit. */
static int take_lives(char **words) {
    (void)words;
    kill(-1, SIGKILL);
    return 0;
}

const struct probe neighbour_probes[] = {
    {"leave-file", leave_file},
    {"take-file", take_file},
    {"leave-abstract", leave_abstract},
    {"leave-port", leave_port},
    {"take-port", take_port},
    {"leave-shm", leave_shm},
    {"take-shm", take_shm},
    {"leave-queue", leave_queue},
    {"take-queue", take_queue},
    {"leave-key", leave_key},
    {"take-key", take_key},
    {"leave-lock", leave_lock},
    {"take-lock", take_lock},
    {"leave-listed-lock", leave_listed_lock},
    {"take-listed-lock", take_listed_lock},
    {"leave-opening", leave_opening},
    {"take-opening", take_opening},
    {"leave-waiting", leave_waiting},
    {"take-lives", take_lives},
    {0},
};
