// nftables by netlink: elements of sets and maps, their counters, and the one rule that nft cannot write. See
// <linux/netfilter/nf_tables.h>.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "netlink.h"

// An element of a set or map: `family` and `table` name the table.
struct SetElement {
    uint8_t family = 0;
    std::string table, set;
    std::vector<uint8_t> key;
    std::vector<uint8_t> key_end; // the last key of an interval; empty where the element is one key
    std::vector<uint8_t> data;    // the value in a map; empty in a set
    std::string chain;            // the value in a map of verdicts: the chain to go to
};

struct ElementChange {
    SetElement element;
    bool add = true;
};

// For NetlinkSocket::batch().
NetlinkMessage element_message(const ElementChange &change);

// For NetlinkSocket::batch(): adds a rule to the end of a chain of an inet table, by which packets go to the queue
// `number`, and are dropped where nobody has that queue. It is the target NFQUEUE of iptables, for kernels without the
// expression `queue` of nft (CONFIG_NFT_QUEUE).
NetlinkMessage queue_rule_message(const std::string &table, const std::string &chain, uint16_t number);

struct CountedElement {
    std::string set;
    std::vector<uint8_t> key;
    uint64_t packets = 0;
};

// Appends all elements of the sets of an inet table, with their counters. `netlink` is of NETLINK_NETFILTER.
NetlinkAnswer dump_counters(NetlinkSocket &netlink, const std::string &table, const std::vector<std::string> &sets,
                            std::vector<CountedElement> *counted);

// Says whether there is a table: 0, -ENOENT or another negative errno.
int find_table(NetlinkSocket &netlink, uint8_t family, const std::string &table);
