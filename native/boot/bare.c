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

#define MAX_BYTES (1u << 20)

// Reads what there is to read into a text, to be freed. Gives NULL where there is no memory, or it is too long.
static char *read_text(int fd) {
    char *text = malloc(MAX_BYTES);
    if (text == NULL) return NULL;
    size_t length = 0;
    ssize_t n = 1;
    while (n > 0 && length < MAX_BYTES - 1) {
        n = read(fd, text + length, MAX_BYTES - 1 - length);
        if (n > 0) length += (size_t)n;
    }
    text[length] = 0;
    if (n == 0) return text;
    free(text);
    return NULL;
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
// and can only be covered. One that was below another has gone with it.
static int hide(const char *path) {
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == ENOENT) return 0;
    return mount("none", path, "tmpfs", MS_RDONLY, NULL) < 0 ? -errno : 0;
}

// Hides the mount of a line of mountinfo if it is a proc or sysfs outside of the kept path.
static int hide_line(char *line, const char *kept) {
    for (int i = 0; i < 4; i++) next_word(&line);
    char *path = next_word(&line);
    while (*line != 0 && strcmp(next_word(&line), "-") != 0) continue;
    const char *type = next_word(&line);
    if (strcmp(type, "proc") != 0 && strcmp(type, "sysfs") != 0) return 0;
    unescape(path);
    size_t length = strlen(kept);
    if (strncmp(path, kept, length) == 0 && (path[length] == '/' || path[length] == 0)) return 0;
    return hide(path);
}

int hide_bare(const char *kept) {
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 0 : -errno; // without /proc there is nothing to show
    char *text = read_text(fd);
    close(fd);
    if (text == NULL) return -E2BIG;
    int error = 0;
    for (char *line = text; error == 0 && *line != 0;) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] != 0);
        line[length] = 0;
        error = hide_line(line, kept);
        line = next;
    }
    free(text);
    return error;
}
