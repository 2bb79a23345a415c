// The home directory of the workload's user (passwd(5)) and its groups (group(5)), from the files of the container. A
// stranger wrote these files: they are read with the rights of the container's root user, and up to a limit.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "interpreter.h"

#define MAX_FILE_BYTES (1 << 20)

// Reads up to `bytes` of a file, which may end sooner. Gives how many.
static size_t read_all(int fd, char *text, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = read(fd, text + done, bytes - done);
        if (n <= 0) break;
        done += (size_t)n;
    }
    return done;
}

// Gives the text of a file of the root, to be freed. Gives NULL where there is none, where it is too long, and where it
// is a FIFO or a device: that could block.
static char *text_of(const char *path) {
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd < 0) return NULL;
    struct stat status;
    bool is_short = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= MAX_FILE_BYTES;
    char *text = is_short ? malloc((size_t)status.st_size + 1) : NULL;
    if (text != NULL) text[read_all(fd, text, (size_t)status.st_size)] = 0;
    close(fd);
    return text;
}

// Cuts the first line off a text, without its end. Gives NULL at the end of the text, and where there is none.
static char *next_line(char **text) {
    char *line = *text;
    if (line == NULL || *line == 0) return NULL;
    size_t length = strcspn(line, "\n");
    *text = line + length + (line[length] != 0);
    line[length] = 0;
    return line;
}

// Cuts a line at its colons. Gives whether it has that many fields.
static bool split(char *line, char *fields[], size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (line == NULL) return false;
        fields[i] = line;
        line = strchr(line, ':');
        if (line != NULL) *line++ = 0;
    }
    return true;
}

// Reads a number without a sign of at most 32 bits. Gives whether it is one.
static bool read_id(const char *text, uint64_t *id) {
    size_t length = strlen(text);
    *id = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        *id = *id * 10 + (uint64_t)(text[i] - '0');
    }
    return length > 0 && length <= 10 && *id < UINT32_MAX;
}

// Gives whether a name is in a list with commas.
static bool has_name(const char *list, const char *name) {
    size_t length = strlen(name);
    for (;;) {
        size_t word = strcspn(list, ",");
        if (word == length && strncmp(list, name, length) == 0) return true;
        if (list[word] == 0) return false;
        list += word + 1;
    }
}

// Gives a variable of the environment, or NULL where there is no room for it.
static char *variable(const char *name, const char *value) {
    size_t length = strlen(name);
    char *text = malloc(length + 1 + strlen(value) + 1);
    if (text == NULL) return NULL;
    strcpy(text, name);
    text[length] = '=';
    strcpy(text + length + 1, value);
    return text;
}

// Collects the groups that have this member. Leaves out those that the user namespace does not map: with one of them in
// the list, setgroups() would fail as a whole.
static void take_groups(struct boot *boot, const char *name) {
    char *text = text_of("/etc/group"), *rest = text, *line, *fields[4];
    while ((line = next_line(&rest)) != NULL && boot->group_count < MAX_GROUPS) {
        uint64_t id;
        if (!split(line, fields, 4) || !has_name(fields[3], name) || !read_id(fields[2], &id)) continue;
        gid_t group = (gid_t)id;
        if (setgroups(1, &group) == 0) boot->groups[boot->group_count++] = group;
    }
    free(text);
}

// account(uid, groups, name): finds the home directory of the user with this name, or with this id where the name is
// empty; with `groups`, also the groups that have the user as a member. No error where the user is unknown. Also reads
// the host name, since later the system call filter of the workload may forbid that.
int op_account(struct boot *boot, const struct op *op) {
    const char *name = op->strings[0];
    char *text = text_of("/etc/passwd"), *rest = text, *line, *fields[6];
    while ((line = next_line(&rest)) != NULL) {
        uint64_t id;
        if (!split(line, fields, 6)) continue;
        bool is_it = name[0] != 0 ? strcmp(fields[0], name) == 0 : read_id(fields[2], &id) && id == op->numbers[0];
        if (!is_it) continue;
        if (fields[5][0] != 0 && strlen(fields[5]) < PATH_MAX) boot->home = variable("HOME", fields[5]);
        name = fields[0];
        break;
    }
    if (op->numbers[1] != 0 && name[0] != 0) take_groups(boot, name);
    free(text); // the name may be part of it
    struct utsname host;
    if (syscall(SYS_uname, &host) == 0) boot->hostname = variable("HOSTNAME", host.nodename);
    return 0;
}
