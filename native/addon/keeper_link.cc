#include "keeper_link.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "../core/keeper_protocol.h"
#include "../core/pidfd.h"

namespace {

using Kept = std::map<std::string, std::shared_ptr<Container>>;

// The keeper answers from memory. If it has not answered after this time, it is stopped or hangs.
constexpr timeval kAnswerTimeout = {3, 0};
constexpr int kMaxUnanswered = 3;
constexpr int kBufferTimeoutMs = 3000;
constexpr int kBufferBytes = 8 << 20; // some ten thousand messages
constexpr rlim_t kDescriptors = 16384;

Fd open_peer(const Fd &socket) {
    ucred peer = {};
    socklen_t size = sizeof peer;
    if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid <= 0) return Fd();
    return open_pidfd(peer.pid);
}

// Makes the send buffer large. Without CAP_NET_ADMIN it gets no larger than net.core.wmem_max.
void enlarge_buffer(const Fd &socket) {
    int bytes = kBufferBytes;
    if (setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        (void)setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

// Makes the table of descriptors large. It grows by itself to the double, but each time the kernel waits until all
// processors have passed a grace period, since the process has threads, and whoever opens a descriptor waits, too.
void enlarge_table(const Fd &any) {
    rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    Fd highest(fcntl(any.get(), F_DUPFD_CLOEXEC, static_cast<int>(std::min(limit.rlim_cur, kDescriptors)) - 1));
}

int connect_to(const std::string &path, Fd *connected) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, path.c_str(), path.size());
    Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!fd.valid() || setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTimeout, sizeof kAnswerTimeout) < 0 ||
        setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kAnswerTimeout, sizeof kAnswerTimeout) < 0 ||
        connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) < 0)
        return -errno;
    *connected = std::move(fd);
    return 0;
}

// For a message that says only which container it is about.
Life naming(const std::string &id) {
    Life life;
    memcpy(life.id, id.c_str(), std::min(id.size(), kIdBytes - 1));
    return life;
}

// As receive_message(), for a socket that does not wait: waits for the keeper's answer, and gives -ETIMEDOUT where none
// comes.
int await_message(const Fd &socket, Message *message) {
    pollfd answer = {socket.get(), POLLIN, 0};
    int ready;
    do ready = poll(&answer, 1, static_cast<int>(kAnswerTimeout.tv_sec) * 1000);
    while (ready < 0 && errno == EINTR);
    if (ready == 0) return -ETIMEDOUT;
    return ready < 0 ? -errno : receive_message(socket.get(), message);
}

int receive_all(const Fd &socket, Kept *kept, Fd *held) {
    int error = send_message(socket.get(), MessageType::kList, {});
    while (error == 0) {
        Message message;
        error = receive_message(socket.get(), &message);
        if (error < 0) return error;
        if (message.type == MessageType::kDone) return 0;
        if (message.type == MessageType::kListener) {
            *held = std::move(message.control);
            continue;
        }
        if (message.type == MessageType::kInput) { // follows its container
            auto found = kept->find(message.life.id);
            if (found != kept->end()) found->second->input = std::move(message.control);
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
    enlarge_table(fd);        // for all that the keeper has
    Fd pidfd = open_peer(fd); // of the process that listens on the socket, which is the keeper
    Kept kept;
    Fd held;
    error = receive_all(fd, &kept, &held);
    // A keeper that hangs or has another version is replaced. Two keepers would both act on the same containers.
    if (error == -EAGAIN || error == -EPROTO) signal_process(pidfd, SIGKILL);
    if (error == 0 && fcntl(fd.get(), F_SETFL, O_NONBLOCK) < 0) error = -errno;
    if (error < 0) return error;
    enlarge_buffer(fd);

    std::lock_guard<std::mutex> lock(mutex_);
    socket_ = std::move(fd);
    pidfd_ = std::move(pidfd);
    unanswered_ = 0;
    known_.clear();
    kept_ = std::move(kept);
    kept_listener_ = std::move(held);
    if (listener_.valid()) send_listener();
    for (const auto &[id, container] : kept_) known_[id] = container->life.pid;
    return 0;
}

std::map<std::string, Life> KeeperLink::take(const std::vector<std::string> &ids) {
    std::map<std::string, Life> lives;
    Fd copy = copy_of_socket();
    if (ids.empty() || !copy.valid()) return lives;
    int error = 0;
    for (auto id = ids.begin(); error == 0 && id != ids.end(); ++id)
        error = send_message(copy.get(), MessageType::kTake, naming(*id));
    if (error == 0) error = send_message(copy.get(), MessageType::kPing, {});
    Message message;
    while (error == 0 && (error = await_message(copy, &message)) == 0 && message.type == MessageType::kContainer)
        lives[message.life.id] = message.life;
    std::lock_guard<std::mutex> lock(mutex_);
    if (error < 0) give_up();
    return lives;
}

bool KeeperLink::alive() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!socket_.valid()) return false;
    Message answer;
    int error;
    while ((error = receive_message(socket_.get(), &answer)) == 0) unanswered_ = 0;
    bool keeps_up = error == -EAGAIN && unanswered_ < kMaxUnanswered;
    if (!keeps_up || send_message(socket_.get(), MessageType::kPing, {}) < 0) give_up();
    unanswered_++;
    return socket_.valid();
}

