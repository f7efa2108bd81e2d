/* Sockets: whom they reach, and of which kinds they may be. */
#include "probe.h"
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static int connect_inet(const char *host, int port, int kind) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &address.sin_addr);
    int fd = socket(AF_INET, kind, 0);
    return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof address);
}

static int tcp(char **words) { return connect_inet(words[0], atoi(words[1]), SOCK_STREAM); }

/* Connecting sends nothing, it only looks for a way there. */
static int way(char **words) { return connect_inet(words[0], 9, SOCK_DGRAM); }

static int tcp6(char **words) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(words[1]))};
    inet_pton(AF_INET6, words[0], &address.sin6_addr);
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof address);
}

/* A datagram to somebody who answers. */
static int udp(char **words) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[1]))};
    inet_pton(AF_INET, words[0], &address.sin_addr);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct timeval patience = {.tv_sec = 2};
    char answer[16];
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) || send(fd, "x", 1, 0) < 0) return -1;
    return done(recv(fd, answer, sizeof answer, 0));
}

static int unix_path(char **words) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, words[0], sizeof address.sun_path - 1);
    return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

static int unix_abstract(char **words) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, words[0], strlen(words[0]));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(words[0]));
    return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, size);
}

static int raw(char **words) {
    (void)words;
    return done(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int packet(char **words) {
    (void)words;
    return done(socket(AF_PACKET, SOCK_RAW, 0));
}

/* Any of these families. */
static int family(char **words) {
    static const int kinds[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW};
    int error = EAFNOSUPPORT;
    for (char **word = words; *word; word++)
        for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
            if (socket(atoi(*word), kinds[kind], 0) >= 0) return 0;
            /* A family that exists without this kind, or whose protocol must be named, is a family within reach. */
            if (errno == ESOCKTNOSUPPORT || errno == EPROTONOSUPPORT) return 0;
            error = errno;
        }
    return refused(error);
}

/* Any of these protocols of netlink. */
static int netlink(char **words) {
    int error = EPROTONOSUPPORT;
    for (char **word = words; *word; word++) {
        if (socket(AF_NETLINK, SOCK_RAW, atoi(*word)) >= 0) return 0;
        error = errno;
    }
    return refused(error);
}

const struct probe network_probes[] = {
    {"tcp", tcp},
    {"tcp6", tcp6},
    {"udp", udp},
    {"way", way},
    {"unix-path", unix_path},
    {"unix-abstract", unix_abstract},
    {"raw", raw},
    {"packet", packet},
    {"family", family},
    {"netlink", netlink},
    {0},
};
