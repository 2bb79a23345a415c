// niwa-keeper SOCKET: keeps the lifetimes of containers while there is no niwad. niwad starts one for its run directory
// and tells it the life of every container as it changes. While niwad is connected the keeper remembers, and signals
// and kills half a second after niwad should have. When the connection breaks it runs niwad's own monitor over what it
// remembers: deadlines, stop signals, kills, exits. It also holds what must not be closed: the output FIFOs, so that
// what a container wrote last can still be read, the terminals, the control sockets of containers that are not started
// yet, and the socket of the API. The next niwad connects, and takes over from there.
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

#include "../core/keeper_protocol.h"
#include "../core/monitor.h"

namespace {

constexpr int kLookMs = 1000;                // how often it looks whether anybody can still come
constexpr uint64_t kHoldNs = 30'000'000'000; // whoever has connected waits no longer for a niwad

struct Kept {
    std::shared_ptr<Container> container;
    uint32_t handle = 0;
    Fd stdout_fifo, stderr_fifo;
};

class Keeper {
  public:
    explicit Keeper(Fd containers_dir) : containers_dir_(std::move(containers_dir)) {}

    // Begins its thread. Gives 0 or a negative errno.
    int start() { return monitor_.start(); }

    bool is_empty() const { return kept_.empty(); }
    bool anybody_lives() { return monitor_.anybody_lives(); }
    void set_backstop(bool backstop) { monitor_.set_backstop(backstop); }

    // Listens to niwad for as long as it lives.
    void serve(const Fd &connection) {
        for (int error = 0; error == 0;) {
            Message message;
            error = receive_message(connection.get(), &message);
            if (error < 0) return;
            if (message.word == Word::kPut)
                put(std::move(message));
            else if (message.word == Word::kDrop)
                drop(message.life.id);
            else if (message.word == Word::kList)
                error = list(connection.get());
            else if (message.word == Word::kAsk)
                error = send_message(connection.get(), Word::kEnd, {});
            else if (message.word == Word::kHold)
                listening_ = std::move(message.control);
        }
    }

    // Nobody who connects to niwad's socket waits any more: he is refused.
    void stop_holding() { listening_.reset(); }

  private:
    void put(Message message) {
        auto found = kept_.find(message.life.id);
        if (found != kept_.end() && found->second.container->life.pid != message.life.pid) {
            drop(message.life.id); // an id that is used again
            found = kept_.end();
        }
        if (found == kept_.end()) return add(std::move(message));
        monitor_.update(found->second.handle, message.life);
        if (message.life.started_ns != 0) found->second.container->control.reset();
    }

    void add(Message message) {
        Kept &one = kept_[message.life.id];
        one.container = std::make_shared<Container>();
        one.container->life = message.life;
        one.container->pidfd = std::move(message.pidfd);
        one.container->group.adopt(std::move(message.group));
        one.container->control = std::move(message.control);
        one.container->terminal = std::move(message.terminal);
        one.stdout_fifo = open_fifo(message.life.id, "stdout");
        one.stderr_fifo = open_fifo(message.life.id, "stderr");
        one.handle = monitor_.add(one.container);
    }

    void drop(const char *id) {
        auto found = kept_.find(id);
        if (found == kept_.end()) return;
        monitor_.release(found->second.handle);
        kept_.erase(found);
    }

    int list(int connection) {
        if (listening_.valid()) {
            int error = send_message(connection, Word::kHold, {}, -1, -1, listening_.get());
            if (error < 0) return error;
        }
        for (const auto &[id, one] : kept_) {
            Life life = monitor_.life_of(one.handle);
            const Container &container = *one.container;
            int error = send_message(connection, Word::kKept, life, container.pidfd.get(), -1, container.control.get(),
                                     container.terminal.get());
            if (error < 0) return error;
        }
        return send_message(connection, Word::kEnd, {});
    }

    Fd open_fifo(const char *id, const char *name) const {
        std::string path = std::string(id) + "/" + name;
        return Fd(openat(containers_dir_.get(), path.c_str(), O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    }

    Fd containers_dir_; // RUN_DIR/containers
    Fd listening_;      // niwad's: who connects while there is no niwad waits in its queue
    std::map<std::string, Kept> kept_;
    Monitor monitor_; // what it finds is in the lives of the containers
};

// Our socket, as a file.
struct Place {
    const char *path;
    ino_t inode;
};

enum class Wanted { kYes, kNoMore, kReplaced };

// A niwad can come for as long as it finds our socket. Behind another one is a keeper that was told of everything.
Wanted look_at(const Place &place) {
    struct stat now;
    if (stat(place.path, &now) < 0) return Wanted::kNoMore;
    return now.st_ino == place.inode ? Wanted::kYes : Wanted::kReplaced;
}

// Waits for niwad, for a second.
Fd wait_for_niwad(const Fd &listener) {
    pollfd coming = {listener.get(), POLLIN, 0};
    return poll(&coming, 1, kLookMs) > 0 ? Fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)) : Fd();
}

// Waits until the next niwad connects. Gives nothing where there is nothing left to keep.
Fd wait_for_next(Keeper &keeper, const Fd &listener, const Place &place) {
    const uint64_t left_ns = boottime_ns();
    while (!keeper.is_empty()) {
        if (boottime_ns() - left_ns > kHoldNs) keeper.stop_holding();
        Fd connection = wait_for_niwad(listener);
        if (connection.valid()) return connection;
        Wanted wanted = look_at(place);
        if (wanted == Wanted::kReplaced || (wanted == Wanted::kNoMore && !keeper.anybody_lives())) break;
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
    unlink(path); // niwad has found nobody behind it
    umask(0077);
    bool listens = bind(listener.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) == 0 &&
                   listen(listener.get(), 4) == 0;
    return listens ? std::move(listener) : Fd();
}

// The kernel should take anybody else first. Without CAP_SYS_RESOURCE it stays as it is.
void avoid_oom_killer() {
    Fd file(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    (void)!write(file.get(), "-1000", 5);
}

// It holds up to six descriptors for each container.
void raise_descriptor_limit() {
    rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

int main(int count, char **words) {
    if (count != 2) {
        fputs("usage: niwa-keeper SOCKET. niwad starts it; it keeps the lifetimes of containers while there is no "
              "niwad.\n",
              stderr);
        return 2;
    }
    syscall(SYS_close_range, 3u, ~0u, 0u); // whatever niwad was started with
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
    const Place place = {path, made.st_ino};
    (void)!write(STDOUT_FILENO, "ready\n", 6);
    Fd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
    for (int fd : {STDOUT_FILENO, STDERR_FILENO}) dup2(nothing.get(), fd);

    Fd connection;
    while (!connection.valid() && look_at(place) == Wanted::kYes) connection = wait_for_niwad(listener);
    while (connection.valid()) {
        keeper.set_backstop(true);
        keeper.serve(connection);
        connection.reset(); // niwad, should it live, has to see that nobody listens
        keeper.set_backstop(false);
        connection = wait_for_next(keeper, listener, place);
    }
    return 0; // the socket stays: it may be that of the next keeper already
}
