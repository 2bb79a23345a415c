// Accepts connections to services that the rules (src/network/services/rules.ts) redirect to it, and relays their bytes
// to the instances. A connection waits as long as its service holds; the program at its other end believes that it is
// connected already. For kernels without a queue for packets (service_queue.h), and for addresses that rules cannot
// forward. If niwad dies, these connections end.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "../core/event_loop.h"
#include "accept.h"
#include "relayed.h"
#include "service_addresses.h"

// Where an instance of a service answers. An address is in network order; one without bytes does not exist.
struct RelayTarget {
    std::string instance, address, address6;
    uint16_t port = 0;
};

// What has happened to the connections of one service.
struct RelayCounts {
    uint32_t service = 0;
    uint64_t held = 0; // so far
    uint64_t now = 0;
    uint64_t full = 0;                           // refused, because as many are held or relayed as may be
    uint64_t relayed = 0;                        // so far
    std::map<std::string, uint64_t> by_instance; // of these, to the present instances
};

class ServiceRelay {
  public:
    ServiceRelay() = default;
    ~ServiceRelay();
    ServiceRelay(const ServiceRelay &) = delete;
    ServiceRelay &operator=(const ServiceRelay &) = delete;

    // Begins its thread. Gives 0 or a negative errno.
    int start();

    // All others run on the thread, one after another; `done` is called there.

    // Listens on a port of all addresses, and gives its number or a negative errno. `on_held` is told the service of
    // the first connection that waits, and of the first one since the last ones were let go.
    void open(std::function<void(uint32_t)> on_held, std::function<void(int)> done);

    // Closes everything; what waits or is relayed is reset.
    void close(std::function<void(int)> done);

    // Adds a service, or changes its addresses and how many of its connections may wait. A new one holds none.
    void declare(uint32_t service, std::vector<ServiceAddress> addresses, size_t bound);

    // Forgets a service, and resets what waits for it. What is relayed stays.
    void forget(uint32_t service);

    // Sets the instances to which connections are relayed. Unless the service `holds` its connections from now on,
    // those that wait are relayed; without an instance they are reset. `done` is told how many waited.
    void change(uint32_t service, std::vector<RelayTarget> targets, bool holds, std::function<void(int)> done);

    void counts(std::function<void(const std::vector<RelayCounts> &)> done);

  private:
    struct Service {
        size_t bound = 0;
        bool holds = false;
        bool told = false;
        std::vector<RelayTarget> targets;
        size_t turn = 0;            // each connection goes to the next target
        std::set<uint64_t> waiting; // the names of connections, in the order in which they came
        size_t relayed = 0;         // now, or about to be
        RelayCounts counts;
    };
    using Connections = std::unordered_map<uint64_t, std::unique_ptr<Relayed>>;

    int listen_at(uint16_t port);
    void hear(uint64_t key, uint32_t events);
    void accept_some(const Fd &listener, bool ipv6);
    void take(Fd client, bool ipv6);
    void hold(uint64_t name, Relayed &held, Service &service);
    size_t let_go(Service &service);
    void connect(uint64_t name);
    void hear_connecting(uint64_t name, bool is_server);
    void watch(uint64_t name, const Relayed &relayed);
    void end(uint64_t name, bool with_reset);
    Service *service_of(const Relayed &relayed);

    // Used by the thread of the loop alone:
    std::function<void(uint32_t)> on_held_;
    Fd listener4_, listener6_;
    SpareDescriptor spare_;
    size_t most_ = 0;
    uint64_t last_name_ = 0;
    Connections connections_;
    std::unordered_map<uint32_t, Service> services_;
    ServiceAddresses addresses_;
    char buffer_[65536]; // a connection uses it within one event
    EventLoop loop_;
};
