#include "frame_server.h"

#include <cerrno>
#include <cstring>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace {

// The head of a frame, in the byte order of the machine; native/oci/wire.h has the same.
struct Head {
    uint32_t kind;
    uint32_t bytes; // of the body that follows
};

constexpr size_t kMaxBody = 8 << 20;
constexpr size_t kPieceBytes = 64 * 1024;
constexpr size_t kMaxDescriptors = 32; // of one frame, as in native/oci/wire.h
constexpr uint64_t kListeningKey = 0;

union Rights {
    cmsghdr header;
    char bytes[CMSG_SPACE(kMaxDescriptors * sizeof(int))];
};

bool is_root(const Fd &socket) {
    ucred peer = {};
    socklen_t size = sizeof peer;
    return getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

void take_descriptors(const msghdr &message, std::vector<Fd> *descriptors) {
    for (cmsghdr *right = CMSG_FIRSTHDR(&message); right != nullptr;
         right = CMSG_NXTHDR(const_cast<msghdr *>(&message), right)) {
        if (right->cmsg_level != SOL_SOCKET || right->cmsg_type != SCM_RIGHTS) continue;
        for (size_t i = 0; i < (right->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(right) + i * sizeof fd, sizeof fd);
            descriptors->emplace_back(fd);
        }
    }
}

// Fills in the descriptors of a message.
void put_descriptors(const std::vector<Fd> &descriptors, Rights *rights, msghdr *message) {
    if (descriptors.empty()) return;
    size_t bytes = descriptors.size() * sizeof(int);
    message->msg_control = rights->bytes;
    message->msg_controllen = CMSG_SPACE(bytes);
    cmsghdr *right = CMSG_FIRSTHDR(message);
    right->cmsg_level = SOL_SOCKET;
    right->cmsg_type = SCM_RIGHTS;
    right->cmsg_len = CMSG_LEN(bytes);
    for (size_t i = 0; i < descriptors.size(); i++) {
        int fd = descriptors[i].get();
        memcpy(CMSG_DATA(right) + i * sizeof fd, &fd, sizeof fd);
    }
}

void refuse(Fd) {} // its end is the end of the connection

bool would_block(int error) {
    return error == EAGAIN || error == EINTR;
}

} // namespace

int FrameServer::start() {
    return loop_.start([this](uint64_t key, uint32_t events) {
        std::lock_guard<std::mutex> lock(mutex_);
        if (key == kListeningKey)
            accept_all();
        else
            on_ready(static_cast<uint32_t>(key), events);
    });
}

FrameServer::~FrameServer() {
    loop_.stop();
}

void FrameServer::open(Fd listening, OnEvent on_event) {
    auto socket = std::make_shared<Fd>(std::move(listening));
    loop_.send([this, socket, on_event = std::move(on_event)] {
        std::lock_guard<std::mutex> lock(mutex_);
        listening_ = std::move(*socket);
        spare_.take();
        on_event_ = on_event;
        loop_.control(EPOLL_CTL_ADD, listening_.get(), kListeningKey, EPOLLIN);
    });
}

void FrameServer::send(uint32_t connection, uint32_t kind, std::vector<uint8_t> body, std::vector<Fd> descriptors) {
    Outgoing frame;
    Head head = {kind, static_cast<uint32_t>(body.size())};
    frame.bytes.resize(sizeof head + body.size());
    memcpy(frame.bytes.data(), &head, sizeof head);
    if (!body.empty()) memcpy(frame.bytes.data() + sizeof head, body.data(), body.size());
    frame.descriptors = std::move(descriptors);
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = connections_.find(connection);
    if (found == connections_.end()) return;
    Connection &to = found->second;
    to.outgoing.push_back(std::move(frame));
    if (!to.waits_for_room && !send_waiting(connection, to)) drop(connection);
}

void FrameServer::close() {
    loop_.send([this] {
        std::lock_guard<std::mutex> lock(mutex_);
        listening_.reset();
        spare_.reset();
        while (!connections_.empty()) drop(connections_.begin()->first);
    });
}

