#include "table_watch.h"

#include <cerrno>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "nft_batch.h"

namespace {

constexpr uint64_t kEvents = 1;
constexpr uint16_t kTableDeleted = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE;

// Says whether one of the messages tells that a table was deleted.
bool tells_deletion(const char *bytes, size_t length) {
    bool deleted = false;
    each_message(bytes, length, [&](const nlmsghdr *header) { deleted |= header->nlmsg_type == kTableDeleted; });
    return deleted;
}

} // namespace

TableWatch::~TableWatch() {
    loop_.stop();
}

int TableWatch::start() {
    return loop_.start([this](uint64_t, uint32_t) { hear(); });
}

void TableWatch::add(uint8_t family, const std::string &table, std::function<void()> lost) {
    loop_.send([this, family, table, lost = std::move(lost)] {
        tables_.push_back({family, table, lost});
        listen();
    });
}

// A kernel without nf_tables refuses: then it has no tables that could disappear.
void TableWatch::listen() {
    if (events_.valid()) return;
    const int group = NFNLGRP_NFTABLES;
    if (events_.open(NETLINK_NETFILTER) < 0 || questions_.open(NETLINK_NETFILTER) < 0 ||
        setsockopt(events_.fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0 ||
        !loop_.control(EPOLL_CTL_ADD, events_.fd(), kEvents, EPOLLIN))
        events_.close();
}

// Where the kernel could not keep all events (ENOBUFS), a deletion may be among those that are lost.
void TableWatch::hear() {
    alignas(nlmsghdr) char buffer[32768];
    bool deleted = false;
    for (;;) {
        ssize_t n = recv(events_.fd(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != ENOBUFS) break;
        if (n < 0 || tells_deletion(buffer, static_cast<size_t>(n))) deleted = true;
    }
    if (deleted) look();
}

// The kernel sends events after the change. So a table that was replaced in one step is there.
void TableWatch::look() {
    for (const Table &table : tables_)
        if (find_table(questions_, table.family, table.name) == -ENOENT) table.lost();
}
