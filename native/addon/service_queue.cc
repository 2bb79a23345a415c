#include "service_queue.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "../core/clock.h"

namespace {

constexpr uint64_t kQueueKey = 1, kPortionsKey = 2;
constexpr uint16_t kFirstNumber = 28265, kNumbers = 256;
constexpr uint32_t kCopiedBytes = 128; // the headers of IP and TCP
// What the kernel keeps at most for this queue, each about 1 KiB: eight times as much as one service may hold.
constexpr uint32_t kKernelBound = 32768;
// A service holds at most this part of what is free: whatever the others hold, there is room for one more.
constexpr size_t kShare = 4;
// A program has a backlog of 100 connections and more, and the kernel drops what comes while it is full. So the first
// packets go at once, and later ones as fast as a slow program takes connections.
constexpr size_t kFirstPortion = 64, kNextPortion = 8;
constexpr uint64_t kPortionNs = 1'000'000;
constexpr int kReceiveBytes = 16 << 20; // until the thread reads: a copy of a packet takes about 1 KiB
constexpr int kReadsInTurn = 64;
constexpr size_t kVerdictBytes = 8192; // sent at once: a multiple of the length of a message
constexpr uint32_t kVerdicts = 0;      // the handle of their time; the numbers of services begin with 1

NetlinkMessage queue_message(uint8_t type, uint16_t flags, uint16_t number) {
    NetlinkMessage message(static_cast<uint16_t>(NFNL_SUBSYS_QUEUE << 8 | type), flags);
    nfgenmsg header = {};
    header.res_id = htons(number);
    message.part(header);
    return message;
}

} // namespace

ServiceQueue::~ServiceQueue() {
    loop_.stop();
}

int ServiceQueue::start() {
    int error = loop_.start([this](uint64_t key, uint32_t) { key == kQueueKey ? hear() : let_due_go(); });
    if (error == 0 && !loop_.control(EPOLL_CTL_ADD, portions_.fd(), kPortionsKey, EPOLLIN)) error = -errno;
    return error;
}

void ServiceQueue::open(std::function<void(const QueueEvent &)> on_event, std::function<void(int)> done) {
    loop_.send([this, on_event = std::move(on_event), done = std::move(done)] {
        queue_.close();
        on_event_ = on_event;
        int error = tables_.open(NETLINK_NETFILTER);
        if (error == 0) error = queue_.open(NETLINK_NETFILTER);
        if (error < 0) return done(error);
        error = -EBUSY;
        // Another niwad may have some of them, in the same network namespace. The kernel says EPERM or EBUSY then.
        for (uint16_t i = 0; i < kNumbers && (error == -EBUSY || error == -EPERM); i++)
            error = bind_queue(kFirstNumber + i);
        if (error == 0 && !loop_.control(EPOLL_CTL_ADD, queue_.fd(), kQueueKey, EPOLLIN)) error = -errno;
        if (error < 0) queue_.close();
        done(error < 0 ? error : number_);
    });
}

