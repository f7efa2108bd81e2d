/* Attacks on a sandbox from within, each by its name: prints `succeeded`, or `refused` and the error. */
#include "probe.h"

static const struct probe *const all[] = {kernel_probes,  process_probes,  file_probes,
                                          network_probes, resource_probes, neighbour_probes};

static const struct probe *find(const char *name) {
    for (size_t list = 0; list < sizeof all / sizeof *all; list++)
        for (const struct probe *probe = all[list]; probe->name; probe++)
            if (!strcmp(probe->name, name)) return probe;
    return NULL;
}

int main(int argc, char **argv) {
    const struct probe *probe = argc > 1 ? find(argv[1]) : NULL;
    if (!probe) {
        puts("no such probe");
        return 2;
    }
    errno = 0;
    int result = probe->run(argv + 2);
    if (result == 0) puts("succeeded");
    else printf("refused: %s\n", errno ? strerrorname_np(errno) : "no error");
    return 0;
}
