#include "agent.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "wire.h"

#define LISTENER_LINK "anon_inode:seccomp notify"

// A process of the container may speak in the name of one that it traces: the agent gets nothing else than a listener.
static bool is_listener(int fd) {
    char path[48], link[sizeof LISTENER_LINK];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return readlink(path, link, sizeof link) == sizeof LISTENER_LINK - 1 &&
           memcmp(link, LISTENER_LINK, sizeof LISTENER_LINK - 1) == 0;
}

// Takes the listener. Gives its descriptor, or -1 where the process does not get one.
static int take_listener(int pidfd, int number, int control) {
    struct pollfd word = {.fd = control, .events = POLLIN};
    int listener = -1;
    for (bool told = false; listener < 0 && !told;) {
        told = poll(&word, 1, 1) != 0;
        listener = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
        if (listener < 0 && errno != EBADF) return -1;
    }
    if (listener < 0 || is_listener(listener)) return listener;
    close(listener);
    return -1;
}

// Adds the state of the container process. niwad does not know the pid: a NUL stands for it.
static void add_state(struct buffer *text, struct text state, pid_t pid) {
    char digits[16];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%d", pid);
    for (const char *at = state.bytes, *end = at + state.length; at < end;) {
        const char *next = memchr(at, 0, (size_t)(end - at));
        buffer_add(text, at, (size_t)((next == NULL ? end : next) - at));
        if (next != NULL) buffer_add(text, digits, length);
        at = next == NULL ? end : next + 1;
    }
}

static int connect_agent(struct text path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path.length >= sizeof address.sun_path) fail("the path of the seccomp agent is too long");
    memcpy(address.sun_path, path.bytes, path.length);
    int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (agent < 0 || connect(agent, (struct sockaddr *)&address, sizeof address) < 0)
        fail("failed to connect with seccomp agent %s: %s", address.sun_path, reason(errno));
    return agent;
}

void give_listener(const struct order *order, int pidfd, pid_t pid, int number, int control) {
    int listener = take_listener(pidfd, number, control);
    if (listener < 0) return;
    int agent = connect_agent(order->agent);
    struct buffer text = {0};
    add_state(&text, order->agent_state, pid);
    int error = send_whole(agent, &text, &listener, 1);
    if (error < 0)
        fail("failed to send to seccomp agent %.*s: %s", (int)order->agent.length, order->agent.bytes, reason(-error));
    free(text.bytes);
    close(listener);
    close(agent);
}
