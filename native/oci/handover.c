#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "wire.h"

#define BESIDE_BYTES (sizeof ".2147483647" - 1) // of the name beside a pid file

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

// Ends the program where a path is too long for a socket.
static void check_socket(const struct command *command, const char *name) {
    const char *path = option(command, name);
    if (path != NULL && strlen(path) > MAX_SOCKET_PATH)
        fail("--%s %s: the path of a socket has at most %d bytes", name, path, MAX_SOCKET_PATH);
}

void check_receivers(const struct command *command) {
    const char *pid_file = option(command, "pid-file");
    check_socket(command, "console-socket");
    check_socket(command, "pidfd-socket");
    if (pid_file == NULL) return;
    const char *slash = strrchr(pid_file, '/');
    size_t length = strlen(pid_file), name = slash == NULL ? length : strlen(slash + 1);
    if (length >= PATH_MAX - BESIDE_BYTES || name > NAME_MAX - BESIDE_BYTES)
        fail("--pid-file %s: the path has at most %zu bytes, the name of the file %zu", pid_file,
             PATH_MAX - 1 - BESIDE_BYTES, NAME_MAX - BESIDE_BYTES);
}

void prepare_pid_file(const char *path, pid_t pid) {
    pid_place = path;
    snprintf(pid_beside, sizeof pid_beside, "%s.%d", path, getpid()); // check_receivers() sees to the room
    atexit(remove_beside);
    remove_at_signals();
    int error = write_beside(pid);
    if (error < 0) fail("cannot write the pid file %s: %s", path, reason(-error));
}

int place_pid_file(void) {
    if (pid_place == NULL) return 0;
    if (rename(pid_beside, pid_place) < 0) return -errno;
    pid_beside[0] = 0;
    return 0;
}

// Whose listening socket a connection leads to. Where others may write to its directory, it may have become theirs.
static uid_t listener_of(int connection) {
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof peer;
    getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    return peer.uid;
}

// Sends a descriptor and a word to a socket. @param what its words for errors
static void hand_over(const char *path, const char *what, const char *word, int fd) {
    int receiver = connect_to(path, strlen(path), RECEIVER_MS);
    if (receiver < 0) fail("cannot connect to the %s socket %s: %s", what, path, reason(-receiver));
    if (listener_of(receiver) != geteuid())
        fail("the %s socket %s is that of another user, whose id is %u", what, path, listener_of(receiver));
    int error = send_within(receiver, word, strlen(word), &fd, 1, RECEIVER_MS);
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
