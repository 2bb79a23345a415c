#include "keeper_link.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "../core/keeper_protocol.h"
#include "../core/pidfd.h"

namespace {

using Kept = std::map<std::string, std::shared_ptr<Container>>;

constexpr timeval kPatience = {3, 0}; // it answers from memory; one that does not is stopped or hangs
constexpr int kPatienceLooks = 3;
constexpr int kPatienceMs = 3000;
constexpr int kRoomBytes = 8 << 20; // some ten thousand changes

Fd open_peer(const Fd &socket) {
    ucred peer = {};
    socklen_t size = sizeof peer;
    if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid <= 0) return Fd();
    return open_pidfd(peer.pid);
}

// Without CAP_NET_ADMIN there is as much room as the host lets everybody have.
void make_room(const Fd &socket) {
    int bytes = kRoomBytes;
    if (setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        (void)setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

int connect_to(const std::string &path, Fd *connected) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, path.c_str(), path.size());
    Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!fd.valid() || setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) < 0 ||
        setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience) < 0 ||
        connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) < 0)
        return -errno;
    *connected = std::move(fd);
    return 0;
}

int receive_all(const Fd &socket, Kept *kept, Fd *held) {
    int error = send_message(socket.get(), Word::kList, {});
    while (error == 0) {
        Message message;
        error = receive_message(socket.get(), &message);
        if (error < 0) return error;
        if (message.word == Word::kEnd) return 0;
        if (message.word == Word::kHold) {
            *held = std::move(message.control);
            continue;
        }
        auto container = std::make_shared<Container>();
        container->life = message.life;
        container->pidfd = std::move(message.pidfd);
        container->control = std::move(message.control);
        container->terminal = std::move(message.terminal);
        (*kept)[message.life.id] = std::move(container);
    }
    return error;
}

} // namespace

int KeeperLink::connect(const std::string &path) {
    Fd fd;
    int error = connect_to(path, &fd);
    if (error < 0) return error;
    Fd pidfd = open_peer(fd); // it is the keeper's: that holds the socket, as its answer or its silence shows
    Kept kept;
    Fd held;
    error = receive_all(fd, &kept, &held);
    // One that hangs, or is of another version, must not keep what the next one is told of.
    if (error == -EAGAIN || error == -EPROTO) signal_process(pidfd, SIGKILL);
    if (error == 0 && fcntl(fd.get(), F_SETFL, O_NONBLOCK) < 0) error = -errno;
    if (error < 0) return error;
    make_room(fd);

    std::lock_guard<std::mutex> lock(mutex_);
    socket_ = std::move(fd);
    pidfd_ = std::move(pidfd);
    unanswered_ = 0;
    known_.clear();
    kept_ = std::move(kept);
    held_ = std::move(held);
    if (listening_.valid()) tell_listening();
    for (const auto &[id, container] : kept_) known_[id] = container->life.pid;
    return 0;
}

bool KeeperLink::alive() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!socket_.valid()) return false;
    Message answer;
    int error;
    while ((error = receive_message(socket_.get(), &answer)) == 0) unanswered_ = 0;
    bool keeps_up = error == -EAGAIN && unanswered_ < kPatienceLooks;
    if (!keeps_up || send_message(socket_.get(), Word::kAsk, {}) < 0) give_up();
    unanswered_++;
    return socket_.valid();
}

void KeeperLink::wait_for_room() {
    Fd copy;
    {
        std::lock_guard<std::mutex> lock(mutex_);
        if (socket_.valid()) copy.reset(fcntl(socket_.get(), F_DUPFD_CLOEXEC, 3));
    }
    pollfd room = {copy.get(), POLLOUT, 0};
    if (copy.valid()) (void)poll(&room, 1, kPatienceMs); // where there is none, the next word gives it up
}

void KeeperLink::give_up() {
    signal_process(pidfd_, SIGKILL);
    socket_.reset();
    pidfd_.reset();
}

std::vector<Life> KeeperLink::unclaimed() {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<Life> lives;
    for (const auto &[id, container] : kept_) lives.push_back(container->life);
    return lives;
}

std::shared_ptr<Container> KeeperLink::claim(const std::string &id, pid_t pid) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = kept_.find(id);
    if (found == kept_.end() || (pid > 0 && found->second->life.pid != pid)) return nullptr;
    auto container = std::move(found->second);
    kept_.erase(found);
    return container;
}

void KeeperLink::put(const Container &container) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!socket_.valid()) return;
    pid_t &known = known_[container.life.id];
    kept_.erase(container.life.id); // it has been adopted, or was never left
    bool is_new = known != container.life.pid;
    known = container.life.pid;
    int error = is_new ? send_message(socket_.get(), Word::kPut, container.life, container.pidfd.get(),
                                      container.group.dir(), container.control.get(), container.terminal.get())
                       : send_message(socket_.get(), Word::kPut, container.life);
    if (error < 0) give_up();
}

void KeeperLink::drop(const std::string &id) {
    std::lock_guard<std::mutex> lock(mutex_);
    kept_.erase(id);
    tell_drop(id);
}

void KeeperLink::disclaim(const std::string &id) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (kept_.erase(id) > 0) tell_drop(id);
}

void KeeperLink::hold(int listening) {
    std::lock_guard<std::mutex> lock(mutex_);
    listening_.reset(listening < 0 ? -1 : fcntl(listening, F_DUPFD_CLOEXEC, 3));
    tell_listening();
}

Fd KeeperLink::held() {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::move(held_);
}

void KeeperLink::tell_listening() {
    if (!socket_.valid()) return;
    if (send_message(socket_.get(), Word::kHold, {}, -1, -1, listening_.get()) < 0) give_up();
}

void KeeperLink::tell_drop(const std::string &id) {
    if (!socket_.valid() || known_.erase(id) == 0) return;
    Life life;
    memcpy(life.id, id.c_str(), std::min(id.size(), kIdBytes - 1));
    if (send_message(socket_.get(), Word::kDrop, life) < 0) give_up();
}
