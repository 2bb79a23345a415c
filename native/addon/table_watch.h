// A thread that notices when tables of nftables disappear, as after `nft flush ruleset`.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "../core/event_loop.h"
#include "netlink.h"

class TableWatch {
  public:
    TableWatch() = default;
    ~TableWatch();
    TableWatch(const TableWatch &) = delete;
    TableWatch &operator=(const TableWatch &) = delete;

    // Begins its thread. Gives 0 or a negative errno.
    int start();

    // Calls `lost` on the thread whenever a table has been deleted, and is missing afterwards.
    void add(uint8_t family, const std::string &table, std::function<void()> lost);

  private:
    struct Table {
        uint8_t family;
        std::string name;
        std::function<void()> lost;
    };

    void listen();
    void hear();
    void look();

    std::vector<Table> tables_; // used by the thread of the loop alone, as are the sockets
    NetlinkSocket events_, questions_;
    EventLoop loop_;
};
