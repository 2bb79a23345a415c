// niwa-keeper SOCKET: enforces the lifetimes of containers when niwad cannot.
//
// niwad starts one keeper for its run directory, connects to SOCKET, and reports the life of every container as it
// changes. The keeper runs the same monitor as niwad over what niwad reported.
//
// While niwad has the containers, the keeper is a backstop: half a second after niwad should have sent a stop signal or
// killed a container, the keeper does it. So a niwad that is stopped (SIGSTOP) or hangs makes no lifetime longer than
// that. When the connection has ended, the keeper acts at the deadlines themselves, and notes how containers exit. The
// next niwad takes containers when it has prepared their take-over: for each the keeper acts alone until then.
//
// The keeper also holds open what the kernel would throw away once nobody has it open: the FIFOs with the last output,
// the standard input that no client has taken yet, the terminals, the control sockets of containers that are not
// started yet, and the listening socket of the API. The next niwad connects, gets all of this, and takes over the
// containers.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <memory>
#include <poll.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "../core/clock.h"
#include "../core/keeper_protocol.h"
#include "../core/monitor.h"

namespace {

constexpr int kLookMs = 1000; // how often the keeper checks that the next niwad can still find its socket
constexpr useconds_t kStatusLookUsec = 1000;     // how often the keeper looks whether an exit status has come
constexpr uint64_t kListenerNs = 30'000'000'000; // how long clients of the API wait for the next niwad

struct KeptContainer {
    std::shared_ptr<Container> container;
    Fd stdout_fifo, stderr_fifo;
};

class Keeper {
  public:
    explicit Keeper(Fd containers_dir) : containers_dir_(std::move(containers_dir)) {}

    // Begins the thread of the monitor. Gives 0 or a negative errno.
    int start() { return monitor_.start(); }

    bool is_empty() const { return containers_.empty(); }
    bool has_live_container() { return monitor_.has_live_container(); }
    void act_alone() { monitor_.act_alone(); }

    // Handles the messages of niwad until the connection ends. When niwad has died, messages that it sent before may
    // still be in the queue, and all of them are handled. Before them, the kernel reports once that niwad has not read
    // our last answer (ECONNRESET), and answers cannot be sent any more.
    void serve(const Fd &connection) {
        bool takes = false; // whether niwad has begun to take the containers
        for (int error = 0; error == 0 || error == -ECONNRESET || error == -EPIPE;) {
            Message message;
            error = receive_message(connection.get(), &message);
            if (error == -ECONNRESET) continue;
            if (error < 0) return;
            if (!takes && !is_before_take(message.type)) {
                takes = true;
                if (message.type != MessageType::kTake) take_all(); // an older niwad takes none by name
            }
            if (message.type == MessageType::kUpdate)
                update(std::move(message));
            else if (message.type == MessageType::kForget)
                forget(message.life.id);
            else if (message.type == MessageType::kList)
                error = list(connection.get());
            else if (message.type == MessageType::kTake)
                error = hand_over(connection.get(), message.life.id);
            else if (message.type == MessageType::kPing)
                error = send_message(connection.get(), MessageType::kDone, {});
            else if (message.type == MessageType::kListener)
                listener_ = std::move(message.control);
            else if (message.type == MessageType::kInput)
                keep_input(std::move(message));
        }
    }

    // Closes the socket of the API: clients that wait in its queue, and those that connect later, get ECONNREFUSED.
    void close_listener() { listener_.reset(); }

  private:
    // Whether niwad sends this also while it prepares to take the containers.
    static bool is_before_take(MessageType type) {
        return type == MessageType::kList || type == MessageType::kListener;
    }

    void update(Message message) {
        auto found = containers_.find(message.life.id);
        if (found != containers_.end() && found->second.container->life.pid != message.life.pid) {
            forget(message.life.id); // a new container has the id of an earlier one
            found = containers_.end();
        }
        if (found == containers_.end()) return add(std::move(message));
        monitor_.update(found->second.container->handle, message.life);
        if (message.life.started_ns != 0) found->second.container->control.reset();
    }

    void add(Message message) {
        KeptContainer &one = containers_[message.life.id];
        one.container = std::make_shared<Container>();
        one.container->life = message.life;
        one.container->pidfd = std::move(message.pidfd);
        one.container->group.adopt(std::move(message.group));
        one.container->control = std::move(message.control);
        one.container->terminal = std::move(message.terminal);
        one.stdout_fifo = open_fifo(message.life.id, "stdout");
        one.stderr_fifo = open_fifo(message.life.id, "stderr");
        one.container->handle = ++last_handle_;
        monitor_.add_as_backstop(one.container);
    }

    // When a client has taken the input, nobody else has it open: when the client leaves, or niwad dies, the workload
    // reads the end.
    void keep_input(Message message) {
        auto found = containers_.find(message.life.id);
        if (found != containers_.end()) found->second.container->input = std::move(message.control);
    }

    void forget(const char *id) {
        auto found = containers_.find(id);
        if (found == containers_.end()) return;
        monitor_.release(found->second.container->handle);
        containers_.erase(found);
    }

