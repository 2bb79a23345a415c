#include "service_relay.h"

#include <cerrno>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "relay_sockets.h"

namespace {

// The lowest bit of a key: 0 for the client's side, 1 for the instance's. Names of connections begin with 1.
constexpr uint64_t kListener4 = 0, kListener6 = 1;

// Only root can bind these ports: when niwad is dead, no user of the host can get the connections to services.
constexpr uint16_t kHighestPort = 1023, kLowestPort = 600;

constexpr int kAcceptsInTurn = 64;

// Of all descriptors that niwad may have, connections take a half at most, two for each. One service has a quarter of
// them at most, so that its clients leave something to the other services.
constexpr size_t kDescriptorsPerConnection = 4, kServices = 4;

} // namespace

ServiceRelay::~ServiceRelay() {
    loop_.stop();
}

int ServiceRelay::start() {
    return loop_.start([this](uint64_t key, uint32_t events) { hear(key, events); });
}

void ServiceRelay::open(std::function<void(uint32_t)> on_held, std::function<void(int)> done) {
    loop_.send([this, on_held = std::move(on_held), done = std::move(done)] {
        on_held_ = on_held;
        rlimit limit = {};
        getrlimit(RLIMIT_NOFILE, &limit);
        most_ = limit.rlim_cur / kDescriptorsPerConnection;
        spare_.take();
        int result = -EADDRINUSE;
        for (uint16_t port = kHighestPort; port >= kLowestPort && result == -EADDRINUSE; port--)
            result = listen_at(port);
        done(result);
    });
}

// A host without IPv6 has no listener for it. Gives the port or a negative errno.
int ServiceRelay::listen_at(uint16_t port) {
    listener4_ = listen_on(false, port);
    if (!listener4_.valid()) return -errno;
    listener6_ = listen_on(true, port);
    if (!listener6_.valid() && errno == EADDRINUSE) return -errno;
    if (!loop_.control(EPOLL_CTL_ADD, listener4_.get(), kListener4, EPOLLIN)) return -errno;
    if (listener6_.valid() && !loop_.control(EPOLL_CTL_ADD, listener6_.get(), kListener6, EPOLLIN)) return -errno;
    return port;
}

void ServiceRelay::close(std::function<void(int)> done) {
    loop_.send([this, done = std::move(done)] {
        for (auto &[_, relayed] : connections_)
            for (Fd *side : {&relayed->client, &relayed->server}) reset(std::move(*side));
        connections_.clear();
        services_.clear();
        addresses_.clear();
        for (Fd *listener : {&listener4_, &listener6_}) listener->reset();
        spare_.reset();
        done(0);
    });
}

void ServiceRelay::declare(uint32_t service, std::vector<ServiceAddress> addresses, size_t bound) {
    loop_.send([this, service, addresses = std::move(addresses), bound] {
        Service &declared = services_[service];
        declared.counts.service = service;
        declared.bound = bound;
        addresses_.set(service, addresses);
    });
}

void ServiceRelay::forget(uint32_t service) {
    loop_.send([this, service] {
        auto found = services_.find(service);
        if (found == services_.end()) return;
        found->second.targets.clear();
        let_go(found->second);
        addresses_.set(service, {});
        services_.erase(found);
    });
}

void ServiceRelay::change(uint32_t service, std::vector<RelayTarget> targets, bool holds,
                          std::function<void(int)> done) {
    loop_.send([this, service, targets = std::move(targets), holds, done = std::move(done)] {
        auto found = services_.find(service);
        if (found == services_.end()) return done(-ESRCH);
        Service &changed = found->second;
        changed.targets = targets;
        changed.holds = holds;
        std::map<std::string, uint64_t> before = std::move(changed.counts.by_instance);
        changed.counts.by_instance.clear();
        for (const auto &target : targets) changed.counts.by_instance[target.instance] = before[target.instance];
        done(holds ? 0 : static_cast<int>(let_go(changed)));
    });
}

void ServiceRelay::counts(std::function<void(const std::vector<RelayCounts> &)> done) {
    loop_.send([this, done = std::move(done)] {
        std::vector<RelayCounts> all;
        for (auto &[_, service] : services_) {
            service.counts.now = service.waiting.size();
            all.push_back(service.counts);
        }
        done(all);
    });
}

void ServiceRelay::hear(uint64_t key, uint32_t events) {
    if (key == kListener4 || key == kListener6)
        return key == kListener4 ? accept_some(listener4_, false) : accept_some(listener6_, true);
    const uint64_t name = key >> 1;
    auto found = connections_.find(name);
    if (found == connections_.end()) return; // ended by an event just before
    Relayed &relayed = *found->second;
    if (relayed.state != Relayed::kOpen) return hear_connecting(name, (key & 1) != 0);
    if ((events & EPOLLERR) != 0 || !relayed.move(buffer_, sizeof buffer_)) return end(name, true);
    if (relayed.is_over()) return end(name, false);
    watch(name, relayed);
}

