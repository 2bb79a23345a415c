// Listens on the Unix socket SOCKET, and treats who connects as MODE says; writes "ready: worked" when it does. `full`
// takes no connection, and its queue is full; `mute` takes connections, and reads nothing; `closes` closes each at
// once; `take` reads one message of each, and tells whether a descriptor came with it.
#include <sys/socket.h>
#include <sys/un.h>

#include "report.h"

static void fill_queue(const struct sockaddr_un *address) {
    for (;;) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) < 0) return;
    }
}

static void take(int connection) {
    char bytes[65536];
    struct iovec part = {bytes, sizeof bytes};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } rights;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.bytes, .msg_controllen = sizeof rights.bytes};
    ssize_t n = recvmsg(connection, &message, 0);
    struct cmsghdr *right = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    printf("a descriptor: %s\n", right != NULL && right->cmsg_type == SCM_RIGHTS ? "worked" : "none");
    fflush(stdout);
    close(connection);
}

int main(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 3) return 2;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    int listening = socket(AF_UNIX, SOCK_STREAM, 0), is_full = strcmp(argv[2], "full") == 0;
    if (bind(listening, (struct sockaddr *)&address, sizeof address) < 0 || listen(listening, is_full ? 0 : 8) < 0)
        return 1;
    if (is_full) fill_queue(&address);
    tried("ready", 0);
    for (;;) {
        if (is_full) pause();
        int connection = accept(listening, NULL, NULL);
        if (strcmp(argv[2], "closes") == 0) close(connection);
        if (strcmp(argv[2], "take") == 0) take(connection);
    }
}