int ServiceQueue::bind_queue(uint16_t number) {
    NetlinkMessage message = queue_message(NFQNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK, number);
    const nfqnl_msg_config_cmd command = {NFQNL_CFG_CMD_BIND, 0, 0};
    const nfqnl_msg_config_params parameters = {htonl(kCopiedBytes), NFQNL_COPY_PACKET};
    message.put(NFQA_CFG_CMD, &command, sizeof command);
    message.put(NFQA_CFG_PARAMS, &parameters, sizeof parameters);
    message.put_u32(NFQA_CFG_QUEUE_MAXLEN, htonl(kKernelBound));
    number_ = number;
    if (int error = queue_.request(message).error; error < 0) return error;
    const int on = 1;
    setsockopt(queue_.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof kReceiveBytes);
    setsockopt(queue_.fd(), SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
    return 0;
}

void ServiceQueue::close(std::function<void(int)> done) {
    loop_.send([this, done = std::move(done)] {
        queue_.close();
        drop_all();
        services_.clear();
        addresses_.clear();
        done(0);
    });
}

void ServiceQueue::declare(uint32_t service, std::vector<ServiceAddress> addresses, size_t bound) {
    loop_.send([this, service, addresses = std::move(addresses), bound] {
        Service &declared = services_[service];
        declared.counts.service = service;
        declared.bound = bound;
        addresses_.set(service, addresses);
    });
}

void ServiceQueue::forget(uint32_t service) {
    loop_.send([this, service] {
        auto found = services_.find(service);
        if (found == services_.end()) return;
        Service &forgotten = found->second;
        let_go(forgotten);
        let_portion_go(forgotten, forgotten.leaving.size());
        addresses_.set(service, {});
        services_.erase(found);
    });
}

void ServiceQueue::change(uint32_t service, std::vector<ElementChange> elements, bool holds,
                          std::function<void(const ServiceChanged &)> done) {
    loop_.send([this, service, elements = std::move(elements), holds, done = std::move(done)] {
        auto found = services_.find(service);
        if (found == services_.end()) return done({{-ESRCH, ""}, 0});
        // It holds before the rules queue its packets, and until they do not.
        const bool held = found->second.holds;
        found->second.holds = held || holds;
        std::vector<NetlinkMessage> messages;
        for (const ElementChange &element : elements) messages.push_back(element_message(element));
        ServiceChanged changed;
        if (!messages.empty()) changed.answer = tables_.batch(messages);
        found->second.holds = changed.answer.error < 0 ? held : holds;
        if (found->second.holds)
            hold_again(found->second);
        else
            changed.let_go = let_go(found->second);
        done(changed);
    });
}

void ServiceQueue::add_rule(std::string table, std::string chain, std::function<void(const ServiceChanged &)> done) {
    loop_.send([this, table = std::move(table), chain = std::move(chain), done = std::move(done)] {
        std::vector<NetlinkMessage> rule = {queue_rule_message(table, chain, number_)};
        done({tables_.batch(rule), 0});
    });
}

void ServiceQueue::counts(std::function<void(const std::vector<HeldCounts> &)> done) {
    loop_.send([this, done = std::move(done)] {
        std::vector<HeldCounts> all;
        for (auto &[_, service] : services_) {
            service.counts.now = service.waiting.size();
            all.push_back(service.counts);
        }
        done(all);
    });
}

void ServiceQueue::hear() {
    if (!queue_.valid()) return; // closed by a command, after epoll had named it
    alignas(nlmsghdr) char buffer[32768];
    for (int reads = 0; reads < kReadsInTurn; reads++) {
        ssize_t n = recv(queue_.fd(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) return end(n < 0 ? errno : EPIPE);
        each_message(buffer, static_cast<size_t>(n), [this](const nlmsghdr *header) { hear_message(header); });
    }
    send_verdicts();
}

// Errors come for verdicts about packets that the kernel has dropped meanwhile, and are ignored.
void ServiceQueue::hear_message(const nlmsghdr *header) {
    if (header->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)) return;
    const NetlinkAttributes all = NetlinkAttributes::of(header, sizeof(nfgenmsg));
    const NetlinkAttributes about = all.find(NFQA_PACKET_HDR), payload = all.find(NFQA_PAYLOAD);
    QueuedPacket packet;
    packet.number = ntohl(about.number<uint32_t>());
    if (!packet.parse(reinterpret_cast<const uint8_t *>(payload.at), payload.length))
        return decide(packet.number, NF_DROP);
    take(packet);
}

ServiceQueue::Service *ServiceQueue::service_for(const QueuedPacket &packet) {
    const bool ipv6 = packet.address.size() > 4;
    const uint32_t *found = addresses_.find({packet.tcp, ipv6, packet.address, packet.port});
    return found == nullptr ? nullptr : &services_[*found];
}

// Of a repetition the newer one is kept: the kernel drops all that wait when a table with a chain of a hook is deleted.
void ServiceQueue::take(const QueuedPacket &packet) {
    Service *service = service_for(packet);
    if (service == nullptr) return decide(packet.number, NF_DROP);
    if (!service->holds) return decide(packet.number, NF_ACCEPT);
    std::string connection = packet.source + packet.address;
    connection.push_back(static_cast<char>(packet.port >> 8));
    connection.push_back(static_cast<char>(packet.port));
    if (!packet.tcp) connection += std::to_string(packet.number);
    auto waiting = service->waiting.find(connection);
    if (waiting != service->waiting.end()) {
        decide(waiting->second, NF_DROP);
        waiting->second = packet.number;
        return;
    }
    if (service->waiting.size() >= room_for(*service)) {
        service->counts.full++;
        return decide(packet.number, NF_ACCEPT); // the next chain refuses it
    }
    service->waiting.emplace(std::move(connection), packet.number);
    service->counts.held++;
    kept_++;
    tell(*service);
}

size_t ServiceQueue::room_for(const Service &service) const {
    return std::min(service.bound, (kKernelBound - std::min<size_t>(kept_, kKernelBound)) / kShare);
}

void ServiceQueue::tell(Service &service) {
    if (service.told) return;
    service.told = true;
    on_event_({QueueEvent::kHeld, service.counts.service, 0});
}

// Gives how many. First come, first served: the kernel counts them.
uint32_t ServiceQueue::let_go(Service &service) {
    std::vector<Waiting> going(service.waiting.begin(), service.waiting.end());
    std::sort(going.begin(), going.end(), [](const Waiting &a, const Waiting &b) { return a.second < b.second; });
    service.waiting.clear();
    service.told = false;
    service.leaving.insert(service.leaving.end(), going.begin(), going.end());
    if (!portions_.has(service.counts.service)) let_portion_go(service, kFirstPortion);
    return static_cast<uint32_t>(going.size());
}

void ServiceQueue::let_portion_go(Service &service, size_t many) {
    for (; many > 0 && !service.leaving.empty(); many--) {
        decide(service.leaving.front().second, NF_ACCEPT);
        service.leaving.pop_front();
        kept_--;
    }
    send_verdicts();
    portions_.set(service.counts.service, service.leaving.empty() ? 0 : boottime_ns() + kPortionNs);
}

void ServiceQueue::let_due_go() {
    const uint64_t now = boottime_ns(); // a service whose next time comes meanwhile waits for the next turn
    while (std::optional<uint32_t> service = portions_.take(now)) {
        if (*service == kVerdicts) send_verdicts();
        auto found = services_.find(*service);
        if (found != services_.end()) let_portion_go(found->second, kNextPortion);
    }
}

void ServiceQueue::hold_again(Service &service) {
    if (service.leaving.empty()) return;
    portions_.set(service.counts.service, 0);
    for (Waiting &packet : service.leaving) {
        auto [waiting, added] = service.waiting.emplace(packet);
        if (added) continue;
        decide(packet.second, NF_DROP); // it was sent again, and waits already
        kept_--;
    }
    service.leaving.clear();
    send_verdicts();
    tell(service);
}

void ServiceQueue::decide(uint32_t packet, uint32_t verdict) {
    NetlinkMessage message = queue_message(NFQNL_MSG_VERDICT, NLM_F_REQUEST, number_);
    const nfqnl_msg_verdict_hdr words = {htonl(verdict), htonl(packet)};
    message.put(NFQA_VERDICT_HDR, &words, sizeof words);
    const auto &bytes = message.bytes(0);
    verdicts_.insert(verdicts_.end(), bytes.begin(), bytes.end());
    if (verdicts_.size() >= kVerdictBytes) send_verdicts();
}

// Where the kernel has no memory for them now, they are sent a moment later: without its verdict a packet stays in the
// queue, and takes its room.
void ServiceQueue::send_verdicts() {
    while (!verdicts_.empty()) {
        const size_t some = std::min(verdicts_.size(), kVerdictBytes);
        if (queue_.valid() && send(queue_.fd(), verdicts_.data(), some, 0) < 0 && (errno == ENOBUFS || errno == ENOMEM))
            return portions_.set(kVerdicts, boottime_ns() + kPortionNs);
        verdicts_.erase(verdicts_.begin(), verdicts_.begin() + static_cast<ptrdiff_t>(some));
    }
}

// The kernel has dropped them. Their numbers may come again in the next queue.
void ServiceQueue::drop_all() {
    for (auto &[number, service] : services_) {
        service.waiting.clear();
        service.leaving.clear();
        service.told = false;
        portions_.set(number, 0);
    }
    verdicts_.clear();
    kept_ = 0;
}

void ServiceQueue::end(int error) {
    queue_.close();
    drop_all();
    on_event_({QueueEvent::kEnded, 0, error});
}
