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

// Sends a descriptor and a word to a socket. @param what its words for errors
static void hand_over(const char *path, const char *what, const char *word, int fd) {
    int receiver = connect_to(path, strlen(path));
    if (receiver < 0) fail("cannot connect to the %s socket %s: %s", what, path, reason(-receiver));
    int error = send_whole(receiver, word, strlen(word), &fd, 1);
    if (error < 0) fail("cannot send to the %s socket %s: %s", what, path, reason(-error));
    close(receiver);
}

void hand_over_terminal(const char *path, int terminal) {
    hand_over(path, "console", "/dev/ptmx", terminal);
}

// The words are those of runc.
void hand_over_pidfd(const char *path, int pidfd, bool is_first) {
    hand_over(path, "pidfd", is_first ? "standard" : "setns", pidfd);
}