// A client of which something is heard before it is relayed has gone: only its errors are watched.
void ServiceRelay::hear_connecting(uint64_t name, bool is_server) {
    Relayed &relayed = *connections_[name];
    if (!is_server) return end(name, true);
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(relayed.server.get(), SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) return connect(name);
    relayed.state = Relayed::kOpen;
    if (Service *service = service_of(relayed)) {
        service->counts.relayed++;
        auto counted = service->counts.by_instance.find(relayed.instance);
        if (counted != service->counts.by_instance.end()) counted->second++;
    }
    watch(name, relayed);
}

void ServiceRelay::accept_some(const Fd &listener, bool ipv6) {
    for (int i = 0; i < kAcceptsInTurn && listener.valid(); i++) {
        Fd client = spare_.accept(listener, reset);
        if (!client.valid()) return;
        take(std::move(client), ipv6);
    }
}

// A connection to the listener's own address, which no rule has redirected, belongs to no service.
void ServiceRelay::take(Fd client, bool ipv6) {
    ServiceAddress asked;
    const uint32_t *number = original_destination(client, ipv6, &asked) ? addresses_.find(asked) : nullptr;
    if (number == nullptr) return reset(std::move(client));
    Service &service = services_[*number];
    const size_t many = service.waiting.size() + service.relayed;
    const bool is_full = service.holds && service.waiting.size() >= service.bound;
    if (is_full || many >= most_ / kServices || connections_.size() >= most_) {
        service.counts.full++;
        return reset(std::move(client));
    }
    keep_alive(client);
    const uint64_t name = ++last_name_;
    Relayed &relayed = *(connections_[name] = std::make_unique<Relayed>());
    relayed.service = *number;
    relayed.ipv6 = ipv6;
    relayed.client = std::move(client);
    service.relayed++;
    if (!service.holds) return connect(name);
    hold(name, relayed, service);
}

void ServiceRelay::hold(uint64_t name, Relayed &held, Service &service) {
    service.relayed--;
    service.waiting.insert(name);
    service.counts.held++;
    watch(name, held);
    if (service.told) return;
    service.told = true;
    on_held_(service.counts.service);
}

size_t ServiceRelay::let_go(Service &service) {
    const std::set<uint64_t> waiting = std::move(service.waiting);
    service.waiting.clear();
    service.told = false;
    service.relayed += waiting.size();
    for (uint64_t name : waiting) connect(name);
    return waiting.size();
}

// Begins to connect to the next instance; resets the client where there is none, or all were tried.
void ServiceRelay::connect(uint64_t name) {
    Relayed &relayed = *connections_[name];
    Service *service = service_of(relayed);
    const size_t many = service == nullptr ? 0 : service->targets.size();
    if (relayed.state == Relayed::kHeld) {
        relayed.state = Relayed::kConnecting;
        relayed.tries_left = many;
        if (many > 0) relayed.next_target = service->turn++;
    }
    while (many > 0 && relayed.tries_left > 0) {
        relayed.tries_left--;
        const RelayTarget &target = service->targets[relayed.next_target++ % many];
        relayed.instance = target.instance;
        const bool by_ipv6 = relayed.ipv6 && !target.address6.empty();
        relayed.server = begin_connect(by_ipv6, by_ipv6 ? target.address6 : target.address, target.port);
        if (relayed.server.valid()) return watch(name, relayed);
    }
    end(name, true);
}

void ServiceRelay::watch(uint64_t name, const Relayed &relayed) {
    const auto set = [this](const Fd &side, uint64_t key, uint32_t events) {
        if (events == Relayed::kNothing)
            loop_.control(EPOLL_CTL_DEL, side.get(), key, 0);
        else if (!loop_.control(EPOLL_CTL_MOD, side.get(), key, events))
            loop_.control(EPOLL_CTL_ADD, side.get(), key, events);
    };
    set(relayed.client, name << 1, relayed.client_events());
    set(relayed.server, name << 1 | 1, relayed.server_events());
}

void ServiceRelay::end(uint64_t name, bool with_reset) {
    auto found = connections_.find(name);
    Relayed &relayed = *found->second;
    if (Service *service = service_of(relayed)) {
        const bool waited = service->waiting.erase(name) > 0;
        if (!waited) service->relayed--;
    }
    if (with_reset)
        for (Fd *side : {&relayed.client, &relayed.server}) reset(std::move(*side));
    connections_.erase(found);
}

ServiceRelay::Service *ServiceRelay::service_of(const Relayed &relayed) {
    auto found = services_.find(relayed.service);
    return found == services_.end() ? nullptr : &found->second;
}
