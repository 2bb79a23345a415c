#include "born_starts.h"

#include <sys/epoll.h>

BornStarts::~BornStarts() {
    if (runs_) loop_.stop();
}

int BornStarts::start() {
    int error = loop_.start([this](uint64_t key, uint32_t) { take(static_cast<uint32_t>(key)); });
    runs_ = error == 0;
    return error;
}

void BornStarts::begin(std::shared_ptr<Container> container, Done done) {
    loop_.send([this, container = std::move(container), done = std::move(done)] { await({container, done}); });
}

void BornStarts::await(Begun begun) {
    Container &container = *begun.container;
    if (!send_start(container)) return begun.done(start_container(container, false));
    // without a place in the epoll set it is waited for here
    if (!loop_.control(EPOLL_CTL_ADD, container.control.get(), container.handle, EPOLLIN))
        return begun.done(start_container(container, true));
    begun_[container.handle] = std::move(begun);
}

// A report has come, or the end of the socket: that is read at once.
void BornStarts::take(uint32_t handle) {
    auto found = begun_.find(handle);
    if (found == begun_.end()) return;
    Begun begun = std::move(found->second);
    begun_.erase(found);
    loop_.control(EPOLL_CTL_DEL, begun.container->control.get(), handle, 0);
    begun.done(start_container(*begun.container, true));
}
