#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "log.h"

#define FIRST_TERMINAL_MAJOR 136 // of pseudo terminals, up to 143: see devices.txt of the kernel
#define LAST_TERMINAL_MAJOR 143

// The number behind `name` in a file of /proc; -1 where there is none.
static long number_in(const char *path, const char *name) {
    char *line = NULL;
    size_t room = 0;
    long number = -1;
    FILE *file = fopen(path, "re");
    while (file != NULL && number < 0 && getline(&line, &room, file) >= 0)
        if (strncmp(line, name, strlen(name)) == 0) number = strtol(line + strlen(name), NULL, 10);
    free(line);
    if (file != NULL) fclose(file);
    return number;
}

// Whether a process sees a mount: /proc/PID/mountinfo begins its lines with their ids.
static bool sees_mount(pid_t pid, long id) {
    char path[64], beginning[32];
    snprintf(path, sizeof path, "/proc/%d/mountinfo", pid);
    snprintf(beginning, sizeof beginning, "%ld ", id);
    return number_in(path, beginning) >= 0;
}

// A file of a mount that the container does not see is from outside.
static struct stream file_of(pid_t pid, int fd, const char *path) {
    struct stream stream = {0};
    struct stat status;
    char info[64];
    snprintf(info, sizeof info, "/proc/%d/fdinfo/%d", pid, fd);
    long mount = number_in(info, "mnt_id:");
    if (mount < 0 || sees_mount(pid, mount) || stat(path, &status) < 0) return stream;
    unsigned kind = S_ISCHR(status.st_mode) ? major(status.st_rdev) : 0;
    if (kind >= FIRST_TERMINAL_MAJOR && kind <= LAST_TERMINAL_MAJOR)
        fail("the standard stream %d of the container is a terminal from outside: it cannot be checkpointed", fd);
    snprintf(stream.name, sizeof stream.name, "file[%lx:%" PRIx64 "]", mount, (uint64_t)status.st_ino);
    memcpy(stream.external, stream.name, sizeof stream.external);
    return stream;
}

struct stream stream_of(pid_t pid, int fd) {
    struct stream stream = {0};
    char path[64], link[PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
    ssize_t length = readlink(path, link, sizeof link - 1);
    if (length < 0) return stream; // the container has closed it
    link[length] = 0;
    unsigned long long number;
    if (sscanf(link, "pipe:[%llu]", &number) == 1) {
        snprintf(stream.name, sizeof stream.name, "pipe:[%llu]", number);
    } else if (sscanf(link, "socket:[%llu]", &number) == 1) {
        snprintf(stream.name, sizeof stream.name, "socket:[%llu]", number);
        snprintf(stream.external, sizeof stream.external, "unix[%llu]", number);
    } else {
        return file_of(pid, fd, path);
    }
    return stream;
}

static void path_of(const char *images, char *path, size_t room) {
    snprintf(path, room, "%s/descriptors.json", images);
}

void write_streams(const char *images, const struct stream *streams) {
    char path[PATH_MAX + 32];
    path_of(images, path, sizeof path);
    FILE *file = fopen(path, "we");
    bool is_written = file != NULL &&
                      fprintf(file, "[\"%s\",\"%s\",\"%s\"]\n", streams[0].name, streams[1].name, streams[2].name) > 0;
    if (file == NULL || fclose(file) != 0 || !is_written) fail("cannot write %s: %s", path, reason(errno));
}

void read_streams(const char *images, struct stream *streams) {
    char path[PATH_MAX + 32], text[4 * sizeof streams->name] = "";
    memset(streams, 0, STREAMS * sizeof *streams);
    path_of(images, path, sizeof path);
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    if (fgets(text, sizeof text, file) == NULL) text[0] = 0;
    fclose(file);
    char *at = text;
    for (int i = 0; i < STREAMS; i++) {
        char *from = strchr(at, '"'), *to = from == NULL ? NULL : strchr(from + 1, '"');
        if (to == NULL) return;
        snprintf(streams[i].name, sizeof streams[i].name, "%.*s", (int)(to - from - 1), from + 1);
        at = to + 1;
    }
}

// All streams that were /dev/null have one name in the images, and so get one descriptor: it has to be for reading and
// for writing.
int stream_for(int fd) {
    struct stat status;
    bool is_null = fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
    int own = is_null ? open("/dev/null", O_RDWR | O_CLOEXEC) : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) fail("cannot copy the standard stream %d: %s", fd, reason(errno));
    return own;
}
