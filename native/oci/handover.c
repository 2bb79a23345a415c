#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "wire.h"

// Writes beside the file and renames: whoever waits for the file never sees a part of it.
int write_pid(const char *path, pid_t pid) {
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof beside, "%s.%d", path, getpid()) >= (int)sizeof beside) return -ENAMETOOLONG;
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return -errno;
    bool is_written = dprintf(fd, "%d", pid) > 0 && close(fd) == 0 && rename(beside, path) == 0;
    int error = is_written ? 0 : -errno;
    if (!is_written) unlink(beside);
    return error;
}

void hand_over_terminal(const char *path, int terminal) {
    static const char name[] = "/dev/ptmx";
    int console = connect_to(path, strlen(path));
    if (console < 0) fail("cannot connect to the console socket %s: %s", path, reason(-console));
    int error = send_whole(console, name, sizeof name - 1, &terminal, 1);
    if (error < 0) fail("cannot send the terminal to %s: %s", path, reason(-error));
    close(console);
}
