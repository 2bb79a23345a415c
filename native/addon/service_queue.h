// Holds the first packets of connections to services that sleep. The rules (src/network/services/rules.ts) give them to
// a queue of the kernel, see <linux/netfilter/nfnetlink_queue.h>; a packet waits in the kernel until it gets a verdict.
// A thread keeps the numbers of the packets that wait, lets them go after a change of the rules, and tells of the first
// one. If niwad dies, the kernel drops what waits, and TCP sends it again.
#pragma once
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "../core/event_loop.h"
#include "../core/timers.h"
#include "netlink.h"
#include "nft_batch.h"
#include "queued_packet.h"
#include "service_addresses.h"

// What has happened to the packets of one service.
struct HeldCounts {
    uint32_t service = 0;
    uint64_t held = 0; // so far, without repetitions
    uint64_t now = 0;
    uint64_t full = 0; // refused, because as many wait as may
};

struct QueueEvent {
    enum Type { kHeld, kEnded } type;
    uint32_t service; // for kHeld: one of its packets waits, the first since the last were let go
    int error;        // for kEnded: the errno because of which the queue is closed
};

// The answer to a change: an error with the kernel's explanation, or how many packets were let go.
struct ServiceChanged {
    NetlinkAnswer answer;
    uint32_t let_go = 0;
};

class ServiceQueue {
  public:
    ServiceQueue() = default;
    ~ServiceQueue();
    ServiceQueue(const ServiceQueue &) = delete;
    ServiceQueue &operator=(const ServiceQueue &) = delete;

    // Begins its thread. Gives 0 or a negative errno.
    int start();

    // All others run on the thread, one after another; `done` is called there.

    // Takes a queue of the kernel that nobody has, and gives its number or a negative errno.
    void open(std::function<void(const QueueEvent &)> on_event, std::function<void(int)> done);

    // Closes the queue. The kernel drops what waits.
    void close(std::function<void(int)> done);

    // Adds a service, or changes its addresses and how many of its packets may wait. A new one holds no packets.
    void declare(uint32_t service, std::vector<ServiceAddress> addresses, size_t bound);

    // Forgets a service, and lets go what waits for it.
    void forget(uint32_t service);

    // Makes all changes of elements in one transaction, or none. Then, unless the service `holds` its packets from now
    // on, lets go those that wait, in portions; the rules decide what becomes of them. If it holds again before all
    // have gone, the others wait again.
    void change(uint32_t service, std::vector<ElementChange> elements, bool holds,
                std::function<void(const ServiceChanged &)> done);

    // Adds the rule of queue_rule_message().
    void add_rule(std::string table, std::string chain, std::function<void(const ServiceChanged &)> done);

    void counts(std::function<void(const std::vector<HeldCounts> &)> done);

  private:
    using Waiting = std::pair<std::string, uint32_t>; // the connection of a packet, and its number

    struct Service {
        size_t bound = 0;
        bool holds = false;
        bool told = false;
        // The packets that wait, by their connection. UDP has none: there each packet counts for itself.
        std::unordered_map<std::string, uint32_t> waiting;
        std::deque<Waiting> leaving; // those that are let go next
        HeldCounts counts;
    };

    int bind_queue(uint16_t number);
    void hear();
    void hear_message(const nlmsghdr *header);
    void take(const QueuedPacket &packet);
    Service *service_for(const QueuedPacket &packet);
    size_t room_for(const Service &service) const;
    uint32_t let_go(Service &service);
    void let_portion_go(Service &service, size_t many);
    void let_due_go();
    void hold_again(Service &service);
    void tell(Service &service);
    void drop_all();
    void decide(uint32_t packet, uint32_t verdict);
    void send_verdicts();
    void end(int error);

    // Used by the thread of the loop alone:
    std::function<void(const QueueEvent &)> on_event_;
    NetlinkSocket queue_, tables_;
    uint16_t number_ = 0;
    std::vector<uint8_t> verdicts_; // messages that are still to be sent, all of the same length
    std::unordered_map<uint32_t, Service> services_;
    size_t kept_ = 0; // how many packets wait or leave, of all services
    Timers portions_; // when the next packets of a service leave
    ServiceAddresses addresses_;
    EventLoop loop_;
};
