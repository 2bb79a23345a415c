// seccomp-agent SOCKET CALL: answers the system calls of the processes whose listeners it gets on a socket, see
// seccomp_unotify(2). It writes each container process state that it gets as a line, and "asked" for each call. The
// call of the number CALL fails by ENOMEDIUM, all others go on.
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// Receives the state of a process and its listener, and writes the state.
static int receive_listener(int connection) {
    char text[65536];
    struct iovec part = {text, sizeof text - 1};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } rights;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.bytes, .msg_controllen = sizeof rights.bytes};
    ssize_t n = recvmsg(connection, &message, 0);
    struct cmsghdr *right = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    int listener = -1;
    if (right != NULL && right->cmsg_type == SCM_RIGHTS) memcpy(&listener, CMSG_DATA(right), sizeof listener);
    if (n < 0) n = 0;
    while (n < (ssize_t)sizeof text - 1) {
        ssize_t more = read(connection, text + n, sizeof text - 1 - (size_t)n);
        if (more <= 0) break;
        n += more;
    }
    text[n] = 0;
    printf("%s\n", text);
    fflush(stdout);
    return listener;
}

static void answer(int listener, int failing) {
    struct seccomp_notif asked = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0) return;
    printf("asked\n");
    fflush(stdout);
    struct seccomp_notif_resp reply = {.id = asked.id};
    if (asked.data.nr == failing)
        reply.error = -ENOMEDIUM;
    else
        reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

int main(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 3) return 2;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    int failing = atoi(argv[2]);
    struct pollfd ready[64] = {{.fd = socket(AF_UNIX, SOCK_STREAM, 0), .events = POLLIN}};
    if (bind(ready[0].fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(ready[0].fd, 8) < 0) return 1;
    printf("ready\n");
    fflush(stdout);
    for (nfds_t count = 1;;) {
        if (poll(ready, count, -1) < 0) return 1;
        for (nfds_t i = 1; i < count; i++) {
            if (ready[i].revents & POLLIN) answer(ready[i].fd, failing);
            if (ready[i].revents & POLLHUP) ready[i].fd = -1 - ready[i].fd;
        }
        if (ready[0].revents == 0 || count == 64) continue;
        int connection = accept(ready[0].fd, NULL, NULL);
        ready[count++] = (struct pollfd){.fd = receive_listener(connection), .events = POLLIN};
        close(connection);
    }
}
