#include "relay.h"

#include <cerrno>
#include <sys/epoll.h>

namespace {

constexpr int kLastReads = 32; // more than a terminal holds
constexpr int kTurns = 16;     // reads of one copy before the next copy has its turn

} // namespace

int Relay::start() {
    auto copy_ready = [this](uint64_t key, uint32_t events) {
        auto found = copies_.find(key >> 1);
        if (found == copies_.end()) return;
        bool nobody_takes = (key & 1) != 0 && (events & (EPOLLERR | EPOLLHUP)) != 0;
        if (nobody_takes)
            close_copy(*found->second);
        else
            move(*found->second);
    };
    return loop_.start(copy_ready);
}

Relay::~Relay() {
    loop_.stop();
}

uint64_t Relay::add(Fd from, Fd to, Fd kept) {
    auto copy = std::make_shared<std::unique_ptr<Copy>>(std::make_unique<Copy>());
    (*copy)->from = std::move(from);
    (*copy)->to = std::move(to);
    (*copy)->kept = std::move(kept);
    uint64_t name = next_name_++;
    (*copy)->name = name;
    loop_.send([this, name, copy] {
        Copy &placed = *(copies_[name] = std::move(*copy));
        listen(placed, EPOLL_CTL_ADD);
    });
    return name;
}

void Relay::finish(uint64_t name, std::function<void()> done) {
    loop_.send([this, name, done = std::move(done)] {
        auto found = copies_.find(name);
        if (found == copies_.end()) return done();
        found->second->finished = done;
        found->second->reads_left = kLastReads;
        move(*found->second);
    });
}

void Relay::drop(uint64_t name) {
    loop_.send([this, name] {
        auto found = copies_.find(name);
        if (found != copies_.end()) move(*found->second);
        found = copies_.find(name);
        if (found != copies_.end()) close_copy(*found->second);
    });
}

// Reads and writes in turn, until the source is empty or the target is full.
void Relay::move(Copy &copy) {
    for (int turn = 0; turn < kTurns || copy.finished; turn++) {
        if (!write_out(copy)) return close_copy(copy);
        if (copy.first < copy.end) break;
        if (!read_in(copy)) break;
    }
    bool nothing_left = copy.first == copy.end && (copy.from_ended || copy.finished);
    if (nothing_left) return close_copy(copy);
    listen(copy, EPOLL_CTL_MOD);
}

// Gives false where nobody reads the target any more.
bool Relay::write_out(Copy &copy) {
    while (copy.first < copy.end) {
        ssize_t n = write(copy.to.get(), copy.bytes + copy.first, copy.end - copy.first);
        if (n < 0 && errno != EINTR) return errno == EAGAIN;
        if (n > 0) copy.first += static_cast<size_t>(n);
    }
    return true;
}

// Gives whether there was something. At the end of a terminal, read() fails with EIO.
bool Relay::read_in(Copy &copy) {
    if (copy.reads_left == 0) copy.from_ended = true;
    if (copy.from_ended) return false;
    if (copy.reads_left > 0) copy.reads_left--;
    ssize_t n;
    do n = read(copy.from.get(), copy.bytes, sizeof copy.bytes);
    while (n < 0 && errno == EINTR);
    copy.from_ended = n == 0 || (n < 0 && errno != EAGAIN);
    copy.first = 0;
    copy.end = n > 0 ? static_cast<size_t>(n) : 0;
    return n > 0;
}

// Closing a descriptor removes it from the epoll set only if no copy of it is open, and a terminal has copies.
void Relay::close_copy(Copy &copy) {
    for (const Fd *fd : {&copy.from, &copy.to}) loop_.control(EPOLL_CTL_DEL, fd->get(), 0, 0);
    auto finished = std::move(copy.finished);
    copies_.erase(copy.name);
    if (finished) finished();
}

// Watches the source while there is nothing to write, and the target while there is. EPOLLHUP cannot be masked: a
// source that has ended would wake the thread again and again, so it is removed from the set while we write. The target
// stays in the set: EPOLLERR says that nobody reads it any more.
void Relay::listen(Copy &copy, int operation) {
    bool writing = copy.first < copy.end;
    uint64_t key = copy.name << 1; // the lowest bit: 0 for the source, 1 for the target
    uint32_t reads = writing ? 0u : uint32_t{EPOLLIN};
    if (writing && operation == EPOLL_CTL_MOD)
        loop_.control(EPOLL_CTL_DEL, copy.from.get(), key, 0);
    else if (!loop_.control(operation, copy.from.get(), key, reads))
        loop_.control(EPOLL_CTL_ADD, copy.from.get(), key, reads);
    loop_.control(operation, copy.to.get(), key | 1, writing ? uint32_t{EPOLLOUT} : 0u);
}
