/* Files: those of the host that should not be there, and those that are there and should not be written. */
#include "probe.h"
#include <dirent.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

/* Any of these paths, opened as the first word says: `r`, `w` or `a` directory listing. */
static int open_any(char **words) {
    int flags = words[0][0] == 'w' ? O_WRONLY : words[0][0] == 'b' ? O_RDWR : O_RDONLY;
    int error = ENOENT;
    for (char **path = words + 1; *path; path++) {
        if (open(*path, flags | O_NONBLOCK | O_NOCTTY) >= 0) return 0;
        if (errno != ENOENT) error = errno;
    }
    return refused(error);
}

/* A folder that is there and holds something. */
static int list_any(char **words) {
    for (char **path = words; *path; path++) {
        DIR *folder = opendir(*path);
        for (struct dirent *entry; folder && (entry = readdir(folder));)
            if (entry->d_name[0] != '.') return 0;
    }
    return refused(ENOENT);
}

/* A file that holds one of these words. */
static int holds(char **words) {
    static char text[1 << 20];
    int fd = open(words[0], O_RDONLY);
    if (fd < 0) return -1;
    size_t length = 0;
    for (ssize_t count; (count = read(fd, text + length, sizeof text - 1 - length)) > 0;) length += (size_t)count;
    for (char **word = words + 1; *word; word++)
        if (strstr(text, *word)) return 0;
    return refused(ENOENT);
}

static int is_null_device(const char *path) {
    struct stat found;
    return !stat(path, &found) && S_ISCHR(found.st_mode) && found.st_rdev == makedev(1, 3);
}

/* A mount table that names a place on a disk: a part of a file system, its device, or the folders of an overlay. Devices
   are none: what lies below /dev, and the null device on top of a file. Everybody knows where they come from. */
static int mount_sources(char **words) {
    FILE *table = fopen(words[0], "r");
    static char line[1 << 16], root[4096], at[4096];
    if (!table) return -1;
    while (fgets(line, sizeof line, table)) {
        char *rest = strstr(line, " - ");
        if (!rest || sscanf(line, "%*s %*s %*s %4095s %4095s", root, at) != 2) continue;
        if (!strncmp(at, "/dev/", 5) || is_null_device(at)) continue;
        if (strcmp(root, "/") || strstr(rest, " /") || strstr(rest, "dir=/")) return 0;
    }
    return refused(ENOENT);
}

static int create_any(char **words) {
    int error = ENOENT;
    for (char **path = words; *path; path++) {
        if (open(*path, O_CREAT | O_WRONLY | O_EXCL, 0644) >= 0) return unlink(*path), 0;
        error = errno;
    }
    return refused(error);
}

/* Out of the root by a descriptor from before and `..`. */
static int climb(char **words) {
    char path[4096];
    int root = open("/", O_PATH | O_DIRECTORY);
    snprintf(path, sizeof path, "../../../../../../../..%s", words[0]);
    return done(openat(root, path, O_RDONLY));
}

/* A file that is open for reading, opened again for writing. */
static int reopen(char **words) {
    char path[64];
    int fd = open(words[0], O_RDONLY);
    if (fd < 0) return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return done(open(path, O_WRONLY));
}

static int write_to(char **words) {
    int fd = open(words[0], O_WRONLY | O_TRUNC);
    return fd < 0 ? -1 : done(write(fd, "owned\n", 6));
}

static int hard_link(char **words) {
    int result = link(words[0], words[1]);
    if (result == 0) unlink(words[1]);
    return result;
}

static int move_over(char **words) {
    int fd = open(words[0], O_CREAT | O_WRONLY, 0644);
    if (fd < 0) return -1;
    return rename(words[0], words[1]);
}

static int change_mode(char **words) { return chmod(words[0], 0777); }

static int touch(char **words) { return utimensat(AT_FDCWD, words[0], NULL, 0); }

/* A number in the inode of a file, which whoever may open the file can read. */
static int set_hint(char **words) {
    uint64_t hint = 3;
    int fd = open(words[0], O_RDWR);
    return fd < 0 ? -1 : done(fcntl(fd, 1036 /* F_SET_RW_HINT */, &hint));
}

static int write_text(char **words) {
    int fd = open(words[0], O_WRONLY);
    return fd < 0 ? -1 : done(write(fd, words[1], strlen(words[1])));
}

static int host_is(char **words) {
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    return strcmp(name, words[0]) ? refused(ENOENT) : 0;
}

/* Set-user-id programs work where neither the mount nor the process forbids it. */
static int honours_suid(char **words) {
    struct statvfs system;
    if (statvfs(words[0], &system)) return -1;
    return system.f_flag & ST_NOSUID ? refused(EPERM) : 0;
}

const struct probe file_probes[] = {
    {"open-any", open_any},
    {"list-any", list_any},
    {"holds", holds},
    {"mount-sources", mount_sources},
    {"create-any", create_any},
    {"climb", climb},
    {"reopen", reopen},
    {"write-to", write_to},
    {"hard-link", hard_link},
    {"move-over", move_over},
    {"change-mode", change_mode},
    {"touch", touch},
    {"set-hint", set_hint},
    {"write-text", write_text},
    {"host-is", host_is},
    {"honours-suid", honours_suid},
    {0},
};