void FrameServer::accept_all() {
    for (;;) {
        Fd socket = spare_.accept(listening_, refuse);
        if (!socket.valid()) return;
        if (!is_root(socket)) continue;
        uint32_t name = ++last_name_;
        if (!loop_.control(EPOLL_CTL_ADD, socket.get(), name, EPOLLIN)) continue;
        connections_[name].socket = std::move(socket);
    }
}

void FrameServer::on_ready(uint32_t name, uint32_t events) {
    auto found = connections_.find(name);
    if (found == connections_.end()) return;
    Connection &connection = found->second;
    bool lives = (events & EPOLLOUT) == 0 || send_waiting(name, connection);
    if (lives && (events & ~static_cast<uint32_t>(EPOLLOUT)) != 0)
        lives = receive(connection) && take_frames(name, connection);
    if (!lives) drop(name);
}

// Reads once. Gives false at the end of the connection.
bool FrameServer::receive(Connection &connection) {
    size_t before = connection.received.size();
    connection.received.resize(before + kPieceBytes);
    iovec part = {connection.received.data() + before, kPieceBytes};
    Rights rights;
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = rights.bytes;
    message.msg_controllen = sizeof rights.bytes;
    ssize_t n = recvmsg(connection.socket.get(), &message, MSG_CMSG_CLOEXEC);
    int error = n < 0 ? errno : 0;
    connection.received.resize(before + static_cast<size_t>(n > 0 ? n : 0));
    if (n < 0) return would_block(error);
    take_descriptors(message, &connection.descriptors);
    return n > 0 && connection.descriptors.size() <= kMaxDescriptors && (message.msg_flags & MSG_CTRUNC) == 0;
}

// Tells of each whole frame. Descriptors come with the first byte of their frame, and the peer sends the next frame
// only after an answer: so all descriptors that are there belong to the frame. Gives false for a frame that is too
// long.
bool FrameServer::take_frames(uint32_t name, Connection &connection) {
    std::vector<uint8_t> &received = connection.received;
    Head head;
    while (received.size() >= sizeof head) {
        memcpy(&head, received.data(), sizeof head);
        if (head.bytes > kMaxBody) return false;
        auto end = static_cast<ptrdiff_t>(sizeof head + head.bytes);
        if (received.size() < static_cast<size_t>(end)) return true;
        auto event = std::make_unique<FrameEvent>();
        event->connection = name;
        event->kind = head.kind;
        event->body.assign(received.begin() + sizeof head, received.begin() + end);
        event->descriptors = std::move(connection.descriptors);
        connection.descriptors.clear();
        received.erase(received.begin(), received.begin() + end);
        on_event_(std::move(event));
    }
    return true;
}

// Sends as much as the socket takes, and waits for room for the rest. Gives false if the peer has gone.
bool FrameServer::send_waiting(uint32_t name, Connection &connection) {
    while (!connection.outgoing.empty()) {
        Outgoing &frame = connection.outgoing.front();
        iovec part = {frame.bytes.data() + frame.sent, frame.bytes.size() - frame.sent};
        msghdr message = {};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        Rights rights = {};
        put_descriptors(frame.descriptors, &rights, &message);
        ssize_t n = sendmsg(connection.socket.get(), &message, MSG_NOSIGNAL);
        if (n < 0 && !would_block(errno)) return false;
        if (n < 0) break;
        frame.descriptors.clear();
        frame.sent += static_cast<size_t>(n);
        if (frame.sent == frame.bytes.size()) connection.outgoing.erase(connection.outgoing.begin());
    }
    bool waits = !connection.outgoing.empty();
    if (waits == connection.waits_for_room) return true;
    connection.waits_for_room = waits;
    return loop_.control(EPOLL_CTL_MOD, connection.socket.get(), name, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void FrameServer::drop(uint32_t name) {
    connections_.erase(name);
    if (!on_event_) return;
    auto event = std::make_unique<FrameEvent>();
    event->connection = name;
    event->closed = true;
    on_event_(std::move(event));
}
