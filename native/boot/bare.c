// Where the root is not pivoted, the mounts of the host stay in the mount namespace, below the root of the container.
// Nobody reaches them, but the kernel lets a user namespace mount a new /proc or /sys wherever the mount namespace has
// one that nothing covers (mount_too_revealing() in fs/namespace.c): the masks of the container would have no effect.
#include "bare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define FIRST_BYTES (1u << 16)

// Gives a text, as far as it goes, twice as much room. Gives NULL where there is no memory.
static char *grow(char *text, size_t room) {
    char *grown = malloc(2 * room);
    if (grown != NULL) memcpy(grown, text, room);
    free(text);
    return grown;
}

// Reads a file to its end, as a text that is to be freed. Gives 0 or a negative errno.
static int read_text(int fd, char **text) {
    size_t room = FIRST_BYTES, length = 0;
    *text = malloc(room);
    while (*text != NULL) {
        ssize_t n = read(fd, *text + length, room - 1 - length);
        if (n < 0 && errno != EINTR) return -errno;
        if (n > 0) length += (size_t)n;
        (*text)[length] = 0;
        if (n == 0) return 0;
        if (length < room - 1) continue;
        *text = grow(*text, room);
        room *= 2;
    }
    return -ENOMEM;
}

// Cuts the next word off a line. Gives an empty one at its end.
static char *next_word(char **line) {
    char *word = *line;
    size_t length = strcspn(word, " ");
    *line = word + length + (word[length] != 0);
    word[length] = 0;
    return word;
}

// Replaces "\040" and the like by the character, see proc_pid_mountinfo(5).
static void unescape(char *path) {
    char *to = path;
    for (const char *from = path; *from != 0; to++) {
        bool is_escape = from[0] == '\\' && from[1] != 0 && from[2] != 0 && from[3] != 0;
        *to = is_escape ? (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0')) : *from;
        from += is_escape ? 4 : 1;
    }
    *to = 0;
}

// Detaches or covers the mount at a path. In the mount namespace of a user namespace the mounts of the host are locked,
// and can only be covered. When one was locked, all further ones are covered: what would be detached at the path of one
// that is stacked on another is the cover of that. One that was below another has gone with it, and one that shows a
// file is no /proc.
static int hide(const char *path, bool *are_locked) {
    if (!*are_locked && (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == ENOENT)) return 0;
    *are_locked = true;
    if (mount("none", path, "tmpfs", MS_RDONLY, NULL) == 0 || errno == ENOENT || errno == ENOTDIR) return 0;
    return -errno;
}

// Hides the mount of a line of mountinfo if it is a proc or sysfs outside of the kept path.
static int hide_line(char *line, const char *kept, bool *are_locked) {
    for (int i = 0; i < 4; i++) next_word(&line);
    char *path = next_word(&line);
    while (*line != 0 && strcmp(next_word(&line), "-") != 0) continue;
    const char *type = next_word(&line);
    if (strcmp(type, "proc") != 0 && strcmp(type, "sysfs") != 0) return 0;
    unescape(path);
    size_t length = strlen(kept);
    if (strncmp(path, kept, length) == 0 && (path[length] == '/' || path[length] == 0)) return 0;
    return hide(path, are_locked);
}

int hide_bare(const char *kept) {
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 0 : -errno; // without /proc there is nothing to show
    char *text;
    int error = read_text(fd, &text);
    close(fd);
    if (error < 0) return error;
    bool are_locked = false;
    for (char *line = text; error == 0 && *line != 0;) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] != 0);
        line[length] = 0;
        error = hide_line(line, kept, &are_locked);
        line = next;
    }
    free(text);
    return error;
}
