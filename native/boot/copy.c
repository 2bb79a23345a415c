// Copies what a new tmpfs covers into it. The source belongs to a stranger: no link of it is followed, and the depth is
// bounded.
#include "copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PART_BYTES (64u << 20)
#define DEEPEST 200 // directories in each other: each needs two descriptors, and 10 KiB of the stack

static int copy_entries(int from, int to, int depth);

// What getdents64(2) writes for each entry.
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static int copy_bytes(int from, int to) {
    for (;;) {
        long sent = syscall(SYS_sendfile, to, from, NULL, (size_t)PART_BYTES);
        if (sent == 0) return 0;
        if (sent < 0 && errno != EINTR) return -errno;
    }
}

static int copy_file(int from, int to, const char *name) {
    // O_NONBLOCK: the file may have become a FIFO, which nobody writes to
    int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (source < 0) return -errno;
    int copy = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = copy < 0 ? -errno : copy_bytes(source, copy);
    close(source);
    if (copy >= 0) close(copy);
    return error;
}

static int copy_link(int link, int to, const char *name) {
    char target[PATH_MAX];
    long length = syscall(SYS_readlinkat, link, "", target, sizeof target - 1);
    if (length < 0) return -errno;
    target[length] = 0;
    return symlinkat(target, to, name) < 0 ? -errno : 0;
}

static int copy_below(int from, int to, const char *name, int depth) {
    if (depth == DEEPEST) return -ENAMETOOLONG;
    if (mkdirat(to, name, 0700) < 0) return -errno;
    int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (source < 0) return -errno;
    int copy = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int error = copy < 0 ? -errno : copy_entries(source, copy, depth + 1);
    close(source);
    if (copy >= 0) close(copy);
    return error;
}

// Gives a copy the owner, the mode and the times of its source. The owner comes first: its change clears setuid bits.
static int take_over(int in, const char *name, const struct stat *status) {
    if (syscall(SYS_fchownat, in, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    if (!S_ISLNK(status->st_mode) && syscall(SYS_fchmodat, in, name, status->st_mode & 07777) < 0) return -errno;
    struct timespec times[2] = {status->st_atim, status->st_mtim};
    return syscall(SYS_utimensat, in, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_entry(int from, int to, const char *name, int depth) {
    struct stat status;
    int entry = openat(from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (entry < 0) return -errno;
    int error = fstat(entry, &status) < 0 ? -errno : 0;
    if (error == 0 && S_ISLNK(status.st_mode)) error = copy_link(entry, to, name);
    close(entry);
    if (error < 0) return error;
    if (S_ISDIR(status.st_mode))
        error = copy_below(from, to, name, depth);
    else if (S_ISREG(status.st_mode))
        error = copy_file(from, to, name);
    else if (!S_ISLNK(status.st_mode) && mknodat(to, name, status.st_mode, status.st_rdev) < 0)
        error = -errno;
    return error < 0 ? error : take_over(to, name, &status);
}

static int copy_entries(int from, int to, int depth) {
    _Alignas(struct entry) char bytes[4096];
    long length;
    while ((length = syscall(SYS_getdents64, from, bytes, sizeof bytes)) > 0) {
        const struct entry *entry;
        for (long at = 0; at < length; at += entry->length) {
            entry = (const struct entry *)(bytes + at);
            if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) continue;
            int error = copy_entry(from, to, entry->name, depth);
            if (error < 0) return error;
        }
    }
    return length < 0 ? -errno : 0;
}

int copy_directory(int from, int to, bool itself) {
    int error = copy_entries(from, to, 1);
    struct stat status;
    if (error < 0) return error;
    if (itself && fstat(from, &status) < 0) return -errno;
    return itself ? take_over(to, ".", &status) : 0;
}
