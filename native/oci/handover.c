#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "wire.h"

static const char *pid_place;
static char pid_beside[PATH_MAX]; // "" where nothing is there

static void remove_beside(void) {
    if (pid_beside[0] != 0) unlink(pid_beside);
}

static void end_by(int signal_number) {
    remove_beside();
    raise(signal_number); // its action is the default again: it ends the program
}

// Signals that end this program leave no file beside the place, either. Those that are ignored stay so.
static void remove_at_signals(void) {
    static const int ending[] = {SIGHUP, SIGINT, SIGTERM};
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        struct sigaction now, wanted = {.sa_handler = end_by, .sa_flags = (int)SA_RESETHAND};
        if (sigaction(ending[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL) sigaction(ending[i], &wanted, NULL);
    }
}

// Gives 0 or a negative errno. The file is a new one: in a directory of others, a link with its name could lead to a
// file of the host.
static int write_beside(pid_t pid) {
    struct stat there;
    if (stat(pid_place, &there) == 0 && S_ISDIR(there.st_mode)) return -EISDIR;
    unlink(pid_beside); // of a command that was killed
    int fd = open(pid_beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return -errno;
    return dprintf(fd, "%d", pid) > 0 && close(fd) == 0 ? 0 : -errno;
}

void prepare_pid_file(const char *path, pid_t pid) {
    pid_place = path;
    bool has_room = snprintf(pid_beside, sizeof pid_beside, "%s.%d", path, getpid()) < (int)sizeof pid_beside;
    atexit(remove_beside);
    remove_at_signals();
    int error = has_room ? write_beside(pid) : -ENAMETOOLONG;
    if (error < 0) fail("cannot write the pid file %s: %s", path, reason(-error));
}

int place_pid_file(void) {
    if (pid_place == NULL) return 0;
    if (rename(pid_beside, pid_place) < 0) return -errno;
    pid_beside[0] = 0;
    return 0;
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
