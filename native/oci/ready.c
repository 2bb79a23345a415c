#include "ready.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "wire.h"

#define MOST_BYTES 4096
#define BARRIER_MS 30000

const char *manager(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL || *path == 0) return NULL;
    if (strlen(path) > MAX_SOCKET_PATH)
        fail("NOTIFY_SOCKET %s: the path of a socket has at most %d bytes", path, MAX_SOCKET_PATH);
    return path;
}

// Fills in the address of a path, or of @ and an abstract name. Gives its length.
static socklen_t address_of(struct text path, struct sockaddr_un *address) {
    if (path.length > MAX_SOCKET_PATH)
        fail("the path of the notify socket is too long: %.*s", (int)path.length, path.bytes);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path.bytes, path.length);
    if (*path.bytes == '@') address->sun_path[0] = 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.length);
}

struct readiness listen_for_ready(pid_t pid, struct text path) {
    struct readiness ready = {.pid = pid};
    struct sockaddr_un address;
    socklen_t length = address_of(path, &address);
    unlink(address.sun_path); // of a command that was ended before it had started the container
    ready.pidfd = (int)syscall(SYS_pidfd_open, ready.pid, 0);
    ready.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    mode_t before = umask(0111); // any user of the container may send
    if (ready.pidfd < 0 || ready.socket < 0 || bind(ready.socket, (struct sockaddr *)&address, length) < 0)
        fail("cannot listen for the container on %s: %s", address.sun_path, reason(errno));
    umask(before);
    return ready;
}

// Sends a text, and waits until the manager has taken it: when this program has ended, it is in no group.
static int send_and_wait(int socket, const char *text) {
    int barrier[2];
    if (send(socket, text, strlen(text), MSG_NOSIGNAL) < 0 || pipe2(barrier, O_CLOEXEC) < 0) return -errno;
    int error = send_whole(socket, "BARRIER=1", strlen("BARRIER=1"), &barrier[1], 1);
    close(barrier[1]);
    struct pollfd taken = {.fd = barrier[0]};
    if (error == 0) poll(&taken, 1, BARRIER_MS);
    close(barrier[0]);
    return error;
}

static void tell_manager(pid_t pid) {
    char text[64] = "READY=1";
    if (pid > 0) snprintf(text, sizeof text, "MAINPID=%d\nREADY=1", pid);
    struct sockaddr_un address;
    socklen_t length = address_of((struct text){manager(), strlen(manager())}, &address);
    int to = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = to < 0 || connect(to, (struct sockaddr *)&address, length) < 0 ? -errno : send_and_wait(to, text);
    if (to >= 0) close(to);
    if (error == 0) return;
    char warning[256];
    snprintf(warning, sizeof warning, "cannot tell %s that the container is ready: %s", manager(), reason(-error));
    warn(warning);
}

// Takes one message. Descriptors that come with it are closed.
static bool says_ready(int socket) {
    char text[MOST_BYTES + 1], *rest;
    ssize_t n = recv(socket, text, MOST_BYTES, MSG_DONTWAIT);
    if (n < 0) return false;
    text[n] = 0;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        if (strcmp(line, "READY=1") == 0) return true;
    return false;
}

void take_word(struct readiness *ready) {
    if (!says_ready(ready->socket)) return;
    close(ready->socket);
    ready->socket = -1;
    tell_manager(ready->pid);
}

void await_ready(struct readiness *ready) {
    struct pollfd events[] = {{.fd = ready->socket, .events = POLLIN}, {.fd = ready->pidfd, .events = POLLIN}};
    while (ready->socket >= 0) {
        int count = poll(events, 2, -1);
        if (count < 0 && errno != EINTR) fail("cannot wait for the container: %s", reason(errno));
        if (count > 0 && events[0].revents != 0)
            take_word(ready);
        else if (count > 0)
            return;
    }
}
