// Sends its standard output to whoever listens on the Unix socket SOCKET, as a careless runtime would.
#include <sys/socket.h>
#include <sys/un.h>

#include "report.h"

int main(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 2) return 2;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), given = STDOUT_FILENO;
    if (tried("connect", connect(fd, (struct sockaddr *)&address, sizeof address)) < 0) return 1;
    struct iovec part = {"x", 1};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } rights = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&rights.header), &given, sizeof given);
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.bytes, .msg_controllen = sizeof rights.bytes};
    return tried("send", sendmsg(fd, &message, 0)) < 0;
}
