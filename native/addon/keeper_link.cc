#include "keeper_link.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "../keeper/protocol.h"
#include "pidfd.h"

namespace {

// It answers from memory; one that does not is stopped or hangs. The monitor may not wait for it.
constexpr timeval kPatience = {3, 0};
constexpr timeval kShortPatience = {0, 500'000};

// One that hangs, or is of another version, must not keep what the next one is told of.
void kill_keeper(int socket) {
    ucred peer = {};
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid <= 0) return;
    Fd pidfd = open_pidfd(peer.pid);
    signal_process(pidfd, SIGKILL);
}

} // namespace

int KeeperLink::connect(const std::string &path) {
    std::lock_guard<std::mutex> lock(mutex_);
    socket_.reset();
    known_.clear();
    kept_.clear();
    Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, path.c_str(), path.size());
    if (!fd.valid() || setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) < 0 ||
        setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kShortPatience, sizeof kShortPatience) < 0 ||
        ::connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) < 0)
        return -errno;
    int error = receive_all(fd.get());
    if (error == -EAGAIN || error == -EPROTO) kill_keeper(fd.get());
    if (error == 0) socket_ = std::move(fd);
    return error;
}

int KeeperLink::receive_all(int socket) {
    int error = send_message(socket, Word::kList, {});
    while (error == 0) {
        Message message;
        error = receive_message(socket, &message);
        if (error < 0) return error;
        if (message.word == Word::kEnd) return 0;
        auto container = std::make_shared<Container>();
        container->life = message.life;
        container->pidfd = std::move(message.pidfd);
        container->control = std::move(message.control);
        container->terminal = std::move(message.terminal);
        known_[message.life.id] = message.life.pid;
        kept_[message.life.id] = std::move(container);
    }
    return error;
}

bool KeeperLink::alive() {
    std::lock_guard<std::mutex> lock(mutex_);
    pollfd state = {socket_.get(), 0, 0};
    return socket_.valid() && poll(&state, 1, 0) == 0;
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
    if (error < 0) socket_.reset();
}

void KeeperLink::drop(const std::string &id) {
    std::lock_guard<std::mutex> lock(mutex_);
    kept_.erase(id);
    if (!socket_.valid() || known_.erase(id) == 0) return;
    Life life;
    memcpy(life.id, id.c_str(), std::min(id.size(), kIdBytes - 1));
    if (send_message(socket_.get(), Word::kDrop, life) < 0) socket_.reset();
}
