#include "keeper_protocol.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace {

constexpr int kMaxFds = 4;

// The bytes of a message; `fds` has a bit for each descriptor that goes with them, in the order of Message.
struct Wire {
    uint32_t version;
    MessageType type;
    uint32_t fds;
    Life life;
};

union ControlBuffer {
    cmsghdr header;
    char bytes[CMSG_SPACE(kMaxFds * sizeof(int))];
};

} // namespace

int send_message(int socket, MessageType type, const Life &life, int pidfd, int group, int control, int terminal) {
    Wire wire = {kProtocolVersion, type, 0, life};
    int fds[kMaxFds], count = 0;
    const int given[kMaxFds] = {pidfd, group, control, terminal};
    for (int i = 0; i < kMaxFds; i++) {
        if (given[i] < 0) continue;
        wire.fds |= 1u << i;
        fds[count++] = given[i];
    }
    iovec part = {&wire, sizeof wire};
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    ControlBuffer rights = {};
    if (count > 0) {
        header.msg_control = rights.bytes;
        header.msg_controllen = CMSG_SPACE(static_cast<size_t>(count) * sizeof(int));
        cmsghdr *right = CMSG_FIRSTHDR(&header);
        right->cmsg_level = SOL_SOCKET;
        right->cmsg_type = SCM_RIGHTS;
        right->cmsg_len = CMSG_LEN(static_cast<size_t>(count) * sizeof(int));
        memcpy(CMSG_DATA(right), fds, static_cast<size_t>(count) * sizeof(int));
    }
    ssize_t n;
    do n = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int receive_message(int socket, Message *message) {
    Wire wire;
    iovec part = {&wire, sizeof wire};
    ControlBuffer rights = {};
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = rights.bytes;
    header.msg_controllen = sizeof rights.bytes;
    ssize_t n;
    do n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;

    int fds[kMaxFds] = {-1, -1, -1, -1};
    size_t count = 0;
    cmsghdr *right = CMSG_FIRSTHDR(&header);
    if (right != nullptr && right->cmsg_level == SOL_SOCKET && right->cmsg_type == SCM_RIGHTS) {
        count = (right->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(right), count * sizeof(int));
    }
    Fd passed[kMaxFds] = {Fd(fds[0]), Fd(fds[1]), Fd(fds[2]), Fd(fds[3])};
    if (n == 0) return -EPIPE;
    if (n != sizeof wire || wire.version != kProtocolVersion) return -EPROTO;
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return -EBADMSG;
    if (static_cast<size_t>(__builtin_popcount(wire.fds)) != count) return -EBADMSG;

    wire.life.id[kIdBytes - 1] = 0;
    message->type = wire.type;
    message->life = wire.life;
    Fd *targets[kMaxFds] = {&message->pidfd, &message->group, &message->control, &message->terminal};
    for (int i = 0, next = 0; i < kMaxFds; i++)
        *targets[i] = (wire.fds >> i & 1) != 0 ? std::move(passed[next++]) : Fd();
    return 0;
}
