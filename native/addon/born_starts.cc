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
    bool sent = send_start(*container);
    if (sent && watch({container, done})) return;
    // without a place in the epoll set it is waited for on the thread
    loop_.send(
        [container = std::move(container), done = std::move(done), sent] { done(start_container(*container, sent)); });
}

// Lets the thread wait for what the boot program reports. Gives whether it does.
bool BornStarts::watch(Begun begun) {
    std::lock_guard<std::mutex> lock(mutex_);
    uint32_t handle = begun.container->handle;
    if (!loop_.control(EPOLL_CTL_ADD, begun.container->control.get(), handle, EPOLLIN)) return false;
    begun_[handle] = std::move(begun);
    return true;
}

// A report has come, or the end of the socket: that is read at once.
void BornStarts::take(uint32_t handle) {
    Begun begun = forget(handle);
    if (!begun.container) return;
    loop_.control(EPOLL_CTL_DEL, begun.container->control.get(), handle, 0);
    begun.done(start_container(*begun.container, true));
}

// Gives a start that is waited for, which is waited for no more; without a container where there is none.
BornStarts::Begun BornStarts::forget(uint32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = begun_.find(handle);
    if (found == begun_.end()) return {};
    Begun begun = std::move(found->second);
    begun_.erase(found);
    return begun;
}