    int list(int connection) {
        if (listener_.valid()) {
            int error = send_message(connection, MessageType::kListener, {}, -1, -1, listener_.get());
            if (error < 0) return error;
        }
        for (const auto &[id, one] : containers_) {
            Life life = monitor_.life_of(one.container->handle);
            const Container &container = *one.container;
            int error = send_message(connection, MessageType::kContainer, life, container.pidfd.get(), -1,
                                     container.control.get(), container.terminal.get());
            if (error == 0 && container.input.valid())
                error = send_message(connection, MessageType::kInput, life, -1, -1, container.input.get());
            if (error < 0) return error;
        }
        return send_message(connection, MessageType::kDone, {});
    }

    int hand_over(int connection, const char *id) {
        auto found = containers_.find(id);
        if (found == containers_.end()) return 0;
        take(found->second);
        return send_message(connection, MessageType::kContainer, monitor_.life_of(found->second.container->handle));
    }

    void take_all() {
        for (const auto &[id, one] : containers_) take(one);
    }

    void take(const KeptContainer &one) {
        while (!monitor_.become_backstop(one.container->handle)) usleep(kStatusLookUsec);
    }

    Fd open_fifo(const char *id, const char *name) const {
        std::string path = std::string(id) + "/" + name;
        return Fd(openat(containers_dir_.get(), path.c_str(), O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    }

    Fd containers_dir_; // RUN_DIR/containers
    Fd listener_;       // of the API: clients that connect while there is no niwad wait in its queue
    std::map<std::string, KeptContainer> containers_;
    uint32_t last_handle_ = 0;
    Monitor monitor_; // it writes what happens into the lives of the containers
};

// The file of the keeper's own socket.
struct SocketFile {
    const char *path;
    ino_t inode;
};

enum class SocketState { kOurs, kRemoved, kReplaced };

// The next niwad can find this keeper only by the file of its socket. If the file is another socket, then another
// keeper has taken over: niwad has told it of every container.
SocketState state_of(const SocketFile &file) {
    struct stat now;
    if (stat(file.path, &now) < 0) return SocketState::kRemoved;
    return now.st_ino == file.inode ? SocketState::kOurs : SocketState::kReplaced;
}

// Waits for niwad, for a second.
Fd wait_for_niwad(const Fd &listener) {
    pollfd coming = {listener.get(), POLLIN, 0};
    return poll(&coming, 1, kLookMs) > 0 ? Fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)) : Fd();
}

// Waits until the next niwad connects. Gives nothing when the keeper is not needed any more.
Fd wait_for_next(Keeper &keeper, const Fd &listener, const SocketFile &file) {
    const uint64_t left_ns = boottime_ns();
    while (!keeper.is_empty()) {
        if (boottime_ns() - left_ns > kListenerNs) keeper.close_listener();
        Fd connection = wait_for_niwad(listener);
        if (connection.valid()) return connection;
        SocketState state = state_of(file);
        if (state == SocketState::kReplaced || (state == SocketState::kRemoved && !keeper.has_live_container())) break;
    }
    return Fd();
}

Fd listen_at(const char *path) {
    Fd listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    errno = ENAMETOOLONG;
    if (strlen(path) >= sizeof address.sun_path) return Fd();
    memcpy(address.sun_path, path, strlen(path));
    unlink(path); // niwad has tried to connect, and nobody listened
    umask(0077);
    bool listens = bind(listener.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) == 0 &&
                   listen(listener.get(), 4) == 0;
    return listens ? std::move(listener) : Fd();
}

// Tells the kernel to kill other processes first when memory runs out. Needs CAP_SYS_RESOURCE; without, nothing
// changes.
void avoid_oom_killer() {
    Fd file(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    (void)!write(file.get(), "-1000", 5);
}

// The keeper has up to seven descriptors for each container.
void raise_descriptor_limit() {
    rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

int main(int count, char **words) {
    if (count != 2) {
        fputs("usage: niwa-keeper SOCKET. niwad starts it; it enforces the lifetimes of containers while there is no "
              "niwad.\n",
              stderr);
        return 2;
    }
    syscall(SYS_close_range, 3u, ~0u, 0u); // descriptors that niwad was started with
    raise_descriptor_limit();
    const char *path = words[1];
    std::string directory(path, strrchr(path, '/') == nullptr ? 0 : static_cast<size_t>(strrchr(path, '/') - path));
    Fd containers_dir(open((directory + "/containers").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    Fd listener = listen_at(path);
    if (!containers_dir.valid() || !listener.valid()) {
        fprintf(stderr, "niwa-keeper: cannot use %s: %s\n", path, strerror(errno));
        return 1;
    }
    for (int signal_number : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) signal(signal_number, SIG_IGN);
    avoid_oom_killer();
    Keeper keeper(std::move(containers_dir));
    int error = keeper.start();
    if (error < 0) {
        fprintf(stderr, "niwa-keeper: cannot make its thread: %s\n", strerror(-error));
        return 1;
    }
    struct stat made;
    if (stat(path, &made) < 0) return 1;
    const SocketFile file = {path, made.st_ino};
    (void)!write(STDOUT_FILENO, "ready\n", 6);
    Fd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
    for (int fd : {STDOUT_FILENO, STDERR_FILENO}) dup2(nothing.get(), fd);

    Fd connection;
    while (!connection.valid() && state_of(file) == SocketState::kOurs) connection = wait_for_niwad(listener);
    while (connection.valid()) {
        keeper.serve(connection);
        connection.reset(); // a niwad that still lives sees the end of the connection, and starts another keeper
        keeper.act_alone();
        connection = wait_for_next(keeper, listener, file);
    }
    return 0; // the socket file is left: it may already belong to the next keeper
}