Fd KeeperLink::copy_of_socket() {
    std::lock_guard<std::mutex> lock(mutex_);
    return Fd(socket_.valid() ? fcntl(socket_.get(), F_DUPFD_CLOEXEC, 3) : -1);
}

void KeeperLink::wait_for_buffer() {
    Fd copy = copy_of_socket();
    pollfd room = {copy.get(), POLLOUT, 0};
    if (copy.valid()) (void)poll(&room, 1, kBufferTimeoutMs); // if the buffer stays full, the next message fails
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

void KeeperLink::update(const Container &container) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!socket_.valid()) return;
    pid_t &known = known_[container.life.id];
    kept_.erase(container.life.id); // nobody has to claim it any more
    bool is_new = known != container.life.pid;
    known = container.life.pid;
    int error = is_new ? send_message(socket_.get(), MessageType::kUpdate, container.life, container.pidfd.get(),
                                      container.group.dir(), container.control.get(), container.terminal.get())
                       : send_message(socket_.get(), MessageType::kUpdate, container.life);
    if (error == 0 && is_new && container.input.valid())
        error = send_message(socket_.get(), MessageType::kInput, container.life, -1, -1, container.input.get());
    if (error < 0) give_up();
}

void KeeperLink::forget(const std::string &id) {
    std::lock_guard<std::mutex> lock(mutex_);
    kept_.erase(id);
    send_forget(id);
}

Fd KeeperLink::take_input(Container &container) {
    std::lock_guard<std::mutex> lock(mutex_);
    bool tells = container.input.valid() && socket_.valid();
    if (tells && send_message(socket_.get(), MessageType::kInput, container.life) < 0) give_up();
    return std::move(container.input);
}

void KeeperLink::forget_unclaimed(const std::string &id) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (kept_.erase(id) > 0) send_forget(id);
}

void KeeperLink::keep_listener(int listening) {
    std::lock_guard<std::mutex> lock(mutex_);
    listener_.reset(listening < 0 ? -1 : fcntl(listening, F_DUPFD_CLOEXEC, 3));
    send_listener();
}

Fd KeeperLink::take_listener() {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::move(kept_listener_);
}

void KeeperLink::send_listener() {
    if (!socket_.valid()) return;
    if (send_message(socket_.get(), MessageType::kListener, {}, -1, -1, listener_.get()) < 0) give_up();
}

void KeeperLink::send_forget(const std::string &id) {
    if (!socket_.valid() || known_.erase(id) == 0) return;
    if (send_message(socket_.get(), MessageType::kForget, naming(id)) < 0) give_up();
}
