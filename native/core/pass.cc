#include "pass.h"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace {

union Rights {
    cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

} // namespace

bool pass_result(int socket, int result) {
    int error = result < 0 ? result : 0;
    iovec part = {&error, sizeof error};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    Rights rights = {};
    if (result >= 0) {
        message.msg_control = rights.bytes;
        message.msg_controllen = sizeof rights.bytes;
        cmsghdr *right = CMSG_FIRSTHDR(&message);
        right->cmsg_level = SOL_SOCKET;
        right->cmsg_type = SCM_RIGHTS;
        right->cmsg_len = CMSG_LEN(sizeof result);
        memcpy(CMSG_DATA(right), &result, sizeof result);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) == sizeof error;
}

int receive_result(int socket, int timeout_ms) {
    pollfd readable = {socket, POLLIN, 0};
    int ready;
    do ready = poll(&readable, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0) return ready < 0 ? -errno : -ETIMEDOUT;
    int error;
    iovec part = {&error, sizeof error};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    Rights rights = {};
    message.msg_control = rights.bytes;
    message.msg_controllen = sizeof rights.bytes;
    ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (n != sizeof error) return n < 0 ? -errno : -EPIPE;
    cmsghdr *right = CMSG_FIRSTHDR(&message);
    if (right == nullptr || right->cmsg_type != SCM_RIGHTS) return error < 0 ? error : -EPROTO;
    int fd;
    memcpy(&fd, CMSG_DATA(right), sizeof fd);
    return fd;
}
