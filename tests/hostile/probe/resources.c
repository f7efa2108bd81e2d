/* More than is allowed of everything: each probe takes as much as its word says, and succeeds when it gets all. */
#include "probe.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/wait.h>

static int processes(char **words) {
    int wanted = atoi(words[0]), made = 0, error = 0;
    pid_t *children = calloc((size_t)wanted, sizeof *children);
    for (; made < wanted; made++) {
        children[made] = fork();
        if (children[made] < 0) {
            error = errno;
            break;
        }
        if (children[made] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) pause();
        }
    }
    for (int i = 0; i < made; i++) kill(children[i], SIGKILL);
    for (int i = 0; i < made; i++) waitpid(children[i], NULL, 0);
    return made == wanted ? 0 : refused(error);
}

static void *sleeper(void *nothing) {
    pause();
    return nothing;
}

static int threads(char **words) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 << 10);
    for (int i = 0; i < atoi(words[0]); i++) {
        pthread_t thread;
        int error = pthread_create(&thread, &small, sleeper, NULL);
        if (error) return refused(error);
    }
    return 0;
}

static int touch(char *memory, size_t size) {
    if (memory == MAP_FAILED) return -1;
    for (size_t at = 0; at < size; at += 4096) memory[at] = 1;
    return 0;
}

static size_t megabytes(const char *word) { return (size_t)atoi(word) << 20; }

static int private_memory(char **words) {
    size_t size = megabytes(words[0]);
    return touch(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size);
}

static int shared_memory(char **words) {
    size_t size = megabytes(words[0]);
    return touch(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), size);
}

static int file_memory(char **words) {
    size_t size = megabytes(words[0]);
    int fd = memfd_create("hostile", 0);
    if (fd < 0 || ftruncate(fd, (off_t)size)) return -1;
    return touch(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), size);
}

static int sysv_memory(char **words) {
    size_t size = megabytes(words[0]);
    int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
    if (id < 0) return -1;
    char *memory = shmat(id, NULL, 0);
    shmctl(id, IPC_RMID, NULL);
    return touch(memory, size);
}

/* A little of it in each of many processes. */
static int memory_of_many(char **words) {
    int count = atoi(words[0]), killed = 0;
    for (int i = 0; i < count; i++)
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            size_t size = megabytes(words[1]);
            if (touch(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size)) _exit(1);
            /* Until the others have theirs. */
            usleep(300 * 1000);
            _exit(0);
        }
    for (int status; wait(&status) > 0;) killed += status != 0;
    return killed ? refused(ENOMEM) : 0;
}

static int locked_memory(char **words) {
    size_t size = megabytes(words[0]);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? -1 : mlock(memory, size);
}

static int disk(char **words) {
    static char block[1 << 20];
    char path[4096];
    snprintf(path, sizeof path, "%s/hostile-%d", words[0], getpid());
    int fd = open(path, O_CREAT | O_WRONLY, 0600), error = 0;
    if (fd < 0) return -1;
    for (int i = 0; i < atoi(words[1]) && !error; i++)
        for (size_t written = 0; written < sizeof block && !error;) {
            ssize_t count = write(fd, block, sizeof block - written);
            if (count < 0) error = errno;
            else written += (size_t)count;
        }
    unlink(path);
    return error ? refused(error) : 0;
}

static int inodes(char **words) {
    char path[4096];
    int error = 0, made = 0, wanted = atoi(words[1]);
    for (; made < wanted && !error; made++) {
        snprintf(path, sizeof path, "%s/hostile-%d-%d", words[0], getpid(), made);
        int fd = open(path, O_CREAT | O_WRONLY, 0600);
        if (fd < 0) error = errno;
        else close(fd);
    }
    for (int i = 0; i < made; i++) {
        snprintf(path, sizeof path, "%s/hostile-%d-%d", words[0], getpid(), i);
        unlink(path);
    }
    return error ? refused(error) : 0;
}

static int large_file(char **words) {
    signal(SIGXFSZ, SIG_IGN);
    char path[4096];
    snprintf(path, sizeof path, "%s/large-%d", words[0], getpid());
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    if (fd < 0) return -1;
    unlink(path);
    return ftruncate(fd, (off_t)megabytes(words[1]));
}

static int descriptors(char **words) {
    for (int i = 0; i < atoi(words[0]); i++)
        if (dup(0) < 0) return -1;
    return 0;
}

static int core_files(char **words) {
    (void)words;
    int child = fork(), status = 0;
    if (child == 0) abort();
    waitpid(child, &status, 0);
    return WCOREDUMP(status) ? 0 : refused(EPERM);
}

const struct probe resource_probes[] = {
    {"processes", processes},
    {"threads", threads},
    {"private-memory", private_memory},
    {"shared-memory", shared_memory},
    {"file-memory", file_memory},
    {"sysv-memory", sysv_memory},
    {"memory-of-many", memory_of_many},
    {"locked-memory", locked_memory},
    {"disk", disk},
    {"inodes", inodes},
    {"large-file", large_file},
    {"open-files", descriptors},
    {"core-files", core_files},
    {0},
};
