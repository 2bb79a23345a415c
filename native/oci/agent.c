#include "agent.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
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

int take_listener(int pidfd, int number) {
    int listener = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
    if (listener < 0) return -errno;
    if (is_listener(listener)) return listener;
    close(listener);
    return -EINVAL;
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

void give_listener(const struct order *order, pid_t pid, int listener) {
    int length = (int)order->agent.length;
    const char *path = order->agent.bytes;
    int agent = connect_to(path, order->agent.length, RECEIVER_MS);
    if (agent < 0) fail("failed to connect with seccomp agent %.*s: %s", length, path, reason(-agent));
    struct buffer text = {0};
    add_state(&text, order->agent_state, pid);
    int error = send_within(agent, text.bytes, text.length, &listener, 1, RECEIVER_MS);
    if (error < 0) fail("failed to send to seccomp agent %.*s: %s", length, path, reason(-error));
    free(text.bytes);
    close(listener);
    close(agent);
}
