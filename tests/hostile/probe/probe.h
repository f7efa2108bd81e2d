/* What all probes share. A probe answers 0 when its attack has succeeded, and -1 with errno when it was refused. */
#ifndef PROBE_H
#define PROBE_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

struct probe {
    const char *name;
    int (*run)(char **words);
};

extern const struct probe kernel_probes[], process_probes[], file_probes[], network_probes[], resource_probes[],
    neighbour_probes[];

/* Refuses in words of our own: what was looked for is not there. */
static inline int refused(int error) {
    errno = error;
    return -1;
}

/* What a system call that returns a descriptor or a number has come to. */
static inline int done(long result) { return result < 0 ? -1 : 0; }

/* Tells whoever started us that everything is prepared, and waits to be killed. */
static inline int stay(void) {
    puts("ready");
    fflush(stdout);
    for (;;) pause();
    return 0;
}
#endif
